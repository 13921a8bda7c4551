//! security B: what an upstream receives names the caller and nobody else, however a client spells it.

use crate::world::World;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// Names under which some server somewhere believes an identity, credentials, or a rewritten request.
const FORGED: &str = "X-Auth-Request-User x-auth-request-user X_Auth_Request_User x_auth_request_user X-AUTH-REQUEST-USER X-Auth_Request-User X.Auth.Request.User \
X-Auth-Request-Email X-Auth-Request-Groups X-Auth-Request-Preferred-Username X-Auth-Request-Access-Token X-Doorward-Identity X_Doorward_Identity x-doorward-user \
X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups X-Forwarded-Preferred-Username X-Forwarded-Access-Token X_Forwarded_User X-Remote-User Remote-User REMOTE_USER \
X-User X-Username X-User-Id X-User-Email X-Email X-Groups X-Roles X-Authenticated-User X-Authenticated-Userid X-Consumer-Username X-WEBAUTH-USER X-Vouch-User \
X-Goog-Authenticated-User-Email Cf-Access-Authenticated-User-Email X-Amzn-Oidc-Data X-MS-CLIENT-PRINCIPAL-NAME X-Pomerium-Jwt-Assertion X-Token X-Access-Token \
X-Api-Key Proxy-Authorization X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Prefix X-Forwarded-Uri Forwarded X-Real-IP X-Original-URL X-Rewrite-URL \
X-HTTP-Method-Override Referer Origin-Agent Cookie2 Range If-None-Match";

#[tokio::test]
async fn no_spelling_of_an_identity_reaches_the_upstream() {
    let world = World::start().await;
    let mut count = 0;
    for name in FORGED.split_whitespace() {
        let headers = format!("{name}: forged-value\r\nCookie: session=forged-value\r\n");
        let reply = world.send(&world.post(&world.alice.token, &headers, PING)).await;
        assert_eq!(reply.status, 200, "{name}: {reply:?}");
        count += 1;
    }
    assert!(count >= 40);
    let received = world.crm.received();
    assert_eq!(received.len(), count);
    for request in received {
        assert!(!request.head.contains("forged-value"), "{}", request.head);
        assert!(!request.head.contains(&world.alice.token), "{}", request.head);
        for (name, expected) in [
            ("x-auth-request-user", world.alice.user.to_string()),
            ("x-auth-request-email", "alice@example.com".to_owned()),
            ("x-auth-request-preferred-username", "alice".to_owned()),
            ("x-auth-request-groups", "engineering,a%2Cb".to_owned()),
        ] {
            assert_eq!(request.header(name), [expected], "{name} in {}", request.head);
        }
        assert_eq!(request.header("x-doorward-identity").len(), 1);
        assert_eq!(request.header("authorization"), [""; 0]);
        assert_eq!(request.header("cookie"), [""; 0]);
    }
}

#[tokio::test]
async fn only_known_headers_pass() {
    let world = World::start().await;
    let headers = "MCP-Protocol-Version: 2025-11-25\r\nUser-Agent: tester/1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
                   tracestate: a=1\r\nbaggage: b=2\r\nMcp-Param-Region: us-west1\r\nX-Custom: 1\r\nLast-Event-ID: 41\r\nTE: trailers\r\nConnection: keep-alive, te\r\nAccept-Encoding: gzip\r\n";
    assert_eq!(world.send(&world.post(&world.alice.token, headers, PING)).await.status, 200);
    let request = world.crm.received().remove(0);
    let mut names: Vec<String> =
        request.head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    let expected = "accept baggage content-length content-type host mcp-param-region mcp-protocol-version traceparent tracestate user-agent \
                    x-auth-request-email x-auth-request-groups x-auth-request-preferred-username x-auth-request-user x-doorward-identity";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    assert_eq!(request.header("host"), [world.crm.address.to_string()]);
}

#[tokio::test]
async fn the_identity_token_is_for_this_upstream_and_short() {
    let world = World::start().await;
    world.send(&world.post(&world.alice.token, "", PING)).await;
    let token = world.crm.received()[0].header("x-doorward-identity").remove(0);
    let keys = world.app.keys.jwks(gateway::keys::KeyUse::UpstreamIdentity);
    let audience = format!("http://{}/mcp", world.crm.address);
    let accept = oauth::jwt::Accept {
        typ: &["doorward-identity+jwt"],
        algs: &[oauth::jwt::Alg::Es256],
        issuer: world.app.config.public_url.issuer(),
        audience: &audience,
        audiences: oauth::jwt::Audiences::One,
        now: world.app.clock.now(),
        leeway: std::time::Duration::ZERO,
    };
    let verified = oauth::jwt::verify(&token, &keys, &accept).unwrap();
    let claim = |name: &str| verified.claims[name].clone();
    assert_eq!(claim("sub"), world.alice.user.to_string());
    assert_eq!(claim("groups"), serde_json::json!(["engineering", "a,b"]));
    assert_eq!(claim("roles"), serde_json::json!(["engineer"]));
    assert_eq!(claim("client_id"), "test-client");
    assert_eq!(claim("exp").as_i64().unwrap() - claim("iat").as_i64().unwrap(), 60);
    // As an access token it is worth nothing.
    let reply = world.send(&world.post(&token, "", PING)).await;
    assert_eq!((reply.status, reply.code().as_str()), (401, "proxy.token_invalid"));
}

#[tokio::test]
async fn headers_that_hide_or_repeat_are_refused() {
    let world = World::start().await;
    let cases = [
        ("Connection: close, X-Auth-Request-User\r\n", 400, "proxy.connection_header"),
        ("Connection: Authorization\r\n", 400, "proxy.connection_header"),
        ("Connection: keep-alive\r\nConnection: Mcp-Session-Id\r\n", 400, "proxy.connection_header"),
        ("Mcp-Method: ping\r\nMcp-Method: tools/call\r\n", 400, "proxy.header_duplicated"),
        ("Mcp-Name: a\r\nMcp-Name: b\r\n", 400, "proxy.header_duplicated"),
        ("MCP-Protocol-Version: 2025-11-25\r\nMCP-Protocol-Version: 2025-06-18\r\n", 400, "proxy.header_duplicated"),
        ("Mcp-Session-Id: a\r\nMcp-Session-Id: b\r\n", 400, "proxy.header_duplicated"),
        ("Content-Type: text/plain\r\n", 400, "proxy.header_duplicated"),
        ("Mcp-Param-A_B: 1\r\nMcp-Param-A-B: 2\r\n", 400, "proxy.header_duplicated"),
        ("Mcp-Param-A: 1\r\nMcp-Param-A: 2\r\n", 400, "proxy.header_duplicated"),
        ("Mcp-Session-Id: caf\u{e9}\r\n", 400, "proxy.header_malformed"),
        ("Mcp-Session-Id: two words\r\n", 400, "proxy.header_malformed"),
        ("Mcp-Method: tools/call\r\n", 400, "mcp.header_mismatch"),
        ("Mcp-Name: something\r\n", 400, "mcp.header_mismatch"),
        ("MCP-Protocol-Version: 1999-01-01\r\n", 400, "mcp.unsupported_version"),
        ("MCP-Protocol-Version: 2026-07-28\r\n", 400, "mcp.missing_meta"),
        ("Mcp-Session-Id: never-seen\r\n", 404, "proxy.session_unknown"),
        ("Origin: https://evil.example\r\n", 403, "proxy.origin_not_allowed"),
        ("Origin: null\r\n", 403, "proxy.origin_not_allowed"),
        ("Origin: https://inspector.example.com.evil.example\r\n", 403, "proxy.origin_not_allowed"),
        ("Content-Encoding: gzip\r\n", 415, "proxy.content_encoding"),
        ("Content-Encoding: identity\r\n", 415, "proxy.content_encoding"),
    ];
    for (headers, status, code) in cases {
        let reply = world.send(&world.post(&world.alice.token, headers, PING)).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{headers:?}");
    }
    assert_eq!(world.crm.received().len(), 0, "nothing of this reaches the upstream");
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_replies() {
    let world = World::start().await;
    let own = world.app.config.public_url.issuer().to_owned();
    for origin in [own.as_str(), "https://inspector.example.com"] {
        let reply = world.send(&world.post(&world.alice.token, &format!("Origin: {origin}\r\n"), PING)).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin").as_deref()), (200, Some(origin)));
        assert!(reply.header("access-control-expose-headers").unwrap().contains("WWW-Authenticate"));
        let preflight = format!(
            "OPTIONS /crm/mcp HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization, mcp-param-region\r\n\r\n",
            world.address
        );
        let reply = world.send(&preflight).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin").as_deref()), (204, Some(origin)));
        assert!(reply.header("access-control-allow-headers").unwrap().ends_with("mcp-param-region"));
    }
    let unauthorized = world.send(&world.post("wrong", &format!("Origin: {own}\r\n"), PING)).await;
    assert_eq!((unauthorized.status, unauthorized.header("access-control-allow-origin")), (401, Some(own)));
}

#[tokio::test]
async fn many_people_at_once_are_never_mixed_up() {
    let world = std::sync::Arc::new(World::start().await);
    // The upstream answers with the name it was given; all requests have the same id.
    world.crm.answers(|request| {
        let user = request.header("x-auth-request-user").join("|");
        crate::upstream::json(
            &serde_json::json!({ "jsonrpc": "2.0", "id": 7, "result": { "content": [{ "type": "text", "text": user }] } }),
        )
    });
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..40 {
        let person = crate::world::person(&world.app, &format!("person-{number}"), "okta", &["engineering"], "crm").await;
        let world = std::sync::Arc::clone(&world);
        calls.spawn(async move {
            for _ in 0..5 {
                let reply = world.call_tool(&person.token, "search").await;
                assert_eq!(reply.json()["result"]["content"][0]["text"], person.user.to_string());
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    let events = world.audit().await;
    assert_eq!(events.iter().filter(|event| event["kind"] == "call").count(), 200);
    assert_eq!(events.iter().filter(|event| event["kind"] == "call_outcome").count(), 200);
}
