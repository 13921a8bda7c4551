//! Microsoft Graph, as far as it is needed to learn groups that a token left out: what is asked, and what the answer means.
//!
//! The addresses are configured. Those inside of claims (`_claim_sources`) and attributes (`groups.link`) are never followed:
//! whoever could put one there would make us send a token to them.

use serde::Deserialize;
use url::Url;

use crate::Secret;

/// Graph gives at most so many groups (`Directory_ResultSizeLimitExceeded` beyond).
pub const MOST_GROUPS: usize = 11_000;

/// Why the groups could not be learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// No object id came with the person.
    #[error("the identity provider sent no object id (`{name}`), so Microsoft Graph cannot be asked")]
    ObjectIdMissing {
        /// The claim or attribute that is needed.
        name: &'static str,
    },
    /// The object id is none.
    #[error("the object id in `{name}` is not a UUID")]
    ObjectIdMalformed {
        /// The claim or attribute.
        name: &'static str,
    },
    /// The person is of another tenant than `graph.tenant`.
    #[error("the person is of the tenant {received}, but graph.tenant is {configured}")]
    TenantMismatch {
        /// What the configuration says.
        configured: String,
        /// What the token says.
        received: String,
    },
    /// The application gets no token.
    #[error("Microsoft Entra ID gave no token to the application of graph.client_id: {error}{}", detail.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
    TokenRefused {
        /// The OAuth error.
        error: String,
        /// The number of the error at Microsoft, such as `AADSTS7000215`.
        detail: Option<String>,
    },
    /// 401.
    #[error("Microsoft Graph does not accept the application's token (status 401)")]
    TokenRejected,
    /// 403.
    #[error(
        "the application of graph.client_id may not read group memberships: grant the application permissions User.ReadBasic.All and GroupMember.Read.All of Microsoft Graph, with admin consent"
    )]
    PermissionMissing,
    /// 404.
    #[error("Microsoft Graph does not know the person; is graph.tenant their tenant?")]
    PersonUnknown,
    /// `Directory_ResultSizeLimitExceeded`.
    #[error("the person is in more than {MOST_GROUPS} groups, which is more than Microsoft Graph gives")]
    TooManyGroups,
    /// 429, or 503 with `Retry-After`.
    #[error("Microsoft Graph asks to wait {seconds} s")]
    Throttled {
        /// How long.
        seconds: u64,
    },
    /// An answer that means nothing here.
    #[error("Microsoft Graph answered {what}")]
    UnexpectedAnswer {
        /// What.
        what: String,
    },
    /// The next page is at another address than the configured one.
    #[error("Microsoft Graph names a next page outside of graph.graph_url, which is not followed")]
    NextPageElsewhere,
}

impl GraphError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ObjectIdMissing { .. } => "graph.object_id_missing",
            Self::ObjectIdMalformed { .. } => "graph.object_id_malformed",
            Self::TenantMismatch { .. } => "graph.tenant_mismatch",
            Self::TokenRefused { .. } => "graph.token_refused",
            Self::TokenRejected => "graph.token_rejected",
            Self::PermissionMissing => "graph.permission_missing",
            Self::PersonUnknown => "graph.person_unknown",
            Self::TooManyGroups => "graph.too_many_groups",
            Self::Throttled { .. } => "graph.throttled",
            Self::UnexpectedAnswer { .. } => "graph.unexpected_answer",
            Self::NextPageElsewhere => "graph.next_page_elsewhere",
        }
    }
}

/// The form of the token request (RFC 6749 section 4.4), for `{login_url}/{tenant}/oauth2/v2.0/token`.
pub fn token_request(client_id: &str, client_secret: &Secret<String>, graph_url: &Url) -> Secret<String> {
    let scope = format!("{}/.default", graph_url.as_str().trim_end_matches('/'));
    let fields =
        [("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", client_secret.expose()), ("scope", &scope)];
    Secret::new(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
}

/// A token for Graph.
#[derive(Debug)]
pub struct AppToken {
    /// The token.
    pub access_token: Secret<String>,
    /// For how long, in seconds.
    pub expires_in: u64,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<u64>,
    error: Option<String>,
    error_description: Option<String>,
}

/// What the token endpoint answered.
pub fn read_token(status: u16, retry_after: Option<&str>, body: &[u8]) -> Result<AppToken, GraphError> {
    throttled(status, retry_after)?;
    let unexpected = || GraphError::UnexpectedAnswer { what: format!("the token request with status {status} and no token") };
    let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| unexpected())?;
    if let Some(error) = answer.error {
        let detail = answer.error_description.as_deref().and_then(microsoft_code);
        return Err(GraphError::TokenRefused { error: plain(&error), detail });
    }
    match (status, answer.access_token, answer.token_type) {
        (200, Some(token), Some(kind)) if kind.eq_ignore_ascii_case("bearer") && !token.is_empty() => {
            Ok(AppToken { access_token: Secret::new(token), expires_in: answer.expires_in.unwrap_or_default() })
        }
        _ => Err(unexpected()),
    }
}

/// `AADSTS` and its number, at the beginning of a description.
fn microsoft_code(description: &str) -> Option<String> {
    let digits: String = description.strip_prefix("AADSTS")?.chars().take_while(char::is_ascii_digit).take(12).collect();
    (!digits.is_empty()).then(|| format!("AADSTS{digits}"))
}

/// An error word of RFC 6749 section 5.2, bounded: it is shown.
fn plain(error: &str) -> String {
    error.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(64).collect()
}

/// The object id if it is one: it becomes a part of an address.
pub fn object_id<'t>(name: &'static str, text: Option<&'t str>) -> Result<&'t str, GraphError> {
    let text = text.ok_or(GraphError::ObjectIdMissing { name })?;
    if is_uuid(text) { Ok(text) } else { Err(GraphError::ObjectIdMalformed { name }) }
}

/// A person of another tenant has an object id that means somebody else, or nobody, in this one. A tenant that is configured by its
/// domain cannot be compared; then Graph itself does not know the person.
pub fn same_tenant(configured: &str, received: Option<&str>) -> Result<(), GraphError> {
    match received {
        Some(received) if is_uuid(configured) && !configured.eq_ignore_ascii_case(received) => {
            Err(GraphError::TenantMismatch { configured: configured.to_owned(), received: received.chars().take(64).collect() })
        }
        Some(_) | None => Ok(()),
    }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// One page of groups.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Object ids.
    pub groups: Vec<String>,
    /// Where the next page is.
    pub next: Option<Url>,
}

#[derive(Deserialize)]
struct MembersAnswer {
    value: Vec<String>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    error: FailureCode,
}

#[derive(Deserialize)]
struct FailureCode {
    code: String,
}

/// What `getMemberObjects` answered.
pub fn read_members(status: u16, retry_after: Option<&str>, body: &[u8], graph_url: &Url) -> Result<Page, GraphError> {
    throttled(status, retry_after)?;
    let code = || serde_json::from_slice::<Failure>(body).map(|failure| failure.error.code).unwrap_or_default();
    match status {
        200 => {}
        401 => return Err(GraphError::TokenRejected),
        403 => return Err(GraphError::PermissionMissing),
        404 => return Err(GraphError::PersonUnknown),
        _ if code() == "Directory_ResultSizeLimitExceeded" => return Err(GraphError::TooManyGroups),
        _ => return Err(GraphError::UnexpectedAnswer { what: format!("status {status} {}", plain(&code())).trim_end().to_owned() }),
    }
    let what = || GraphError::UnexpectedAnswer { what: "something that is not a list of groups".to_owned() };
    let answer: MembersAnswer = serde_json::from_slice(body).map_err(|_| what())?;
    let next = answer.next.map(|next| next_page(&next, graph_url)).transpose()?;
    Ok(Page { groups: answer.value, next })
}

/// The token goes only where the configuration says.
fn next_page(text: &str, graph_url: &Url) -> Result<Url, GraphError> {
    let url = Url::parse(text).map_err(|_| GraphError::NextPageElsewhere)?;
    let is_there = url.origin() == graph_url.origin() && url.username().is_empty() && url.password().is_none();
    if is_there { Ok(url) } else { Err(GraphError::NextPageElsewhere) }
}

/// RFC 6585 section 4; a date in `Retry-After` counts as a minute.
fn throttled(status: u16, retry_after: Option<&str>) -> Result<(), GraphError> {
    if status == 429 || (status == 503 && retry_after.is_some()) {
        let seconds = retry_after.and_then(|text| text.trim().parse().ok()).unwrap_or(60);
        return Err(GraphError::Throttled { seconds: u64::clamp(seconds, 1, 3600) });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
