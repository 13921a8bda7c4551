//! Dynamic client registration, RFC 7591, for clients that know no other way.
//!
//! Whatever a client says about itself is unverified. Its name is cleaned before anybody sees it, nothing it names is
//! ever fetched, and what is not understood is left out of the registration rather than kept.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json;
use crate::redirect::{RedirectError, RedirectKind, RedirectUri};
use crate::scope::ScopeSet;

/// The largest registration request that is read.
pub const MAX_REGISTRATION_BYTES: usize = 16 * 1024;
const MAX_REDIRECT_URIS: usize = 20;
const MAX_NAME_CHARS: usize = 64;

/// How a client proves who it is at the token endpoint (RFC 7591 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A public client: the proof key alone.
    None,
    /// A secret in the `Authorization` header.
    ClientSecretBasic,
    /// A secret in the form.
    ClientSecretPost,
}

/// What a registered client is; the store keeps it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMetadata {
    /// The cleaned name, unverified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// All registered redirect URIs, at least one.
    pub redirect_uris: Vec<RedirectUri>,
    /// Whether it has a secret.
    pub token_endpoint_auth_method: AuthMethod,
    /// Always contains `authorization_code`.
    pub grant_types: Vec<String>,
    /// `code`.
    pub response_types: Vec<String>,
    /// `native` or `web`, as the client says (OpenID Connect Registration section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_type: Option<String>,
    /// The scopes the client says it will ask for; informative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
}

impl ClientMetadata {
    /// Whether the client may refresh its tokens.
    pub fn may_refresh(&self) -> bool {
        self.grant_types.iter().any(|grant| grant == "refresh_token")
    }
}

/// Why a registration was refused (RFC 7591 section 3.2.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// Larger than [`MAX_REGISTRATION_BYTES`].
    #[error("the registration is larger than {MAX_REGISTRATION_BYTES} bytes")]
    TooLarge,
    /// Not one JSON object without repeated members.
    #[error("the registration is not one JSON object without repeated members")]
    Malformed,
    /// A member has the wrong type.
    #[error("the member {0} has the wrong type")]
    WrongType(&'static str),
    /// No redirect URI, or more than 20.
    #[error("redirect_uris must hold 1 to 20 URIs")]
    RedirectUriCount,
    /// A redirect URI breaks the rules; all others do not matter then.
    #[error("the redirect URI {uri} is refused: {error}")]
    RedirectUriRefused {
        /// The URI as sent, cleaned.
        uri: String,
        /// Which rule it breaks.
        error: RedirectError,
    },
    /// A web host that the administrator has not allowed.
    #[error("the host of the redirect URI {0} is not allowed here")]
    RedirectHostRefused(String),
    /// An authentication method that is not offered.
    #[error("token_endpoint_auth_method must be none, client_secret_basic or client_secret_post")]
    AuthMethodUnsupported,
    /// `grant_types` without `authorization_code`.
    #[error("grant_types must contain authorization_code")]
    GrantTypesUnsupported,
    /// `response_types` without `code`.
    #[error("response_types must contain code")]
    ResponseTypesUnsupported,
}

impl RegistrationError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "oauth.registration_too_large",
            Self::Malformed => "oauth.registration_malformed",
            Self::WrongType(_) => "oauth.registration_wrong_type",
            Self::RedirectUriCount => "oauth.registration_redirect_uri_count",
            Self::RedirectUriRefused { error, .. } => error.code(),
            Self::RedirectHostRefused(_) => "oauth.registration_redirect_host_refused",
            Self::AuthMethodUnsupported => "oauth.registration_auth_method_unsupported",
            Self::GrantTypesUnsupported => "oauth.registration_grant_types_unsupported",
            Self::ResponseTypesUnsupported => "oauth.registration_response_types_unsupported",
        }
    }

    /// The `error` member of the answer.
    pub fn oauth_error(&self) -> &'static str {
        match self {
            Self::RedirectUriCount | Self::RedirectUriRefused { .. } | Self::RedirectHostRefused(_) => "invalid_redirect_uri",
            Self::TooLarge
            | Self::Malformed
            | Self::WrongType(_)
            | Self::AuthMethodUnsupported
            | Self::GrantTypesUnsupported
            | Self::ResponseTypesUnsupported => "invalid_client_metadata",
        }
    }
}

/// The answer to an accepted registration (RFC 7591 section 3.2.1).
#[derive(Serialize)]
pub struct RegistrationResponse<'a> {
    /// The new client's id.
    pub client_id: &'a str,
    /// Seconds since 1970.
    pub client_id_issued_at: i64,
    /// The secret, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<&'a str>,
    /// 0: the secret does not expire by itself. Required when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_expires_at: Option<i64>,
    /// What was registered.
    #[serde(flatten)]
    pub metadata: &'a ClientMetadata,
}

/// Reads a registration request. `allowed_hosts`: the web hosts redirects may lead to; empty means any. Loopback and
/// private schemes lead to the person's own computer and are always allowed.
pub fn parse(body: &[u8], allowed_hosts: &[String]) -> Result<ClientMetadata, RegistrationError> {
    if body.len() > MAX_REGISTRATION_BYTES {
        return Err(RegistrationError::TooLarge);
    }
    let members = json::parse_object(body).map_err(|_| RegistrationError::Malformed)?;
    let token_endpoint_auth_method = match optional_text(&members, "token_endpoint_auth_method")? {
        None | Some("client_secret_basic") => AuthMethod::ClientSecretBasic, // the default of RFC 7591 section 2
        Some("client_secret_post") => AuthMethod::ClientSecretPost,
        Some("none") => AuthMethod::None,
        Some(_) => return Err(RegistrationError::AuthMethodUnsupported),
    };
    let scope = optional_text(&members, "scope")?.map(str::parse).transpose().map_err(|_| RegistrationError::WrongType("scope"))?;
    Ok(ClientMetadata {
        client_name: optional_text(&members, "client_name")?.and_then(clean_name),
        redirect_uris: redirect_uris(&members, allowed_hosts)?,
        token_endpoint_auth_method,
        grant_types: grant_types(&members)?,
        response_types: response_types(&members)?,
        application_type: optional_text(&members, "application_type")?.filter(|kind| matches!(*kind, "native" | "web")).map(str::to_owned),
        scope,
    })
}

fn redirect_uris(members: &Map<String, Value>, allowed_hosts: &[String]) -> Result<Vec<RedirectUri>, RegistrationError> {
    let listed = optional_texts(members, "redirect_uris")?.unwrap_or_default();
    if !(1..=MAX_REDIRECT_URIS).contains(&listed.len()) {
        return Err(RegistrationError::RedirectUriCount);
    }
    let mut uris: Vec<RedirectUri> = Vec::new();
    for text in listed {
        let uri = RedirectUri::parse(text).map_err(|error| RegistrationError::RedirectUriRefused { uri: clean(text, 200), error })?;
        let allowed = uri.kind() != RedirectKind::Https || allowed_hosts.is_empty() || allowed_hosts.contains(&uri.host_display());
        if !allowed {
            return Err(RegistrationError::RedirectHostRefused(uri.to_string()));
        }
        if !uris.contains(&uri) {
            uris.push(uri);
        }
    }
    Ok(uris)
}

/// Grants we do not have are left out; a client that names none gets both of ours.
fn grant_types(members: &Map<String, Value>) -> Result<Vec<String>, RegistrationError> {
    let ours = ["authorization_code", "refresh_token"];
    let Some(listed) = optional_texts(members, "grant_types")? else { return Ok(ours.map(str::to_owned).to_vec()) };
    if !listed.contains(&"authorization_code") {
        return Err(RegistrationError::GrantTypesUnsupported);
    }
    Ok(ours.into_iter().filter(|grant| listed.contains(grant)).map(str::to_owned).collect())
}

fn response_types(members: &Map<String, Value>) -> Result<Vec<String>, RegistrationError> {
    match optional_texts(members, "response_types")? {
        Some(listed) if !listed.contains(&"code") => Err(RegistrationError::ResponseTypesUnsupported),
        Some(_) | None => Ok(vec!["code".to_owned()]),
    }
}

fn optional_text<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, RegistrationError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(RegistrationError::WrongType(name)),
    }
}

fn optional_texts<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<Option<Vec<&'a str>>, RegistrationError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => {
            items.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(Some).ok_or(RegistrationError::WrongType(name))
        }
        Some(_) => Err(RegistrationError::WrongType(name)),
    }
}

/// A name fit to be shown: no control, direction, invisible or private-use characters, single spaces, 64 characters.
/// `None`: nothing is left.
pub fn clean_name(name: &str) -> Option<String> {
    let cleaned = clean(name, MAX_NAME_CHARS);
    (!cleaned.is_empty()).then_some(cleaned)
}

fn clean(text: &str, limit: usize) -> String {
    let spaced: String = text
        .chars()
        .map(|character| if character.is_whitespace() { ' ' } else { character })
        .filter(|character| !is_deceptive(*character))
        .collect();
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(limit).collect::<String>().trim_end().to_owned()
}

/// Characters that change how a text looks without being seen: controls, directions, joiners, fillers, tags.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests;
