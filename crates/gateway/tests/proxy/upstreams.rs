//! Upstreams that misbehave: every fault has a code of its own and none looks like a refusal of Doorward's.

use serde_json::json;

use crate::upstream::{Answer, reply};
use crate::world::World;

#[tokio::test]
async fn every_fault_of_an_upstream_has_its_code() {
    let world = World::start().await;
    let json_type = "Content-Type: application/json\r\n";
    let html = "Content-Type: text/html\r\n";
    let ok = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;
    let cases = [
        (reply("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", ""), 502, "proxy.upstream_refused_credentials"),
        (reply("403 Forbidden", json_type, ok), 502, "proxy.upstream_refused_credentials"),
        (reply("407 Proxy Authentication Required", "", ""), 502, "proxy.upstream_refused_credentials"),
        (reply("101 Switching Protocols", "Connection: upgrade\r\nUpgrade: x\r\n", ""), 502, "proxy.upstream_invalid_reply"),
        (reply("302 Found", "Location: https://evil.example/\r\n", ""), 502, "proxy.upstream_redirect"),
        (reply("307 Temporary Redirect", "Location: /elsewhere\r\n", ""), 502, "proxy.upstream_redirect"),
        (reply("200 OK", html, "<html></html>"), 502, "proxy.upstream_invalid_reply"),
        (reply("500 Internal Server Error", html, "<html></html>"), 502, "proxy.upstream_invalid_reply"),
        (reply("200 OK", json_type, "not json"), 502, "proxy.upstream_invalid_reply"),
        (reply("200 OK", json_type, "{}"), 502, "proxy.upstream_invalid_reply"),
        (reply("200 OK", json_type, ""), 502, "proxy.upstream_invalid_reply"),
        (reply("202 Accepted", "", ""), 502, "proxy.upstream_invalid_reply"),
        (reply("200 OK", &format!("{json_type}Content-Encoding: gzip\r\n"), ok), 502, "proxy.upstream_invalid_reply"),
        ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{".to_owned(), 504, "proxy.upstream_timeout"),
        ("garbage\r\n\r\n".to_owned(), 502, "proxy.upstream_invalid_reply"),
    ];
    for (bytes, status, code) in cases {
        let answer = bytes.clone();
        world.crm.answers(move |_| Answer::Bytes(answer.clone()));
        let reply = world.call_tool(&world.alice.token, "search").await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{bytes:?}");
        assert_eq!(reply.json()["id"], 7);
        assert!(reply.header("www-authenticate").is_none() && reply.header("location").is_none());
    }
    world.crm.answers(|_| Answer::Close);
    assert_eq!(world.call_tool(&world.alice.token, "search").await.code(), "proxy.upstream_invalid_reply");
    world.crm.answers(|_| Answer::Silence);
    let slow = world.call_tool(&world.alice.token, "search").await;
    assert_eq!((slow.status, slow.code().as_str()), (504, "proxy.upstream_timeout"));
    let outcomes: Vec<_> = world.audit().await.into_iter().filter(|event| event["kind"] == "call_outcome").collect();
    assert_eq!(outcomes.len(), 17);
    assert!(outcomes.iter().all(|event| event["outcome"] == "upstream_failed" || event["outcome"] == "timed_out"));
}

#[tokio::test]
async fn an_upstream_that_is_down() {
    let world = World::start().await;
    let address = world.crm.address;
    // Nothing listens behind the other upstream's port once its listener is gone: take one that never listened.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut config = (*world.app.config).clone();
    let crm = config.upstreams.iter_mut().find(|(id, _)| id.as_str() == "crm").map(|(_, crm)| crm).unwrap();
    crm.url = format!("http://{port}/mcp").parse().unwrap();
    let runtime = gateway::runtime::Runtime::new(std::sync::Arc::new(config)).unwrap();
    world.app.runtime.store(std::sync::Arc::new(runtime));
    let reply = world.call_tool(&world.alice.token, "search").await;
    assert_eq!((reply.status, reply.code().as_str()), (502, "proxy.upstream_unreachable"));
    assert!(!reply.body.contains(&port.to_string()) && !reply.body.contains(&address.to_string()), "no inside address: {}", reply.body);
}

#[tokio::test]
async fn errors_of_the_protocol_pass_and_headers_do_not() {
    let world = World::start().await;
    let error = json!({ "jsonrpc": "2.0", "id": 7, "error": { "code": -32602, "message": "unknown tool" } }).to_string();
    let hostile = "Content-Type: application/json\r\nSet-Cookie: a=b\r\nServer: secret/1\r\nWWW-Authenticate: Bearer\r\nX-Powered-By: x\r\n\
                   Access-Control-Allow-Origin: *\r\nStrict-Transport-Security: max-age=1\r\nMcp-Session-Id: stolen\r\nCache-Control: public\r\n";
    for status in ["200 OK", "400 Bad Request", "404 Not Found", "500 Internal Server Error"] {
        let answer = reply(status, hostile, &error);
        world.crm.answers(move |_| Answer::Bytes(answer.clone()));
        let reply = world.call_tool(&world.alice.token, "search").await;
        assert!(status.starts_with(&reply.status.to_string()));
        assert_eq!(reply.body, error);
        for name in [
            "set-cookie",
            "server",
            "www-authenticate",
            "x-powered-by",
            "access-control-allow-origin",
            "strict-transport-security",
            "mcp-session-id",
        ] {
            assert!(reply.header(name).is_none(), "{name} in {}", reply.head);
        }
        assert_eq!(reply.header("cache-control").as_deref(), Some("no-store"));
    }
    let outcome = world.audit().await.pop().unwrap();
    assert_eq!((&outcome["outcome"], &outcome["status"]), (&json!("upstream_error"), &json!(500)));
    let failed = json!({ "jsonrpc": "2.0", "id": 7, "result": { "content": [], "isError": true } });
    world.crm.answers(move |_| crate::upstream::json(&failed));
    world.call_tool(&world.alice.token, "search").await;
    assert_eq!(world.audit().await.pop().unwrap()["outcome"], "tool_error");
}

#[tokio::test]
async fn a_long_reply_passes_as_it_comes() {
    let world = World::start().await;
    let text = "x".repeat(3 << 20);
    let body = json!({ "jsonrpc": "2.0", "id": 7, "result": { "content": [{ "type": "text", "text": text }] } }).to_string();
    let answer = reply("200 OK", "Content-Type: application/json\r\n", &body);
    world.crm.answers(move |_| Answer::Bytes(answer.clone()));
    let reply = world.call_tool(&world.alice.token, "search").await;
    assert_eq!(reply.body.len(), body.len());
    assert!(reply.body == body);
}
