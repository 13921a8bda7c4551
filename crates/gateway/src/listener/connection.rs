//! One connection from the first byte to the last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::listener::edge::{self, EdgeError};
use crate::listener::framing::Framing;
use crate::listener::guarded::Guarded;
use crate::listener::permits::Permit;
use crate::listener::{Limits, Settings};
use crate::request_id::RequestContext;

/// RFC 9113 section 3.4: what a client of HTTP/2 sends first.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How often an HTTP/2 peer is asked whether it is still there, and how long it may take to answer.
const H2_PING: Duration = Duration::from_secs(20);
/// What one HTTP/2 stream may have buffered for a client that reads slowly.
const H2_SEND_BUFFER: usize = 256 * 1024;

/// What all requests of one connection share.
struct Shared<H> {
    peer: SocketAddr,
    settings: Arc<Settings>,
    handler: H,
    busy: watch::Sender<usize>,
}

/// Serves one accepted socket until it ends, is idle too long, or the drain is over.
pub(super) async fn serve<H, F, B>(
    socket: TcpStream,
    peer: SocketAddr,
    settings: Arc<Settings>,
    handler: H,
    drain: watch::Receiver<bool>,
    permit: Permit,
) where
    H: Fn(Request<Incoming>, RequestContext) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let _permit = permit;
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let shared = Arc::new(Shared { peer, settings: Arc::clone(&settings), handler, busy: watch::Sender::new(0) });
    match &settings.tls {
        None => drive(socket, shared, drain).await,
        Some(config) => match timeout(settings.limits.header_timeout, TlsAcceptor::from(Arc::clone(config)).accept(socket)).await {
            Ok(Ok(stream)) => drive(stream, shared, drain).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
        },
    }
}

/// Finds out the protocol and runs hyper on the connection.
async fn drive<IO, H, F, B>(mut io: IO, shared: Arc<Shared<H>>, drain: watch::Receiver<bool>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>, RequestContext) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limits = shared.settings.limits.clone();
    let Ok(Some((is_h2, prefix))) = timeout(limits.header_timeout, sniff(&mut io)).await else { return };
    let busy = shared.busy.subscribe();
    let peer = shared.peer;
    // Counted at the call and not when the future first runs: a refusal right behind this request must see it.
    let service = service_fn(move |request| answer(InProgress::begin(shared.busy.clone()), Arc::clone(&shared), request));
    let ended = if is_h2 {
        let io = TokioIo::new(Guarded::new(io, prefix, None, busy.clone(), &limits));
        run(h2_builder(&limits).serve_connection(io, service), busy, drain, &limits).await
    } else {
        let framing = Framing::new(limits.header_bytes, limits.headers);
        let io = TokioIo::new(Guarded::new(io, prefix, Some(framing), busy.clone(), &limits));
        run(h1_builder(&limits).serve_connection(io, service), busy, drain, &limits).await
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

/// Reads until it is clear whether the client speaks HTTP/2; gives what was read. `None`: it ended before that.
async fn sniff<IO: AsyncRead + Unpin>(io: &mut IO) -> Option<(bool, BytesMut)> {
    let mut prefix = BytesMut::with_capacity(1024);
    loop {
        // The end of the input is ready for ever: to ask again would be to spin until the deadline.
        if io.read_buf(&mut prefix).await.ok()? == 0 {
            return None;
        }
        if prefix.starts_with(H2_PREFACE) {
            return Some((true, prefix));
        }
        if !H2_PREFACE.starts_with(&prefix) {
            return Some((false, prefix));
        }
    }
}

/// No timer of hyper's own: `Guarded` has the deadlines, and knows a header from an idle connection.
fn h1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(None).max_headers(limits.headers).max_header_size(limits.header_bytes);
    builder
}

fn h2_builder(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_pending_accept_reset_streams(limits.h2_pending_resets)
        .max_local_error_reset_streams(limits.h2_pending_resets)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(H2_SEND_BUFFER)
        .keep_alive_interval(H2_PING)
        .keep_alive_timeout(H2_PING);
    builder
}

/// Runs a connection to its end; asks it to end when it is idle or the listener drains.
async fn run<C: GracefulConnection>(
    connection: C,
    busy: watch::Receiver<usize>,
    mut drain: watch::Receiver<bool>,
    limits: &Limits,
) -> Result<(), C::Error> {
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = idle(busy, limits.idle_timeout) => {}
        _ = drain.wait_for(|draining| *draining) => {}
    }
    connection.as_mut().graceful_shutdown();
    timeout(limits.drain_timeout, connection).await.unwrap_or(Ok(()))
}

/// Ready once no request was in progress for `limit`.
async fn idle(mut busy: watch::Receiver<usize>, limit: Duration) {
    loop {
        let waiting = *busy.borrow_and_update() == 0;
        let changed = busy.changed();
        if waiting {
            match timeout(limit, changed).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        } else if changed.await.is_err() {
            return;
        }
    }
}

/// One request: the edge check, the handler, the request id on the reply.
async fn answer<H, F, B>(
    in_progress: InProgress,
    shared: Arc<Shared<H>>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody<B>>, Infallible>
where
    H: Fn(Request<Incoming>, RequestContext) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes>,
{
    let context = RequestContext::new(shared.peer, request.headers());
    let request_id = HeaderValue::from_str(&context.request_id);
    let limits = &shared.settings.limits;
    let checked = edge::check_count(request.headers(), limits.headers)
        .and_then(|()| edge::check(&request, &shared.settings.hosts, limits.query_bytes));
    let mut response = match checked {
        Ok(()) => (shared.handler)(request, context).await.map(Content::Handler),
        Err(error) => {
            tracing::info!(request_id = context.request_id, peer = %context.peer, code = error.code(), "request refused");
            refusal(error, request.version())
        }
    };
    if let Ok(request_id) = request_id {
        response.headers_mut().insert("x-request-id", request_id);
    }
    Ok(response.map(|content| ReplyBody { content, _in_progress: in_progress }))
}

/// The plain reply to a request that does not pass the edge; an HTTP/1 connection ends, for its next bytes cannot be trusted.
fn refusal<B>(error: EdgeError, version: http::Version) -> Response<Content<B>> {
    let mut response = Response::new(Content::Text(Some(Bytes::from(format!("{}: {error}\n", error.code())))));
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if version < http::Version::HTTP_2 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Counts one request for as long as its reply is not written.
struct InProgress(watch::Sender<usize>);

impl InProgress {
    fn begin(busy: watch::Sender<usize>) -> Self {
        busy.send_modify(|count| *count += 1);
        Self(busy)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// The body of a reply; the request is in progress until it is dropped.
struct ReplyBody<B> {
    content: Content<B>,
    _in_progress: InProgress,
}

enum Content<B> {
    Text(Option<Bytes>),
    Handler(B),
}

impl<B: Body<Data = Bytes> + Unpin> Body for ReplyBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.content {
            Content::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Content::Handler(body) => Poll::Ready(ready!(Pin::new(body).poll_frame(cx))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Text(text) => text.is_none(),
            Content::Handler(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| u64::try_from(text.len()).unwrap_or(u64::MAX))),
            Content::Handler(body) => body.size_hint(),
        }
    }
}
