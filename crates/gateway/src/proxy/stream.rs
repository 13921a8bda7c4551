//! Carries the reply from the upstream to the client, and knows how the call ended.
//!
//! The work runs in a task of its own, so that the end of a call is seen and recorded also when its client has gone. A
//! client that goes cancels the call in the modern era (2026-07-28, "Cancellation"); in the legacy era it does not, and
//! the reply is read to its end.
//!
//! Streams are passed on chunk by chunk, unbuffered and unchanged. Only where a list may be in them (the reply to a list
//! request; the standing stream of a session, which may replay one) are they passed on event by event.

mod body;
mod lists;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::{Frame, Incoming};
use mcp::{Era, EventScanner, Summary, summarize};
use policy::Permit;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot, watch};

use super::Exchange;
use super::authenticate::{Caller, is_still_live};
use super::call::{Call, Verb};
use super::error::ProxyError;
use super::forward::{Reply, ReplyBody, forward};
use super::headers::{self, SESSION_ID};
use super::record::{End, Record, unwritable};
use crate::audit::{Outcome, Ticket};
pub use body::ResponseBody;
use body::{BrokenOff, Collected, channel, collect_some};
pub(super) use body::{collect, empty, whole};

/// The longest list that is read whole to be filtered.
pub(super) const LIST_LIMIT: usize = 16 * 1024 * 1024;
/// The longest event that is read whole to be filtered.
pub(super) const EVENT_LIMIT: usize = 16 * 1024 * 1024;
/// A JSON reply up to this length is looked at before it is passed on; what is longer is passed on as it comes.
const JSON_LIMIT: usize = 1024 * 1024;
/// So often in a row the store may fail to say whether the grant stands; then it counts as revoked.
const STORE_FAILURES: u32 = 3;
/// How long a legacy call goes on whose client has gone.
const DRAIN: Duration = Duration::from_mins(5);
/// A client that takes nothing of a waiting reply for so long has gone.
const STALLED: Duration = Duration::from_mins(1);

type Head = oneshot::Sender<Result<Response<ResponseBody>, ProxyError>>;
type Chunks = mpsc::Sender<Result<Bytes, BrokenOff>>;

/// What the reply is carried for.
struct Work {
    exchange: Arc<Exchange>,
    caller: Arc<Caller>,
    era: Era,
    method: Option<mcp::Method>,
    session: Option<String>,
    /// A request, which must have a reply.
    expects_reply: bool,
    standing_stream: bool,
    ends_session: bool,
}

/// A reply that is ready for its head to leave.
struct Prepared {
    response: Response<ResponseBody>,
    /// What is still to be pumped once the head has left.
    rest: Rest,
    end: End,
}

enum Rest {
    Nothing,
    Bytes(Incoming, Chunks),
    Events(Incoming, Chunks),
}

/// Forwards the call and gives the reply as soon as its head may leave; the rest goes on in a task.
pub(super) async fn carry(
    exchange: Arc<Exchange>,
    caller: Arc<Caller>,
    permit: Permit<Call>,
    record: Record,
    ticket: Ticket,
) -> Result<Response<ResponseBody>, ProxyError> {
    let call = permit.subject();
    let work = Work {
        era: call.era,
        method: call.method(),
        session: call.session.clone(),
        expects_reply: call.request_id().is_some(),
        standing_stream: matches!(call.verb, Verb::Stream),
        ends_session: matches!(call.verb, Verb::EndSession),
        exchange,
        caller,
    };
    let (sender, head) = oneshot::channel();
    let mut closing = work.exchange.app.proxy.closing.subscribe();
    tokio::spawn(async move {
        let end = work.run(permit, ticket, sender, &mut closing).await;
        record.finish(&work.exchange, &end);
        // The last of these receivers is what the shutdown waits for.
        drop(closing);
    });
    head.await.unwrap_or(Err(ProxyError::Internal("the call was cut off")))
}

impl Work {
    /// From the forward to the last byte, or to what ends the call before: the client, the caller's right, the shutdown.
    async fn run(&self, permit: Permit<Call>, ticket: Ticket, mut head: Head, closing: &mut watch::Receiver<bool>) -> End {
        let mut stop = pin!(self.must_stop(closing));
        let prepared = tokio::select! {
            prepared = self.prepare(permit, ticket) => prepared,
            () = self.abandoned(head.closed()) => return End::new(Outcome::Cancelled),
            stop = stop.as_mut() => match stop {
                Some(error) => Err(error),
                None => return End::new(Outcome::Cancelled),
            },
        };
        let Prepared { response, rest, mut end } = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                let end = End::failed(&error);
                drop(head.send(Err(error)));
                return end;
            }
        };
        end.status = Some(response.status().as_u16());
        // A client that has gone already is found out below.
        drop(head.send(Ok(response)));
        let (body, chunks, scanner) = match rest {
            Rest::Nothing => return end,
            Rest::Bytes(body, chunks) => (body, chunks, None),
            Rest::Events(body, chunks) => (body, chunks, Some(EventScanner::new(EVENT_LIMIT))),
        };
        tokio::select! {
            () = self.pump(body, &chunks, scanner, &mut end) => {}
            () = self.abandoned(chunks.closed()) => end.outcome = Outcome::Cancelled,
            stop = stop.as_mut() => match stop {
                Some(error) => end.fail(&error),
                None => end.outcome = Outcome::Cancelled,
            },
        }
        end
    }

    /// Ready when the client has gone and its call is not to go on, or not any longer.
    async fn abandoned(&self, gone: impl Future<Output = ()>) {
        gone.await;
        if !self.client_cancels() {
            tokio::time::sleep(DRAIN).await;
        }
    }

    /// Ready when the call must not go on: with the reason, or without one at the shutdown.
    async fn must_stop(&self, closing: &mut watch::Receiver<bool>) -> Option<ProxyError> {
        tokio::select! {
            error = self.no_longer_allowed() => Some(error),
            _ = closing.wait_for(|closing| *closing) => None,
        }
    }

    /// Whether a client that goes takes the call with it.
    fn client_cancels(&self) -> bool {
        self.era == Era::Modern || self.standing_stream
    }

    /// Forwards while the audit event becomes durable; without both there is no reply.
    async fn prepare(&self, permit: Permit<Call>, ticket: Ticket) -> Result<Prepared, ProxyError> {
        let durable = async { ticket.durable().await.map_err(unwritable) };
        let (reply, ()) = tokio::try_join!(forward(&self.exchange, &self.caller, permit), durable)?;
        let status = reply.status();
        let headers = self.reply_headers(&reply);
        self.note_session(&reply);
        match reply.into_body() {
            ReplyBody::Empty if self.expects_reply && status.is_success() => {
                Err(ProxyError::UpstreamInvalidReply("an empty reply to a request".to_owned()))
            }
            ReplyBody::Empty => Ok(Prepared { response: respond(status, headers, empty()), rest: Rest::Nothing, end: ended(status, 0) }),
            ReplyBody::Json(body) => self.prepare_json(status, headers, body).await,
            ReplyBody::Events(body) => {
                let (chunks, stream) = channel();
                let mut response = respond(status, headers, stream);
                response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
                Ok(Prepared { response, rest: Rest::Events(body, chunks), end: End::new(Outcome::Success) })
            }
        }
    }

    async fn prepare_json(&self, status: StatusCode, headers: HeaderMap, body: Incoming) -> Result<Prepared, ProxyError> {
        let limit = if self.may_list() || self.may_be_cached() { LIST_LIMIT } else { JSON_LIMIT };
        let message = match collect_some(body, limit, self.exchange.upstream.timeout).await? {
            Collected::Whole(message) => message,
            Collected::Part(..) if self.may_list() => return Err(ProxyError::UpstreamReplyTooLarge),
            Collected::Part(start, body) => {
                let (chunks, stream) = channel();
                let end = ended(status, start.len());
                // The channel is new and empty: there is room for the first chunk.
                drop(chunks.try_send(Ok(start)));
                return Ok(Prepared { response: respond(status, headers, stream), rest: Rest::Bytes(body, chunks), end });
            }
        };
        let summary = summarize(&message);
        if summary.is_none() && status.is_success() {
            return Err(ProxyError::UpstreamInvalidReply("not a JSON-RPC message".to_owned()));
        }
        let mut end = ended(status, 0);
        self.note(summary.as_ref(), &mut end);
        let message = if self.may_list() {
            self.filter(message, &mut end)?
        } else if self.may_be_cached() {
            Self::made_private(message)?
        } else {
            message
        };
        end.bytes = message.len() as u64;
        Ok(Prepared { response: respond(status, headers, whole(message)), rest: Rest::Nothing, end })
    }

    /// Passes a body on to the client.
    async fn pump(&self, mut body: Incoming, chunks: &Chunks, mut scanner: Option<EventScanner>, end: &mut End) {
        use http_body_util::BodyExt as _;
        while let Some(frame) = body.frame().await {
            let passed = match frame.map(Frame::into_data) {
                Ok(Ok(chunk)) => self.pass(&mut scanner, chunk, end),
                // Trailers are never passed on.
                Ok(Err(_)) => continue,
                Err(error) => Err(ProxyError::UpstreamInvalidReply(error.to_string())),
            };
            match passed {
                Ok(chunk) if chunk.is_empty() => {}
                Ok(chunk) => {
                    end.bytes += chunk.len() as u64;
                    match chunks.send_timeout(Ok(chunk), STALLED).await {
                        // A client that has gone: whoever runs this knows what that means.
                        Ok(()) | Err(SendTimeoutError::Closed(_)) => {}
                        Err(SendTimeoutError::Timeout(_)) => {
                            end.outcome = Outcome::Cancelled;
                            return;
                        }
                    }
                }
                Err(error) => {
                    end.fail(&error);
                    // Whoever takes nothing now is not told; the connection is cut without that.
                    drop(chunks.send_timeout(Err(BrokenOff), STALLED).await);
                    return;
                }
            }
        }
    }

    /// What of a chunk goes to the client now.
    fn pass(&self, scanner: &mut Option<EventScanner>, chunk: Bytes, end: &mut End) -> Result<Bytes, ProxyError> {
        let Some(events) = scanner.as_mut().map(|scanner| scanner.push(&chunk)) else { return Ok(chunk) };
        let filters = self.may_list() || self.may_be_cached();
        let events = match events {
            Ok(events) => events,
            Err(_) if filters => return Err(ProxyError::UpstreamReplyTooLarge),
            Err(_) => {
                *scanner = None;
                return Ok(chunk);
            }
        };
        let mut out = Vec::new();
        for event in events {
            let summary = event.data().and_then(summarize);
            self.note(summary.as_ref(), end);
            if filters {
                match event.data().map(|data| self.filter_event(&event, data, end)).transpose()? {
                    Some(event) => out.extend_from_slice(&event),
                    None => out.extend_from_slice(event.raw()),
                }
            }
        }
        Ok(if filters { Bytes::from(out) } else { chunk })
    }

    fn is_list(&self) -> bool {
        self.method.is_some_and(mcp::Method::is_list)
    }

    /// Whether a list may be in the reply: a standing stream may replay one.
    fn may_list(&self) -> bool {
        self.is_list() || self.standing_stream
    }

    /// Replies that 2026-07-28 lets a cache keep, for everybody if they say so. Policy decided for one person.
    fn may_be_cached(&self) -> bool {
        matches!(self.method, Some(mcp::Method::ReadResource | mcp::Method::Discover))
    }

    /// What a message of the upstream means for the end of the call, and whose a new task is.
    fn note(&self, summary: Option<&Summary>, end: &mut End) {
        let Some(summary) = summary.filter(|summary| summary.is_response && !self.standing_stream) else { return };
        if summary.is_tool_error {
            end.outcome = Outcome::ToolError;
        } else if summary.is_error {
            end.outcome = Outcome::UpstreamError;
        }
        if let (Some(task), Some(mcp::Method::CallTool)) = (&summary.task_id, self.method) {
            self.exchange.app.proxy.owners.bind_task(&self.exchange, &self.caller, task);
        }
    }

    /// A session begins with the reply to `initialize` and ends with DELETE, or when the upstream knows it no more.
    fn note_session(&self, reply: &Reply) {
        let owners = &self.exchange.app.proxy.owners;
        let opened = headers::text(reply.headers(), &SESSION_ID);
        match (&self.session, opened) {
            (None, Some(id)) if self.opens_session() && reply.status().is_success() => {
                owners.bind_session(&self.exchange, &self.caller, id);
            }
            (Some(id), _) if reply.status() == StatusCode::NOT_FOUND || (self.ends_session && reply.status().is_success()) => {
                owners.end_session(&self.exchange, id);
            }
            _ => {}
        }
    }

    fn opens_session(&self) -> bool {
        self.era == Era::Legacy && self.method == Some(mcp::Method::Initialize)
    }

    fn reply_headers(&self, reply: &Reply) -> HeaderMap {
        let mut headers = headers::returned(reply.headers());
        let session = reply.headers().get(&SESSION_ID);
        let own = session.is_some_and(|id| self.session.as_ref().is_some_and(|own| id == own.as_str()));
        if let Some(id) = session.filter(|_| own || (self.session.is_none() && self.opens_session())) {
            headers.insert(SESSION_ID, id.clone());
        }
        let caching = if self.is_list() { "private, no-store" } else { "no-store" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        headers
    }

    /// Ready when the call may not go on: a revoked grant ends every call, the end of the token a standing stream. What
    /// cannot be found out counts as no.
    async fn no_longer_allowed(&self) -> ProxyError {
        let mut failures = 0;
        loop {
            tokio::time::sleep(self.exchange.config().limits.grant_recheck).await;
            match self.check_again().await {
                Ok(()) => failures = 0,
                Err(ProxyError::Store(error)) if failures + 1 < STORE_FAILURES => {
                    failures += 1;
                    tracing::warn!(request_id = self.exchange.context.request_id, %error, "an open call's grant could not be checked");
                }
                Err(error) => return error,
            }
        }
    }

    async fn check_again(&self) -> Result<(), ProxyError> {
        let standing = self.standing_stream || self.method == Some(mcp::Method::Listen);
        if standing && self.caller.expires_at() <= self.exchange.app.clock.now() {
            return Err(ProxyError::TokenExpired);
        }
        if is_still_live(&self.exchange, &self.caller).await? { Ok(()) } else { Err(ProxyError::TokenRevoked(self.caller.user_id())) }
    }
}

fn ended(status: StatusCode, bytes: usize) -> End {
    let outcome = if status.is_success() { Outcome::Success } else { Outcome::UpstreamError };
    End { bytes: bytes as u64, ..End::new(outcome) }
}

fn respond(status: StatusCode, headers: HeaderMap, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
