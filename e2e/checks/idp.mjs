// The sign-in matrix: every real identity provider with every way it can sign, encrypt and be asked. Each row is a person who signs in by an MCP
// client's OAuth flow, and then has the tools of her groups; or the exact code that the sign-in is refused with.
import { logoutChecks } from './idp_logout.mjs';
import { Browser, signIn } from '../lib/browser.mjs';
import { auditTrail, rights } from '../lib/doorward.mjs';
import { mcpSession } from '../lib/mcp.mjs';
import { tokensFor } from '../lib/oauth.mjs';
import { startMatrix } from '../lib/matrix.mjs';
import { text } from '../lib/html.mjs';
import { certificateIn } from '../lib/xmlsec.mjs';

const ACS = /\/login\/(?:saml|oidc)\/[^/]+\/(?:acs|callback)$/;

/** One row: who signs in where, and what is sent (`sent` is compared with the response itself) or how the client is known to the provider. */
const row = (provider, sent, idp, more = {}) => ({ provider, sent, idp, user: 'alice', gateway: 'main', ...more });
const titleOf = ({ provider, sent, note, user }) => [`${provider}: ${sent}`, note, user === 'alice' ? undefined : user].filter(Boolean).join(', ');

/** SimpleSAMLphp is told before each row how to treat us; so its rows are one after the other. */
const ssp = (sent, idp, more) => row('SimpleSAMLphp', sent, idp, more);
const simpleSamlPhp = [
  ssp('assertion signed', 'ssp', { tell: { signResponse: false } }),
  ssp('response signed', 'ssp', { tell: { signAssertion: false } }),
  ssp('both signed', 'ssp', { user: 'bob' }),
  ssp('both signed', 'ssp', { user: 'carol' }),
  ssp('nothing signed', 'ssp', { tell: { signAssertion: false, signResponse: false }, code: 'saml.not_signed' }),
  ssp('aes128-cbc, response signed', 'ssp', { tell: { encrypt: true } }),
  ssp('aes128-cbc, response not signed', 'ssp', { tell: { encrypt: true, signResponse: false }, code: 'saml.cbc_unsigned' }),
  ssp('no response', 'ssp-unsigned', { note: 'our request unsigned where it demands a signature', refusedThere: /validat|signature|signed/i }),
  ssp('both signed', 'ssp-unsigned', { note: 'our request unsigned where it demands none', tell: { validateRequests: false } }),
  ssp('both signed', 'ssp-metadata-signed', { note: 'and its metadata, as demanded' }),
  ssp('no response', 'ssp-metadata-of-another', { note: 'metadata signed by another key than demanded', code: 'login.idp_metadata_unavailable' }),
  ssp('both signed', 'ssp-post', { note: 'our request by POST, its signature demanded' }),
  ssp('both signed', 'ssp', { note: 'its session used without ForceAuthn', hasSession: true, passwords: 0 }),
  ssp('both signed', 'ssp-force', { note: 'ForceAuthn asks for the password again', hasSession: true, passwords: 1 }),
  ssp('both signed', 'ssp-persistent', { note: 'persistent NameID', nameId: '2.0:nameid-format:persistent' }),
  ssp('both signed', 'ssp-transient', { note: 'transient NameID', nameId: '2.0:nameid-format:transient' }),
];

// LemonLDAP::NG's demonstration back end takes the user name as the password.
const llng = (sent, idp, more) => row('LemonLDAP::NG', sent, idp, more);
const lemonLdap = [
  llng('both signed', 'llng', { nameId: '1.1:nameid-format:emailAddress' }),
  llng('both signed', 'llng', { user: 'bob' }),
  llng('assertion signed', 'llng', { gateway: 'second' }),
  llng('aes128-cbc, response signed', 'llng', { gateway: 'third' }),
  llng('client_secret_basic', 'llng-id-token', { note: 'groups in the ID token' }),
  llng('client_secret_post', 'llng-userinfo', { note: 'groups in userinfo', user: 'bob' }),
].map((each) => ({ ...each, password: each.user }));

const samlp = [
  row('samlp', 'assertion signed', 'samlp-signed-assertion'),
  row('samlp', 'response signed', 'samlp-signed-response'),
  row('samlp', 'both signed', 'samlp-signed-both', { user: 'bob' }),
  row('samlp', 'aes256-gcm, response not signed', 'samlp-encrypted-gcm'),
  row('samlp', 'aes256-cbc, response not signed', 'samlp-encrypted-cbc', { code: 'saml.cbc_unsigned' }),
  row('samlp', 'aes256-cbc, response signed', 'samlp-encrypted-cbc-signed-response'),
  row('samlp', 'assertion signed', 'samlp-sha1', { note: 'SHA-1', code: 'saml.signature_algorithm' }),
];

const others = [
  row('saml-idp', 'both signed', 'saml-idp-signed'),
  row('saml-idp', 'aes256-cbc, response signed', 'saml-idp-encrypted'),
  row('pysaml2', 'assertion signed', 'pysaml2-signed-assertion'),
  row('pysaml2', 'response signed', 'pysaml2-signed-response'),
  row('pysaml2', 'both signed', 'pysaml2-signed-both', { user: 'carol' }),
  row('pysaml2', 'tripledes-cbc, response signed', 'pysaml2-encrypted-3des', { note: 'its default', code: 'saml.encryption_algorithm' }),
  row('pysaml2', 'aes256-gcm, response signed', 'pysaml2-encrypted-gcm'),
  row('oidc-provider', 'client_secret_basic', 'op-basic', { note: 'groups in the ID token' }),
  row('oidc-provider', 'client_secret_post', 'op-post', { note: 'groups in the ID token', user: 'bob' }),
  row('oidc-provider', 'client_secret_jwt', 'op-jwt', { note: 'groups in the ID token' }),
  row('oidc-provider', 'private_key_jwt', 'op-key', { note: 'groups in the ID token', user: 'carol' }),
  row('oidc-provider', 'client_secret_basic', 'op-userinfo', { note: 'groups in userinfo' }),
];

export async function idpSuite({ programs, work, check }) {
  const matrix = await startMatrix({ programs, work });
  const lane = async (rows) => {
    for (const each of rows) await check(titleOf(each), () => prove(matrix, each));
  };
  await Promise.all([simpleSamlPhp, lemonLdap, samlp, others].map(lane));
  await logoutChecks(matrix, check, tell);
  await check('the audit trail has every sign-in and every refusal', () => audited(matrix, [...simpleSamlPhp, ...lemonLdap, ...samlp, ...others]));
}

/** Proves one row; gives how long the sign-in's last step took. */
async function prove(matrix, each) {
  const gateway = matrix.gateways[each.gateway];
  if (each.idp.startsWith('ssp')) tell(matrix, each);
  const browser = new Browser();
  if (each.hasSession) await signInThere(matrix, each, browser);
  const before = browser.trail.length;
  const refused = each.code !== undefined || each.refusedThere !== undefined;
  const outcome = await tokensFor(gateway.url, { ...each, browser }).catch((error) => ({ error }));
  if (outcome.error && !(refused && outcome.error.page)) throw outcome.error;
  if (refused) mustBeRefused(each, outcome);
  else await mustHaveTools(gateway, each, outcome.accessToken);
  const trail = browser.trail.slice(before);
  const passwords = trail.filter(({ method, body }) => method === 'POST' && /(?:^|&)password=/.test(body ?? '')).length;
  if (each.passwords !== undefined && passwords !== each.passwords) throw new Error(`asked for the password ${passwords} times, not ${each.passwords}`);
  const steps = trail.filter(({ url }) => ACS.test(new URL(url).pathname));
  if (each.refusedThere) return 'refused by the identity provider';
  if (steps.length === 0 && each.code) return `refused with ${each.code}, before it was asked`;
  if (steps.length === 0) throw new Error('no answer came back');
  if (steps[0].body !== null) mustBeSent(each, Buffer.from(new URLSearchParams(steps[0].body).get('SAMLResponse'), 'base64').toString());
  const took = steps.reduce((sum, { ms }) => sum + ms, 0);
  return `ACS step ${took.toFixed(1)} ms${each.code ? `, refused with ${each.code}` : ''}`;
}

function tell({ ssp, gateways: { main }, metadata }, { idp, tell: how }) {
  const certificate = certificateIn(metadata[idp]).raw.toString('base64');
  const at = `${main.publicUrl}/login/saml/${idp}`;
  ssp.tell({ entityId: main.entityId, acs: `${at}/acs`, slo: `${at}/slo`, certificate, ...how });
}

/** A session at SimpleSAMLphp in this browser, before Doorward asks. */
async function signInThere({ ssp, gateways: { main } }, { user, idp }, browser) {
  const url = `${ssp.url}/simplesaml/saml2/idp/SSOService.php?spentityid=${encodeURIComponent(main.entityId)}`;
  await signIn({ url, user, stopAt: `${main.publicUrl}/login/saml/${idp}/acs`, browser });
}

/** A row is worth nothing if the identity provider does not send what the row says. */
function mustBeSent({ sent, nameId }, xml) {
  const parts = /<(?:\w+:)?(Encrypted)?Assertion[ >][^]*<\/(?:\w+:)?\1Assertion>/.exec(xml);
  const outside = parts === null ? xml : xml.replace(parts[0], '');
  const isSigned = (text) => /<(?:\w+:)?Signature[ >]/.test(text);
  const cipher = /<(?:\w+:)?EncryptedAssertion[^]*?EncryptionMethod[^>]+Algorithm="[^"]*#([^"]+)"/.exec(xml)?.[1];
  const both = [isSigned(outside), isSigned(parts?.[0] ?? '')].join();
  const plain = { 'true,true': 'both signed', 'true,false': 'response signed', 'false,true': 'assertion signed', 'false,false': 'nothing signed' };
  const found = cipher ? `${cipher}, response ${isSigned(outside) ? '' : 'not '}signed` : plain[both];
  if (found !== sent) throw new Error(`the response has: ${found}`);
  if (nameId && !new RegExp(`<(?:\\w+:)?NameID[^>]+Format="urn:oasis:names:tc:SAML:${nameId}"`).test(xml)) throw new Error(`no NameID of the format ${nameId} in ${xml}`);
}

function mustBeRefused({ code, refusedThere }, { error, accessToken }) {
  if (accessToken) throw new Error('the sign-in went through');
  const { page } = error;
  const shown = text(page.html);
  const holds = refusedThere ? page.url.hostname === '127.0.0.1' && refusedThere.test(shown) : shown.includes(code) && /req_[0-9a-zA-Z]+/.test(shown);
  if (!holds) throw new Error(`expected ${code ?? refusedThere}, found ${page.status} at ${page.url}: ${shown.slice(0, 600)}`);
}

/** The groups arrived when exactly the tools of their role are listed, and the server is told who calls. */
async function mustHaveTools({ url }, { user }, accessToken) {
  const server = await mcpSession(url, accessToken);
  const names = (await server('tools/list', {})).tools.map(({ name }) => name).sort();
  if (JSON.stringify(names) !== JSON.stringify(rights[user].tools)) throw new Error(`${user} has ${names.join(', ')}`);
  const { headers } = JSON.parse((await server('tools/call', { name: 'whoami', arguments: {} })).content[0].text);
  const found = [headers['x-auth-request-email'], headers['x-auth-request-preferred-username']];
  if (JSON.stringify(found) !== JSON.stringify([`${user}@example.com`, user])) throw new Error(`the server is told ${found.join(', ')}`);
}

async function audited({ gateways }, rows) {
  const trails = Object.fromEntries(await Promise.all(Object.entries(gateways).map(async ([name, gateway]) => [name, await auditTrail(gateway)])));
  const missing = rows.filter(({ gateway, idp, user, code, refusedThere }) => !refusedThere && !trails[gateway].some((event) =>
    (code === undefined ? event.kind === 'sign_in' && event.person?.email === `${user}@example.com` && event.person?.idp === idp : event.code === code)));
  if (missing.length > 0) throw new Error(`missing: ${missing.map(titleOf).join('; ')}`);
}
