//! What an administrator ended is over for the authorization server too.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::harness::Gateway;

async fn end(gateway: &Gateway, body: &str) -> Value {
    let mut stream = UnixStream::connect(gateway::admin::path_in(&gateway.app.config.data_dir)).await.unwrap();
    let request = format!("POST /sessions/end HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_codes_and_refresh_tokens() {
    let gateway = Gateway::start().await;
    let server = gateway::admin::Server::start(&gateway.app).await.unwrap();
    let client = gateway.register().await;
    let (alice, elsewhere) = (gateway.sign_in("okta", "alice").await, gateway.sign_in("okta", "alice").await);
    let first = gateway.code_of(&alice, &client, &[]).await;
    let issued = gateway.redeem(&client, &first).await.json();
    let waiting = gateway.code_of(&alice, &client, &[]).await;
    let second = gateway.code_of(&elsewhere, &client, &[]).await;
    let other = gateway.redeem(&client, &second).await.json();

    let ended = end(&gateway, &format!("{{\"session\":\"{}\"}}", alice.session)).await;
    assert_eq!((&ended["sessions"], &ended["grants"]), (&1.into(), &1.into()));
    let refused = |reply: super::harness::Reply| reply.oauth_error();
    let invalid = |code: &str| (400, "invalid_grant".to_owned(), code.to_owned());
    let token = issued["refresh_token"].as_str().unwrap();
    assert_eq!(refused(gateway.refresh(&client, token).await), invalid("authserver.grant_ended"));
    assert_eq!(refused(gateway.redeem(&client, &waiting).await), invalid("authserver.code_expired"));
    let reply = gateway.refresh(&client, other["refresh_token"].as_str().unwrap()).await;
    assert_eq!(reply.status, 200, "the other browser's program goes on");
    let summary = gateway.audit_summary();
    let ours: Vec<&String> = summary.iter().filter(|line| line.starts_with("admin") || line.starts_with("session_ended")).collect();
    assert_eq!(ours, ["admin_act", "session_ended"]);

    let ended = end(&gateway, "{\"user\":\"alice\"}").await;
    assert_eq!((&ended["sessions"], &ended["grants"]), (&1.into(), &1.into()));
    let token = reply.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(refused(gateway.refresh(&client, &token).await), invalid("authserver.grant_ended"));
    server.stop().await;
}
