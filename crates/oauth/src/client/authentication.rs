//! How we prove at the token endpoint who we are (OpenID Connect Core 1.0 section 9, RFC 6749 section 2.3.1, RFC 7523).
//!
//! A client assertion is for one endpoint, works once and lives a minute. Its audience is the URL that it is posted to: the
//! only audience that every provider takes (Okta and Microsoft Entra ID take no other), and nobody who is given it can use it
//! anywhere else, since we post it nowhere else and follow no redirect.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::json;
use url::form_urlencoded;

use crate::Secret;
use crate::jwt::{self, Alg, SigningKey};

use super::discovery::ProviderMetadata;

/// How long an assertion may be used.
const ASSERTION_LIFETIME: Duration = Duration::from_mins(1);
/// RFC 7523 section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A way to prove who we are, by its registered name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// The secret in the `Authorization` header.
    SecretBasic,
    /// The secret in the body.
    SecretPost,
    /// An assertion under the secret, HS256.
    SecretJwt,
    /// An assertion under our own key.
    PrivateKeyJwt,
    /// Nothing: a public client, whose code PKCE protects.
    None,
}

impl ClientAuth {
    const ALL: [Self; 5] = [Self::SecretBasic, Self::SecretPost, Self::SecretJwt, Self::PrivateKeyJwt, Self::None];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::SecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }

    /// The method of a registered name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether it needs a secret.
    pub fn needs_secret(self) -> bool {
        match self {
            Self::SecretBasic | Self::SecretPost | Self::SecretJwt => true,
            Self::PrivateKeyJwt | Self::None => false,
        }
    }

    /// What the administrator chose, else the first of header, body and assertion that the provider takes and the secret allows.
    ///
    /// Without a secret it is [`ClientAuth::None`]: many providers serve public clients and do not say so. A provider that
    /// names no methods takes the secret in the header (Discovery section 3).
    pub fn choose(configured: Option<Self>, has_secret: bool, metadata: &ProviderMetadata) -> Result<Self, ClientAuthError> {
        let offered = &metadata.token_endpoint_auth_methods;
        match configured {
            Some(method) => Ok(method),
            None if !has_secret => Ok(Self::None),
            None if offered.is_empty() => Ok(Self::SecretBasic),
            None => [Self::SecretBasic, Self::SecretPost, Self::SecretJwt]
                .into_iter()
                .find(|method| offered.iter().any(|name| name == method.name()))
                .ok_or_else(|| ClientAuthError::NoCommonMethod { offered: offered.clone() }),
        }
    }
}

/// Why we cannot prove who we are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientAuthError {
    /// The provider takes no method that works with a secret.
    #[error("the identity provider takes a client by {offered:?} only, and a client secret fits none of them")]
    NoCommonMethod {
        /// As advertised.
        offered: Vec<String>,
    },
    /// The provider takes assertions under no algorithm that we sign with.
    #[error("the identity provider takes client assertions signed with {offered:?} only")]
    NoCommonAlgorithm {
        /// As advertised.
        offered: Vec<String>,
    },
    /// The method needs a secret or a key, and there is none.
    #[error("{} cannot be used: there is no {missing}", method.name())]
    Incomplete {
        /// The method.
        method: ClientAuth,
        /// What it needs.
        missing: &'static str,
    },
    /// The assertion could not be signed.
    #[error("the client assertion could not be signed")]
    Signing,
}

impl ClientAuthError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCommonMethod { .. } => "oidc.client_auth_no_common_method",
            Self::NoCommonAlgorithm { .. } => "oidc.client_auth_no_common_algorithm",
            Self::Incomplete { .. } => "oidc.client_auth_incomplete",
            Self::Signing => "oidc.client_auth_signing_failed",
        }
    }
}

/// The algorithm of an assertion under our own key: ES256 where the provider names it, else RS256, which every provider
/// should know (Discovery section 3) and which is meant where it names none.
pub fn assertion_algorithm(metadata: &ProviderMetadata) -> Result<Alg, ClientAuthError> {
    let offered = &metadata.token_endpoint_auth_algorithms;
    let takes = |alg: Alg| offered.iter().any(|name| name == alg.name());
    if takes(Alg::Es256) {
        Ok(Alg::Es256)
    } else if offered.is_empty() || takes(Alg::Rs256) {
        Ok(Alg::Rs256)
    } else {
        Err(ClientAuthError::NoCommonAlgorithm { offered: offered.clone() })
    }
}

/// Us, at one provider, for one request.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// Our identifier at the IdP.
    pub id: &'a str,
    /// How we prove it.
    pub method: ClientAuth,
    /// Our secret, for the methods that need one.
    pub secret: Option<&'a Secret<String>>,
    /// Our key, for [`ClientAuth::PrivateKeyJwt`].
    pub key: Option<&'a SigningKey>,
    /// A fresh name for the assertion.
    pub assertion_id: &'a str,
    /// The current instant.
    pub now: Timestamp,
}

impl Client<'_> {
    /// Adds to the form what proves us, or gives the value of the `Authorization` header that does.
    pub(super) fn authenticate(
        &self,
        form: &mut form_urlencoded::Serializer<'_, String>,
        metadata: &ProviderMetadata,
    ) -> Result<Option<Secret<String>>, ClientAuthError> {
        let incomplete = |missing| ClientAuthError::Incomplete { method: self.method, missing };
        let secret = || self.secret.ok_or_else(|| incomplete("client secret"));
        match self.method {
            ClientAuth::SecretBasic => return Ok(Some(basic(self.id, secret()?))),
            ClientAuth::SecretPost => {
                form.append_pair("client_id", self.id).append_pair("client_secret", secret()?.expose());
            }
            ClientAuth::SecretJwt => {
                let assertion = self.hs256(secret()?, metadata);
                form.append_pair("client_id", self.id);
                form.append_pair("client_assertion_type", ASSERTION_TYPE).append_pair("client_assertion", assertion.expose());
            }
            ClientAuth::PrivateKeyJwt => {
                let key = self.key.ok_or_else(|| incomplete("key"))?;
                let assertion = jwt::sign(key, "JWT", &self.claims(metadata)).map_err(|_| ClientAuthError::Signing)?;
                form.append_pair("client_id", self.id);
                form.append_pair("client_assertion_type", ASSERTION_TYPE).append_pair("client_assertion", &assertion);
            }
            ClientAuth::None => {
                form.append_pair("client_id", self.id);
            }
        }
        Ok(None)
    }

    /// Core section 9, RFC 7523 section 3.
    fn claims(&self, metadata: &ProviderMetadata) -> serde_json::Value {
        let expires_at = self.now.checked_add(ASSERTION_LIFETIME).unwrap_or(self.now);
        json!({
            "iss": self.id,
            "sub": self.id,
            "aud": metadata.token_endpoint.as_str(),
            "jti": self.assertion_id,
            "iat": self.now.as_second(),
            "exp": expires_at.as_second(),
        })
    }

    /// The one place where a secret signs; nothing here ever verifies such a signature.
    fn hs256(&self, secret: &Secret<String>, metadata: &ProviderMetadata) -> Secret<String> {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(self.claims(metadata).to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()), signed.as_bytes());
        Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref())))
    }
}

/// RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
fn basic(client_id: &str, secret: &Secret<String>) -> Secret<String> {
    let encode = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
}
