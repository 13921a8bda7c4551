//! The one route table.
//!
//! `/{upstream}/mcp`, and any path on an upstream's own host name, goes to the proxy, never through axum; everything else is
//! in [`router`]. A path that is in neither table is 404 before anything else is looked at.

use axum::Router;
use axum::routing::{get, post};
use http::Request;

use crate::app::SharedApp;
use crate::authserver::{self, authorize, metadata, register, resume, revoke, token};
use crate::config::{Config, UpstreamId};
use crate::login;
use crate::unrouted;

/// Everything but the proxy.
pub fn router(app: SharedApp) -> Router {
    Router::new()
        .merge(discovery())
        .merge(oauth())
        .route("/", get(login::home))
        .route("/login", get(login::hub))
        .route("/login/start", get(login::start))
        .route("/login/consent", post(login::consent))
        .route("/login/idp", get(login::hub).post(login::choose_idp))
        .route("/login/saml/{idp}/acs", post(login::saml_acs))
        .route("/login/oidc/{idp}/callback", get(login::oidc_callback))
        .route("/logout", get(login::ask_sign_out).post(login::sign_out))
        .route("/saml/metadata", get(login::sp_metadata))
        .route("/saml/{idp}/metadata", get(login::sp_metadata_for))
        .fallback(unrouted::path)
        .method_not_allowed_fallback(unrouted::method)
        .with_state(app)
}

/// The documents that clients find everything from.
fn discovery() -> Router<SharedApp> {
    Router::new()
        .route("/.well-known/oauth-authorization-server", get(metadata::authorization_server).options(authserver::preflight))
        .route("/.well-known/oauth-authorization-server/{*rest}", get(metadata::authorization_server_of).options(authserver::preflight))
        .route("/.well-known/openid-configuration", get(metadata::authorization_server).options(authserver::preflight))
        .route("/.well-known/openid-configuration/{*rest}", get(metadata::authorization_server_of).options(authserver::preflight))
        .route("/{upstream}/mcp/.well-known/openid-configuration", get(metadata::authorization_server_of).options(authserver::preflight))
        .route("/.well-known/oauth-protected-resource", get(metadata::protected_resource).options(authserver::preflight))
        .route("/.well-known/oauth-protected-resource/{*rest}", get(metadata::protected_resource_of).options(authserver::preflight))
        .route("/.well-known/doorward/jwks.json", get(metadata::upstream_jwks))
}

/// The authorization server. The short paths are where clients of 2025-03-26 look without asking for metadata.
fn oauth() -> Router<SharedApp> {
    Router::new()
        .route("/oauth/authorize", get(authorize::get).post(authorize::post))
        .route("/authorize", get(authorize::get).post(authorize::post))
        .route("/oauth/token", post(token::post).options(authserver::preflight))
        .route("/token", post(token::post).options(authserver::preflight))
        .route("/oauth/register", post(register::post).options(authserver::preflight))
        .route("/register", post(register::post).options(authserver::preflight))
        .route("/oauth/revoke", post(revoke::post).options(authserver::preflight))
        .route("/oauth/resume", get(resume::get))
        .route("/oauth/jwks.json", get(metadata::jwks).options(authserver::preflight))
}

/// Which upstream a request is for: by its own host name, else by the first segment of `/{upstream}/mcp`.
pub fn upstream_of<B>(config: &Config, request: &Request<B>) -> Option<UpstreamId> {
    let path = request.uri().path();
    if let Some(host) = host_of(request)
        && let Some(upstream) = config.upstreams.values().find(|upstream| upstream.host.as_deref() == Some(host.as_str()))
    {
        return (path == "/mcp").then(|| upstream.id.clone());
    }
    let (first, rest) = path.strip_prefix('/')?.split_once('/')?;
    if rest != "mcp" {
        return None;
    }
    config.upstreams.values().find(|upstream| upstream.host.is_none() && upstream.id.as_str() == first).map(|upstream| upstream.id.clone())
}

/// The host that the client addressed, lower case, without port. The edge has checked that there is exactly one.
fn host_of<B>(request: &Request<B>) -> Option<String> {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let host = authority.or_else(|| request.headers().get(http::header::HOST).and_then(|value| value.to_str().ok()))?;
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(name, _)| name);
    Some(name.to_ascii_lowercase())
}
