// An MCP server that keeps every byte it is sent, and answers any request with the same JSON-RPC result.
import { createServer } from 'node:net';

export async function startRecorder() {
  const received = [];
  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (let request = complete(bytes); request !== null; request = complete(bytes)) {
        received.push(bytes.subarray(0, request.length).toString('latin1'));
        bytes = bytes.subarray(request.length);
        socket.write(reply(request.id));
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, received, stop: () => server.close() };
}

/** The first whole request of `bytes`, or null. */
function complete(bytes) {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = text.slice(0, end);
  const body = text.slice(end + 4);
  if (/^transfer-encoding:\s*chunked/im.test(head)) {
    const last = /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(body);
    return last === null ? null : { length: end + 4 + last.index + last[0].length, id: idOf(body) };
  }
  const length = Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
  return body.length < length ? null : { length: end + 4 + length, id: idOf(body) };
}

const idOf = (body) => Number(/"id"\s*:\s*(\d+)/.exec(body)?.[1] ?? 0);

function reply(id) {
  const result = { tools: [{ name: 'probe', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }], content: [{ type: 'text', text: 'recorded' }] };
  const body = JSON.stringify({ jsonrpc: '2.0', id, result });
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
