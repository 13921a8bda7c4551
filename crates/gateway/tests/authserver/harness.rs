//! A gateway in this process, a browser that keeps cookies, and a client that knows PKCE.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use gateway::app::{App, SharedApp};
use gateway::clock::Clock;
use gateway::config::Config;
use gateway::request_id::RequestContext;
use gateway::routes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use oauth::pkce::CodeChallenge;
use serde_json::{Value, json};
use store::{AuthorizationRequestId, BrowserSessionId, Loaded, NewBrowserSession, NewIdentity, Stage, UserId, sha256};
use tempfile::TempDir;
use tower::ServiceExt as _;
use url::{Url, form_urlencoded};

pub(super) const ISSUER: &str = "https://gw.example";
pub(super) const CRM: &str = "https://gw.example/crm/mcp";
pub(super) const CALLBACK: &str = "http://127.0.0.1:5000/callback";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const INSPECTOR_SECRET: &str = "a secret of the inspector: äöü";

const CONFIG: &str = r#"
public_url: https://gw.example
identity_providers:
  okta: { oidc: { issuer: "https://127.0.0.1:9", client_id: doorward } }
  partners: { oidc: { issuer: "https://127.0.0.1:9/partners", client_id: doorward } }
upstreams:
  crm: { name: CRM, url: "http://127.0.0.1:9/mcp" }
  wiki: { url: "http://127.0.0.1:9/mcp", identity_providers: [partners] }
  tickets: { url: "http://127.0.0.1:9/mcp", host: tickets.example }
  payments: { url: "http://127.0.0.1:9/mcp", step_up: [ { acr: [mfa] } ] }
roles: { everybody: { groups: ["*"] } }
grants: [ { role: everybody, upstream: crm, tools: ["*"] } ]
clients:
  inspector: { name: Inspector, redirect_uris: ["https://inspector.example/cb"], secret: "a secret of the inspector: äöü" }
"#;

/// A running gateway and everything a test turns.
pub(super) struct Gateway {
    pub(super) app: SharedApp,
    pub(super) clock: Clock,
    folder: TempDir,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// A person in a browser session.
pub(super) struct SignedIn {
    pub(super) user: UserId,
    pub(super) session: BrowserSessionId,
}

/// An authorization request under way, in its browser.
pub(super) struct UnderWay {
    pub(super) id: AuthorizationRequestId,
    pub(super) cookie: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The `error` member and the code in the description.
    pub(super) fn oauth_error(&self) -> (u16, String, String) {
        let json = self.json();
        let description = json["error_description"].as_str().unwrap_or_default();
        (self.status.as_u16(), json["error"].as_str().unwrap_or_default().to_owned(), code_in(description))
    }

    pub(super) fn location(&self) -> Url {
        Url::parse(self.headers[LOCATION].to_str().unwrap()).unwrap_or_else(|_| panic!("no absolute location: {self:?}"))
    }

    /// A parameter of the redirect.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.location().query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// `…[authserver.code_unknown, req_…]` -> the code.
pub(super) fn code_in(description: &str) -> String {
    description.rsplit_once('[').and_then(|(_, rest)| rest.split_once(',')).map(|(code, _)| code.to_owned()).unwrap_or_default()
}

impl Gateway {
    pub(super) async fn start() -> Self {
        Self::with("").await
    }

    /// A gateway whose configuration has these lines as well.
    pub(super) async fn with(extra: &str) -> Self {
        Self::of(CONFIG, extra).await
    }

    /// The same without the client of the configuration, for a test that brings its own.
    pub(super) async fn without_clients(extra: &str) -> Self {
        let (before, _) = CONFIG.split_once("clients:").unwrap();
        Self::of(before, extra).await
    }

    async fn of(config: &str, extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("master.key"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
        let clock = Clock::mock(Timestamp::from_second(1_800_000_000).unwrap());
        let app = open(config, folder.path(), extra, clock.clone()).await;
        Self { app, clock, folder }
    }

    /// Stops and starts again on the same data.
    pub(super) async fn restart(mut self) -> Self {
        self.app.audit.close().await;
        self.app.store.close().await;
        self.app = open(CONFIG, self.folder.path(), "", self.clock.clone()).await;
        self
    }

    pub(super) fn advance(&self, by: Duration) {
        self.clock.set(self.clock.now() + by);
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reply {
        self.send_from("192.0.2.1:4711", request).await
    }

    pub(super) async fn send_from(&self, peer: &str, mut request: Request<Body>) -> Reply {
        let peer: SocketAddr = peer.parse().unwrap();
        let context = RequestContext::new(peer, request.headers());
        request.extensions_mut().insert(context);
        let response = routes::router(self.app.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(super) async fn get(&self, target: &str) -> Reply {
        self.send(Request::get(target).header("host", "gw.example").body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post_json(&self, target: &str, body: &Value) -> Reply {
        let request = Request::post(target).header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap();
        self.send(request).await
    }

    pub(super) async fn post_form(&self, target: &str, form: &[(&str, &str)]) -> Reply {
        self.post_form_as(target, None, form).await
    }

    pub(super) async fn post_form_as(&self, target: &str, authorization: Option<&str>, form: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder().method(Method::POST).uri(target).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.send(request.body(Body::from(encode(form))).unwrap()).await
    }

    /// Registers a public client with the test's loopback callback.
    pub(super) async fn register(&self) -> String {
        self.register_with(
            &json!({ "client_name": "Test", "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none" }),
        )
        .await
    }

    pub(super) async fn register_with(&self, metadata: &Value) -> String {
        let reply = self.post_json("/oauth/register", metadata).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
        reply.json()["client_id"].as_str().unwrap().to_owned()
    }

    /// Begins a sign-in, as a client's link does.
    pub(super) async fn begin(&self, client: &str, changes: &[(&str, &str)]) -> UnderWay {
        let reply = self.get(&authorize_target(client, changes)).await;
        assert_eq!(reply.status, StatusCode::FOUND, "{reply:?}");
        let location = reply.headers[LOCATION].to_str().unwrap();
        let id = location.strip_prefix("/login?req=").unwrap_or_else(|| panic!("{location}")).parse().unwrap();
        let cookie = reply.headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        UnderWay { id, cookie }
    }

    pub(super) async fn sign_in(&self, idp: &str, subject: &str) -> SignedIn {
        self.sign_in_until(idp, subject, None).await
    }

    /// A sign-in whose end the identity provider has set.
    pub(super) async fn sign_in_until(&self, idp: &str, subject: &str, idp_ends_at: Option<Timestamp>) -> SignedIn {
        let now = self.clock.now();
        let identity = NewIdentity {
            idp: idp.to_owned(),
            issuer: "https://idp.example".to_owned(),
            subject: subject.to_owned(),
            username: Some(subject.to_owned()),
            email: None,
            display_name: None,
            groups: vec!["staff".to_owned()],
        };
        let (user, _) = self.app.store.upsert_user(&identity, now).await.unwrap();
        let session = NewBrowserSession {
            token_hash: sha256(BrowserSessionId::new().to_string().as_bytes()),
            user: user.id,
            idp: idp.to_owned(),
            authn_instant: now,
            acr: Some("urn:example:mfa".to_owned()),
            expires_at: now + Duration::from_hours(8),
            idp_ends_at,
            idp_session: None,
        };
        let session = self.app.store.create_browser_session(&session, now).await.unwrap();
        SignedIn { user: user.id, session }
    }

    /// Moves a request to a stage, as `login` does.
    pub(super) async fn advance_to(&self, under_way: &UnderWay, stage: &Stage) {
        let value = under_way.cookie.split_once('=').unwrap().1;
        let now = self.clock.now();
        let Loaded::Found(request) = self.app.store.load_authorization_request(under_way.id, &sha256(value.as_bytes()), now).await.unwrap()
        else {
            panic!("the request is not there")
        };
        self.app.store.advance(under_way.id, request.version, stage, now).await.unwrap();
    }

    pub(super) async fn resume(&self, under_way: &UnderWay) -> Reply {
        self.resume_with(under_way, &under_way.cookie).await
    }

    pub(super) async fn resume_with(&self, under_way: &UnderWay, cookie: &str) -> Reply {
        let request = Request::get(format!("/oauth/resume?req={}", under_way.id)).header(COOKIE, cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// From the client's link to the code, for alice of okta at the CRM.
    pub(super) async fn code(&self, client: &str) -> String {
        self.code_with(client, &[]).await
    }

    pub(super) async fn code_with(&self, client: &str, changes: &[(&str, &str)]) -> String {
        let alice = self.sign_in("okta", "alice").await;
        self.code_of(&alice, client, changes).await
    }

    pub(super) async fn code_of(&self, alice: &SignedIn, client: &str, changes: &[(&str, &str)]) -> String {
        let under_way = self.begin(client, changes).await;
        self.advance_to(&under_way, &Stage::SignedIn { user: alice.user, session: alice.session, step_up: None }).await;
        let reply = self.resume(&under_way).await;
        assert_eq!(reply.status, StatusCode::FOUND, "{reply:?}");
        reply.parameter("code").unwrap_or_else(|| panic!("{reply:?}"))
    }

    pub(super) async fn redeem(&self, client: &str, code: &str) -> Reply {
        self.redeem_with(client, code, &[]).await
    }

    pub(super) async fn redeem_with(&self, client: &str, code: &str, changes: &[(&str, &str)]) -> Reply {
        let form = changed(
            &[
                ("grant_type", "authorization_code"),
                ("client_id", client),
                ("code", code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", VERIFIER),
                ("resource", CRM),
            ],
            changes,
        );
        self.post_form("/oauth/token", &form).await
    }

    pub(super) async fn refresh(&self, client: &str, token: &str) -> Reply {
        self.refresh_with(client, token, &[]).await
    }

    pub(super) async fn refresh_with(&self, client: &str, token: &str, changes: &[(&str, &str)]) -> Reply {
        let form = changed(&[("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)], changes);
        self.post_form("/oauth/token", &form).await
    }

    /// Every line of the audit trail.
    pub(super) fn audit(&self) -> Vec<Value> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder.path().join("data/audit")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap_or_default()).collect::<Vec<_>>().concat();
        texts.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The kinds and codes of the audit trail, in order.
    pub(super) fn audit_summary(&self) -> Vec<String> {
        let line = |event: &Value| {
            let event = event.get("event").unwrap_or(event);
            match event["code"].as_str() {
                Some(code) => format!("{} {code}", event["kind"].as_str().unwrap_or_default()),
                None => event["kind"].as_str().unwrap_or_default().to_owned(),
            }
        };
        self.audit().iter().map(line).collect()
    }
}

async fn open(config: &str, folder: &Path, extra: &str, clock: Clock) -> SharedApp {
    let data = folder.join("data");
    let text = format!("{config}data_dir: {}\nmaster_key: ${{file:{}}}\n{extra}", data.display(), folder.join("master.key").display());
    let config = Config::from_yaml(&text, folder).unwrap_or_else(|problems| panic!("{problems:?}"));
    App::start(config, clock).await.unwrap()
}

/// `/oauth/authorize?…` for the CRM, with changes: an empty value leaves a parameter out.
pub(super) fn authorize_target(client: &str, changes: &[(&str, &str)]) -> String {
    let challenge = CodeChallenge::of_verifier(VERIFIER).unwrap();
    let form = changed(
        &[
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", CALLBACK),
            ("state", "a&b"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("resource", CRM),
        ],
        changes,
    );
    format!("/oauth/authorize?{}", encode(&form))
}

fn changed<'a>(form: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form: Vec<(&str, &str)> = form.to_vec();
    for change in changes {
        match form.iter_mut().find(|(name, _)| *name == change.0) {
            Some(entry) => entry.1 = change.1,
            None => form.push(*change),
        }
    }
    form.retain(|(_, value)| !value.is_empty());
    form
}

/// The redemption of a code by a client that proves itself in the header.
pub(super) fn changed_form<'a>(code: &'a str, callback: &'a str) -> [(&'a str, &'a str); 4] {
    [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", callback), ("code_verifier", VERIFIER)]
}

fn encode(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// Changes to a good request, the `error` of the answer, the code.
pub(super) type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
