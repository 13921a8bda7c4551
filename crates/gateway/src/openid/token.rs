//! The token endpoint: what is exchanged, how Doorward proves who it is, and the check of the ID token that comes back.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use oauth::Secret;
use oauth::client::authentication::{Client, ClientAuth, assertion_algorithm};
use oauth::client::discovery::ProviderMetadata;
use oauth::client::id_token::{self, Expected, IdTokenClaims, IdTokenError};
use oauth::client::token::{self, Exchange, TokenResponse};
use oauth::jwks::JwkSet;
use oauth::jwt::{Alg, JwtError, SigningKey};

use super::documents;
use super::error::OpenIdError;
use crate::app::App;
use crate::config::OidcIdp;
use crate::keys::KeyUse;
use crate::outbound::FetchRequest;

/// Exchanges a code or a refresh token.
pub(crate) async fn exchange(
    app: &App,
    settings: &OidcIdp,
    metadata: &ProviderMetadata,
    exchange: Exchange<'_>,
) -> Result<TokenResponse, OpenIdError> {
    let method = ClientAuth::choose(settings.client_auth, settings.client_secret.is_some(), metadata)?;
    let key = own_key(app, method, metadata).await?;
    let assertion_id = app.random.token()?;
    let client = Client {
        id: &settings.client_id,
        method,
        secret: settings.client_secret.as_ref(),
        key: key.as_deref(),
        assertion_id: assertion_id.expose(),
        now: app.clock.now(),
    };
    let request = token::token_request(metadata, exchange, &client)?;
    let mut fetch = FetchRequest::post(metadata.token_endpoint.clone(), Bytes::from(request.body.expose().clone()));
    fetch.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    fetch.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(authorization) = &request.authorization {
        fetch.headers.insert(AUTHORIZATION, sensitive(authorization)?);
    }
    let answer = app.outbound.fetch(fetch).await?;
    Ok(token::parse_token_response(answer.status.as_u16(), &answer.body, method)?)
}

async fn own_key(app: &App, method: ClientAuth, metadata: &ProviderMetadata) -> Result<Option<Arc<SigningKey>>, OpenIdError> {
    if method != ClientAuth::PrivateKeyJwt {
        return Ok(None);
    }
    let usage = if assertion_algorithm(metadata)? == Alg::Es256 { KeyUse::ClientAssertion } else { KeyUse::ClientAssertionRsa };
    Ok(Some(app.keys.client_assertion_key(usage, app.clock.now()).await?))
}

/// The public keys of our assertions. Made now if there are none, so that the provider can be told before the first sign-in.
pub(crate) async fn own_keys(app: &App) -> Result<String, OpenIdError> {
    let mut keys = Vec::new();
    for usage in [KeyUse::ClientAssertion, KeyUse::ClientAssertionRsa] {
        app.keys.client_assertion_key(usage, app.clock.now()).await?;
        keys.extend(app.keys.jwks(usage).keys().iter().cloned());
    }
    Ok(JwkSet::new(keys).to_json())
}

/// Checks an ID token; if no key fits, once more with keys fetched anew.
pub(crate) async fn check_id_token(
    app: &App,
    metadata: &ProviderMetadata,
    token: &Secret<String>,
    expected: &Expected<'_>,
) -> Result<IdTokenClaims, OpenIdError> {
    let keys = documents::keys(app, metadata).await?;
    match id_token::check(token.expose(), expected, &keys) {
        Err(IdTokenError::Token(JwtError::UnknownKey)) => match documents::keys_newer_than(app, metadata, &keys).await {
            Some(newer) => Ok(id_token::check(token.expose(), expected, &newer)?),
            None => Err(IdTokenError::Token(JwtError::UnknownKey).into()),
        },
        checked => Ok(checked?),
    }
}

pub(super) fn sensitive(value: &Secret<String>) -> Result<HeaderValue, OpenIdError> {
    let mut value = HeaderValue::from_str(value.expose()).map_err(|_| OpenIdError::TokenUnsendable)?;
    value.set_sensitive(true);
    Ok(value)
}
