//! An OpenID provider that signs whatever a test wants: what Doorward makes of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use gateway::clock::Clock;
use http::{HeaderMap, StatusCode};
use oauth::jwks::{Jwk, JwkSet};
use oauth::jwt::{self, SigningKey};
use serde_json::{Map, Value, json};

use crate::browser::{Browser, Page};
use crate::world::{World, noon, plain_configuration};

/// What the provider says next.
pub(crate) struct Saying {
    pub(crate) key: SigningKey,
    pub(crate) published: Vec<Jwk>,
    pub(crate) claims: Map<String, Value>,
    pub(crate) userinfo: Value,
    /// Members of the discovery document that differ.
    pub(crate) discovery: Map<String, Value>,
    /// The refresh token that works next; `None`: the provider gives none.
    pub(crate) refresh_token: Option<String>,
    /// How often one was used, rightly or not.
    pub(crate) refreshes: usize,
    /// How often the keys were fetched.
    pub(crate) key_fetches: usize,
    /// Judges who asks at the token endpoint, by headers and form.
    pub(crate) judge: fn(&Saying, &HeaderMap, &HashMap<String, String>) -> bool,
    /// The keys that the client published.
    pub(crate) client_keys: JwkSet,
}

#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    clock: Clock,
    pub(crate) saying: Arc<Mutex<Saying>>,
}

impl Provider {
    async fn start(clock: &Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let key = new_key();
        let saying = Saying {
            published: vec![key.public_jwk()],
            key,
            claims: Map::new(),
            userinfo: json!({ "sub": "s1" }),
            discovery: Map::new(),
            refresh_token: None,
            refreshes: 0,
            key_fetches: 0,
            judge: |_, _, _| true,
            client_keys: JwkSet::default(),
        };
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self { issuer, clock: clock.clone(), saying: Arc::new(Mutex::new(saying)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route(
                "/jwks",
                get(async |State(provider): State<Provider>| {
                    let mut saying = provider.saying.lock().unwrap();
                    saying.key_fetches += 1;
                    Json(json!({ "keys": saying.published }))
                }),
            )
            .route("/token", post(token))
            .route("/me", get(async |State(provider): State<Provider>| Json(provider.saying.lock().unwrap().userinfo.clone())))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// The claims that differ from a good ID token; null removes one.
    pub(crate) fn say(&self, claims: &Value) {
        self.saying.lock().unwrap().claims = claims.as_object().unwrap().clone();
    }
}

fn new_key() -> SigningKey {
    SigningKey::from_pkcs8(SigningKey::generate_pkcs8().unwrap().expose()).unwrap()
}

async fn discovery(State(provider): State<Provider>) -> Json<Value> {
    let issuer = &provider.issuer;
    let mut document = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"), "userinfo_endpoint": format!("{issuer}/me"), "id_token_signing_alg_values_supported": ["ES256"],
    });
    document.as_object_mut().unwrap().extend(provider.saying.lock().unwrap().discovery.clone());
    Json(document)
}

/// The code is the nonce: so the provider needs no memory.
async fn token(State(provider): State<Provider>, headers: HeaderMap, body: String) -> (StatusCode, Json<Value>) {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let now = provider.clock.now().as_second();
    let mut saying = provider.saying.lock().unwrap();
    assert_eq!(form.get("resource"), None, "Entra ID refuses it");
    if !(saying.judge)(&saying, &headers, &form) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client", "error_description": "who?" })));
    }
    let code = form.get("code").cloned();
    if form["grant_type"] == "refresh_token" {
        saying.refreshes += 1;
        if saying.refresh_token.is_none() || saying.refresh_token.as_ref() != form.get("refresh_token") {
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
        }
        saying.refresh_token = Some(format!("refresh {}", saying.refreshes));
    }
    let mut claims = json!({
        "iss": provider.issuer, "sub": "s1", "aud": "doorward", "iat": now, "exp": now + 60, "nonce": code, "groups": ["a"],
        "preferred_username": "alice", "email": "alice@example.com",
    });
    for (name, value) in &saying.claims {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    let id_token = jwt::sign(&saying.key, "JWT", &claims).unwrap();
    (
        StatusCode::OK,
        Json(json!({ "access_token": "at", "token_type": "Bearer", "id_token": id_token, "refresh_token": saying.refresh_token })),
    )
}

async fn world() -> (World, Provider) {
    world_with("client_secret: x").await
}

/// With more settings of the provider, such as `username_claim: email`.
pub(crate) async fn world_with(settings: &str) -> (World, Provider) {
    world_of(settings, "", "").await
}

/// And with settings beside `oidc`, such as `graph`.
pub(crate) async fn world_beside(settings: &str, beside: &str) -> (World, Provider) {
    world_of(settings, beside, "").await
}

/// In front of an upstream with more settings of its own, such as `step_up: [{ max_age: 10m }],`.
pub(crate) async fn world_before(settings: &str, upstream: &str) -> (World, Provider) {
    world_of(settings, "", upstream).await
}

async fn world_of(settings: &str, beside: &str, upstream: &str) -> (World, Provider) {
    let clock = noon();
    let provider = Provider::start(&clock).await;
    let yaml = plain_configuration(&format!(
        "  crooked: {{ oidc: {{ issuer: '{}', client_id: doorward, {settings} }}, {beside} }}",
        provider.issuer
    ));
    let yaml = yaml.replace("name: CRM,", &format!("name: CRM, {upstream}"));
    (World::of(&yaml, tempfile::tempdir().unwrap(), clock, Vec::new()).await, provider)
}

/// Signs in with a fresh browser; the provider's pages are skipped.
pub(crate) async fn sign_in(world: &World) -> (Browser, Page) {
    finish(begin(world).await).await
}

/// As far as the provider.
pub(crate) async fn begin(world: &World) -> (Browser, Page) {
    let mut browser = world.browser();
    let page = browser.open("/login/start").await;
    (browser, page)
}

/// Back from the provider.
pub(crate) async fn finish((mut browser, page): (Browser, Page)) -> (Browser, Page) {
    let value = |name: &str| {
        let found = page.url.query_pairs().find(|(own, _)| own == name);
        found.map_or_else(|| panic!("{}", page.text()), |(_, value)| value.into_owned())
    };
    let query =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs([("code", value("nonce")), ("state", value("state"))]).finish();
    let page = browser.open_from(page.url.as_str(), &format!("/login/oidc/crooked/callback?{query}")).await;
    (browser, page)
}

#[tokio::test]
async fn what_an_id_token_may_not_say() {
    let (world, provider) = world().await;
    let now = world.clock.now().as_second();
    let cases = [
        (json!({ "_claim_names": { "groups": "src1" }, "groups": null }), "oidc.groups_overage"),
        (json!({ "hasgroups": true, "groups": null }), "oidc.groups_overage"),
        (json!({ "groups": { "a": 1 } }), "oidc.groups_unknown_shape"),
        (json!({ "groups": "Sales, EMEA" }), "oidc.groups_string_for_list"),
        (json!({ "nonce": "of another sign-in" }), "oidc.nonce_mismatch"),
        (json!({ "aud": ["doorward", "other"] }), "oidc.authorized_party_mismatch"),
        (json!({ "azp": "other" }), "oidc.authorized_party_mismatch"),
        (json!({ "aud": "other" }), "oauth.jwt_audience_mismatch"),
        (json!({ "iss": "https://evil.example" }), "oauth.jwt_issuer_mismatch"),
        (json!({ "exp": now - 61 }), "oauth.jwt_expired"),
        (json!({ "exp": null }), "oauth.jwt_claim_invalid"),
        (json!({ "events": {} }), "oidc.not_an_id_token"),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), "oidc.access_token_mismatch"),
    ];
    for (claims, code) in cases {
        provider.say(&claims);
        let (browser, page) = sign_in(&world).await;
        assert_eq!(page.code().as_deref(), Some(code), "{claims} {}", page.text());
        assert_eq!(browser.cookie("session"), None, "{claims}");
    }
    assert_eq!(world.events(&["sign_in", "user_created"]).len(), 0);
}

#[tokio::test]
async fn userinfo_is_asked_for_groups_and_must_be_about_the_same_person() {
    let (world, provider) = world().await;
    let cases = [
        (json!({ "sub": "s1", "groups": ["b"] }), Ok(vec!["b"])),
        (json!({ "sub": "s1" }), Ok(vec![])),
        (json!({ "sub": "s2", "groups": ["b"] }), Err("oidc.userinfo_subject_mismatch")),
        (json!({ "sub": "s1", "_claim_names": { "groups": "x" } }), Err("oidc.groups_overage")),
        (json!(["s1"]), Err("oidc.userinfo_malformed")),
    ];
    provider.say(&json!({ "groups": null }));
    for (userinfo, expected) in cases {
        provider.saying.lock().unwrap().userinfo = userinfo.clone();
        let (_, page) = sign_in(&world).await;
        match expected {
            Err(code) => assert_eq!(page.code().as_deref(), Some(code), "{userinfo}"),
            Ok(groups) => {
                assert!(page.html.contains("You are signed in"), "{userinfo} {}", page.text());
                assert_eq!(world.app.store.find_users("alice").await.unwrap()[0].groups, groups);
            }
        }
    }
}

#[tokio::test]
async fn an_address_that_nobody_verified_is_none() {
    let (world, provider) = world().await;
    for (claims, kept) in [
        (json!({}), true),
        (json!({ "email_verified": true }), true),
        (json!({ "email_verified": "true" }), true),
        (json!({ "email_verified": false }), false),
        (json!({ "email_verified": "false" }), false),
        (json!({ "email_verified": null, "xms_edov": 0 }), false),
        (json!({ "xms_edov": "1" }), true),
    ] {
        provider.say(&claims);
        assert!(sign_in(&world).await.1.html.contains("You are signed in"));
        let user = world.app.store.find_users("alice").await.unwrap().remove(0);
        assert_eq!(user.email.is_some(), kept, "{claims}");
    }
}

/// Nor by another way than `email_claim`: a person who types in somebody else's address gets nobody's roles.
#[tokio::test]
async fn an_address_that_nobody_verified_is_no_user_name_either() {
    let (world, provider) = world_with("client_secret: x, username_claim: email").await;
    provider.say(&json!({ "email_verified": false, "preferred_username": null }));
    assert!(sign_in(&world).await.1.html.contains("You are signed in"));
    assert_eq!(world.app.store.find_users("alice@example.com").await.unwrap(), vec![]);
}

/// What the ID token says of its own address says nothing of the one in userinfo.
#[tokio::test]
async fn an_address_comes_with_what_is_said_about_it() {
    let (world, provider) = world().await;
    provider.say(&json!({ "groups": null, "email": null, "email_verified": true }));
    provider.saying.lock().unwrap().userinfo = json!({ "sub": "s1", "email": "boss@example.com", "email_verified": false });
    assert!(sign_in(&world).await.1.html.contains("You are signed in"));
    assert_eq!(world.app.store.find_users("boss@example.com").await.unwrap(), vec![]);
}

/// Security.md I10.
#[tokio::test]
async fn a_new_key_works_within_half_a_minute_and_the_old_one_not_for_ever() {
    let (world, provider) = world().await;
    assert!(sign_in(&world).await.1.html.contains("You are signed in"));
    let successor = new_key();
    provider.saying.lock().unwrap().published = vec![successor.public_jwk()];
    assert!(sign_in(&world).await.1.html.contains("You are signed in"), "the kept keys still hold the old one");
    provider.saying.lock().unwrap().key = successor;
    assert_eq!(sign_in(&world).await.1.code().as_deref(), Some("oauth.jwt_unknown_key"), "at most one attempt in half a minute");
    world.wait(30);
    assert!(sign_in(&world).await.1.html.contains("You are signed in"));
    provider.saying.lock().unwrap().key = new_key();
    assert_eq!(sign_in(&world).await.1.code().as_deref(), Some("oauth.jwt_unknown_key"), "a key that was never published");
}

/// The shape is configured; another one is never "no groups".
#[tokio::test]
async fn groups_come_in_the_configured_shape() {
    let nested = json!({ "groups": null, "realm_access": { "x.roles": ["b"] } });
    let cases = [
        ("groups_format: string", json!({ "groups": "Sales, EMEA" }), Ok(vec!["Sales, EMEA"])),
        ("groups_format: string", json!({}), Err("oidc.groups_list_for_string")),
        ("groups_format: comma", json!({ "groups": "Sales, EMEA" }), Ok(vec!["Sales", "EMEA"])),
        ("groups_claim: /realm_access/x.roles", nested.clone(), Ok(vec!["b"])),
        ("groups_claim: /realm_access/x.roles", json!({ "realm_access": "b" }), Err("oidc.groups_unknown_shape")),
        (
            "groups_claim: /realm_access/x.roles",
            json!({ "realm_access": { "_claim_names": { "x.roles": "s" } } }),
            Err("oidc.groups_overage"),
        ),
        ("groups_claim: realm_access.roles", nested, Ok(vec![])),
    ];
    for (settings, claims, expected) in cases {
        let (world, provider) = world_with(&format!("client_secret: x, {settings}")).await;
        provider.say(&claims);
        let (_, page) = sign_in(&world).await;
        match expected {
            Err(code) => assert_eq!(page.code().as_deref(), Some(code), "{settings} {claims}"),
            Ok(groups) => {
                assert!(page.html.contains("You are signed in"), "{settings} {claims} {}", page.text());
                assert_eq!(world.app.store.find_users("alice").await.unwrap()[0].groups, groups);
            }
        }
    }
}
