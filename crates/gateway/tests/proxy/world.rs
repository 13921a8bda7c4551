//! A whole Doorward in this process, with three people and two upstreams.

use std::net::SocketAddr;
use std::time::Duration;

use gateway::app::{self, App, SharedApp};
use gateway::clock::Clock;
use gateway::config::Config;
use oauth::server::access_token::AccessToken;
use serde_json::{Value, json};
use store::{ClientId, GrantId, NewGrant, NewIdentity, UserId};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Reply, exchange};
use crate::upstream::{PATIENCE, Upstream};

pub(crate) struct World {
    pub(crate) app: SharedApp,
    pub(crate) address: SocketAddr,
    pub(crate) crm: Upstream,
    pub(crate) alice: Person,
    pub(crate) bob: Person,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

/// Somebody with a grant and a token at `crm`.
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) grant: GrantId,
    pub(crate) token: String,
}

const CLIENT: &str = "test-client";

impl World {
    /// Alice (engineering) may use everything but what is denied, Bob (contractor) only what is read-only.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let crm = Upstream::start().await;
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"
public_url: http://{address}
listen: {address}
data_dir: {folder}
master_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
identity_providers:
  okta: {{ oidc: {{ issuer: https://idp.example.com, client_id: doorward }} }}
  partners: {{ oidc: {{ issuer: https://partners.example.com, client_id: doorward }} }}
upstreams:
  crm: {{ url: "http://{crm}/mcp", timeout: 2s, identity_providers: [okta] }}
  wiki: {{ url: "http://{crm}/wiki" }}
allowed_origins: [https://inspector.example.com]
roles:
  engineer: {{ groups: [engineering] }}
  contractor: {{ groups: [contractors] }}
grants:
  - {{ role: engineer, upstream: crm, tools: ["*"], resources: ["docs://*"], prompts: [greet] }}
  - {{ role: contractor, upstream: crm, tools: ["*"], read_only: true }}
denies:
  - {{ role: engineer, upstream: crm, tools: ["delete_*"] }}
  - {{ role: contractor, upstream: crm, tools: [secret_plan] }}
limits: {{ body: 64KiB, body_timeout: 1s }}
"#,
            folder = folder.path().join("data").display(),
            crm = crm.address,
        );
        let mut config = Config::from_yaml(&text, folder.path()).unwrap_or_else(|problems| panic!("{problems:?}"));
        config.limits.grant_recheck = Duration::from_millis(20);
        let app = App::start(config, Clock::System).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = app::serve(app.clone(), listener, async { drop(stopped.await) });
        let serving = tokio::spawn(async { serving.await.unwrap() });
        let alice = person(&app, "alice", "okta", &["engineering", "a,b"], "crm").await;
        let bob = person(&app, "bob", "okta", &["contractors"], "crm").await;
        Self { app, address, crm, alice, bob, folder, stop: Some(stop), serving }
    }

    /// A POST of `body` with the headers a legacy client sends, and more.
    pub(crate) fn post(&self, token: &str, headers: &str, body: &str) -> String {
        format!(
            "POST /crm/mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nAuthorization: Bearer {token}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
    }

    pub(crate) async fn send(&self, request: &str) -> Reply {
        exchange(self.address, request).await
    }

    /// A request without parameters but these, in the legacy era, without a session.
    pub(crate) async fn call(&self, token: &str, method: &str, params: &Value) -> Reply {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string();
        self.send(&self.post(token, "", &body)).await
    }

    pub(crate) async fn call_tool(&self, token: &str, name: &str) -> Reply {
        self.call(token, "tools/call", &json!({ "name": name, "arguments": { "customer": "a value" } })).await
    }

    /// A request of the modern era, headers and metadata included.
    pub(crate) fn modern(&self, token: &str, method: &str, mut params: Value) -> String {
        params["_meta"] =
            json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
        let name = params["name"].as_str().or(params["uri"].as_str()).map_or(String::new(), |name| format!("Mcp-Name: {name}\r\n"));
        let headers = format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}");
        self.post(token, &headers, &json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string())
    }

    /// Shuts Doorward down and waits until it has ended.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        tokio::time::timeout(PATIENCE, &mut self.serving).await.expect("the shutdown ends").unwrap();
    }

    /// All audit events, after everything that waits was written.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        self.app.audit.record(gateway::audit::Event::new(gateway::audit::Kind::ConfigLoaded, self.app.clock.now())).await.unwrap();
        self.journal()
    }

    /// All audit events that are on the disk.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder.path().join("data/audit")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let lines = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
        let events: Vec<Value> =
            lines.flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()).collect();
        events.into_iter().filter(|event: &Value| event["upstream"] == "crm").collect()
    }
}

/// A person who signed in before, with a grant and a token.
pub(crate) async fn person(app: &App, name: &str, idp: &str, groups: &[&str], upstream: &str) -> Person {
    let now = app.clock.now();
    let identity = NewIdentity {
        idp: idp.to_owned(),
        issuer: "https://idp.example.com".to_owned(),
        subject: format!("subject of {name}"),
        username: Some(name.to_owned()),
        email: Some(format!("{name}@example.com")),
        display_name: None,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    let (user, _) = app.store.upsert_user(&identity, now).await.unwrap();
    let resource = app.config.upstreams[upstream].resource.to_string();
    let new = NewGrant {
        client: ClientId::parse(CLIENT).unwrap(),
        user: user.id,
        session: None,
        upstream: upstream.to_owned(),
        resource,
        scopes: vec!["mcp".to_owned()],
        sign_in: store::SignInContext::default(),
    };
    let grant = app.store.create_grant(&new, now).await.unwrap();
    let token = sign(app, &access_token(app, user.id, grant, upstream));
    Person { user: user.id, grant, token }
}

/// What the authorization server would put into a token.
pub(crate) fn access_token(app: &App, user: UserId, grant: GrantId, upstream: &str) -> AccessToken {
    let now = app.clock.now();
    AccessToken {
        issuer: app.config.public_url.issuer().to_owned(),
        resource: app.config.upstreams[upstream].resource.clone(),
        user: user.to_string(),
        client_id: CLIENT.to_owned(),
        scopes: "mcp".parse().unwrap(),
        token_id: format!("{grant}-{}", now.as_nanosecond()),
        grant: grant.to_string(),
        session: None,
        issued_at: now,
        expires_at: now + Duration::from_mins(10),
    }
}

pub(crate) fn sign(app: &App, token: &AccessToken) -> String {
    token.sign(&app.keys.access_token_key(app.clock.now()).unwrap()).unwrap()
}
