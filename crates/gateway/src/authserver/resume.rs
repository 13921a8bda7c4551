//! `GET /oauth/resume?req=…`: the person is known, or refused; the client gets its answer.
//!
//! The hand-over from `login` is the stored request alone. Everything that may have changed since it was checked is
//! checked again: the client, its redirect URI, the upstream, the person.

use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use oauth::server::authorize::{AuthorizationParams, ReplyTarget};
use oauth::server::parameters::Parameters;
use store::{
    Advanced, AuthorizationRequest, AuthorizationRequestId, BrowserSession, ClientId, Loaded, NewCode, NewGrant, Purpose, Stage,
    StepUpDemand, StoreError, User, UserId,
};

use super::clients;
use super::error::Error;
use super::{issue, record, reply};
use crate::app::{App, SharedApp};
use crate::audit::{Client, Kind};
use crate::config::{Config, Upstream};
use crate::cookies::{self, Cookie};
use crate::request_id::RequestContext;
use crate::step_up::{self, Strength};

/// Answers the client whose request this is.
pub async fn get(
    State(app): State<SharedApp>,
    Extension(context): Extension<RequestContext>,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if method != Method::GET {
        // The router gives HEAD to the handlers of GET; a browser that only looks ahead must not use the sign-in up.
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let mut known = Known::default();
    match resume(&app, &headers, query.unwrap_or_default().as_bytes(), &mut known).await {
        Ok(response) => response,
        Err(error) => refuse(&app, &context, known, error).await,
    }
}

/// What is known of a request when it is refused.
#[derive(Default)]
struct Known {
    id: Option<AuthorizationRequestId>,
    params: Option<AuthorizationParams>,
    target: Option<ReplyTarget>,
    user: Option<User>,
}

async fn resume(app: &App, headers: &HeaderMap, query: &[u8], known: &mut Known) -> Result<Response, Error> {
    let now = app.clock.now();
    let config = app.runtime.load().config.clone();
    let request = load(app, &config, headers, query, now).await?;
    known.id = Some(request.id);
    let params = params_of(&request)?;
    let params = known.params.insert(params);

    // The redirect URI again, at its use: the registration may have ended meanwhile.
    let client = clients::find(app, &config, &params.client_id, now).await?.ok_or(Error::ClientUnknown)?;
    if !client.redirect_uris.iter().any(|own| own.allows(&params.redirect_uri)) {
        return Err(Error::ClientUnknown);
    }
    let target = known.target.insert(ReplyTarget::of(params));

    match &request.stage {
        Stage::SignedIn { user, session, .. } => {
            let person = app.store.user(*user).await?.ok_or(Error::PersonDisabled)?;
            let person = known.user.insert(person);
            let upstream = check_person(&config, params, person)?;
            let session = app.store.browser_session(*session).await?.ok_or(Error::GrantEnded)?;
            issue::require_idp_session(&session.sign_in(), now)?;
            if !is_strong_enough(app, upstream, params, *user, &session, now).await? {
                // The hub knows what to do about it; who came here past it goes there now.
                return Ok(reply::redirect(&format!("/login?req={}", request.id), []));
            }
            complete(app, &request, now).await?;
            let code = code(app, &config, params, *user, &session, now).await?;
            let clear = Cookie::Transaction(request.id).clear(&config.public_url);
            Ok(reply::redirect(&target.success(code.expose(), config.public_url.issuer()), [clear]))
        }
        Stage::Denied { code } => Err(Error::Denied(code.clone())),
        Stage::Completed => Err(Error::RequestCompleted),
        Stage::Consent | Stage::ChooseIdp | Stage::SignIn(_) => Err(Error::RequestNotReady),
    }
}

/// The stored request, if this browser began it.
async fn load(app: &App, config: &Config, headers: &HeaderMap, query: &[u8], now: Timestamp) -> Result<AuthorizationRequest, Error> {
    let parameters = Parameters::parse(query).map_err(Error::Parameters)?;
    let id: AuthorizationRequestId = parameters.get("req").and_then(|id| id.parse().ok()).ok_or(Error::RequestUnknown)?;
    let cookie = Cookie::Transaction(id).token(&config.public_url, headers).ok_or(Error::WrongBrowser)?;
    match app.store.load_authorization_request(id, &cookies::hash(&cookie), now).await? {
        Loaded::Found(request) => Ok(*request),
        Loaded::Unknown => Err(Error::RequestUnknown),
        Loaded::WrongBrowser => Err(Error::WrongBrowser),
        Loaded::Expired => Err(Error::RequestExpired),
    }
}

fn params_of(request: &AuthorizationRequest) -> Result<AuthorizationParams, Error> {
    match &request.purpose {
        Purpose::ClientAuthorization => {
            Ok(request.params()?.ok_or(StoreError::Corrupt { what: "a client's authorization request without parameters" })?)
        }
        Purpose::BrowserSignIn { .. } | Purpose::SignInTest { .. } => Err(Error::RequestUnknown),
    }
}

/// The person may still come in, and by this identity provider to this upstream.
fn check_person<'c>(config: &'c Config, params: &AuthorizationParams, person: &User) -> Result<&'c Upstream, Error> {
    if person.disabled_at.is_some() {
        return Err(Error::PersonDisabled);
    }
    let upstream = config.upstreams.get(params.upstream.as_str()).filter(|upstream| upstream.resource == params.resource);
    let upstream = upstream.ok_or(Error::UpstreamGone)?;
    if upstream.identity_providers.contains(person.idp.as_str()) { Ok(upstream) } else { Err(Error::IdpRefused) }
}

/// Whether the sign-in is good enough for the upstream, and for what a call of this client was refused for. If it is, that is settled.
async fn is_strong_enough(
    app: &App,
    upstream: &Upstream,
    params: &AuthorizationParams,
    user: UserId,
    session: &BrowserSession,
    now: Timestamp,
) -> Result<bool, Error> {
    let client = ClientId::parse(&params.client_id).map_err(|_| Error::ClientUnknown)?;
    let (requirement, is_demanded) = step_up::for_sign_in(&app.store, upstream, &client, user, now).await?;
    let strength = Strength { acr: session.acr.as_deref(), authn_instant: Some(session.authn_instant) };
    if requirement.unmet(&strength, now).is_some() {
        return Ok(false);
    }
    if is_demanded {
        app.store.settle_step_up(&StepUpDemand { user, client: &client, upstream: upstream.id.as_str() }).await?;
    }
    Ok(true)
}

/// Of two browsers tabs that come here at once, one gets the code.
async fn complete(app: &App, request: &AuthorizationRequest, now: Timestamp) -> Result<(), Error> {
    match app.store.advance(request.id, request.version, &Stage::Completed, now).await? {
        Advanced::Moved { .. } => Ok(()),
        Advanced::Lost => Err(Error::RequestCompleted),
    }
}

async fn code(
    app: &App,
    config: &Config,
    params: &AuthorizationParams,
    user: UserId,
    session: &BrowserSession,
    now: Timestamp,
) -> Result<oauth::Secret<String>, Error> {
    let code = app.random.token()?;
    let client = ClientId::parse(&params.client_id).map_err(|_| Error::ClientUnknown)?;
    let new = NewCode {
        hash: store::sha256(code.expose().as_bytes()),
        grant: NewGrant {
            client,
            user,
            session: Some(session.id),
            upstream: params.upstream.clone(),
            resource: params.resource.to_string(),
            scopes: params.scopes.iter().map(ToString::to_string).collect(),
            sign_in: session.sign_in(),
        },
        redirect_uri: params.redirect_uri.to_string(),
        code_challenge: params.code_challenge.as_str().to_owned(),
        expires_at: now.checked_add(config.tokens.code).unwrap_or(now),
    };
    app.store.insert_code(&new, now).await?;
    Ok(code)
}

/// Records the refusal; tells the client where the person or the administrator refused, else shows a page.
async fn refuse(app: &App, context: &RequestContext, known: Known, error: Error) -> Response {
    let mut event = record::event(app, Kind::Refused, context, None);
    event.client = known.params.as_ref().map(|params| Client { id: params.client_id.clone(), name: None });
    event.upstream = known.params.as_ref().map(|params| params.upstream.clone());
    if let Some(user) = &known.user {
        event = event.with_user(user);
    }
    let error = record::refusal(app, event, error).await;
    let told = matches!(error, Error::Denied(_) | Error::PersonDisabled | Error::IdpRefused | Error::UpstreamGone);
    if let (true, Some(target), Some(id)) = (told, &known.target, known.id) {
        let config = app.runtime.load().config.clone();
        let description = format!("{} [{}, {}]", error.public_text(), error.code(), context.request_id);
        let clear = Cookie::Transaction(id).clear(&config.public_url);
        return reply::redirect(&target.error(error.answer().oauth_error, &description, config.public_url.issuer()), [clear]);
    }
    reply::error_page(&error, None, context)
}
