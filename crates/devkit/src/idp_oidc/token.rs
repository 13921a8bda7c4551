//! The token and userinfo endpoints: OpenID Connect Core 1.0 sections 3.1.3 and 5.3.

use aws_lc_rs::digest::{SHA256, digest};
use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use oauth::pkce::CodeChallenge;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::idp_oidc::logout::{Session, subject_of};
use crate::idp_oidc::{Agreed, Provider, SharedProvider};
use crate::{SECOND_FACTOR, random_token};

/// How long an ID token and an access token are valid.
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// A token request: RFC 6749 section 4.1.3.
#[derive(Deserialize)]
pub(super) struct Request {
    grant_type: String,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// Exchanges a code; a code works once, whatever comes of it.
pub(super) async fn token(State(provider): State<SharedProvider>, headers: HeaderMap, Form(request): Form<Request>) -> Response {
    let (client_id, client_secret) = match basic(&headers) {
        Some((id, secret)) => (Some(id), Some(secret)),
        None => (request.client_id.clone(), request.client_secret.clone()),
    };
    let settings = &provider.settings;
    if client_id.as_deref() != Some(&settings.client_id) || client_secret.as_deref() != Some(&settings.client_secret) {
        return failure(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    if request.grant_type != "authorization_code" {
        return failure(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let agreed = request.code.as_deref().and_then(|code| provider.lock().codes.remove(code));
    let Some(agreed) = agreed.filter(|agreed| fulfils(&provider, &request, agreed)) else {
        return failure(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    match issue(&provider, agreed) {
        Some(tokens) => no_store(axum::Json(tokens).into_response()),
        None => failure(StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    }
}

/// Whether the request keeps what was agreed: time, redirect URI and proof key.
fn fulfils(provider: &Provider, request: &Request, agreed: &Agreed) -> bool {
    let challenge = CodeChallenge::try_from(agreed.code_challenge.clone());
    provider.now() < agreed.expires_at
        && request.redirect_uri.as_deref() == Some(&agreed.redirect_uri)
        && challenge.is_ok_and(|challenge| challenge.verify(request.code_verifier.as_deref()).is_ok())
}

fn issue(provider: &Provider, mut agreed: Agreed) -> Option<Value> {
    let now = provider.now();
    agreed.expires_at = now.checked_add(TOKEN_LIFETIME).ok()?;
    let access_token = random_token::<32>().ok()?;
    let mut claims = claims_of(&agreed, provider.settings.groups_in_id_token);
    let hash = digest(&SHA256, access_token.as_bytes());
    let half = hash.as_ref().get(..16)?;
    claims.insert("iss".to_owned(), json!(provider.issuer));
    claims.insert("aud".to_owned(), json!(provider.settings.client_id));
    claims.insert("iat".to_owned(), json!(now.as_second()));
    claims.insert("exp".to_owned(), json!(agreed.expires_at.as_second()));
    claims.insert("auth_time".to_owned(), json!(agreed.auth_time.as_second()));
    claims.insert("acr".to_owned(), json!(if agreed.has_second_factor { SECOND_FACTOR } else { "urn:doorward:dev:no-password" }));
    let sid = random_token::<8>().ok()?;
    claims.insert("sid".to_owned(), json!(sid));
    claims.insert("at_hash".to_owned(), json!(URL_SAFE_NO_PAD.encode(half)));
    if let Some(nonce) = &agreed.nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    let id_token = oauth::jwt::sign(&provider.key, "JWT", &claims).ok()?;
    let scope = agreed.scope.clone();
    let session = Session { subject: subject_of(agreed.person.username), sid };
    let mut issued = provider.lock();
    issued.sessions.push(session);
    issued.access_tokens.insert(access_token.clone(), agreed);
    drop(issued);
    Some(json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFETIME.as_secs(),
        "scope": scope,
        "id_token": id_token,
    }))
}

/// The claims about the person that the scopes ask for: OpenID Connect Core 1.0 section 5.4.
fn claims_of(agreed: &Agreed, with_groups: bool) -> Map<String, Value> {
    let asked = |scope: &str| agreed.scope.split(' ').any(|asked| asked == scope);
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(subject_of(agreed.person.username)));
    if asked("profile") {
        claims.insert("name".to_owned(), json!(agreed.person.name));
        claims.insert("preferred_username".to_owned(), json!(agreed.person.username));
    }
    if asked("email") {
        claims.insert("email".to_owned(), json!(agreed.person.email));
        claims.insert("email_verified".to_owned(), json!(true));
    }
    if with_groups && asked("groups") {
        claims.insert("groups".to_owned(), json!(agreed.person.groups));
    }
    claims
}

/// The claims about the person of an access token.
pub(super) async fn userinfo(State(provider): State<SharedProvider>, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    let now = provider.now();
    let agreed = token.and_then(|token| provider.lock().access_tokens.get(token).cloned()).filter(|agreed| now < agreed.expires_at);
    match agreed {
        Some(agreed) => no_store(axum::Json(claims_of(&agreed, true)).into_response()),
        None => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")]).into_response(),
    }
}

/// RFC 6749 section 2.3.1: identifier and secret are form-encoded inside of Basic.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decode = |part: &str| form_urlencoded::parse(part.as_bytes()).next().map(|(text, _)| text.into_owned());
    Some((decode(id)?, decode(secret)?))
}

fn failure(status: StatusCode, error: &str) -> Response {
    no_store((status, axum::Json(json!({ "error": error }))).into_response())
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
