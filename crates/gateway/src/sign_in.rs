//! Begins a sign-in, for a client (`authserver`) or for a browser alone (`login`): one row, one cookie, one quota.
//!
//! Anybody can begin sign-ins without being anybody, and each is a row until it is pruned; the quota keeps one network from
//! filling the database with them.

use std::time::Duration;

use http::HeaderValue;
use store::{AuthorizationRequestId, NewAuthorizationRequest, Purpose, Stage, StoreError};

use crate::app::App;
use crate::cookies::{self, Cookie, TRANSACTION_LIFETIME};
use crate::random::RandomError;
use crate::request_id::{RequestContext, network};

/// What `limits.sign_ins_per_address` counts over.
const WINDOW: Duration = Duration::from_mins(10);

/// Why a sign-in does not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// Too many from one network.
    #[error("Too many sign-ins were begun from your network.")]
    Quota,
    /// The database.
    #[error("Doorward's database did not answer.")]
    Store(#[from] StoreError),
    /// Randomness.
    #[error("Doorward cannot make random numbers at the moment.")]
    Random(#[from] RandomError),
}

impl BeginError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Quota => "login.too_many_sign_ins",
            Self::Store(error) => error.code(),
            Self::Random(error) => error.code(),
        }
    }
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct Begun {
    /// The `req` of `/login`.
    pub id: AuthorizationRequestId,
    /// The `Set-Cookie` that binds it to this browser.
    pub cookie: HeaderValue,
}

/// Stores a sign-in that begins at `stage`, bound to the browser that gets the cookie.
pub async fn begin(
    app: &App,
    context: &RequestContext,
    purpose: Purpose,
    params: Option<serde_json::Value>,
    stage: Stage,
) -> Result<Begun, BeginError> {
    let now = app.clock.now();
    let network = network(context.peer.ip()).to_string();
    let begun = app.store.sign_ins_begun_since(&network, now.checked_sub(WINDOW).unwrap_or(now)).await?;
    if usize::try_from(begun).unwrap_or(usize::MAX) >= app.runtime.load().config.limits.sign_ins_per_address {
        return Err(BeginError::Quota);
    }
    let token = app.random.token()?;
    let expires_at = now.checked_add(TRANSACTION_LIFETIME).unwrap_or(now);
    let request = NewAuthorizationRequest { purpose, params, browser_hash: cookies::hash(&token), stage, network, expires_at };
    let id = app.store.create_authorization_request(&request, now).await?;
    Ok(Begun { id, cookie: Cookie::Transaction(id).set(&app.config.public_url, &token, TRANSACTION_LIFETIME) })
}
