//! `POST /oauth/register`: a client that nobody knows introduces itself (RFC 7591).

use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use oauth::Secret;
use oauth::server::registration::{AuthMethod, ClientMetadata, RegistrationResponse, parse};
use store::{ClientId, NewClient, StoreError};

use super::authorize::has_media_type;
use super::clients::REGISTRATION_LIFETIME;
use super::error::Error;
use super::{record, reply};
use crate::app::{App, SharedApp};
use crate::audit::{Client, Event, Kind};
use crate::request_id::{RequestContext, network};

const JSON: &str = "application/json";
/// How many clients one network (of IPv6: a /64) may register in an hour: far above what people do, far below what fills a disk.
const PER_NETWORK_AND_HOUR: u64 = 120;
/// How many registrations there may be in all.
const IN_ALL: u64 = 200_000;

/// Registers a client.
pub async fn post(
    State(app): State<SharedApp>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match register(&app, &context, &headers, &body).await {
        Ok(response) => response,
        Err(error) => {
            let event = Event::of(Kind::Refused, &context, app.clock.now()).with_detail("endpoint", "register");
            let error = record::refusal(&app, event, error).await;
            reply::error_json(&error, &context)
        }
    }
}

async fn register(app: &App, context: &RequestContext, headers: &HeaderMap, body: &[u8]) -> Result<Response, Error> {
    let now = app.clock.now();
    let config = app.runtime.load().config.clone();
    if !config.registration.dynamic {
        return Err(Error::RegistrationDisabled);
    }
    if !has_media_type(headers, JSON) {
        return Err(Error::ContentType(JSON));
    }
    let metadata = parse(body, &config.registration.allowed_redirect_hosts).map_err(Error::Registration)?;
    let network = network(context.peer.ip()).to_string();
    check_quota(app, &network, now).await?;

    let id = ClientId::generate();
    let secret = match metadata.token_endpoint_auth_method {
        AuthMethod::None => None,
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => Some(app.random.token()?),
    };
    let new = new_client(&id, &metadata, secret.as_ref(), network, now)?;
    app.store.insert_client(&new, now).await?;

    let mut event = Event::of(Kind::ClientRegistered, context, now);
    event.client = Some(Client { id: id.to_string(), name: Some(new.name.clone()) });
    event.status = Some(StatusCode::CREATED.as_u16());
    record::durable(app, event.with_detail("redirect_uris", new.redirect_uris.join(" "))).await?;
    let response = RegistrationResponse {
        client_id: id.as_str(),
        client_id_issued_at: now.as_second(),
        client_secret: secret.as_ref().map(|secret| secret.expose().as_str()),
        client_secret_expires_at: secret.as_ref().map(|_| 0),
        metadata: &metadata,
    };
    Ok(reply::json(StatusCode::CREATED, &response))
}

async fn check_quota(app: &App, network: &str, now: Timestamp) -> Result<(), Error> {
    let hour_ago = now.checked_sub(Duration::from_hours(1)).unwrap_or(now);
    let recent = app.store.clients_registered_since(network, hour_ago).await?;
    if recent >= PER_NETWORK_AND_HOUR || app.store.count_clients().await? >= IN_ALL { Err(Error::RegistrationQuota) } else { Ok(()) }
}

fn new_client(
    id: &ClientId,
    metadata: &ClientMetadata,
    secret: Option<&Secret<String>>,
    network: String,
    now: Timestamp,
) -> Result<NewClient, Error> {
    let auth_method = match metadata.token_endpoint_auth_method {
        AuthMethod::None => "none",
        AuthMethod::ClientSecretBasic => "client_secret_basic",
        AuthMethod::ClientSecretPost => "client_secret_post",
    };
    Ok(NewClient {
        id: id.clone(),
        name: metadata.client_name.clone().unwrap_or_else(|| "an application without a name".to_owned()),
        redirect_uris: metadata.redirect_uris.iter().map(ToString::to_string).collect(),
        auth_method: auth_method.to_owned(),
        secret_hash: secret.map(|secret| store::sha256(secret.expose().as_bytes())),
        metadata: serde_json::to_value(metadata).map_err(|_| StoreError::Corrupt { what: "client metadata that is not JSON" })?,
        registered_from: Some(network),
        expires_at: now.checked_add(REGISTRATION_LIFETIME).ok(),
    })
}
