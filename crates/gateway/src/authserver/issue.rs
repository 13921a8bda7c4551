//! Making the tokens of a grant.

use std::time::Duration;

use jiff::Timestamp;
use oauth::Secret;
use oauth::resource::ResourceUri;
use oauth::scope::ScopeSet;
use oauth::server::access_token::AccessToken;
use store::{Grant, SignInContext, StoreError};

use super::clients::KnownClient;
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

/// Signs an access token for `grant` with `scopes`, which are the grant's or fewer. It does not outlive the identity
/// provider's session.
pub(super) fn access_token(app: &App, config: &Config, grant: &Grant, scopes: &ScopeSet, now: Timestamp) -> Result<IssuedToken, Error> {
    let lifetime = config.tokens.access.min(MAX_ACCESS_LIFETIME);
    let resource = ResourceUri::parse(&grant.resource).map_err(|_| StoreError::Corrupt { what: "a grant's malformed resource" })?;
    let id = app.random.token()?;
    let expires_at = no_later(now.checked_add(lifetime).unwrap_or(now), grant);
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
        expires_at,
    };
    let key = app.keys.access_token_key(now)?;
    Ok(IssuedToken {
        text: Secret::new(token.sign(&key)?),
        id: id.expose().clone(),
        expires_in: u64::try_from(expires_at.duration_since(now).as_secs()).unwrap_or(0),
    })
}

/// How long a refresh token that is issued now is good. The family's life runs from the sign-in, and no refresh makes it
/// longer; within it, a token may lie unused for so long.
pub(super) fn refresh_lifetime_left(config: &Config, client: &KnownClient, grant: &Grant, now: Timestamp) -> Option<Duration> {
    let end = grant.created_at.checked_add(client.refresh_lifetime.unwrap_or(config.tokens.refresh)).ok()?;
    let left = Duration::try_from(end.duration_since(now)).ok().filter(|left| !left.is_zero())?;
    Some(config.tokens.refresh_idle.map_or(left, |idle| idle.min(left)))
}

/// `instant`, or the end of the identity provider's session if that comes first.
pub(super) fn no_later(instant: Timestamp, grant: &Grant) -> Timestamp {
    grant.sign_in.ends_at.map_or(instant, |end| end.min(instant))
}

/// The identity provider's session that this was allowed in goes on.
pub(super) fn require_idp_session(sign_in: &SignInContext, now: Timestamp) -> Result<(), Error> {
    match sign_in.ends_at.filter(|end| *end <= now) {
        Some(at) => Err(Error::IdpSessionEnded { at }),
        None => Ok(()),
    }
}

/// A grant's scopes.
pub(super) fn scopes(grant: &Grant) -> Result<ScopeSet, Error> {
    grant.scopes.join(" ").parse().map_err(|_| StoreError::Corrupt { what: "a grant's malformed scopes" }.into())
}
