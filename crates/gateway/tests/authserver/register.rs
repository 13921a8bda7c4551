//! Dynamic registration.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;

use super::harness::Gateway;

#[tokio::test]
async fn a_public_client_gets_an_id_and_a_confidential_one_a_secret() {
    let gateway = Gateway::start().await;
    let cursor = json!({
        "client_name": "Cursor \u{202e}", "token_endpoint_auth_method": "none",
        "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback", "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"],
    });
    let reply = gateway.post_json("/oauth/register", &cursor).await;
    let registered = reply.json();
    assert_eq!(reply.status, StatusCode::CREATED);
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!((&registered["client_name"], &registered["redirect_uris"]), (&json!("Cursor"), &cursor["redirect_uris"]));
    assert!(registered.get("client_secret").is_none() && registered.get("client_secret_expires_at").is_none());

    let reply = gateway.post_json("/register", &json!({ "redirect_uris": ["http://localhost/callback"] })).await.json();
    assert_eq!(reply["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!((reply["client_secret"].as_str().map(str::len), &reply["client_secret_expires_at"]), (Some(43), &json!(0)));
    let summary = gateway.audit_summary();
    assert_eq!(summary.iter().filter(|line| *line == "client_registered").count(), 2, "{summary:?}");
    assert!(
        !gateway.audit().iter().any(|line| line.to_string().contains(reply["client_secret"].as_str().unwrap())),
        "no secret in the trail"
    );
}

#[tokio::test]
async fn refusals() {
    let gateway = Gateway::start().await;
    let cases = [
        (json!({ "redirect_uris": ["javascript:alert(1)"] }), "invalid_redirect_uri", "oauth.redirect_uri_scheme_refused"),
        (json!({ "redirect_uris": ["http://app.example/cb"] }), "invalid_redirect_uri", "oauth.redirect_uri_not_loopback"),
        (json!({}), "invalid_redirect_uri", "oauth.registration_redirect_uri_count"),
        (json!([]), "invalid_client_metadata", "oauth.registration_malformed"),
        (
            json!({ "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "tls_client_auth" }),
            "invalid_client_metadata",
            "oauth.registration_auth_method_unsupported",
        ),
        (
            json!({ "redirect_uris": ["https://app.example/cb"], "client_name": "x".repeat(17_000) }),
            "invalid_client_metadata",
            "oauth.registration_too_large",
        ),
    ];
    for (body, error, code) in cases {
        let reply = gateway.post_json("/oauth/register", &body).await;
        assert_eq!(reply.oauth_error(), (400, error.to_owned(), code.to_owned()));
        assert!(gateway.audit_summary().contains(&format!("refused {code}")), "{code}");
    }
    let plain = Request::post("/oauth/register").header("content-type", "text/plain").body(Body::from("{}")).unwrap();
    assert_eq!(gateway.send(plain).await.oauth_error().2, "authserver.content_type_refused");
    let off = Gateway::with("registration: { dynamic: false }\n").await;
    let reply = off.post_json("/oauth/register", &json!({ "redirect_uris": ["http://localhost/callback"] })).await;
    assert_eq!(reply.oauth_error(), (403, "access_denied".to_owned(), "authserver.registration_disabled".to_owned()));
    assert!(off.get("/.well-known/oauth-authorization-server").await.json().get("registration_endpoint").is_none());
}

#[tokio::test]
async fn one_address_cannot_fill_the_store() {
    let gateway = Gateway::start().await;
    for _ in 0..120 {
        gateway.register().await;
    }
    let body = json!({ "redirect_uris": ["http://localhost/callback"] });
    let reply = gateway.post_json("/oauth/register", &body).await;
    assert_eq!(reply.oauth_error(), (429, "temporarily_unavailable".to_owned(), "authserver.registration_quota".to_owned()));
    assert!(reply.headers.contains_key("retry-after"));
    gateway.advance(std::time::Duration::from_hours(2));
    assert_eq!(gateway.post_json("/oauth/register", &body).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn the_addresses_of_one_network_count_together() {
    let gateway = Gateway::start().await;
    let register = async |peer: &str| {
        let body = json!({ "redirect_uris": ["http://localhost/callback"] });
        let request = Request::post("/oauth/register").header("content-type", "application/json").body(Body::from(body.to_string()));
        gateway.send_from(peer, request.unwrap()).await.status
    };
    for number in 0..120 {
        assert_eq!(register(&format!("[2001:db8::{number}]:4711")).await, StatusCode::CREATED);
    }
    assert_eq!(register("[2001:db8::ffff:1]:4711").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(register("[2001:db8:0:1::1]:4711").await, StatusCode::CREATED);
}
