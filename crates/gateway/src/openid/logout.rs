//! The logout token, checked with the provider's keys.

use oauth::client::logout_token::{self, Expected, LogoutToken, LogoutTokenError};
use oauth::jwt::JwtError;

use super::error::OpenIdError;
use super::{LEEWAY, documents};
use crate::app::App;
use crate::config::OidcIdp;

/// Checks a logout token of this provider; if no key fits, once more with keys fetched anew, at most every half minute.
pub(crate) async fn check_logout_token(app: &App, settings: &OidcIdp, token: &str) -> Result<LogoutToken, OpenIdError> {
    let metadata = documents::metadata(app, settings).await?;
    let expected = Expected {
        issuers: &metadata.token_issuers,
        client_id: &settings.client_id,
        algorithms: &metadata.id_token_algorithms,
        now: app.clock.now(),
        leeway: LEEWAY,
    };
    let keys = documents::keys(app, &metadata).await?;
    match logout_token::check(token, &expected, &keys) {
        Err(LogoutTokenError::Token(JwtError::UnknownKey)) => match documents::keys_newer_than(app, &metadata, &keys).await {
            Some(newer) => Ok(logout_token::check(token, &expected, &newer)?),
            None => Err(LogoutTokenError::Token(JwtError::UnknownKey).into()),
        },
        checked => Ok(checked?),
    }
}
