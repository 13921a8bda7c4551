// The second opinion on XML signatures: Debian's xmlsec1, with a key of ours and nothing that the document brings along.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { run } from './process.mjs';

const PROTOCOL = 'urn:oasis:names:tc:SAML:2.0:protocol';
const SIGNABLE = {
  Response: `/*[local-name()='Response']/*[local-name()='Signature']`,
  Assertion: `/*[local-name()='Response']/*[local-name()='Assertion']/*[local-name()='Signature']`,
  AuthnRequest: `/*[local-name()='AuthnRequest']/*[local-name()='Signature']`,
  EntityDescriptor: `/*[local-name()='EntityDescriptor']/*[local-name()='Signature']`,
};

/** The first certificate of a metadata document. */
export function certificateIn(metadata) {
  const base64 = /<(?:\w+:)?X509Certificate>([^<]+)</.exec(metadata)?.[1];
  if (base64 === undefined) throw new Error(`no certificate in ${metadata.slice(0, 300)}`);
  return new X509Certificate(Buffer.from(base64, 'base64'));
}

/** The verdict on each signature of `xml`: `{ Response: true, Assertion: false }`. Elements without one are left out. */
export async function verdicts(xml, certificate, work) {
  const key = `${work}/public-key.pem`;
  const file = `${work}/document.xml`;
  writeFileSync(key, certificate.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(file, xml);
  const ids = ['Response', 'AuthnRequest'].map((name) => ['--id-attr:ID', `${PROTOCOL}:${name}`]);
  const names = [...ids, ['--id-attr:ID', 'urn:oasis:names:tc:SAML:2.0:assertion:Assertion'], ['--id-attr:ID', 'urn:oasis:names:tc:SAML:2.0:metadata:EntityDescriptor']].flat();
  const found = {};
  for (const [element, xpath] of Object.entries(SIGNABLE)) {
    const { code, stderr } = await run('xmlsec1', ['--verify', '--enabled-key-data', 'rsa', '--pubkey-pem', key, ...names, '--node-xpath', xpath, file]);
    if (!/does not return a single node/.test(stderr)) found[element] = code === 0;
  }
  return found;
}
