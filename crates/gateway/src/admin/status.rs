//! `GET /status`: what runs here, since when, with which configuration.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::app::{self, SharedApp};

/// What `doorward status` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The version of the running binary.
    pub(crate) version: String,
    /// Its process id.
    pub(crate) pid: u32,
    /// When it started.
    pub(crate) started: jiff::Timestamp,
    /// Its name on the network.
    pub(crate) public_url: String,
    /// The configuration file, where there is one.
    pub(crate) file: Option<String>,
    /// SHA-256 of the configuration in force, as `config_loaded` in the audit trail has it.
    pub(crate) configuration: String,
    /// The same of the policies; `doorward policy check` prints it.
    pub(crate) policies: String,
}

pub(super) async fn get(State(app): State<SharedApp>) -> Json<Status> {
    let runtime = app.runtime.load();
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started: app.started,
        public_url: runtime.config.public_url.issuer().to_owned(),
        file: app::file_of(&runtime.config),
        configuration: runtime.config.fingerprint(),
        policies: runtime.policies.fingerprint().to_owned(),
    })
}
