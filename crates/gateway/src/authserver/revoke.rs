//! `POST /oauth/revoke`: a client gives tokens back (RFC 7009).
//!
//! An access token cannot be taken back alone, so revoking either kind ends the grant and with it every token of it. A
//! token that is not known, not live or not this client's is answered like a revoked one: nobody learns what exists.

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use oauth::Secret;
use oauth::jwt::JwtError;
use oauth::server::access_token::AccessToken;
use oauth::server::token::RevocationRequest;
use serde_json::json;
use store::{GrantId, RevokeReason};

use super::clients::{self, KnownClient};
use super::error::Error;
use super::token::{read_credentials, read_form};
use super::{record, reply};
use crate::app::{App, SharedApp};
use crate::audit::Kind;
use crate::config::Config;
use crate::keys::KeyUse;
use crate::request_id::RequestContext;

/// Ends the grant of a token.
pub async fn post(
    State(app): State<SharedApp>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let mut known = None;
    match revoke(&app, &context, &headers, query.as_deref(), &body, &mut known).await {
        Ok(response) => response,
        Err(error) => {
            let event = record::event(&app, Kind::TokenRefused, &context, known.as_ref());
            let error = record::refusal(&app, event, error).await;
            reply::error_json(&error, &context)
        }
    }
}

async fn revoke(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &[u8],
    known: &mut Option<KnownClient>,
) -> Result<Response, Error> {
    let now = app.clock.now();
    let config = app.runtime.load().config.clone();
    let parameters = read_form(headers, query, body)?;
    let credentials = read_credentials(headers, &parameters)?;
    let client = known.insert(clients::authenticate(app, &config, &credentials, now).await?);
    let request = RevocationRequest::parse(&parameters).map_err(Error::TokenRequest)?;
    // Else the grant would be revoked, and the retry would find nothing left to record.
    app.audit.require_writable()?;
    if let Some(grant) = grant_of(app, &config, client, &request.token, now).await? {
        let user = app.store.live_grant(grant, now).await?.map(|live| (live.user, live.grant.upstream));
        if app.store.revoke_grant(grant, RevokeReason::Client, now).await? {
            let mut event = record::event(app, Kind::TokenRevoked, context, Some(client));
            event.grant = Some(grant.to_string());
            if let Some((user, upstream)) = user {
                event = event.with_user(&user);
                event.upstream = Some(upstream);
            }
            record::durable(app, event).await?;
        }
    }
    Ok(reply::json(StatusCode::OK, &json!({})))
}

/// The grant that a refresh or access token of this client belongs to.
async fn grant_of(
    app: &App,
    config: &Config,
    client: &KnownClient,
    token: &Secret<String>,
    now: Timestamp,
) -> Result<Option<GrantId>, Error> {
    if let Some(grant) = app.store.refresh_token_grant(token, &client.id).await? {
        return Ok(Some(grant.id));
    }
    let keys = app.keys.jwks(KeyUse::AccessToken);
    for resource in clients::protected_resources(config) {
        match AccessToken::verify(token.expose(), &keys, config.public_url.issuer(), &resource.uri, now) {
            Ok(access) if access.client_id == client.id.as_str() => return Ok(access.grant.parse().ok()),
            // Signed by us, for another upstream: ask for that one.
            Err(JwtError::AudienceMismatch(_)) => {}
            Ok(_) | Err(_) => return Ok(None),
        }
    }
    Ok(None)
}
