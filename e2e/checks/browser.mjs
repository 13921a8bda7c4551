// A person with a real browser on `doorward dev`: consent, sign-in by SAML and by OpenID, the error pages. Screenshots in the suite's work folder.
import { createServer } from 'node:http';
import { startChromium } from '../lib/chromium.mjs';
import { startDev } from '../lib/doorward.mjs';
import { beginAuthorization, redeem } from '../lib/oauth.mjs';

export async function browserSuite({ programs, work, check }) {
  const { crm: url } = await startDev(programs, work);
  const client = await startClient();
  const { browser, page, complaints } = await startChromium();
  const shot = (name) => page.screenshot({ path: `${work}/${name}.png`, fullPage: true });
  try {
    for (const idp of [/saml/i, /openid|oidc/i]) {
      const name = idp.source.split('|')[0];
      await page.context().clearCookies();
      await check(`alice signs in (${name}) and the client gets a working token`, async () => {
        const begun = await beginAuthorization(url, { name: 'Browser check', redirectUri: client.redirectUri });
        await page.goto(begun.authorizationUrl);
        await mustShow(page, ['Browser check', '127.0.0.1']);
        await shot(`consent-${name}`);
        await page.getByRole('button', { name: /^allow/i }).click();
        await choose(page, idp, () => shot(`choose-${name}`));
        await page.getByRole('button', { name: /alice/i }).click();
        await page.waitForURL(`${client.redirectUri}?*`);
        const { status, body } = await redeem(begun, page.url());
        if (status !== 200) throw new Error(`the token endpoint answered ${status}: ${JSON.stringify(body)}`);
        await mustWork(url, body.access_token);
      });
    }
    await check('denying sends the client an error, not a code', async () => {
      const begun = await beginAuthorization(url, { name: 'Denied check', redirectUri: client.redirectUri });
      await page.goto(begun.authorizationUrl);
      await page.getByRole('button', { name: /deny/i }).click();
      await page.waitForURL(`${client.redirectUri}?*`);
      const answer = new URL(page.url()).searchParams;
      if (answer.get('error') !== 'access_denied' || answer.has('code')) throw new Error(page.url());
    });
    await check('an unknown redirect address is shown, never followed', async () => {
      const begun = await beginAuthorization(url, { redirectUri: client.redirectUri });
      const other = begun.authorizationUrl.replace(encodeURIComponent(client.redirectUri), encodeURIComponent('https://evil.example/callback'));
      await page.goto(other);
      await shot('error-redirect');
      if (new URL(page.url()).host !== new URL(url).host) throw new Error(`went to ${page.url()}`);
      await mustShow(page, ['oauth.', 'req_']);
    });
    await check('a sign-in that began in another browser is refused', async () => {
      const begun = await beginAuthorization(url, { redirectUri: client.redirectUri });
      const foreign = await (await fetch(begun.authorizationUrl, { redirect: 'manual' })).headers.get('location');
      await page.goto(new URL(foreign, url).href);
      await shot('error-wrong-browser');
      await mustShow(page, ['login.cookie_missing', 'req_']);
    });
    await check('no page broke its own Content-Security-Policy', () => {
      const broken = complaints.filter((text) => /Content Security Policy|Refused to/i.test(text));
      if (broken.length > 0) throw new Error(broken.join('\n'));
    });
  } finally {
    await browser.close();
    client.stop();
  }
}

/** Starts `doorward dev` on free ports; gives the first MCP address that it prints. */
/** The listener of a client: answers every callback with one line. */
async function startClient() {
  const server = createServer((_request, response) => response.end('You can close this window.'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { redirectUri: `http://127.0.0.1:${server.address().port}/callback`, stop: () => server.close() };
}

/** Picks an identity provider where there is a choice. */
async function choose(page, idp, shot) {
  const alice = page.getByRole('button', { name: /alice/i });
  const choice = page.getByRole('button', { name: idp }).or(page.getByRole('link', { name: idp }));
  await alice.or(choice).first().waitFor();
  if (await alice.count() > 0) return;
  await shot();
  await choice.first().click();
}

async function mustShow(page, texts) {
  const shown = await page.locator('body').innerText();
  const missing = texts.filter((text) => !shown.includes(text));
  if (missing.length > 0) throw new Error(`${page.url()} does not show ${missing.join(', ')}: ${shown.slice(0, 400)}`);
}

async function mustWork(url, token) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'browser check', version: '0' } };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }) });
  if (response.status !== 200) throw new Error(`initialize answered ${response.status}: ${await response.text()}`);
  await response.text();
}
