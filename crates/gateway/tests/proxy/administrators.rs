//! What an administrator ends over the socket is over for the next request and for open streams; what they link gives nobody
//! more than they had.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::streams::open_call;
use crate::world::{World, person};

/// One request on the admin socket: status and body.
async fn admin(world: &World, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut stream = UnixStream::connect(gateway::admin::path_in(&world.app.config.data_dir)).await.unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// The audit events of the request that ended something.
fn events(world: &World, kind: &str) -> Vec<Value> {
    let dir = &world.app.config.audit.dir;
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let text: String = files.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).filter(|event| event["kind"] == kind).collect()
}

#[tokio::test]
async fn ending_takes_effect_at_once_for_whom_it_is_meant() {
    for what in ["grant", "user", "all"] {
        let world = World::start().await;
        assert_eq!(world.call_tool(&world.alice.token, "search").await.status, 200);
        let (_, listed) = admin(&world, "GET", "/sessions?user=ALICE@example.com", &Value::Null).await;
        let grants = listed["grants"].as_array().unwrap();
        assert_eq!((grants.len(), &grants[0]["id"]), (1, &json!(world.alice.grant.to_string())), "{listed}");
        assert_eq!((&grants[0]["upstream"], &grants[0]["user"]["username"]), (&json!("crm"), &json!("alice")));
        let body = match what {
            "grant" => json!({ "session": world.alice.grant.to_string() }),
            "user" => json!({ "user": "alice" }),
            _ => json!({ "all": true }),
        };
        let (mut stream, _feed) = open_call(&world).await;
        let (status, ended) = admin(&world, "POST", "/sessions/end", &body).await;
        let expected = if what == "all" { 2 } else { 1 };
        assert_eq!((status, &ended["grants"]), (200, &json!(expected)), "{what}");
        let reply = world.call_tool(&world.alice.token, "search").await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "proxy.token_revoked"), "{what}");
        assert_eq!(stream.chunk().await, "", "{what}: the open stream ends");
        assert_eq!(world.call_tool(&world.bob.token, "search").await.status == 401, what == "all", "{what}");
        let revoked = events(&world, "token_revoked");
        assert_eq!(revoked.len(), expected);
        let of_alice = revoked.iter().find(|event| event["person"]["username"] == "alice").unwrap();
        assert_eq!((&of_alice["upstream"], &of_alice["grant"]), (&json!("crm"), &json!(world.alice.grant.to_string())));
        let act = &events(&world, "admin_act")[0];
        assert_eq!((&act["name"], &act["request_id"]), (&json!("/sessions/end"), &of_alice["request_id"]));
        assert_eq!(act["detail"]["operator"], of_alice["detail"]["operator"]);
    }
}

#[tokio::test]
async fn what_is_not_clear_is_not_ended() {
    let world = World::start().await;
    world.call_tool(&world.alice.token, "search").await;
    person(&world.app, "alice", "partners", &[], "wiki").await;
    let cases = [
        (json!({ "user": "alice" }), 409, "admin.user_ambiguous"),
        (json!({ "user": "alice@example.com" }), 409, "admin.user_ambiguous"),
        (json!({ "user": "nobody" }), 404, "admin.user_unknown"),
        (json!({ "user": store::UserId::new().to_string() }), 404, "admin.user_unknown"),
        (json!({ "session": store::GrantId::new().to_string() }), 404, "admin.session_unknown"),
        (json!({ "session": store::BrowserSessionId::new().to_string() }), 404, "admin.session_unknown"),
        (json!({ "session": "" }), 404, "admin.session_unknown"),
        (json!({ "all": false }), 400, "admin.request_malformed"),
        (json!({ "all": true, "user": "bob" }), 400, "admin.request_malformed"),
        (json!({}), 400, "admin.request_malformed"),
    ];
    for (body, status, code) in cases {
        let (given, reply) = admin(&world, "POST", "/sessions/end", &body).await;
        assert_eq!((given, reply["code"].as_str()), (status, Some(code)), "{body}: {reply}");
    }
    assert_eq!(world.call_tool(&world.alice.token, "search").await.status, 200);
    assert_eq!(events(&world, "admin_act_failed").len(), 10, "what was asked for in vain is on record too");
}

/// The attack: an account at a weaker identity provider with the same address, and even a link to the real person.
#[tokio::test]
async fn neither_an_address_nor_a_link_gives_roles() {
    let world = World::start().await;
    assert_eq!(world.call_tool(&world.alice.token, "search").await.status, 200);
    // Another identity at okta itself, without groups: same address, same user name.
    let now = world.app.clock.now();
    let same = person(&world.app, "alice", "okta", &["engineering", "a,b"], "crm").await;
    assert_eq!(same.user, world.alice.user, "the same subject is the same identity");
    let other = person(&world.app, "mallory", "okta", &[], "crm").await;
    let linked = json!({ "primary": world.alice.user.to_string(), "other": other.user.to_string() });
    for _ in 0..2 {
        let (status, reply) = admin(&world, "POST", "/users/link", &linked).await;
        assert_eq!((status, reply["users"].as_array().unwrap().len()), (200, 2));
        let reply = world.call_tool(&other.token, "search").await;
        assert_eq!(reply.code(), "policy.default_deny", "{reply:?}");
        assert_eq!(world.call_tool(&world.alice.token, "search").await.status, 200);
    }
    assert_eq!(events(&world, "user_linked").len(), 1);
    // The trail knows that they are one person.
    let calls = world.audit().await;
    let of_other: Vec<&Value> = calls.iter().filter(|event| event["person"]["username"] == "mallory").collect();
    assert!(!of_other.is_empty() && of_other.iter().all(|event| event["person"]["linked_to"] == world.alice.user.to_string()));
    // And what ends one ends the other.
    let (_, ended) = admin(&world, "POST", "/users/disable", &json!({ "user": other.user.to_string() })).await;
    assert!(ended["users"].as_array().unwrap().iter().all(|user| user["disabled"].is_string()), "{ended}");
    assert_eq!(world.call_tool(&world.alice.token, "search").await.status, 401);
    assert!(!world.app.store.grant_is_live(world.alice.grant, now).await.unwrap());
}

#[tokio::test]
async fn links_take_ids_and_nothing_else() {
    let world = World::start().await;
    world.call_tool(&world.alice.token, "search").await;
    let (alice, bob, nobody) = (world.alice.user.to_string(), world.bob.user.to_string(), store::UserId::new().to_string());
    let cases = [
        ("/users/link", json!({ "primary": "alice@example.com", "other": bob }), 400, "admin.user_id_malformed"),
        ("/users/link", json!({ "primary": alice, "other": "bob" }), 400, "admin.user_id_malformed"),
        ("/users/link", json!({ "primary": alice, "other": nobody }), 404, "admin.identity_unknown"),
        ("/users/unlink", json!({ "user": alice }), 409, "admin.not_linked"),
        ("/users/unlink", json!({ "user": nobody }), 404, "admin.identity_unknown"),
        ("/users/disable", json!({ "user": nobody }), 404, "admin.identity_unknown"),
        ("/users/disable", json!({ "user": bob }), 200, ""),
        ("/users/link", json!({ "primary": alice, "other": bob }), 409, "admin.link_disabled_differs"),
        ("/users/enable", json!({ "user": bob }), 200, ""),
        ("/users/link", json!({ "primary": alice, "other": bob }), 200, ""),
        ("/users/unlink", json!({ "user": alice }), 409, "admin.first_identity"),
        ("/users/unlink", json!({ "user": bob }), 200, ""),
    ];
    for (path, body, status, code) in cases {
        let (given, reply) = admin(&world, "POST", path, &body).await;
        assert_eq!((given, reply["code"].as_str().unwrap_or_default()), (status, code), "{path} {body}: {reply}");
    }
    for kind in ["user_disabled", "user_enabled", "user_linked", "user_unlinked"] {
        let found = events(&world, kind);
        assert_eq!((found.len(), &found[0]["person"]["username"]), (1, &json!("bob")), "{kind}");
    }
}
