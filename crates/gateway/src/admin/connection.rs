//! Accepts administrators: few at a time, one request a connection, everything with a deadline.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt as _;

use super::error::{AdminError, SocketError};
use super::operator::Operator;
use super::router;
use super::socket::Socket;
use crate::app::SharedApp;

/// Administrators at the same time; the next ones wait.
const CONNECTIONS: usize = 16;
/// For the request's header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// For everything: an act that asks an identity provider may take a while. The command line waits a little longer.
const DEADLINE: Duration = Duration::from_mins(1);
/// What acts under way have at the stop.
const DRAIN: Duration = Duration::from_secs(5);
/// How long the loop rests when the system cannot accept.
const PAUSE: Duration = Duration::from_millis(100);

/// The open admin socket.
#[derive(Debug)]
pub struct Server {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Server {
    /// Opens the socket in the data folder of `app` and serves it until [`Server::stop`].
    pub async fn start(app: &SharedApp) -> Result<Self, SocketError> {
        let socket = Socket::open(&app.config.data_dir).await?;
        tracing::info!(path = %socket.path.display(), "the admin socket is open");
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve(socket, Arc::clone(app), stopped));
        Ok(Self { stop, serving })
    }

    /// Lets acts under way end, and removes the socket.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the admin socket ended by a panic: please report this");
        }
    }
}

async fn serve(socket: Socket, app: SharedApp, mut stopped: oneshot::Receiver<()>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            // Never closed, so there is always a permit to come.
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            (socket.listener.accept().await, permit)
        };
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (accepted, permit) = next => match accepted {
                Ok((stream, _)) => {
                    let app = Arc::clone(&app);
                    connections.spawn(async move {
                        let _permit = permit;
                        converse(stream, app).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection on the admin socket");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(socket);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        connections.shutdown().await;
    }
}

/// One connection: one request and its reply.
async fn converse(stream: UnixStream, app: SharedApp) {
    let Some(operator) = Operator::of(&stream) else { return };
    let service = service_fn(move |request| answer(Arc::clone(&app), operator.clone(), request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).keep_alive(false);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    // The reply of an act that ran into its deadline still has to be written.
    match tokio::time::timeout(DEADLINE + HEADER_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection on the admin socket ended"),
        Err(_) => tracing::debug!("a connection on the admin socket took too long"),
    }
}

async fn answer(app: SharedApp, operator: Operator, request: Request<Incoming>) -> Result<Response, Infallible> {
    if !operator.is_allowed() {
        tracing::warn!(operator = operator.name(), "refused on the admin socket");
        return Ok(AdminError::PeerRefused(operator.name()).into_response());
    }
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(operator);
    // A task of its own: what has begun is not left half done because somebody pressed Ctrl-C.
    let act = tokio::spawn(router(app).oneshot(request));
    match tokio::time::timeout(DEADLINE, act).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(%error, "a request on the admin socket ended by a panic: please report this");
            Ok(AdminError::Crashed.into_response())
        }
        Err(_) => Ok(AdminError::TimedOut.into_response()),
    }
}
