//! The socket as hyper sees it: only well-framed bytes come in, and nothing waits for ever.
//!
//! For HTTP/1 each read goes through [`Framing`]. A refused header ends the input, and its plain reply is written when
//! hyper closes the connection; a refused body is a read error. HTTP/2 has its own framing in hyper and only gets the
//! deadline for writes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

use crate::listener::Limits;
use crate::listener::edge::EdgeError;
use crate::listener::framing::{Framing, Phase};

/// How much is read from the socket at once.
const READ_SIZE: usize = 16 * 1024;
/// After a refusal, what the peer still sends is read and thrown away, so that it sees the reply and not a reset.
const LINGER: Duration = Duration::from_secs(1);
/// No more than this is thrown away.
const LINGER_BYTES: usize = 256 * 1024;

/// A client's socket, guarded.
pub(super) struct Guarded<IO> {
    io: IO,
    framing: Option<Framing>,
    /// Received, not yet judged.
    input: BytesMut,
    /// Judged, not yet taken by hyper.
    passed: BytesMut,
    refused: Option<EdgeError>,
    farewell: Farewell,
    read_deadline: Option<(u64, Phase, Pin<Box<Sleep>>)>,
    write_deadline: Option<Pin<Box<Sleep>>>,
    busy: watch::Receiver<usize>,
    header_timeout: Duration,
    body_timeout: Duration,
    write_timeout: Duration,
}

/// How far the end of the connection has come.
enum Farewell {
    NotBegun,
    Reply(BytesMut),
    Close,
    Linger { until: Pin<Box<Sleep>>, left: usize },
    Done,
}

impl<IO> Guarded<IO> {
    /// Guards `io`, of which `prefix` was already read; `framing` for HTTP/1. `busy` counts the requests in progress.
    pub(super) fn new(io: IO, prefix: BytesMut, framing: Option<Framing>, busy: watch::Receiver<usize>, limits: &Limits) -> Self {
        let (input, passed) = if framing.is_some() { (prefix, BytesMut::new()) } else { (BytesMut::new(), prefix) };
        Self {
            io,
            framing,
            input,
            passed,
            refused: None,
            farewell: Farewell::NotBegun,
            read_deadline: None,
            write_deadline: None,
            busy,
            header_timeout: limits.header_timeout,
            body_timeout: limits.body_timeout,
            write_timeout: limits.write_timeout,
        }
    }

    /// Lets through what is sound of the received bytes.
    fn judge(&mut self) {
        if let (Some(framing), None) = (&mut self.framing, self.refused)
            && let Err(error) = framing.advance(&mut self.input, &mut self.passed)
        {
            self.refused = Some(error);
        }
    }

    fn phase(&self) -> Phase {
        self.framing.as_ref().map_or(Phase::Between, |framing| framing.phase(&self.input))
    }

    /// What hyper reads after a refusal: an error inside of a body; between requests the end, once it has replied to all before.
    fn after_refusal(&self, error: EdgeError) -> Poll<io::Result<()>> {
        if self.phase() == Phase::Body {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        if *self.busy.borrow() > 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    /// Whether the header or the body that is being read is late.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<EdgeError> {
        let phase = self.phase();
        let request = self.framing.as_ref().map_or(0, Framing::requests);
        let (limit, error) = match phase {
            Phase::Between => {
                self.read_deadline = None;
                return Poll::Pending;
            }
            Phase::Head => (self.header_timeout, EdgeError::HeaderTimeout),
            Phase::Body => (self.body_timeout, EdgeError::BodyTimeout),
        };
        let armed = self.read_deadline.take().filter(|(of, when, _)| *of == request && *when == phase);
        let (_, _, timer) = self.read_deadline.insert(armed.unwrap_or_else(|| (request, phase, Box::pin(sleep(limit)))));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(error)
    }

    /// Adds the deadline to the result of a write: a peer that takes nothing for this long has stopped reading.
    fn with_write_deadline<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write_deadline = None;
            return result;
        }
        let limit = self.write_timeout;
        let timer = self.write_deadline.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<IO: AsyncRead + Unpin> Guarded<IO> {
    /// Reads from the socket into `input`; the number of bytes, 0 at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [std::mem::MaybeUninit::uninit(); READ_SIZE];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
        self.input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Guarded<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.passed.is_empty() {
                this.judge();
            }
            if !this.passed.is_empty() {
                let taken = this.passed.len().min(buffer.remaining());
                buffer.put_slice(&this.passed.split_to(taken));
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = this.refused {
                return this.after_refusal(error);
            }
            if this.framing.is_none() {
                return Pin::new(&mut this.io).poll_read(cx, buffer);
            }
            match this.poll_fill(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => this.refused = Some(ready!(this.poll_late(cx))),
            }
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.with_write_deadline(cx, result)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.with_write_deadline(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_flush(cx);
        self.with_write_deadline(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let next = match &mut this.farewell {
                Farewell::NotBegun => this
                    .refused
                    .filter(|_| this.phase() != Phase::Body)
                    .map_or(Farewell::Close, |error| Farewell::Reply(plain_reply(error))),
                Farewell::Reply(reply) if reply.is_empty() => Farewell::Close,
                Farewell::Reply(reply) => {
                    let mut reply = std::mem::take(reply);
                    let result = Pin::new(&mut this.io).poll_write(cx, &reply);
                    match this.with_write_deadline(cx, result) {
                        Poll::Ready(written) => reply.advance(written?),
                        Poll::Pending => {
                            this.farewell = Farewell::Reply(reply);
                            return Poll::Pending;
                        }
                    }
                    Farewell::Reply(reply)
                }
                Farewell::Close => {
                    ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
                    let unread = this.refused.is_some() || this.phase() == Phase::Body;
                    if unread {
                        Farewell::Linger { until: Box::pin(tokio::time::sleep_until(Instant::now() + LINGER)), left: LINGER_BYTES }
                    } else {
                        Farewell::Done
                    }
                }
                Farewell::Linger { until, left } => {
                    let late = until.as_mut().poll(cx).is_ready() || *left == 0;
                    if late { Farewell::Done } else { ready!(this.poll_discard(cx)) }
                }
                Farewell::Done => return Poll::Ready(Ok(())),
            };
            this.farewell = next;
        }
    }
}

impl<IO: AsyncRead + Unpin> Guarded<IO> {
    /// Throws away what still arrives.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<Farewell> {
        self.input.clear();
        let received = ready!(self.poll_fill(cx)).unwrap_or(0);
        let Farewell::Linger { until, left } = std::mem::replace(&mut self.farewell, Farewell::Done) else {
            return Poll::Ready(Farewell::Done);
        };
        if received == 0 {
            Poll::Ready(Farewell::Done)
        } else {
            Poll::Ready(Farewell::Linger { until, left: left.saturating_sub(received) })
        }
    }
}

/// The whole reply to a request that hyper never saw.
fn plain_reply(error: EdgeError) -> BytesMut {
    let text = format!("{}: {error}\n", error.code());
    let reply = format!(
        "HTTP/1.1 {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{text}",
        error.status(),
        text.len(),
    );
    BytesMut::from(reply.as_bytes())
}
