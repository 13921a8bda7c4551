//! Sign-in by OpenID Connect: `start` sends the browser away, `finish` judges what it brings back.
//!
//! Every check on the IdP's documents and tokens is in `oauth::client`, the network and the caches are in [`crate::openid`];
//! here is the stored half of the exchange (state, nonce, PKCE verifier). Mirror of [`super::saml`].

use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use jiff::Timestamp;
use oauth::Secret;
use oauth::client::authorize::{AuthenticationRequest, Callback, authorization_url};
use oauth::client::id_token::{Expected, Nonce};
use oauth::client::token::Exchange;
use oauth::jwt::unverified_claims;
use oauth::pkce::{self, CodeChallenge};
use serde_json::Value;
use store::{IdpSession, IdpTokens, SignInProtocol, SignInState, Stage, StepUpAsked};

use crate::app::App;
use crate::config::{IdentityProvider, OidcIdp, Protocol};
use crate::openid::{self, OpenIdError};
use crate::request_id::RequestContext;

use super::browser::Transaction;
use super::diagnosis::Sent;
use super::dispatch::Vehicle;
use super::error::LoginError;
use super::forms::{see_other, with_cookie};
use super::provision::{self, VerifiedIdentity};
use super::step_up;

/// Sends the browser to the IdP, with `state`, `nonce` and PKCE kept in the stored stage.
pub(super) async fn start(
    app: &App,
    transaction: &Transaction,
    idp: &IdentityProvider,
    settings: &OidcIdp,
    step_up: Option<StepUpAsked>,
) -> Result<Vehicle, LoginError> {
    let metadata = openid::metadata(app, settings).await?;
    // The state begins with the request's id: the callback finds the stored request, and the browser's cookie, by it.
    let state = format!("{}.{}", transaction.request.id, app.random.token()?.expose());
    let nonce = app.random.token()?;
    let pkce_verifier = pkce::verifier(app.random.bytes()?);
    let (fresh, max_age) = (wants_fresh(transaction, settings, step_up.as_ref()), greatest_age(settings, step_up.as_ref()));
    // `max_age` alone is passed over by some providers, `prompt` alone leaves no trace in the answer.
    let prompt = if asks_anew(transaction, step_up.as_ref()) { Some("login".to_owned()) } else { settings.prompt.clone() };
    let url = authorization_url(
        &metadata,
        &AuthenticationRequest {
            client_id: &settings.client_id,
            redirect_uri: &callback_url(app, idp),
            scopes: &settings.scopes,
            state: &state,
            nonce: nonce.expose(),
            code_challenge: &CodeChallenge::of_verifier(pkce_verifier.expose())?,
            max_age: if fresh { Some(0) } else { max_age },
            acr_values: &step_up::classes(&settings.acr_values, step_up.as_ref()),
            prompt: prompt.as_deref(),
            login_hint: transaction.login_hint_for(idp),
            domain_hint: settings.domain_hint.as_deref(),
        },
    );
    let protocol = SignInProtocol::Oidc { state_hash: store::sha256(state.as_bytes()), nonce, pkce_verifier };
    let next =
        Stage::SignIn(SignInState { idp: idp.id.to_string(), protocol, login_hint: transaction.login_hint().map(str::to_owned), step_up });
    match transaction.advance(app, &next).await? {
        store::Advanced::Moved { .. } => Ok(Vehicle::Address(url)),
        store::Advanced::Lost => Err(LoginError::OutOfStep),
    }
}

/// `GET /login/oidc/{idp}/callback?…`: gives the reply, with the new session's cookie. `received` is filled with the claims of
/// the ID token as soon as there is one, verified or not: for the report of a failure, and nothing else.
pub(super) async fn finish(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    transaction: &Transaction,
    idp: &IdentityProvider,
    callback: &Callback,
    received: &mut Vec<Sent>,
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
    let metadata = openid::metadata(app, settings).await?;
    let code = callback.code(&settings.issuer, metadata.iss_in_response)?;

    let exchange = Exchange::Code { code, redirect_uri: &callback_url(app, idp), pkce_verifier: pkce_verifier.expose() };
    let tokens = openid::exchange(app, settings, &metadata, exchange).await?;
    let id_token = tokens.required_id_token().map_err(OpenIdError::from)?;
    received.extend(unverified_claims(id_token.expose()).into_iter().flatten().map(sent));
    let now = app.clock.now();
    let max_age = if wants_fresh(transaction, settings, leg.step_up.as_ref()) {
        Some(seconds_since(transaction.request.created_at, now))
    } else {
        // The age that an upstream asked for is judged by the hub: from a provider that passed over `max_age` alone, it asks for
        // a new sign-in, with `prompt` as well.
        settings.max_age.map(|age| age.as_secs())
    };
    let expected = Expected {
        issuers: &metadata.token_issuers,
        client_id: &settings.client_id,
        nonce: Nonce::Required(nonce.expose()),
        subject: None,
        algorithms: &metadata.id_token_algorithms,
        max_age,
        acr_values: &step_up::classes(&settings.acr_values, leg.step_up.as_ref()),
        access_token: Some(&tokens.access_token),
        now,
        leeway: openid::LEEWAY,
    };
    let claims = openid::check_id_token(app, &metadata, id_token, &expected).await?;
    let person = openid::identify(app, settings, &metadata, &tokens.access_token, claims).await?;
    let idp_tokens = tokens.refresh_token.as_ref().map(|token| IdpTokens {
        refresh_token: token.clone(),
        nonce: nonce.expose().clone(),
        subject: person.sub.clone(),
    });
    let identity = VerifiedIdentity {
        idp: idp.id.clone(),
        issuer: person.issuer,
        subject: person.subject,
        username: person.username,
        email: person.email,
        display_name: person.display_name,
        groups: person.groups,
        // Not said is older than any limit: the provider must say it where it is asked for (OpenID Connect Core section 2).
        authn_instant: person.auth_time.unwrap_or(jiff::Timestamp::UNIX_EPOCH),
        must_be_fresh: false,
        acr: person.acr,
        idp_session: IdpSession {
            subject: Some(person.sub),
            sid: person.sid,
            id_token_hint: Some(id_token.expose().clone()),
            ..IdpSession::default()
        },
        idp_tokens,
        ends_at: None,
        evidence: None,
        sent: person.claims.into_iter().map(sent).collect(),
    };
    let cookie = provision::sign_in(app, context, headers, Some(transaction), identity).await?;
    Ok(cookie.into_iter().fold(see_other(&transaction.hub()), with_cookie))
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

/// Whether the person must prove anew who they are.
fn wants_fresh(transaction: &Transaction, settings: &OidcIdp, step_up: Option<&StepUpAsked>) -> bool {
    asks_anew(transaction, step_up) || settings.prompt.as_deref().is_some_and(|prompt| prompt.split(' ').any(|word| word == "login"))
}

/// The same, for this sign-in and not for every one at this IdP.
fn asks_anew(transaction: &Transaction, step_up: Option<&StepUpAsked>) -> bool {
    transaction.force_login() || step_up.is_some_and(|asked| asked.max_age == Some(0))
}

/// How many seconds ago the person may have proven who they are.
fn greatest_age(settings: &OidcIdp, step_up: Option<&StepUpAsked>) -> Option<u64> {
    let of_idp = settings.max_age.map(|age| age.as_secs());
    [of_idp, step_up.and_then(|asked| asked.max_age)].into_iter().flatten().min()
}

fn seconds_since(earlier: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_second().saturating_sub(earlier.as_second())).unwrap_or_default()
}

/// `GET /login/oidc/{idp}/jwks.json`: the public keys of our client assertions, for the provider. The same for every provider:
/// an assertion names the one endpoint that it is for.
pub(super) async fn own_keys(app: &App, idp: &IdentityProvider) -> Result<Response, LoginError> {
    let Protocol::Oidc(_) = &idp.protocol else { return Err(LoginError::IdpUnknown(idp.id.to_string())) };
    let document = openid::own_keys(app).await?;
    let headers = [(CONTENT_TYPE, "application/jwk-set+json"), (CACHE_CONTROL, "public, max-age=300")];
    Ok((headers, document).into_response())
}
