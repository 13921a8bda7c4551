//! Groups that a token left out, learned from Microsoft Graph: a stand-in for Graph and for the token endpoint of Entra ID, over
//! loopback, which answers as their documentation says. It is not Graph.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::crooked_openid::{sign_in, world_beside};
use crate::openid_refresh::Client;
use crate::portal::Portal;
use crate::world::World;

pub(crate) const TENANT: &str = "11111111-2222-4333-8444-555555555555";
pub(crate) const PERSON: &str = "0f9d5c2e-1111-4222-8333-444455556666";

/// What the stand-in says next, and what it was asked.
#[derive(Default)]
struct Saying {
    token: Option<(u16, Value)>,
    members: Option<(u16, Value)>,
    retry_after: Option<&'static str>,
    tokens: usize,
    asked: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct StandIn {
    pub(crate) address: String,
    saying: Arc<Mutex<Saying>>,
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let stand_in = Self { address, saying: Arc::default() };
        let router = Router::new()
            .route("/{tenant}/oauth2/v2.0/token", post(token))
            .route("/v1.0/users/{id}/getMemberObjects", post(members))
            .route("/v1.0/page", get(second_page))
            .with_state(stand_in.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stand_in
    }

    /// The setting beside the provider.
    pub(crate) fn setting(&self) -> String {
        let address = &self.address;
        format!("graph: {{ tenant: {TENANT}, client_id: app, client_secret: app-secret, login_url: '{address}', graph_url: '{address}' }}")
    }

    fn say(&self, token: Option<(u16, Value)>, members: Option<(u16, Value)>, retry_after: Option<&'static str>) {
        let mut saying = self.saying.lock().unwrap();
        (saying.token, saying.members, saying.retry_after) = (token, members, retry_after);
    }

    fn asked(&self) -> (usize, Vec<String>) {
        let saying = self.saying.lock().unwrap();
        (saying.tokens, saying.asked.clone())
    }
}

async fn token(State(stand_in): State<StandIn>, Path(tenant): Path<String>, body: String) -> Response {
    let mut saying = stand_in.saying.lock().unwrap();
    saying.tokens += 1;
    let scope = format!("{}/.default", stand_in.address);
    let field = |name: &str| url::form_urlencoded::parse(body.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
    assert_eq!((tenant.as_str(), field("scope")), (TENANT, Some(scope)), "{body}");
    assert_eq!((field("grant_type").as_deref(), field("client_secret").as_deref()), (Some("client_credentials"), Some("app-secret")));
    let good = || (200, json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": format!("graph-{}", saying.tokens) }));
    let (status, body) = saying.token.clone().unwrap_or_else(good);
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

async fn members(State(stand_in): State<StandIn>, Path(id): Path<String>, headers: HeaderMap, body: String) -> Response {
    let mut saying = stand_in.saying.lock().unwrap();
    saying.asked.push(format!("{id} {} {body}", headers["authorization"].to_str().unwrap()));
    let (status, body) = saying.members.clone().unwrap_or_else(|| (200, json!({ "value": ["g1", "g2"] })));
    let mut response = (StatusCode::from_u16(status).unwrap(), Json(body)).into_response();
    if let Some(retry_after) = saying.retry_after {
        response.headers_mut().insert("retry-after", retry_after.parse().unwrap());
    }
    response
}

async fn second_page() -> Json<Value> {
    Json(json!({ "value": ["g3"] }))
}

async fn groups(world: &World) -> Vec<String> {
    world.app.store.find_users("alice").await.unwrap()[0].groups.clone()
}

/// A world whose provider leaves the groups out, for a person with this object id and tenant.
async fn world() -> (World, crate::crooked_openid::Provider, StandIn) {
    let stand_in = StandIn::start().await;
    let (world, provider) = world_beside("client_secret: x, refresh_interval: 5m", &stand_in.setting()).await;
    // The address in the claims is of a server that would get our token if we followed it.
    let source = json!({ "src1": { "endpoint": format!("{}/evil/users/x/getMemberObjects", stand_in.address) } });
    provider.say(&json!({ "_claim_names": { "groups": "src1" }, "_claim_sources": source, "groups": null, "oid": PERSON, "tid": TENANT }));
    (world, provider, stand_in)
}

#[tokio::test]
async fn groups_that_were_left_out_are_learned() {
    let (world, provider, stand_in) = world().await;
    for _ in 0..2 {
        let (_, page) = sign_in(&world).await;
        assert!(page.html.contains("You are signed in"), "{}", page.text());
        assert_eq!(groups(&world).await, ["g1", "g2"]);
    }
    let asked = format!("{PERSON} Bearer graph-1 {{\"securityEnabledOnly\":true}}");
    assert_eq!(stand_in.asked(), (1, vec![asked.clone(), asked]), "one token for both, and only the configured address");
    // More than a page holds.
    let next = format!("{}/v1.0/page", stand_in.address);
    stand_in.say(None, Some((200, json!({ "value": ["g1"], "@odata.nextLink": next }))), None);
    assert!(sign_in(&world).await.1.html.contains("You are signed in"));
    assert_eq!(groups(&world).await, ["g1", "g3"]);
    // The token ends: a new one.
    world.wait(3600);
    assert!(sign_in(&world).await.1.html.contains("You are signed in"));
    assert_eq!(stand_in.asked().0, 2);
    provider.say(&json!({ "hasgroups": true, "groups": null, "oid": PERSON }));
    assert!(sign_in(&world).await.1.html.contains("You are signed in"));
}

#[tokio::test]
async fn groups_that_cannot_be_learned_refuse_the_sign_in() {
    let (world, provider, stand_in) = world().await;
    let error = |code: &str| json!({ "error": { "code": code } });
    let too_many: Vec<String> = (0..11_001).map(|number| format!("g{number}")).collect();
    let cases = [
        (Some((401, json!({ "error": "invalid_client", "error_description": "AADSTS7000215: x" }))), None, "graph.token_refused"),
        (None, Some((401, json!({}))), "graph.token_rejected"),
        (None, Some((403, error("Authorization_RequestDenied"))), "graph.permission_missing"),
        (None, Some((404, error("Request_ResourceNotFound"))), "graph.person_unknown"),
        (None, Some((400, error("Directory_ResultSizeLimitExceeded"))), "graph.too_many_groups"),
        (None, Some((200, json!({ "value": too_many }))), "graph.too_many_groups"),
        (None, Some((200, json!({ "value": null }))), "graph.unexpected_answer"),
        (None, Some((302, json!({}))), "graph.unexpected_answer"),
        (None, Some((200, json!({ "value": [], "@odata.nextLink": "http://127.0.0.1:9/v1.0/x" }))), "graph.next_page_elsewhere"),
    ];
    for (token, members, code) in cases {
        stand_in.say(token, members, None);
        let (browser, page) = sign_in(&world).await;
        assert_eq!((page.code().as_deref(), browser.cookie("session")), (Some(code), None), "{}", page.text());
    }
    stand_in.say(None, None, None);
    for (claims, code) in [
        (json!({ "hasgroups": true, "groups": null }), "graph.object_id_missing"),
        (json!({ "hasgroups": true, "groups": null, "oid": "../me" }), "graph.object_id_malformed"),
        (json!({ "hasgroups": true, "groups": null, "oid": PERSON, "tid": PERSON }), "graph.tenant_mismatch"),
    ] {
        provider.say(&claims);
        assert_eq!(sign_in(&world).await.1.code().as_deref(), Some(code), "{claims}");
    }
    assert_eq!(world.events(&["sign_in"]).len(), 0);
}

/// While clients refresh, Graph may refuse Doorward or be out of order: only what it says of the person ends their session.
#[tokio::test]
async fn what_graph_says_while_clients_refresh() {
    const ENDED: &str = "invalid_grant oidc.session_ended";
    let error = |code: &str| json!({ "error": { "code": code } });
    let cases = [
        (Some((401, json!({ "error": "invalid_client", "error_description": "AADSTS7000222: expired" }))), None, "ok"),
        (Some((400, json!({ "error": "temporarily_unavailable" }))), None, "ok"),
        (None, Some((401, json!({}))), "ok"),
        (None, Some((403, error("Authorization_RequestDenied"))), "ok"),
        (None, Some((429, json!({}))), "ok"),
        (None, Some((503, json!({}))), "ok"),
        (None, Some((200, json!({ "value": [], "@odata.nextLink": "http://127.0.0.1:9/v1.0/x" }))), "ok"),
        (None, Some((404, error("Request_ResourceNotFound"))), ENDED),
        (None, Some((400, error("Directory_ResultSizeLimitExceeded"))), ENDED),
    ];
    let (world, provider, stand_in) = world().await;
    for (token, members, expected) in cases {
        provider.saying.lock().unwrap().refresh_token = Some("first".to_owned());
        provider.saying.lock().unwrap().claims.remove("nonce");
        stand_in.say(None, None, None);
        // As long as the last case asked to wait.
        world.wait(60);
        let mut client = Client::connect(&world).await;
        provider.saying.lock().unwrap().claims.insert("nonce".to_owned(), Value::Null);
        world.wait(3600);
        stand_in.say(token.clone(), members.clone(), None);
        assert_eq!(client.refresh(&world).await, expected, "{token:?} {members:?}");
    }
}

/// Graph is left alone for as long as it asks, and then asked again.
#[tokio::test]
async fn graph_may_ask_to_wait() {
    let (world, _provider, stand_in) = world().await;
    stand_in.say(None, Some((429, json!({}))), Some("20"));
    for _ in 0..2 {
        let (_, page) = sign_in(&world).await;
        assert_eq!((page.code().as_deref(), page.status.as_u16()), (Some("graph.throttled"), 503), "{}", page.text());
    }
    assert_eq!(stand_in.asked().1.len(), 1);
    stand_in.say(None, None, None);
    world.wait(20);
    assert!(sign_in(&world).await.1.html.contains("You are signed in"));
}

/// A token that was taken back is replaced once.
#[tokio::test]
async fn a_token_that_is_not_accepted_any_more_is_replaced() {
    let (world, _provider, stand_in) = world().await;
    assert!(sign_in(&world).await.1.html.contains("You are signed in"));
    stand_in.say(None, Some((401, json!({}))), None);
    assert_eq!(sign_in(&world).await.1.code().as_deref(), Some("graph.token_rejected"));
    assert_eq!((stand_in.asked().0, stand_in.asked().1.len()), (2, 3), "the kept token, and one new one");
}

/// IdP, attributes; the groups, or the refusal.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Result<&'a [&'a str], &'a str>);

/// The same with SAML; the address in the assertion is never asked.
#[tokio::test]
async fn an_assertion_that_leaves_groups_out() {
    const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    let (link, id) = ("http://schemas.microsoft.com/claims/groups.link", "http://schemas.microsoft.com/identity/claims/objectidentifier");
    let tenant = "http://schemas.microsoft.com/identity/claims/tenantid";
    let stand_in = StandIn::start().await;
    let providers = format!(
        "  entra: {{ saml: {{ metadata_file: portal.xml }}, {} }}
  one: {{ saml: {{ metadata_file: portal.xml, groups_format: string }} }}
  commas: {{ saml: {{ metadata_file: portal.xml, groups_format: comma }} }}",
        stand_in.setting()
    );
    let portal = Portal::new(&providers).await;
    let evil = format!("{}/evil", stand_in.address);
    let cases: [Case<'_>; 8] = [
        ("entra", &[(link, &evil), (id, PERSON), (tenant, TENANT)], Ok(&["g1", "g2"])),
        ("entra", &[(link, &evil), (id, PERSON), ("groups", "some")], Ok(&["g1", "g2"])),
        ("entra", &[(link, &evil)], Err("graph.object_id_missing")),
        ("entra", &[(link, &evil), (id, PERSON), (tenant, PERSON)], Err("graph.tenant_mismatch")),
        ("one", &[("groups", "a,b")], Ok(&["a,b"])),
        ("one", &[("groups", "a|b")], Err("login.groups_several_values")),
        ("commas", &[("groups", "a, b")], Ok(&["a", "b"])),
        ("commas", &[("groups", "a,b|c")], Err("login.groups_several_values")),
    ];
    for (idp, attributes, expected) in cases {
        let (mut browser, request, relay_state) = portal.begin(idp).await;
        let response = portal.answer(idp, Some(&request), (EMAIL, "zoe@example.com"), attributes);
        let page = portal.post(&mut browser, idp, &response, &relay_state).await;
        match expected {
            Err(code) => assert_eq!(page.code().as_deref(), Some(code), "{idp} {attributes:?} {}", page.text()),
            Ok(groups) => {
                assert!(page.html.contains("You are signed in"), "{idp} {attributes:?} {}", page.text());
                let users = portal.world.app.store.list_users(None, 100).await.unwrap();
                assert_eq!(users.iter().find(|user| user.idp == idp).unwrap().groups, groups);
            }
        }
    }
}
