// Four more SAML identity providers, each on free ports of loopback: LemonLDAP::NG (an OpenID provider as well), npm samlp, npm saml-idp, pysaml2.
// All are told about Doorward by its own metadata, and check the signature of its requests, but saml-idp, which cannot.
import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { configuration } from '../idp/lemonldap/configuration.mjs';
import { makeCertificate } from './idps.mjs';
import { answers, run } from './process.mjs';
import { certificateIn } from './xmlsec.mjs';

const here = new URL('..', import.meta.url).pathname;
const text = (file) => readFileSync(file, 'utf8');

/** LemonLDAP::NG's portal. `saml` and `openid` are who may use it, as `configuration` has it. */
export async function startLemonLdap(programs, { port, work, saml, openid }) {
  const url = `http://127.0.0.1:${port}`;
  for (const folder of ['conf', 'sessions/lock', 'psessions/lock', 'cache']) mkdirSync(`${work}/${folder}`, { recursive: true });
  await makeCertificate(work);
  const [key, certificate] = [text(`${work}/idp.key`), text(`${work}/idp.crt`)];
  const settings = configuration({ url, work, key, certificate, publicKey: text(await publicKeyOf(`${work}/idp.crt`)), saml, openid });
  writeFileSync(`${work}/conf/lmConf-1.json`, JSON.stringify(settings, null, 1));
  writeFileSync(`${work}/lemonldap-ng.ini`, startingConfiguration(work));
  const args = ['--host', '127.0.0.1', '--port', String(port), `${here}idp/lemonldap/portal.psgi`];
  const program = programs.start('lemonldap', 'plackup', args, { env: { LLNG_DEFAULTCONFFILE: `${work}/lemonldap-ng.ini` } });
  await programs.ready(program, () => answers(`${url}/saml/metadata`, 1), 30_000);
}

const startingConfiguration = (work) => `[all]
logLevel = notice
[configuration]
type = File
dirName = ${work}/conf
localStorage = Cache::FileCache
localStorageOptions = { 'namespace' => 'lemonldap-ng-config', 'default_expires_in' => 600, 'directory_umask' => '007', 'cache_root' => '${work}/cache', 'cache_depth' => 3 }
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en
`;

/** npm samlp: one identity provider for each variant of its file, at `<url>/<variant>/metadata`. */
export async function startSamlp(programs, { port, work, metadata }) {
  const url = `http://127.0.0.1:${port}`;
  await prepare(work, metadata);
  const program = programs.start('samlp', process.execPath, ['--no-deprecation', `${here}idp/samlp/server.mjs`], { env: { E2E_IDP_URL: url, E2E_IDP_WORK: work } });
  await programs.ready(program, () => answers(url, 1));
}

/** npm saml-idp: one program is one identity provider for one service. */
export async function startSamlIdp(programs, { port, work, metadata, entityId, acs, encrypt }) {
  await prepare(work, metadata);
  const script = `${here}idp/saml-idp/node_modules/saml-idp/bin/run.js`;
  const encryption = encrypt ? ['--encryptAssertion', '--encryptionCert', `${work}/sp.crt`, '--encryptionPublicKey', `${work}/sp.pub`] : [];
  const args = [
    '--no-deprecation', script, '--host', '127.0.0.1', '--port', String(port), '--cert', `${work}/idp.crt`, '--key', `${work}/idp.key`,
    '--issuer', `http://127.0.0.1:${port}/saml-idp`, '--acsUrl', acs, '--audience', entityId, '--configFile', `${here}idp/saml-idp/people.cjs`, ...encryption,
  ];
  const program = programs.start(`saml-idp-${encrypt ? 'encrypted' : 'signed'}`, process.execPath, args, { cwd: `${here}idp/saml-idp` });
  await programs.ready(program, () => answers(`http://127.0.0.1:${port}/metadata`, 1));
}

/** pysaml2: one identity provider for each variant, at `<url>/<variant>/metadata`; `metadata` is Doorward's for each. */
export async function startPysaml2(programs, { port, work, metadata }) {
  const url = `http://127.0.0.1:${port}`;
  mkdirSync(work, { recursive: true });
  for (const [variant, xml] of Object.entries(metadata)) writeFileSync(`${work}/${variant}.xml`, xml);
  await makeCertificate(work);
  const program = programs.start('pysaml2', `${here}.work/venv/bin/python`, [`${here}idp/pysaml2/server.py`], { env: { E2E_IDP_URL: url, E2E_IDP_WORK: work } });
  await programs.ready(program, () => answers(url, 1));
}

/** Keys of the identity provider, and the certificate in the service provider's metadata as the files that programs want. */
async function prepare(work, metadata) {
  mkdirSync(work, { recursive: true });
  await makeCertificate(work);
  writeFileSync(`${work}/sp.crt`, certificateIn(metadata).toString());
  await publicKeyOf(`${work}/sp.crt`);
}

/** Writes the public key beside a certificate; gives the file's name. */
async function publicKeyOf(certificate) {
  const { code, stdout, stderr } = await run('openssl', ['x509', '-in', certificate, '-pubkey', '-noout']);
  if (code !== 0) throw new Error(`openssl: ${stderr}`);
  const file = certificate.replace(/crt$/, 'pub');
  writeFileSync(file, stdout);
  return file;
}
