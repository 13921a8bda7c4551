// Signing out as the specifications have it: find the revocation endpoint, revoke, and see that the access token is dead.
// As a command: node lib/signout.mjs '{"url":…,"clientId":…,"accessToken":…,"refreshToken":…}' prints { revoked, status, challenge }.
import { pathToFileURL } from 'node:url';

/** Revokes the refresh token (RFC 7009) and asks the MCP server once more with the access token. */
export async function signOut({ url, clientId, accessToken, refreshToken }) {
  const before = await ask(url, accessToken);
  if (before.status === 401) throw new Error('the access token was dead before the sign-out');
  const { revocation_endpoint: endpoint } = await authorizationServer(url);
  const body = new URLSearchParams({ token: refreshToken, token_type_hint: 'refresh_token', client_id: clientId });
  const revoked = await fetch(endpoint, { method: 'POST', body, signal: AbortSignal.timeout(10_000) });
  await revoked.text();
  return { revoked: revoked.status, ...(await ask(url, accessToken)) };
}

/** The authorization server's metadata, found from the MCP server's address alone (RFC 9728, RFC 8414). */
export async function authorizationServer(url) {
  const { challenge } = await ask(url, null);
  const resourceMetadata = /resource_metadata="([^"]+)"/.exec(challenge)?.[1];
  if (!resourceMetadata) throw new Error(`no resource_metadata in the 401: ${challenge}`);
  const { authorization_servers: [issuer] } = await json(resourceMetadata);
  const { origin, pathname } = new URL(issuer);
  return json(`${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`);
}

async function json(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}

/** One request to the MCP server, with or without a token. */
async function ask(url, token) {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  if (token) headers.authorization = `Bearer ${token}`;
  const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'e2e sign-out', version: '0' } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize });
  const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(10_000) });
  await response.text();
  return { status: response.status, challenge: response.headers.get('www-authenticate') ?? '' };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.stdout.write(`${JSON.stringify(await signOut(JSON.parse(process.argv[2])))}\n`);
}
