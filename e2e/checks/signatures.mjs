// Two opinions on every signature: ours and xmlsec1's. On the captures of real identity providers, whole and tampered with, and on what Doorward signs.
import { verify } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { signIn } from '../lib/browser.mjs';
import { binary, startInstallation } from '../lib/doorward.mjs';
import { Programs, run } from '../lib/process.mjs';
import { certificateIn, verdicts } from '../lib/xmlsec.mjs';

export async function signaturesSuite({ programs, work, check, here }) {
  for (const capture of captures(`${here}../crates/saml/testdata/captures`)) {
    await check(`capture ${capture.name}`, () => compare(capture, work));
  }
  const redirect = await startInstallation({ programs, work: `${work}/redirect` });
  await check('AuthnRequest by Redirect: the signature of the query', () => redirectSignature(redirect));
  await check('metadata: a signature, if there is one, verifies', async () => {
    const metadata = await (await fetch(`${redirect.publicUrl}/saml/metadata`)).text();
    const found = await verdicts(metadata, certificateIn(metadata), work);
    if (Object.values(found).includes(false)) throw new Error(JSON.stringify(found));
    return Object.keys(found).length === 0 ? 'unsigned' : 'signed';
  });
  await programs.stop();
  const others = new Programs(`${programs.logDirectory}/post`);
  try {
    const post = await startInstallation({ programs: others, work: `${work}/post`, saml: { request_binding: 'post' } });
    await check('AuthnRequest by POST: the enveloped signature', () => postSignature(post, work));
  } finally {
    await others.stop();
  }
}

/** Every captured response with the metadata of its IdP. Encrypted ones have no signature that a second program could see. */
function* captures(folder) {
  for (const idp of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const base = `${idp.parentPath}/${idp.name}`;
    for (const file of readdirSync(base, { recursive: true }).filter((name) => name.endsWith('.xml'))) {
      const xml = readFileSync(`${base}/${file}`, 'utf8');
      if (!/<(\w+:)?Response[\s>]/.test(xml) || /EncryptedAssertion/.test(xml)) continue;
      yield { name: `${idp.name}/${file}`, file: `${base}/${file}`, metadata: `${base}/idp-metadata.xml`, xml };
    }
  }
}

async function compare({ file, metadata, xml }, work) {
  const certificate = certificateIn(readFileSync(metadata, 'utf8'));
  const second = await verdicts(xml, certificate, work);
  if (Object.keys(second).length === 0 || Object.values(second).includes(false)) throw new Error(`xmlsec1 says ${JSON.stringify(second)}`);
  const ours = await inspect(file, metadata, xml);

  const tampered = `${work}/tampered.xml`;
  const changed = xml.replace(/(<(?:\w+:)?NameID[^>]*>)(.)/, (_, tag, letter) => `${tag}${letter === 'x' ? 'y' : 'x'}`);
  if (changed === xml) throw new Error('no NameID to tamper with');
  writeFileSync(tampered, changed);
  const secondTampered = await verdicts(changed, certificate, work);
  if (!Object.values(secondTampered).includes(false)) throw new Error(`xmlsec1 accepts the tampered copy: ${JSON.stringify(secondTampered)}`);
  const oursTampered = await inspect(tampered, metadata, xml);
  if (oursTampered.accepted) throw new Error('doorward accepts the tampered copy');
  if (!ours.accepted && !/sha1|algorithm|weak/i.test(`${ours.code}`)) throw new Error(`xmlsec1 accepts, doorward refuses with ${ours.code}`);
  return `${Object.keys(second).join(' and ')} signed; doorward ${ours.accepted ? `accepts ${ours.subject}` : `refuses with ${ours.code}`}; tampered: ${oursTampered.code}`;
}

async function inspect(response, metadata, xml) {
  const first = (pattern) => pattern.exec(xml)?.[1];
  const args = [
    'saml', 'inspect', '--json', '--metadata', metadata, '--response', response,
    '--sp-entity-id', first(/<(?:\w+:)?Audience>([^<]+)</), '--acs', first(/Recipient="([^"]+)"/), '--now', first(/IssueInstant="([^"]+)"/),
  ];
  const request = first(/InResponseTo="([^"]+)"/);
  const { code, stdout, stderr } = await run(binary, request ? [...args, '--request-id', request] : args);
  if (code > 1) throw new Error(`doorward saml inspect: exit ${code}: ${stderr}`);
  const found = JSON.parse(stdout);
  if (found.accepted !== (code === 0)) throw new Error(`exit ${code} but accepted is ${found.accepted}`);
  return found;
}

async function redirectSignature({ publicUrl, ssp }) {
  const { callback } = await signIn({ url: `${publicUrl}/login/start?return=%2F`, user: 'alice', idp: 'ssp', stopAt: ssp.url });
  const query = new URL(callback).search.slice(1).split('&');
  const raw = (name) => query.find((part) => part.startsWith(`${name}=`));
  const signed = ['SAMLRequest', 'RelayState', 'SigAlg'].map(raw).filter(Boolean).join('&');
  const algorithm = decodeURIComponent(raw('SigAlg') ?? '');
  if (!algorithm.endsWith('#rsa-sha256')) throw new Error(`SigAlg is ${algorithm}`);
  const signature = Buffer.from(decodeURIComponent(raw('Signature').slice('Signature='.length)), 'base64');
  const certificate = certificateIn(await (await fetch(`${publicUrl}/saml/metadata`)).text());
  if (!verify('sha256', Buffer.from(signed), certificate.publicKey, signature)) throw new Error(`openssl refuses it: ${signed}`);
}

async function postSignature({ publicUrl, ssp }, work) {
  const { posted } = await signIn({ url: `${publicUrl}/login/start?return=%2F`, user: 'alice', idp: 'ssp', stopAt: ssp.url });
  const xml = Buffer.from(new URLSearchParams(posted).get('SAMLRequest'), 'base64').toString();
  const certificate = certificateIn(await (await fetch(`${publicUrl}/saml/metadata`)).text());
  const found = await verdicts(xml, certificate, work);
  if (found.AuthnRequest !== true) throw new Error(`xmlsec1 says ${JSON.stringify(found)}: ${xml}`);
}
