//! SAML metadata of the IdPs. (Ours is [`super::sp_metadata`].)
//!
//! An IdP's metadata is loaded at start and refreshed in the background (a file every minute, an address every hour or when its
//! `cacheDuration` says), and when a signature is by a key that is not in it. If that fails, the last good document stays in
//! use for a week, or as long as the document itself allows, and `alarm` says so. Without a document nobody signs in
//! there: an unknown key verifies nothing.

mod alarm;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use saml::{IdpMetadata, SigningCertificate};

use crate::app::App;
use crate::cached::{Cached, Freshness, Unavailable};
use crate::config::{Config, IdpId, MetadataSource, Protocol, SamlIdp};
use crate::outbound::FetchRequest;

use super::error::LoginError;

const LIMIT: Duration = Duration::from_hours(7 * 24);
const ROUND: Duration = Duration::from_mins(1);
const FILE_REFRESH: Duration = Duration::from_secs(50);
/// Not more often than this, whatever the document asks for.
const SHORTEST_REFRESH: Duration = Duration::from_mins(5);
const ADDRESS_REFRESH: Duration = Duration::from_hours(1);
/// Federations publish all their members in one document.
const MAX_BYTES: usize = 16 << 20;

/// What is kept of each SAML IdP, by id, source and who must have signed it.
#[derive(Debug, Default)]
pub(super) struct Documents(Mutex<HashMap<String, Arc<Document>>>);

/// What is kept of one SAML IdP.
#[derive(Debug, Default)]
struct Document {
    metadata: Cached<IdpMetadata>,
    alarms: alarm::Alarms,
}

impl Documents {
    fn of(&self, idp: &IdpId, settings: &SamlIdp) -> Arc<Document> {
        let key = format!("{idp} {:?} {:?} {:?}", settings.metadata, settings.entity_id, settings.metadata_signers);
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
            let cause = "saml.metadata_expired";
            Err(LoginError::MetadataUnavailable { idp: idp.to_string(), cause, detail: format!("It was valid until {end}.") })
        }
        Some(_) | None => Ok(metadata),
    }
}

/// For a signature by a key that `seen` does not have: other metadata than that, if it can be had now. Asked for at most
/// every half minute, whoever sends such signatures.
pub(super) async fn newer_than(app: &App, idp: &IdpId, settings: &SamlIdp, seen: &Arc<IdpMetadata>) -> Option<Arc<IdpMetadata>> {
    let now = app.clock.now();
    let document = app.login.saml.of(idp, settings);
    let newer = document.metadata.newer_than(seen, now, read(app, idp, settings, now)).await?;
    (newer.signing_keys != seen.signing_keys && !newer.has_expired(now)).then_some(newer)
}

/// Says that a person came in by a signature whose certificate is past its dates: once for each certificate.
pub(super) async fn tell_outdated(app: &App, idp: &IdpId, settings: &SamlIdp, certificate: &SigningCertificate) {
    app.login.saml.of(idp, settings).alarms.outdated(app, idp, certificate).await;
}

async fn load(app: &App, idp: &IdpId, settings: &SamlIdp, refresh: Duration) -> Result<Arc<IdpMetadata>, LoginError> {
    let document = app.login.saml.of(idp, settings);
    let now = app.clock.now();
    let loaded = document.metadata.load(now, Freshness { refresh, limit: LIMIT }, read(app, idp, settings, now)).await;
    loaded.map_err(|error| match error {
        Unavailable::Failed(error) => error,
        Unavailable::Recently { code, words } => LoginError::MetadataUnavailable { idp: idp.to_string(), cause: code, detail: words },
    })
}

async fn read(app: &App, idp: &IdpId, settings: &SamlIdp, now: Timestamp) -> Result<IdpMetadata, LoginError> {
    let unavailable = |cause: &'static str, detail: String| LoginError::MetadataUnavailable { idp: idp.to_string(), cause, detail };
    let document = match &settings.metadata {
        MetadataSource::File(path) => {
            tokio::fs::read(path).await.map_err(|error| unavailable("config.file_unreadable", format!("{}: {error}", path.display())))?
        }
        MetadataSource::Url(url) => {
            let request = FetchRequest { timeout: Duration::from_secs(30), max_bytes: MAX_BYTES, ..FetchRequest::get(url.clone()) };
            let answer = app.outbound.fetch(request).await.map_err(|error| unavailable(error.code(), format!("{url}: {error}")))?;
            if answer.status != http::StatusCode::OK {
                return Err(unavailable("login.idp_unexpected_status", format!("{url} answered with status {}", answer.status)));
            }
            answer.body.to_vec()
        }
    };
    let (wanted, signers) = (settings.entity_id.clone(), settings.metadata_signers.clone());
    // A federation's document takes a good part of a second.
    let parsed = tokio::task::spawn_blocking(move || match &signers {
        Some(signers) => IdpMetadata::parse_signed(&document, wanted.as_ref(), &signers.certificates, now),
        None => IdpMetadata::parse(&document, wanted.as_ref(), now),
    });
    match parsed.await {
        Ok(parsed) => parsed.map_err(|error| unavailable(error.code(), error.to_string())),
        Err(_) => Err(unavailable("login.idp_metadata_unavailable", "reading it was broken off".to_owned())),
    }
}

/// One round: loads what is missing, refreshes what is old. The last good document stays; what changes is told once.
pub(super) async fn refresh(app: &App) {
    let runtime = app.runtime.load_full();
    for (id, settings) in saml_idps(&runtime.config) {
        let document = app.login.saml.of(id, settings);
        let refresh = match settings.metadata {
            MetadataSource::File(_) => FILE_REFRESH,
            MetadataSource::Url(_) => {
                let hint = document.metadata.kept().and_then(|metadata| metadata.cache_duration);
                hint.map_or(ADDRESS_REFRESH, |hint| hint.clamp(SHORTEST_REFRESH, ADDRESS_REFRESH))
            }
        };
        let loaded = load(app, id, settings, refresh).await;
        let failure = document.metadata.failure().await;
        document.alarms.tell(app, id, loaded.as_deref().map(|metadata| !metadata.has_expired(app.clock.now())), failure).await;
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

pub(super) fn saml_idps(config: &Config) -> impl Iterator<Item = (&IdpId, &SamlIdp)> {
    config.identity_providers.values().filter_map(|idp| match &idp.protocol {
        Protocol::Saml(settings) => Some((&idp.id, settings)),
        Protocol::Oidc(_) => None,
    })
}
