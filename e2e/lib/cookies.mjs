// A cookie jar with the browser rules that sign-in depends on: host, path, expiry, Secure, and SameSite by who starts the request.
// A cookie without SameSite is Lax, as in browsers. Ports do not separate cookies.

const isTrustworthy = (url) => url.protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);

/** Two addresses are the same site here when scheme and host are equal: loopback names have no registrable domain. */
export const sameSite = (a, b) => a.protocol === b.protocol && a.hostname === b.hostname;

export class CookieJar {
  #cookies = new Map();

  store(url, headers, now = Date.now()) {
    for (const line of headers.getSetCookie()) {
      const [pair, ...rest] = line.split(';').map((part) => part.trim());
      const split = pair.indexOf('=');
      const cookie = { name: pair.slice(0, split), value: pair.slice(split + 1), host: url.hostname, path: defaultPath(url), sameSite: 'lax', line };
      for (const attribute of rest) {
        const [name, ...value] = attribute.split('=');
        apply(cookie, name.toLowerCase(), value.join('='), now);
      }
      if (cookie.secure && !isTrustworthy(url)) continue;
      const isHostPrefixed = cookie.name.startsWith('__Host-');
      if (isHostPrefixed && (!cookie.secure || cookie.path !== '/' || cookie.domain)) continue;
      const key = `${cookie.host}|${cookie.path}|${cookie.name}`;
      if (cookie.expires !== undefined && cookie.expires <= now) this.#cookies.delete(key);
      else this.#cookies.set(key, cookie);
    }
  }

  /** The Cookie header for a navigation of `method` to `url`, started by a page of `initiator` (null: typed by the person). */
  header(url, method, initiator, now = Date.now()) {
    const crossSite = initiator !== null && !sameSite(url, initiator);
    const sent = [...this.#cookies.values()].filter((cookie) => {
      if (cookie.host !== url.hostname || !pathMatches(url.pathname, cookie.path)) return false;
      if (cookie.expires !== undefined && cookie.expires <= now) return false;
      if (cookie.secure && !isTrustworthy(url)) return false;
      if (crossSite && cookie.sameSite === 'strict') return false;
      return !(crossSite && method !== 'GET' && cookie.sameSite === 'lax');
    });
    return sent.map((cookie) => `${cookie.name}=${cookie.value}`).join('; ');
  }

  /** Every cookie kept for a host, for assertions on its attributes. */
  of(host) {
    return [...this.#cookies.values()].filter((cookie) => cookie.host === host);
  }
}

function apply(cookie, name, value, now) {
  if (name === 'path' && value.startsWith('/')) cookie.path = value;
  else if (name === 'domain') cookie.domain = value;
  else if (name === 'secure') cookie.secure = true;
  else if (name === 'httponly') cookie.httpOnly = true;
  else if (name === 'samesite') cookie.sameSite = value.toLowerCase();
  else if (name === 'max-age') cookie.expires = now + Number(value) * 1000;
  else if (name === 'expires' && cookie.expires === undefined) cookie.expires = Date.parse(value);
}

const defaultPath = (url) => url.pathname.slice(0, Math.max(1, url.pathname.lastIndexOf('/')));
const pathMatches = (path, cookiePath) => path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`);
