//! The token endpoint: the exchange of the code, and later of a refresh token (OpenID Connect Core 1.0 sections 3.1.3 and 12).

use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::{Secret, json};

use super::authentication::{Client, ClientAuth, ClientAuthError};
use super::discovery::ProviderMetadata;

/// What the token endpoint is asked.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// An `application/x-www-form-urlencoded` body.
    pub body: Secret<String>,
    /// The value of the `Authorization` header, where the client authenticates with it.
    pub authorization: Option<Secret<String>>,
}

/// What is exchanged. `resource` is never sent: it is a parameter for authorization servers, and Microsoft Entra ID refuses it.
#[derive(Debug, Clone, Copy)]
pub enum Exchange<'a> {
    /// The code of a sign-in.
    Code {
        /// From the callback.
        code: &'a str,
        /// Exactly as in the authentication request.
        redirect_uri: &'a str,
        /// The verifier whose challenge was sent (RFC 7636 section 4.5).
        pkce_verifier: &'a str,
    },
    /// The refresh token of a sign-in; the scopes stay those of the sign-in.
    Refresh {
        /// The newest one.
        refresh_token: &'a Secret<String>,
    },
}

/// Builds the request.
pub fn token_request(metadata: &ProviderMetadata, exchange: Exchange<'_>, client: &Client<'_>) -> Result<TokenRequest, ClientAuthError> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    match exchange {
        Exchange::Code { code, redirect_uri, pkce_verifier } => {
            form.append_pair("grant_type", "authorization_code")
                .append_pair("code", code)
                .append_pair("redirect_uri", redirect_uri)
                .append_pair("code_verifier", pkce_verifier);
        }
        Exchange::Refresh { refresh_token } => {
            form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", refresh_token.expose());
        }
    }
    let authorization = client.authenticate(&mut form, metadata)?;
    Ok(TokenRequest { body: Secret::new(form.finish()), authorization })
}

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub struct TokenResponse {
    /// Unverified until [`super::id_token::check`] has read it. A refresh may go without (Core section 12.2).
    pub id_token: Option<Secret<String>>,
    /// For the userinfo endpoint only.
    pub access_token: Secret<String>,
    /// To ask again later, where the provider allows it.
    pub refresh_token: Option<Secret<String>>,
}

impl TokenResponse {
    /// The ID token of a code's exchange (Core section 3.1.3.3).
    pub fn required_id_token(&self) -> Result<&Secret<String>, TokenError> {
        self.id_token.as_ref().ok_or(TokenError::NoIdToken)
    }
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
    #[error("the token endpoint refused: {error}: {description}")]
    Refused {
        /// The error code, such as `invalid_client`.
        error: String,
        /// The IdP's words, perhaps empty.
        description: String,
    },
    /// The IdP does not believe that we are who we are (RFC 6749 section 5.2, `invalid_client`).
    #[error("the token endpoint refused Doorward itself, which proved who it is by {}: {description}", method.name())]
    ClientRefused {
        /// How we tried.
        method: ClientAuth,
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
            Self::ClientRefused { .. } => "oidc.client_refused",
            Self::NoIdToken => "oidc.token_response_without_id_token",
        }
    }
}

/// Reads the token endpoint's answer to a client that proved itself by `method`.
pub fn parse_token_response(status: u16, body: &[u8], method: ClientAuth) -> Result<TokenResponse, TokenError> {
    let malformed = |detail: String| TokenError::Malformed { status, detail };
    let answer = json::parse_object(body).map_err(|error| malformed(error.to_string()))?;
    if let Some(error) = answer.get("error") {
        let error = error.as_str().ok_or_else(|| malformed("`error` is not a string".to_owned()))?;
        if status == 429 || status >= 500 {
            // Not an answer of RFC 6749 section 5.2, whatever word it borrows from there: the provider is busy or out of order.
            return Err(malformed(format!("the error `{error}`")));
        }
        let description = answer.get("error_description").and_then(Value::as_str).unwrap_or_default();
        if error == "invalid_client" {
            return Err(TokenError::ClientRefused { method, description: description.to_owned() });
        }
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
    let optional = |member| string(&answer, member).map(|value| Secret::new(value.to_owned()));
    Ok(TokenResponse {
        id_token: optional("id_token"),
        access_token: Secret::new(access_token.to_owned()),
        refresh_token: optional("refresh_token"),
    })
}

/// A member that is a non-empty string.
fn string<'a>(answer: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    answer.get(member).and_then(Value::as_str).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
