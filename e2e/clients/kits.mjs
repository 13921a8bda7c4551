// The two TypeScript packages, as far as they differ: what is imported, what a client is made with, and what finishes an authorization.
export const kits = {
  async sdk() {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    return { Client, StreamableHTTPClientTransport, options: {}, finish: (transport, callback) => transport.finishAuth(callback.searchParams.get('code')) };
  },
  async client() {
    const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    const options = { versionNegotiation: { mode: 'auto' } };
    return { Client, StreamableHTTPClientTransport, options, finish: (transport, callback) => transport.finishAuth(callback.searchParams) };
  },
};
