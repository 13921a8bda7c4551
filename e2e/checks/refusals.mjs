// Bad input against the running binary: each case has the exact status and code it must get, and nothing may be lost by it.
import { request } from 'node:http';
import { createServer } from 'node:net';
import { Browser, signIn } from '../lib/browser.mjs';
import { auditTrail, startInstallation } from '../lib/doorward.mjs';
import { beginAuthorization, redeem, tokensFor } from '../lib/oauth.mjs';
import { freePort } from '../lib/process.mjs';

const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } };

export async function refusalsSuite({ programs, work, check }) {
  const slow = await rawServer(() => {});
  const garbage = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"not": j'));
  const down = { url: `http://127.0.0.1:${await freePort()}/mcp` };
  const upstreams = { down, slow: { url: slow.url, timeout: '1s' }, garbage: { url: garbage.url } };
  const installation = await startInstallation({ programs, work, upstreams });
  const at = (upstream) => `${installation.publicUrl}/${upstream}/mcp`;
  const alice = { user: 'alice', idp: 'op' };
  const tokens = await tokensFor(at('fixture'), alice);
  const bearer = (token) => ({ authorization: `Bearer ${token}` });

  await tokenCases(check, { at, tokens, bearer });
  await bodyCases(check, { at, tokens, bearer });
  for (const [upstream, status, code] of [['down', 502, 'proxy.upstream_unreachable'], ['slow', 504, 'proxy.upstream_timeout'], ['garbage', 502, 'proxy.upstream_invalid_reply']]) {
    await check(`an upstream that is ${upstream}`, async () => {
      const { accessToken } = await tokensFor(at(upstream), alice);
      await must(post(at(upstream), bearer(accessToken), JSON.stringify(CALL)), status, code);
    });
  }
  await grantCases(check, { at, alice });
  await signInCases(check, installation, at);
  await check('every refusal stands in the audit trail with its code', async () => {
    const codes = new Set((await auditTrail(installation)).map((event) => event.code));
    const wanted = ['proxy.token_invalid', 'proxy.upstream_unreachable', 'proxy.upstream_timeout', 'login.cookie_missing', 'authserver.code_replayed'];
    const missing = wanted.filter((code) => !codes.has(code));
    if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}; there are: ${[...codes].join(', ')}`);
  });
  slow.stop();
  garbage.stop();
}

async function tokenCases(check, { at, tokens, bearer }) {
  const [header, payload, signature] = tokens.accessToken.split('.');
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const cases = {
    'no token': ['fixture', {}, 'proxy.token_missing'],
    'a token of another upstream': ['everything', bearer(tokens.accessToken), 'proxy.token_invalid'],
    'a token with alg none': ['fixture', bearer(`${encode({ alg: 'none', typ: 'at+jwt' })}.${payload}.`), 'proxy.token_invalid'],
    'a token with another subject': ['fixture', bearer(`${header}.${encode({ ...claims, sub: 'usr_someone-else' })}.${signature}`), 'proxy.token_invalid'],
    'a token that is no token': ['fixture', bearer('not-a-token'), 'proxy.token_invalid'],
    'the refresh token': ['fixture', bearer(tokens.refreshToken), 'proxy.token_invalid'],
    'Basic instead of Bearer': ['fixture', { authorization: 'Basic YTpi' }, 'proxy.token_malformed'],
  };
  for (const [name, [upstream, headers, code]] of Object.entries(cases)) {
    await check(name, async () => {
      const { headers: answered } = await must(post(at(upstream), headers, JSON.stringify(CALL)), 401, code);
      const challenge = answered.get('www-authenticate') ?? '';
      if (!challenge.includes(`resource_metadata="`)) throw new Error(`the challenge is ${challenge}`);
    });
  }
}

async function bodyCases(check, { at, tokens, bearer }) {
  const cases = {
    'a body that is not JSON': ['{', 'mcp.invalid_json'],
    'a batch': [JSON.stringify([CALL]), 'mcp.batch_not_supported'],
    'a body that is not JSON-RPC': ['{"hello":1}', 'mcp.unknown_member'],
    'another version of JSON-RPC': [JSON.stringify({ ...CALL, jsonrpc: '1.0' }), 'mcp.not_jsonrpc'],
    'a tool named twice': ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","name":"delete_note","arguments":{"number":0}}}', 'mcp.duplicate_member'],
    'a member in another case': ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","Name":"delete_note","arguments":{}}}', 'mcp.lookalike_member'],
    'a very deep body': [JSON.stringify({ ...CALL, params: { name: 'whoami', arguments: JSON.parse(`${'{"a":'.repeat(500)}1${'}'.repeat(500)}`) } }), 'mcp.too_deep'],
  };
  for (const [name, [body, code]] of Object.entries(cases)) {
    await check(name, () => must(post(at('fixture'), bearer(tokens.accessToken), body), 400, code));
  }
  await check('a body that is said to be too large: refused before it is sent', async () => {
    const { status, text } = await announce(at('fixture'), bearer(tokens.accessToken), 5 << 20);
    if (status !== 413 || !text.includes('too_large')) throw new Error(`${status} ${text}`);
  });
}

async function grantCases(check, { at, alice }) {
  await check('a code that is used twice: refused, and its tokens die', async () => {
    const begun = await beginAuthorization(at('fixture'));
    const { callback } = await signIn({ url: begun.authorizationUrl, ...alice, stopAt: begun.redirectUri });
    const first = await redeem(begun, callback);
    const second = await redeem(begun, callback);
    if (first.status !== 200 || second.status !== 400 || second.body.error !== 'invalid_grant') throw new Error(JSON.stringify([first.status, second]));
    await must(post(at('fixture'), { authorization: `Bearer ${first.body.access_token}` }, JSON.stringify(CALL)), 401, 'proxy.token_revoked');
  });
  await check('a code with another verifier', async () => {
    const begun = await beginAuthorization(at('fixture'));
    const { callback } = await signIn({ url: begun.authorizationUrl, ...alice, stopAt: begun.redirectUri });
    const { status, body } = await redeem({ ...begun, verifier: 'x'.repeat(43) }, callback);
    if (status !== 400 || body.error !== 'invalid_grant') throw new Error(`${status} ${JSON.stringify(body)}`);
  });
  await check('an unknown redirect address: a page, not a redirect', async () => {
    const { authorizationUrl, redirectUri } = await beginAuthorization(at('fixture'));
    const other = authorizationUrl.replace(encodeURIComponent(redirectUri), encodeURIComponent('https://evil.example/'));
    const answer = await fetch(other, { redirect: 'manual' });
    if (answer.status !== 400 || answer.headers.has('location')) throw new Error(`${answer.status} ${answer.headers.get('location')}`);
  });
  await check('no PKCE: the client is told, and gets no code', async () => {
    const { authorizationUrl, redirectUri } = await beginAuthorization(at('fixture'));
    const url = new URL(authorizationUrl);
    for (const name of ['code_challenge', 'code_challenge_method']) url.searchParams.delete(name);
    const location = (await fetch(url, { redirect: 'manual' })).headers.get('location') ?? '';
    if (!location.startsWith(redirectUri) || new URL(location).searchParams.get('error') !== 'invalid_request') throw new Error(location);
  });
}

async function signInCases(check, { publicUrl, op }, at) {
  await check("a callback with another browser's state", async () => {
    const { authorizationUrl } = await beginAuthorization(at('fixture'));
    const stopAt = `${publicUrl}/login/oidc/op/callback`;
    const { callback } = await signIn({ url: authorizationUrl, user: 'alice', idp: 'op', stopAt });
    await mustShow(await new Browser().open(callback), 'login.cookie_missing');
  });
  await check('a SAML response that is posted again', async () => {
    const { authorizationUrl, redirectUri } = await beginAuthorization(at('fixture'));
    const browser = new Browser();
    const posted = [];
    const open = browser.open.bind(browser);
    browser.open = (url, options = {}) => {
      if (new URL(url).pathname === '/login/saml/ssp/acs') posted.push({ url, options });
      return open(url, options);
    };
    await signIn({ url: authorizationUrl, user: 'alice', idp: 'ssp', stopAt: redirectUri, browser });
    const last = posted.at(-1);
    await mustShow(await open(last.url, { ...last.options, stopAt: null }), /saml\.replayed|login\./);
  });
  await check("a SAML response at another person's browser", async () => {
    const { authorizationUrl } = await beginAuthorization(at('fixture'));
    const acs = `${publicUrl}/login/saml/ssp/acs`;
    const { posted } = await signIn({ url: authorizationUrl, user: 'alice', idp: 'ssp', stopAt: acs });
    const body = `${posted}&again=1`;
    await mustShow(await new Browser().open(acs, { method: 'POST', body, from: new URL(publicUrl) }), 'login.cookie_missing');
  });
  await check('an error of the identity provider is shown, with who can mend it', async () => {
    const page = await new Browser().open(`${publicUrl}/login/oidc/op/callback?error=access_denied&state=unknown&iss=${encodeURIComponent(op.issuer)}`);
    await mustShow(page, /login\.|oidc\./);
  });
}

const post = (url, headers, body) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers }, body, signal: AbortSignal.timeout(20_000) });

async function must(asked, status, code) {
  const response = await asked;
  const text = await response.text();
  if (response.status !== status || !text.includes(code)) throw new Error(`expected ${status} ${code}, got ${response.status} ${text.slice(0, 300)}`);
  return response;
}

async function mustShow(page, wanted) {
  const holds = wanted instanceof RegExp ? wanted.test(page.html) : page.html.includes(wanted);
  if (page.status < 400 || !holds || !/req_[0-9a-zA-Z]+/.test(page.html)) throw new Error(`expected a page with ${wanted} and a request id, got ${page.status} ${page.html.replace(/<style>[^]*?<\/style>/, '').slice(0, 900)}`);
}

/** Sends the head of a request with a body of `length` bytes, but not the body. */
function announce(url, headers, length) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': length, ...headers } });
    asked.setTimeout(15_000, () => asked.destroy(new Error('no answer within 15 s')));
    asked.on('error', reject);
    asked.on('response', async (response) => {
      const chunks = await response.toArray();
      asked.destroy();
      resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() });
    });
    asked.flushHeaders();
  });
}

/** A server that does with each connection what `answer` says, once it has sent something. */
async function rawServer(answer) {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, stop: () => server.close() };
}
