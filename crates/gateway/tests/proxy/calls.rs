//! Calls that policy permits and denies, in every era, and what the audit trail says of them.

use serde_json::{Value, json};

use crate::upstream::{Answer, TOOLS, json as json_reply, mcp_server, reply, tools};
use crate::world::{World, person};

/// What the policy of [`World`] means for each tool.
fn permitted(person: &str, tool: &str) -> bool {
    match person {
        "alice" => tool != "delete_customer",
        _ => ["read_customer", "search"].contains(&tool),
    }
}

#[tokio::test]
async fn a_tool_is_called_exactly_if_it_is_permitted() {
    let world = World::start().await;
    for (name, token) in [("alice", &world.alice.token), ("bob", &world.bob.token)] {
        for (tool, _) in TOOLS {
            let before = calls(&world);
            let legacy = world.call_tool(token, tool).await;
            let modern = world.send(&world.modern(token, "tools/call", json!({ "name": tool }))).await;
            for reply in [legacy, modern] {
                let error = &reply.json()["error"];
                assert_eq!(reply.status, 200);
                assert_eq!(error.is_null(), permitted(name, tool), "{name} {tool}: {}", reply.body);
                if !error.is_null() {
                    assert!(!(-32768..=-32000).contains(&error["code"].as_i64().unwrap()));
                    assert!(error["data"]["code"].as_str().unwrap().starts_with("policy."));
                    assert!(error["data"]["request_id"].as_str().unwrap().starts_with("req_"));
                }
            }
            assert_eq!(calls(&world) - before, if permitted(name, tool) { 2 } else { 0 }, "{name} {tool}");
        }
    }
}

fn calls(world: &World) -> usize {
    world.crm.received().iter().filter(|request| request.method() == "tools/call").count()
}

#[tokio::test]
async fn a_call_goes_on_byte_for_byte() {
    let world = World::start().await;
    let body = "{ \"jsonrpc\":\"2.0\",\r\n\"id\":\"x\\u0041\",\"method\":\"tools/call\",\"params\":{\"name\":\"search\",\"arguments\":{\"n\":1.50,\"Name\":2}} } ";
    let reply = world.send(&world.post(&world.alice.token, "", body)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(world.crm.received()[0].body, body);
}

#[tokio::test]
async fn prompts_resources_and_completions_follow_the_same_policy() {
    let world = World::start().await;
    let cases = [
        ("prompts/get", json!({ "name": "greet" }), true),
        ("prompts/get", json!({ "name": "secret" }), false),
        ("resources/read", json!({ "uri": "docs://a" }), true),
        ("resources/read", json!({ "uri": "secret://b" }), false),
        ("resources/subscribe", json!({ "uri": "docs://a" }), true),
        ("resources/subscribe", json!({ "uri": "secret://b" }), false),
        ("resources/unsubscribe", json!({ "uri": "secret://b" }), false),
        ("completion/complete", json!({ "ref": { "type": "ref/prompt", "name": "greet" } }), true),
        ("completion/complete", json!({ "ref": { "type": "ref/prompt", "name": "secret" } }), false),
        ("completion/complete", json!({ "ref": { "type": "ref/resource", "uri": "secret://b" } }), false),
        ("subscriptions/listen", json!({ "notifications": { "resourceSubscriptions": ["docs://a"] } }), true),
        ("subscriptions/listen", json!({ "notifications": { "resourceSubscriptions": ["docs://a", "secret://b"] } }), false),
        ("initialize", json!({ "protocolVersion": "2025-11-25" }), true),
        ("ping", json!({}), true),
        ("server/discover", json!({}), true),
    ];
    for (method, params, expected) in cases {
        let reply = world.call(&world.alice.token, method, &params).await;
        assert_eq!(reply.json()["error"].is_null(), expected, "{method} {params}: {}", reply.body);
    }
    let public = json!({ "jsonrpc": "2.0", "id": 7, "result": { "contents": [], "cacheScope": "public" } });
    world.crm.answers(move |_| json_reply(&public));
    for (method, params) in [("resources/read", json!({ "uri": "docs://a" })), ("server/discover", json!({}))] {
        let reply = world.send(&world.modern(&world.alice.token, method, params)).await;
        assert_eq!(reply.json()["result"]["cacheScope"], "private", "{method}: policy decided for one person");
    }
    let stranger = person(&world.app, "stranger", "okta", &["elsewhere"], "crm").await;
    for method in ["initialize", "ping", "tools/list", "server/discover"] {
        let reply = world.call(&stranger.token, method, &json!({})).await;
        assert_eq!((reply.status, reply.code().as_str()), (200, "policy.default_deny"), "{method}");
    }
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let reply = world.send(&world.post(&stranger.token, "", notification)).await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "policy.default_deny"), "no answer but the status");
}

#[tokio::test]
async fn the_audit_trail_names_the_person_and_never_a_value() {
    let world = World::start().await;
    world.call_tool(&world.alice.token, "search").await;
    world.call_tool(&world.alice.token, "delete_customer").await;
    let events = world.audit().await;
    let lines: Vec<(Value, Value, Value, Value)> = events
        .iter()
        .map(|event| (event["kind"].clone(), event["name"].clone(), event["decision"].clone(), event["outcome"].clone()))
        .collect();
    let row = |kind: &str, name: &str, decision: &str, outcome: Value| (json!(kind), json!(name), json!(decision), outcome);
    assert_eq!(
        lines,
        [
            row("call", "search", "permit", Value::Null),
            row("call_outcome", "search", "permit", json!("success")),
            row("call", "delete_customer", "deny", json!("refused")),
        ]
    );
    for event in &events {
        assert_eq!(event["person"]["username"], "alice");
        assert_eq!(event["client"]["id"], "test-client");
        assert_eq!(event["method"], "tools/call");
        assert_eq!(event["grant"], world.alice.grant.to_string());
        assert!(!event.to_string().contains("a value"), "{event}");
    }
    assert_eq!(events[0]["argument_names"], json!(["customer"]));
    assert_eq!(events[0]["roles"], json!(["engineer"]));
    assert_eq!(events[2]["code"], "policy.explicit_deny");
    assert!(!events[0]["policies"].as_array().unwrap().is_empty() && !events[2]["policies"].as_array().unwrap().is_empty());
    assert_eq!(events[1]["call"], events[0]["id"]);
}

#[tokio::test]
async fn annotations_are_asked_for_in_the_callers_own_session() {
    let world = World::start().await;
    let answers = world.call(&world.bob.token, "initialize", &json!({ "protocolVersion": "2025-11-25" })).await;
    let session = answers.header("mcp-session-id").unwrap();
    let body = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"read_customer"}}"#;
    let headers = format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
    let reply = world.send(&world.post(&world.bob.token, &headers, body)).await;
    assert!(reply.json()["error"].is_null(), "{}", reply.body);
    let received = world.crm.received();
    let methods: Vec<String> = received.iter().map(crate::upstream::Received::method).collect();
    assert_eq!(methods, ["initialize", "tools/list", "tools/call"]);
    assert_eq!(received[1].header("mcp-session-id"), [session]);
    assert_eq!(received[1].header("mcp-protocol-version"), ["2025-11-25"]);
    // Known now: not asked again.
    world.send(&world.post(&world.bob.token, &headers, body)).await;
    assert_eq!(world.crm.received().len(), 4);
    let lookups = world.audit().await.iter().filter(|event| event["method"] == "tools/list" && event["kind"] == "call").count();
    assert_eq!(lookups, 1, "a lookup is recorded like a call");
}

#[tokio::test]
async fn annotations_on_later_pages_and_in_streams_are_found() {
    let world = World::start().await;
    world.crm.answers(|request| {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        if request.method() != "tools/list" {
            return mcp_server(request);
        }
        let page = body["params"]["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
        let mut result = json!({ "tools": [tools()[page].clone()] });
        if page + 1 < TOOLS.len() {
            result["nextCursor"] = json!((page + 1).to_string());
        }
        let message = json!({ "jsonrpc": "2.0", "id": body["id"], "result": result });
        Answer::Bytes(reply("200 OK", "Content-Type: text/event-stream\r\n", &format!(": hello\n\nevent: message\ndata: {message}\n\n")))
    });
    let reply = world.send(&world.modern(&world.bob.token, "tools/call", json!({ "name": "search" }))).await;
    assert!(reply.json()["error"].is_null(), "{}", reply.body);
    let received = world.crm.received();
    assert_eq!(received.len(), 5, "four pages and the call");
    assert_eq!(received[0].header("mcp-method"), ["tools/list"]);
    assert!(received[0].header("mcp-name").is_empty() && received[0].body.contains("2026-07-28"));
    let unknown = world.call_tool(&world.bob.token, "no_such_tool").await;
    assert_eq!(unknown.code(), "policy.default_deny");
}

#[tokio::test]
async fn sessions_belong_to_whom_they_were_given() {
    let world = World::start().await;
    let opened = world.call(&world.alice.token, "initialize", &json!({ "protocolVersion": "2025-11-25" })).await;
    let session = opened.header("mcp-session-id").unwrap();
    let eve = person(&world.app, "eve", "okta", &["engineering"], "crm").await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let header = format!("Mcp-Session-Id: {session}\r\n");
    let bare = |method: &str, token: &str| {
        format!("{method} /crm/mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n{header}\r\n", world.address)
    };
    let before = world.crm.received().len();
    for request in [world.post(&eve.token, &header, ping), bare("GET", &eve.token), bare("DELETE", &eve.token)] {
        let reply = world.send(&request).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "proxy.session_unknown"), "{request:.20}");
    }
    assert_eq!(world.crm.received().len(), before);
    assert_eq!(world.send(&world.post(&world.alice.token, &header, ping)).await.status, 200);
    // An upstream that gives the same id twice does not hand the session over.
    world.call(&eve.token, "initialize", &json!({ "protocolVersion": "2025-11-25" })).await;
    assert_eq!(world.send(&world.post(&eve.token, &header, ping)).await.status, 404);
    world.crm.answers(|_| Answer::Bytes(reply("200 OK", "", "")));
    assert_eq!(world.send(&bare("DELETE", &world.alice.token)).await.status, 200);
    assert_eq!(world.send(&world.post(&world.alice.token, &header, ping)).await.status, 404, "the session is over");
}

/// security D10: ids of requests are small numbers, and only a session says whose question is answered.
#[tokio::test]
async fn an_answer_belongs_to_a_session() {
    let world = World::start().await;
    let opened = world.call(&world.alice.token, "initialize", &json!({ "protocolVersion": "2025-11-25" })).await;
    let own = format!("Mcp-Session-Id: {}\r\n", opened.header("mcp-session-id").unwrap());
    for body in [r#"{"jsonrpc":"2.0","id":0,"result":{"action":"accept"}}"#, r#"{"jsonrpc":"2.0","id":0,"error":{"code":1,"message":"x"}}"#]
    {
        let reply = world.send(&world.post(&world.bob.token, "", body)).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "proxy.session_unknown"), "{body}");
        assert_eq!(world.send(&world.post(&world.bob.token, &own, body)).await.status, 404, "another's session");
    }
    assert_eq!(world.crm.received().len(), 1);
    world.crm.answers(|_| Answer::Bytes(reply("202 Accepted", "", "")));
    let body = r#"{"jsonrpc":"2.0","id":0,"result":{"action":"accept"}}"#;
    assert_eq!(world.send(&world.post(&world.alice.token, &own, body)).await.status, 202);
}

#[tokio::test]
async fn tasks_belong_to_whom_they_were_given() {
    let world = World::start().await;
    world.crm.answers(|request| match request.method().as_str() {
        "tools/call" => json_reply(&json!({ "jsonrpc": "2.0", "id": 7, "result": { "task": { "taskId": "t-1", "status": "working" } } })),
        "tasks/list" => {
            json_reply(&json!({ "jsonrpc": "2.0", "id": 7, "result": { "tasks": [{ "taskId": "t-1" }, { "taskId": "t-2" }] } }))
        }
        _ => json_reply(&json!({ "jsonrpc": "2.0", "id": 7, "result": {} })),
    });
    let eve = person(&world.app, "eve", "okta", &["engineering"], "crm").await;
    world.call(&world.alice.token, "tools/call", &json!({ "name": "search", "task": {} })).await;
    for (token, expected, listed) in [(&world.alice.token, "", json!([{ "taskId": "t-1" }])), (&eve.token, "proxy.task_unknown", json!([]))]
    {
        for method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/update"] {
            assert_eq!(world.call(token, method, &json!({ "taskId": "t-1" })).await.code(), expected, "{method}");
        }
        assert_eq!(world.call(token, "tasks/list", &json!({})).await.json()["result"]["tasks"], listed);
    }
}
