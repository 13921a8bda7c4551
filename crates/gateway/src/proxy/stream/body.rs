//! Bodies: those Doorward writes whole, those it passes on in chunks, and those it reads whole.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use crate::proxy::error::ProxyError;

/// How many chunks may wait for a slow client before its upstream has to wait too.
const WAITING_CHUNKS: usize = 16;

/// The body of every reply of the proxy.
pub type ResponseBody = UnsyncBoxBody<Bytes, BrokenOff>;

/// The upstream's reply broke off: the connection to the client is cut, so that it cannot take the part for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream's reply broke off")]
pub struct BrokenOff;

fn never(never: Infallible) -> BrokenOff {
    match never {}
}

/// A body that is there already.
pub(in crate::proxy) fn whole(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into()).map_err(never).boxed_unsync()
}

/// No body.
pub(in crate::proxy) fn empty() -> ResponseBody {
    Empty::new().map_err(never).boxed_unsync()
}

/// A body that is fed chunk by chunk.
pub(super) fn channel() -> (mpsc::Sender<Result<Bytes, BrokenOff>>, ResponseBody) {
    let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
    (sender, Chunked(receiver).boxed_unsync())
}

struct Chunked(mpsc::Receiver<Result<Bytes, BrokenOff>>);

impl Body for Chunked {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

/// What could be read of a body within a limit.
pub(super) enum Collected {
    Whole(Bytes),
    /// The start, longer than the limit, and the rest.
    Part(Bytes, Incoming),
}

/// Reads a body up to `limit`; no pause between two chunks may be longer than `pause`.
pub(super) async fn collect_some(mut body: Incoming, limit: usize, pause: Duration) -> Result<Collected, ProxyError> {
    let mut start: Option<Bytes> = None;
    let mut more = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(pause, body.frame()).await.map_err(|_| ProxyError::UpstreamTimeout)?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| ProxyError::UpstreamInvalidReply(error.to_string()))?;
        let Ok(chunk) = frame.into_data() else { continue };
        // One chunk is the rule, and is not copied.
        match start.take() {
            None if more.is_empty() => start = Some(chunk),
            Some(first) => {
                more.extend_from_slice(&first);
                more.extend_from_slice(&chunk);
            }
            None => more.extend_from_slice(&chunk),
        }
        if start.as_ref().map_or(more.len(), Bytes::len) > limit {
            return Ok(Collected::Part(start.unwrap_or_else(|| more.freeze()), body));
        }
    }
    Ok(Collected::Whole(start.unwrap_or_else(|| more.freeze())))
}

/// Reads a body whole, or refuses it as too long.
pub(in crate::proxy) async fn collect(body: Incoming, limit: usize, pause: Duration) -> Result<Bytes, ProxyError> {
    match collect_some(body, limit, pause).await? {
        Collected::Whole(bytes) => Ok(bytes),
        Collected::Part(..) => Err(ProxyError::UpstreamReplyTooLarge),
    }
}
