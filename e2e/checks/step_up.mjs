// A tool that needs a second factor, with the official TypeScript clients on `doorward dev`: the call is challenged, the client sends the person to sign in
// again by itself, and the same call then goes through.
import { Browser } from '../lib/browser.mjs';
import { startDev } from '../lib/doorward.mjs';
import { forms } from '../lib/html.mjs';
import { kits } from '../clients/kits.mjs';
import { Provider } from '../clients/provider.mjs';

/** Alice, in one browser that stays signed in: at the development identity providers one presses a name. */
class Alice extends Provider {
  browser = new Browser();
  signIns = 0;

  redirectToAuthorization = async (url) => {
    let page = await this.browser.open(url, { stopAt: this.redirectUrl });
    for (let steps = 0; !page.reached && steps < 15; steps += 1) page = await this.#answer(page);
    if (!page.reached) throw new Error(`no end: ${page.status} ${page.url}: ${page.html.slice(0, 500)}`);
    this.callback = page.url;
  };

  #answer(page) {
    const stopAt = this.redirectUrl;
    const onward = /<meta http-equiv="refresh" content="0;url=([^"]+)">/.exec(page.html)?.[1];
    if (onward) return this.browser.open(new URL(onward.replaceAll('&#38;', '&').replaceAll('&amp;', '&'), page.url), { from: page.url, stopAt });
    const [form] = forms(page.html, page.url);
    if (!form) throw new Error(`nothing to answer: ${page.status} ${page.url}`);
    const button = ['alice', 'allow', this.job.idp].map((value) => form.buttons.find((each) => each.value === value)).find(Boolean);
    this.signIns += button?.value === 'alice' ? 1 : 0;
    return this.browser.submit(page, form, {}, button ?? null, stopAt);
  }
}

export async function stepUpSuite({ programs, work, check }) {
  const { deploy } = await startDev(programs, work);
  for (const name of Object.keys(kits)) {
    for (const idp of ['dev-saml', 'dev-oidc']) await check(`the ${name} package by ${idp}`, async () => stepUp(await kits[name](), deploy, idp));
  }
}

async function stepUp(kit, url, idp) {
  const alice = new Alice({ user: 'alice', idp }, 'e2e step-up');
  const connect = async () => {
    const transport = new kit.StreamableHTTPClientTransport(new URL(url), { authProvider: alice });
    const client = new kit.Client({ name: 'doorward-e2e', version: '0' }, kit.options);
    await client.connect(transport);
    return { client, transport };
  };
  /** Does what a host does when its client had to send the person away: takes the code, and tries again. */
  const withPerson = async (attempt, transport) => {
    try {
      return await attempt();
    } catch (error) {
      if (alice.callback === undefined) throw error;
      const callback = alice.callback;
      alice.callback = undefined;
      await kit.finish(transport ?? new kit.StreamableHTTPClientTransport(new URL(url), { authProvider: alice }), callback);
      return attempt();
    }
  };
  const { client, transport } = await withPerson(connect);
  const call = async (name, values) => (await client.callTool({ name, arguments: values })).content.map((block) => block.text).join('\n');
  await call('list_services', {});
  if (alice.signIns !== 1) throw new Error(`${alice.signIns} sign-ins before the call that needs more`);
  const said = await withPerson(() => call('rollback', { service: 'billing' }), transport);
  if (alice.signIns !== 2) throw new Error(`${alice.signIns} sign-ins in all`);
  await call('rollback', { service: 'web' });
  if (alice.signIns !== 2) throw new Error('asked a third time');
  await client.close();
  return said.slice(0, 80);
}
