//! Everything that ends a call before the upstream's reply does, and its one translation to the wire.
//!
//! Two texts: the public one in the reply (general, with the request id), the private one in the audit trail and the
//! log. An upstream's trouble is a 5xx with a code of its own and never looks like a refusal of Doorward's.

use http::{HeaderValue, Response, StatusCode, header};
use mcp::{ErrorReply, FrameError, HeaderError, ProtocolVersion};
use oauth::jwt::JwtError;
use serde_json::{Value, json};
use store::{StoreError, UserId};

use super::stream::{ResponseBody, whole};
use crate::step_up::Unmet;

/// What the person's client may show.
const STEP_UP_NEEDED: &str = "This needs a stronger or newer sign-in. Sign in again when your client asks for it.";

/// Why a request is not answered by the upstream.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// Not the MCP endpoint of an upstream.
    #[error("there is no MCP endpoint here")]
    NotFound,
    /// Neither POST, GET, DELETE nor OPTIONS, or one that this era has not.
    #[error("this method is not served here")]
    MethodNotAllowed,
    /// A browser page of another site (MCP transports, "Security & Endpoint").
    #[error("requests from pages of {0} are not allowed")]
    OriginNotAllowed(String),
    /// A header that must stand at most once stands twice.
    #[error("the header {0} stands more than once")]
    HeaderDuplicated(&'static str),
    /// A header that Doorward must read and cannot.
    #[error("the header {0} is malformed")]
    HeaderMalformed(&'static str),
    /// `Connection` names a header to be dropped on the way (RFC 9110 section 7.6.1): a way to hide one.
    #[error("the Connection header may only say close, keep-alive or te")]
    ConnectionHeader,
    /// Not `application/json` in UTF-8.
    #[error("the Content-Type must be application/json")]
    ContentType,
    /// A compressed body would have two readings.
    #[error("request bodies with a Content-Encoding are not accepted")]
    ContentEncoding,
    /// The body came too slowly.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The body broke off.
    #[error("the body broke off")]
    BodyBroken,
    /// No access token.
    #[error("an access token is needed")]
    TokenMissing,
    /// The `Authorization` header is not `Bearer` and one token (RFC 6750 section 2.1).
    #[error("the Authorization header must be Bearer and one token")]
    TokenMalformed,
    /// Not signed by us for this upstream, or of the wrong kind.
    #[error("the access token is not valid here: {0}")]
    TokenInvalid(JwtError),
    /// Signed by us, and does not name a person and a grant.
    #[error("the access token does not name a grant")]
    TokenIncomplete,
    /// Its time is over.
    #[error("the access token has expired")]
    TokenExpired,
    /// Its grant was revoked, or its person disabled.
    #[error("the access token was revoked")]
    TokenRevoked(UserId),
    /// The person's identity provider is not one that this upstream admits.
    #[error("people of this identity provider may not use this upstream")]
    IdpNotAllowed(UserId),
    /// The body is not one acceptable message.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// Headers and body disagree.
    #[error("{0}")]
    Headers(#[from] HeaderError),
    /// A method outside the table.
    #[error("Method not found")]
    MethodUnknown {
        /// Modern: 404; legacy: 200 (or 400 for a notification).
        status: StatusCode,
    },
    /// No such session of this person and client.
    #[error("there is no such session")]
    SessionUnknown,
    /// No such task of this person and client.
    #[error("there is no such task")]
    TaskUnknown,
    /// The sign-in behind the token is not strong or recent enough for this (RFC 9470).
    #[error("a stronger or newer sign-in is needed: {0:?}")]
    StepUpRequired(Unmet),
    /// Policy says no.
    #[error("{0}")]
    Denied(policy::Denial),
    /// The audit trail cannot be written.
    #[error("the audit trail cannot be written: {detail}")]
    Audit {
        /// The audit module's code.
        code: &'static str,
        /// Its words.
        detail: String,
    },
    /// The store does not answer.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
    /// Something that should not happen: no key to sign with, a task that ended.
    #[error("internal fault: {0}")]
    Internal(&'static str),
    /// Nobody answers at the upstream's address.
    #[error("the upstream cannot be reached: {0}")]
    UpstreamUnreachable(String),
    /// The upstream did not begin to answer in time.
    #[error("the upstream did not answer in time")]
    UpstreamTimeout,
    /// The upstream answered with a redirect, which is never followed.
    #[error("the upstream answered with a redirect")]
    UpstreamRedirect,
    /// The upstream answered 401, 403 or 407: it wants credentials that Doorward does not have.
    #[error("the upstream refused Doorward's request with status {0}")]
    UpstreamRefusedCredentials(u16),
    /// The upstream's reply is not what MCP says.
    #[error("the upstream's reply is not an MCP reply: {0}")]
    UpstreamInvalidReply(String),
    /// The upstream's reply must be read whole, and is too long for that.
    #[error("the upstream's reply is too long")]
    UpstreamReplyTooLarge,
}

impl ProxyError {
    /// The stable code.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "proxy.not_found",
            Self::MethodNotAllowed => "proxy.method_not_allowed",
            Self::OriginNotAllowed(_) => "proxy.origin_not_allowed",
            Self::HeaderDuplicated(_) => "proxy.header_duplicated",
            Self::HeaderMalformed(_) => "proxy.header_malformed",
            Self::ConnectionHeader => "proxy.connection_header",
            Self::ContentType => "proxy.content_type",
            Self::ContentEncoding => "proxy.content_encoding",
            Self::BodyTimeout => "proxy.body_timeout",
            Self::BodyBroken => "proxy.body_broken",
            Self::TokenMissing => "proxy.token_missing",
            Self::TokenMalformed => "proxy.token_malformed",
            Self::TokenInvalid(_) | Self::TokenIncomplete => "proxy.token_invalid",
            Self::TokenExpired => "proxy.token_expired",
            Self::TokenRevoked(_) => "proxy.token_revoked",
            Self::IdpNotAllowed(_) => "proxy.idp_not_allowed",
            Self::Frame(error) => error.code(),
            Self::Headers(error) => error.code(),
            Self::MethodUnknown { .. } => "proxy.method_unknown",
            Self::SessionUnknown => "proxy.session_unknown",
            Self::TaskUnknown => "proxy.task_unknown",
            Self::StepUpRequired(_) => "proxy.step_up_required",
            Self::Denied(denial) => denial.code(),
            Self::Audit { code, .. } => code,
            Self::Store(_) => "proxy.store_unavailable",
            Self::Internal(_) => "proxy.internal",
            Self::UpstreamUnreachable(_) => "proxy.upstream_unreachable",
            Self::UpstreamTimeout => "proxy.upstream_timeout",
            Self::UpstreamRedirect => "proxy.upstream_redirect",
            Self::UpstreamRefusedCredentials(_) => "proxy.upstream_refused_credentials",
            Self::UpstreamInvalidReply(_) => "proxy.upstream_invalid_reply",
            Self::UpstreamReplyTooLarge => "proxy.upstream_reply_too_large",
        }
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::SessionUnknown => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::OriginNotAllowed(_) | Self::IdpNotAllowed(_) => StatusCode::FORBIDDEN,
            Self::Frame(FrameError::BodyTooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeaderDuplicated(_)
            | Self::HeaderMalformed(_)
            | Self::ConnectionHeader
            | Self::BodyBroken
            | Self::Frame(_)
            | Self::Headers(_) => StatusCode::BAD_REQUEST,
            Self::ContentType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TokenMissing
            | Self::TokenMalformed
            | Self::TokenInvalid(_)
            | Self::TokenIncomplete
            | Self::TokenExpired
            | Self::TokenRevoked(_)
            | Self::StepUpRequired(_) => StatusCode::UNAUTHORIZED,
            Self::MethodUnknown { status } => *status,
            // A refusal that no other scope would lift is an answer of the protocol, not of HTTP: see `status_for`.
            Self::TaskUnknown | Self::Denied(_) => StatusCode::OK,
            Self::Audit { .. } | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::UpstreamUnreachable(_)
            | Self::UpstreamRedirect
            | Self::UpstreamRefusedCredentials(_)
            | Self::UpstreamInvalidReply(_)
            | Self::UpstreamReplyTooLarge => StatusCode::BAD_GATEWAY,
        }
    }

    /// The status for a request, or for something that has no answer but the status: a notification, a stream.
    pub(super) fn status_for(&self, is_request: bool) -> StatusCode {
        if matches!(self, Self::Denied(_)) && !is_request { StatusCode::FORBIDDEN } else { self.status() }
    }

    /// The JSON-RPC error code.
    fn json_rpc_code(&self) -> i64 {
        match self {
            Self::Frame(error) => error.json_rpc_code(),
            Self::Headers(error) => error.json_rpc_code(),
            Self::MethodUnknown { .. } => -32601,
            Self::TaskUnknown => -32602,
            Self::Denied(_) | Self::IdpNotAllowed(_) | Self::OriginNotAllowed(_) => ErrorReply::DENIED,
            Self::Audit { .. } | Self::Store(_) | Self::Internal(_) => ErrorReply::UNAVAILABLE,
            Self::UpstreamTimeout
            | Self::UpstreamUnreachable(_)
            | Self::UpstreamRedirect
            | Self::UpstreamRefusedCredentials(_)
            | Self::UpstreamInvalidReply(_)
            | Self::UpstreamReplyTooLarge => ErrorReply::UPSTREAM,
            Self::NotFound
            | Self::MethodNotAllowed
            | Self::HeaderDuplicated(_)
            | Self::HeaderMalformed(_)
            | Self::ConnectionHeader
            | Self::ContentType
            | Self::ContentEncoding
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::TokenMissing
            | Self::TokenMalformed
            | Self::TokenInvalid(_)
            | Self::TokenIncomplete
            | Self::TokenExpired
            | Self::TokenRevoked(_)
            | Self::StepUpRequired(_)
            | Self::SessionUnknown => ErrorReply::REFUSED,
        }
    }

    /// Whether it is a fault between Doorward and the upstream, and not a refusal.
    pub(super) fn is_of_upstream(&self) -> bool {
        self.json_rpc_code() == ErrorReply::UPSTREAM
    }

    /// The policy's own words, where policy refused.
    pub(super) fn denial(&self) -> Option<&policy::Denial> {
        if let Self::Denied(denial) = self { Some(denial) } else { None }
    }

    /// What the client may read. Details of the inside stay inside.
    fn public_message(&self) -> String {
        match self {
            Self::Denied(_) => "You are not permitted to do this. Ask the administrator of Doorward if you need it.".to_owned(),
            Self::StepUpRequired(_) => STEP_UP_NEEDED.to_owned(),
            Self::TokenInvalid(_) | Self::TokenIncomplete => "The access token is not valid here".to_owned(),
            Self::Audit { .. } | Self::Store(_) | Self::Internal(_) => "Doorward cannot serve this request now".to_owned(),
            Self::UpstreamUnreachable(_) => "The MCP server behind Doorward cannot be reached".to_owned(),
            Self::UpstreamInvalidReply(_) => "The MCP server behind Doorward gave a reply that is not MCP".to_owned(),
            Self::NotFound
            | Self::MethodNotAllowed
            | Self::OriginNotAllowed(_)
            | Self::HeaderDuplicated(_)
            | Self::HeaderMalformed(_)
            | Self::ConnectionHeader
            | Self::ContentType
            | Self::ContentEncoding
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::TokenMissing
            | Self::TokenMalformed
            | Self::TokenExpired
            | Self::TokenRevoked(_)
            | Self::IdpNotAllowed(_)
            | Self::Frame(_)
            | Self::Headers(_)
            | Self::MethodUnknown { .. }
            | Self::SessionUnknown
            | Self::TaskUnknown
            | Self::UpstreamTimeout
            | Self::UpstreamRedirect
            | Self::UpstreamRefusedCredentials(_)
            | Self::UpstreamReplyTooLarge => self.to_string(),
        }
    }

    fn data(&self, request_id: &str) -> Value {
        let mut data = json!({ "code": self.code(), "reason": self.public_message(), "request_id": request_id });
        if let (Self::Headers(HeaderError::UnsupportedVersion { requested }), Value::Object(members)) = (self, &mut data) {
            members.insert("supported".to_owned(), ProtocolVersion::ALL.map(ProtocolVersion::as_str).to_vec().into());
            members.insert("requested".to_owned(), requested.as_str().into());
        }
        data
    }

    /// What a challenge begins with: `error` (RFC 6750 section 3.1) unless the request carried no token, and what a better
    /// sign-in would be (RFC 9470 section 3). Classes come from the configuration and have no quotes in them.
    fn challenge_error(&self) -> String {
        if matches!(self, Self::TokenMissing) {
            return String::new();
        }
        let Self::StepUpRequired(unmet) = self else { return "error=\"invalid_token\", ".to_owned() };
        let acr = if unmet.acr.is_empty() { String::new() } else { format!("acr_values=\"{}\", ", unmet.acr.join(" ")) };
        let max_age = unmet.max_age.map(|limit| format!("max_age=\"{}\", ", limit.as_secs())).unwrap_or_default();
        format!("error=\"insufficient_user_authentication\", error_description=\"{STEP_UP_NEEDED}\", {acr}{max_age}")
    }

    /// The reply. `id` is the request's, as JSON; `challenge` is what a 401 says about where to get a token.
    pub(super) fn response(&self, id: Option<&str>, request_id: &str, challenge: &Challenge) -> Response<ResponseBody> {
        let message = self.public_message();
        let status = self.status_for(id.is_some());
        let id = id.map(mcp::Id::from_json);
        let body = ErrorReply { id, code: self.json_rpc_code(), message: &message, data: Some(self.data(request_id)) }.to_json();
        let mut response = Response::new(whole(body.into_bytes()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED
            && let Ok(value) = HeaderValue::from_str(&challenge.header(&self.challenge_error()))
        {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        if matches!(self, Self::MethodNotAllowed) {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST, GET, DELETE, OPTIONS"));
        }
        response
    }
}

/// What a 401 tells a client (RFC 9728 section 5.1): constants of the configuration, never of the request.
#[derive(Debug)]
pub(super) struct Challenge {
    /// The address of the upstream's protected resource metadata.
    pub(super) resource_metadata: String,
    /// The scopes to ask for.
    pub(super) scope: String,
}

impl Challenge {
    fn header(&self, error: &str) -> String {
        format!("Bearer {error}resource_metadata=\"{}\", scope=\"{}\"", self.resource_metadata, self.scope)
    }
}

#[cfg(test)]
mod tests;
