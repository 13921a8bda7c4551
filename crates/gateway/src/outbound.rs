//! The only HTTP client of Doorward.
//!
//! Owns every connection that Doorward opens: to identity providers ([`Outbound::fetch`], whole documents under a time and a
//! size limit) and to upstreams ([`Outbound::send`], streamed). Destinations come from the configuration, or from an identity
//! provider's own metadata; no address named by a client is ever dialled. Redirects are returned, never followed, and no proxy
//! environment variable is read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

/// The body of a request to an upstream: whole, since a call is decided on its whole body before it is forwarded.
pub type UpstreamBody = Full<Bytes>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than what common servers grant (Node and uvicorn: 5 s), so that a call does not meet a connection that is just being closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
const POOL_IDLE_PER_HOST: usize = 256;

/// One document to fetch whole.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// `GET` or `POST`.
    pub method: Method,
    /// An absolute `https` URL, or `http` where the configuration says so.
    pub url: Url,
    /// Headers beside `Host`, which the client sets.
    pub headers: HeaderMap,
    /// Empty for `GET`.
    pub body: Bytes,
    /// For the whole exchange, from connecting to the last byte.
    pub timeout: Duration,
    /// The largest body that is read.
    pub max_bytes: usize,
}

impl FetchRequest {
    /// A `GET` of `url` with 10 seconds and 1 MiB to spend.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: Duration::from_secs(10),
            max_bytes: 1 << 20,
        }
    }

    /// A `POST` of `body` to `url` with 10 seconds and 1 MiB to spend.
    pub fn post(url: Url, body: Bytes) -> Self {
        Self { method: Method::POST, body, ..Self::get(url) }
    }
}

/// A fetched document; any status, redirects included.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The request could not be built: the address or a header has a form that HTTP does not allow.
    #[error("`{url}` cannot be requested: {detail}")]
    InvalidRequest {
        /// The address as configured.
        url: String,
        /// What the HTTP library objects to.
        detail: String,
    },
    /// No connection: the name does not resolve, nothing listens, or the TLS handshake failed.
    #[error("`{host}` cannot be reached: {detail}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// The chain of causes.
        detail: String,
    },
    /// The connection was made, and broke before the answer was whole.
    #[error("the connection to `{host}` broke: {detail}")]
    Broken {
        /// Host and port.
        host: String,
        /// The chain of causes.
        detail: String,
    },
    /// The time for the whole exchange ran out.
    #[error("`{host}` did not answer within {seconds} s")]
    Timeout {
        /// Host and port.
        host: String,
        /// The time that was allowed.
        seconds: u64,
    },
    /// The answer's body is larger than the caller reads.
    #[error("the answer of `{host}` is larger than {max_bytes} bytes")]
    TooLarge {
        /// Host and port.
        host: String,
        /// The limit.
        max_bytes: usize,
    },
    /// The TLS library could not be set up.
    #[error("TLS cannot be set up: {detail}")]
    Tls {
        /// The library's words.
        detail: String,
    },
}

impl OutboundError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest { .. } => "outbound.invalid_request",
            Self::Unreachable { .. } => "outbound.unreachable",
            Self::Broken { .. } => "outbound.broken",
            Self::Timeout { .. } => "outbound.timeout",
            Self::TooLarge { .. } => "outbound.too_large",
            Self::Tls { .. } => "outbound.tls",
        }
    }
}

type HttpClient = Client<HttpsConnector<HttpConnector>, UpstreamBody>;

/// An HTTP/1.1 and HTTP/2 client over the system's trusted certificate authorities.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Pooled: calls come often and must be quick.
    upstreams: HttpClient,
    /// A fresh connection for each document: they are rare, and a code that was sent into a closing connection is lost.
    documents: HttpClient,
}

impl Outbound {
    /// A client that trusts the certificate authorities of the operating system.
    pub fn new() -> Result<Self, OutboundError> {
        let tls = |error: rustls::Error| OutboundError::Tls { detail: error.to_string() };
        let mut roots = rustls::RootCertStore::empty();
        // A certificate of the system that cannot be parsed is passed over: the others still count.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(connector);
        let upstreams = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST)
            .pool_timer(TokioTimer::new())
            .build(connector.clone());
        let documents = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { upstreams, documents })
    }

    /// Fetches one document whole, or says why not. Never longer than `request.timeout`.
    pub async fn fetch(&self, request: FetchRequest) -> Result<Fetched, OutboundError> {
        let host = host_of(&request.url);
        let seconds = request.timeout.as_secs();
        match tokio::time::timeout(request.timeout, self.fetch_untimed(request, &host)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(OutboundError::Timeout { host, seconds }),
        }
    }

    async fn fetch_untimed(&self, request: FetchRequest, host: &str) -> Result<Fetched, OutboundError> {
        let url = request.url.to_string();
        let mut message = Request::builder()
            .method(request.method)
            .uri(&url)
            .body(Full::new(request.body))
            .map_err(|error| OutboundError::InvalidRequest { url, detail: error.to_string() })?;
        *message.headers_mut() = request.headers;
        let (head, body) = exchange(&self.documents, message).await?.into_parts();
        let body = Limited::new(body, request.max_bytes).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                OutboundError::TooLarge { host: host.to_owned(), max_bytes: request.max_bytes }
            } else {
                OutboundError::Broken { host: host.to_owned(), detail: causes(error.as_ref()) }
            }
        })?;
        Ok(Fetched { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    /// Sends one request and returns as soon as the answer's head is there; the body streams. The caller sets the time limit.
    pub async fn send(&self, request: Request<UpstreamBody>) -> Result<Response<Incoming>, OutboundError> {
        exchange(&self.upstreams, request).await
    }
}

async fn exchange(client: &HttpClient, request: Request<UpstreamBody>) -> Result<Response<Incoming>, OutboundError> {
    let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    client.request(request).await.map_err(|error| {
        let detail = causes(&error);
        if error.is_connect() { OutboundError::Unreachable { host, detail } } else { OutboundError::Broken { host, detail } }
    })
}

/// Host and port of a URL, for messages.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// An error and what caused it, joined by colons.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
