// npm samlp 8 as a company's IdP: one identity provider for each way to sign and encrypt, all on one port.
import { readFileSync } from 'node:fs';
import express from 'express';
import samlp from 'samlp';
import { people } from '../people.mjs';

const { E2E_IDP_URL: url, E2E_IDP_WORK: work } = process.env;
const key = readFileSync(`${work}/idp.key`, 'utf8');
const cert = readFileSync(`${work}/idp.crt`, 'utf8');
const encryption = { encryptionCert: readFileSync(`${work}/sp.crt`, 'utf8'), encryptionPublicKey: readFileSync(`${work}/sp.pub`, 'utf8') };
const cbc = { ...encryption, encryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#aes256-cbc', disallowEncryptionWithInsecureAlgorithm: false };

const variants = {
  'signed-assertion': {},
  'signed-response': { signAssertion: false, signResponse: true },
  'signed-both': { signResponse: true },
  'encrypted-gcm': encryption,
  'encrypted-cbc': cbc,
  'encrypted-cbc-signed-response': { ...cbc, signResponse: true },
  sha1: { signatureAlgorithm: 'rsa-sha1', digestAlgorithm: 'sha1' },
};

/** How samlp asks for what stands in the assertion. */
function profile(user) {
  const { email, name, groups } = people[user];
  return {
    getClaims: () => ({ uid: user, mail: email, displayName: name, groups }),
    getNameIdentifier: () => ({ nameIdentifier: email, nameIdentifierFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress' }),
  };
}
profile.prototype.metadata = []; // samlp's metadata page lists these

const person = { profileMapper: profile, getUserFromRequest: signedIn, authnContextClassRef: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport' };

function signedIn(request) {
  return /(?:^|; )person=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
}

const form = '<!doctype html><title>samlp</title><form method="post"><input name="username"><input name="password" type="password"><button>Sign in</button></form>';

const app = express();
app.use(express.urlencoded({ extended: false }));
for (const [name, options] of Object.entries(variants)) {
  const issuer = `${url}/${name}`;
  const at = { redirectEndpointPath: `/${name}/sso`, postEndpointPath: `/${name}/sso` };
  app.get(`/${name}/metadata`, samlp.metadata({ issuer, cert, profileMapper: profile, ...at }));
  app.get(`/${name}/sso`, (request, response, next) => {
    if (!signedIn(request)) return response.type('html').send(form);
    const signingCert = encryption.encryptionCert; // the signature of the request must be the service provider's
    return samlp.parseRequest(request, { signingCert }, (error, asked) => {
      if (error) return next(error);
      const acs = asked.assertionConsumerServiceURL;
      const where = { recipient: acs, destination: acs, getPostURL: (_audience, _request, _http, done) => done(null, acs) };
      return samlp.auth({ issuer, cert, key, signingCert, ...options, ...where, ...person })(request, response, next);
    });
  });
  app.post(`/${name}/sso`, (request, response) => {
    const { username, password } = request.body;
    if (people[username]?.password !== password) return response.status(401).type('html').send(form);
    response.set('set-cookie', `person=${username}; Path=/${name}/; HttpOnly; SameSite=Lax`);
    return response.redirect(303, request.originalUrl);
  });
}
app.listen(Number(new URL(url).port), '127.0.0.1', () => console.log(`ready ${url}`));
