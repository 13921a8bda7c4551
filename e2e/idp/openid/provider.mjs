// A certified OpenID provider (npm oidc-provider) as a company's IdP: code + PKCE, groups in the ID token, any password.
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const { E2E_OP_URL: issuer, E2E_OP_CLIENT_ID: clientId, E2E_OP_CLIENT_SECRET: clientSecret, E2E_OP_REDIRECT_URI: redirectUri } = process.env;

const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const people = {
  alice: { email: 'alice@example.com', name: 'Alice Åberg & Söner', groups: ['engineering', 'everyone'] },
  bob: { email: 'bob@example.com', name: 'Bob', groups: ['contractors', 'everyone'] },
  carol: { email: 'carol@example.com', name: 'Carol', groups: ['sales', 'everyone'] },
};

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...jwk, kid: 'op-1', use: 'sig', alg: 'RS256' }] },
  clients: [{
    client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  }],
  scopes: ['openid', 'offline_access', 'email', 'profile', 'groups'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
  conformIdTokenClaims: false, // the claims of the scopes stand in the ID token, as Okta and Entra do it
  findAccount: (_context, id) => (people[id] === undefined ? undefined : {
    accountId: id,
    claims: async () => ({ sub: id, preferred_username: id, email_verified: true, ...people[id] }),
  }),
  cookies: { keys: ['only-for-tests-on-loopback'] },
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  ttl: { Session: 3600, Grant: 3600, Interaction: 600, IdToken: 3600, AccessToken: 300, RefreshToken: 3600 },
  pkce: { required: () => true },
});
provider.on('server_error', (_context, error) => console.error('server_error', error));
provider.listen(Number(new URL(issuer).port), '127.0.0.1', () => console.log(`ready ${issuer}`));
