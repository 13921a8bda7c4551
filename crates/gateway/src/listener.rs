//! The only place that accepts network connections from clients.
//!
//! Flow of one connection: accept, caps, TLS handshake, which protocol, then hyper; flow of one request on it:
//! framing ([`framing`], HTTP/1 only), [`edge::check`], then the handler. Everything has a deadline: the handshake, the
//! header, the body, an idle connection, a reader that stops reading, and the shutdown.
//!
//! Invariants: no request reaches the handler that [`edge::check`] has not passed; no connection outlives the drain
//! deadline of the shutdown; nothing here reads a forwarded header.

mod connection;
pub mod deadline;
pub mod edge;
mod framing;
mod guarded;
mod permits;
pub mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::listener::permits::{Permit, Permits};
use crate::request_id::RequestContext;

/// How long the accept loop rests when the system is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What one listener grants to its clients. [`Limits::default`] is the documented default of every value.
#[derive(Clone, Debug)]
pub struct Limits {
    /// All header lines of one request, in bytes, the request line included.
    pub header_bytes: usize,
    /// Header lines of one request.
    pub headers: usize,
    /// Bytes of the query of a request target.
    pub query_bytes: usize,
    /// Connections of this listener at the same time.
    pub connections: usize,
    /// Connections of one address (IPv6: of one /64 network) at the same time.
    pub connections_per_address: usize,
    /// From the first byte of a request to the end of its header; also for the TLS handshake and for the first byte.
    pub header_timeout: Duration,
    /// From the end of the header to the end of the body (HTTP/1).
    pub body_timeout: Duration,
    /// How long a connection may stay open with no request in progress.
    pub idle_timeout: Duration,
    /// How long the peer may refuse to take bytes of a reply.
    pub write_timeout: Duration,
    /// How long open requests may go on after the shutdown began.
    pub drain_timeout: Duration,
    /// Requests at the same time on one HTTP/2 connection.
    pub h2_streams: u32,
    /// HTTP/2 streams that a client may reset before they were accepted (CVE-2023-44487).
    pub h2_pending_resets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 32 * 1024,
            headers: 100,
            query_bytes: 8 * 1024,
            connections: 10_000,
            connections_per_address: 256,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(2),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            h2_streams: 100,
            h2_pending_resets: 20,
        }
    }
}

/// How one listener serves.
#[derive(Clone)]
pub struct Settings {
    /// TLS, or plain HTTP where a load balancer in front ends TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Sizes, numbers and deadlines.
    pub limits: Limits,
    /// The names this listener answers to; replaced on a configuration reload.
    pub hosts: Arc<edge::Hosts>,
}

/// Accepts connections until `shutdown` is ready, then drains and returns.
///
/// `handler` gets every request that [`edge::check`] passed, with its [`RequestContext`]; the reply gets `X-Request-Id`.
/// New connections are refused as soon as `shutdown` is ready; requests in progress may end until
/// [`Limits::drain_timeout`], then their connections are closed.
pub async fn serve<H, F, B>(listener: TcpListener, settings: Settings, handler: H, shutdown: impl Future<Output = ()>)
where
    H: Fn(Request<Incoming>, RequestContext) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let settings = Arc::new(settings);
    let permits = Permits::new(settings.limits.connections, settings.limits.connections_per_address);
    let (draining, drain) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => log_panic(ended),
            (socket, peer, permit) = accept(&listener, &permits) => {
                connections.spawn(connection::serve(socket, peer, Arc::clone(&settings), handler.clone(), drain.clone(), permit));
            }
        }
    }
    drop(listener);
    draining.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(settings.limits.drain_timeout, drained).await.is_err() {
        tracing::warn!(open = connections.len(), "closing connections that did not end in time");
        connections.shutdown().await;
    }
}

/// A panic ends one connection and nothing else, but it must be seen.
fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection ended by a panic: please report this");
    }
}

/// The next connection that the caps allow; the others are closed at once.
async fn accept(listener: &TcpListener, permits: &Arc<Permits>) -> (TcpStream, SocketAddr, Permit) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                if let Some(permit) = permits.take(peer.ip()) {
                    return (socket, peer, permit);
                }
                tracing::debug!(%peer, "connection refused: too many");
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
