// LemonLDAP::NG's configuration: a portal that is a SAML identity provider and an OpenID provider for the services named.

const BASIC = 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic';
const TWENTY_HOURS = 72_000;

/** `lmConf-1.json`: `saml` are service providers `{ metadata, encrypt, signResponse }` and `openid` relying parties, by name. */
export function configuration({ url, work, key, certificate, publicKey, saml, openid }) {
  return {
    cfgNum: 1, cfgDate: 1, cfgAuthor: 'test', cfgVersion: '2.16.1', portal: `${url}/`, domain: '127.0.0.1', cookieName: 'lemonldap', securedCookie: 0, timeout: TWENTY_HOURS,
    authentication: 'Demo', userDB: 'Same', passwordDB: 'Demo', registerDB: 'Null',
    demoExportedVars: { cn: 'cn', mail: 'mail', uid: 'uid' },
    globalStorage: 'Apache::Session::File', globalStorageOptions: sessions(`${work}/sessions`),
    persistentStorage: 'Apache::Session::File', persistentStorageOptions: sessions(`${work}/psessions`),
    localSessionStorage: 'Cache::FileCache',
    localSessionStorageOptions: { cache_depth: 3, cache_root: `${work}/cache`, default_expires_in: 600, directory_umask: '007', namespace: 'lemonldap-ng-sessions' },
    key: 'only-for-tests-on-loopback', whatToTrace: 'uid', locationRules: { [new URL(url).hostname]: { default: 'accept' } },
    notification: 0, requireToken: 0, portalCheckLogins: 0, loginHistoryEnabled: 0, portalDisplayRegister: 0, portalDisplayResetPassword: 0,
    captcha: '::Captcha::None',
    ...samlProvider({ url, key, certificate, saml }),
    ...openIdProvider({ url, key, publicKey, openid }),
  };
}

const sessions = (folder) => ({ Directory: folder, LockDirectory: `${folder}/lock`, generateModule: 'Lemonldap::NG::Common::Apache::Session::Generate::SHA256' });
const each = (entries, make) => Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, make(value)]));

function samlProvider({ url, key, certificate, saml }) {
  return {
    issuerDBSAMLActivation: 1, issuerDBSAMLPath: '^/saml/', issuerDBSAMLRule: 1,
    samlEntityID: `${url}/saml/metadata`, samlOrganizationName: 'Test', samlOrganizationDisplayName: 'Test', samlOrganizationURL: url,
    samlServicePrivateKeySig: key, samlServicePublicKeySig: certificate, samlServiceUseCertificateInResponse: 1, samlServiceSignatureMethod: 'RSA_SHA256',
    samlSPMetaDataXML: each(saml, ({ metadata }) => ({ samlSPMetaDataXML: metadata })),
    samlSPMetaDataExportedAttributes: each(saml, () => ({
      mail: `1;mail;${BASIC};`, uid: `1;uid;${BASIC};`, cn: `0;displayName;${BASIC};`, groups: `0;groups;${BASIC};`,
    })),
    samlSPMetaDataOptions: each(saml, ({ encrypt = false, signResponse = true }) => ({
      samlSPMetaDataOptionsNameIDFormat: 'email', samlSPMetaDataOptionsSignatureMethod: 'RSA_SHA256',
      samlSPMetaDataOptionsSignSSOMessage: Number(signResponse), samlSPMetaDataOptionsCheckSSOMessageSignature: 1,
      samlSPMetaDataOptionsEncryptionMode: encrypt ? 'assertion' : 'none',
      samlSPMetaDataOptionsNotOnOrAfterTimeout: TWENTY_HOURS, samlSPMetaDataOptionsSessionNotOnOrAfterTimeout: TWENTY_HOURS,
    })),
  };
}

function openIdProvider({ url, key, publicKey, openid }) {
  return {
    issuerDBOpenIDConnectActivation: 1, issuerDBOpenIDConnectPath: '^/oauth2/', issuerDBOpenIDConnectRule: 1,
    oidcServiceMetaDataIssuer: url, oidcServicePrivateKeySig: key, oidcServicePublicKeySig: publicKey, oidcServiceKeyIdSig: 'llng-1',
    oidcServiceAllowAuthorizationCodeFlow: 1,
    oidcRPMetaDataOptions: each(openid, ({ clientId, clientSecret, redirectUri, claimsInIdToken }) => ({
      oidcRPMetaDataOptionsClientID: clientId, oidcRPMetaDataOptionsClientSecret: clientSecret, oidcRPMetaDataOptionsRedirectUris: redirectUri,
      oidcRPMetaDataOptionsIDTokenSignAlg: 'RS256', oidcRPMetaDataOptionsBypassConsent: 1, oidcRPMetaDataOptionsUserIDAttr: 'uid',
      oidcRPMetaDataOptionsRefreshToken: 1, oidcRPMetaDataOptionsIDTokenForceClaims: Number(claimsInIdToken),
    })),
    oidcRPMetaDataExportedVars: each(openid, () => ({ email: 'mail', name: 'cn', preferred_username: 'uid', groups: 'groups;string;always' })),
    oidcRPMetaDataOptionsExtraClaims: each(openid, () => ({ groups: 'groups' })),
  };
}
