//! Event streams: unbuffered, cancelled where the era says so, ended when the grant ends.

use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::client::Connection;
use crate::upstream::{Answer, PATIENCE, event_stream};
use crate::world::World;

/// Answers one request with a stream; gives what feeds it.
fn one_stream(world: &World) -> mpsc::UnboundedSender<String> {
    let (answer, feed) = event_stream();
    let answer = Mutex::new(Some(answer));
    world.crm.answers(move |_| answer.lock().unwrap().take().unwrap_or(Answer::Close));
    feed
}

async fn eventually(what: impl Fn() -> bool) -> bool {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !what() && tokio::time::Instant::now() < end {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    what()
}

async fn outcome(world: &World) -> Option<Value> {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = world.audit().await.into_iter().find(|event| event["kind"] == "call_outcome");
        if found.is_some() || tokio::time::Instant::now() > end {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

fn legacy_call(world: &World) -> String {
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "search" } }).to_string();
    world.post(&world.alice.token, "", &body)
}

#[tokio::test]
async fn events_pass_one_by_one_and_unchanged() {
    let world = World::start().await;
    let feed = one_stream(&world);
    let mut client = Connection::open(world.address).await;
    client.send(&legacy_call(&world)).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200") && head.to_ascii_lowercase().contains("x-accel-buffering: no"), "{head}");
    let parts = [
        "id: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/pro",
        "gress\"}\r\n\r\n",
        ": ping\n\n",
        "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"isError\":true}}\n\n",
    ];
    for part in parts {
        feed.send(part.to_owned()).unwrap();
        assert_eq!(client.chunk().await, part, "each part before the next is written");
    }
    drop(feed);
    assert_eq!(client.chunk().await, "");
    let outcome = outcome(&world).await.unwrap();
    assert_eq!((&outcome["outcome"], &outcome["status"]), (&json!("tool_error"), &json!(200)));
    assert_eq!(outcome["detail"]["bytes"], parts.iter().map(|part| part.len()).sum::<usize>().to_string());
}

#[tokio::test]
async fn a_client_that_goes_cancels_in_the_modern_era_only() {
    for (modern, cut, ended) in [(true, 1, "cancelled"), (false, 0, "success")] {
        let world = World::start().await;
        let feed = one_stream(&world);
        let mut client = Connection::open(world.address).await;
        let request =
            if modern { world.modern(&world.alice.token, "tools/call", json!({ "name": "search" })) } else { legacy_call(&world) };
        client.send(&request).await;
        client.head().await;
        feed.send(": hello\n\n".to_owned()).unwrap();
        client.chunk().await;
        drop(client);
        if modern {
            assert!(eventually(|| world.crm.cut() == 1).await, "the upstream's connection is closed");
        } else {
            feed.send("data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n\n".to_owned()).unwrap();
            drop(feed);
        }
        assert_eq!(outcome(&world).await.unwrap()["outcome"], ended);
        assert_eq!(world.crm.cut(), cut);
    }
}

#[tokio::test]
async fn a_client_that_goes_before_the_reply_cancels_in_the_modern_era() {
    let world = World::start().await;
    world.crm.answers(|_| Answer::Silence);
    let mut client = Connection::open(world.address).await;
    client.send(&world.modern(&world.alice.token, "tools/call", json!({ "name": "search" }))).await;
    assert!(eventually(|| world.crm.received().len() == 1).await);
    drop(client);
    assert!(eventually(|| world.crm.cut() == 1).await, "long before the upstream's two seconds are over");
    assert_eq!(outcome(&world).await.unwrap()["outcome"], "cancelled");
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_cut_off() {
    let world = World::start().await;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n: a\n\n\r\nXX".to_owned();
    world.crm.answers(move |_| Answer::Bytes(head.clone()));
    let mut client = Connection::open(world.address).await;
    client.send(&legacy_call(&world)).await;
    client.head().await;
    assert_eq!(client.chunk().await, ": a\n\n");
    let outcome = outcome(&world).await.unwrap();
    assert_eq!((&outcome["outcome"], &outcome["code"]), (&json!("upstream_failed"), &json!("proxy.upstream_invalid_reply")));
}

#[tokio::test]
async fn the_standing_stream_of_a_session_is_filtered_too() {
    let world = World::start().await;
    let opened = world.call(&world.bob.token, "initialize", &json!({ "protocolVersion": "2025-11-25" })).await;
    let session = opened.header("mcp-session-id").unwrap();
    let feed = one_stream(&world);
    let mut client = Connection::open(world.address).await;
    let request = format!(
        "GET /crm/mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\nMcp-Session-Id: {session}\r\nLast-Event-ID: 41\r\n\r\n",
        world.address, world.bob.token
    );
    client.send(&request).await;
    client.head().await;
    assert_eq!(world.crm.received()[1].header("last-event-id"), ["41"]);
    feed.send("id: 42\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":\"secret_plan\"},".to_owned()).unwrap();
    feed.send("{\"name\":\"search\",\"annotations\":{\"readOnlyHint\":true}}]}}\n\n".to_owned()).unwrap();
    let event = client.chunk().await;
    assert!(event.starts_with("id: 42\ndata: ") && event.contains("search") && !event.contains("secret_plan"), "{event}");
    drop(client);
    assert!(eventually(|| world.crm.cut() == 1).await, "a standing stream has nothing to finish");
}

/// A call whose stream is open, with one event passed on.
pub(crate) async fn open_call(world: &World) -> (Connection, mpsc::UnboundedSender<String>) {
    let feed = one_stream(world);
    let mut client = Connection::open(world.address).await;
    client.send(&legacy_call(world)).await;
    client.head().await;
    feed.send(": hello\n\n".to_owned()).unwrap();
    client.chunk().await;
    (client, feed)
}

#[tokio::test]
async fn an_open_stream_ends_with_the_right_to_it() {
    for (why, code) in [("revoked", "proxy.token_revoked"), ("disabled", "proxy.token_revoked"), ("unknown", "proxy.store_unavailable")] {
        let world = World::start().await;
        let (mut client, _feed) = open_call(&world).await;
        let (store, now) = (&world.app.store, world.app.clock.now());
        match why {
            "revoked" => drop(store.revoke_grant(world.alice.grant, store::RevokeReason::Administrator, now).await.unwrap()),
            "disabled" => drop(store.set_user_disabled(world.alice.user, true, now).await.unwrap()),
            _ => store.close().await,
        }
        assert_eq!(client.chunk().await, "", "{why}");
        let outcome = outcome(&world).await.unwrap();
        assert_eq!((&outcome["outcome"], &outcome["code"]), (&json!("refused"), &json!(code)), "{why}");
        assert!(eventually(|| world.crm.cut() == 1).await, "{why}: the upstream's connection is closed");
    }
}

#[tokio::test]
async fn a_call_without_a_reply_yet_ends_with_the_right_to_it() {
    let world = World::start().await;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    let (feed, chunks) = mpsc::unbounded_channel();
    let answer = Mutex::new(Some(Answer::Stream(head, chunks)));
    world.crm.answers(move |_| answer.lock().unwrap().take().unwrap_or(Answer::Close));
    let mut client = Connection::open(world.address).await;
    client.send(&legacy_call(&world)).await;
    assert!(eventually(|| world.crm.received().len() == 1).await);
    // A body that drips on meets no deadline of its own.
    let drip = tokio::spawn(async move {
        while feed.send(" ".to_owned()).is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    world.app.store.revoke_grant(world.alice.grant, store::RevokeReason::Administrator, world.app.clock.now()).await.unwrap();
    let reply = tokio::time::timeout(PATIENCE, client.reply()).await.expect("no reply in time");
    assert_eq!((reply.status, reply.code().as_str()), (401, "proxy.token_revoked"));
    assert_eq!(outcome(&world).await.unwrap()["outcome"], "refused");
    drip.await.unwrap();
}

#[tokio::test]
async fn a_client_that_reads_nothing_keeps_no_right() {
    let world = World::start().await;
    let (client, feed) = open_call(&world).await;
    for _ in 0..500 {
        feed.send(format!(": {}\n\n", "x".repeat(64 * 1024))).unwrap();
    }
    world.app.store.revoke_grant(world.alice.grant, store::RevokeReason::Administrator, world.app.clock.now()).await.unwrap();
    assert_eq!(outcome(&world).await.unwrap()["code"], "proxy.token_revoked");
    drop(client);
}

#[tokio::test]
async fn the_shutdown_records_how_calls_ended_that_go_on_without_a_client() {
    let mut world = World::start().await;
    let (client, _feed) = open_call(&world).await;
    drop(client);
    world.stop().await;
    let ends: Vec<_> = world.journal().into_iter().filter(|event| event["kind"] == "call_outcome").collect();
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0]["outcome"], "cancelled");
}

/// A standing stream, answered with JSON against the protocol: no list passes there either.
#[tokio::test]
async fn a_standing_stream_of_json_is_filtered_too() {
    let world = World::start().await;
    let opened = world.call(&world.bob.token, "initialize", &json!({ "protocolVersion": "2025-11-25" })).await;
    let session = opened.header("mcp-session-id").unwrap();
    world.crm.answers(|_| crate::upstream::json(&json!({ "jsonrpc": "2.0", "id": 7, "result": { "tools": crate::upstream::tools() } })));
    let request = format!(
        "GET /crm/mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nMcp-Session-Id: {session}\r\n\r\n",
        world.address, world.bob.token
    );
    let reply = world.send(&request).await;
    assert!(reply.body.contains("read_customer") && !reply.body.contains("secret_plan"), "{}", reply.body);
}

#[tokio::test]
async fn a_lookup_has_an_outcome_also_without_a_client() {
    let world = World::start().await;
    world.crm.answers(|_| Answer::Silence);
    let mut client = Connection::open(world.address).await;
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "search" } }).to_string();
    client.send(&world.post(&world.bob.token, "", &body)).await;
    assert!(eventually(|| world.crm.received().len() == 1).await);
    drop(client);
    let outcome = outcome(&world).await.expect("an outcome");
    assert_eq!((&outcome["outcome"], &outcome["detail"]["purpose"]), (&json!("timed_out"), &json!("catalogue")));
}
