//! The authorization request: OAuth 2.1 section 4.1.1, RFC 7636, RFC 8707, RFC 9207.
//!
//! Two steps with a type between them. [`reply_target`] decides whether this request may be answered by a redirect
//! at all; only with its [`ReplyTarget`] can [`check`] be called, and only its errors may travel to the client.

use serde::{Deserialize, Serialize};

use super::parameters::Parameters;
use crate::pkce::{CodeChallenge, PkceError};
use crate::redirect::{RedirectError, RedirectUri};
use crate::resource::{self, ProtectedResource, ResourceError, ResourceUri};
use crate::scope::{self, ScopeError, ScopeSet};

const MAX_STATE_BYTES: usize = 4096;
/// The longest `login_hint` that is passed on: an e-mail address has at most 254 characters (RFC 5321 section 4.5.3.1.3).
const MAX_HINT_BYTES: usize = 320;

/// A checked authorization request: what the store keeps while the person signs in. Immutable from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the values of `prompt`, which stand beside each other in any combination but one")]
pub struct AuthorizationParams {
    /// The client, known to the caller.
    pub client_id: String,
    /// Where the answer goes: as requested, and allowed by the client's registration.
    pub redirect_uri: RedirectUri,
    /// The client's `state`, returned as it came.
    pub state: Option<String>,
    /// The upstream that the token will be for.
    pub upstream: String,
    /// Its canonical URI, the token's audience.
    pub resource: ResourceUri,
    /// The scopes to ask the person for.
    pub scopes: ScopeSet,
    /// The proof key's challenge.
    pub code_challenge: CodeChallenge,
    /// The client wants the person to sign in again (`prompt=login`).
    pub force_login: bool,
    /// The client wants the person to be asked again (`prompt=consent`).
    pub force_consent: bool,
    /// The client wants the person to choose the account (`prompt=select_account`).
    #[serde(default)]
    pub select_account: bool,
    /// The client wants an answer without any page (`prompt=none`).
    #[serde(default)]
    pub no_page: bool,
    /// Who probably signs in (`login_hint`), as the client says: shown and passed on, never believed.
    #[serde(default)]
    pub login_hint: Option<String>,
}

/// Where an answer to this request may be sent, success or error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTarget {
    redirect_uri: RedirectUri,
    state: Option<String>,
}

/// Why a request must be answered with a page: the redirect URI is not known to belong to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// `client_id` or `redirect_uri` stands twice in the request.
    #[error("the parameter {0} was sent more than once")]
    Repeated(&'static str),
    /// No `redirect_uri`. It is required even of a client with a single one.
    #[error("redirect_uri is missing")]
    RedirectUriMissing,
    /// The URI breaks the rules for redirect URIs.
    #[error("redirect_uri is refused: {0}")]
    RedirectUriRefused(RedirectError),
    /// The URI is not registered for this client.
    #[error("redirect_uri is not one of the URIs this client registered")]
    RedirectUriUnregistered,
}

impl TargetError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Repeated(_) => "oauth.authorize_target_repeated",
            Self::RedirectUriMissing => "oauth.redirect_uri_missing",
            Self::RedirectUriRefused(error) => error.code(),
            Self::RedirectUriUnregistered => "oauth.redirect_uri_unregistered",
        }
    }
}

/// Why a request is refused with a redirect to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// A parameter stands twice in the request.
    #[error("the parameter {0} was sent more than once")]
    Repeated(String),
    /// `state` is longer than 4096 bytes.
    #[error("state is too long")]
    StateTooLong,
    /// `response_type` is missing.
    #[error("response_type is missing")]
    ResponseTypeMissing,
    /// `response_type` is not `code`.
    #[error("response_type must be code")]
    ResponseTypeUnsupported,
    /// `response_mode` is not `query`.
    #[error("response_mode must be query or absent")]
    ResponseModeUnsupported,
    /// A request object (RFC 9101).
    #[error("request objects are not supported")]
    RequestObjectUnsupported,
    /// A request object by reference (RFC 9101).
    #[error("request_uri is not supported")]
    RequestUriUnsupported,
    /// `prompt=none` of a client whose answers never travel without a page: see the caller's rule for redirect URIs.
    #[error("prompt=none cannot be satisfied")]
    InteractionRequired,
    /// `prompt=none` together with another value (OpenID Connect Core section 3.1.2.1).
    #[error("prompt=none stands together with another value")]
    PromptCombined,
    /// The proof key is missing or wrong.
    #[error("{0}")]
    Pkce(PkceError),
    /// The resource is missing or wrong.
    #[error("{0}")]
    Resource(ResourceError),
    /// The scope is malformed or unknown.
    #[error("{0}")]
    Scope(ScopeError),
}

impl AuthorizeError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Repeated(_) => "oauth.authorize_parameter_repeated",
            Self::StateTooLong => "oauth.authorize_state_too_long",
            Self::ResponseTypeMissing => "oauth.authorize_response_type_missing",
            Self::ResponseTypeUnsupported => "oauth.authorize_response_type_unsupported",
            Self::ResponseModeUnsupported => "oauth.authorize_response_mode_unsupported",
            Self::RequestObjectUnsupported => "oauth.authorize_request_object_unsupported",
            Self::RequestUriUnsupported => "oauth.authorize_request_uri_unsupported",
            Self::InteractionRequired => "oauth.authorize_interaction_required",
            Self::PromptCombined => "oauth.authorize_prompt_combined",
            Self::Pkce(error) => error.code(),
            Self::Resource(error) => error.code(),
            Self::Scope(error) => error.code(),
        }
    }

    /// The `error` parameter of the redirect (RFC 6749 section 4.1.2.1, RFC 8707 section 2, RFC 9101 section 7).
    pub fn oauth_error(&self) -> &'static str {
        match self {
            Self::Repeated(_)
            | Self::StateTooLong
            | Self::ResponseTypeMissing
            | Self::ResponseModeUnsupported
            | Self::PromptCombined
            | Self::Pkce(_) => "invalid_request",
            Self::ResponseTypeUnsupported => "unsupported_response_type",
            Self::RequestObjectUnsupported => "request_not_supported",
            Self::RequestUriUnsupported => "request_uri_not_supported",
            Self::InteractionRequired => "interaction_required",
            Self::Resource(_) => "invalid_target",
            Self::Scope(_) => "invalid_scope",
        }
    }
}

impl ReplyTarget {
    /// Where to send an accepted request's answer: for the end of the flow, when the request comes from the store.
    pub fn of(params: &AuthorizationParams) -> Self {
        Self { redirect_uri: params.redirect_uri.clone(), state: params.state.clone() }
    }

    /// The redirect URI.
    pub fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect_uri
    }

    /// The URL of a success answer (RFC 6749 section 4.1.2 with `iss`, RFC 9207 section 2).
    pub fn success(&self, code: &str, issuer: &str) -> String {
        self.with(&[("code", code)], issuer)
    }

    /// The URL of an error answer (RFC 6749 section 4.1.2.1 with `iss`, RFC 9207 section 2).
    pub fn error(&self, error: &str, description: &str, issuer: &str) -> String {
        self.with(&[("error", error), ("error_description", &description_text(description))], issuer)
    }

    fn with(&self, first: &[(&str, &str)], issuer: &str) -> String {
        let mut parameters = first.to_vec();
        if let Some(state) = &self.state {
            parameters.push(("state", state));
        }
        parameters.push(("iss", issuer));
        self.redirect_uri.with_parameters(&parameters)
    }
}

/// Decides where this request may be answered. `registered` is what the client named by `client_id` registered.
pub fn reply_target(parameters: &Parameters, registered: &[RedirectUri]) -> Result<ReplyTarget, TargetError> {
    for name in ["client_id", "redirect_uri"] {
        if parameters.is_repeated(name) {
            return Err(TargetError::Repeated(name));
        }
    }
    let text = parameters.get("redirect_uri").ok_or(TargetError::RedirectUriMissing)?;
    let redirect_uri = RedirectUri::parse(text).map_err(TargetError::RedirectUriRefused)?;
    if !registered.iter().any(|own| own.allows(&redirect_uri)) {
        return Err(TargetError::RedirectUriUnregistered);
    }
    let state = parameters.get("state").filter(|state| state.len() <= MAX_STATE_BYTES).map(str::to_owned);
    Ok(ReplyTarget { redirect_uri, state })
}

/// Checks the rest of the request, in the order of the specifications.
pub fn check(
    parameters: &Parameters,
    target: &ReplyTarget,
    client_id: &str,
    protected: &[ProtectedResource],
) -> Result<AuthorizationParams, AuthorizeError> {
    // RFC 6749 section 3.1: each parameter at most once; RFC 8707 would allow several resources, one token has one.
    if parameters.is_repeated("resource") {
        return Err(AuthorizeError::Resource(ResourceError::Repeated));
    }
    if let Some(name) = parameters.repeated() {
        return Err(AuthorizeError::Repeated(name.to_owned()));
    }
    if parameters.get("state").is_some() && target.state.is_none() {
        return Err(AuthorizeError::StateTooLong);
    }
    // RFC 6749 section 3.1.1; OAuth 2.1 knows no other response type.
    match parameters.get("response_type") {
        None => return Err(AuthorizeError::ResponseTypeMissing),
        Some("code") => {}
        Some(_) => return Err(AuthorizeError::ResponseTypeUnsupported),
    }
    if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(AuthorizeError::ResponseModeUnsupported);
    }
    // RFC 9101 section 5.
    if parameters.get("request").is_some() {
        return Err(AuthorizeError::RequestObjectUnsupported);
    }
    if parameters.get("request_uri").is_some() {
        return Err(AuthorizeError::RequestUriUnsupported);
    }
    let prompt: Vec<&str> = parameters.get("prompt").unwrap_or_default().split(' ').filter(|value| !value.is_empty()).collect();
    let no_page = prompt.contains(&"none");
    if no_page && prompt.iter().any(|value| *value != "none") {
        return Err(AuthorizeError::PromptCombined);
    }
    // RFC 7636 section 4.3.
    let code_challenge =
        CodeChallenge::parse(parameters.get("code_challenge"), parameters.get("code_challenge_method")).map_err(AuthorizeError::Pkce)?;
    // RFC 8707 section 2.
    let resource = resource::select(parameters.get("resource"), protected).map_err(AuthorizeError::Resource)?;
    // RFC 6749 section 3.3.
    let scopes = scope::grantable(parameters.get("scope"), &resource.scopes).map_err(AuthorizeError::Scope)?;
    Ok(AuthorizationParams {
        client_id: client_id.to_owned(),
        redirect_uri: target.redirect_uri.clone(),
        state: target.state.clone(),
        upstream: resource.upstream.clone(),
        resource: resource.uri.clone(),
        scopes,
        code_challenge,
        force_login: prompt.contains(&"login"),
        force_consent: prompt.contains(&"consent"),
        select_account: prompt.contains(&"select_account"),
        no_page,
        login_hint: parameters.get("login_hint").and_then(login_hint).map(str::to_owned),
    })
}

/// A hint that can be shown and passed on. One that cannot is as good as none: it decides nothing, so it refuses nothing.
pub fn login_hint(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= MAX_HINT_BYTES && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// The characters that RFC 6749 section 5.2 allows in `error_description`.
pub fn description_text(text: &str) -> String {
    text.chars()
        .map(|character| if matches!(character, ' '..='~') && !matches!(character, '"' | '\\') { character } else { '\'' })
        .collect()
}

#[cfg(test)]
mod tests;
