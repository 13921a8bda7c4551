//! Sign-in by OpenID Connect: `start` sends the browser away, `finish` judges what it brings back.
//!
//! Every check on the IdP's documents and tokens is in `oauth::client`; here are the network, the caches and the stored
//! half of the exchange (state, nonce, PKCE verifier). Mirror of [`super::saml`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use oauth::Secret;
use oauth::client::authorize::{AuthenticationRequest, Callback, authorization_url};
use oauth::client::discovery::{IssuerUrl, ProviderMetadata};
use oauth::client::groups::groups;
use oauth::client::id_token::{self, Expected, IdTokenClaims, IdTokenError};
use oauth::client::token::{self, CodeExchange, TokenResponse};
use oauth::client::userinfo::parse_userinfo;
use oauth::jwks::JwkSet;
use oauth::jwt::JwtError;
use oauth::pkce::{self, CodeChallenge};
use serde_json::{Map, Value};
use store::{IdpSession, SignInProtocol, SignInState, Stage};

use crate::app::App;
use crate::config::{IdentityProvider, OidcIdp, Protocol};
use crate::outbound::{FetchRequest, Fetched};
use crate::request_id::RequestContext;

use super::browser::Transaction;
use super::cached::{Cached, Freshness, Unavailable};
use super::dispatch::Vehicle;
use super::error::LoginError;
use super::forms::{see_other, with_cookie};
use super::provision::{self, VerifiedIdentity};

const DISCOVERY: Freshness = Freshness { refresh: Duration::from_hours(1), limit: Duration::from_hours(24) };
const KEYS: Freshness = Freshness { refresh: Duration::from_mins(15), limit: Duration::from_hours(24) };
const LEEWAY: Duration = Duration::from_mins(1);

/// What is kept of each OpenID provider, by issuer.
#[derive(Debug, Default)]
pub(super) struct Providers(Mutex<HashMap<String, Arc<Provider>>>);

#[derive(Debug, Default)]
struct Provider {
    metadata: Cached<ProviderMetadata>,
    keys: Cached<JwkSet>,
}

impl Providers {
    fn of(&self, issuer: &IssuerUrl) -> Arc<Provider> {
        let mut providers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(providers.entry(issuer.as_str().to_owned()).or_default())
    }
}

/// Sends the browser to the IdP, with `state`, `nonce` and PKCE kept in the stored stage.
pub(super) async fn start(app: &App, transaction: &Transaction, idp: &IdentityProvider, settings: &OidcIdp) -> Result<Vehicle, LoginError> {
    let metadata = metadata(app, &settings.issuer).await?;
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
            login_hint: None,
        },
    );
    let protocol = SignInProtocol::Oidc { state_hash: store::sha256(state.as_bytes()), nonce, pkce_verifier };
    let next = Stage::SignIn(SignInState { idp: idp.id.to_string(), protocol });
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
    let metadata = metadata(app, &settings.issuer).await?;
    let code = callback.code(&settings.issuer, metadata.iss_in_response)?;

    let exchange = CodeExchange {
        code,
        redirect_uri: &callback_url(app, idp),
        pkce_verifier: pkce_verifier.expose(),
        client_id: &settings.client_id,
        client_secret: settings.client_secret.as_ref(),
    };
    let tokens = redeem(app, &metadata, &exchange).await?;
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
    let id_token = check_id_token(app, &metadata, &tokens, &expected).await?;
    let identity = identify(app, idp, settings, &metadata, &tokens, id_token).await?;
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

async fn metadata(app: &App, issuer: &IssuerUrl) -> Result<Arc<ProviderMetadata>, LoginError> {
    let provider = app.login.oidc.of(issuer);
    let fetch = async {
        let fetched = get(app, issuer.discovery_url()?, "for its discovery document").await?;
        Ok(ProviderMetadata::parse(&fetched.body, issuer)?)
    };
    provider.metadata.load(app.clock.now(), DISCOVERY, fetch).await.map_err(|error| unavailable(error, issuer))
}

/// Checks the ID token; if no key fits, once more with keys fetched anew.
async fn check_id_token(
    app: &App,
    metadata: &ProviderMetadata,
    tokens: &TokenResponse,
    expected: &Expected<'_>,
) -> Result<IdTokenClaims, LoginError> {
    let provider = app.login.oidc.of(&metadata.issuer);
    let now = app.clock.now();
    let keys = provider.keys.load(now, KEYS, fetch_keys(app, metadata)).await.map_err(|error| unavailable(error, &metadata.issuer))?;
    match id_token::check(tokens.id_token.expose(), expected, &keys) {
        Err(IdTokenError::Token(JwtError::UnknownKey)) => match provider.keys.newer_than(&keys, now, fetch_keys(app, metadata)).await {
            Some(newer) => Ok(id_token::check(tokens.id_token.expose(), expected, &newer)?),
            None => Err(IdTokenError::Token(JwtError::UnknownKey).into()),
        },
        checked => Ok(checked?),
    }
}

async fn fetch_keys(app: &App, metadata: &ProviderMetadata) -> Result<JwkSet, LoginError> {
    Ok(JwkSet::parse(&get(app, metadata.jwks_uri.clone(), "for its keys").await?.body)?)
}

async fn redeem(app: &App, metadata: &ProviderMetadata, exchange: &CodeExchange<'_>) -> Result<TokenResponse, LoginError> {
    let request = token::token_request(metadata, exchange);
    let mut fetch = FetchRequest::post(metadata.token_endpoint.clone(), Bytes::from(request.body.expose().clone()));
    fetch.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    fetch.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(authorization) = &request.authorization {
        fetch.headers.insert(AUTHORIZATION, sensitive(authorization)?);
    }
    let answer = app.outbound.fetch(fetch).await?;
    Ok(token::parse_token_response(answer.status.as_u16(), &answer.body)?)
}

/// The ID token's claims, completed by userinfo where they say nothing about groups.
async fn identify(
    app: &App,
    idp: &IdentityProvider,
    settings: &OidcIdp,
    metadata: &ProviderMetadata,
    tokens: &TokenResponse,
    id_token: IdTokenClaims,
) -> Result<VerifiedIdentity, LoginError> {
    let mut claims = id_token.claims;
    let mut found = groups(&claims, &settings.groups_claim)?;
    if found.is_none()
        && let Some(endpoint) = &metadata.userinfo_endpoint
    {
        let more = userinfo(app, endpoint.clone(), &tokens.access_token, &id_token.subject).await?;
        found = groups(&more, &settings.groups_claim)?;
        complete(&mut claims, more);
    }
    let text = |claim: &str| text(&claims, claim);
    Ok(VerifiedIdentity {
        idp: idp.id.clone(),
        issuer: settings.issuer.to_string(),
        subject: id_token.subject.clone(),
        username: text(&settings.username_claim),
        email: text(&settings.email_claim),
        display_name: text(&settings.name_claim),
        groups: found.unwrap_or_default(),
        authn_instant: id_token.auth_time.unwrap_or_else(|| app.clock.now()),
        must_be_fresh: false,
        acr: id_token.acr,
        idp_session: IdpSession { sid: id_token.sid, id_token_hint: Some(tokens.id_token.expose().clone()), ..IdpSession::default() },
        ends_at: None,
    })
}

async fn userinfo(app: &App, endpoint: url::Url, access_token: &Secret<String>, subject: &str) -> Result<Map<String, Value>, LoginError> {
    let mut fetch = FetchRequest::get(endpoint);
    fetch.headers.insert(AUTHORIZATION, sensitive(&Secret::new(format!("Bearer {}", access_token.expose())))?);
    fetch.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = app.outbound.fetch(fetch).await?;
    Ok(parse_userinfo(answer.status.as_u16(), &answer.body, subject)?)
}

/// A document by GET, status 200 only; redirects are not followed.
async fn get(app: &App, url: url::Url, what: &'static str) -> Result<Fetched, LoginError> {
    let mut fetch = FetchRequest::get(url);
    fetch.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = app.outbound.fetch(fetch).await?;
    if answer.status == http::StatusCode::OK {
        Ok(answer)
    } else {
        Err(LoginError::UnexpectedStatus { what, status: answer.status.as_u16() })
    }
}

fn sensitive(value: &Secret<String>) -> Result<HeaderValue, LoginError> {
    let mut value = HeaderValue::from_str(value.expose())
        .map_err(|_| LoginError::UnexpectedStatus { what: "with a token that no header can carry", status: 200 })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The claim that an IdP may take back: a person who types in somebody else's address gets nobody's roles.
const EMAIL: &str = "email";
/// The statements about it: OpenID Connect Core section 5.1, and Microsoft Entra ID's word for the same.
const EMAIL_STATEMENTS: [&str; 2] = ["email_verified", "xms_edov"];

/// A claim that is a non-empty string; every other shape is as good as none, for names are only shown and matched. So is an
/// e-mail address of which the IdP says that nobody has verified it, whichever of our settings asks for it.
fn text(claims: &Map<String, Value>, claim: &str) -> Option<String> {
    let denied =
        |marker: &str| claims.get(marker).is_some_and(|value| *value != Value::Bool(true) && value != "true" && value != "1" && value != 1);
    if claim == EMAIL && EMAIL_STATEMENTS.into_iter().any(denied) {
        return None;
    }
    claims.get(claim).and_then(Value::as_str).filter(|value| !value.is_empty()).map(str::to_owned)
}

/// Adds what userinfo says; what the signed token says stands.
fn complete(claims: &mut Map<String, Value>, userinfo: Map<String, Value>) {
    if !claims.contains_key(EMAIL) {
        // A statement about an address goes with that address.
        claims.retain(|name, _| !EMAIL_STATEMENTS.contains(&name.as_str()));
    }
    for (name, value) in userinfo {
        claims.entry(name).or_insert(value);
    }
}

fn seconds_since(earlier: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_second().saturating_sub(earlier.as_second())).unwrap_or_default()
}

fn unavailable(error: Unavailable, issuer: &IssuerUrl) -> LoginError {
    match error {
        Unavailable::Failed(error) => error,
        Unavailable::Recently(detail) => LoginError::MetadataUnavailable { idp: issuer.to_string(), detail },
    }
}
