//! A development OpenID provider: authorization code with PKCE, ES256, four people, no passwords.
//!
//! Flow: `/authorize` checks the request and shows the sign-in page (or takes `login_hint`), `/sign-in` makes a code that
//! works once for a minute, `/token` exchanges it, `/userinfo` answers to the access token, `/end_session` signs out,
//! `/sign-out` does and tells the client behind the browser's back. Every sign-in is a fresh one.

mod authorize;
mod logout;
mod token;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use oauth::jwks::JwkSet;
use oauth::jwt::SigningKey;
use serde_json::json;
use tokio::net::TcpListener;

use crate::loopback::{self, Running, StartError};
use crate::people::Person;
use crate::{Clock, SECOND_FACTOR};

/// What the provider knows of the one client it serves.
#[derive(Clone)]
pub struct Settings {
    /// Where the time comes from.
    pub clock: Clock,
    /// The client's identifier.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// Where codes may be sent, byte for byte.
    pub redirect_uris: Vec<String>,
    /// Where a browser may be sent after sign-out, byte for byte.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where logout tokens go (Back-Channel Logout 1.0), if anywhere.
    pub backchannel_logout_uri: Option<url::Url>,
    /// Whether the ID token has the groups, or only userinfo.
    pub groups_in_id_token: bool,
}

/// What was agreed when a code or an access token was made.
#[derive(Clone)]
struct Agreed {
    person: Person,
    redirect_uri: String,
    code_challenge: String,
    nonce: Option<String>,
    scope: String,
    auth_time: Timestamp,
    has_second_factor: bool,
    expires_at: Timestamp,
}

/// The provider's memory.
#[derive(Default)]
struct Issued {
    codes: HashMap<String, Agreed>,
    access_tokens: HashMap<String, Agreed>,
    /// Sessions, oldest first.
    sessions: Vec<logout::Session>,
}

struct Provider {
    issuer: String,
    settings: Settings,
    key: SigningKey,
    issued: Mutex<Issued>,
}

type SharedProvider = Arc<Provider>;

impl Provider {
    fn lock(&self) -> MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        (self.settings.clock)()
    }
}

/// The issuer of a provider that listens there: the URL without the trailing slash.
pub fn issuer(listener: &TcpListener) -> Result<String, StartError> {
    Ok(loopback::url(listener)?.as_str().trim_end_matches('/').to_owned())
}

/// Starts the provider; it makes a new key at every start.
pub fn start(listener: TcpListener, settings: Settings) -> Result<Running, StartError> {
    let keys = |error: oauth::jwt::JwtError| StartError::Keys(error.to_string());
    let pkcs8 = SigningKey::generate_pkcs8().map_err(keys)?;
    let key = SigningKey::from_pkcs8(pkcs8.expose()).map_err(keys)?;
    let provider = Provider { issuer: issuer(&listener)?, settings, key, issued: Mutex::default() };
    Running::spawn(listener, router(Arc::new(provider)))
}

fn router(provider: SharedProvider) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(jwks))
        .route("/authorize", get(authorize::authorize))
        .route("/sign-in", post(authorize::sign_in))
        .route("/token", post(token::token))
        .route("/userinfo", get(token::userinfo).post(token::userinfo))
        .route("/end_session", get(logout::end_session))
        .route("/sign-out", get(logout::choose).post(logout::sign_out))
        .with_state(provider)
}

/// OpenID Connect Discovery 1.0 section 3.
async fn discovery(State(provider): State<SharedProvider>) -> Response {
    let issuer = &provider.issuer;
    axum::Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "end_session_endpoint": format!("{issuer}/end_session"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [provider.key.alg().name()],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": [SECOND_FACTOR],
        "scopes_supported": ["openid", "email", "profile", "groups"],
        "claims_supported": ["sub", "name", "email", "email_verified", "preferred_username", "groups", "auth_time", "acr"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    }))
    .into_response()
}

async fn jwks(State(provider): State<SharedProvider>) -> Response {
    let document = JwkSet::new(vec![provider.key.public_jwk()]).to_json();
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"))], document).into_response()
}

#[cfg(test)]
mod tests;
