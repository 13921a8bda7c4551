// A minimal OAuth client for the checks that need a token, not an SDK.
import { createHash, randomBytes } from 'node:crypto';
import { Browser, signIn } from './browser.mjs';
import { authorizationServer } from './signout.mjs';

const REDIRECT = 'http://127.0.0.1:9/callback';

/** Registers a client and makes the address that it would open in a browser. */
export async function beginAuthorization(url, { name = 'e2e check', redirectUri = REDIRECT } = {}) {
  const server = await authorizationServer(url);
  const registration = { client_name: name, redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' };
  const registered = await fetch(server.registration_endpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(registration) });
  const { client_id: clientId, ...rest } = await registered.json();
  if (!clientId) throw new Error(`registration answered ${registered.status}: ${JSON.stringify(rest)}`);
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    response_type: 'code', client_id: clientId, redirect_uri: redirectUri, resource: url, scope: 'mcp', state: randomBytes(8).toString('hex'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  });
  return { server, clientId, verifier, redirectUri, resource: url, authorizationUrl: `${server.authorization_endpoint}?${query}` };
}

/** Exchanges the code of a callback. Gives status and body, also of a refusal. */
export async function redeem({ server, clientId, verifier, redirectUri, resource }, callback) {
  const code = new URL(callback).searchParams.get('code');
  const body = new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: redirectUri, client_id: clientId, code_verifier: verifier, resource });
  const response = await fetch(server.token_endpoint, { method: 'POST', body });
  return { status: response.status, body: await response.json() };
}

/** From nothing to tokens for one person at one MCP server. */
export async function tokensFor(url, { user, idp, password, browser = new Browser() }) {
  const begun = await beginAuthorization(url);
  const { callback } = await signIn({ url: begun.authorizationUrl, user, idp, password, stopAt: REDIRECT, browser });
  const { status, body } = await redeem(begun, callback);
  if (status !== 200) throw new Error(`the token endpoint answered ${status}: ${JSON.stringify(body)}`);
  return { ...begun, accessToken: body.access_token, refreshToken: body.refresh_token };
}
