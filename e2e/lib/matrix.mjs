// The installation of the sign-in matrix: every identity provider, and gateways that trust them.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { startDoorward, startFixture } from './doorward.mjs';
import { makeCertificate, startOpenIdProvider, startSimpleSamlPhp } from './idps.mjs';
import { Programs, freePort } from './process.mjs';
import { startLemonLdap, startPysaml2, startSamlIdp, startSamlp } from './saml_idps.mjs';

const NAMES = { groups_attribute: 'groups', username_attribute: 'uid', email_attribute: 'mail', name_attribute: 'displayName' };
const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';
const TRANSIENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';
const SECRET = 'only-for-tests-on-loopback-0123456789';

const scopes = ['openid', 'profile', 'email', 'groups'];

export const samlpVariants = ['signed-assertion', 'signed-response', 'signed-both', 'encrypted-gcm', 'encrypted-cbc', 'encrypted-cbc-signed-response', 'sha1'];
export const pysaml2Variants = ['signed-assertion', 'signed-response', 'signed-both', 'encrypted-3des', 'encrypted-gcm'];

const local = (port) => `http://127.0.0.1:${port}`;
const saml = (metadata, more = {}) => ({ saml: { metadata, ...NAMES, ...more } });
const oidc = (issuer, clientId, more = {}) => ({ oidc: { issuer, client_id: clientId, client_secret: SECRET, ...more } });

/** What the gateway of most rows is configured with. The ids are those of the rows. */
function identityProviders(ports, work) {
  const ssp = `${local(ports.ssp)}/simplesaml/saml2/idp/metadata.php`;
  const each = (name, variants) => variants.map((variant) => [`${name}-${variant}`, saml(`${local(ports[name])}/${variant}/metadata`)]);
  return {
    ssp: saml(ssp),
    'ssp-metadata-signed': saml(ssp, { metadata_signing_certificate: `${work}/simplesamlphp/cert/idp.crt` }),
    'ssp-metadata-of-another': saml(ssp, { metadata_signing_certificate: `${work}/another/idp.crt` }),
    'ssp-unsigned': saml(ssp, { sign_requests: false }),
    'ssp-post': saml(ssp, { request_binding: 'post' }),
    'ssp-force': saml(ssp, { force_authn: true }),
    'ssp-persistent': saml(ssp, { name_id_format: PERSISTENT }),
    'ssp-transient': saml(ssp, { name_id_format: TRANSIENT }),
    ...Object.fromEntries([...each('samlp', samlpVariants), ...each('pysaml2', pysaml2Variants)]),
    'saml-idp-signed': saml(`${local(ports.samlIdp)}/metadata`),
    'saml-idp-encrypted': saml(`${local(ports.samlIdpEncrypted)}/metadata`),
    llng: saml(`${local(ports.llng)}/saml/metadata`),
    'llng-id-token': oidc(local(ports.llng), 'llng-id-token', { scopes, client_auth: 'client_secret_basic' }),
    'llng-userinfo': oidc(local(ports.llng), 'llng-userinfo', { scopes, client_auth: 'client_secret_post' }),
    'op-basic': oidc(local(ports.op), 'op-basic', { scopes }),
    'op-post': oidc(local(ports.op), 'op-post', { scopes, client_auth: 'client_secret_post' }),
    'op-jwt': oidc(local(ports.op), 'op-jwt', { scopes, client_auth: 'client_secret_jwt' }),
    'op-key': oidc(local(ports.op), 'op-key', { scopes, client_auth: 'private_key_jwt', client_secret: undefined }),
    'op-userinfo': oidc(local(ports.opUserinfo), 'op-userinfo', { scopes }),
  };
}

/** One configuration: the fixture server, and a role for each group. */
function writeGateway({ work, port, idps, fixture }) {
  const data = `${work}/data`;
  mkdirSync(data, { recursive: true, mode: 0o700 });
  writeFileSync(`${data}/master.key`, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const publicUrl = `http://localhost:${port}`;
  const config = `${work}/doorward.yaml`;
  const settings = {
    public_url: publicUrl, listen: `127.0.0.1:${port}`, data_dir: data, identity_providers: idps, upstreams: { fixture: { url: fixture } },
    roles: { engineer: { groups: ['engineering'] }, contractor: { groups: ['contractors'] }, sales: { groups: ['sales'] } },
    grants: [
      { role: 'engineer', upstreams: ['fixture'], tools: ['*'] },
      { role: 'contractor', upstream: 'fixture', tools: ['*'], read_only: true },
      { role: 'sales', upstream: 'fixture', tools: ['whoami'] },
    ],
    denies: [{ role: 'engineer', upstream: 'fixture', tools: ['delete_*'] }],
  };
  writeFileSync(config, JSON.stringify(settings, null, 2)); // JSON is YAML
  return { publicUrl, config, work, entityId: `${publicUrl}/saml/metadata`, url: `${publicUrl}/fixture/mcp` };
}

/** Doorward's metadata for each SAML identity provider of a gateway. */
async function metadataOf({ publicUrl }, idps) {
  const read = async (id) => [id, await (await fetch(`${publicUrl}/saml/${id}/metadata`)).text()];
  return Object.fromEntries(await Promise.all(Object.keys(idps).filter((id) => idps[id].saml).map(read)));
}

/**
 * Starts everything. Three gateways, because LemonLDAP::NG keeps what it signs and encrypts with a service's entity id; SimpleSAMLphp does too, but
 * can be told anew. Each gateway runs once before, so that the identity providers can be given its metadata.
 */
export async function startMatrix({ programs, work }) {
  const names = ['main', 'second', 'third', 'ssp', 'llng', 'samlp', 'pysaml2', 'samlIdp', 'samlIdpEncrypted', 'op', 'opUserinfo'];
  const ports = {};
  for (const name of names) ports[name] = await freePort(); // one by one: a port that is free twice is still one port
  await Promise.all([makeCertificate(`${work}/simplesamlphp/cert`), makeCertificate(`${work}/another`)]);
  const fixture = await startFixture(programs);
  const all = { main: identityProviders(ports, work), second: { llng: saml(`${local(ports.llng)}/saml/metadata`) }, third: { llng: saml(`${local(ports.llng)}/saml/metadata`) } };
  const gateways = {};
  for (const [name, idps] of Object.entries(all)) gateways[name] = writeGateway({ work: `${work}/${name}`, port: ports[name], idps, fixture });
  const metadata = await firstRun(programs, gateways, all);
  const [ssp] = await Promise.all([startSimpleSamlPhp(programs, `${work}/simplesamlphp`, ports.ssp), ...startOthers({ programs, work, ports, gateways, metadata })]);
  await Promise.all(Object.entries(gateways).map(([name, { config, publicUrl }]) => startDoorward(programs, config, publicUrl, [], `doorward-${name}`)));
  const op = { issuer: local(ports.op), redirectUri: `${gateways.main.publicUrl}/login/oidc/op-basic/callback` };
  return { gateways, ssp, op, metadata: metadata.main };
}

async function firstRun(programs, gateways, all) {
  const first = new Programs(`${programs.logDirectory}/first`);
  try {
    const read = async ([name, gateway]) => {
      await startDoorward(first, gateway.config, gateway.publicUrl, [], `doorward-${name}`);
      return [name, await metadataOf(gateway, all[name])];
    };
    return Object.fromEntries(await Promise.all(Object.entries(gateways).map(read)));
  } finally {
    await first.stop();
  }
}

function startOthers({ programs, work, ports, gateways: { main }, metadata }) {
  const redirectUri = (id) => `${main.publicUrl}/login/oidc/${id}/callback`;
  const relyingParty = (id, claimsInIdToken) => ({ clientId: id, clientSecret: SECRET, redirectUri: redirectUri(id), claimsInIdToken });
  const client = (id, method, more = { client_secret: SECRET }) => ({
    client_id: id, redirect_uris: [redirectUri(id)], token_endpoint_auth_method: method, ...more,
    backchannel_logout_uri: `${main.publicUrl}/login/oidc/${id}/backchannel_logout`, backchannel_logout_session_required: true,
    post_logout_redirect_uris: [`${main.publicUrl}/logout/done`],
  });
  const opClients = [
    client('op-basic', 'client_secret_basic'), client('op-post', 'client_secret_post'), client('op-jwt', 'client_secret_jwt'),
    client('op-key', 'private_key_jwt', { jwks_uri: `${main.publicUrl}/login/oidc/op-key/jwks.json` }),
  ];
  const ofPysaml2 = Object.fromEntries(pysaml2Variants.map((variant) => [variant, metadata.main[`pysaml2-${variant}`]]));
  const samlIdp = (id) => ({ work: `${work}/${id}`, metadata: metadata.main[id], entityId: main.entityId, acs: `${main.publicUrl}/login/saml/${id}/acs` });
  return [
    startLemonLdap(programs, {
      port: ports.llng, work: `${work}/lemonldap`,
      saml: { both: { metadata: metadata.main.llng }, assertion: { metadata: metadata.second.llng, signResponse: false }, encrypted: { metadata: metadata.third.llng, encrypt: true } },
      openid: { 'llng-id-token': relyingParty('llng-id-token', true), 'llng-userinfo': relyingParty('llng-userinfo', false) },
    }),
    startSamlp(programs, { port: ports.samlp, work: `${work}/samlp`, metadata: metadata.main['samlp-signed-both'] }),
    startSamlIdp(programs, { port: ports.samlIdp, ...samlIdp('saml-idp-signed'), encrypt: false }),
    startSamlIdp(programs, { port: ports.samlIdpEncrypted, ...samlIdp('saml-idp-encrypted'), encrypt: true }),
    startPysaml2(programs, { port: ports.pysaml2, work: `${work}/pysaml2`, metadata: ofPysaml2 }),
    startOpenIdProvider(programs, redirectUri('op'), { port: ports.op, clients: opClients }),
    startOpenIdProvider(programs, redirectUri('op'), { port: ports.opUserinfo, clients: [client('op-userinfo', 'client_secret_basic')], claimsIn: 'userinfo', name: 'oidc-provider-userinfo' }),
  ];
}
