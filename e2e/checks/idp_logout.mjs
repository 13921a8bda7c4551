// The end of a sign-in, at the same installation: a sign-out that begins at Doorward ends the session at the identity provider, and one that begins
// there ends what programs were allowed here.
import { Browser, signIn } from '../lib/browser.mjs';
import { text } from '../lib/html.mjs';
import { mcpSession } from '../lib/mcp.mjs';
import { tokensFor } from '../lib/oauth.mjs';
import { poll } from '../lib/process.mjs';
import { signOutHere, throughLogout } from '../lib/signed_out.mjs';

export async function logoutChecks(matrix, check, tell) {
  const { gateways: { main }, ssp, op } = matrix;
  const begin = async (idp) => {
    const browser = new Browser();
    const tokens = await tokensFor(main.url, { user: 'alice', idp, browser });
    await mcpSession(main.url, tokens.accessToken);
    return { browser, accessToken: tokens.accessToken };
  };

  await check('SimpleSAMLphp: a sign-out at Doorward ends its session, by signed Redirect both ways', async () => {
    tell(matrix, { idp: 'ssp' });
    const { browser } = await begin('ssp');
    mustSay(await signOutHere(main.publicUrl, browser), /has signed you out as well/);
    await sspMustAsk(matrix, browser);
  });
  await check('SimpleSAMLphp: its own single logout ends the access of programs', async () => {
    const { browser, accessToken } = await begin('ssp');
    const page = await browser.open(`${ssp.url}/simplesaml/saml2/idp/initSLO.php?RelayState=${encodeURIComponent(`${ssp.url}/simplesaml/saml2/idp/metadata.php`)}`);
    await throughLogout(browser, page);
    return mustBeEnded(main, accessToken);
  });
  await check('oidc-provider: a sign-out at Doorward ends its session (RP-initiated)', async () => {
    const { browser } = await begin('op-basic');
    mustSay(await signOutHere(main.publicUrl, browser), /You are signed out/);
    await opMustAsk(op, browser);
  });
  await check('oidc-provider: its own sign-out ends the access of programs (back-channel)', async () => {
    const { browser, accessToken } = await begin('op-basic');
    await throughLogout(browser, await browser.open(`${op.issuer}/session/end`));
    return mustBeEnded(main, accessToken);
  });
}

function mustSay(page, wanted) {
  const shown = text(page.html);
  if (!wanted.test(shown)) throw new Error(`${page.url}: ${shown.slice(0, 500)}`);
}

/** The access token is refused; gives how long that took. */
async function mustBeEnded({ url }, accessToken) {
  const start = Date.now();
  await poll('the end of the access', async () => (await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${accessToken}` }, signal: AbortSignal.timeout(5_000) })).status === 401);
  return `refused ${Date.now() - start} ms after the sign-out`;
}

/** SimpleSAMLphp wants the password again in this browser. */
async function sspMustAsk({ ssp, gateways: { main } }, browser) {
  const before = browser.trail.length;
  const url = `${ssp.url}/simplesaml/saml2/idp/SSOService.php?spentityid=${encodeURIComponent(main.entityId)}`;
  await signIn({ url, user: 'alice', stopAt: `${main.publicUrl}/login/saml/ssp/acs`, browser });
  if (!browser.trail.slice(before).some(({ body }) => /(?:^|&)password=/.test(body ?? ''))) throw new Error('the session there lives on');
}

/** oidc-provider wants the password again in this browser: with `prompt=none` it says so. */
async function opMustAsk({ issuer, redirectUri }, browser) {
  const query = new URLSearchParams({
    client_id: 'op-basic', response_type: 'code', redirect_uri: redirectUri, scope: 'openid', state: 's', nonce: 'n', prompt: 'none',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256',
  });
  const { url } = await browser.open(`${issuer}/auth?${query}`, { stopAt: redirectUri });
  if (url.searchParams.get('error') !== 'login_required') throw new Error(`the session there lives on: ${url}`);
}
