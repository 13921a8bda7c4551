// The two identity providers of most suites, started on free ports of loopback.
import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { answers, freePort, run } from './process.mjs';

const here = new URL('..', import.meta.url).pathname;

/** SimpleSAMLphp on PHP's own server. Gives its metadata address and a way to tell it about a service provider. */
export async function startSimpleSamlPhp(programs, work, wantedPort = null) {
  const port = wantedPort ?? await freePort();
  const url = `http://127.0.0.1:${port}`;
  for (const folder of ['cert', 'log', 'data', 'tmp', 'docroot']) mkdirSync(`${work}/${folder}`, { recursive: true });
  if (!existsSync(`${work}/docroot/simplesaml`)) symlinkSync('/usr/share/simplesamlphp/www', `${work}/docroot/simplesaml`);
  await makeCertificate(`${work}/cert`);
  const env = { E2E_SSP_WORK: work, E2E_SSP_URL: url, SIMPLESAMLPHP_CONFIG_DIR: `${here}idp/simplesamlphp/config`, PHP_CLI_SERVER_WORKERS: '4' };
  const server = ['-d', `session.save_path=${work}/tmp`, '-d', 'session.gc_probability=0', '-S', `127.0.0.1:${port}`, '-t', `${work}/docroot`];
  const program = programs.start('simplesamlphp', 'php', server, { env });
  const metadata = `${url}/simplesaml/saml2/idp/metadata.php`;
  await programs.ready(program, () => answers(metadata, 1));
  const tell = (sp) => {
    writeFileSync(`${work}/sp.json.new`, JSON.stringify({ encrypt: false, slo: null, signAssertion: true, signResponse: true, validateRequests: true, ...sp }));
    renameSync(`${work}/sp.json.new`, `${work}/sp.json`);
  };
  return { url, metadata, entityId: `${url}/idp`, tell };
}

/** A key and a certificate for an identity provider: `idp.key` and `idp.crt`, unless they are there. */
export async function makeCertificate(folder) {
  if (existsSync(`${folder}/idp.crt`)) return;
  mkdirSync(folder, { recursive: true });
  const files = ['-keyout', `${folder}/idp.key`, '-out', `${folder}/idp.crt`];
  await openssl('req', '-x509', '-newkey', 'rsa:2048', '-sha256', '-days', '30', '-nodes', '-subj', '/CN=idp.test', ...files);
}

/** Another certificate for the same key, whose time has been over for years. */
export async function makeExpiredCertificate(folder) {
  const ca = `${folder}/ca.cnf`;
  const settings = ['[ca]', 'default_ca = own', '[own]', `database = ${folder}/index`, `new_certs_dir = ${folder}`, `serial = ${folder}/serial`, 'default_md = sha256', 'policy = any', '[any]', 'commonName = supplied'];
  for (const [file, content] of [['ca.cnf', settings.join('\n')], ['index', ''], ['serial', '01']]) writeFileSync(`${folder}/${file}`, `${content}${content === '' ? '' : '\n'}`);
  await openssl('req', '-new', '-key', `${folder}/idp.key`, '-subj', '/CN=idp.test', '-out', `${folder}/idp.csr`);
  const time = ['-startdate', '20200101000000Z', '-enddate', '20210101000000Z'];
  await openssl('ca', '-batch', '-notext', '-config', ca, '-selfsign', '-keyfile', `${folder}/idp.key`, '-in', `${folder}/idp.csr`, ...time, '-out', `${folder}/idp.crt`);
}

async function openssl(...args) {
  const { code, stderr } = await run('openssl', args);
  if (code !== 0) throw new Error(`openssl: ${stderr}`);
}

/**
 * npm oidc-provider, with Doorward as its client. `clients` are more registrations of it, in the specification's words;
 * `claimsIn` says where the claims stand: `id_token` or only `userinfo`; `changes` is a file whose claims, by person, replace the usual ones.
 */
export async function startOpenIdProvider(programs, redirectUri, { port: wantedPort = null, clients = [], claimsIn = 'id_token', changes = '', name = 'oidc-provider' } = {}) {
  const port = wantedPort ?? await freePort();
  const client = { id: 'doorward', secret: 'only-for-tests-on-loopback-0123456789' };
  const issuer = `http://127.0.0.1:${port}`;
  const env = {
    E2E_OP_URL: issuer, E2E_OP_CLIENT_ID: client.id, E2E_OP_CLIENT_SECRET: client.secret, E2E_OP_REDIRECT_URI: redirectUri,
    E2E_OP_CLIENTS: JSON.stringify(clients), E2E_OP_CLAIMS_IN: claimsIn, E2E_OP_CHANGES: changes,
  };
  const program = programs.start(name, process.execPath, [`${here}idp/openid/provider.mjs`], { env });
  await programs.ready(program, () => answers(`${issuer}/.well-known/openid-configuration`, 1));
  return { issuer, client };
}
