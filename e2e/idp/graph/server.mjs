// A STAND-IN for Microsoft Graph and for Entra's token endpoint, written for these tests: the two calls that resolve a group overage, and nothing else. It is
// not Graph; it answers as Graph's documentation says.
import { createServer } from 'node:http';

const { E2E_GRAPH_PORT: port, E2E_GRAPH_MEMBERS: members } = process.env;
const memberships = JSON.parse(members);
const TENANT = 'contoso';
const CLIENT = { id: 'graph-client', secret: 'only-for-tests-on-loopback-graph' };
const TOKEN = 'the-token-of-the-application';

const body = async (request) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
};

createServer(async (request, response) => {
  const answer = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const { pathname } = new URL(request.url, `http://127.0.0.1:${port}`);
  const sent = await body(request);
  console.log(`${request.method} ${pathname}`);
  if (pathname === `/${TENANT}/oauth2/v2.0/token`) {
    const form = new URLSearchParams(sent);
    const isUs = form.get('client_id') === CLIENT.id && form.get('client_secret') === CLIENT.secret && form.get('grant_type') === 'client_credentials';
    const scope = form.get('scope') === `http://127.0.0.1:${port}/.default`;
    return isUs && scope ? answer(200, { token_type: 'Bearer', expires_in: 3599, access_token: TOKEN }) : answer(401, { error: 'invalid_client', error_description: 'AADSTS7000215' });
  }
  const person = /^\/v1\.0\/users\/([^/]+)\/getMemberObjects$/.exec(pathname)?.[1];
  if (person === undefined || request.method !== 'POST') return answer(404, { error: { code: 'BadRequest', message: 'no such call in this stand-in' } });
  if (request.headers.authorization !== `Bearer ${TOKEN}`) return answer(401, { error: { code: 'InvalidAuthenticationToken', message: 'no' } });
  if (memberships[person] === undefined) return answer(403, { error: { code: 'Authorization_RequestDenied', message: 'Insufficient privileges to complete the operation.' } });
  return answer(200, { value: memberships[person] });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
