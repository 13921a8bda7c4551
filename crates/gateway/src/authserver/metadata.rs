//! The discovery documents: RFC 8414, OpenID discovery, RFC 9728, and our key sets.
//!
//! Everything in them comes from the configuration; no header of the request changes a byte. The `Host` header only
//! chooses *which* upstream's document is meant where an upstream has a host name of its own.

use axum::extract::{Path, State};
use axum::response::Response;
use http::header::HOST;
use http::{HeaderMap, StatusCode, Uri};
use oauth::server::metadata::{AuthorizationServerMetadata, ProtectedResourceMetadata};
use serde_json::{Value, json};

use super::{clients, reply};
use crate::app::{App, SharedApp};
use crate::config::{Config, Upstream};
use crate::keys::KeyUse;

/// `/.well-known/oauth-authorization-server` and `/.well-known/openid-configuration`.
pub async fn authorization_server(State(app): State<SharedApp>) -> Response {
    let config = app.runtime.load().config.clone();
    reply::document(StatusCode::OK, &describe(&config))
}

/// The same document where a client inserted the upstream's path after the well-known prefix (RFC 8414 section 3.1), or
/// appended the well-known path to the upstream's. Paths that name no upstream are not found.
pub async fn authorization_server_of(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap, Path(rest): Path<String>) -> Response {
    let config = app.runtime.load().config.clone();
    let named = || config.upstreams.get(rest.as_str()); // `/{upstream}/mcp/.well-known/…` arrives with the id alone
    match find_upstream(&config, host(&uri, &headers).as_deref(), &rest).or_else(named) {
        Some(_) => reply::document(StatusCode::OK, &describe(&config)),
        None => not_found(),
    }
}

/// `/.well-known/oauth-protected-resource`: the upstream of this host name, or the only one.
pub async fn protected_resource(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    describe_resource(&app, host(&uri, &headers).as_deref(), "")
}

/// `/.well-known/oauth-protected-resource/{upstream}/mcp` (RFC 9728 section 3.1).
pub async fn protected_resource_of(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap, Path(rest): Path<String>) -> Response {
    describe_resource(&app, host(&uri, &headers).as_deref(), &rest)
}

/// `/oauth/jwks.json`: the keys of access tokens.
pub async fn jwks(State(app): State<SharedApp>) -> Response {
    keys(&app, KeyUse::AccessToken)
}

/// `/.well-known/doorward/jwks.json`: the keys of the identity tokens that upstreams get.
pub async fn upstream_jwks(State(app): State<SharedApp>) -> Response {
    keys(&app, KeyUse::UpstreamIdentity)
}

fn keys(app: &App, usage: KeyUse) -> Response {
    reply::document(StatusCode::OK, &json!({ "keys": app.keys.jwks(usage).keys() }))
}

fn describe(config: &Config) -> AuthorizationServerMetadata {
    let protected = clients::protected_resources(config);
    AuthorizationServerMetadata::new(config.public_url.issuer(), config.registration.dynamic, &protected)
}

fn describe_resource(app: &App, host: Option<&str>, rest: &str) -> Response {
    let config = app.runtime.load().config.clone();
    let upstream = find_upstream(&config, host, rest);
    let resource =
        upstream.and_then(|upstream| clients::protected_resource(&config, upstream.id.as_str()).map(|resource| (upstream, resource)));
    match resource {
        Some((upstream, resource)) => {
            reply::document(StatusCode::OK, &ProtectedResourceMetadata::new(config.public_url.issuer(), &resource, &upstream.name))
        }
        None => not_found(),
    }
}

/// The upstream that a path behind a well-known prefix means: `{upstream}/mcp…`; at an upstream's own host also `mcp…`
/// and nothing; nothing anywhere if there is only one.
fn find_upstream<'a>(config: &'a Config, host: Option<&str>, rest: &str) -> Option<&'a Upstream> {
    let rest = rest.trim_matches('/');
    let own_host = host.and_then(|host| config.upstreams.values().find(|upstream| upstream.host.as_deref() == Some(host)));
    let mut segments = rest.split('/');
    match (segments.next().unwrap_or_default(), segments.next()) {
        ("" | "mcp", None) | ("mcp", Some(_)) if own_host.is_some() => own_host,
        ("", None) if config.upstreams.len() == 1 => config.upstreams.values().next(),
        (upstream, Some("mcp")) => config.upstreams.get(upstream),
        _ => None,
    }
}

/// The host name of the request (HTTP/2 has it in the target), lower case, without port.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let from_header = || headers.get(HOST)?.to_str().ok()?.parse::<http::uri::Authority>().ok();
    let authority = uri.authority().cloned().or_else(from_header)?;
    Some(authority.host().to_ascii_lowercase())
}

fn not_found() -> Response {
    reply::json(StatusCode::NOT_FOUND, &Value::Object(serde_json::Map::from_iter([("error".to_owned(), json!("not_found"))])))
}
