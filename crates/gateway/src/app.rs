//! The one wiring function: configuration in, a running gateway out.
//!
//! Owns the order in which the parts start (audit first, so that every later part can be recorded) and the value that
//! every handler gets. Nothing is listening before every part has started.

use std::sync::Arc;

use arc_swap::ArcSwap;
use store::{Location, SealingKey, Store, StoreError};

use crate::clock::Clock;
use crate::config::{Config, MasterKeyError};
use crate::outbound::{Outbound, OutboundError};
use crate::random::Random;
use crate::runtime::Runtime;

/// Everything that handlers share.
#[derive(Debug)]
pub struct App {
    /// The configuration that Doorward started with: listener, data folder, keys. The rest is in `runtime`.
    pub config: Arc<Config>,
    /// What a reload swaps.
    pub runtime: ArcSwap<Runtime>,
    /// The database.
    pub store: Store,
    /// The HTTP client.
    pub outbound: Outbound,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
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
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

impl App {
    /// Starts every part. Listens nowhere: see [`serve`].
    pub async fn start(config: Config, clock: Clock) -> Result<SharedApp, StartError> {
        let config = Arc::new(config);
        std::fs::create_dir_all(&config.data_dir)
            .map_err(|source| StartError::DataDir { path: config.data_dir.display().to_string(), source })?;
        let sealing_key = SealingKey::from_master_key(&config.master_key.read()?)?;
        let store = Store::open(&Location::Sqlite(config.data_dir.join("doorward.db")), sealing_key).await?;
        let runtime = Runtime { config: Arc::clone(&config) };
        let outbound = Outbound::new()?;
        Ok(Arc::new(Self { config, runtime: ArcSwap::from_pointee(runtime), store, outbound, clock, random: Random }))
    }
}
