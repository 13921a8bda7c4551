use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{Kind, router};

/// Sends one message of the stateless era (2026-07-28) and gives the result of the reply.
async fn call(router: &Router, method: &str, name: Option<&str>, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let mut request = Request::post("/mcp")
        .header(header::HOST, "127.0.0.1")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .header("x-auth-request-user", "usr_1");
    if let Some(name) = name {
        request = request.header("mcp-name", name);
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let response = router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let bytes = axum::body::to_bytes(Body::new(response.into_body()), 1 << 20).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).rfind(|line| !line.is_empty()).unwrap_or(&text);
    let reply: Value = serde_json::from_str(data).unwrap_or_else(|_| panic!("{text}"));
    assert!(reply.get("result").is_some(), "{reply}");
    reply["result"].clone()
}

async fn read_only_tools(kind: Kind) -> BTreeMap<String, bool> {
    let list = call(&router(kind), "tools/list", None, json!({})).await;
    let tools = list["tools"].as_array().unwrap().iter();
    tools.map(|tool| (tool["name"].as_str().unwrap().to_owned(), tool["annotations"]["readOnlyHint"].as_bool().unwrap())).collect()
}

#[tokio::test]
async fn every_tool_says_whether_it_only_reads() {
    let crm = [
        ("create_ticket", false),
        ("delete_customer", false),
        ("get_customer", true),
        ("list_customers", true),
        ("search_tickets", true),
        ("whoami", true),
    ];
    assert_eq!(read_only_tools(Kind::Crm).await, BTreeMap::from(crm.map(|(name, read)| (name.to_owned(), read))));
    let deploy = [("deploy", false), ("list_services", true), ("rollback", false), ("whoami", true)];
    assert_eq!(read_only_tools(Kind::Deploy).await, BTreeMap::from(deploy.map(|(name, read)| (name.to_owned(), read))));
}

#[tokio::test]
async fn tools_change_the_records_that_other_tools_show() {
    let router = router(Kind::Crm);
    let ticket = json!({ "name": "create_ticket", "arguments": { "customer_id": 3, "subject": "Printer on fire" } });
    assert_eq!(call(&router, "tools/call", Some("create_ticket"), ticket).await["structuredContent"]["id"], 2);
    let search = json!({ "name": "search_tickets", "arguments": { "text": "FIRE" } });
    assert_eq!(call(&router, "tools/call", Some("search_tickets"), search).await["structuredContent"]["tickets"][0]["customer_id"], 3);
    let delete = json!({ "name": "delete_customer", "arguments": { "id": 3 } });
    assert_eq!(call(&router, "tools/call", Some("delete_customer"), delete.clone()).await["structuredContent"]["deleted"], 3);
    assert_eq!(call(&router, "tools/call", Some("delete_customer"), delete).await["isError"], true);
}

#[tokio::test]
async fn whoami_shows_the_identity_headers() {
    let answer = call(&router(Kind::Deploy), "tools/call", Some("whoami"), json!({ "name": "whoami", "arguments": {} })).await;
    assert_eq!(answer["structuredContent"]["headers"]["x-auth-request-user"], "usr_1");
    assert_eq!(answer["structuredContent"]["received_authorization"], false);
}

#[tokio::test]
async fn the_resource_and_the_prompt_are_there() {
    let router = router(Kind::Crm);
    let read = call(&router, "resources/read", Some("crm://handbook"), json!({ "uri": "crm://handbook" })).await;
    assert_eq!(read["contents"][0]["uri"], "crm://handbook");
    let prompts = call(&router, "prompts/list", None, json!({})).await;
    assert_eq!(prompts["prompts"][0]["name"], "summarize_customer");
}
