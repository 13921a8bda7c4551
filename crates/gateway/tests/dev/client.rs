//! An MCP client: registers itself, sends its person through the browser, and speaks both protocol eras.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use oauth::pkce::CodeChallenge;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::browser::{Browser, Page};
use crate::gateway::Gateway;

/// Where the authorization response goes; nobody listens there.
pub(crate) const REDIRECT: &str = "http://127.0.0.1:43210/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Which protocol era a call is made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// 2026-07-28: every request stands for itself.
    Stateless,
    /// 2025-11-25: `initialize` opens a session.
    Sessions,
}

/// What came back from the MCP endpoint.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) challenge: Option<String>,
    /// The `result` of the JSON-RPC response, unless it says `isError` or there is none.
    pub(crate) result: Option<Value>,
    session: Option<String>,
    /// For messages of failed assertions.
    #[expect(dead_code, reason = "shown by Debug")]
    text: String,
}

/// One client of one person at one upstream.
pub(crate) struct Client {
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    pub(crate) endpoint: String,
    pub(crate) token: Option<String>,
    /// The client's id and the code that the token came from.
    pub(crate) last_exchange: Option<(String, String)>,
}

/// The start of an authorization.
pub(crate) struct Authorization {
    pub(crate) url: String,
    pub(crate) client_id: String,
}

impl Client {
    /// A client without a token.
    pub(crate) fn anonymous(gateway: &Gateway, upstream: &str) -> Self {
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        Self { http, endpoint: gateway.url(&format!("/{upstream}/mcp")), token: None, last_exchange: None }
    }

    /// Registers, lets `person` consent and sign in at `idp`, and exchanges the code.
    pub(crate) async fn connect(gateway: &Gateway, upstream: &str, idp: &str, person: &str) -> Self {
        Self::try_connect(gateway, upstream, idp, person).await.unwrap_or_else(|page| panic!("{page:?}"))
    }

    /// The same, for somebody who may be told on a page that nothing is granted to them.
    pub(crate) async fn try_connect(gateway: &Gateway, upstream: &str, idp: &str, person: &str) -> Result<Self, Page> {
        let mut client = Self::anonymous(gateway, upstream);
        let authorization = client.authorize(gateway, REDIRECT).await;
        let mut browser = Browser::default();
        browser.stop_at = Some(REDIRECT.to_owned());
        let consent = browser.open(&authorization.url).await;
        let chooser = browser.submit(&consent, &[("decision", "allow")]).await;
        let page = browser.submit(&chooser, &[("idp", idp)]).await;
        let end = browser.sign_in_as(page, person).await;
        if end.parameter("state").is_none() {
            return Err(end);
        }
        assert_eq!(end.parameter("state").as_deref(), Some("st-1"), "{end:?}");
        assert_eq!(end.parameter("iss"), Some(gateway.url("")), "{end:?}");
        let code = end.parameter("code").unwrap_or_else(|| panic!("{end:?}"));
        let tokens = client.exchange(gateway, &authorization.client_id, &code).await;
        client.token = Some(tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned());
        client.last_exchange = Some((authorization.client_id, code));
        Ok(client)
    }

    /// Registers with [`REDIRECT`] and gives the address that asks for an authorization, answered at `redirect`.
    pub(crate) async fn authorize(&self, gateway: &Gateway, redirect: &str) -> Authorization {
        let client_id = self.register(gateway).await;
        Authorization { url: self.authorization_url(gateway, &client_id, redirect), client_id }
    }

    /// Registers with [`REDIRECT`]; gives the client's id.
    pub(crate) async fn register(&self, gateway: &Gateway) -> String {
        let registration = json!({ "client_name": "Test client", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none" });
        let registered = self.post_json(&gateway.url("/oauth/register"), &registration).await;
        registered["client_id"].as_str().unwrap_or_else(|| panic!("{registered}")).to_owned()
    }

    fn authorization_url(&self, gateway: &Gateway, client_id: &str, redirect: &str) -> String {
        let challenge = CodeChallenge::of_verifier(VERIFIER).unwrap();
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", client_id),
                ("redirect_uri", redirect),
                ("state", "st-1"),
                ("resource", &self.endpoint),
                ("code_challenge", challenge.as_str()),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        gateway.url(&format!("/oauth/authorize?{query}"))
    }

    /// Lets `person` sign in at `idp` for a registered client, whatever is asked on the way, and takes the tokens.
    pub(crate) async fn sign_in(&mut self, gateway: &Gateway, browser: &mut Browser, client_id: &str, idp: &str, person: &str) -> Value {
        let mut page = browser.open(&self.authorization_url(gateway, client_id, REDIRECT)).await;
        let mut seen_idp = false;
        while !page.url.as_str().starts_with(REDIRECT) {
            page = if page.text.contains("name=\"username\"") {
                seen_idp = true;
                browser.sign_in_as(page, person).await
            } else if page.text.contains("name=\"decision\"") {
                browser.submit(&page, &[("decision", "allow")]).await
            } else {
                browser.submit(&page, &[("idp", idp)]).await
            };
        }
        assert!(seen_idp, "nobody was asked to sign in");
        let code = page.parameter("code").unwrap_or_else(|| panic!("{page:?}"));
        let tokens = self.exchange(gateway, client_id, &code).await;
        self.token = Some(tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned());
        tokens
    }

    /// What the token endpoint says to a refresh token.
    pub(crate) async fn refresh(&self, gateway: &Gateway, client_id: &str, refresh_token: &str) -> Value {
        self.token_request(gateway, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", client_id)]).await
    }

    /// What the token endpoint says to a code.
    pub(crate) async fn exchange(&self, gateway: &Gateway, client_id: &str, code: &str) -> Value {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("client_id", client_id),
            ("code_verifier", VERIFIER),
            ("resource", &self.endpoint),
        ];
        self.token_request(gateway, &form).await
    }

    async fn token_request(&self, gateway: &Gateway, form: &[(&str, &str)]) -> Value {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(gateway.url("/oauth/token")).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let response = self.http.request(request.body(Full::new(Bytes::from(form))).unwrap()).await.unwrap();
        serde_json::from_str(&text(response).await).unwrap()
    }

    /// The names of the tools that the list shows, sorted; none where the whole upstream is refused.
    pub(crate) async fn tools(&self, era: Era) -> Vec<String> {
        let reply = self.call(era, "tools/list", json!({})).await;
        let tools = reply.result.as_ref().and_then(|result| result["tools"].as_array()).cloned().unwrap_or_default();
        let mut names: Vec<String> = tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// Calls a tool in the stateless era.
    pub(crate) async fn call_tool(&self, name: &str, arguments: Value) -> Reply {
        self.call(Era::Stateless, "tools/call", json!({ "name": name, "arguments": arguments })).await
    }

    /// One request, in the sessions era with the handshake before it.
    pub(crate) async fn call(&self, era: Era, method: &str, params: Value) -> Reply {
        match era {
            Era::Stateless => self.send(stateless(method, params), &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)]).await,
            Era::Sessions => {
                let hello =
                    json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } });
                let opened = self.send(json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello }), &[]).await;
                let Some(session) = opened.session.clone() else { return opened };
                let headers = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-11-25")];
                self.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }), &headers).await;
                self.send(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }), &headers).await
            }
        }
    }

    /// Calls a tool and gives each piece of the reply with the time it took to arrive.
    pub(crate) async fn stream_tool(&self, name: &str, arguments: Value) -> Vec<(Duration, String)> {
        let mut message = stateless("tools/call", json!({ "name": name, "arguments": arguments }));
        message["params"]["_meta"]["progressToken"] = json!("p-1");
        let begun = Instant::now();
        let mut body = self.post(&message, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call")]).await.into_body();
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.unwrap().into_data() else { continue };
            pieces.push((begun.elapsed(), String::from_utf8_lossy(&data).into_owned()));
        }
        pieces
    }

    async fn post(&self, message: &Value, headers: &[(&str, &str)]) -> Response<Incoming> {
        let mut request = Request::post(&self.endpoint)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header(header::COOKIE, "never=forwarded")
            .header("x-auth-request-email", "mallory@example.com");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(name) = message["params"]["name"].as_str() {
            request = request.header("mcp-name", name);
        }
        self.http.request(request.body(Full::new(Bytes::from(message.to_string()))).unwrap()).await.unwrap()
    }

    async fn send(&self, message: Value, headers: &[(&str, &str)]) -> Reply {
        let response = self.post(&message, headers).await;
        let header_text = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, challenge, session) = (response.status().as_u16(), header_text("www-authenticate"), header_text("mcp-session-id"));
        let text = text(response).await;
        let result = last_message(&text).and_then(|message| message.get("result").cloned()).filter(|_| status == 200);
        Reply { status, challenge, result, session, text }
    }

    async fn post_json(&self, url: &str, body: &Value) -> Value {
        let request =
            Request::post(url).header(header::CONTENT_TYPE, "application/json").body(Full::new(Bytes::from(body.to_string()))).unwrap();
        let text = text(self.http.request(request).await.unwrap()).await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }
}

/// A request of the stateless era carries what the handshake used to carry.
fn stateless(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// The last JSON-RPC message of a reply, whether JSON or an event stream.
fn last_message(text: &str) -> Option<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).rfind(|data| !data.is_empty());
    serde_json::from_str(data.unwrap_or(text)).ok()
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8_lossy(&response.into_body().collect().await.unwrap().to_bytes()).into_owned()
}
