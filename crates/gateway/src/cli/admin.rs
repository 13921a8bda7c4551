//! The client side of the admin socket: one request to the gateway that runs on this machine.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::DEFAULT_CONFIG;
use crate::admin;
use crate::config::{self, Config, Problem};

/// The gateway answers within a minute; what it cannot do by then it says.
const PATIENCE: Duration = Duration::from_secs(70);
/// The largest reply: lists of everything.
const MAX_REPLY: usize = 64 << 20;

/// Which gateway is meant: the arguments of every command that talks to one.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The configuration file; its `data_dir` has the socket of the running gateway.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// The data folder itself; no configuration is read.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data_dir: Option<PathBuf>,
}

impl Target {
    /// [`call`] to this gateway.
    pub(super) fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        if let Some(data_dir) = &self.data_dir {
            return call_in(data_dir, method, path, body);
        }
        let config = config::load(&self.config).map_err(CallError::Configuration)?;
        call(&config, method, path, body)
    }
}

/// Why the gateway did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The configuration does not tell where the gateway is.
    #[error("{}; or name the data folder with --data-dir", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Configuration(Vec<Problem>),
    /// Nobody listens.
    #[error("no gateway answers on {}: {source}; start it with `doorward serve`, or name its data folder with --data-dir", socket.display())]
    NotRunning { socket: PathBuf, source: std::io::Error },
    /// The socket is another user's.
    #[error("you may not use {}: {source}; run this command as the user that runs Doorward, or as root: sudo -u USER doorward …", socket.display())]
    NotPermitted { socket: PathBuf, source: std::io::Error },
    /// The gateway did not answer as it should.
    #[error("the gateway behind {} did not answer: {reason}", socket.display())]
    Broken { socket: PathBuf, reason: String },
    /// The gateway refuses, with a reason of its own.
    #[error("{message}")]
    Refused { code: String, message: String },
}

impl CallError {
    /// The stable code, where there is one.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            // Each problem has its own code in its text.
            Self::Configuration(_) | Self::NotRunning { .. } | Self::NotPermitted { .. } | Self::Broken { .. } => None,
        }
    }
}

/// Asks the gateway that runs with this configuration, and waits for its answer.
pub(super) fn call(config: &Config, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    call_in(&config.data_dir, method, path, body)
}

fn call_in(data_dir: &Path, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let socket = admin::path_in(data_dir);
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::HOST, "localhost")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .context("the request cannot be built")?;
    let answered = runtime.block_on(async { tokio::time::timeout(PATIENCE, exchange(&socket, request)).await });
    let late = || CallError::Broken { socket: socket.clone(), reason: "it took too long".to_owned() };
    Ok(answered.map_err(|_| late())??)
}

async fn exchange(socket: &Path, request: Request<Full<Bytes>>) -> Result<Value, CallError> {
    let stream = UnixStream::connect(socket).await.map_err(|source| unreachable(socket, source))?;
    let broken = |reason: String| CallError::Broken { socket: socket.to_owned(), reason };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(error.to_string()))?;
    let connection = tokio::spawn(connection);
    let response: Response<Incoming> = sender.send_request(request).await.map_err(|error| broken(error.to_string()))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_REPLY).collect().await.map_err(|error| broken(error.to_string()))?.to_bytes();
    connection.abort();
    let value: Value = serde_json::from_slice(&body).map_err(|error| broken(format!("its answer is not JSON ({error})")))?;
    if status.is_success() {
        return Ok(value);
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match (text("code"), text("message")) {
        (Some(code), Some(message)) => Err(CallError::Refused { code, message }),
        (None, _) | (_, None) => Err(broken(format!("status {status}"))),
    }
}

fn unreachable(socket: &Path, source: std::io::Error) -> CallError {
    let socket = socket.to_owned();
    if source.kind() == ErrorKind::PermissionDenied {
        CallError::NotPermitted { socket, source }
    } else {
        CallError::NotRunning { socket, source }
    }
}
