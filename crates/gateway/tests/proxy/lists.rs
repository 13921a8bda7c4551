//! Lists show exactly what calls would be allowed.

use serde_json::{Value, json};

use crate::upstream::{Answer, Received, TOOLS, mcp_server, reply, tools};
use crate::world::World;

fn names(reply: &Value) -> Vec<String> {
    reply["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_shows_what_a_call_would_be_allowed() {
    let world = World::start().await;
    for (token, expected) in [
        (&world.alice.token, vec!["read_customer", "update_customer", "search", "secret_plan"]),
        (&world.bob.token, vec!["read_customer", "search"]),
    ] {
        let reply = world.call(token, "tools/list", &json!({})).await;
        assert_eq!(names(&reply.json()), expected);
        assert_eq!(reply.header("cache-control").as_deref(), Some("private, no-store"));
        assert_eq!(reply.json()["result"]["x-vendor"], 1);
        assert_eq!(reply.json()["result"]["tools"][0]["inputSchema"]["x-mcp-header"], "X");
        assert!(reply.json()["result"].get("cacheScope").is_none());
        for (tool, _) in TOOLS {
            let callable = world.call_tool(token, tool).await.json()["error"].is_null();
            assert_eq!(callable, expected.contains(&tool), "{tool}");
        }
        let modern = world.send(&world.modern(token, "tools/list", json!({}))).await;
        assert_eq!(names(&modern.json()), expected);
        assert_eq!(modern.json()["result"]["cacheScope"], "private");
    }
    let resources = world.call(&world.alice.token, "resources/list", &json!({})).await.json();
    assert_eq!(resources["result"]["resources"], json!([{ "uri": "docs://a", "name": "a" }]));
    let prompts = world.call(&world.alice.token, "prompts/list", &json!({})).await.json();
    assert_eq!(prompts["result"]["prompts"], json!([{ "name": "greet" }]));
    let nothing = world.call(&world.bob.token, "prompts/list", &json!({})).await;
    assert!(!nothing.body.contains("greet"), "{}", nothing.body);
}

fn in_a_stream(request: &Received) -> Answer {
    if request.method() != "tools/list" {
        return mcp_server(request);
    }
    let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 1, "progress": 1 } });
    let message = json!({ "jsonrpc": "2.0", "id": 7, "result": { "tools": tools(), "cacheScope": "public" } });
    let body = format!(": comment\r\n\r\nid: 1\r\nevent: message\r\ndata: {progress}\r\n\r\nid: 2\nretry: 9\ndata: {message}\n\n");
    Answer::Bytes(reply("200 OK", "Content-Type: text/event-stream; charset=utf-8\r\n", &body))
}

#[tokio::test]
async fn lists_in_streams_are_filtered_and_the_rest_stays() {
    let world = World::start().await;
    world.crm.answers(in_a_stream);
    let reply = world.call(&world.bob.token, "tools/list", &json!({})).await;
    assert_eq!((reply.status, reply.header("x-accel-buffering").as_deref()), (200, Some("no")));
    assert!(reply.header("content-type").unwrap().starts_with("text/event-stream"));
    let (before, list) = reply.body.split_once("id: 2\nretry: 9\n").unwrap();
    assert!(before.starts_with(": comment\r\n\r\nid: 1\r\nevent: message\r\ndata: {\"jsonrpc\""), "{before}");
    let list: Value = serde_json::from_str(list.trim().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(names(&list), ["read_customer", "search"]);
    assert_eq!(list["result"]["cacheScope"], "private");
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_not_passed_on() {
    let world = World::start().await;
    let bodies = [
        r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[],"tools":[{"name":"secret_plan"}]}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[],"Tools":[{"name":"secret_plan"}]}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{"tools":{"0":{"name":"secret_plan"}}}}"#,
        r#"[{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"secret_plan"}]}}]"#,
        "<html>secret_plan</html>",
    ];
    for body in bodies {
        world.crm.answers(move |_| Answer::Bytes(reply("200 OK", "Content-Type: application/json\r\n", body)));
        let reply = world.call(&world.bob.token, "tools/list", &json!({})).await;
        assert_eq!((reply.status, reply.code().as_str()), (502, "proxy.upstream_invalid_reply"), "{body}");
        assert!(!reply.body.contains("secret_plan"));
    }
}
