// The counterparts without Doorward: each identity provider signs each person in by script. When this fails, nothing else can work.
import { createHash, randomBytes } from 'node:crypto';
import { signIn } from '../lib/browser.mjs';
import { startOpenIdProvider, startSimpleSamlPhp } from '../lib/idps.mjs';

const people = { alice: 'engineering', bob: 'contractors', carol: 'sales' };

export async function counterparts({ programs, work, check }) {
  const acs = 'http://127.0.0.1:9/acs';
  const ssp = await startSimpleSamlPhp(programs, `${work}/simplesamlphp`);
  ssp.tell({ entityId: 'https://sp.test/metadata', acs, certificate: '' });
  const callback = 'http://127.0.0.1:9/callback';
  const op = await startOpenIdProvider(programs, callback);
  for (const [user, group] of Object.entries(people)) {
    await check(`SimpleSAMLphp signs ${user} in`, async () => {
      const url = `${ssp.url}/simplesaml/saml2/idp/SSOService.php?spentityid=${encodeURIComponent('https://sp.test/metadata')}`;
      const assertion = await postedAssertion(url, user, acs);
      if (!assertion.includes(`>${group}<`)) throw new Error(`no group ${group} in ${assertion}`);
    });
    await check(`oidc-provider signs ${user} in`, async () => {
      const claims = await idTokenClaims(op, user, callback);
      if (!claims.groups?.includes(group)) throw new Error(`no group ${group} in ${JSON.stringify(claims)}`);
    });
  }
}

async function postedAssertion(url, user, acs) {
  const { posted } = await signIn({ url, user, stopAt: acs });
  return Buffer.from(new URLSearchParams(posted).get('SAMLResponse'), 'base64').toString();
}

async function idTokenClaims(op, user, callback) {
  const verifier = randomBytes(32).toString('base64url');
  const discovered = await (await fetch(`${op.issuer}/.well-known/openid-configuration`)).json();
  const query = new URLSearchParams({
    client_id: op.client.id, response_type: 'code', redirect_uri: callback, scope: 'openid profile email groups', state: 's', nonce: 'n',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  });
  const { callback: reached } = await signIn({ url: `${discovered.authorization_endpoint}?${query}`, user, stopAt: callback });
  const response = await fetch(discovered.token_endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${op.client.id}:${op.client.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'authorization_code', code: new URL(reached).searchParams.get('code'), redirect_uri: callback, code_verifier: verifier }),
  });
  const { id_token: idToken } = await response.json();
  return JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url'));
}
