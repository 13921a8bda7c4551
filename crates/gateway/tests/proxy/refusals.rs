//! What is refused, with which status and code; none of it reaches the upstream.

use std::time::Duration;

use serde_json::json;
use store::RevokeReason;

use crate::world::{World, access_token, person, sign};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[tokio::test]
async fn tokens_that_are_not_good_here() {
    let world = World::start().await;
    let (app, alice) = (&world.app, &world.alice);
    let good = || access_token(app, alice.user, alice.grant, "crm");
    let now = app.clock.now();
    let (start, signature) = alice.token.rsplit_once('.').unwrap();
    let tampered = match signature.strip_prefix('A') {
        Some(rest) => format!("{start}.B{rest}"),
        None => format!("{start}.A{}", signature.chars().skip(1).collect::<String>()),
    };
    let mut expired = good();
    (expired.issued_at, expired.expires_at) = (now - Duration::from_mins(2), now - Duration::from_mins(1));
    let mut foreign = good();
    foreign.issuer = "https://evil.example".to_owned();
    let mut nameless = good();
    nameless.grant = "nobody".to_owned();
    let mut other_client = good();
    other_client.client_id = "another".to_owned();
    let mut other_user = good();
    other_user.user = world.bob.user.to_string();
    let identity_key = app.keys.upstream_identity_key(now).unwrap();
    let cases = [
        (tampered, "proxy.token_invalid"),
        (sign(app, &expired), "proxy.token_expired"),
        (sign(app, &foreign), "proxy.token_invalid"),
        (sign(app, &access_token(app, alice.user, alice.grant, "wiki")), "proxy.token_invalid"),
        (sign(app, &nameless), "proxy.token_invalid"),
        (sign(app, &other_client), "proxy.token_invalid"),
        (sign(app, &other_user), "proxy.token_invalid"),
        (good().sign(&identity_key).unwrap(), "proxy.token_invalid"),
        (start.to_owned(), "proxy.token_invalid"),
        ("a.b.c".to_owned(), "proxy.token_invalid"),
        ("x".repeat(20_000), "proxy.token_invalid"),
    ];
    for (token, code) in cases {
        let reply = world.send(&world.post(&token, "", PING)).await;
        assert_eq!((reply.status, reply.code().as_str()), (401, code), "{token:.60}");
        let challenge = reply.header("www-authenticate").unwrap();
        let metadata = format!("resource_metadata=\"http://{}/.well-known/oauth-protected-resource/crm/mcp\"", world.address);
        assert!(challenge.starts_with("Bearer error=\"invalid_token\"") && challenge.contains(&metadata), "{challenge}");
        assert!(challenge.contains("scope=\"mcp\""), "{challenge}");
    }
    assert_eq!(world.crm.received().len(), 0);
    let refused: Vec<String> = world.audit().await.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(refused, ["refused"; 11]);
}

#[tokio::test]
async fn the_authorization_header_has_one_form() {
    let world = World::start().await;
    let token = &world.alice.token;
    let request = |authorization: &str, target: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{authorization}Content-Length: {}\r\n\r\n{PING}",
            world.address,
            PING.len()
        )
    };
    let cases = [
        (String::new(), "/crm/mcp".to_owned(), "proxy.token_missing"),
        (String::new(), format!("/crm/mcp?access_token={token}"), "proxy.token_missing"),
        (format!("Authorization: {token}\r\n"), "/crm/mcp".to_owned(), "proxy.token_malformed"),
        (format!("Authorization: Basic {token}\r\n"), "/crm/mcp".to_owned(), "proxy.token_malformed"),
        (format!("Authorization: Bearer {token} {token}\r\n"), "/crm/mcp".to_owned(), "proxy.token_malformed"),
        (format!("Authorization: Bearer {token},{token}\r\n"), "/crm/mcp".to_owned(), "proxy.token_malformed"),
        (format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n"), "/crm/mcp".to_owned(), "proxy.token_malformed"),
        ("Authorization: Bearer\r\n".to_owned(), "/crm/mcp".to_owned(), "proxy.token_malformed"),
        ("Authorization: Bearer =\r\n".to_owned(), "/crm/mcp".to_owned(), "proxy.token_malformed"),
        ("Authorization:\r\n".to_owned(), "/crm/mcp".to_owned(), "proxy.token_malformed"),
    ];
    for (authorization, target, code) in cases {
        let reply = world.send(&request(&authorization, &target)).await;
        assert_eq!((reply.status, reply.code().as_str()), (401, code), "{authorization:.40}");
        let challenge = reply.header("www-authenticate").unwrap();
        assert_eq!(challenge.contains("error="), code != "proxy.token_missing", "{challenge}");
    }
    let lower_case = world.send(&request(&format!("Authorization: bearer {token}\r\n"), "/crm/mcp")).await;
    assert_eq!(lower_case.status, 200);
    assert_eq!(world.crm.received().len(), 1);
    assert_eq!(world.crm.received()[0].head.lines().next(), Some("POST /mcp HTTP/1.1"));
}

#[tokio::test]
async fn what_was_good_a_moment_ago_is_looked_at_again() {
    let world = World::start().await;
    let now = world.app.clock.now();
    assert_eq!(world.send(&world.post(&world.alice.token, "", PING)).await.status, 200);
    // The same token at another upstream, its signature known to be good.
    let elsewhere = world.post(&world.alice.token, "", PING).replacen("/crm/mcp", "/wiki/mcp", 1);
    let reply = world.send(&elsewhere).await;
    assert_eq!((reply.status, reply.code().as_str()), (401, "proxy.token_invalid"));
    assert!(world.app.store.revoke_grant(world.alice.grant, RevokeReason::User, now).await.unwrap());
    let reply = world.send(&world.post(&world.alice.token, "", PING)).await;
    assert_eq!((reply.status, reply.code().as_str()), (401, "proxy.token_revoked"));
    let refusal = world.audit().await.into_iter().find(|event| event["code"] == "proxy.token_revoked").unwrap();
    assert_eq!(refusal["person"]["user_id"], world.alice.user.to_string(), "a revoked token still has a name");
    assert!(world.app.store.set_user_disabled(world.bob.user, true, now).await.unwrap());
    let reply = world.send(&world.post(&world.bob.token, "", PING)).await;
    assert_eq!((reply.status, reply.code().as_str()), (401, "proxy.token_revoked"));
    assert_eq!(world.crm.received().len(), 1);
}

#[tokio::test]
async fn people_of_another_identity_provider_stay_outside() {
    let world = World::start().await;
    let mallory = person(&world.app, "mallory", "partners", &["engineering"], "crm").await;
    let reply = world.send(&world.post(&mallory.token, "", PING)).await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "proxy.idp_not_allowed"));
    assert_eq!(world.crm.received().len(), 0);
}

#[tokio::test]
async fn bodies_that_two_readers_could_understand_differently() {
    let world = World::start().await;
    let cases = [
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#, 400, -32600, "mcp.duplicate_member"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_customer","Name":"delete_customer"}}"#,
            400,
            -32600,
            "mcp.lookalike_member",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_customer","n\u0061me":"delete_customer"}}"#,
            400,
            -32600,
            "mcp.lookalike_member",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method\u0000":"ping","method":"ping"}"#, 400, -32600, "mcp.control_character"),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, 400, -32600, "mcp.batch_not_supported"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"tools/call"}"#, 400, -32700, "mcp.invalid_json"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a\u0000"}}"#, 400, -32602, "mcp.invalid_name"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, 400, -32602, "mcp.invalid_params"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}"#, 400, -32600, "mcp.unknown_member"),
        (r#"{"jsonrpc":"2.0"}"#, 400, -32600, "mcp.not_jsonrpc"),
        ("", 400, -32700, "mcp.invalid_json"),
    ];
    for (body, status, number, code) in cases {
        let reply = world.send(&world.post(&world.alice.token, "", body)).await;
        let error = reply.json()["error"].clone();
        assert_eq!((reply.status, error["code"].as_i64().unwrap(), reply.code().as_str()), (status, number, code), "{body}");
    }
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{}{}}}",
        "{\"a\":".repeat(100),
        "1".to_owned() + &"}".repeat(100)
    );
    assert_eq!(world.send(&world.post(&world.alice.token, "", &deep)).await.code(), "mcp.too_deep");
    let long = "x".repeat(70_000);
    let reply = world.send(&world.post(&world.alice.token, "", &long)).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "mcp.body_too_large"));
    assert_eq!(world.crm.received().len(), 0);
}

#[tokio::test]
async fn content_types_methods_and_paths() {
    let world = World::start().await;
    let post = world.post(&world.alice.token, "", PING);
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/jsonp",
        "multipart/form-data",
        "",
    ] {
        let reply = world.send(&post.replace("Content-Type: application/json", &format!("Content-Type: {content_type}"))).await;
        assert_eq!((reply.status, reply.code().as_str()), (415, "proxy.content_type"), "{content_type}");
    }
    for content_type in ["application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""] {
        let reply = world.send(&post.replace("Content-Type: application/json", &format!("Content-Type: {content_type}"))).await;
        assert_eq!(reply.status, 200, "{content_type}");
    }
    let bare = |method: &str, headers: &str| {
        format!("{method} /crm/mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{headers}\r\n", world.address, world.alice.token)
    };
    let cases = [
        (bare("PUT", "Content-Length: 0\r\n"), 405, "proxy.method_not_allowed"),
        (bare("PATCH", "Content-Length: 0\r\n"), 405, "proxy.method_not_allowed"),
        (bare("GET", "MCP-Protocol-Version: 2026-07-28\r\n"), 405, "proxy.method_not_allowed"),
        (bare("DELETE", "MCP-Protocol-Version: 2026-07-28\r\n"), 405, "proxy.method_not_allowed"),
        (bare("GET", "Last-Event-ID: 7\r\n"), 404, "proxy.session_unknown"),
        (bare("DELETE", ""), 404, "proxy.session_unknown"),
        (bare("DELETE", "Mcp-Session-Id: unknown\r\n"), 404, "proxy.session_unknown"),
    ];
    for (request, status, code) in cases {
        let reply = world.send(&request).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{request:.40}");
    }
    for path in ["/crm/mcp/", "/crm/mcp/x", "/nobody/mcp", "/crm", "/CRM/mcp", "/crm/MCP"] {
        let reply = world.send(&post.replacen("/crm/mcp", path, 1)).await;
        assert_eq!(reply.status, 404, "{path}");
    }
    assert_eq!(world.crm.received().len(), 2);
}

#[tokio::test]
async fn methods_outside_the_table_go_nowhere() {
    let world = World::start().await;
    for method in ["sampling/createMessage", "elicitation/create", "roots/list", "tools/call2", "Tools/call", "skills/list", "rpc.discover"]
    {
        let reply = world.call(&world.alice.token, method, &json!({})).await;
        assert_eq!((reply.status, reply.json()["error"]["code"].as_i64()), (200, Some(-32601)), "{method}");
        assert_eq!(reply.json()["id"], 7);
        let reply = world.send(&world.modern(&world.alice.token, method, json!({}))).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "proxy.method_unknown"), "{method}");
    }
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
    assert_eq!(world.send(&world.post(&world.alice.token, "", notification)).await.status, 400);
    for method in ["tasks/get", "tasks/cancel", "tasks/result", "tasks/update"] {
        let reply = world.call(&world.alice.token, method, &json!({ "taskId": "of-somebody" })).await;
        assert_eq!((reply.status, reply.code().as_str()), (200, "proxy.task_unknown"), "{method}");
    }
    assert_eq!(world.crm.received().len(), 0);
}

#[tokio::test]
async fn without_an_audit_trail_nothing_is_done() {
    let world = World::start().await;
    world.app.audit.close().await;
    let reply = world.call_tool(&world.alice.token, "search").await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "audit.closed"));
    assert!(reply.header("www-authenticate").is_none());
    assert_eq!(world.crm.received().len(), 0, "not forwarded");
}

/// On HTTP/2 no socket deadline ends a body that drips on.
#[tokio::test]
async fn a_form_that_never_ends_is_not_waited_for() {
    let world = World::start().await;
    let io = hyper_util::rt::TokioIo::new(tokio::net::TcpStream::connect(world.address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let drip = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        Some((Ok::<_, std::convert::Infallible>(http_body::Frame::data(bytes::Bytes::from_static(b"a"))), ()))
    });
    let request = http::Request::post(format!("http://{}/oauth/token", world.address))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(http_body_util::StreamBody::new(Box::pin(drip)))
        .unwrap();
    let reply = tokio::time::timeout(crate::upstream::PATIENCE, sender.send_request(request)).await.expect("an end").unwrap();
    assert_eq!(reply.status(), 400);
}
