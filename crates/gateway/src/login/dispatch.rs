//! The hub: the one place that picks the next step of a sign-in, from its stored stage.
//!
//! Each step has its own file and route, and comes back here. A reload, the back button or a doubled request therefore
//! does no harm: the hub looks at the stage again.

use axum::response::Response;
use http::HeaderMap;
use store::{Advanced, Purpose, SignInTestId, Stage, StepUpAsked};

use crate::app::App;
use crate::audit::Kind;
use crate::config::{IdentityProvider, Protocol};
use crate::cookies::Cookie;
use crate::request_id::RequestContext;

use super::browser::{SignedInBrowser, Transaction};
use super::capture::Failed;
use super::choose::ChoiceError;
use super::error::LoginError;
use super::forms::{see_other, with_cookie};
use super::record::{self, Subject};
use super::{access, capture, choose, consent, loops, oidc, saml, step_up, trial};

/// `GET /login?req=…`
pub(super) async fn next(app: &App, context: &RequestContext, headers: &HeaderMap, id: &str) -> Result<Response, LoginError> {
    let transaction = Transaction::load(app, headers, id).await?;
    if let Some((test, idp)) = trial::of(&transaction) {
        return next_of_test(app, context, headers, &transaction, (test, idp)).await;
    }
    match &transaction.request.stage {
        Stage::Consent => {
            if consent::was_remembered(app, context, headers, &transaction).await? {
                return Ok(see_other(&transaction.hub()));
            }
            if transaction.no_page() {
                return without_page(app, context, headers, &transaction).await;
            }
            consent::page(app, headers, &transaction).await
        }
        Stage::ChooseIdp => {
            if use_session(app, headers, &transaction).await? {
                return Ok(see_other(&transaction.hub()));
            }
            choose_or_leave(app, headers, &transaction).await
        }
        // Back from the IdP without an answer: the person may choose again.
        Stage::SignIn(_) => choose_or_leave(app, headers, &transaction).await,
        Stage::SignedIn { user, session, step_up } => {
            if let Some(page) = access::refuse(app, context, headers, &transaction, *user).await? {
                // Who asked for an answer without a page gets it from the authorization server.
                return Ok(if transaction.no_page() { see_other(&resume(&transaction)) } else { page });
            }
            let again = step_up::still_to_ask(app, &transaction, *user, *session, step_up.as_ref()).await?;
            if again.is_some() && transaction.no_page() {
                return without_page(app, context, headers, &transaction).await;
            }
            if let Some((idp, asked)) = again {
                return Ok(depart(app, headers, &transaction, &idp, Some(asked)).await?.into_redirect());
            }
            let response = finish(app, &transaction).await?;
            choose::remember(app, headers, response).await
        }
        // The client learns of the refusal from the authorization server.
        Stage::Denied { .. } if transaction.params.is_some() => Ok(see_other(&resume(&transaction))),
        Stage::Completed | Stage::Denied { .. } => Err(LoginError::AlreadyCompleted),
    }
}

/// A test goes to its one IdP and ends at its report; no session answers for it, and none begins.
async fn next_of_test(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    transaction: &Transaction,
    (test, idp): (SignInTestId, &str),
) -> Result<Response, LoginError> {
    match &transaction.request.stage {
        Stage::ChooseIdp | Stage::SignIn(_) => {
            let runtime = app.runtime.load_full();
            let idp = runtime.config.identity_providers.get(idp).ok_or_else(|| LoginError::IdpUnknown(idp.to_owned()))?;
            match leave(app, headers, transaction, idp).await {
                Ok(departure) => Ok(departure.into_redirect()),
                Err(error) => {
                    let failed = Failed { transaction: Some(transaction), idp, posted: None, user: None, sent: Vec::new() };
                    capture::failed(app, context, headers, &failed, error).await
                }
            }
        }
        Stage::Completed | Stage::Denied { .. } => trial::page(app, test).await,
        Stage::Consent | Stage::SignedIn { .. } => Err(LoginError::OutOfStep),
    }
}

/// Sends the browser to `idp`: the last step before it leaves this site.
pub(super) async fn leave(
    app: &App,
    headers: &HeaderMap,
    transaction: &Transaction,
    idp: &IdentityProvider,
) -> Result<Departure, LoginError> {
    let step_up = step_up::to_ask(app, headers, transaction).await?;
    depart(app, headers, transaction, idp, step_up).await
}

async fn depart(
    app: &App,
    headers: &HeaderMap,
    transaction: &Transaction,
    idp: &IdentityProvider,
    step_up: Option<StepUpAsked>,
) -> Result<Departure, LoginError> {
    let count = loops::count(app, headers, transaction, idp, step_up.as_ref()).await?;
    let vehicle = match &idp.protocol {
        Protocol::Saml(settings) => saml::start(app, transaction, idp, settings, step_up).await?,
        Protocol::Oidc(settings) => oidc::start(app, transaction, idp, settings, step_up).await?,
    };
    Ok(Departure { vehicle, count })
}

/// How the browser leaves for the IdP.
pub(super) struct Departure {
    vehicle: Vehicle,
    count: http::HeaderValue,
}

/// The two ways to leave.
pub(super) enum Vehicle {
    /// By GET to this address.
    Address(url::Url),
    /// By a form on this page, which submits itself.
    Page(Response),
}

impl Departure {
    /// The reply to a GET.
    pub(super) fn into_redirect(self) -> Response {
        let response = match self.vehicle {
            Vehicle::Address(url) => see_other(url.as_str()),
            Vehicle::Page(page) => page,
        };
        with_cookie(response, self.count)
    }

    /// The reply to a form, which must not be a redirect: see [`crate::pages::continue_to`].
    pub(super) fn into_page(self) -> Response {
        let response = match self.vehicle {
            Vehicle::Address(url) => crate::pages::continue_to(url.as_str()),
            Vehicle::Page(page) => page,
        };
        with_cookie(response, self.count)
    }
}

/// One IdP, or one that the client's hint leads to: there at once. Else ask, and also where the person is to choose or came back.
async fn choose_or_leave(app: &App, headers: &HeaderMap, transaction: &Transaction) -> Result<Response, LoginError> {
    let runtime = app.runtime.load_full();
    let allowed = transaction.identity_providers(&runtime.config)?;
    let came_back = matches!(transaction.request.stage, Stage::SignIn(_));
    let clear = match allowed.as_slice() {
        _ if transaction.select_account() => None,
        [only] => Some(*only),
        _ if came_back => None,
        several => choose::led_to(transaction, several),
    };
    match clear {
        Some(idp) => Ok(leave(app, headers, transaction, idp).await?.into_redirect()),
        None => Ok(choose::page(app, headers, transaction, &allowed)),
    }
}

/// `prompt=none` where a page would have to be shown: the client is told which one (OpenID Connect Core section 3.1.2.6).
async fn without_page(app: &App, context: &RequestContext, headers: &HeaderMap, transaction: &Transaction) -> Result<Response, LoginError> {
    let runtime = app.runtime.load_full();
    let browser = SignedInBrowser::find(app, headers).await?;
    let session = browser.filter(|browser| transaction.require_allowed(&runtime.config, &browser.session.idp).is_ok());
    // Where the consent is no longer the question, the sign-in is: it is not strong or recent enough.
    let consent_is_missing = session.is_some() && transaction.request.stage == Stage::Consent;
    let error = LoginError::from(if consent_is_missing { ChoiceError::ConsentRequired } else { ChoiceError::LoginRequired });
    let subject = Subject { transaction: Some(transaction), user: session.as_ref().map(|browser| &browser.user), ..Subject::default() };
    record::refusal(app, context, Kind::SignInRefused, &subject, &error).await;
    let _: Advanced = transaction.advance(app, &Stage::Denied { code: error.code().to_owned() }).await?;
    Ok(see_other(&resume(transaction)))
}

/// A session that lives in this browser already answers the question who the person is, if its IdP may.
async fn use_session(app: &App, headers: &HeaderMap, transaction: &Transaction) -> Result<bool, LoginError> {
    if transaction.force_login() || transaction.select_account() {
        return Ok(false);
    }
    let Some(browser) = SignedInBrowser::find(app, headers).await? else { return Ok(false) };
    let runtime = app.runtime.load_full();
    if transaction.require_allowed(&runtime.config, &browser.session.idp).is_err() {
        return Ok(false);
    }
    consent::remember(app, transaction, browser.user.id).await?;
    let stage = Stage::SignedIn { user: browser.user.id, session: browser.session.id, step_up: None };
    // Lost: another request of this browser moved on; the hub is asked again either way.
    let _: Advanced = transaction.advance(app, &stage).await?;
    Ok(true)
}

/// The person is known: on to the client's code, or to the page the person wanted.
async fn finish(app: &App, transaction: &Transaction) -> Result<Response, LoginError> {
    match &transaction.request.purpose {
        Purpose::ClientAuthorization => Ok(see_other(&resume(transaction))),
        Purpose::BrowserSignIn { return_path } => {
            let _: Advanced = transaction.advance(app, &Stage::Completed).await?;
            let clear = Cookie::Transaction(transaction.request.id).clear(&app.config.public_url);
            Ok(with_cookie(see_other(return_path), clear))
        }
        Purpose::SignInTest { .. } => Err(LoginError::OutOfStep),
    }
}

/// Where the authorization server takes over.
fn resume(transaction: &Transaction) -> String {
    format!("/oauth/resume?req={}", transaction.request.id)
}
