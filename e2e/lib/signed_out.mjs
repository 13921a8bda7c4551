// The person at the browser, signing out: at Doorward, or at an identity provider.
import { forms, text } from './html.mjs';

const PAGES_AT_MOST = 10;

/** Presses *Sign out* at Doorward and answers what identity providers ask on the way; gives the last page. */
export async function signOutHere(publicUrl, browser) {
  const page = await browser.open(`${publicUrl}/logout`);
  const form = forms(page.html, page.url).find(({ action }) => new URL(action).pathname === '/logout');
  const button = form?.buttons.find(({ value }) => value === 'here');
  if (!button) throw new Error(`no way to sign out on ${page.url}: ${text(page.html).slice(0, 300)}`);
  return throughLogout(browser, await browser.submit(page, form, {}, button));
}

/** Answers the pages of a sign-out until there is nothing to answer. */
export async function throughLogout(browser, first) {
  let page = first;
  for (let count = 0; count < PAGES_AT_MOST; count += 1) {
    const next = await answer(browser, page);
    if (next === null) return page;
    page = next;
  }
  throw new Error(`no end of the sign-out, last ${page.url}`);
}

function answer(browser, page) {
  const refresh = /<meta http-equiv="refresh" content="0;url=([^"]+)">/.exec(page.html)?.[1];
  if (refresh) return browser.open(new URL(refresh.replaceAll('&#38;', '&').replaceAll('&amp;', '&'), page.url), { from: page.url });
  const all = forms(page.html, page.url);
  const saml = all.find(({ fields }) => fields.some(({ name }) => /^SAML(Request|Response)$/.test(name)));
  if (saml) return browser.submit(page, saml);
  const confirm = all.find(({ fields }) => fields.some(({ name }) => name === 'xsrf')); // oidc-provider asks whether one means it
  return confirm ? browser.submit(page, confirm, { logout: 'yes' }) : null;
}

