// Just enough of an MCP client (2025-11-25, Streamable HTTP) to ask one server a few things with a token.

const VERSION = '2025-11-25';

/** Initializes a session; gives a function that sends a request and gives its result. */
export async function mcpSession(url, token) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  let id = 0;
  const post = async (message) => {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }), signal: AbortSignal.timeout(10_000) });
    const body = await response.text();
    if (!response.ok) throw new Error(`${message.method} answered ${response.status}: ${body.slice(0, 300)}`);
    return { response, body };
  };
  const ask = async (method, params) => {
    const { response, body } = await post({ id: (id += 1), method, params });
    const messages = body.startsWith('{') ? [body] : [...body.matchAll(/^data: ?(\{.*)$/gm)].map(([, data]) => data);
    const answer = messages.map((message) => JSON.parse(message)).find((message) => message.id === id);
    if (answer?.result === undefined) throw new Error(`${method} answered ${body.slice(0, 300)}`);
    return { response, result: answer.result };
  };
  const { response } = await ask('initialize', { protocolVersion: VERSION, capabilities: {}, clientInfo: { name: 'e2e', version: '0' } });
  const session = response.headers.get('mcp-session-id');
  Object.assign(headers, { 'mcp-protocol-version': VERSION }, session ? { 'mcp-session-id': session } : {});
  await post({ method: 'notifications/initialized' });
  return async (method, params) => (await ask(method, params)).result;
}
