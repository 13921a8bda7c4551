//! A gateway with its socket in a folder of its own, and a client that is not ours.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::operator::Operator;
use super::{Server, path_in};
use crate::app::{App, SharedApp};
use crate::clock::Clock;
use crate::config::Config;

struct World {
    app: SharedApp,
    server: Server,
    folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = App::start(config(folder.path()), Clock::System).await.unwrap();
        let server = Server::start(&app).await.unwrap();
        Self { app, server, folder }
    }

    fn socket(&self) -> PathBuf {
        path_in(&self.folder.path().join("data"))
    }

    /// Status and body of one request.
    async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    /// The events of administrators that are on the disk.
    fn acts(&self) -> Vec<Value> {
        let journal = self.folder.path().join("data/audit");
        let files = std::fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path());
        let text: String = files.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["kind"].as_str().is_some_and(|kind| kind.starts_with("admin"))).collect()
    }
}

fn config(folder: &Path) -> Config {
    let text = format!(
        "
public_url: http://127.0.0.1:1
data_dir: {}
master_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
identity_providers:
  okta: {{ oidc: {{ issuer: https://idp.example.com, client_id: doorward }} }}
upstreams:
  crm: {{ url: http://10.0.0.5:9000/mcp }}
",
        folder.join("data").display()
    );
    Config::from_yaml(&text, folder).unwrap()
}

#[tokio::test]
async fn the_socket_is_the_owners_alone_and_goes_with_the_gateway() {
    let world = World::start().await;
    let socket = world.socket();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let (status, body) = world.send("GET", "/status", "").await;
    assert_eq!((status, body["version"].as_str()), (200, Some(env!("CARGO_PKG_VERSION"))));
    assert_eq!(body["configuration"], world.app.config.fingerprint());
    assert_eq!(world.acts(), Vec::<Value>::new(), "a question is no act");
    world.server.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn every_refusal_is_json_with_its_code() {
    let world = World::start().await;
    let large = "x".repeat(70_000);
    let cases = [
        ("GET", "/nothing", "", 404, "admin.path_unknown"),
        ("POST", "/status", "{}", 405, "admin.method_not_allowed"),
        ("POST", "/status", large.as_str(), 413, "admin.body_too_large"),
    ];
    for (method, path, body, status, code) in cases {
        let (given, reply) = world.send(method, path, body).await;
        assert_eq!((given, reply["code"].as_str()), (status, Some(code)), "{method} {path}");
        assert!(!reply["message"].as_str().unwrap().is_empty());
    }
    world.server.stop().await;
}

#[tokio::test]
async fn an_act_is_on_record_before_it_is_answered_with_who_and_what() {
    let world = World::start().await;
    world.send("POST", "/status", &json!({ "user": "alice", "all": false, "nested": { "a": 1 } }).to_string()).await;
    let [asked, failed] = <[Value; 2]>::try_from(world.acts()).unwrap();
    let uid = Operator { request_id: String::new(), uid: own_uid(&world), login_uid: None }.name();
    assert_eq!(asked["kind"], "admin_act");
    assert_eq!((&asked["method"], &asked["name"]), (&json!("POST"), &json!("/status")));
    assert_eq!(asked["detail"]["operator"], uid);
    assert_eq!((&asked["detail"]["asked_user"], &asked["detail"]["asked_all"]), (&json!("alice"), &json!("false")));
    assert_eq!(asked["detail"]["asked_nested"], Value::Null);
    assert_eq!((&failed["kind"], &failed["call"]), (&json!("admin_act_failed"), &asked["id"]));
    assert_eq!((&failed["code"], &failed["status"]), (&json!("admin.method_not_allowed"), &json!(405)));
    assert_eq!(failed["request_id"], asked["request_id"]);
    world.server.stop().await;
}

#[tokio::test]
async fn an_act_that_cannot_be_recorded_is_not_done() {
    let world = World::start().await;
    world.app.audit.close().await;
    let (status, reply) = world.send("POST", "/status", "{}").await;
    assert_eq!((status, reply["code"].as_str()), (503, Some("audit.closed")));
    world.server.stop().await;
}

#[test]
fn other_users_are_not_served() {
    let operator = |uid| Operator { request_id: String::new(), uid, login_uid: None };
    let own = std::os::unix::fs::MetadataExt::uid(&tempfile::tempdir().unwrap().path().metadata().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    assert!(operator(own).is_allowed());
    assert!(operator(0).is_allowed());
    assert!(!operator(own + 1).is_allowed());
}

#[tokio::test]
async fn what_has_the_sockets_name_already_is_looked_at() {
    for (is_socket, expected) in [(true, None), (false, Some("admin.not_a_socket"))] {
        let folder = tempfile::tempdir().unwrap();
        let app = App::start(config(folder.path()), Clock::System).await.unwrap();
        let path = path_in(&app.config.data_dir);
        // A listener that is dropped leaves its file behind, as a process that was killed does.
        if is_socket {
            drop(StdListener::bind(&path).unwrap());
        } else {
            std::fs::write(&path, "mine").unwrap();
        }
        let started = Server::start(&app).await;
        assert_eq!(started.as_ref().err().map(super::SocketError::code), expected);
        if let Ok(server) = started {
            server.stop().await;
        }
    }
}

#[tokio::test]
async fn a_socket_that_somebody_answers_on_is_not_taken_over() {
    let world = World::start().await;
    let second = Server::start(&world.app).await;
    assert_eq!(second.err().map(|error| error.code()), Some("admin.socket_in_use"));
    assert_eq!(world.send("GET", "/status", "").await.0, 200, "the first one goes on");
    world.server.stop().await;
}

#[tokio::test]
async fn a_path_that_no_socket_can_have_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(100));
    std::fs::create_dir(&deep).unwrap();
    let app = App::start(config(&deep), Clock::System).await.unwrap();
    let started = Server::start(&app).await;
    assert_eq!(started.err().map(|error| error.code()), Some("admin.path_too_long"));
}

#[tokio::test]
async fn the_file_of_another_gateway_is_not_removed_at_the_stop() {
    let world = World::start().await;
    let socket = world.socket();
    std::fs::remove_file(&socket).unwrap();
    let _other = StdListener::bind(&socket).unwrap();
    world.server.stop().await;
    assert!(socket.exists());
}

fn own_uid(world: &World) -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(world.socket()).unwrap())
}

#[tokio::test]
async fn the_saml_key_is_exchanged_step_by_step() {
    let world = World::start().await;
    let states =
        |answer: &Value| answer["keys"].as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let kid = |answer: &Value, place: usize| answer["keys"][place]["kid"].as_str().unwrap().to_owned();
    let (got, list) = world.send("GET", "/saml/keys", "").await;
    assert_eq!((got, states(&list)), (200, vec!["current".to_owned()]));
    assert!(!list.to_string().contains("pkcs8"), "{list}");
    let old = kid(&list, 0);
    let refusals = [
        ("/saml/keys/activate", json!({}), 409, "admin.saml_key_no_next"),
        ("/saml/keys/retire", json!({ "kid": old }), 409, "admin.saml_key_in_use"),
        ("/saml/keys/retire", json!({ "kid": "other" }), 404, "admin.saml_key_unknown"),
        ("/saml/keys/retire", json!({}), 400, "admin.request_malformed"),
    ];
    for (path, body, wanted, code) in refusals {
        let (got, answer) = world.send("POST", path, &body.to_string()).await;
        assert_eq!((got, answer["code"].as_str()), (wanted, Some(code)), "{path} {answer}");
    }
    let (_, list) = world.send("POST", "/saml/keys/next", "").await;
    assert_eq!(states(&list), ["current", "next"]);
    for (path, code) in [("/saml/keys/next", "admin.saml_key_next_exists"), ("/saml/keys/activate", "admin.saml_key_too_young")] {
        let (got, answer) = world.send("POST", path, "{}").await;
        assert_eq!((got, answer["code"].as_str()), (409, Some(code)));
    }
    let next = kid(&list, 1);
    let (_, list) = world.send("POST", "/saml/keys/activate", r#"{"force":true}"#).await;
    assert_eq!((states(&list), kid(&list, 0)), (vec!["current".to_owned(), "previous".to_owned()], next));
    let (_, list) = world.send("POST", "/saml/keys/retire", &json!({ "kid": old }).to_string()).await;
    assert_eq!(states(&list), ["current", "retired"]);
    let asked: Vec<_> = world.acts().iter().filter_map(|event| event["detail"]["asked_kid"].as_str().map(str::to_owned)).collect();
    assert!(asked.contains(&old), "{asked:?}");
}

#[tokio::test]
async fn tests_and_captures_are_made_and_looked_at() {
    let world = World::start().await;
    let (status, test) = world.send("POST", "/sign-in-tests", r#"{"idp":"okta"}"#).await;
    let link = test["link"].as_str().unwrap();
    assert!(status == 200 && link.starts_with("http://127.0.0.1:1/login/test?token="), "{test}");
    let (status, state) = world.send("GET", &format!("/sign-in-tests/{}", test["id"].as_str().unwrap()), "").await;
    assert_eq!((status, &state["idp"], &state["report"]), (200, &"okta".into(), &Value::Null));

    let (_, capture) = world.send("POST", "/captures", r#"{"person":" alice@example.com ","idp":"okta"}"#).await;
    let id = capture["id"].as_str().unwrap().to_owned();
    let (_, all) = world.send("GET", "/captures", "").await;
    assert_eq!((&all[0]["id"], &all[0]["person"], &all[0]["code"]), (&id.as_str().into(), &"alice@example.com".into(), &Value::Null));
    let faults = [
        ("POST", "/sign-in-tests", r#"{"idp":"nobody"}"#, "admin.idp_unknown"),
        ("POST", "/captures", r#"{"person":"alice","idp":"nobody"}"#, "admin.idp_unknown"),
        ("POST", "/captures", r#"{"person":" "}"#, "admin.person_missing"),
        ("GET", "/sign-in-tests/tst_0", "", "admin.test_unknown"),
        ("GET", "/captures/../status", "", "admin.path_unknown"),
        ("GET", "/captures/cap_0", "", "admin.capture_unknown"),
        ("DELETE", "/captures/cap_0", "", "admin.capture_unknown"),
    ];
    for (method, path, body, code) in faults {
        let (_, reply) = world.send(method, path, body).await;
        assert_eq!(reply["code"], code, "{method} {path} {body}: {reply}");
    }
    let (status, _) = world.send("DELETE", &format!("/captures/{id}"), "").await;
    let (gone, _) = world.send("GET", &format!("/captures/{id}"), "").await;
    assert_eq!((status, gone), (200, 404));
    let acts = world.acts();
    assert!(acts.iter().any(|act| act["name"] == "/captures" && act["detail"]["asked_person"] == " alice@example.com "), "{acts:?}");
    assert!(!format!("{acts:?}").contains("token="), "the link is on record nowhere");
}
