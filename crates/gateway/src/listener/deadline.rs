//! A request body that must be whole in time.
//!
//! HTTP/1 bodies have their deadline at the socket (`guarded`); on an HTTP/2 connection a body can only be late by itself.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::listener::edge::EdgeError;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A body, and until when it may arrive.
pub struct InTime<B> {
    body: B,
    deadline: Pin<Box<Sleep>>,
}

impl<B> InTime<B> {
    /// `body` has `limit` from now on.
    pub fn new(body: B, limit: Duration) -> Self {
        Self { body, deadline: Box::pin(sleep(limit)) }
    }
}

impl<B: Body<Error: Into<Error>> + Unpin> Body for InTime<B> {
    type Data = B::Data;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        self.deadline.as_mut().poll(cx).map(|()| Some(Err(EdgeError::BodyTimeout.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
