//! The code's exchange at the provider, and the check of the ID token that comes with it.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use oauth::Secret;
use oauth::client::discovery::ProviderMetadata;
use oauth::client::id_token::{self, Expected, IdTokenClaims, IdTokenError};
use oauth::client::token::{self, CodeExchange, TokenResponse};
use oauth::jwt::JwtError;

use super::documents;
use super::error::OpenIdError;
use crate::app::App;
use crate::outbound::FetchRequest;

/// Exchanges the code.
pub(crate) async fn redeem(app: &App, metadata: &ProviderMetadata, exchange: &CodeExchange<'_>) -> Result<TokenResponse, OpenIdError> {
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

/// Checks the ID token; if no key fits, once more with keys fetched anew.
pub(crate) async fn check_id_token(
    app: &App,
    metadata: &ProviderMetadata,
    tokens: &TokenResponse,
    expected: &Expected<'_>,
) -> Result<IdTokenClaims, OpenIdError> {
    let keys = documents::keys(app, metadata).await?;
    match id_token::check(tokens.id_token.expose(), expected, &keys) {
        Err(IdTokenError::Token(JwtError::UnknownKey)) => match documents::keys_newer_than(app, metadata, &keys).await {
            Some(newer) => Ok(id_token::check(tokens.id_token.expose(), expected, &newer)?),
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
