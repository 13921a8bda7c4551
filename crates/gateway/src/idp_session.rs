//! The identity provider's session behind a grant, asked again while a client refreshes: what `authserver` may know of it.
//!
//! `login` keeps the provider's refresh token with the sign-in; [`look`] uses it when the last answer is older than the
//! configured interval. Groups that were taken away are gone with the answer, also for access tokens that live already.
//!
//! - One request per session at a time: a token that is rotated at each use must not be used twice.
//! - The provider ends the session (`invalid_grant`), names somebody else, or gives groups that cannot be read whole: the session
//!   and all that was allowed in it end.
//! - The provider (or Microsoft Graph) does not answer, refuses Doorward itself, or says what cannot be verified: the session
//!   goes on with what was known, for a day. After that the refresh is refused until there is an answer; nothing is ended,
//!   because nobody said so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use oauth::client::groups::graph::GraphError;
use oauth::client::id_token::{Expected, IdTokenError, Nonce};
use oauth::client::token::{Exchange, TokenError};
use oauth::client::userinfo::UserinfoError;
use oauth::jwt::JwtError;
use store::{BrowserSessionId, Grant, GrantsOf, IdpRefresh, PersonNow, RevokeReason, StoreError, User};

use crate::app::{App, SharedApp};
use crate::audit::{AuditError, Event, Kind};
use crate::config::{OidcIdp, Protocol};
use crate::graph::GraphFault;
use crate::openid::{self, Fault, OpenIdError};
use crate::request_id::RequestContext;

/// How long a session goes on without a good answer.
const LIMIT: Duration = Duration::from_hours(24);
/// Between two attempts while there is none.
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(30);

/// Which sessions are being asked about.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<BrowserSessionId, Arc<tokio::sync::Mutex<()>>>>);

/// Why a client gets no new token.
#[derive(Debug, thiserror::Error)]
pub enum IdpSessionError {
    /// The identity provider ended it.
    #[error("the identity provider has ended this sign-in ({reason}); sign in again")]
    Ended {
        /// The code of what it answered.
        reason: String,
    },
    /// No good answer for too long.
    #[error("the identity provider has not answered since {since}, so nobody knows whether this access is still right; try again later")]
    Unreachable {
        /// The last good answer.
        since: Timestamp,
    },
    /// The store.
    #[error("the store does not answer")]
    Store(#[from] StoreError),
    /// The audit trail.
    #[error("the audit trail cannot be written")]
    Audit(#[from] AuditError),
}

impl IdpSessionError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ended { .. } => "oidc.session_ended",
            Self::Unreachable { .. } => "oidc.session_unreachable",
            Self::Store(error) => error.code(),
            Self::Audit(error) => error.code(),
        }
    }
}

impl Sessions {
    fn of(&self, session: BrowserSessionId) -> Arc<tokio::sync::Mutex<()>> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(sessions.entry(session).or_default())
    }
}

/// Asks the identity provider again, if it is time to and it can be asked.
pub(crate) async fn look(app: &SharedApp, context: &RequestContext, grant: &Grant) -> Result<(), IdpSessionError> {
    let Some(session) = grant.session else { return Ok(()) };
    let Some((user, settings)) = provider_of(app, grant).await? else { return Ok(()) };
    let alone = app.idp_sessions.of(session).lock_owned().await;
    // Read under the lock: another request may have asked while this one waited.
    let Some(refresh) = app.store.idp_refresh(session).await? else { return Ok(()) };
    let now = app.clock.now();
    if elapsed(refresh.answered_at, now) < settings.refresh_interval {
        return Ok(());
    }
    if refresh.tried_at > refresh.answered_at && elapsed(refresh.tried_at, now) < ATTEMPT_INTERVAL {
        return within_limit(&refresh, now);
    }
    app.store.idp_refresh_tried(session, now).await?;
    // In a task of its own: a client that hangs up must not lose the token that replaces the used one.
    let (app, context, kept) = (Arc::clone(app), context.clone(), refresh.clone());
    let settled = tokio::spawn(async move {
        let _alone = alone;
        settle(&app, &context, &user, &settings, &refresh, now).await
    });
    settled.await.unwrap_or_else(|_| within_limit(&kept, now))
}

/// Asks, and does what the answer says.
async fn settle(
    app: &App,
    context: &RequestContext,
    user: &User,
    settings: &OidcIdp,
    refresh: &IdpRefresh,
    now: Timestamp,
) -> Result<(), IdpSessionError> {
    match ask(app, settings, refresh).await {
        Ok(person) => changed(app, context, user, person).await,
        Err(Failure::Store(error)) => Err(error.into()),
        Err(Failure::Provider(error)) if is_final(&error) => end(app, context, user, refresh.session, &error).await,
        Err(Failure::Provider(error)) => {
            tracing::warn!(code = error.code(), reason = error.private(), user = %user.id, idp = user.idp, "the identity provider could not be asked again");
            within_limit(refresh, now)
        }
    }
}

enum Failure {
    Provider(OpenIdError),
    Store(StoreError),
}

impl From<OpenIdError> for Failure {
    fn from(error: OpenIdError) -> Self {
        Self::Provider(error)
    }
}

async fn provider_of(app: &App, grant: &Grant) -> Result<Option<(User, OidcIdp)>, IdpSessionError> {
    let Some(user) = app.store.user(grant.user).await? else { return Ok(None) };
    let config = Arc::clone(&app.runtime.load().config);
    let settings = match config.identity_providers.get(user.idp.as_str()).map(|idp| &idp.protocol) {
        Some(Protocol::Oidc(settings)) => settings.clone(),
        Some(Protocol::Saml(_)) | None => return Ok(None),
    };
    Ok(Some((user, settings)))
}

/// One question, and its answer kept (OpenID Connect Core section 12).
async fn ask(app: &App, settings: &OidcIdp, refresh: &IdpRefresh) -> Result<PersonNow, Failure> {
    let metadata = openid::metadata(app, settings).await?;
    let exchange = Exchange::Refresh { refresh_token: &refresh.tokens.refresh_token };
    let tokens = openid::exchange(app, settings, &metadata, exchange).await?;
    let expected = Expected {
        issuers: &metadata.token_issuers,
        client_id: &settings.client_id,
        nonce: Nonce::IfPresent(&refresh.tokens.nonce),
        subject: Some(&refresh.tokens.subject),
        algorithms: &metadata.id_token_algorithms,
        max_age: None,
        acr_values: &[],
        access_token: Some(&tokens.access_token),
        now: app.clock.now(),
        leeway: openid::LEEWAY,
    };
    let newest = tokens.refresh_token.as_ref().unwrap_or(&refresh.tokens.refresh_token);
    let person = match &tokens.id_token {
        Some(id_token) => {
            let checked = openid::check_id_token(app, &metadata, id_token, &expected).await;
            match checked {
                Ok(claims) => openid::identify(app, settings, &metadata, &tokens.access_token, claims).await.map(PersonNow::from),
                Err(error) => Err(error),
            }
        }
        None => openid::identify_again(app, settings, &metadata, &tokens.access_token, &refresh.tokens.subject).await,
    };
    let now = app.clock.now();
    match person {
        Ok(person) => {
            app.store.idp_refresh_answered(refresh, newest, &person, now).await.map_err(Failure::Store)?;
            Ok(person)
        }
        // The used token is spent even if the rest of the answer is of no use; the time of the last good answer stays.
        Err(error) => {
            app.store.idp_refresh_answered(refresh, newest, &PersonNow::default(), refresh.answered_at).await.map_err(Failure::Store)?;
            Err(Failure::Provider(error))
        }
    }
}

impl From<openid::Identified> for PersonNow {
    fn from(person: openid::Identified) -> Self {
        Self { groups: Some(person.groups), username: person.username, email: person.email, display_name: person.display_name }
    }
}

/// Whether the provider has spoken: about this sign-in, and not about us or a moment.
fn is_final(error: &OpenIdError) -> bool {
    const SPOKEN: [&str; 5] = ["invalid_grant", "interaction_required", "login_required", "consent_required", "access_denied"];
    // About us, or about a moment.
    let passing = matches!(
        error,
        OpenIdError::Token(TokenError::ClientRefused { .. } | TokenError::Malformed { .. } | TokenError::NoIdToken)
            // What nobody can verify, the provider has not said: our copies of its documents may be old.
            | OpenIdError::IdToken(IdTokenError::Token(
                JwtError::UnknownKey
                    | JwtError::AlgorithmRefused
                    | JwtError::SignatureInvalid
                    | JwtError::Expired
                    | JwtError::NotYetValid
            ))
            | OpenIdError::Graph(GraphFault::Graph(
                GraphError::TokenRefused { .. }
                    | GraphError::TokenRejected
                    | GraphError::PermissionMissing
                    | GraphError::NextPageElsewhere
            ))
            | OpenIdError::Userinfo(UserinfoError::Malformed { .. } | UserinfoError::Signed)
            | OpenIdError::TokenUnsendable
    );
    if let OpenIdError::Token(TokenError::Refused { error, .. }) = error {
        return SPOKEN.contains(&error.as_str());
    }
    error.fault() == Fault::Refused && !passing
}

fn within_limit(refresh: &IdpRefresh, now: Timestamp) -> Result<(), IdpSessionError> {
    if elapsed(refresh.answered_at, now) < LIMIT { Ok(()) } else { Err(IdpSessionError::Unreachable { since: refresh.answered_at }) }
}

/// Records that groups are others now.
async fn changed(app: &App, context: &RequestContext, before: &User, person: PersonNow) -> Result<(), IdpSessionError> {
    let Some(groups) = person.groups else { return Ok(()) };
    let missing = |from: &[String], of: &[String]| of.iter().filter(|group| !from.contains(group)).cloned().collect::<Vec<_>>().join(", ");
    let (added, removed) = (missing(&before.groups, &groups), missing(&groups, &before.groups));
    if added.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let after = User { groups, ..before.clone() };
    let event = Event::of(Kind::GroupsChanged, context, app.clock.now()).with_user(&after).with_detail("idp", before.idp.clone());
    app.audit.record(event.with_detail("added", added).with_detail("removed", removed)).await?;
    Ok(())
}

/// Ends the session and everything that was allowed in it.
async fn end(
    app: &App,
    context: &RequestContext,
    user: &User,
    session: BrowserSessionId,
    error: &OpenIdError,
) -> Result<(), IdpSessionError> {
    let now = app.clock.now();
    let grants = app.store.revoke_grants_for(GrantsOf::Session(session), RevokeReason::IdentityProvider, now).await?;
    app.store.end_browser_session(session, now).await?;
    app.store.forget_idp_refresh(session).await?;
    let reason = error.exact_value().unwrap_or_else(|| error.code().to_owned());
    let mut event = Event::of(Kind::IdpSessionEnded, context, now).with_user(user).with_detail("idp", user.idp.clone());
    event.code = Some(error.code().to_owned());
    app.audit.record(event.with_detail("reason", error.private()).with_detail("grants", grants.len().to_string())).await?;
    Err(IdpSessionError::Ended { reason })
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
