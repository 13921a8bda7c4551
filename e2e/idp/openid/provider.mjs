// A certified OpenID provider (npm oidc-provider) as a company's IdP: code + PKCE, groups in the ID token or in userinfo, any password.
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';
import { people } from '../people.mjs';

// What the company changes while everything runs: `{"alice": {"groups": […]}}`, read anew at every sign-in and refresh.
const changes = () => (existsSync(changesFile ?? '') ? JSON.parse(readFileSync(changesFile, 'utf8')) : {});

const { E2E_OP_CHANGES: changesFile, E2E_OP_CLIENTS: more, E2E_OP_CLAIMS_IN: claimsIn, E2E_OP_URL: issuer, E2E_OP_CLIENT_ID: clientId, E2E_OP_CLIENT_SECRET: clientSecret, E2E_OP_REDIRECT_URI: redirectUri } = process.env;

const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const claimsOf = (id, { email, name, groups }) => ({ sub: id, preferred_username: id, email_verified: true, email, name, groups, ...changes()[id] });

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...jwk, kid: 'op-1', use: 'sig', alg: 'RS256' }] },
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }, ...JSON.parse(more ?? '[]')]
    .map((client) => ({ grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], ...client })),
  scopes: ['openid', 'offline_access', 'email', 'profile', 'groups'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups', 'oid', '_claim_names', '_claim_sources'] },
  conformIdTokenClaims: claimsIn === 'userinfo', // else the claims of the scopes stand in the ID token, as Okta and Entra do it
  findAccount: (_context, id) => (people[id] === undefined ? undefined : { accountId: id, claims: async () => claimsOf(id, people[id]) }),
  cookies: { keys: ['only-for-tests-on-loopback'] },
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'],
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true }, backchannelLogout: { enabled: true } },
  fetch: (url, { dispatcher, ...options }) => fetch(url, options), // its own guard lets nothing reach loopback, where Doorward is
  ttl: { Session: 3600, Grant: 3600, Interaction: 600, IdToken: 3600, AccessToken: 300, RefreshToken: 3600 },
  pkce: { required: () => true },
  issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'), // also without the consent that it wants for offline_access
});
// It takes the secret from header and body alike; here a client keeps to the method that it is registered with.
provider.use(async (context, next) => {
  await next();
  const { client, body } = context.oidc ?? {};
  if (context.path !== '/token' || client === undefined) return;
  const inBody = body.client_assertion ? 'jwt' : body.client_secret && 'client_secret_post';
  const used = context.headers.authorization ? 'client_secret_basic' : inBody ?? 'none';
  if (!client.clientAuthMethod.endsWith(used)) [context.status, context.body] = [401, { error: 'invalid_client', error_description: `registered for ${client.clientAuthMethod}` }];
});
provider.on('server_error', (_context, error) => console.error('server_error', error));
provider.listen(Number(new URL(issuer).port), '127.0.0.1', () => console.log(`ready ${issuer}`));
