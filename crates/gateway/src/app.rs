//! The one wiring function: configuration in, a running gateway out.
//!
//! Owns the order in which the parts start (audit first, so that every later part can be recorded) and the value that
//! every handler gets. Nothing is listening before every part has started.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use store::{Location, SealingKey, Store, StoreError};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::admin::{self, SocketError};
use crate::audit::{self, AuditError, Event, Kind};
use crate::clock::Clock;
use crate::config::{Config, MasterKeyError, ProblemKind, UpstreamId};
use crate::graph;
use crate::housekeeping;
use crate::idp_session;
use crate::keys::{Keyring, KeyringError};
use crate::listener::deadline::InTime;
use crate::listener::tls::{self, TlsError};
use crate::listener::{self, edge};
use crate::login;
use crate::openid;
use crate::outbound::{Outbound, OutboundError};
use crate::proxy;
use crate::random::Random;
use crate::reload;
use crate::request_id::RequestContext;
use crate::routes;
use crate::runtime::Runtime;
use crate::unrouted;

/// Everything that handlers share.
#[derive(Debug)]
pub struct App {
    /// The configuration that Doorward started with. Read from it only what a reload cannot change (public address, listener,
    /// folders, keys: `config/startup.rs`); everything else is in `runtime`.
    pub config: Arc<Config>,
    /// What a reload swaps.
    pub runtime: ArcSwap<Runtime>,
    /// The host names that are served; replaced by a reload.
    pub hosts: Arc<edge::Hosts>,
    /// What the last reload saw.
    pub reload: reload::State,
    /// The database.
    pub store: Store,
    /// The audit trail.
    pub audit: audit::Writer,
    /// The keys that sign tokens and SAML messages.
    pub keys: Keyring,
    /// What sign-ins keep in memory.
    pub login: login::State,
    /// What is kept of the OpenID providers.
    pub openid: openid::Providers,
    /// Which identity provider sessions are being asked about.
    pub idp_sessions: idp_session::Sessions,
    /// What is kept of Microsoft Graph.
    pub graph: graph::State,
    /// The HTTP client.
    pub outbound: Outbound,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// What the proxy remembers between requests.
    pub proxy: proxy::State,
    /// When it started.
    pub started: jiff::Timestamp,
}

/// How handlers hold the [`App`].
pub type SharedApp = Arc<App>;

/// Why Doorward does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be made.
    #[error("the data folder `{path}` cannot be made: {source}")]
    DataDir {
        /// The folder.
        path: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// There is no usable master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit journal cannot be opened.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A key cannot be made or read.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The policies cannot be compiled.
    #[error("the policies cannot be compiled: {0}")]
    Policy(String),
    /// The certificate or its key cannot be read.
    #[error("`{path}` cannot be read: {source}")]
    TlsFile {
        /// The file.
        path: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The socket cannot be opened.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// The socket for administrators cannot be opened.
    #[error(transparent)]
    Admin(#[from] SocketError),
}

impl StartError {
    /// The stable code; its page is in docs/errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DataDir { .. } => "config.data_dir_unusable",
            Self::MasterKey(_) => ProblemKind::InvalidMasterKey.code(),
            Self::Store(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Keys(error) => error.code(),
            Self::Outbound(error) => error.code(),
            Self::Policy(_) => ProblemKind::InvalidValue.code(),
            Self::TlsFile { .. } => ProblemKind::FileUnreadable.code(),
            Self::Tls(error) => error.code(),
            Self::Listen { .. } => "edge.cannot_listen",
            Self::Admin(error) => error.code(),
        }
    }

    /// Whether what the configuration says, or a file that it names, has to change before a start can succeed.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::MasterKey(_) | Self::Policy(_) | Self::TlsFile { .. } | Self::Tls(_) => true,
            Self::Store(error) => matches!(error, StoreError::WrongMasterKey { .. }),
            Self::Admin(error) => matches!(error, SocketError::PathTooLong { .. }),
            Self::DataDir { .. } | Self::Audit(_) | Self::Keys(_) | Self::Outbound(_) | Self::Listen { .. } => false,
        }
    }
}

impl App {
    /// Starts every part. Listens nowhere: see [`serve`].
    pub async fn start(config: Config, clock: Clock) -> Result<SharedApp, StartError> {
        let config = Arc::new(config);
        // Before anything is made or recorded: with files that cannot be served there is no start.
        tls_settings(&config)?;
        make_folder(&config.data_dir)?;
        make_folder(&config.audit.dir)?;
        let audit = audit::Writer::open(&config.audit.dir, audit::Limits::default(), clock.clone())?;
        let sealing_key = SealingKey::from_master_key(&config.master_key.read()?)?;
        let store = Store::open(&Location::Sqlite(config.data_dir.join("doorward.db")), sealing_key).await?;
        let keys = Keyring::open(store.clone(), clock.now()).await?;
        let runtime = Runtime::new(Arc::clone(&config))
            .map_err(|problems| StartError::Policy(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
        audit.record(configuration_loaded(&config, runtime.policies.fingerprint(), clock.now())).await?;
        let outbound = Outbound::new()?;
        let (runtime, login, proxy) = (ArcSwap::from_pointee(runtime), login::State::default(), proxy::State::default());
        let (openid, idp_sessions, started) = (openid::Providers::default(), idp_session::Sessions::default(), clock.now());
        let (hosts, reload) = (Arc::new(edge::Hosts::new(&hosts(&config))), reload::State::of(&config));
        let app = Arc::new(Self {
            config,
            runtime,
            hosts,
            reload,
            store,
            audit,
            keys,
            login,
            openid,
            idp_sessions,
            proxy,
            outbound,
            clock,
            graph: graph::State::default(),
            random: Random,
            started,
        });
        login::spawn_refresh(&app);
        housekeeping::spawn(&app);
        Ok(app)
    }
}

/// Which configuration and which policies hold from here on.
fn configuration_loaded(config: &Config, policies: &str, now: jiff::Timestamp) -> Event {
    Event::new(Kind::ConfigLoaded, now)
        .with_detail("version", env!("CARGO_PKG_VERSION"))
        .with_detail("file", file_of(config).unwrap_or_else(|| "(given as text)".to_owned()))
        .with_detail("configuration", config.fingerprint())
        .with_detail("policies", policies)
}

/// The whole path of the configuration file, if it is not given as text.
pub(crate) fn file_of(config: &Config) -> Option<String> {
    let file = config.file.as_ref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()));
    file.map(|file| file.display().to_string())
}

/// Makes a folder that only this user can read, where it is not there yet.
fn make_folder(path: &Path) -> Result<(), StartError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| StartError::DataDir { path: path.display().to_string(), source })
}

/// Opens the socket that the configuration names.
pub async fn listen(config: &Config) -> Result<TcpListener, StartError> {
    let address = config.listen;
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

/// Serves `app` on `listener` until `shutdown` is ready, then drains.
pub async fn serve(app: SharedApp, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), StartError> {
    let settings = listener_settings(&app.config, &app.hosts)?;
    let admin = admin::Server::start(&app).await?;
    announce(&app.config, &listener);
    let router = routes::router(Arc::clone(&app));
    let shared = Arc::clone(&app);
    let handler = move |mut request: Request<Incoming>, context: RequestContext| {
        let (app, router) = (Arc::clone(&shared), router.clone());
        async move {
            let upstream = routes::upstream_of(&app.runtime.load().config, &request);
            if let Some(upstream) = upstream {
                return call(&app, &upstream, request, context).await;
            }
            request.extensions_mut().insert(context);
            let request = request.map(|body| axum::body::Body::new(InTime::new(body, app.config.limits.body_timeout)));
            router.oneshot(request).await.unwrap_or_else(|never| match never {})
        }
    };
    listener::serve(listener, settings, handler, shutdown).await;
    admin.stop().await;
    app.proxy.close().await;
    app.audit.close().await;
    app.store.close().await;
    Ok(())
}

/// One request to an MCP server. Whoever opens its address in a browser is told what it is for.
async fn call(app: &SharedApp, upstream: &UpstreamId, request: Request<Incoming>, context: RequestContext) -> Response {
    let person = unrouted::is_opened_by_person(&request).then(|| context.request_id.clone());
    let response = proxy::handle(app, upstream, request, context).await.map(axum::body::Body::new);
    match (person, app.runtime.load().config.upstreams.get(upstream)) {
        (Some(request_id), Some(upstream)) => unrouted::mcp_address(response, upstream.resource.as_str(), &request_id),
        _ => response,
    }
}

/// What listens where, and what is behind it.
fn announce(config: &Config, listener: &TcpListener) {
    let address = listener.local_addr().unwrap_or(config.listen);
    for upstream in config.upstreams.values() {
        let origin = upstream.url.origin().ascii_serialization();
        tracing::info!(upstream = %upstream.id, resource = upstream.resource.as_str(), behind = origin, "serving an MCP server");
    }
    tracing::info!(
        %address,
        tls = config.tls.is_some(),
        public_url = config.public_url.issuer(),
        data_dir = %config.data_dir.display(),
        version = env!("CARGO_PKG_VERSION"),
        "doorward is ready"
    );
}

/// Certificate and key, where Doorward itself ends TLS.
pub fn tls_settings(config: &Config) -> Result<Option<Arc<rustls::ServerConfig>>, StartError> {
    let read = |path: &Path| std::fs::read(path).map_err(|source| StartError::TlsFile { path: path.display().to_string(), source });
    match &config.tls {
        Some(files) => Ok(Some(tls::from_pem(&read(&files.certificate)?, &read(&files.key)?)?)),
        None => Ok(None),
    }
}

fn listener_settings(config: &Config, hosts: &Arc<edge::Hosts>) -> Result<listener::Settings, StartError> {
    let tls = tls_settings(config)?;
    let limits = listener::Limits {
        header_bytes: config.limits.header_bytes,
        headers: config.limits.headers,
        connections_per_address: config.limits.connections_per_address,
        header_timeout: config.limits.header_timeout,
        body_timeout: config.limits.body_timeout,
        idle_timeout: config.limits.idle_timeout,
        ..listener::Limits::default()
    };
    Ok(listener::Settings { tls, limits, hosts: Arc::clone(hosts) })
}

/// The addresses whose hosts are served: ours, and those of upstreams with a host name of their own.
pub fn hosts(config: &Config) -> Vec<url::Url> {
    let named = config.upstreams.values().filter(|upstream| upstream.host.is_some());
    let resources = named.filter_map(|upstream| upstream.resource.as_str().parse().ok());
    std::iter::once(config.public_url.url().clone()).chain(resources).collect()
}
