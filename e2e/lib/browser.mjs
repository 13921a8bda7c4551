// A person at a browser, as a script: keeps cookies, follows redirects, fills the IdP's form, sends auto-post forms, presses Allow.
// Used by the Node drivers as a module and by the others as a command:
//   node lib/browser.mjs '{"url":…,"user":"alice","idp":"ssp","stopAt":"http://127.0.0.1:1234/callback"}'
// which prints one JSON object { callback, trail }.
import { pathToFileURL } from 'node:url';
import { CookieJar } from './cookies.mjs';
import { forms, links, text } from './html.mjs';

const PAGES_AT_MOST = 25;

/** The accounts of both identity providers. */
export const passwords = { alice: 'alicepw', bob: 'bobpw', carol: 'carolpw' };

export class Browser {
  jar = new CookieJar();
  trail = [];

  /** Goes to `url` and follows redirects. `stopAt` is an address that is reached but not asked for. */
  async open(url, { method = 'GET', body = null, from = null, stopAt = null } = {}) {
    let target = new URL(url);
    for (let hops = 0; hops < PAGES_AT_MOST; hops += 1) {
      if (stopAt && target.href.startsWith(stopAt)) return { url: target, status: 0, html: '', headers: new Headers(), reached: true, posted: body };
      const response = await this.#request(target, method, body, from);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) {
        return { url: target, status: response.status, html: await response.text(), headers: response.headers, reached: false };
      }
      await response.body?.cancel();
      target = new URL(location, target);
      if (response.status < 307) [method, body] = ['GET', null];
    }
    throw new Error(`more than ${PAGES_AT_MOST} redirects, last ${target}`);
  }

  async #request(url, method, body, from) {
    const headers = { accept: 'text/html,application/xhtml+xml', 'user-agent': 'doorward-e2e-browser' };
    const cookie = this.jar.header(url, method, from);
    if (cookie) headers.cookie = cookie;
    if (body !== null) {
      headers['content-type'] = 'application/x-www-form-urlencoded';
      headers.origin = from?.origin ?? 'null';
    }
    const start = performance.now();
    const response = await fetch(url, { method, headers, body, redirect: 'manual', signal: AbortSignal.timeout(15_000) });
    this.jar.store(url, response.headers);
    this.trail.push({ method, url: url.href, status: response.status, body, ms: performance.now() - start });
    return response;
  }

  /** Sends a form of `page`, with `values` over its fields, by `button` when one is named. */
  submit(page, form, values = {}, button = null, stopAt = null) {
    const fields = new URLSearchParams();
    const names = new Set(form.fields.map((field) => field.name));
    for (const field of form.fields) fields.append(field.name, values[field.name] ?? field.value);
    for (const [name, value] of Object.entries(values)) if (!names.has(name)) fields.append(name, value);
    if (button?.name) fields.append(button.name, button.value ?? '');
    const action = new URL(button?.formaction ?? form.action, page.url);
    if (form.method !== 'POST') {
      action.search = fields.toString();
      return this.open(action, { from: page.url, stopAt });
    }
    return this.open(action, { method: 'POST', body: fields.toString(), from: page.url, stopAt });
  }
}

/** What to do on a page, in the order of the questions asked. Each gives the next page, or null when the page is not of its kind. */
const steps = [
  function refresh(browser, page, _person, stopAt) {
    const target = /<meta http-equiv="refresh" content="0;url=([^"]+)">/.exec(page.html)?.[1];
    if (!target) return null;
    const url = new URL(target.replaceAll('&#38;', '&').replaceAll('&amp;', '&'), page.url);
    return browser.open(url, { from: page.url, stopAt });
  },
  function password(browser, page, person, stopAt) {
    const form = forms(page.html, page.url).find((candidate) => candidate.fields.some((field) => field.type === 'password'));
    if (!form) return null;
    const name = form.fields.find((field) => ['username', 'login', 'user'].includes(field.name))?.name ?? 'username';
    return browser.submit(page, form, { [name]: person.user, password: person.password ?? 'wrong' }, form.buttons.at(-1), stopAt);
  },
  function autoPost(browser, page, _person, stopAt) {
    const form = forms(page.html, page.url).find((candidate) => candidate.fields.some((field) => /^SAML(Request|Response)$/.test(field.name)));
    return form ? browser.submit(page, form, {}, null, stopAt) : null;
  },
  function consent(browser, page, person, stopAt) {
    const isDoorward = (form) => new URL(form.action).pathname.endsWith('/login/consent');
    const form = forms(page.html, page.url).find((candidate) => isDoorward(candidate) && consentButton(candidate, person));
    if (!form) return null;
    person.consentPage = page;
    return browser.submit(page, form, {}, consentButton(form, person), stopAt);
  },
  function chooseIdp(browser, page, person, stopAt) {
    if (!page.url.pathname.startsWith('/login')) return null;
    for (const form of forms(page.html, page.url)) {
      const button = form.buttons.find((candidate) => candidate.value === person.idp);
      if (button) return browser.submit(page, form, {}, button, stopAt);
      const hidden = form.fields.find((field) => field.name === 'idp' && field.value === person.idp);
      if (hidden) return browser.submit(page, form, {}, form.buttons[0] ?? null, stopAt);
      const radio = form.choices.find((choice) => choice.value === person.idp);
      if (radio) return browser.submit(page, form, { [radio.name]: radio.value }, form.buttons[0] ?? null, stopAt);
    }
    const link = links(page.html, page.url).find(({ href }) => new URL(href).searchParams.get('idp') === person.idp);
    return link ? browser.open(link.href, { from: page.url, stopAt }) : null;
  },
  // npm saml-idp asks for no password: it shows the one person it knows, and a button.
  function samlIdp(browser, page, _person, stopAt) {
    const form = forms(page.html, page.url).find((candidate) => candidate.fields.some((field) => field.name === '_authnRequest'));
    return form ? browser.submit(page, form, {}, null, stopAt) : null;
  },
  function idpConsent(browser, page, _person, stopAt) {
    const form = forms(page.html, page.url).find((candidate) => candidate.fields.some((field) => field.name === 'prompt' && field.value === 'consent'));
    return form ? browser.submit(page, form, {}, form.buttons[0] ?? null, stopAt) : null;
  },
];

const consentButton = (form, person) => {
  const wanted = person.deny ? /deny|cancel|refuse/i : /allow|approve|accept/i;
  return form.buttons.find((button) => wanted.test(`${button.value ?? ''} ${button.label}`));
};

/**
 * Signs `person` in, starting at `url`, until the browser is sent to an address that starts with `stopAt`.
 * With `deliver` that address is asked for as well (the client has a listener of its own).
 * Gives the callback address. A page nobody knows, or an error page, is an error that carries its text and the page itself.
 */
export async function signIn({ url, user, idp, stopAt, deliver = false, deny = false, password = passwords[user], browser = new Browser() }) {
  const person = { user, idp, deny, password };
  let page = await browser.open(url, { stopAt });
  for (let count = 0; count < PAGES_AT_MOST && !page.reached; count += 1) {
    if (page.status >= 400) throw withPage(`${page.url.pathname} answered ${page.status}: ${text(page.html).slice(0, 400)}`, page);
    page = await nextPage(browser, page, person, stopAt);
  }
  if (!page.reached) throw new Error(`never reached ${stopAt}; last page ${page.url}`);
  const callback = page.url.href;
  if (deliver) await fetch(callback, { signal: AbortSignal.timeout(15_000) }).then((response) => response.text());
  return { callback, posted: page.posted, trail: browser.trail, consentPage: person.consentPage };
}

const withPage = (message, page) => Object.assign(new Error(message), { page });

async function nextPage(browser, page, person, stopAt) {
  for (const step of steps) {
    const next = await step(browser, page, person, stopAt);
    if (next) return next;
  }
  throw withPage(`no idea what to do on ${page.url.origin}${page.url.pathname} (${page.status}): ${text(page.html).slice(0, 400)}`, page);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { callback, trail } = await signIn(JSON.parse(process.argv[2]));
  const visited = trail.map(({ method, url, status }) => ({ method, url, status }));
  process.stdout.write(`${JSON.stringify({ callback, trail: visited })}\n`);
}
