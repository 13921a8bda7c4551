//! A development SAML 2.0 identity provider that really signs.
//!
//! Flow: `/saml/sso` takes a request by Redirect or POST and shows the sign-in page (or takes `login_hint`),
//! `/saml/sign-in` answers with a page that posts a signed response to the service provider. It answers one service
//! provider only, at addresses that this one was registered with. It remembers its sessions for `/saml/slo` (single logout) and
//! `/saml/sign-out` only: every sign-in is a fresh one.

mod key;
mod slo;
mod sso;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use saml::EntityId;
use saml::idp::{IdpKey, IncomingRequest, Signing, metadata_xml};
use tokio::net::TcpListener;
use url::Url;

pub use slo::SpCertificates;

use crate::Clock;
use crate::loopback::{self, Running, StartError};

/// What the provider knows of the one service provider it serves.
#[derive(Clone)]
pub struct Settings {
    /// Where the time comes from.
    pub clock: Clock,
    /// The service provider's entity id.
    pub sp_entity_id: EntityId,
    /// The addresses of its assertion consumer service; the first answers requests that name none.
    pub acs_urls: Vec<Url>,
    /// Its address for logout messages.
    pub slo_url: Url,
    /// The certificates that it signs logout messages with.
    pub sp_certificates: SpCertificates,
    /// What is signed.
    pub signing: Signing,
}

/// The provider's memory.
#[derive(Default)]
struct Memory {
    /// Requests whose sign-in page is open, by the page's random name.
    pending: HashMap<String, IncomingRequest>,
    /// Sessions, oldest first.
    sessions: Vec<slo::Session>,
    /// The id of our last LogoutRequest, until it is answered.
    asked: Option<String>,
}

struct Provider {
    entity_id: EntityId,
    sso_url: Url,
    slo_url: Url,
    settings: Settings,
    key: IdpKey,
    memory: Mutex<Memory>,
}

type SharedProvider = Arc<Provider>;

impl Provider {
    fn new(base: &Url, settings: Settings) -> Result<Self, StartError> {
        let problem = |error: &dyn std::fmt::Display| StartError::Keys(error.to_string());
        let entity_id = base.join("saml/metadata").map_err(|error| problem(&error))?;
        Ok(Self {
            entity_id: EntityId::parse(entity_id.as_str()).map_err(|error| problem(&error))?,
            sso_url: base.join("saml/sso").map_err(|error| problem(&error))?,
            slo_url: base.join("saml/slo").map_err(|error| problem(&error))?,
            key: key::generate((settings.clock)())?,
            settings,
            memory: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the metadata of a provider that listens there is.
pub fn metadata_url(listener: &TcpListener) -> Result<Url, StartError> {
    loopback::url(listener)?.join("saml/metadata").map_err(|error| StartError::Keys(error.to_string()))
}

/// Starts the provider; it makes a new key and certificate at every start.
pub fn start(listener: TcpListener, settings: Settings) -> Result<Running, StartError> {
    let provider = Provider::new(&loopback::url(&listener)?, settings)?;
    Running::spawn(listener, router(Arc::new(provider)))
}

fn router(provider: SharedProvider) -> Router {
    Router::new()
        .route("/saml/metadata", get(metadata))
        .route("/saml/sso", get(sso::by_redirect).post(sso::by_post))
        .route("/saml/sign-in", post(sso::sign_in))
        .route("/saml/slo", get(slo::by_redirect).post(slo::by_post))
        .route("/saml/sign-out", get(slo::choose).post(slo::sign_out))
        .with_state(provider)
}

async fn metadata(State(provider): State<SharedProvider>) -> Response {
    let document = metadata_xml(&provider.entity_id, &provider.sso_url, Some(&provider.slo_url), &provider.key);
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/samlmetadata+xml"))], document).into_response()
}

#[cfg(test)]
mod tests;
