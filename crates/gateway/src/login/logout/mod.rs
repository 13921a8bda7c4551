//! The signed-in page, and the ways out: of this browser, of everything, at the identity provider, and by its word.
//!
//! What begins here ([`submit`]) ends the session here first, always; then [`departure`] may send the browser on to the
//! identity provider, and the browser comes back to [`saml::finish`] or [`openid::done`], which only say how it went there.
//! What an identity provider begins comes to [`saml`] (by the browser, in either binding) or to [`openid::back_channel`], and
//! needs no cookie of ours: it is signed, and names the session.

mod departure;
mod ended;
mod error;
pub(super) mod openid;
pub(super) mod saml;

pub(super) use error::SignOutError;

use axum::response::Response;
use http::HeaderMap;
use store::{GrantsOf, RevokeReason};

use crate::app::App;
use crate::audit::Kind;
use crate::cookies::Cookie;
use crate::pages::{self, AtIdp, HomePage};
use crate::request_id::RequestContext;

use departure::Departure;

use super::browser::SignedInBrowser;
use super::error::LoginError;
use super::forms::{Form, check_csrf, csrf_token, require_own_page, with_cookie};
use super::record::{self, Subject};

/// What the CSRF token of this form is bound to, with the session's id.
const FORM: &str = "sign_out";

/// `GET /`: who am I, or what is this.
pub(super) async fn home(app: &App, headers: &HeaderMap) -> Result<Response, LoginError> {
    let Some(browser) = SignedInBrowser::find(app, headers).await? else { return Ok(pages::landing()) };
    let runtime = app.runtime.load_full();
    let idp = runtime.config.identity_providers.get(browser.session.idp.as_str());
    Ok(pages::home(&HomePage {
        csrf: &csrf(&browser),
        person: browser.person(),
        email: browser.user.email.as_deref(),
        idp_name: idp.map_or(browser.session.idp.as_str(), |idp| &idp.name),
        groups: &browser.user.groups,
        ends: &browser.session.expires_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    }))
}

/// `GET /logout`: asks first, for a link anywhere could lead here.
pub(super) async fn ask(app: &App, headers: &HeaderMap) -> Result<Response, LoginError> {
    match SignedInBrowser::find(app, headers).await? {
        Some(browser) => Ok(pages::sign_out(&csrf(&browser), browser.person())),
        None => Ok(with_cookie(pages::signed_out(false, AtIdp::NotAsked, ""), Cookie::Session.clear(&app.config.public_url))),
    }
}

/// `POST /logout`: ends this session, or all sessions, grants and remembered consents of the person; then goes on at the
/// identity provider, where that is wanted and offered.
pub(super) async fn submit(app: &App, context: &RequestContext, headers: &HeaderMap, body: &[u8]) -> Result<Response, LoginError> {
    require_own_page(headers, &app.config.public_url)?;
    let form = Form::parse(headers, body)?;
    let public_url = &app.config.public_url;
    // Who signs out and in again does so on purpose: the loop breaker starts anew.
    let gone = |page| with_cookie(with_cookie(page, Cookie::Session.clear(public_url)), Cookie::Starts.clear(public_url));
    let Some(browser) = SignedInBrowser::find(app, headers).await? else {
        return Ok(gone(pages::signed_out(false, AtIdp::NotAsked, "")));
    };
    check_csrf(form.required("csrf")?, &browser.cookie, FORM, &browser.session.id.to_string())?;
    let everywhere = match form.optional("scope")? {
        None | Some("here") => false,
        Some("everywhere") => true,
        Some(_) => return Err(LoginError::FormMalformed("the scope is neither here nor everywhere")),
    };
    end(app, &browser, everywhere).await?;
    let subject = Subject { user: Some(&browser.user), idp: Some(&browser.session.idp), ..Subject::default() };
    let scope = if everywhere { "everywhere" } else { "here" };
    record::durable(app, context, Kind::SignOut, &subject, Some(("scope", scope))).await?;
    Ok(gone(match departure::begin(app, &browser.session, everywhere).await {
        Departure::Page(page) => page,
        Departure::None => pages::signed_out(everywhere, AtIdp::NotAsked, ""),
        Departure::Failed { idp, error } => {
            tracing::warn!(code = error.code(), request_id = context.request_id, reason = error.private(), "a sign-out ends here");
            pages::signed_out(everywhere, AtIdp::NotReached, &idp)
        }
    }))
}

/// Ending is done before it is recorded: an audit trail that cannot be written must not keep anybody signed in.
async fn end(app: &App, browser: &SignedInBrowser, everywhere: bool) -> Result<(), LoginError> {
    let now = app.clock.now();
    if everywhere {
        // In this order: a code that is redeemed meanwhile finds its session ended, or its grant is revoked after it.
        app.store.end_all_for_user(browser.user.id, now).await?;
        app.store.revoke_grants_for(GrantsOf::User(browser.user.id), RevokeReason::User, now).await?;
        // Else a program that was just thrown out would be let in again without a question.
        app.store.forget_consents(browser.user.id, None).await?;
    } else {
        app.store.end_browser_session(browser.session.id, now).await?;
    }
    Ok(())
}

fn csrf(browser: &SignedInBrowser) -> String {
    csrf_token(&browser.cookie, FORM, &browser.session.id.to_string())
}
