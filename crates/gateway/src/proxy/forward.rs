//! Sends a permitted call to its upstream and judges the head of the reply.
//!
//! The permit is taken by value: what was decided on is what is sent, once. The upstream's address comes from the
//! configuration alone; the request is built anew, never passed on.

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use policy::Permit;

use super::Exchange;
use super::authenticate::Caller;
use super::call::{Call, Verb};
use super::error::ProxyError;
use super::headers::{self, SESSION_ID};
use super::identity::{Introduction, introduce};
use crate::outbound::OutboundError;

/// The head of an upstream's reply, found acceptable, and its body to come.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: ReplyBody,
}

/// The body of a reply, by its kind.
#[derive(Debug)]
pub(super) enum ReplyBody {
    Empty,
    Json(Incoming),
    Events(Incoming),
}

impl Reply {
    /// The status that the client gets.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The upstream's headers.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    pub(super) fn into_body(self) -> ReplyBody {
        self.body
    }
}

/// Sends the call and waits for the head of the reply.
///
/// With a permit this compiles; with the bare call, or with a permit that somebody made up, it does not:
///
/// ```no_run
/// # use gateway::proxy::{Call, Caller, Exchange, forward};
/// async fn permitted(exchange: &Exchange, caller: &Caller, permit: policy::Permit<Call>) {
///     let _ = forward(exchange, caller, permit).await;
/// }
/// ```
/// ```compile_fail,E0308
/// # use gateway::proxy::{Call, Caller, Exchange, forward};
/// async fn undecided(exchange: &Exchange, caller: &Caller, call: Call) {
///     let _ = forward(exchange, caller, call).await;
/// }
/// ```
/// ```compile_fail,E0451
/// # use gateway::proxy::{Call, Caller, Exchange, forward};
/// async fn made_up(exchange: &Exchange, caller: &Caller, call: Call) {
///     let permit = policy::Permit { subject: call, policies: Vec::new() };
///     let _ = forward(exchange, caller, permit).await;
/// }
/// ```
pub async fn forward(exchange: &Exchange, caller: &Caller, permit: Permit<Call>) -> Result<Reply, ProxyError> {
    let request = outgoing(exchange, caller, permit.into_inner())?;
    let ends_session = request.method() == Method::DELETE;
    match tokio::time::timeout(exchange.upstream.timeout, exchange.app.outbound.send(request)).await {
        Ok(Ok(response)) => judge(response, ends_session),
        Ok(Err(error)) => Err(fault(&error)),
        Err(_) => Err(ProxyError::UpstreamTimeout),
    }
}

fn outgoing(exchange: &Exchange, caller: &Caller, call: Call) -> Result<Request<Full<bytes::Bytes>>, ProxyError> {
    let mut headers = call.headers;
    let (method, body) = match call.verb {
        Verb::Send(posted) => {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            (Method::POST, posted.body)
        }
        Verb::Stream => (Method::GET, bytes::Bytes::new()),
        Verb::EndSession => (Method::DELETE, bytes::Bytes::new()),
    };
    if let Some(session) = &call.session {
        let session = HeaderValue::from_str(session).map_err(|_| ProxyError::HeaderMalformed("Mcp-Session-Id"))?;
        headers.insert(SESSION_ID, session);
    }
    let introduction = Introduction {
        caller,
        issuer: exchange.config().public_url.issuer(),
        upstream_url: exchange.upstream.url.as_str(),
        transaction: exchange.context.correlation_id(),
    };
    introduce(&mut headers, &introduction, &exchange.app.keys, exchange.app.clock.now())?;
    let uri: Uri = exchange.upstream.url.as_str().parse().map_err(|_| ProxyError::Internal("the upstream's address is not a URI"))?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Neither a redirect nor a refusal of an upstream is passed on: the client would take it for Doorward's.
fn judge(response: Response<Incoming>, ends_session: bool) -> Result<Reply, ProxyError> {
    let (head, body) = response.into_parts();
    let status = head.status;
    // A 101 would make a tunnel of the client's connection.
    if status.is_informational() {
        return Err(ProxyError::UpstreamInvalidReply(format!("status {status}")));
    }
    if status.is_redirection() {
        return Err(ProxyError::UpstreamRedirect);
    }
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
        return Err(ProxyError::UpstreamRefusedCredentials(status.as_u16()));
    }
    if head.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(ProxyError::UpstreamInvalidReply("a compressed reply that was not asked for".to_owned()));
    }
    let content_type = headers::text(&head.headers, &header::CONTENT_TYPE).unwrap_or_default();
    let body = if body.is_end_stream() || matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
        ReplyBody::Empty
    } else if headers::is_event_stream(content_type) && status == StatusCode::OK {
        ReplyBody::Events(body)
    } else if headers::is_json(content_type) {
        ReplyBody::Json(body)
    } else if status.is_client_error() || (ends_session && status.is_success()) {
        // The end of a session has no answer but its status. Or: a text that says in prose what the status says already (404 for a lost session, 405 for no stream).
        ReplyBody::Empty
    } else {
        let shown: String = content_type.chars().take(64).collect();
        return Err(ProxyError::UpstreamInvalidReply(format!("status {status} with content type {shown:?}")));
    };
    Ok(Reply { status, headers: head.headers, body })
}

fn fault(error: &OutboundError) -> ProxyError {
    match error {
        OutboundError::Unreachable { .. } | OutboundError::Tls { .. } => ProxyError::UpstreamUnreachable(error.to_string()),
        OutboundError::Broken { .. } | OutboundError::TooLarge { .. } => ProxyError::UpstreamInvalidReply(error.to_string()),
        OutboundError::Timeout { .. } => ProxyError::UpstreamTimeout,
        OutboundError::InvalidRequest { .. } => ProxyError::Internal("the request to the upstream could not be built"),
    }
}
