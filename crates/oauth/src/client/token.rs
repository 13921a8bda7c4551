//! The exchange of the code (OpenID Connect Core 1.0 sections 3.1.3.1 to 3.1.3.5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::{Secret, json};

use super::discovery::ProviderMetadata;

/// What the token endpoint is asked.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// An `application/x-www-form-urlencoded` body.
    pub body: Secret<String>,
    /// The value of the `Authorization` header, where the client authenticates with it.
    pub authorization: Option<Secret<String>>,
}

/// What goes into the exchange.
#[derive(Debug, Clone)]
pub struct CodeExchange<'a> {
    /// From the callback.
    pub code: &'a str,
    /// Exactly as in the authentication request.
    pub redirect_uri: &'a str,
    /// The verifier whose challenge was sent (RFC 7636 section 4.5).
    pub pkce_verifier: &'a str,
    /// Our identifier at the IdP.
    pub client_id: &'a str,
    /// None for a public client.
    pub client_secret: Option<&'a Secret<String>>,
}

/// Builds the request; the secret goes into the header (RFC 6749 section 2.3.1) unless the IdP only takes it in the body.
pub fn token_request(metadata: &ProviderMetadata, exchange: &CodeExchange<'_>) -> TokenRequest {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", exchange.code)
        .append_pair("redirect_uri", exchange.redirect_uri)
        .append_pair("code_verifier", exchange.pkce_verifier);
    let methods = &metadata.token_endpoint_auth_methods;
    let in_header = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
    let authorization = match exchange.client_secret {
        Some(secret) if in_header => Some(basic(exchange.client_id, secret)),
        Some(secret) => {
            form.append_pair("client_id", exchange.client_id).append_pair("client_secret", secret.expose());
            None
        }
        None => {
            form.append_pair("client_id", exchange.client_id);
            None
        }
    };
    TokenRequest { body: Secret::new(form.finish()), authorization }
}

/// RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
fn basic(client_id: &str, secret: &Secret<String>) -> Secret<String> {
    let encode = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
}

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub struct TokenResponse {
    /// Unverified until [`super::id_token::check`] has read it.
    pub id_token: Secret<String>,
    /// For the userinfo endpoint only.
    pub access_token: Secret<String>,
}

/// Why the exchange gave no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The answer is not what RFC 6749 section 5 describes.
    #[error("the answer of the token endpoint (status {status}) cannot be read: {detail}")]
    Malformed {
        /// The HTTP status.
        status: u16,
        /// Where and why.
        detail: String,
    },
    /// The IdP refused (RFC 6749 section 5.2).
    #[error("the token endpoint refused the code: {error}: {description}")]
    Refused {
        /// The error code, such as `invalid_client`.
        error: String,
        /// The IdP's words, perhaps empty.
        description: String,
    },
    /// No `id_token`: the request had no `openid` scope, or the IdP speaks OAuth only.
    #[error("the token endpoint gave no ID token")]
    NoIdToken,
}

impl TokenError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "oidc.token_response_malformed",
            Self::Refused { .. } => "oidc.token_refused",
            Self::NoIdToken => "oidc.token_response_without_id_token",
        }
    }
}

/// Reads the token endpoint's answer.
pub fn parse_token_response(status: u16, body: &[u8]) -> Result<TokenResponse, TokenError> {
    let malformed = |detail: String| TokenError::Malformed { status, detail };
    let answer = json::parse_object(body).map_err(|error| malformed(error.to_string()))?;
    if let Some(error) = answer.get("error") {
        let error = error.as_str().ok_or_else(|| malformed("`error` is not a string".to_owned()))?;
        let description = answer.get("error_description").and_then(Value::as_str).unwrap_or_default();
        return Err(TokenError::Refused { error: error.to_owned(), description: description.to_owned() });
    }
    if status != 200 {
        return Err(malformed("neither tokens nor an error".to_owned()));
    }
    // RFC 6749 section 7.1: a token of unknown type must not be used.
    if !string(&answer, "token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("Bearer")) {
        return Err(malformed("`token_type` is not Bearer".to_owned()));
    }
    let access_token = string(&answer, "access_token").ok_or_else(|| malformed("no `access_token`".to_owned()))?;
    let id_token = string(&answer, "id_token").ok_or(TokenError::NoIdToken)?;
    Ok(TokenResponse { id_token: Secret::new(id_token.to_owned()), access_token: Secret::new(access_token.to_owned()) })
}

/// A member that is a non-empty string.
fn string<'a>(answer: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    answer.get(member).and_then(Value::as_str).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
