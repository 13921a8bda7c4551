//! A sign-out that began here goes on at the identity provider.

use std::time::Duration;

use axum::response::Response;
use oauth::client::end_session::{EndSession, end_session_url};
use saml::logout::{REASON_USER, Request, Sender};
use saml::{Binding, NameId};
use store::{BrowserSession, SignOut};

use crate::app::App;
use crate::config::{IdentityProvider, OidcIdp, Protocol, RequestBinding, SamlIdp, SignOutAt};
use crate::openid;
use crate::pages;

use super::super::error::LoginError;
use super::super::idp_metadata;
use super::super::saml::service_provider;
use super::saml::page_of;

/// How long the browser may stay away.
const LIFETIME: Duration = Duration::from_mins(10);

/// How it goes on.
pub(super) enum Departure {
    /// By this page.
    Page(Response),
    /// Not at all: it is not wanted, or the identity provider has no way.
    None,
    /// It should, but cannot. The session here has ended all the same.
    Failed {
        /// The identity provider's name.
        idp: String,
        /// Why.
        error: LoginError,
    },
}

/// Sends the browser on, if the session came from an identity provider that is to be asked.
pub(super) async fn begin(app: &App, session: &BrowserSession, everywhere: bool) -> Departure {
    let runtime = app.runtime.load_full();
    let Some(idp) = runtime.config.identity_providers.get(session.idp.as_str()) else { return Departure::None };
    if idp.sign_out == SignOutAt::Local {
        return Departure::None;
    }
    let page = match &idp.protocol {
        Protocol::Saml(settings) => by_saml(app, idp, settings, session, everywhere).await,
        Protocol::Oidc(settings) => by_openid(app, idp, settings, session, everywhere).await,
    };
    match page {
        Ok(Some(page)) => Departure::Page(page),
        Ok(None) => Departure::None,
        Err(error) => Departure::Failed { idp: idp.name.clone(), error },
    }
}

/// SAML profiles section 4.4: the NameID and the index as the assertion had them.
async fn by_saml(
    app: &App,
    idp: &IdentityProvider,
    settings: &SamlIdp,
    session: &BrowserSession,
    everywhere: bool,
) -> Result<Option<Response>, LoginError> {
    let Some(at_idp) = &session.idp_session else { return Ok(None) };
    let Some(value) = &at_idp.name_id else { return Ok(None) };
    let metadata = idp_metadata::of(app, &idp.id, settings).await?;
    let preferred = match settings.request_binding {
        RequestBinding::Redirect => Binding::Redirect,
        RequestBinding::Post => Binding::Post,
    };
    let Some(endpoint) = metadata.slo_endpoint(preferred) else { return Ok(None) };
    let mut name_id = NameId::new(value.clone());
    name_id.format.clone_from(&at_idp.name_id_format);
    name_id.name_qualifier.clone_from(&at_idp.name_qualifier);
    name_id.sp_name_qualifier.clone_from(&at_idp.sp_name_qualifier);
    let mut request = Request::new(app.random.bytes()?, app.clock.now(), endpoint.location.clone(), name_id);
    request.session_indexes.extend(at_idp.session_index.clone());
    request.reason = Some(REASON_USER);
    let sp = service_provider(app, &idp.id)?;
    let state = remember(app, idp, Some(request.id.clone()), everywhere).await?;
    let message = request.send(endpoint.binding, Sender::of(&sp)?, Some(&state))?;
    Ok(Some(page_of(&message, &format!("Signing you out at {}", idp.name), true)))
}

/// OpenID Connect RP-Initiated Logout 1.0.
async fn by_openid(
    app: &App,
    idp: &IdentityProvider,
    settings: &OidcIdp,
    session: &BrowserSession,
    everywhere: bool,
) -> Result<Option<Response>, LoginError> {
    let metadata = openid::metadata(app, settings).await?;
    if metadata.end_session_endpoint.is_none() {
        return Ok(None);
    }
    let state = remember(app, idp, None, everywhere).await?;
    let request = EndSession {
        id_token_hint: session.idp_session.as_ref().and_then(|at_idp| at_idp.id_token_hint.as_deref()),
        client_id: &settings.client_id,
        post_logout_redirect_uri: &app.config.public_url.join("/logout/done"),
        state: &state,
    };
    Ok(end_session_url(&metadata, &request).map(|url| pages::continue_to(url.as_str())))
}

/// Keeps what the answer must fit, by a value that only this browser's journey carries.
async fn remember(app: &App, idp: &IdentityProvider, request_id: Option<String>, everywhere: bool) -> Result<String, LoginError> {
    let state = app.random.token()?;
    let now = app.clock.now();
    let sign_out = SignOut { idp: idp.id.to_string(), request_id, everywhere };
    let expires_at = now.checked_add(LIFETIME).unwrap_or(now);
    app.store.begin_sign_out(&store::sha256(state.expose().as_bytes()), &sign_out, expires_at).await?;
    Ok(state.expose().clone())
}
