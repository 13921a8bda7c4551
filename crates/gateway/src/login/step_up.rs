//! A sign-in that must be stronger or newer than the one at hand: what to ask the identity provider for, and whether its answer
//! was enough.

use std::time::Duration;

use http::HeaderMap;
use store::{BrowserSessionId, ClientId, StepUpAsked, UserId};

use crate::app::App;
use crate::config::IdentityProvider;
use crate::step_up::{self, Requirement, Strength, Unmet};

use super::browser::{SignedInBrowser, Transaction};
use super::error::LoginError;

/// The identity provider was asked, and the person did not sign in as it is needed.
#[derive(Debug, thiserror::Error)]
#[error("“{upstream}” needs a sign-in that your identity provider did not give.")]
pub struct StepUpUnmet {
    /// The upstream.
    pub upstream: String,
    /// What is needed.
    pub needed: Unmet,
    /// The class that the identity provider named.
    pub received_acr: Option<String>,
    /// How many seconds ago it says the person signed in.
    pub received_age: u64,
}

impl StepUpUnmet {
    /// Needed against received, for the audit trail, the log and the page: classes and ages are no secret to the person.
    pub(super) fn evidence(&self) -> String {
        let acr = if self.needed.acr.is_empty() { "any".to_owned() } else { self.needed.acr.join(" or ") };
        let age = self.needed.max_age.map_or_else(|| "any".to_owned(), |limit| format!("at most {} s", limit.as_secs()));
        let received = self.received_acr.as_deref().unwrap_or("none named");
        format!("needed: class {acr}, age {age}; received: class {received}, age {} s", self.received_age)
    }
}

/// What to ask for when the browser leaves: what the upstream needs of everybody, and what was demanded of the person whose
/// session this browser holds. Of a person who is not known yet, the hub asks again if it turns out to be needed.
pub(super) async fn to_ask(app: &App, headers: &HeaderMap, transaction: &Transaction) -> Result<Option<StepUpAsked>, LoginError> {
    let runtime = app.runtime.load_full();
    let (Some(params), Some(upstream)) = (&transaction.params, transaction.upstream(&runtime.config)?) else { return Ok(None) };
    let now = app.clock.now();
    let none: [&str; 0] = [];
    let (requirement, is_too_old) = match (SignedInBrowser::find(app, headers).await?, ClientId::parse(&params.client_id)) {
        (Some(browser), Ok(client)) => {
            let (requirement, _) = step_up::for_sign_in(&app.store, upstream, &client, browser.user.id, now).await?;
            let strength = Strength { acr: browser.session.acr.as_deref(), authn_instant: Some(browser.session.authn_instant) };
            let is_too_old = requirement.unmet(&strength, now).is_some_and(|unmet| unmet.is_too_old);
            (requirement, is_too_old)
        }
        (_, Ok(_) | Err(_)) => (Requirement::of(upstream, &none), false),
    };
    let asked = asked_for(requirement.acr(), requirement.max_age(), is_too_old);
    Ok((asked != StepUpAsked::default()).then_some(asked))
}

/// The person is known: where to send them once more and what to ask for, if their sign-in is not enough for what they want.
/// `asked` is what it was asked for already; who was asked the same in vain is told so.
pub(super) async fn still_to_ask(
    app: &App,
    transaction: &Transaction,
    user: UserId,
    session: BrowserSessionId,
    asked: Option<&StepUpAsked>,
) -> Result<Option<(IdentityProvider, StepUpAsked)>, LoginError> {
    let runtime = app.runtime.load_full();
    let (Some(params), Some(upstream)) = (&transaction.params, transaction.upstream(&runtime.config)?) else { return Ok(None) };
    let client = ClientId::parse(&params.client_id).map_err(|_| LoginError::RequestUnknown)?;
    let now = app.clock.now();
    let (requirement, _) = step_up::for_sign_in(&app.store, upstream, &client, user, now).await?;
    if requirement.is_empty() {
        return Ok(None);
    }
    let session = app.store.browser_session(session).await?.ok_or(LoginError::RequestExpired)?;
    let strength = Strength { acr: session.acr.as_deref(), authn_instant: Some(session.authn_instant) };
    let Some(unmet) = requirement.unmet(&strength, now) else { return Ok(None) };
    let to_ask = asked_for(unmet.acr.clone(), unmet.max_age, unmet.is_too_old);
    if asked.is_some_and(|asked| asked.acr == to_ask.acr && (asked.max_age == Some(0) || to_ask.max_age != Some(0))) {
        let received_age = u64::try_from(now.as_second().saturating_sub(session.authn_instant.as_second())).unwrap_or_default();
        return Err(StepUpUnmet { upstream: upstream.name.clone(), needed: unmet, received_acr: session.acr, received_age }.into());
    }
    let idp = runtime.config.identity_providers.get(session.idp.as_str()).cloned();
    Ok(Some((idp.ok_or(LoginError::IdpUnknown(session.idp))?, to_ask)))
}

/// The classes to ask an identity provider for, and to accept: what the sign-in at hand needs, of that what every sign-in there
/// needs (`of_idp`), as far as there is something that does both.
pub(super) fn classes(of_idp: &[String], asked: Option<&StepUpAsked>) -> Vec<String> {
    let Some(asked) = asked.filter(|asked| !asked.acr.is_empty()) else { return of_idp.to_vec() };
    let both: Vec<String> = asked.acr.iter().filter(|class| of_idp.contains(class)).cloned().collect();
    if both.is_empty() { asked.acr.clone() } else { both }
}

/// The wish in the terms of both protocols.
fn asked_for(acr: Vec<String>, max_age: Option<Duration>, is_too_old: bool) -> StepUpAsked {
    StepUpAsked { acr, max_age: if is_too_old { Some(0) } else { max_age.map(|limit| limit.as_secs()) } }
}
