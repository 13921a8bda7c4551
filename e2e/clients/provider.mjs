// The memory of an OAuth client for the two TypeScript SDKs, with a person at the browser in place of a window.
import { signIn } from '../lib/browser.mjs';

const REDIRECT = 'http://127.0.0.1:9/callback';

export class Provider {
  redirectUrl = REDIRECT;
  clientMetadata;
  #client;
  #tokens;
  #verifier;
  #discovery;
  #state = crypto.randomUUID();

  constructor(job, name) {
    this.job = job;
    this.clientMetadata = { client_name: name, redirect_uris: [REDIRECT], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' };
  }

  state = () => this.#state;
  clientInformation = () => this.#client;
  saveClientInformation = (client) => { this.#client = client; };
  codeVerifier = () => this.#verifier;
  saveCodeVerifier = (verifier) => { this.#verifier = verifier; };
  discoveryState = () => this.#discovery;
  saveDiscoveryState = (state) => { this.#discovery = state; };
  saveTokens = (tokens) => { this.#tokens = tokens; this.isExpired = false; };

  /** The tokens; an expired access token is played by one that nobody issued, so that the SDK itself must notice and refresh. */
  tokens = () => (this.isExpired && this.#tokens ? { ...this.#tokens, access_token: `${this.#tokens.access_token}x` } : this.#tokens);

  redirectToAuthorization = async (url) => {
    if (this.isAlone) throw new Error('must sign in again');
    const { callback } = await signIn({ url: url.href, user: this.job.user, idp: this.job.idp, stopAt: REDIRECT });
    this.callback = new URL(callback);
    if (this.callback.searchParams.get('state') !== this.#state) throw new Error(`another state: ${callback}`);
  };

  invalidateCredentials = (scope) => {
    if (scope === 'all' || scope === 'tokens') this.#tokens = undefined;
    if (scope === 'all' || scope === 'client') this.#client = undefined;
  };
}
