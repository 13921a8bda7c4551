//! The sign-in: a hub and its steps.
//!
//! Owns the way of a browser from a stored authorization request (made by `authserver`, or by [`start`] for a sign-in at
//! Doorward itself) to a person who is known. [`dispatch`] is the hub: the only place that picks the next step, from the
//! stored stage. The steps do not know each other: [`consent`], [`choose`], [`saml`] and [`oidc`] (each `start` and
//! `finish`), [`provision`]. The stage `SignedIn` goes back to `authserver` as a redirect to `/oauth/resume`.
//!
//! Invariants:
//! - Every step loads the request by its id *and* the cookie of the browser that began it.
//! - A step moves the stage by compare and swap, once; a second try finds it moved and goes on from there.
//! - Consent and sign-in are in the audit trail before they take effect.
//! - Groups that are not all known refuse the sign-in; they are never read as none.

mod access;
mod attributes;
mod browser;
mod capture;
mod choose;
mod consent;
mod diagnosis;
mod dispatch;
mod error;
mod forms;
mod idp_initiated;
mod idp_metadata;
mod logout;
mod loops;
mod oidc;
mod provision;
mod record;
mod report;
mod return_path;
mod saml;
mod saml_groups;
mod sp_metadata;
mod step_up;
mod trial;
mod words;

use std::sync::Arc;

use ::saml::logout::Delivery;
use axum::Extension;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use oauth::client::authorize::Callback;

use crate::app::{App, SharedApp};
use crate::audit::Kind;
use crate::config::IdentityProvider;
use crate::request_id::RequestContext;

pub use error::LoginError;

use browser::Transaction;
use capture::Failed;
use record::Subject;

/// What sign-ins keep in memory: documents of the identity providers, all of which can be fetched again.
#[derive(Debug, Default)]
pub struct State {
    saml: idp_metadata::Documents,
}

/// One round of refreshing the SAML metadata of the identity providers: what is missing is loaded, what is old is loaded again.
pub async fn refresh_metadata(app: &App) {
    idp_metadata::refresh(app).await;
}

/// Loads the SAML metadata of the identity providers and keeps it fresh for as long as the application lives.
pub fn spawn_refresh(app: &SharedApp) {
    tokio::spawn(idp_metadata::keep_fresh(Arc::downgrade(app)));
}

/// A body as it came, or the reason why it was not read whole.
type Body = Result<Bytes, BytesRejection>;

/// `GET /`: the signed-in page, or the landing page.
pub async fn home(Shared(app): Shared<SharedApp>, Extension(context): Extension<RequestContext>, headers: HeaderMap) -> Response {
    page(&context, logout::home(&app, &headers).await)
}

/// `GET /login?req=…` and `GET /login/idp?req=…`: the hub.
pub async fn hub(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let outcome = next(&app, &context, &headers, query.as_deref()).await;
    recorded(&app, &context, None, outcome).await
}

/// `GET /login/start?return=…`: a sign-in at Doorward itself.
pub async fn start(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    page(&context, begin(&app, &context, &headers, query.as_deref()).await)
}

/// `POST /login/consent`
pub async fn consent(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = match whole(body) {
        Ok(body) => consent::submit(&app, &context, &headers, &body).await,
        Err(error) => Err(error),
    };
    recorded(&app, &context, None, outcome).await
}

/// `POST /login/idp`
pub async fn choose_idp(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = match whole(body) {
        Ok(body) => choose::submit(&app, &headers, &body).await,
        Err(error) => Err(error),
    };
    recorded(&app, &context, None, outcome).await
}

/// `POST /login/again`: out of a loop.
pub async fn again(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = match whole(body) {
        Ok(body) => loops::again(&app, &headers, &body).await,
        Err(error) => Err(error),
    };
    page(&context, outcome)
}

/// `GET /login/test?token=…`: the link of a test.
pub async fn ask_test(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    RawQuery(query): RawQuery,
) -> Response {
    page(&context, trial::ask(&app, query.as_deref()).await)
}

/// `POST /login/test`: the test begins.
pub async fn begin_test(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = match whole(body) {
        Ok(body) => trial::begin(&app, &context, &headers, &body).await,
        Err(error) => Err(error),
    };
    page(&context, outcome)
}

/// `POST /login/saml/{idp}/acs`: the assertion consumer service.
pub async fn saml_acs(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    Path(idp): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = match whole(body) {
        Ok(body) => acs(&app, &context, &headers, &idp, &body).await,
        Err(error) => Err(error),
    };
    recorded(&app, &context, Some(&idp), outcome).await
}

/// `GET /login/oidc/{idp}/callback`
pub async fn oidc_callback(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    Path(idp): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let outcome = callback(&app, &context, &headers, &idp, query.as_deref().unwrap_or_default()).await;
    recorded(&app, &context, Some(&idp), outcome).await
}

/// `GET /login/oidc/{idp}/jwks.json`
pub async fn oidc_own_keys(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    Path(idp): Path<String>,
) -> Response {
    let outcome = match find_idp(&app, &idp) {
        Ok(idp) => oidc::own_keys(&app, &idp).await,
        Err(error) => Err(error),
    };
    page(&context, outcome)
}

/// `GET /logout`
pub async fn ask_sign_out(Shared(app): Shared<SharedApp>, Extension(context): Extension<RequestContext>, headers: HeaderMap) -> Response {
    page(&context, logout::ask(&app, &headers).await)
}

/// `POST /logout`
pub async fn sign_out(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = match whole(body) {
        Ok(body) => logout::submit(&app, &context, &headers, &body).await,
        Err(error) => Err(error),
    };
    page(&context, outcome)
}

/// `GET /logout/done?state=…`: back from an OpenID provider.
pub async fn signed_out(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    RawQuery(query): RawQuery,
) -> Response {
    page(&context, logout::openid::done(&app, query.as_deref()).await)
}

/// `GET /login/saml/{idp}/slo`: a single logout message by Redirect.
pub async fn saml_slo_redirect(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    Path(idp): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let delivery = Delivery::Redirect(query.as_deref().unwrap_or_default());
    let outcome = slo(&app, &context, &idp, &delivery).await;
    sign_out_recorded(&app, &context, &idp, outcome.as_ref().err()).await;
    page(&context, outcome)
}

/// `POST /login/saml/{idp}/slo`: a single logout message by POST. It comes from another site, without cookies, and needs none.
pub async fn saml_slo_post(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    Path(idp): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = async {
        let form = forms::Form::parse(&headers, &whole(body)?)?;
        slo(&app, &context, &idp, &logout::saml::posted(&form)?).await
    };
    let outcome = outcome.await;
    sign_out_recorded(&app, &context, &idp, outcome.as_ref().err()).await;
    page(&context, outcome)
}

/// `POST /login/oidc/{idp}/backchannel_logout`: from the OpenID provider itself.
pub async fn back_channel_logout(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    Path(idp): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = async { logout::openid::back_channel(&app, &context, &find_idp(&app, &idp)?, &headers, &whole(body)?).await };
    let outcome = outcome.await;
    if let Err(error) = &outcome {
        tracing::warn!(code = error.code(), request_id = context.request_id, reason = error.private(), "a logout token was refused");
    }
    sign_out_recorded(&app, &context, &idp, outcome.as_ref().err()).await;
    logout::openid::answer(&outcome)
}

/// `GET /saml/metadata`: our metadata, where one SAML identity provider is configured.
pub async fn sp_metadata(Shared(app): Shared<SharedApp>, Extension(context): Extension<RequestContext>) -> Response {
    page(&context, sp_metadata::ours(&app, None))
}

/// `GET /saml/{idp}/metadata`: our metadata for one SAML identity provider.
pub async fn sp_metadata_for(
    Shared(app): Shared<SharedApp>,
    Extension(context): Extension<RequestContext>,
    Path(idp): Path<String>,
) -> Response {
    page(&context, sp_metadata::ours(&app, Some(&idp)))
}

fn whole(body: Body) -> Result<Bytes, LoginError> {
    body.map_err(|_| LoginError::FormMalformed("it is too large, or it broke off"))
}

async fn next(app: &App, context: &RequestContext, headers: &HeaderMap, query: Option<&str>) -> Result<Response, LoginError> {
    let query = forms::Form::query(query);
    dispatch::next(app, context, headers, query.optional("req")?.ok_or(LoginError::RequestMalformed)?).await
}

async fn begin(app: &App, context: &RequestContext, headers: &HeaderMap, query: Option<&str>) -> Result<Response, LoginError> {
    let query = forms::Form::query(query);
    browser::start(app, context, headers, query.optional("return")?).await
}

async fn acs(app: &App, context: &RequestContext, headers: &HeaderMap, idp: &str, body: &[u8]) -> Result<Response, LoginError> {
    let idp = find_idp(app, idp)?;
    let form = forms::Form::parse(headers, body)?;
    let posted = saml::Posted::read(&form)?;
    if let Some(again) = posted.once_more(&idp) {
        return Ok(again);
    }
    forms::require_own_page(headers, &app.config.public_url)?;
    // A RelayState that is no id of ours is the IdP's own: the response answers no request of ours.
    let transaction = match posted.relay_state.filter(|state| state.starts_with("arq_")) {
        Some(id) => Transaction::load(app, headers, id).await.map(Some),
        None => Ok(None),
    };
    let (transaction, outcome) = match transaction {
        Ok(transaction) => {
            let outcome = saml::finish(app, context, headers, transaction.as_ref(), &idp, &posted).await;
            (transaction, outcome)
        }
        Err(error) => (None, Err(error)),
    };
    let failed = Failed { transaction: transaction.as_ref(), idp: &idp, posted: Some(&posted), user: None, sent: Vec::new() };
    match outcome {
        Ok(response) => Ok(response),
        Err(error) => capture::failed(app, context, headers, &failed, error).await,
    }
}

async fn slo(app: &App, context: &RequestContext, idp: &str, delivery: &Delivery<'_>) -> Result<Response, LoginError> {
    logout::saml::receive(app, context, &find_idp(app, idp)?, delivery).await
}

async fn callback(app: &App, context: &RequestContext, headers: &HeaderMap, idp: &str, query: &str) -> Result<Response, LoginError> {
    let idp = find_idp(app, idp)?;
    let callback = Callback::parse(query)?;
    let transaction = Transaction::load(app, headers, oidc::request_of(&callback)?).await?;
    let mut sent = Vec::new();
    match oidc::finish(app, context, headers, &transaction, &idp, &callback, &mut sent).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let failed = Failed { transaction: Some(&transaction), idp: &idp, posted: None, user: None, sent };
            capture::failed(app, context, headers, &failed, error).await
        }
    }
}

fn find_idp(app: &App, id: &str) -> Result<IdentityProvider, LoginError> {
    let runtime = app.runtime.load_full();
    runtime.config.identity_providers.get(id).cloned().ok_or_else(|| LoginError::IdpUnknown(id.to_owned()))
}

/// A reply that leaves no audit line of its own when it fails.
fn page(context: &RequestContext, outcome: Result<Response, LoginError>) -> Response {
    outcome.unwrap_or_else(|error| {
        tracing::warn!(code = error.code(), request_id = context.request_id, reason = error.private(), "refused with a page");
        error.page(&context.request_id)
    })
}

/// A refused sign-out message goes to the audit trail.
async fn sign_out_recorded(app: &App, context: &RequestContext, idp: &str, error: Option<&LoginError>) {
    if let Some(error) = error.filter(|error| error.belongs_on_record()) {
        record::refusal(app, context, Kind::SignOutRefused, &Subject { idp: Some(idp), ..Subject::default() }, error).await;
    }
}

/// The reply of a step; a refusal goes to the audit trail. (That a person is disabled was recorded by name where they were
/// recognised.)
async fn recorded(app: &App, context: &RequestContext, idp: Option<&str>, outcome: Result<Response, LoginError>) -> Response {
    if let Err(error) = &outcome
        && error.belongs_on_record()
    {
        record::refusal(app, context, Kind::SignInRefused, &Subject { idp, ..Subject::default() }, error).await;
    }
    page(context, outcome)
}
