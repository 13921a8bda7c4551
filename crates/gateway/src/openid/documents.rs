//! The documents of an OpenID provider, kept: its metadata and its keys, each fetched by one task at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use http::header::ACCEPT;
use oauth::client::discovery::{IssuerUrl, ProviderMetadata};
use oauth::jwks::JwkSet;

use super::error::OpenIdError;
use crate::app::App;
use crate::cached::{Cached, Freshness, Unavailable};
use crate::config::OidcIdp;
use crate::outbound::{FetchRequest, Fetched};

const DISCOVERY: Freshness = Freshness { refresh: Duration::from_hours(1), limit: Duration::from_hours(24) };
const KEYS: Freshness = Freshness { refresh: Duration::from_mins(15), limit: Duration::from_hours(24) };

/// What is kept of each OpenID provider, by issuer and tenants; the keys by issuer alone.
#[derive(Debug, Default)]
pub struct Providers(Mutex<HashMap<Name, Arc<Provider>>>);

/// Issuer and tenants.
type Name = (String, Vec<String>);

#[derive(Debug, Default)]
struct Provider {
    metadata: Cached<ProviderMetadata>,
    keys: Cached<JwkSet>,
}

impl Providers {
    fn of(&self, issuer: &IssuerUrl, tenants: &[String]) -> Arc<Provider> {
        let mut providers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(providers.entry((issuer.as_str().to_owned(), tenants.to_vec())).or_default())
    }
}

/// The metadata as kept, fetched first where there is none or it is old.
pub(crate) async fn metadata(app: &App, settings: &OidcIdp) -> Result<Arc<ProviderMetadata>, OpenIdError> {
    let issuer = &settings.issuer;
    let provider = app.openid.of(issuer, &settings.tenants);
    let fetch = async {
        let fetched = get(app, issuer.discovery_url()?, "for its discovery document").await?;
        Ok(ProviderMetadata::parse_for(&fetched.body, issuer, &settings.tenants)?)
    };
    provider.metadata.load(app.clock.now(), DISCOVERY, fetch).await.map_err(|error| unavailable(error, issuer))
}

/// The keys as kept, fetched first where there are none or they are old.
pub(super) async fn keys(app: &App, metadata: &ProviderMetadata) -> Result<Arc<JwkSet>, OpenIdError> {
    let provider = app.openid.of(&metadata.issuer, &[]);
    provider.keys.load(app.clock.now(), KEYS, fetch_keys(app, metadata)).await.map_err(|error| unavailable(error, &metadata.issuer))
}

/// Keys that are newer than `known`, if the provider may be asked now and has any.
pub(super) async fn keys_newer_than(app: &App, metadata: &ProviderMetadata, known: &Arc<JwkSet>) -> Option<Arc<JwkSet>> {
    let provider = app.openid.of(&metadata.issuer, &[]);
    provider.keys.newer_than(known, app.clock.now(), fetch_keys(app, metadata)).await
}

async fn fetch_keys(app: &App, metadata: &ProviderMetadata) -> Result<JwkSet, OpenIdError> {
    Ok(JwkSet::parse(&get(app, metadata.jwks_uri.clone(), "for its keys").await?.body)?)
}

/// A document by GET, status 200 only; redirects are not followed.
async fn get(app: &App, url: url::Url, what: &'static str) -> Result<Fetched, OpenIdError> {
    let mut fetch = FetchRequest::get(url);
    fetch.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = app.outbound.fetch(fetch).await?;
    if answer.status == http::StatusCode::OK {
        Ok(answer)
    } else {
        Err(OpenIdError::UnexpectedStatus { what, status: answer.status.as_u16() })
    }
}

fn unavailable(error: Unavailable<OpenIdError>, issuer: &IssuerUrl) -> OpenIdError {
    match error {
        Unavailable::Failed(error) => error,
        Unavailable::Recently { words, .. } => OpenIdError::Unavailable { issuer: issuer.to_string(), detail: words },
    }
}
