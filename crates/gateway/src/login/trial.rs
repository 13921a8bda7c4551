//! "Test this sign-in": an administrator gets a one-time link (`doorward idp test`), signs in at the identity provider, and sees what
//! came of it. Nobody is signed in by it, no person is created, no session opened or looked at. An assertion is used up all the
//! same: it is accepted once, by a test as by a sign-in.
//!
//! Flow: `GET /login/test?token=…` asks, `POST /login/test` uses the link up and begins a sign-in with its own purpose, the hub sends
//! the browser to that one identity provider, [`accepted`] or [`refused`] keeps the report, and the hub shows it.

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use oauth::Secret;
use store::{Advanced, Purpose, SignInTestId, Stage};

use crate::app::App;
use crate::audit::{Event, Kind};
use crate::config::IdentityProvider;
use crate::pages;
use crate::request_id::RequestContext;
use crate::sign_in;

use super::browser::Transaction;
use super::error::{LoginError, Mender};
use super::forms::{Form, require_own_page, with_cookie};
use super::provision::VerifiedIdentity;
use super::report::Report;

/// Why a test does not go on.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Used, over, or never given out.
    #[error("This link does not work any more: it works once, for ten minutes.")]
    LinkUnknown,
}

impl TrialError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LinkUnknown => "login.test_link_unknown",
        }
    }

    /// Status, heading, and who can mend it.
    pub(super) fn presentation(&self) -> (StatusCode, &'static str, Mender) {
        match self {
            Self::LinkUnknown => (StatusCode::NOT_FOUND, "This test has ended", Mender::Administrator),
        }
    }
}

/// The test that a sign-in is for, if it is one.
pub(super) fn of(transaction: &Transaction) -> Option<(SignInTestId, &str)> {
    match &transaction.request.purpose {
        Purpose::SignInTest { test, idp } => Some((*test, idp)),
        Purpose::ClientAuthorization | Purpose::BrowserSignIn { .. } => None,
    }
}

/// `GET /login/test?token=…`: asks, so that a program that only looks at links does not use it up.
pub(super) async fn ask(app: &App, query: Option<&str>) -> Result<Response, LoginError> {
    let form = Form::query(query);
    let token = form.optional("token")?.ok_or(TrialError::LinkUnknown)?;
    let test = app.store.find_sign_in_test(&store::sha256(token.as_bytes()), app.clock.now()).await?.ok_or(TrialError::LinkUnknown)?;
    Ok(pages::ask_test(token, &name_of(app, &test.idp)))
}

/// `POST /login/test`: uses the link up.
pub(super) async fn begin(app: &App, context: &RequestContext, headers: &HeaderMap, body: &[u8]) -> Result<Response, LoginError> {
    require_own_page(headers, &app.config.public_url)?;
    let form = Form::parse(headers, body)?;
    let token = Secret::new(form.required("token")?.to_owned());
    let hash = store::sha256(token.expose().as_bytes());
    let test = app.store.open_sign_in_test(&hash, app.clock.now()).await?.ok_or(TrialError::LinkUnknown)?;
    let purpose = Purpose::SignInTest { test: test.id, idp: test.idp };
    let begun = sign_in::begin(app, context, purpose, None, Stage::ChooseIdp).await?;
    Ok(with_cookie(pages::continue_to(&format!("/login?req={}", begun.id)), begun.cookie))
}

/// The page with what came of it.
pub(super) async fn page(app: &App, test: SignInTestId) -> Result<Response, LoginError> {
    let test = app.store.sign_in_test(test, app.clock.now()).await?.ok_or(TrialError::LinkUnknown)?;
    let report: Option<Report> = test.report.and_then(|report| serde_json::from_value(report).ok());
    let report = report.ok_or(TrialError::LinkUnknown)?;
    Ok(pages::test_report(&name_of(app, &test.idp), &super::words::of(&report), report.code.as_deref()))
}

/// The identity provider vouched for somebody: reported, and nothing else.
pub(super) async fn accepted(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    transaction: &Transaction,
    identity: &VerifiedIdentity,
) -> Result<(), LoginError> {
    let runtime = app.runtime.load_full();
    let idp = runtime.config.identity_providers.get(&identity.idp).ok_or_else(|| LoginError::IdpUnknown(identity.idp.to_string()))?;
    let mut report = Report::new(app, context, headers, idp);
    report.accepted(app, identity);
    keep(app, context, transaction, &report).await?;
    let _: Advanced = transaction.advance(app, &Stage::Completed).await?;
    Ok(())
}

/// The sign-in would have been refused.
pub(super) async fn refused(app: &App, context: &RequestContext, transaction: &Transaction, report: &Report) -> Result<(), LoginError> {
    keep(app, context, transaction, report).await?;
    let code = report.code.clone().unwrap_or_default();
    let _: Advanced = transaction.advance(app, &Stage::Denied { code }).await?;
    Ok(())
}

async fn keep(app: &App, context: &RequestContext, transaction: &Transaction, report: &Report) -> Result<(), LoginError> {
    let Some((test, idp)) = of(transaction) else { return Ok(()) };
    let mut event = Event::of(Kind::SignInTested, context, app.clock.now()).with_detail("idp", idp).with_detail("test", test.to_string());
    event.code.clone_from(&report.code);
    event.groups.clone_from(&report.groups);
    event.roles = report.roles.iter().cloned().collect();
    if let Some(person) = &report.person {
        event = event.with_detail("subject", person.subject.clone());
    }
    if let Some(reason) = &report.reason {
        event = event.with_detail("reason", reason.clone());
    }
    app.audit.record(event).await?;
    app.store.finish_sign_in_test(test, &report.to_json(), app.clock.now()).await?;
    Ok(())
}

fn name_of(app: &App, idp: &str) -> String {
    let runtime = app.runtime.load_full();
    runtime.config.identity_providers.get(idp).map_or_else(|| idp.to_owned(), |idp: &IdentityProvider| idp.name.clone())
}
