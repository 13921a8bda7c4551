//! The token request: RFC 6749 sections 2.3, 4.1.3, 5 and 6, RFC 7636 section 4.5, RFC 8707 section 2.2, RFC 7009.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::parameters::Parameters;
use crate::Secret;

/// The longest code, refresh token or secret that is looked up.
const MAX_CREDENTIAL_BYTES: usize = 512;

/// A token request that is well-formed; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRequest {
    /// `grant_type=authorization_code`.
    AuthorizationCode {
        /// The code.
        code: Secret<String>,
        /// Must equal the one of the authorization request.
        redirect_uri: Option<String>,
        /// The proof key's verifier.
        code_verifier: Option<Secret<String>>,
        /// Must mean the grant's resource.
        resource: Option<String>,
    },
    /// `grant_type=refresh_token`.
    RefreshToken {
        /// The refresh token.
        refresh_token: Secret<String>,
        /// Fewer scopes than granted.
        scope: Option<String>,
        /// Must mean the grant's resource.
        resource: Option<String>,
    },
}

/// What a client presents to prove who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// The client's id.
    pub client_id: String,
    /// Its secret, if it sent one.
    pub secret: Option<Secret<String>>,
    /// Whether they came in the `Authorization` header, which the answer to a failure must reflect.
    pub by_header: bool,
}

/// A revocation request, RFC 7009 section 2.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRequest {
    /// An access or refresh token.
    pub token: Secret<String>,
}

/// Why a request to the token or revocation endpoint is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRequestError {
    /// A parameter stands twice.
    #[error("the parameter {0} was sent more than once")]
    Repeated(String),
    /// `grant_type` is missing.
    #[error("grant_type is missing")]
    GrantTypeMissing,
    /// A grant that does not exist here.
    #[error("grant_type must be authorization_code or refresh_token")]
    GrantTypeUnsupported,
    /// A parameter that the grant needs is missing.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A credential is longer than any that was issued.
    #[error("the parameter {0} is too long")]
    TooLong(&'static str),
    /// No client id anywhere.
    #[error("client_id is missing")]
    ClientMissing,
    /// An `Authorization` header that is not well-formed `Basic`.
    #[error("the Authorization header is not well-formed Basic authentication")]
    AuthorizationMalformed,
    /// Secrets by header and by form, or two different client ids (RFC 6749 section 2.3).
    #[error("the client used more than one way to authenticate")]
    AuthenticatedTwice,
}

impl TokenRequestError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Repeated(_) => "oauth.token_parameter_repeated",
            Self::GrantTypeMissing => "oauth.token_grant_type_missing",
            Self::GrantTypeUnsupported => "oauth.token_grant_type_unsupported",
            Self::Missing(_) => "oauth.token_parameter_missing",
            Self::TooLong(_) => "oauth.token_parameter_too_long",
            Self::ClientMissing => "oauth.token_client_missing",
            Self::AuthorizationMalformed => "oauth.token_authorization_malformed",
            Self::AuthenticatedTwice => "oauth.token_authenticated_twice",
        }
    }

    /// The `error` member of the answer (RFC 6749 section 5.2).
    pub fn oauth_error(&self) -> &'static str {
        match self {
            Self::Repeated(_) | Self::GrantTypeMissing | Self::Missing(_) | Self::TooLong(_) | Self::AuthenticatedTwice => {
                "invalid_request"
            }
            Self::GrantTypeUnsupported => "unsupported_grant_type",
            Self::ClientMissing | Self::AuthorizationMalformed => "invalid_client",
        }
    }
}

/// The answer to a granted request (RFC 6749 section 5.1).
#[derive(Serialize)]
pub struct TokenResponse<'a> {
    /// The access token.
    pub access_token: &'a str,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: u64,
    /// The refresh token, if the client may refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<&'a str>,
    /// What was granted.
    pub scope: String,
}

impl TokenRequest {
    /// Reads a token request.
    pub fn parse(parameters: &Parameters) -> Result<Self, TokenRequestError> {
        if let Some(name) = parameters.repeated() {
            return Err(TokenRequestError::Repeated(name.to_owned()));
        }
        let resource = parameters.get("resource").map(str::to_owned);
        match parameters.get("grant_type") {
            None => Err(TokenRequestError::GrantTypeMissing),
            Some("authorization_code") => Ok(Self::AuthorizationCode {
                code: credential(parameters, "code")?,
                redirect_uri: parameters.get("redirect_uri").map(str::to_owned),
                code_verifier: parameters.get("code_verifier").map(|verifier| Secret::new(verifier.to_owned())),
                resource,
            }),
            Some("refresh_token") => Ok(Self::RefreshToken {
                refresh_token: credential(parameters, "refresh_token")?,
                scope: parameters.get("scope").map(str::to_owned),
                resource,
            }),
            Some(_) => Err(TokenRequestError::GrantTypeUnsupported),
        }
    }
}

impl RevocationRequest {
    /// Reads a revocation request. `token_type_hint` is not needed to tell our tokens apart.
    pub fn parse(parameters: &Parameters) -> Result<Self, TokenRequestError> {
        if let Some(name) = parameters.repeated() {
            return Err(TokenRequestError::Repeated(name.to_owned()));
        }
        let token = parameters.get("token").ok_or(TokenRequestError::Missing("token"))?;
        Ok(Self { token: Secret::new(token.to_owned()) })
    }
}

impl ClientCredentials {
    /// Reads the client's credentials from the header and the form; not from both (RFC 6749 section 2.3).
    pub fn parse(authorization: Option<&str>, parameters: &Parameters) -> Result<Self, TokenRequestError> {
        for name in ["client_id", "client_secret"] {
            if parameters.is_repeated(name) {
                return Err(TokenRequestError::Repeated(name.to_owned()));
            }
        }
        let secret = parameters.get("client_secret");
        if secret.is_some_and(|secret| secret.len() > MAX_CREDENTIAL_BYTES) {
            return Err(TokenRequestError::TooLong("client_secret"));
        }
        let Some(authorization) = authorization else {
            let client_id = parameters.get("client_id").ok_or(TokenRequestError::ClientMissing)?.to_owned();
            return Ok(Self { client_id, secret: secret.map(|secret| Secret::new(secret.to_owned())), by_header: false });
        };
        let (client_id, header_secret) = basic(authorization).ok_or(TokenRequestError::AuthorizationMalformed)?;
        if secret.is_some() || parameters.get("client_id").is_some_and(|form| form != client_id) {
            return Err(TokenRequestError::AuthenticatedTwice);
        }
        let secret = (!header_secret.expose().is_empty()).then_some(header_secret);
        Ok(Self { client_id, secret, by_header: true })
    }
}

fn credential(parameters: &Parameters, name: &'static str) -> Result<Secret<String>, TokenRequestError> {
    match parameters.get(name) {
        None => Err(TokenRequestError::Missing(name)),
        Some(value) if value.len() > MAX_CREDENTIAL_BYTES => Err(TokenRequestError::TooLong(name)),
        Some(value) => Ok(Secret::new(value.to_owned())),
    }
}

/// RFC 7617 with the form encoding of RFC 6749 section 2.3.1: `Basic base64(id ":" secret)`.
fn basic(authorization: &str) -> Option<(String, Secret<String>)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > 4 * MAX_CREDENTIAL_BYTES {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let client_id = form_decode(id).filter(|id| !id.is_empty())?;
    Some((client_id, Secret::new(form_decode(secret)?)))
}

/// One form-encoded value. `None`: it would decode to more than one.
fn form_decode(value: &str) -> Option<String> {
    if value.contains(['&', '=']) {
        return Some(value.to_owned()); // not form-encoded: a client that skips the encoding of RFC 6749 section 2.3.1
    }
    let mut pairs = url::form_urlencoded::parse(value.as_bytes());
    match (pairs.next(), pairs.next()) {
        (None, _) => Some(String::new()),
        (Some((decoded, _)), None) => Some(decoded.into_owned()),
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests;
