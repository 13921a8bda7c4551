//! OpenID Connect: the way back from a sign-out at the provider, and back-channel logout (Back-Channel Logout 1.0).

use axum::response::{IntoResponse as _, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use store::{EndedAtIdp, Once, OnceKind};

use crate::app::App;
use crate::config::{IdentityProvider, Protocol};
use crate::openid;
use crate::pages::{self, AtIdp};
use crate::request_id::RequestContext;

use super::super::error::LoginError;
use super::super::forms::Form;
use super::{SignOutError, ended};

/// `GET /logout/done?state=…`: the provider sends the browser back. It says nothing of how it went; that it came back with
/// our `state` is all there is.
pub(in super::super) async fn done(app: &App, query: Option<&str>) -> Result<Response, LoginError> {
    let query = Form::query(query);
    let state = query.optional("state")?.ok_or(SignOutError::Unknown)?;
    let taken = app.store.take_sign_out(&store::sha256(state.as_bytes()), app.clock.now()).await?;
    let sign_out = taken.filter(|sign_out| sign_out.request_id.is_none()).ok_or(SignOutError::Unknown)?;
    let runtime = app.runtime.load_full();
    let name = runtime.config.identity_providers.get(sign_out.idp.as_str()).map_or(sign_out.idp.as_str(), |idp| &idp.name);
    Ok(pages::signed_out(sign_out.everywhere, AtIdp::Ended, name))
}

/// `POST /login/oidc/{idp}/backchannel_logout`, from the provider itself.
pub(in super::super) async fn back_channel(
    app: &App,
    context: &RequestContext,
    idp: &IdentityProvider,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), LoginError> {
    let Protocol::Oidc(settings) = &idp.protocol else { return Err(LoginError::IdpUnknown(idp.id.to_string())) };
    let form = Form::parse(headers, body)?;
    let token = openid::check_logout_token(app, settings, form.required("logout_token")?).await?;
    let key = format!("{} {} {}", idp.id, settings.issuer, token.jti);
    let message = Once { kind: OnceKind::Jti, key: &key, expires_at: token.replay_until };
    let ended = match (&token.sid, &token.subject) {
        (Some(sid), subject) => EndedAtIdp::OpenIdSession { sid, subject: subject.as_deref() },
        (None, Some(subject)) => EndedAtIdp::OpenIdSubject { subject },
        (None, None) => return Ok(()),
    };
    ended::end(app, context, &idp.id, ended, &message, "openid_back_channel").await
}

/// Section 2.8: 200 or 400, never to be stored. The description is the stable code; the reason is in the log.
pub(in super::super) fn answer(outcome: &Result<(), LoginError>) -> Response {
    let mut response = match outcome {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            let body = json!({ "error": "invalid_request", "error_description": error.code() });
            (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
