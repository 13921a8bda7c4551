//! Authorization requests: what is redirected, what is a page, what the browser gets.

use http::StatusCode;
use http::header::SET_COOKIE;
use serde_json::json;

use super::harness::{CALLBACK, CRM, Case, Gateway, ISSUER, authorize_target, code_in};

#[tokio::test]
async fn a_good_request_goes_to_the_sign_in_with_a_cookie_of_its_own() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let reply = gateway.get(&authorize_target(&client, &[])).await;
    let cookie = reply.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-doorward-request-"), "{cookie}");
    for attribute in ["; Path=/", "; Max-Age=600", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(reply.headers["cache-control"], "no-store");
    let (first, second) = (gateway.begin(&client, &[]).await, gateway.begin(&client, &[]).await);
    assert_ne!(first.cookie.split('=').next(), second.cookie.split('=').next(), "parallel sign-ins do not collide");
}

#[tokio::test]
async fn faults_of_client_or_target_are_pages() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let web = gateway.register_with(&json!({ "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none" })).await;
    let cases = [
        (authorize_target("", &[]), 400, "authserver.client_id_missing"),
        (authorize_target("cli_0", &[]), 401, "authserver.client_unknown"),
        (authorize_target("<script>alert(1)</script>", &[]), 401, "authserver.client_unknown"),
        (format!("{}&client_id=x", authorize_target(&client, &[])), 400, "oauth.authorize_target_repeated"),
        (format!("{}&redirect_uri=https%3A%2F%2Fevil.example", authorize_target(&client, &[])), 400, "oauth.authorize_target_repeated"),
        (authorize_target(&client, &[("redirect_uri", "")]), 400, "oauth.redirect_uri_missing"),
        (authorize_target(&client, &[("redirect_uri", "https://evil.example/cb")]), 400, "oauth.redirect_uri_unregistered"),
        (authorize_target(&client, &[("redirect_uri", "http://127.0.0.1:5000/callback/")]), 400, "oauth.redirect_uri_unregistered"),
        (authorize_target(&client, &[("redirect_uri", "http://localhost:5000/callback")]), 400, "oauth.redirect_uri_unregistered"),
        (authorize_target(&client, &[("redirect_uri", "javascript:alert(1)//")]), 400, "oauth.redirect_uri_scheme_refused"),
        (authorize_target("inspector", &[("redirect_uri", CALLBACK)]), 400, "oauth.redirect_uri_unregistered"),
        ("/oauth/authorize".to_owned(), 400, "authserver.client_id_missing"),
        (format!("/oauth/authorize?{}", "a=b&".repeat(70)), 400, "oauth.parameters_too_large"),
        // Anybody can register a web site: it gets no redirect that a person has not seen a page before.
        (authorize_target(&web, &[("redirect_uri", "https://app.example/cb"), ("scope", "nothing")]), 400, "oauth.scope_unknown"),
        (
            authorize_target(&web, &[("redirect_uri", "https://app.example/cb"), ("prompt", "none")]),
            400,
            "oauth.authorize_interaction_required",
        ),
    ];
    for (target, status, code) in cases {
        let reply = gateway.get(&target).await;
        assert_eq!(reply.status.as_u16(), status, "{target}");
        assert!(reply.body.contains(code), "{target}: {}", reply.body);
        assert!(!reply.headers.contains_key("location") && !reply.headers.contains_key(SET_COOKIE), "{target}");
        assert!(!reply.body.contains("<script>alert"), "{target}");
        assert!(gateway.audit_summary().contains(&format!("refused {code}")), "{target}");
    }
}

#[tokio::test]
async fn faults_of_the_request_are_told_to_the_client_with_state_and_issuer() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let cases: [Case; 11] = [
        (&[("response_type", "")], "invalid_request", "oauth.authorize_response_type_missing"),
        (&[("response_type", "token")], "unsupported_response_type", "oauth.authorize_response_type_unsupported"),
        (&[("response_mode", "fragment")], "invalid_request", "oauth.authorize_response_mode_unsupported"),
        (&[("code_challenge", "")], "invalid_request", "oauth.pkce_challenge_missing"),
        (&[("code_challenge_method", "plain")], "invalid_request", "oauth.pkce_method_refused"),
        (&[("code_challenge_method", "")], "invalid_request", "oauth.pkce_method_refused"),
        (&[("resource", "https://gw.example/hr/mcp")], "invalid_target", "oauth.resource_unknown"),
        (&[("resource", "https://gw.example/")], "invalid_target", "oauth.resource_ambiguous"),
        (&[("resource", "")], "invalid_target", "oauth.resource_ambiguous"),
        (&[("scope", "admin")], "invalid_scope", "oauth.scope_unknown"),
        (&[("prompt", "none consent")], "invalid_request", "oauth.authorize_prompt_combined"),
    ];
    for (changes, error, code) in cases {
        let reply = gateway.get(&authorize_target(&client, changes)).await;
        assert_eq!(reply.status, StatusCode::FOUND, "{changes:?}");
        assert!(reply.location().as_str().starts_with("http://127.0.0.1:5000/callback?"), "{changes:?}");
        assert_eq!(reply.parameter("error").as_deref(), Some(error), "{changes:?}");
        assert_eq!(code_in(&reply.parameter("error_description").unwrap()), code);
        assert_eq!((reply.parameter("state").as_deref(), reply.parameter("iss").as_deref()), (Some("a&b"), Some(ISSUER)), "{changes:?}");
        assert!(gateway.audit_summary().contains(&format!("refused {code}")), "{changes:?}");
    }
    let twice = gateway.get(&format!("{}&resource={}", authorize_target(&client, &[]), "https%3A%2F%2Fgw.example%2Fwiki%2Fmcp")).await;
    assert_eq!(twice.parameter("error").as_deref(), Some("invalid_target"));
    let twice = gateway.get(&format!("{}&state=other", authorize_target(&client, &[]))).await;
    assert_eq!((twice.parameter("error").as_deref(), twice.parameter("state")), (Some("invalid_request"), None), "which state?");
}

#[tokio::test]
async fn the_resource_is_understood_as_clients_write_it() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    for resource in
        [CRM, "https://gw.example/crm/mcp/", "HTTPS://GW.example:443/crm/mcp", "https://gw.example/crm/mcp?x=1", "https://tickets.example/"]
    {
        gateway.begin(&client, &[("resource", resource)]).await;
    }
    for redirect in ["http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback"] {
        gateway.begin(&client, &[("redirect_uri", redirect)]).await;
    }
}

#[tokio::test]
async fn one_address_begins_only_so_many_sign_ins() {
    let gateway = Gateway::with("limits: { sign_ins_per_address: 2 }").await;
    let client = gateway.register().await;
    gateway.begin(&client, &[]).await;
    gateway.begin(&client, &[]).await;
    for target in [authorize_target(&client, &[]), "/login/start".to_owned()] {
        let reply = gateway.get(&target).await;
        assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS, "{target}");
        assert!(reply.body.contains("login.too_many_sign_ins"), "{target}: {}", reply.body);
        assert!(!reply.headers.contains_key("location") && !reply.headers.contains_key(SET_COOKIE), "{target}");
    }
    gateway.clock.set(gateway.app.clock.now() + std::time::Duration::from_mins(11));
    gateway.begin(&client, &[]).await;
}
