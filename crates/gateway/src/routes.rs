//! The one route table.
//!
//! `/{upstream}/mcp`, or `/mcp` on an upstream's own host name, goes to the proxy, never through axum; everything else is in
//! [`router`], on whatever host. A path that is in neither table is 404 before anything else is looked at.

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
        .route("/login/again", post(login::again))
        .route("/login/test", get(login::ask_test).post(login::begin_test))
        .route("/login/consent", post(login::consent))
        .route("/login/idp", get(login::hub).post(login::choose_idp))
        .route("/login/saml/{idp}/acs", post(login::saml_acs))
        .route("/login/oidc/{idp}/callback", get(login::oidc_callback))
        .route("/login/oidc/{idp}/jwks.json", get(login::oidc_own_keys))
        .route("/login/saml/{idp}/slo", get(login::saml_slo_redirect).post(login::saml_slo_post))
        .route("/login/oidc/{idp}/backchannel_logout", post(login::back_channel_logout))
        .route("/logout", get(login::ask_sign_out).post(login::sign_out))
        .route("/logout/done", get(login::signed_out))
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

#[cfg(test)]
mod tests {
    use http::Request;

    use super::upstream_of;
    use crate::config::Config;

    const CONFIG: &str = "
public_url: https://mcp.example.com
identity_providers:
  okta: { oidc: { issuer: https://idp.example.com, client_id: doorward } }
upstreams:
  crm: { url: http://10.0.0.5:9000/mcp }
  wiki: { url: http://10.0.0.6:9000/mcp, host: wiki.example.com }
";

    #[test]
    fn an_upstream_has_one_address() {
        let config = Config::from_yaml(CONFIG, std::path::Path::new("/")).unwrap();
        let cases = [
            ("mcp.example.com", "/crm/mcp", Some("crm")),
            ("MCP.example.com:443", "/crm/mcp?x=/wiki/mcp", Some("crm")),
            ("wiki.example.com", "/mcp", Some("wiki")),
            ("WIKI.EXAMPLE.COM:443", "/mcp", Some("wiki")),
            // With a host name of its own, and only there.
            ("mcp.example.com", "/wiki/mcp", None),
            ("wiki.example.com", "/wiki/mcp", None),
            ("wiki.example.com", "/crm/mcp", None),
            ("wiki.example.com.", "/mcp", None),
            ("mcp.example.com", "/mcp", None),
            ("mcp.example.com", "/crm/mcp/", None),
            ("mcp.example.com", "/crm/MCP", None),
            ("mcp.example.com", "/CRM/mcp", None),
            ("mcp.example.com", "/cr%6d/mcp", None),
            ("mcp.example.com", "/crm/mc%70", None),
            ("mcp.example.com", "//crm/mcp", None),
            ("mcp.example.com", "/crm", None),
            ("mcp.example.com", "/", None),
        ];
        for (host, target, expected) in cases {
            let by_header = Request::get(target).header("host", host).body(()).unwrap();
            let by_authority = Request::get(format!("https://{host}{target}")).body(()).unwrap();
            for request in [by_header, by_authority] {
                let found = upstream_of(&config, &request);
                assert_eq!(found.as_ref().map(crate::config::UpstreamId::as_str), expected, "{host} {target}");
            }
        }
    }
}
