//! From what an IdP asserts to a person who is signed in: the last step of both protocols.
//!
//! The person is the pair (issuer, subject) at one configured IdP, never an e-mail address. Groups replace those of the
//! last sign-in. The browser gets a new session under a new id; what it held before ends.

use http::HeaderValue;
use jiff::Timestamp;
use store::{Advanced, Created, IdpSession, IdpTokens, NewBrowserSession, NewIdentity, Stage, User};

use crate::app::App;
use crate::audit::Kind;
use crate::config::IdpId;
use crate::cookies::{self, Cookie, TRANSACTION_LIFETIME};
use crate::request_id::RequestContext;

use super::browser::{SignedInBrowser, Transaction};
use super::consent;
use super::diagnosis::{self, Sent};
use super::error::LoginError;
use super::record::{self, Subject};
use super::report::Evidence;
use super::trial;

/// What both protocols give: a person whom an IdP has just vouched for, every claim of it verified.
pub(super) struct VerifiedIdentity {
    /// The IdP's id in the configuration.
    pub(super) idp: IdpId,
    /// Entity id or issuer.
    pub(super) issuer: String,
    /// NameID or `sub`.
    pub(super) subject: String,
    /// The name people type.
    pub(super) username: Option<String>,
    /// E-mail address, only shown and matched by policy.
    pub(super) email: Option<String>,
    /// Name for people to read.
    pub(super) display_name: Option<String>,
    /// All groups; none is an answer, "not all of them" never gets here.
    pub(super) groups: Vec<String>,
    /// When the person proved who they are.
    pub(super) authn_instant: Timestamp,
    /// Whether that must be after the request, for every sign-in at this IdP.
    pub(super) must_be_fresh: bool,
    /// How.
    pub(super) acr: Option<String>,
    /// For single sign-out.
    pub(super) idp_session: IdpSession,
    /// Everything that the IdP sent, for diagnosis.
    pub(super) sent: Vec<Sent>,
    /// SAML, in a test of a sign-in: every check of the response.
    pub(super) evidence: Option<Evidence>,
    /// What to ask the IdP again with, where it gave something.
    pub(super) idp_tokens: Option<IdpTokens>,
    /// When the IdP wants the session to end (SAML core section 2.7.2).
    pub(super) ends_at: Option<Timestamp>,
}

/// Signs the person in; gives the `Set-Cookie` of the new session, or none if this was only a test. Without a transaction, nobody here asked for it (IdP-initiated).
pub(super) async fn sign_in(
    app: &App,
    context: &RequestContext,
    headers: &http::HeaderMap,
    transaction: Option<&Transaction>,
    identity: VerifiedIdentity,
) -> Result<Option<HeaderValue>, LoginError> {
    let now = app.clock.now();
    require_fresh(transaction, &identity, now)?;
    if let Some(transaction) = transaction.filter(|transaction| trial::of(transaction).is_some()) {
        trial::accepted(app, context, headers, transaction, &identity).await?;
        return Ok(None);
    }
    let (user, created) = app.store.upsert_user(&identity_for_store(&identity), now).await?;
    let idp = identity.idp.clone();
    let subject = Subject { transaction, user: Some(&user), idp: Some(idp.as_str()) };
    if user.disabled_at.is_some() {
        let error = LoginError::UserDisabled;
        record::refusal(app, context, Kind::SignInRefused, &subject, &error).await;
        return Err(error);
    }
    if created == Created::Yes {
        record::durable(app, context, Kind::UserCreated, &subject, None).await?;
    }
    let (session, cookie) = open_session(app, context, headers, &subject, &user, identity).await?;
    if let Some(transaction) = transaction {
        if transaction.params.is_some() {
            // Recorded without a name when it was given, before anybody was signed in: now it is known by whom.
            record::durable(app, context, Kind::Consent, &subject, Some(("given", "before the sign-in"))).await?;
        }
        consent::remember(app, transaction, user.id).await?;
        // Lost: a second answer of the IdP was faster; its session is as good as this one.
        let _: Advanced =
            transaction.advance(app, &Stage::SignedIn { user: user.id, session, step_up: transaction.step_up_asked() }).await?;
    }
    Ok(Some(cookie))
}

/// The audit line first, then the session: a sign-in that is not on record does not happen.
async fn open_session(
    app: &App,
    context: &RequestContext,
    headers: &http::HeaderMap,
    subject: &Subject<'_>,
    user: &User,
    identity: VerifiedIdentity,
) -> Result<(store::BrowserSessionId, HeaderValue), LoginError> {
    let now = app.clock.now();
    let method = identity.acr.clone().unwrap_or_else(|| "not stated".to_owned());
    let limit = now.checked_add(app.runtime.load().config.sessions.lifetime).unwrap_or(now);
    let expires_at = identity.ends_at.map_or(limit, |ends_at| ends_at.min(limit));
    // Whoever asks later why somebody was locked out overnight finds the answer here.
    let idp_ends = identity.ends_at.map_or_else(|| "not stated".to_owned(), |end| end.to_string());
    let ends = expires_at.to_string();
    let details = [("authn_context", method.as_str()), ("session_ends", &ends), ("idp_session_ends", &idp_ends)];
    record::durable(app, context, Kind::SignIn, subject, details).await?;
    let before = SignedInBrowser::find(app, headers).await?;
    let token = app.random.token()?;
    let new = NewBrowserSession {
        token_hash: cookies::hash(&token),
        user: user.id,
        idp: identity.idp.to_string(),
        authn_instant: identity.authn_instant,
        acr: identity.acr,
        expires_at,
        idp_ends_at: identity.ends_at,
        idp_session: Some(IdpSession { attribute_names: diagnosis::names::of(&identity.sent), ..identity.idp_session }),
    };
    let session = app.store.create_browser_session(&new, now).await?;
    if let Some(tokens) = &identity.idp_tokens {
        app.store.keep_idp_refresh(session, user.id, tokens, now).await?;
    }
    if let Some(before) = before {
        // The same person goes on, also with a code that is on its way to a client; another person ends what was there.
        let goes_on = app.store.replace_browser_session(before.session.id, session, now).await?;
        if !goes_on {
            app.store.end_browser_session(before.session.id, now).await?;
        }
    }
    let lifetime = std::time::Duration::try_from(expires_at.duration_since(now)).unwrap_or_default();
    Ok((session, Cookie::Session.set(&app.config.public_url, &token, lifetime)))
}

/// If a fresh sign-in was asked for, the person must have proved who they are after that (with a minute for the clocks). Where
/// nobody here asked for anything (IdP-initiated), they must have done so within the time that a sign-in may take.
fn require_fresh(transaction: Option<&Transaction>, identity: &VerifiedIdentity, now: Timestamp) -> Result<(), LoginError> {
    let earliest = || now.checked_sub(TRANSACTION_LIFETIME).unwrap_or(Timestamp::MIN);
    let asked_at = transaction.map_or_else(earliest, |transaction| transaction.request.created_at);
    let too_old = identity.authn_instant.as_second().saturating_add(60) < asked_at.as_second();
    if (identity.must_be_fresh || transaction.is_some_and(Transaction::force_login)) && too_old {
        Err(LoginError::ReauthenticationMissing)
    } else {
        Ok(())
    }
}

fn identity_for_store(identity: &VerifiedIdentity) -> NewIdentity {
    NewIdentity {
        idp: identity.idp.to_string(),
        issuer: identity.issuer.clone(),
        subject: identity.subject.clone(),
        username: identity.username.clone(),
        email: identity.email.clone(),
        display_name: identity.display_name.clone(),
        groups: identity.groups.clone(),
    }
}
