//! Sign-in by OpenID Connect: `start` sends the browser away, `finish` judges what it brings back.
//!
//! Every check on the IdP's documents and tokens is in `oauth::client`, the network and the caches are in [`crate::openid`];
//! here is the stored half of the exchange (state, nonce, PKCE verifier). Mirror of [`super::saml`].

use std::time::Duration;

use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;
use oauth::Secret;
use oauth::client::authorize::{AuthenticationRequest, Callback, authorization_url};
use oauth::client::id_token::Expected;
use oauth::client::token::CodeExchange;
use oauth::pkce::{self, CodeChallenge};
use serde_json::Value;
use store::{IdpSession, SignInProtocol, SignInState, Stage};

use crate::app::App;
use crate::config::{IdentityProvider, OidcIdp, Protocol};
use crate::openid;
use crate::request_id::RequestContext;

use super::browser::Transaction;
use super::diagnosis::Sent;
use super::dispatch::Vehicle;
use super::error::LoginError;
use super::forms::{see_other, with_cookie};
use super::provision::{self, VerifiedIdentity};

const LEEWAY: Duration = Duration::from_mins(1);

/// Sends the browser to the IdP, with `state`, `nonce` and PKCE kept in the stored stage.
pub(super) async fn start(app: &App, transaction: &Transaction, idp: &IdentityProvider, settings: &OidcIdp) -> Result<Vehicle, LoginError> {
    let metadata = openid::metadata(app, &settings.issuer).await?;
    // The state begins with the request's id: the callback finds the stored request, and the browser's cookie, by it.
    let state = format!("{}.{}", transaction.request.id, app.random.token()?.expose());
    let nonce = app.random.token()?;
    let pkce_verifier = pkce::verifier(app.random.bytes()?);
    let url = authorization_url(
        &metadata,
        &AuthenticationRequest {
            client_id: &settings.client_id,
            redirect_uri: &callback_url(app, idp),
            scopes: &settings.scopes,
            state: &state,
            nonce: nonce.expose(),
            code_challenge: &CodeChallenge::of_verifier(pkce_verifier.expose())?,
            max_age: transaction.force_login().then_some(0),
            acr_values: &[],
            login_hint: transaction.login_hint_for(idp),
        },
    );
    let protocol = SignInProtocol::Oidc { state_hash: store::sha256(state.as_bytes()), nonce, pkce_verifier };
    let next = Stage::SignIn(SignInState { idp: idp.id.to_string(), protocol, login_hint: transaction.login_hint().map(str::to_owned) });
    match transaction.advance(app, &next).await? {
        store::Advanced::Moved { .. } => Ok(Vehicle::Address(url)),
        store::Advanced::Lost => Err(LoginError::OutOfStep),
    }
}

/// `GET /login/oidc/{idp}/callback?…`: gives the reply, with the new session's cookie.
pub(super) async fn finish(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    transaction: &Transaction,
    idp: &IdentityProvider,
    callback: &Callback,
) -> Result<Response, LoginError> {
    let Protocol::Oidc(settings) = &idp.protocol else { return Err(LoginError::IdpUnknown(idp.id.to_string())) };
    let leg = match &transaction.request.stage {
        Stage::SignIn(leg) => leg,
        // The page was loaded again after it had done its work.
        Stage::SignedIn { .. } => return Ok(see_other(&transaction.hub())),
        Stage::Completed => return Err(LoginError::AlreadyCompleted),
        Stage::Consent | Stage::ChooseIdp | Stage::Denied { .. } => return Err(LoginError::OutOfStep),
    };
    let (nonce, pkce_verifier) = expected_answer(leg, idp, callback)?;
    let metadata = openid::metadata(app, &settings.issuer).await?;
    let code = callback.code(&settings.issuer, metadata.iss_in_response)?;

    let exchange = CodeExchange {
        code,
        redirect_uri: &callback_url(app, idp),
        pkce_verifier: pkce_verifier.expose(),
        client_id: &settings.client_id,
        client_secret: settings.client_secret.as_ref(),
    };
    let tokens = openid::redeem(app, &metadata, &exchange).await?;
    let max_age = transaction.force_login().then(|| seconds_since(transaction.request.created_at, app.clock.now()));
    let expected = Expected {
        issuer: &settings.issuer,
        client_id: &settings.client_id,
        nonce: nonce.expose(),
        algorithms: &metadata.id_token_algorithms,
        max_age,
        access_token: Some(&tokens.access_token),
        now: app.clock.now(),
        leeway: LEEWAY,
    };
    let id_token = openid::check_id_token(app, &metadata, &tokens, &expected).await?;
    let person = openid::identify(app, settings, &metadata, &tokens, id_token).await?;
    let identity = VerifiedIdentity {
        idp: idp.id.clone(),
        issuer: person.issuer,
        subject: person.subject,
        username: person.username,
        email: person.email,
        display_name: person.display_name,
        groups: person.groups,
        authn_instant: person.auth_time.unwrap_or_else(|| app.clock.now()),
        must_be_fresh: false,
        acr: person.acr,
        idp_session: IdpSession { sid: person.sid, id_token_hint: Some(tokens.id_token.expose().clone()), ..IdpSession::default() },
        ends_at: None,
        sent: person.claims.into_iter().map(sent).collect(),
    };
    let cookie = provision::sign_in(app, context, headers, Some(transaction), identity).await?;
    Ok(with_cookie(see_other(&transaction.hub()), cookie))
}

/// The stored half of the exchange, if this callback belongs to it: same IdP, same `state`.
fn expected_answer<'l>(
    leg: &'l SignInState,
    idp: &IdentityProvider,
    callback: &Callback,
) -> Result<(&'l Secret<String>, &'l Secret<String>), LoginError> {
    if leg.idp != idp.id.as_str() {
        return Err(LoginError::IdpMismatch { expected: leg.idp.clone(), received: idp.id.to_string() });
    }
    let SignInProtocol::Oidc { state_hash, nonce, pkce_verifier } = &leg.protocol else { return Err(LoginError::OutOfStep) };
    if store::sha256(callback.state()?.as_bytes()) != *state_hash {
        return Err(LoginError::StateMismatch);
    }
    Ok((nonce, pkce_verifier))
}

/// The id of the stored request that a callback's `state` begins with.
pub(super) fn request_of(callback: &Callback) -> Result<&str, LoginError> {
    callback.state()?.split_once('.').map(|(request, _)| request).ok_or(LoginError::StateMismatch)
}

/// Our callback at this IdP, as registered there.
fn callback_url(app: &App, idp: &IdentityProvider) -> String {
    app.config.public_url.join(&format!("/login/oidc/{}/callback", idp.id))
}

/// A claim, as diagnosis shows it.
fn sent((name, value): (String, Value)) -> Sent {
    let text = |value: Value| if let Value::String(text) = value { text } else { value.to_string() };
    let values = if let Value::Array(values) = value { values.into_iter().map(text).collect() } else { vec![text(value)] };
    Sent { name, friendly_name: None, values }
}

fn seconds_since(earlier: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_second().saturating_sub(earlier.as_second())).unwrap_or_default()
}
