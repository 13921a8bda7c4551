//! Development servers listen on the loopback interface and nowhere else.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

/// Why a development server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is reachable from outside of this machine.
    #[error("{0} is not a loopback address; development servers let everybody in, so they are for this machine only")]
    NotLoopback(SocketAddr),
    /// The port cannot be opened.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// A key, a certificate or a random value cannot be made.
    #[error("cannot make the keys of a development server: {0}")]
    Keys(String),
}

impl StartError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotLoopback(_) => "dev.not_loopback",
            Self::Listen { .. } => "dev.cannot_listen",
            Self::Keys(_) => "dev.keys",
        }
    }
}

/// Opens a loopback port; port 0 takes a free one.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    TcpListener::bind(address).await.map_err(|cause| StartError::Listen { address, cause })
}

/// The URL of a listener, `http://127.0.0.1:port/`.
pub fn url(listener: &TcpListener) -> Result<Url, StartError> {
    let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
    let address = listener.local_addr().map_err(|cause| StartError::Listen { address: unknown, cause })?;
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    Url::parse(&format!("http://{address}/")).map_err(|error| StartError::Listen { address, cause: io::Error::other(error) })
}

/// A development server that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    /// Where it listens, with a trailing slash.
    pub url: Url,
    task: JoinHandle<()>,
}

impl Running {
    /// Serves `router` on `listener`.
    pub(crate) fn spawn(listener: TcpListener, router: Router) -> Result<Self, StartError> {
        let url = url(&listener)?;
        let task = tokio::spawn(async move {
            // Without it, an answer's second segment waits for the peer's delayed acknowledgement: 40 ms a call.
            let listener = listener.tap_io(|socket| {
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
            });
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "development server stopped");
            }
        });
        Ok(Self { url, task })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
