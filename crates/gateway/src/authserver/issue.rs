//! Making the tokens of a grant.

use std::time::Duration;

use jiff::Timestamp;
use oauth::Secret;
use oauth::resource::ResourceUri;
use oauth::scope::ScopeSet;
use oauth::server::access_token::AccessToken;
use store::{Grant, StoreError};

use super::error::Error;
use crate::app::App;
use crate::config::Config;

/// No access token lives longer, whatever the configuration says.
const MAX_ACCESS_LIFETIME: Duration = Duration::from_hours(1);

/// A signed access token.
pub(super) struct IssuedToken {
    /// The token.
    pub(super) text: Secret<String>,
    /// Its `jti`, for the audit trail.
    pub(super) id: String,
    /// Seconds until it expires.
    pub(super) expires_in: u64,
}

/// Signs an access token for `grant` with `scopes`, which are the grant's or fewer.
pub(super) fn access_token(app: &App, config: &Config, grant: &Grant, scopes: &ScopeSet, now: Timestamp) -> Result<IssuedToken, Error> {
    let lifetime = config.tokens.access.min(MAX_ACCESS_LIFETIME);
    let resource = ResourceUri::parse(&grant.resource).map_err(|_| StoreError::Corrupt { what: "a grant's malformed resource" })?;
    let id = app.random.token()?;
    let token = AccessToken {
        issuer: config.public_url.issuer().to_owned(),
        resource,
        user: grant.user.to_string(),
        client_id: grant.client.to_string(),
        scopes: scopes.clone(),
        token_id: id.expose().clone(),
        grant: grant.id.to_string(),
        session: grant.session.map(|session| session.to_string()),
        issued_at: now,
        expires_at: now.checked_add(lifetime).unwrap_or(now),
    };
    let key = app.keys.access_token_key(now)?;
    Ok(IssuedToken { text: Secret::new(token.sign(&key)?), id: id.expose().clone(), expires_in: lifetime.as_secs() })
}

/// What is left of a refresh token family's life: it runs from the sign-in, and no refresh makes it longer.
pub(super) fn refresh_lifetime_left(config: &Config, grant: &Grant, now: Timestamp) -> Option<Duration> {
    let end = grant.created_at.checked_add(config.tokens.refresh).ok()?;
    Duration::try_from(end.duration_since(now)).ok().filter(|left| !left.is_zero())
}

/// A grant's scopes.
pub(super) fn scopes(grant: &Grant) -> Result<ScopeSet, Error> {
    grant.scopes.join(" ").parse().map_err(|_| StoreError::Corrupt { what: "a grant's malformed scopes" }.into())
}
