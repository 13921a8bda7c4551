//! The IdP's metadata (OpenID Connect Discovery 1.0): its issuer, its endpoints, its algorithms.

use std::fmt;

use serde_json::{Map, Value};
use url::{Host, Url};

use crate::json;
use crate::jwt::Alg;

use super::issuer::{self, TokenIssuer};

/// An issuer identifier, kept byte for byte: it is compared as a string and never normalised (RFC 8414 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerUrl(String);

impl IssuerUrl {
    /// Reads an issuer: `https` (or `http` on a loopback host), no user, query or fragment (Discovery section 3).
    pub fn parse(value: &str) -> Result<Self, DiscoveryError> {
        let invalid = |problem| DiscoveryError::InvalidIssuer { value: value.to_owned(), problem };
        let url = Url::parse(value).map_err(|_| invalid("it is not an absolute URL"))?;
        if !is_secure(&url) {
            return Err(invalid("it must begin with https:// (http:// only for a loopback host)"));
        }
        if !url.username().is_empty() || url.password().is_some() || value.contains('@') {
            return Err(invalid("it must not name a user"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it must have no query and no fragment"));
        }
        if value.bytes().any(|byte| byte.is_ascii_control() || byte == b' ' || byte == b'\\') {
            return Err(invalid("it holds a character that no URL has"));
        }
        Ok(Self(value.to_owned()))
    }

    /// The issuer as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the metadata is: the issuer without a closing slash, and `/.well-known/openid-configuration` (Discovery section 4).
    pub fn discovery_url(&self) -> Result<Url, DiscoveryError> {
        Url::parse(&format!("{}/.well-known/openid-configuration", self.0.trim_end_matches('/')))
            .map_err(|_| DiscoveryError::InvalidIssuer { value: self.0.clone(), problem: "it is not an absolute URL" })
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why an issuer or its metadata is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The configured issuer is not an issuer identifier.
    #[error("`{value}` is not an issuer: {problem}")]
    InvalidIssuer {
        /// As configured.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The document is not one JSON object without duplicate keys, or a member has the wrong type.
    #[error("the discovery document cannot be read: {detail}")]
    Malformed {
        /// Where and why.
        detail: String,
    },
    /// The document speaks for another issuer (Discovery section 4.3: the values must be identical).
    #[error("the discovery document is of issuer `{received}`, expected `{expected}`")]
    IssuerMismatch {
        /// As configured.
        expected: String,
        /// As received.
        received: String,
    },
    /// A member that the code flow needs is missing.
    #[error("the discovery document has no `{member}`")]
    Missing {
        /// The member's name.
        member: &'static str,
    },
    /// An endpoint is not an `https` URL.
    #[error("`{member}` is `{value}`, which is not an https URL")]
    InsecureEndpoint {
        /// The member's name.
        member: &'static str,
        /// As received.
        value: String,
    },
    /// The IdP signs ID tokens with no algorithm that Doorward accepts.
    #[error("the IdP signs ID tokens with {offered:?} only")]
    NoCommonAlgorithm {
        /// As advertised.
        offered: Vec<String>,
    },
}

impl DiscoveryError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidIssuer { .. } => "oidc.issuer_invalid",
            Self::Malformed { .. } => "oidc.discovery_malformed",
            Self::IssuerMismatch { .. } => "oidc.discovery_issuer_mismatch",
            Self::Missing { .. } => "oidc.discovery_incomplete",
            Self::InsecureEndpoint { .. } => "oidc.discovery_insecure_endpoint",
            Self::NoCommonAlgorithm { .. } => "oidc.discovery_no_common_algorithm",
        }
    }
}

/// What Doorward uses of an IdP's metadata; every field is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderMetadata {
    /// The configured issuer.
    pub issuer: IssuerUrl,
    /// What `iss` of its ID tokens may be: the configured issuer, but for some of Microsoft Entra ID ([`super::issuer`]).
    pub token_issuers: Vec<TokenIssuer>,
    /// Where the browser is sent.
    pub authorization_endpoint: Url,
    /// Where the code is exchanged.
    pub token_endpoint: Url,
    /// Where the signing keys are.
    pub jwks_uri: Url,
    /// Where more claims are, if anywhere.
    pub userinfo_endpoint: Option<Url>,
    /// Where RP-initiated logout begins, if anywhere.
    pub end_session_endpoint: Option<Url>,
    /// The allow-list for ID tokens: advertised, and accepted by us. Asymmetric ones only, so a client secret is never a signing key.
    pub id_token_algorithms: Vec<Alg>,
    /// `client_secret_basic`, `client_secret_post`, …; empty means the default, `client_secret_basic`.
    pub token_endpoint_auth_methods: Vec<String>,
    /// The algorithms that client assertions may be signed with; empty: the provider does not say.
    pub token_endpoint_auth_algorithms: Vec<String>,
    /// Whether the authorization response must carry `iss` (RFC 9207 section 3).
    pub iss_in_response: bool,
}

impl ProviderMetadata {
    /// Reads and checks the document that `issuer` published.
    pub fn parse(document: &[u8], issuer: &IssuerUrl) -> Result<Self, DiscoveryError> {
        Self::parse_for(document, issuer, &[])
    }

    /// As [`ProviderMetadata::parse`], for an issuer that stands for many tenants, of which these may sign in.
    pub fn parse_for(document: &[u8], issuer: &IssuerUrl, tenants: &[String]) -> Result<Self, DiscoveryError> {
        let document = Document(json::parse_object(document).map_err(|error| DiscoveryError::Malformed { detail: error.to_string() })?);
        // Discovery section 4.3: the issuer MUST be identical; everything else is read after that.
        let received = document.string("issuer")?.ok_or(DiscoveryError::Missing { member: "issuer" })?;
        let token_issuers = issuer::accepted(issuer, received, tenants)
            .ok_or_else(|| DiscoveryError::IssuerMismatch { expected: issuer.to_string(), received: received.to_owned() })?;
        let required = |member| document.endpoint(member)?.ok_or(DiscoveryError::Missing { member });
        Ok(Self {
            issuer: issuer.clone(),
            token_issuers,
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            jwks_uri: required("jwks_uri")?,
            userinfo_endpoint: document.endpoint("userinfo_endpoint")?,
            end_session_endpoint: document.endpoint("end_session_endpoint")?,
            id_token_algorithms: common_algorithms(&document)?,
            token_endpoint_auth_methods: document.strings("token_endpoint_auth_methods_supported")?.unwrap_or_default(),
            token_endpoint_auth_algorithms: document.strings("token_endpoint_auth_signing_alg_values_supported")?.unwrap_or_default(),
            iss_in_response: document.flag("authorization_response_iss_parameter_supported")?,
        })
    }
}

/// Discovery section 3: `id_token_signing_alg_values_supported` is required; providers that leave it out sign with RS256.
fn common_algorithms(document: &Document) -> Result<Vec<Alg>, DiscoveryError> {
    let offered = document.strings("id_token_signing_alg_values_supported")?.unwrap_or_else(|| vec![Alg::Rs256.name().to_owned()]);
    let common: Vec<Alg> = offered.iter().filter_map(|name| Alg::from_name(name)).collect();
    if common.is_empty() { Err(DiscoveryError::NoCommonAlgorithm { offered }) } else { Ok(common) }
}

/// A parsed document whose members are read by type.
struct Document(Map<String, Value>);

impl Document {
    fn wrong_type(member: &str, expected: &str) -> DiscoveryError {
        DiscoveryError::Malformed { detail: format!("`{member}` is not {expected}") }
    }

    fn string(&self, member: &'static str) -> Result<Option<&str>, DiscoveryError> {
        match self.0.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(|| Self::wrong_type(member, "a string")),
        }
    }

    fn flag(&self, member: &'static str) -> Result<bool, DiscoveryError> {
        match self.0.get(member) {
            None | Some(Value::Null) => Ok(false),
            Some(value) => value.as_bool().ok_or_else(|| Self::wrong_type(member, "a boolean")),
        }
    }

    fn strings(&self, member: &'static str) -> Result<Option<Vec<String>>, DiscoveryError> {
        match self.0.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(items)) => {
                let strings: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                strings.map(Some).ok_or_else(|| Self::wrong_type(member, "an array of strings"))
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                Err(Self::wrong_type(member, "an array of strings"))
            }
        }
    }

    /// An endpoint: an `https` URL without fragment (RFC 6749 section 3.1), or `http` on a loopback host.
    fn endpoint(&self, member: &'static str) -> Result<Option<Url>, DiscoveryError> {
        let Some(value) = self.string(member)? else { return Ok(None) };
        let insecure = || DiscoveryError::InsecureEndpoint { member, value: value.to_owned() };
        let url = Url::parse(value).map_err(|_| insecure())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if is_secure(&url) && plain { Ok(Some(url)) } else { Err(insecure()) }
    }
}

/// `https`, or `http` on a host that is this computer.
fn is_secure(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Domain(name))) => name == "localhost",
        ("http", Some(Host::Ipv4(address))) => address.is_loopback(),
        ("http", Some(Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
