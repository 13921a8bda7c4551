//! The address the browser is sent to, and the parameters it brings back (OpenID Connect Core 1.0 sections 3.1.2.1 to 3.1.2.7).

use url::Url;

use crate::pkce::CodeChallenge;

use super::discovery::{IssuerUrl, ProviderMetadata};

const GOOGLE: &str = "https://accounts.google.com";

/// One authentication request.
#[derive(Debug, Clone)]
pub struct AuthenticationRequest<'a> {
    /// Our identifier at the IdP.
    pub client_id: &'a str,
    /// Our callback, exactly as registered at the IdP.
    pub redirect_uri: &'a str,
    /// Must hold `openid`.
    pub scopes: &'a [String],
    /// Unguessable, bound to the browser.
    pub state: &'a str,
    /// Unguessable, comes back inside the ID token.
    pub nonce: &'a str,
    /// The challenge of a verifier that stays here (RFC 7636 section 4.3).
    pub code_challenge: &'a CodeChallenge,
    /// The oldest sign-in at the IdP that is good enough, in seconds.
    pub max_age: Option<u64>,
    /// Wanted authentication context classes, best first.
    pub acr_values: &'a [String],
    /// What the IdP is to ask the person for, such as `login` or `select_account`.
    pub prompt: Option<&'a str>,
    /// Who probably signs in.
    pub login_hint: Option<&'a str>,
    /// Of which domain or tenant people are, so that the IdP need not ask.
    pub domain_hint: Option<&'a str>,
}

/// The authorization URL: code flow, `S256`, `state` and `nonce`, always.
///
/// Parameters that the endpoint's URL already has are kept (RFC 6749 section 3.1), except those set here.
pub fn authorization_url(metadata: &ProviderMetadata, request: &AuthenticationRequest<'_>) -> Url {
    let mut parameters: Vec<(&str, String)> = vec![
        ("response_type", "code".to_owned()),
        ("client_id", request.client_id.to_owned()),
        ("redirect_uri", request.redirect_uri.to_owned()),
        ("scope", request.scopes.join(" ")),
        ("state", request.state.to_owned()),
        ("nonce", request.nonce.to_owned()),
        ("code_challenge", request.code_challenge.as_str().to_owned()),
        ("code_challenge_method", "S256".to_owned()),
    ];
    parameters.extend(request.max_age.map(|seconds| ("max_age", seconds.to_string())));
    if !request.acr_values.is_empty() {
        parameters.push(("acr_values", request.acr_values.join(" ")));
    }
    parameters.extend(request.prompt.map(|prompt| ("prompt", prompt.to_owned())));
    parameters.extend(request.login_hint.map(|hint| ("login_hint", hint.to_owned())));
    // Google has a name of its own for it.
    let hint_name = if metadata.issuer.as_str() == GOOGLE { "hd" } else { "domain_hint" };
    parameters.extend(request.domain_hint.map(|hint| (hint_name, hint.to_owned())));

    let mut url = metadata.authorization_endpoint.clone();
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| parameters.iter().all(|(ours, _)| ours != name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(parameters);
    url
}

/// Why the parameters that the browser brought to the callback are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// A parameter stands twice (RFC 6749 section 3.1).
    #[error("the parameter `{name}` stands twice in the callback")]
    DuplicateParameter {
        /// The parameter's name.
        name: String,
    },
    /// Neither `code` nor `error`, or no `state`.
    #[error("the callback has no `{name}`")]
    MissingParameter {
        /// The parameter's name.
        name: &'static str,
    },
    /// `iss` names another IdP (RFC 9207 section 2.4): the answer of one IdP was brought to the callback of another.
    #[error("the callback is of issuer `{received}`, expected `{expected}`")]
    IssuerMismatch {
        /// The IdP that was asked.
        expected: String,
        /// As received.
        received: String,
    },
    /// The IdP says that it always sends `iss`, and this answer has none.
    #[error("the callback has no `iss`, although the IdP announces one")]
    IssuerMissing,
    /// The IdP's own refusal (OpenID Connect Core section 3.1.2.6).
    #[error("the IdP refused the sign-in: {error}{}{}{description}", meaning(.error), if .description.is_empty() { "" } else { "; its own words: " })]
    Refused {
        /// The error code, such as `access_denied`.
        error: String,
        /// The IdP's words, perhaps empty.
        description: String,
    },
}

/// Words for the codes of OpenID Connect Core section 3.1.2.6 and RFC 6749 section 4.1.2.1 that come again and again.
fn meaning(error: &str) -> &'static str {
    match error {
        "login_required" | "interaction_required" | "account_selection_required" | "consent_required" => {
            " (it needs a page for the person and was not to show one; Doorward never asks for prompt=none, so look for such a setting there)"
        }
        "access_denied" => " (the person cancelled, or is not assigned to the application)",
        "invalid_scope" => " (compare scopes here with those that it allows)",
        "unauthorized_client" | "unsupported_response_type" => " (the application there is not set up for the authorization code flow)",
        "server_error" | "temporarily_unavailable" => " (the fault is its own: its log has the reason)",
        _ => "",
    }
}

impl CallbackError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DuplicateParameter { .. } => "oidc.callback_duplicate_parameter",
            Self::MissingParameter { .. } => "oidc.callback_incomplete",
            Self::IssuerMismatch { .. } => "oidc.callback_issuer_mismatch",
            Self::IssuerMissing => "oidc.callback_issuer_missing",
            Self::Refused { .. } => "oidc.provider_refused",
        }
    }
}

/// The parameters of a callback, read once; [`Callback::code`] judges them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Callback {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Callback {
    /// Reads the query string of the callback.
    pub fn parse(query: &str) -> Result<Self, CallbackError> {
        let mut callback = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let field = match name.as_ref() {
                "state" => &mut callback.state,
                "code" => &mut callback.code,
                "iss" => &mut callback.iss,
                "error" => &mut callback.error,
                "error_description" => &mut callback.error_description,
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                return Err(CallbackError::DuplicateParameter { name: name.into_owned() });
            }
        }
        Ok(callback)
    }

    /// The `state` that came back; the caller finds and checks the stored request with it before anything else.
    pub fn state(&self) -> Result<&str, CallbackError> {
        self.state.as_deref().filter(|state| !state.is_empty()).ok_or(CallbackError::MissingParameter { name: "state" })
    }

    /// The authorization code, once the answer is known to be of the IdP that was asked.
    pub fn code(&self, issuer: &IssuerUrl, iss_required: bool) -> Result<&str, CallbackError> {
        // RFC 9207 section 2.4: compare before acting on the response, errors included.
        match self.iss.as_deref() {
            Some(received) if received != issuer.as_str() => {
                return Err(CallbackError::IssuerMismatch { expected: issuer.to_string(), received: received.to_owned() });
            }
            None if iss_required => return Err(CallbackError::IssuerMissing),
            Some(_) | None => {}
        }
        // Core section 3.1.2.6.
        if let Some(error) = &self.error {
            return Err(CallbackError::Refused { error: error.clone(), description: self.error_description.clone().unwrap_or_default() });
        }
        self.code.as_deref().filter(|code| !code.is_empty()).ok_or(CallbackError::MissingParameter { name: "code" })
    }
}

#[cfg(test)]
mod tests;
