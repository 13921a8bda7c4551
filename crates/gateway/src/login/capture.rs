//! Captures: an administrator waits for the next failing sign-in of one person (`doorward idp capture`), and what is needed to mend
//! it is kept here, masked, instead of being pasted into somebody's web site.
//!
//! Whose sign-in it is, is taken from what is there: the address that was typed or that the client named, the person if they
//! are known, and else the names that the unverified response claims. Those decide nothing but whether this capture keeps it.

use axum::response::Response;
use http::HeaderMap;
use store::{Stage, User};

use crate::app::App;
use crate::audit::{Event, Kind};
use crate::config::IdentityProvider;
use crate::pages;
use crate::request_id::RequestContext;

use super::browser::Transaction;
use super::diagnosis::Sent;
use super::error::LoginError;
use super::report::{Evidence, Report};
use super::saml::Posted;
use super::trial;

/// What is there when a sign-in fails.
pub(super) struct Failed<'f> {
    /// The stored request, if the browser's cookie belongs to it.
    pub(super) transaction: Option<&'f Transaction>,
    /// The identity provider.
    pub(super) idp: &'f IdentityProvider,
    /// A SAML response.
    pub(super) posted: Option<&'f Posted<'f>>,
    /// The person, where they are known.
    pub(super) user: Option<&'f User>,
    /// The claims of an ID token, verified or not.
    pub(super) sent: Vec<Sent>,
}

impl Failed<'_> {
    async fn report(&self, app: &App, context: &RequestContext, headers: &HeaderMap, error: &LoginError) -> Report {
        let mut report = Report::new(app, context, headers, self.idp);
        if let Some(posted) = self.posted {
            let request_id = self.transaction.and_then(|transaction| super::saml::request_id_of(&transaction.request.stage));
            report.evidence(Evidence::of(app, self.idp, posted, request_id).await.as_ref());
        }
        report.sent.clone_from(&self.sent);
        if let Some(user) = self.user {
            report.groups.clone_from(&user.groups);
        }
        report.refused(error);
        report
    }

    /// Everything by which the person may be called.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.transaction.and_then(Transaction::login_hint).map(str::to_owned).into_iter().collect();
        if let Some(user) = self.user {
            names.extend(
                [Some(user.subject.clone()), user.username.clone(), user.email.clone(), user.display_name.clone()].into_iter().flatten(),
            );
        }
        if let Some(posted) = self.posted {
            names.extend(::saml::claimed_names(posted.bytes()));
        }
        names
    }
}

/// What becomes of a failing step: the report of a test, or a page as ever, with a copy for whoever waits for it.
pub(super) async fn failed(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    failed: &Failed<'_>,
    error: LoginError,
) -> Result<Response, LoginError> {
    // A page that is opened again has nothing to tell.
    if matches!(error, LoginError::AlreadyCompleted) {
        return Err(error);
    }
    if let Some(transaction) = failed.transaction.filter(|transaction| trial::of(transaction).is_some()) {
        if matches!(transaction.request.stage, Stage::ChooseIdp | Stage::SignIn(_)) {
            let report = failed.report(app, context, headers, &error).await;
            trial::refused(app, context, transaction, &report).await?;
        }
        return Ok(pages::continue_to(&transaction.hub()));
    }
    keep(app, context, headers, failed, &error).await;
    Err(error)
}

/// A copy for whoever waits for it. That it cannot be kept changes nothing for the person.
pub(super) async fn keep(app: &App, context: &RequestContext, headers: &HeaderMap, failed: &Failed<'_>, error: &LoginError) {
    if let Err(fault) = try_keep(app, context, headers, failed, error).await {
        tracing::error!(code = fault.code(), request_id = context.request_id, reason = fault.private(), "a sign-in could not be captured");
    }
}

async fn try_keep(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    failed: &Failed<'_>,
    error: &LoginError,
) -> Result<(), LoginError> {
    let now = app.clock.now();
    let armed = app.store.armed_captures(now).await?;
    if armed.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = failed.names().iter().map(|name| plain(name)).collect();
    let wanted = |capture: &&store::Capture| {
        capture.idp.as_deref().is_none_or(|idp| idp == failed.idp.id.as_str()) && names.contains(&plain(&capture.person))
    };
    for capture in armed.iter().filter(wanted) {
        let mut report = failed.report(app, context, headers, error).await;
        mask(&mut report, &failed.names());
        let event = Event::of(Kind::SignInCaptured, context, now)
            .with_detail("capture", capture.id.to_string())
            .with_detail("idp", failed.idp.id.as_str())
            .with_detail("asked_by", capture.asked_by.clone());
        app.audit.record(Event { code: report.code.clone(), ..event }).await?;
        app.store.fill_capture(capture.id, &report.to_json(), now).await?;
    }
    Ok(())
}

/// Claims that say what a token is good for, not whose it is.
const OF_THE_TOKEN: [&str; 11] = ["iss", "aud", "azp", "exp", "iat", "nbf", "auth_time", "acr", "amr", "tid", "email_verified"];

fn plain(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Masks what says who it is; codes, times, addresses of machines, names of attributes and groups stay.
fn mask(report: &mut Report, names: &[String]) {
    let groups = report.place.name.clone();
    let mut secrets: Vec<String> = names.to_vec();
    for sent in report.sent.iter_mut().filter(|sent| sent.name != groups && !OF_THE_TOKEN.contains(&sent.name.as_str())) {
        secrets.append(&mut sent.values.clone());
        sent.values.iter_mut().for_each(|value| *value = masked(value));
    }
    // The longest first: an address holds the name in it. What is very short would tear holes into every text.
    secrets.retain(|secret| secret.len() > 2 && !report.groups.contains(secret));
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.dedup();
    let clean = |text: &mut String| {
        for secret in secrets.iter().filter(|secret| !secret.starts_with("urn:") && !secret.starts_with("http")) {
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), &masked(secret));
            }
        }
    };
    report.checks.iter_mut().for_each(|check| clean(&mut check.detail));
    report.reason.iter_mut().for_each(clean);
    report.person = None;
}

/// The first character, how many there are, and the domain of an address, which often is what is wrong.
fn masked(value: &str) -> String {
    let (local, domain) = value.rsplit_once('@').map_or((value, String::new()), |(local, domain)| (local, format!("@{domain}")));
    let first: String = local.chars().take(1).collect();
    format!("{first}…({}){domain}", local.chars().count())
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn what_is_left_of_a_value() {
        for (value, expected) in [("alice", "a…(5)"), ("alice@example.com", "a…(5)@example.com"), ("", "…(0)"), ("ü", "ü…(1)")] {
            assert_eq!(masked(value), expected);
        }
    }
}
