//! SAML metadata: that of the IdPs in, ours out.
//!
//! An IdP's metadata is loaded at start and refreshed in the background (a file every minute, an address every hour). If that
//! fails, the last good document stays in use for a week, or as long as the document itself allows. Without a
//! document nobody signs in there: an unknown key verifies nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use jiff::Timestamp;
use saml::IdpMetadata;

use crate::app::App;
use crate::cached::{Cached, Freshness, Unavailable};
use crate::config::{Config, IdpId, MetadataSource, Protocol, SamlIdp};
use crate::outbound::FetchRequest;

use super::error::LoginError;
use super::saml::service_provider;

const LIMIT: Duration = Duration::from_hours(7 * 24);
const ROUND: Duration = Duration::from_mins(1);
const FILE_REFRESH: Duration = Duration::from_secs(50);
const ADDRESS_REFRESH: Duration = Duration::from_hours(1);
/// Federations publish all their members in one document.
const MAX_BYTES: usize = 16 << 20;

/// What is kept of each SAML IdP, by id and source.
#[derive(Debug, Default)]
pub(super) struct Documents(Mutex<HashMap<String, Arc<Cached<IdpMetadata>>>>);

impl Documents {
    fn of(&self, idp: &IdpId, settings: &SamlIdp) -> Arc<Cached<IdpMetadata>> {
        let key = format!("{idp} {:?} {:?}", settings.metadata, settings.entity_id);
        let mut documents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(documents.entry(key).or_default())
    }
}

/// The IdP's metadata for a sign-in: the kept document, or one loaded now if there is none yet.
pub(super) async fn of(app: &App, idp: &IdpId, settings: &SamlIdp) -> Result<Arc<IdpMetadata>, LoginError> {
    // A person does not wait for a refresh; the background does it.
    let metadata = load(app, idp, settings, LIMIT).await?;
    match metadata.valid_until {
        Some(end) if metadata.has_expired(app.clock.now()) => {
            Err(LoginError::MetadataUnavailable { idp: idp.to_string(), detail: format!("It was valid until {end}.") })
        }
        Some(_) | None => Ok(metadata),
    }
}

async fn load(app: &App, idp: &IdpId, settings: &SamlIdp, refresh: Duration) -> Result<Arc<IdpMetadata>, LoginError> {
    let document = app.login.saml.of(idp, settings);
    let now = app.clock.now();
    document.load(now, Freshness { refresh, limit: LIMIT }, read(app, idp, settings, now)).await.map_err(|error| match error {
        Unavailable::Failed(error) => error,
        Unavailable::Recently(detail) => LoginError::MetadataUnavailable { idp: idp.to_string(), detail },
    })
}

async fn read(app: &App, idp: &IdpId, settings: &SamlIdp, now: Timestamp) -> Result<IdpMetadata, LoginError> {
    let unavailable = |detail: String| LoginError::MetadataUnavailable { idp: idp.to_string(), detail };
    let document = match &settings.metadata {
        MetadataSource::File(path) => tokio::fs::read(path).await.map_err(|error| unavailable(format!("{}: {error}", path.display())))?,
        MetadataSource::Url(url) => {
            let request = FetchRequest { timeout: Duration::from_secs(30), max_bytes: MAX_BYTES, ..FetchRequest::get(url.clone()) };
            let answer = app.outbound.fetch(request).await.map_err(|error| unavailable(format!("{}: {error}", error.code())))?;
            if answer.status != http::StatusCode::OK {
                return Err(unavailable(format!("{url} answered with status {}", answer.status)));
            }
            answer.body.to_vec()
        }
    };
    IdpMetadata::parse(&document, settings.entity_id.as_ref(), now).map_err(|error| unavailable(format!("{}: {error}", error.code())))
}

/// One round: loads what is missing, refreshes what is old. Failures are logged; the last good document stays.
pub(super) async fn refresh(app: &App) {
    let runtime = app.runtime.load_full();
    for (id, settings) in saml_idps(&runtime.config) {
        let refresh = match settings.metadata {
            MetadataSource::File(_) => FILE_REFRESH,
            MetadataSource::Url(_) => ADDRESS_REFRESH,
        };
        if let Err(error) = load(app, id, settings, refresh).await {
            tracing::warn!(code = error.code(), idp = id.as_str(), reason = error.private(), "identity provider metadata is not available");
        }
    }
}

/// Refreshes until the application is gone.
pub(super) async fn keep_fresh(app: Weak<App>) {
    loop {
        match app.upgrade() {
            Some(app) => refresh(&app).await,
            None => return,
        }
        tokio::time::sleep(ROUND).await;
    }
}

/// `GET /saml/metadata` and `GET /saml/{idp}/metadata`: what the IdP's administrator imports. Our entity id is the same for
/// all IdPs, the assertion consumer service is not; so the first form is for the usual case of one SAML IdP.
pub(super) fn ours(app: &App, idp: Option<&str>) -> Result<Response, LoginError> {
    let runtime = app.runtime.load_full();
    let all: Vec<&IdpId> = saml_idps(&runtime.config).map(|(id, _)| id).collect();
    let id = match (idp, all.as_slice()) {
        (Some(wanted), all) => {
            all.iter().find(|id| id.as_str() == wanted).copied().ok_or_else(|| LoginError::IdpUnknown(wanted.to_owned()))?
        }
        (None, [only]) => only,
        (None, several) => {
            let addresses: Vec<String> = several.iter().map(|id| format!("/saml/{id}/metadata")).collect();
            return Err(LoginError::SamlMetadataAmbiguous(if addresses.is_empty() { "none".to_owned() } else { addresses.join(", ") }));
        }
    };
    let xml = service_provider(app, id)?.metadata_xml();
    Ok(([(CONTENT_TYPE, "application/samlmetadata+xml"), (CACHE_CONTROL, "no-cache")], xml).into_response())
}

fn saml_idps(config: &Config) -> impl Iterator<Item = (&IdpId, &SamlIdp)> {
    config.identity_providers.values().filter_map(|idp| match &idp.protocol {
        Protocol::Saml(settings) => Some((&idp.id, settings)),
        Protocol::Oidc(_) => None,
    })
}
