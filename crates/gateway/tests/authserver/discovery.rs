//! The documents that clients find everything from: the same bytes in every variant, whatever the headers say.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use oauth::jwks::JwkSet;
use serde_json::json;

use super::harness::{CRM, Gateway, ISSUER};

#[tokio::test]
async fn every_variant_is_the_same_document() {
    let gateway = Gateway::start().await;
    let document = gateway.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(document.status, StatusCode::OK);
    for variant in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/crm/mcp",
        "/.well-known/oauth-authorization-server/crm/mcp/",
        "/.well-known/openid-configuration/crm/mcp",
        "/crm/mcp/.well-known/openid-configuration",
    ] {
        let other = gateway.get(variant).await;
        assert_eq!((other.status, &other.body), (StatusCode::OK, &document.body), "{variant}");
    }
    let json = document.json();
    assert_eq!(json["issuer"], ISSUER);
    assert_eq!(json["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(json["response_types_supported"], json!(["code"]));
    assert_eq!(json["authorization_response_iss_parameter_supported"], true);
    assert_eq!(json["token_endpoint_auth_methods_supported"], json!(["none", "client_secret_basic", "client_secret_post"]));
    assert_eq!(json["grant_types_supported"], json!(["authorization_code", "refresh_token"]));
    for endpoint in ["authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "jwks_uri"] {
        assert!(json[endpoint].as_str().unwrap().starts_with("https://gw.example/oauth/"), "{endpoint}");
    }
    for unknown in [
        "/.well-known/oauth-authorization-server/hr/mcp",
        "/.well-known/openid-configuration/x",
        "/hr/mcp/.well-known/openid-configuration",
    ] {
        assert_eq!(gateway.get(unknown).await.status, StatusCode::NOT_FOUND, "{unknown}");
    }
}

#[tokio::test]
async fn one_resource_document_for_each_upstream() {
    let gateway = Gateway::start().await;
    let crm = gateway.get("/.well-known/oauth-protected-resource/crm/mcp").await.json();
    assert_eq!((&crm["resource"], &crm["authorization_servers"]), (&json!(CRM), &json!([ISSUER])));
    assert_eq!((&crm["scopes_supported"], &crm["bearer_methods_supported"]), (&json!(["mcp"]), &json!(["header"])));
    for unknown in ["", "/", "/hr/mcp", "/crm", "/mcp", "/crm/other"] {
        let reply = gateway.get(&format!("/.well-known/oauth-protected-resource{unknown}")).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{unknown}: three upstreams, none named");
    }
    for path in ["", "/mcp"] {
        let request = Request::get(format!("/.well-known/oauth-protected-resource{path}")).header("host", "Tickets.example:443");
        let reply = gateway.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.json()["resource"], "https://tickets.example/mcp", "{path}");
    }
}

#[tokio::test]
async fn no_header_changes_a_document() {
    let gateway = Gateway::start().await;
    let expected = gateway.get("/.well-known/oauth-authorization-server").await.body;
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example"),
        ("origin", "https://evil.example"),
    ] {
        let request = Request::get("/.well-known/oauth-authorization-server").header(name, value).body(Body::empty()).unwrap();
        assert_eq!(gateway.send(request).await.body, expected, "{name}");
    }
}

#[tokio::test]
async fn key_sets_hold_public_keys_only() {
    let gateway = Gateway::start().await;
    let access = gateway.get("/oauth/jwks.json").await;
    let identity = gateway.get("/.well-known/doorward/jwks.json").await;
    assert_ne!(access.body, identity.body);
    for reply in [access, identity] {
        assert_eq!(JwkSet::parse(reply.body.as_bytes()).unwrap().keys().len(), 1);
        assert!(!reply.body.contains("\"d\""), "{reply:?}");
    }
}

#[tokio::test]
async fn browser_clients_may_read() {
    let gateway = Gateway::start().await;
    for target in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource/crm/mcp",
        "/oauth/token",
        "/oauth/register",
        "/oauth/jwks.json",
    ] {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri(target)
            .header("origin", "https://inspector.example")
            .body(Body::empty())
            .unwrap();
        let reply = gateway.send(request).await;
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{target}");
        assert_eq!(reply.headers["access-control-allow-origin"], "*", "{target}");
        assert!(!reply.headers.contains_key("access-control-allow-credentials"), "{target}");
    }
    let reply = gateway.post_form("/oauth/token", &[]).await;
    assert_eq!(reply.headers["access-control-allow-origin"], "*", "errors can be read, too");
    assert_eq!(reply.headers["cache-control"], "no-store");
}
