// What a client writes about its own identity must never arrive: raw sockets against a running Doorward, a recorder behind it.
import { connect } from 'node:net';
import { startInstallation } from '../lib/doorward.mjs';
import { tokensFor } from '../lib/oauth.mjs';
import { startRecorder } from '../lib/recorder.mjs';

const EVIL = 'evil-7f3a';
const IDENTITY = [
  'X-Auth-Request-User', 'X-Auth-Request-Email', 'X-Auth-Request-Groups', 'X-Auth-Request-Preferred-Username', 'X-Auth-Request-Access-Token',
  'X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Groups', 'X-Forwarded-Preferred-Username', 'X-Forwarded-Access-Token',
  'X-Doorward-Identity', 'X-Doorward-User', 'Remote-User', 'X-Remote-User',
];
const spell = (name, change) => [`${change(name)}: ${EVIL}`];

/** Each attack: its name and the raw header lines that it adds. */
const attacks = [
  ...IDENTITY.map((name) => [name, spell(name, (plain) => plain)]),
  ...IDENTITY.slice(0, 4).map((name) => [`${name} in lower case`, spell(name, (plain) => plain.toLowerCase())]),
  ...IDENTITY.slice(0, 4).map((name) => [`${name} with underscores`, spell(name, (plain) => plain.replaceAll('-', '_'))]),
  ['mixed hyphen and underscore', [`X-Auth_Request-User: ${EVIL}`]],
  ['upper case with underscores', [`X_DOORWARD_IDENTITY: ${EVIL}`]],
  ['alternating case', [`x-AuTh-ReQuEsT-uSeR: ${EVIL}`]],
  ['dots for hyphens', [`X.Auth.Request.User: ${EVIL}`]],
  ['a space before the colon', [`X-Auth-Request-User : ${EVIL}`]],
  ['a tab before the colon', [`X-Auth-Request-User\t: ${EVIL}`]],
  ['a folded line', ['X-Harmless: a', ` X-Auth-Request-User: ${EVIL}`]],
  ['a folded value', ['X-Auth-Request-User:', ` ${EVIL}`]],
  ['a bare carriage return', [`X-Harmless: a\rX-Auth-Request-User: ${EVIL}`]],
  ['a bare line feed', [`X-Harmless: a\nX-Auth-Request-User: ${EVIL}`]],
  ['a zero byte in the name', [`X-Auth-Request-User\0: ${EVIL}`]],
  ['a leading space', [` X-Auth-Request-User: ${EVIL}`]],
  ['twice', [`X-Auth-Request-Email: ${EVIL}`, `X-Auth-Request-Email: ${EVIL}2`]],
  ['named in Connection', ['Connection: X-Auth-Request-User', `X-Auth-Request-User: ${EVIL}`]],
  ['our own header named in Connection', ['Connection: X-Doorward-Identity, X-Auth-Request-User, X-Auth-Request-Email']],
  ['Cookie', [`Cookie: session=${EVIL}`]],
  ['cookie twice', [`cookie: a=${EVIL}`, `COOKIE: b=${EVIL}`]],
  ['Cookie2', [`Cookie2: ${EVIL}`]],
  ['a second Authorization', [`Authorization: Bearer ${EVIL}`]],
  ['Authorization with an underscore', [`Author_ization: ${EVIL}`]],
  ['Proxy-Authorization', [`Proxy-Authorization: Basic ${EVIL}`]],
  ['X-Forwarded-Authorization', [`X-Forwarded-Authorization: Bearer ${EVIL}`]],
  ['X-Original-Authorization', [`X-Original-Authorization: Bearer ${EVIL}`]],
  ['Authorization named in Connection', ['Connection: Authorization']],
];

export async function headersSuite({ programs, work, check }) {
  const recorder = await startRecorder();
  const installation = await startInstallation({ programs, work, upstreams: { recorder: { url: recorder.url } } });
  const url = `${installation.publicUrl}/recorder/mcp`;
  const { accessToken } = await tokensFor(url, { user: 'alice', idp: 'ssp' });
  const attack = async (lines, options) => {
    recorder.received.length = 0;
    const status = await send(installation, accessToken, lines, options);
    return { status, seen: recorder.received.join('\n') };
  };

  await check('a plain call arrives, with the identity that Doorward sets', async () => {
    const { status, seen } = await attack(['X-Harmless: a']);
    if (status !== 200 || seen === '') throw new Error(`answered ${status}, the recorder saw: ${seen}`);
    mustIdentify(seen);
    mustNotLeak(seen, accessToken);
  });
  for (const [name, lines] of attacks) {
    await check(name, async () => {
      const { status, seen } = await attack(lines);
      if (status >= 500 || status < 200) throw new Error(`answered ${status}`);
      mustNotLeak(seen, accessToken);
      if (seen !== '') mustIdentify(seen);
      return seen === '' ? `refused with ${status}` : 'removed';
    });
  }
  await check('in the trailers of a chunked body', async () => {
    const { status, seen } = await attack(['Trailer: X-Auth-Request-User'], { trailers: [`X-Auth-Request-User: ${EVIL}`] });
    mustNotLeak(seen, accessToken);
    return seen === '' ? `refused with ${status}` : 'removed';
  });
  recorder.stop();
}

function mustNotLeak(seen, accessToken) {
  if (seen.includes(EVIL)) throw new Error(`arrived:\n${head(seen)}`);
  if (seen.includes(accessToken)) throw new Error('the access token of the client arrived');
  const names = head(seen).split('\r\n').map((line) => line.split(':')[0].trim().toLowerCase());
  const forbidden = names.filter((name) => ['authorization', 'cookie', 'proxy-authorization'].includes(name));
  if (forbidden.length > 0) throw new Error(`arrived: ${forbidden.join(', ')}`);
}

function mustIdentify(seen) {
  const values = (name) => head(seen).split('\r\n').filter((line) => line.toLowerCase().startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
  if (values('x-auth-request-email').join() !== 'alice@example.com') throw new Error(`x-auth-request-email: ${values('x-auth-request-email')}\n${head(seen)}`);
  if (values('x-doorward-identity').length !== 1) throw new Error(`x-doorward-identity stands ${values('x-doorward-identity').length} times`);
}

const head = (seen) => seen.split('\r\n\r\n')[0];

/** One raw request with the given extra header lines; gives the status of the answer, 0 when the connection was closed without one. */
function send({ port }, accessToken, lines, { trailers = null } = {}) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'probe', arguments: {} } });
  const framing = trailers === null ? [`Content-Length: ${body.length}`] : ['Transfer-Encoding: chunked'];
  const request = [
    'POST /recorder/mcp HTTP/1.1', `Host: localhost:${port}`, `Authorization: Bearer ${accessToken}`, 'Content-Type: application/json',
    'Accept: application/json, text/event-stream', 'MCP-Protocol-Version: 2025-06-18', ...framing, ...lines, '', '',
  ].join('\r\n');
  const chunked = trailers === null ? body : `${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailers.join('\r\n')}\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const finish = () => { socket.destroy(); resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)); };
    socket.setTimeout(15_000, () => { socket.destroy(); reject(new Error(`no answer within 15 s: ${answer}`)); });
    socket.on('data', (chunk) => { answer += chunk.toString('latin1'); if (/\r\n\r\n/.test(answer)) finish(); });
    socket.on('end', finish);
    socket.on('error', (error) => (error.code === 'ECONNRESET' ? finish() : reject(error)));
    socket.write(Buffer.from(request + chunked, 'latin1'));
  });
}
