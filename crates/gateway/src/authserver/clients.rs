//! The clients we know: those of the configuration, and those that registered themselves.

use std::time::Duration;

use jiff::Timestamp;
use oauth::Secret;
use oauth::redirect::{RedirectKind, RedirectUri};
use oauth::resource::ProtectedResource;
use oauth::server::registration::ClientMetadata;
use oauth::server::token::ClientCredentials;
use serde::Deserialize as _;
use store::{ClientId, Hash, StoreError};

use super::error::Error;
use crate::app::App;
use crate::config::{Config, UpstreamId};

/// How long a registration lives after it was last used.
pub(super) const REGISTRATION_LIFETIME: Duration = Duration::from_hours(180 * 24);
/// A registration's end is moved at most this often.
const TOUCH_INTERVAL: Duration = Duration::from_hours(24);

/// A client that may ask for tokens.
#[derive(Debug)]
pub(super) struct KnownClient {
    pub(super) id: ClientId,
    /// From the configuration, or the client's own unverified word.
    pub(super) name: String,
    pub(super) redirect_uris: Vec<RedirectUri>,
    pub(super) may_refresh: bool,
    /// How long its refresh tokens go on, where the configuration has its own rule for it.
    pub(super) refresh_lifetime: Option<Duration>,
    /// Whether an administrator registered it.
    pub(super) configured: bool,
    last_used_at: Option<Timestamp>,
    secret: KnownSecret,
}

#[derive(Debug)]
enum KnownSecret {
    /// A public client.
    None,
    /// From the configuration.
    Plain(Secret<String>),
    /// SHA-256, from the store.
    Hashed(Hash),
}

/// The client with this id. The configuration comes first: no registration can take the place of its clients.
pub(super) async fn find(app: &App, config: &Config, id: &str, now: Timestamp) -> Result<Option<KnownClient>, Error> {
    let Ok(client_id) = ClientId::parse(id) else { return Ok(None) };
    if let Some(client) = config.clients.get(id) {
        return Ok(Some(KnownClient {
            id: client_id,
            name: client.name.clone(),
            redirect_uris: client.redirect_uris.clone(),
            may_refresh: true,
            refresh_lifetime: client.refresh_lifetime,
            configured: true,
            last_used_at: None,
            secret: client.secret.clone().map_or(KnownSecret::None, KnownSecret::Plain),
        }));
    }
    let Some(client) = app.store.client(&client_id, now).await? else { return Ok(None) };
    let metadata = ClientMetadata::deserialize(&client.metadata).map_err(|_| StoreError::Corrupt { what: "malformed client metadata" })?;
    Ok(Some(KnownClient {
        id: client_id,
        name: client.name,
        may_refresh: metadata.may_refresh(),
        refresh_lifetime: None,
        redirect_uris: metadata.redirect_uris,
        configured: false,
        last_used_at: Some(client.last_used_at),
        secret: client.secret_hash.map_or(KnownSecret::None, KnownSecret::Hashed),
    }))
}

/// The client that these credentials prove (RFC 6749 section 2.3). An unknown client and a wrong secret look the same.
pub(super) async fn authenticate(
    app: &App,
    config: &Config,
    credentials: &ClientCredentials,
    now: Timestamp,
) -> Result<KnownClient, Error> {
    let refused = Error::ClientAuthentication { by_header: credentials.by_header };
    let Some(client) = find(app, config, &credentials.client_id, now).await? else { return Err(refused) };
    let proven = match (&client.secret, &credentials.secret) {
        (KnownSecret::None, None) => true,
        (KnownSecret::Plain(secret), Some(sent)) => secret.equals(sent.expose().as_bytes()),
        (KnownSecret::Hashed(hash), Some(sent)) => Secret::new(*hash).equals(&store::sha256(sent.expose().as_bytes())),
        // A public client with a secret, or a confidential one without: somebody mistakes it for another.
        (KnownSecret::None, Some(_)) | (KnownSecret::Plain(_) | KnownSecret::Hashed(_), None) => false,
    };
    if proven { Ok(client) } else { Err(refused) }
}

/// Keeps a registration alive because it is in use.
pub(super) async fn touch(app: &App, client: &KnownClient, now: Timestamp) -> Result<(), Error> {
    let due = client.last_used_at.is_some_and(|last| Duration::try_from(now.duration_since(last)).is_ok_and(|age| age >= TOUCH_INTERVAL));
    if due {
        app.store.touch_client(&client.id, now.checked_add(REGISTRATION_LIFETIME).ok(), now).await?;
    }
    Ok(())
}

impl KnownClient {
    /// Whether a browser may be sent to `uri` before its person has seen anything of us (RFC 9700 section 4.11.2): not to
    /// a web site that anybody could have registered a minute ago.
    pub(super) fn is_trusted_target(&self, uri: &RedirectUri, config: &Config) -> bool {
        self.configured || uri.kind() != RedirectKind::Https || config.registration.allowed_redirect_hosts.contains(&uri.host_display())
    }
}

/// The upstreams as OAuth sees them.
pub(super) fn protected_resources(config: &Config) -> Vec<ProtectedResource> {
    config.upstreams.keys().filter_map(|id| protected_resource(config, id.as_str())).collect()
}

/// One upstream as OAuth sees it.
pub(super) fn protected_resource(config: &Config, upstream: &str) -> Option<ProtectedResource> {
    let upstream = config.upstreams.get(upstream)?;
    let (uri, scopes) = (upstream.resource.clone(), upstream.scopes.clone());
    Some(ProtectedResource { upstream: UpstreamId::as_str(&upstream.id).to_owned(), uri, scopes })
}
