//! `/login/saml/{idp}/slo`: single logout messages of a SAML identity provider, in either binding (SAML profiles section 4.4).

use axum::response::Response;
use saml::logout::{Delivery, Expected, Kind, LogoutStatus, Outgoing, Response as LogoutResponse, Sender, verify_request, verify_response};
use saml::{Binding, IdpMetadata, ServiceProvider};
use store::{EndedAtIdp, Once, OnceKind};

use crate::app::App;
use crate::config::{IdentityProvider, Protocol};
use crate::pages::{self, AtIdp, AutoPost};
use crate::request_id::RequestContext;

use super::super::error::LoginError;
use super::super::forms::{Form, see_other};
use super::super::idp_metadata;
use super::super::saml::service_provider;
use super::{SignOutError, ended};

/// The fields of a posted message.
pub(in super::super) fn posted(form: &Form) -> Result<Delivery<'_>, LoginError> {
    Ok(Delivery::Post {
        request: form.optional("SAMLRequest")?,
        response: form.optional("SAMLResponse")?,
        relay_state: form.optional("RelayState")?.filter(|state| !state.is_empty()),
    })
}

/// Takes a message of either kind; gives the reply for the browser.
pub(in super::super) async fn receive(
    app: &App,
    context: &RequestContext,
    idp: &IdentityProvider,
    delivery: &Delivery<'_>,
) -> Result<Response, LoginError> {
    let Protocol::Saml(settings) = &idp.protocol else { return Err(LoginError::IdpUnknown(idp.id.to_string())) };
    let kind = delivery.kind().map_err(SignOutError::Message)?;
    let metadata = idp_metadata::of(app, &idp.id, settings).await?;
    let sp = service_provider(app, &idp.id)?;
    match kind {
        Kind::Request => requested(app, context, idp, &metadata, &sp, delivery).await,
        Kind::Response => finish(app, idp, &metadata, &sp, delivery).await,
    }
}

/// The identity provider ends a session: it ends here, and the browser carries the answer back.
async fn requested(
    app: &App,
    context: &RequestContext,
    idp: &IdentityProvider,
    metadata: &IdpMetadata,
    sp: &ServiceProvider,
    delivery: &Delivery<'_>,
) -> Result<Response, LoginError> {
    let now = app.clock.now();
    let slo_url = own_address(idp, sp)?;
    let expected = Expected::of_idp(metadata, sp, slo_url, now);
    let request = verify_request(delivery, &expected).map_err(SignOutError::Message)?;
    let key = format!("{} {}", metadata.entity_id, request.id);
    let once = Once { kind: OnceKind::SamlLogoutRequest, key: &key, expires_at: request.replay_until };
    let ended = EndedAtIdp::Saml {
        name_id: &request.name_id.value,
        format: request.name_id.format.as_deref(),
        session_indexes: &request.session_indexes,
    };
    ended::end(app, context, &idp.id, ended, &once, "saml_single_logout").await?;
    let preferred = match delivery {
        Delivery::Redirect(_) => Binding::Redirect,
        Delivery::Post { .. } => Binding::Post,
    };
    let Some(endpoint) = metadata.slo_endpoint(preferred) else {
        return Ok(pages::signed_out(false, AtIdp::Ended, &idp.name));
    };
    // SAML metadata section 2.2.2: responses may go to an address of their own.
    let destination = endpoint.response_location.clone().unwrap_or_else(|| endpoint.location.clone());
    // Whether a session was found is nobody's business: either way it has ended (profiles section 4.4.3.4).
    let answer = LogoutResponse::new(app.random.bytes()?, now, destination, request.id, LogoutStatus::Complete);
    let message = answer.send(endpoint.binding, Sender::of(sp)?, request.relay_state.as_deref())?;
    Ok(page_of(&message, &format!("Back to {}", idp.name), false))
}

/// The identity provider answers the sign-out that began here. The session here ended before the browser left.
async fn finish(
    app: &App,
    idp: &IdentityProvider,
    metadata: &IdpMetadata,
    sp: &ServiceProvider,
    delivery: &Delivery<'_>,
) -> Result<Response, LoginError> {
    let now = app.clock.now();
    let state = delivery.relay_state().map_err(SignOutError::Message)?.ok_or(SignOutError::Unknown)?;
    let sign_out = app.store.take_sign_out(&store::sha256(state.as_bytes()), now).await?.ok_or(SignOutError::Unknown)?;
    let request_id = sign_out.request_id.filter(|_| sign_out.idp == idp.id.as_str()).ok_or(SignOutError::Unknown)?;
    let expected = Expected::of_idp(metadata, sp, own_address(idp, sp)?, now);
    let answer = verify_response(delivery, &expected, &request_id).map_err(SignOutError::Message)?;
    let at_idp = match answer.status {
        LogoutStatus::Complete => AtIdp::Ended,
        LogoutStatus::Partial => AtIdp::Partly,
        LogoutStatus::Failed(status) => {
            tracing::warn!(idp = idp.id.as_str(), status, "the identity provider did not sign the person out");
            AtIdp::Failed
        }
    };
    Ok(pages::signed_out(sign_out.everywhere, at_idp, &idp.name))
}

fn own_address<'s>(idp: &IdentityProvider, sp: &'s ServiceProvider) -> Result<&'s url::Url, LoginError> {
    sp.slo_url.as_ref().ok_or_else(|| LoginError::NoSsoEndpoint(idp.id.to_string()))
}

/// The reply that makes the browser carry a message. The answer to a form of ours is a page, never a redirect.
pub(super) fn page_of(message: &Outgoing, title: &str, answers_form: bool) -> Response {
    match message {
        Outgoing::Redirect(url) if answers_form => pages::continue_to(url.as_str()),
        Outgoing::Redirect(url) => see_other(url.as_str()),
        Outgoing::Post(form) => {
            let mut fields = vec![(form.field, form.message.as_str())];
            fields.extend(form.relay_state.as_deref().map(|state| ("RelayState", state)));
            pages::auto_post(&AutoPost { title, action: form.action.as_str(), fields: &fields })
        }
    }
}
