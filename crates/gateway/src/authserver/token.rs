//! `POST /oauth/token`: codes and refresh tokens become access tokens (RFC 6749 sections 4.1.3, 5 and 6).

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use oauth::Secret;
use oauth::pkce::{CodeChallenge, PkceError};
use oauth::resource::{self, ResourceUri};
use oauth::scope::{self, ScopeSet};
use oauth::server::parameters::Parameters;
use oauth::server::token::{ClientCredentials, TokenRequest, TokenRequestError, TokenResponse};
use store::{
    Grant, GrantId, LiveGrant, NewRefreshToken, RedeemedCode, Redemption, RevokeReason, Rotation, RotationRequest, StoreError, UserId,
};

use super::authorize::{FORM, has_media_type};
use super::clients::{self, KnownClient};
use super::error::Error;
use super::issue::{self, IssuedToken};
use super::{record, reply};
use crate::app::{App, SharedApp};
use crate::audit::{Event, Kind};
use crate::config::Config;
use crate::idp_session;
use crate::request_id::RequestContext;
use crate::step_up::{self, Strength};

/// Redeems a code or a refresh token.
pub async fn post(
    State(app): State<SharedApp>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let mut known = Known::default();
    match exchange(&app, &context, &headers, query.as_deref(), &body, &mut known).await {
        Ok(response) => response,
        Err(error) => refuse(&app, &context, known, error).await,
    }
}

/// What is known of a request when it is refused.
#[derive(Default)]
struct Known {
    client: Option<KnownClient>,
    subject: Subject,
}

/// Whose code or refresh token it was, live or not: a refusal names them.
#[derive(Default)]
struct Subject {
    user: Option<UserId>,
    grant: Option<GrantId>,
    upstream: Option<String>,
}

/// One request that has been read and whose client is proven.
struct Exchange<'a> {
    app: &'a SharedApp,
    context: &'a RequestContext,
    config: &'a Config,
    client: &'a KnownClient,
    now: Timestamp,
}

async fn exchange(
    app: &SharedApp,
    context: &RequestContext,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &[u8],
    known: &mut Known,
) -> Result<Response, Error> {
    let now = app.clock.now();
    let config = app.runtime.load().config.clone();
    let parameters = read_form(headers, query, body)?;
    let credentials = read_credentials(headers, &parameters)?;
    let client = clients::authenticate(app, &config, &credentials, now).await?;
    known.client = Some(client);
    let Known { client: Some(client), subject } = known else { return Err(Error::ClientUnknown) };
    let request = TokenRequest::parse(&parameters).map_err(Error::TokenRequest)?;
    // Else a code or refresh token is used up for a token that may not leave, and its retry looks like a theft.
    app.audit.require_writable()?;
    let exchange = Exchange { app, context, config: &config, client, now };
    match &request {
        TokenRequest::AuthorizationCode { code, redirect_uri, code_verifier, resource } => {
            // A thief without the verifier does not even use the code up.
            let verifier = code_verifier.as_ref().ok_or(Error::Verifier(PkceError::VerifierMissing))?;
            let presented = PresentedCode { code, redirect_uri: redirect_uri.as_deref(), verifier, resource: resource.as_deref() };
            exchange.redeem(&presented, subject).await
        }
        TokenRequest::RefreshToken { refresh_token, scope, resource } => {
            exchange.refresh(refresh_token, scope.as_deref(), resource.as_deref(), subject).await
        }
    }
}

/// The form of a request; parameters in the query, where they would be logged, are refused.
pub(super) fn read_form(headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Result<Parameters, Error> {
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(Error::QueryRefused);
    }
    if !has_media_type(headers, FORM) {
        return Err(Error::ContentType(FORM));
    }
    Parameters::parse(body).map_err(Error::Parameters)
}

/// The client's credentials, from exactly one `Authorization` header or from the form.
pub(super) fn read_credentials(headers: &HeaderMap, parameters: &Parameters) -> Result<ClientCredentials, Error> {
    let malformed = || Error::TokenRequest(TokenRequestError::AuthorizationMalformed);
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    let authorization = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.to_str().map_err(|_| malformed())?),
        (Some(_), Some(_)) => return Err(malformed()),
    };
    ClientCredentials::parse(authorization, parameters).map_err(Error::TokenRequest)
}

/// What comes with a code.
struct PresentedCode<'a> {
    code: &'a Secret<String>,
    redirect_uri: Option<&'a str>,
    verifier: &'a Secret<String>,
    resource: Option<&'a str>,
}

impl Exchange<'_> {
    /// RFC 6749 section 4.1.3. The code is used up first, by one statement; whoever then fails a check voids its grant.
    async fn redeem(&self, presented: &PresentedCode<'_>, subject: &mut Subject) -> Result<Response, Error> {
        let hash = store::sha256(presented.code.expose().as_bytes());
        let redeemed = match self.app.store.redeem_code(&hash, self.now).await? {
            Redemption::Redeemed(redeemed) => redeemed,
            Redemption::Replayed { grant, user } => {
                *subject = Subject { user: Some(user), grant: Some(grant), upstream: None };
                return Err(Error::CodeReplayed);
            }
            Redemption::Ended { user } => {
                subject.user = Some(user);
                return Err(Error::GrantEnded);
            }
            Redemption::IdpSessionEnded { user, at } => {
                subject.user = Some(user);
                return Err(Error::IdpSessionEnded { at });
            }
            Redemption::Expired { user } => {
                subject.user = Some(user);
                return Err(Error::CodeExpired);
            }
            Redemption::Unknown => return Err(Error::CodeUnknown),
        };
        let granted = &redeemed.granted;
        *subject = Subject { user: Some(granted.user), grant: Some(redeemed.grant), upstream: Some(granted.upstream.clone()) };
        if let Err(error) = self.check_code(presented, &redeemed) {
            self.app.store.revoke_grant(redeemed.grant, RevokeReason::CodeMisused, self.now).await?;
            return Err(error);
        }
        let live = self.app.store.live_grant(redeemed.grant, self.now).await?.ok_or(Error::GrantEnded)?;
        let grant = &live.grant;
        self.check_upstream(grant)?;
        let scopes = issue::scopes(grant)?;
        let access = issue::access_token(self.app, self.config, grant, &scopes, self.now)?;
        let refresh = if self.client.may_refresh { Some(self.first_refresh_token(grant).await?) } else { None };
        clients::touch(self.app, self.client, self.now).await?;
        let event = self.event(Kind::TokenIssued, &live, &scopes, &access);
        record::durable(self.app, event).await?;
        Ok(token_reply(&access, refresh.as_ref(), &scopes))
    }

    fn check_code(&self, presented: &PresentedCode<'_>, redeemed: &RedeemedCode) -> Result<(), Error> {
        if redeemed.granted.client != self.client.id {
            return Err(Error::CodeOfOtherClient);
        }
        // OAuth 2.1 does without it; a client that sends it must send the same.
        if presented.redirect_uri.is_some_and(|uri| uri != redeemed.redirect_uri) {
            return Err(Error::CodeRedirectUriMismatch);
        }
        let challenge = CodeChallenge::try_from(redeemed.code_challenge.clone()).map_err(Error::Verifier)?;
        challenge.verify(Some(presented.verifier.expose())).map_err(Error::Verifier)?;
        self.check_resource(presented.resource, &redeemed.granted.resource)
    }

    /// RFC 6749 section 6. Scope and resource are checked before the token is used up, so a wrong request costs nothing.
    async fn refresh(
        &self,
        presented: &Secret<String>,
        scope: Option<&str>,
        resource: Option<&str>,
        subject: &mut Subject,
    ) -> Result<Response, Error> {
        if !self.client.may_refresh {
            return Err(Error::RefreshNotRegistered);
        }
        let grant = self.app.store.refresh_token_grant(presented, &self.client.id).await?.ok_or(Error::RefreshTokenUnknown)?;
        *subject = Subject { user: Some(grant.user), grant: Some(grant.id), upstream: Some(grant.upstream.clone()) };
        self.check_upstream(&grant)?;
        self.check_resource(resource, &grant.resource)?;
        self.check_sign_in(&grant).await?;
        let scopes = scope::narrowed(scope, &issue::scopes(&grant)?).map_err(Error::Scope)?;
        if grant.revoked_at.is_none() {
            issue::require_idp_session(&grant.sign_in, self.now)?;
        }
        let lifetime = issue::refresh_lifetime_left(self.config, self.client, &grant, self.now).ok_or(Error::RefreshTokenExpired)?;
        if grant.revoked_at.is_none() {
            // Before the client's token is used up: a refusal that says "later" must leave it good.
            idp_session::look(self.app, self.context, &grant).await?;
        }
        let request = RotationRequest { presented, client: &self.client.id, lifetime, grace: self.config.tokens.refresh_grace };
        let (successor, grace) = match self.app.store.rotate_refresh_token(&request, self.now).await? {
            Rotation::Rotated { successor, .. } => (successor, false),
            Rotation::WithinGrace { successor, .. } => (successor, true),
            Rotation::Reused { .. } => return Err(Error::RefreshTokenReused),
            Rotation::Revoked { .. } => return Err(Error::GrantEnded),
            Rotation::IdpSessionEnded { at, .. } => return Err(Error::IdpSessionEnded { at }),
            // The family is not at its end yet, so this one was not used in time.
            Rotation::Expired { .. } if self.config.tokens.refresh_idle.is_some() => return Err(Error::RefreshTokenIdle),
            Rotation::Expired { .. } => return Err(Error::RefreshTokenExpired),
            Rotation::Unknown => return Err(Error::RefreshTokenUnknown),
        };
        // After the rotation, so that the token is for what is in force now.
        let live = self.app.store.live_grant(grant.id, self.now).await?.ok_or(Error::GrantEnded)?;
        let access = issue::access_token(self.app, self.config, &live.grant, &scopes, self.now)?;
        clients::touch(self.app, self.client, self.now).await?;
        let mut event = self.event(Kind::TokenRefreshed, &live, &scopes, &access);
        if grace {
            event.detail.insert("within_grace".to_owned(), "true".to_owned());
        }
        record::durable(self.app, event).await?;
        Ok(token_reply(&access, Some(&successor), &scopes))
    }

    async fn first_refresh_token(&self, grant: &Grant) -> Result<Secret<String>, Error> {
        let token = self.app.random.token()?;
        let lifetime = issue::refresh_lifetime_left(self.config, self.client, grant, self.now).ok_or(Error::RefreshTokenExpired)?;
        let expires_at = issue::no_later(self.now.checked_add(lifetime).unwrap_or(self.now), grant);
        self.app.store.insert_refresh_token(&NewRefreshToken { token: &token, grant: grant.id, expires_at }, self.now).await?;
        Ok(token)
    }

    /// A grant outlives neither its upstream nor the address it was made for.
    fn check_upstream(&self, grant: &Grant) -> Result<(), Error> {
        let same = self.config.upstreams.get(grant.upstream.as_str()).is_some_and(|upstream| upstream.resource.as_str() == grant.resource);
        if same { Ok(()) } else { Err(Error::UpstreamGone) }
    }

    /// Where a call has just needed a better sign-in, a token that rests on the old one would be refused again: the client has to
    /// begin a sign-in, which this answer makes it do. Checked before the token is used up.
    async fn check_sign_in(&self, grant: &Grant) -> Result<(), Error> {
        let upstream = self.config.upstreams.get(grant.upstream.as_str()).ok_or(Error::UpstreamGone)?;
        let (requirement, is_demanded) = step_up::for_sign_in(&self.app.store, upstream, &grant.client, grant.user, self.now).await?;
        let strength = Strength { acr: grant.sign_in.acr.as_deref(), authn_instant: grant.sign_in.authn_instant };
        if is_demanded && requirement.unmet(&strength, self.now).is_some() { Err(Error::StepUpRequired) } else { Ok(()) }
    }

    /// RFC 8707 section 2.2: a `resource` here must mean the grant's.
    fn check_resource(&self, requested: Option<&str>, granted: &str) -> Result<(), Error> {
        let Some(requested) = requested else { return Ok(()) };
        let granted = ResourceUri::parse(granted).map_err(|_| StoreError::Corrupt { what: "a grant's malformed resource" })?;
        resource::means(requested, &granted, &clients::protected_resources(self.config)).map_err(Error::Resource)
    }

    fn event(&self, kind: Kind, live: &LiveGrant, scopes: &ScopeSet, access: &IssuedToken) -> Event {
        let mut event = record::event(self.app, kind, self.context, Some(self.client)).with_user(&live.user);
        event.upstream = Some(live.grant.upstream.clone());
        event.grant = Some(live.grant.id.to_string());
        event.status = Some(StatusCode::OK.as_u16());
        if let Some(end) = live.grant.sign_in.ends_at {
            event = event.with_detail("idp_session_ends", end.to_string());
        }
        event.with_detail("scope", scopes.to_string()).with_detail("token_id", access.id.clone())
    }
}

fn token_reply(access: &IssuedToken, refresh: Option<&Secret<String>>, scopes: &ScopeSet) -> Response {
    let body = TokenResponse {
        access_token: access.text.expose(),
        token_type: "Bearer",
        expires_in: access.expires_in,
        refresh_token: refresh.map(|token| token.expose().as_str()),
        scope: scopes.to_string(),
    };
    reply::json(StatusCode::OK, &body)
}

async fn refuse(app: &App, context: &RequestContext, known: Known, error: Error) -> Response {
    let mut event = record::event(app, Kind::TokenRefused, context, known.client.as_ref());
    event.grant = known.subject.grant.map(|grant| grant.to_string());
    event.upstream = known.subject.upstream;
    if let Some(user) = known.subject.user {
        event = record::with_person(app, event, user).await;
    }
    let error = record::refusal(app, event, error).await;
    reply::error_json(&error, context)
}
