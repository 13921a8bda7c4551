// A loopback proxy that adds an access token: for programs that cannot sign in. It changes nothing but its own address, and buffers nothing.
import { createServer, request } from 'node:http';

/** Stands in front of `target`; `url` is the address to use instead of it. */
export async function startShim(target, token) {
  const { hostname, port, host, origin, pathname } = new URL(target);
  let own = '';
  const readdress = (name, value) => {
    if (name.toLowerCase() === 'host' && value === own) return host;
    return name.toLowerCase() === 'origin' && value === `http://${own}` ? origin : value;
  };
  const server = createServer((asked, answer) => {
    const headers = [...pairs(asked.rawHeaders)].map(([name, value]) => [name, readdress(name, value)]);
    const forwarded = request({ hostname, port, path: asked.url, method: asked.method, headers: [...headers, ['Authorization', `Bearer ${token}`]].flat() });
    forwarded.on('response', (response) => {
      answer.writeHead(response.statusCode, response.rawHeaders);
      answer.flushHeaders();
      response.pipe(answer);
    });
    forwarded.on('error', () => answer.destroy());
    answer.on('close', () => forwarded.destroy());
    asked.pipe(forwarded);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  own = `127.0.0.1:${server.address().port}`;
  return { url: `http://${own}${pathname}`, stop: () => { server.closeAllConnections(); server.close(); } };
}

function* pairs(raw) {
  for (let at = 0; at < raw.length; at += 2) yield [raw[at], raw[at + 1]];
}
