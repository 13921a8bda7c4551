//! What a client's refresh learns from the identity provider behind it.

use axum::body::Body;
use axum::extract::Request;
use gateway::request_id::RequestContext;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::crooked_openid::{Provider, finish, world_with};
use crate::world::{CLIENT_CALLBACK, World, authorize, go_on};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// The token endpoint's answer.
async fn token(world: &World, form: &[(&str, &str)]) -> Value {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    post(world, "/oauth/token", "application/x-www-form-urlencoded", body).await
}

async fn post(world: &World, path: &str, kind: &str, body: String) -> Value {
    let mut request = Request::post(path).header("content-type", kind).body(Body::from(body)).unwrap();
    let context = RequestContext::new("127.0.0.1:1".parse().unwrap(), request.headers());
    request.extensions_mut().insert(context);
    let response = gateway::routes::router(world.app.clone()).oneshot(request).await.unwrap();
    serde_json::from_slice(&axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
}

pub(crate) struct Client {
    id: String,
    refresh_token: String,
}

impl Client {
    /// Registers, signs alice in and redeems the code.
    pub(crate) async fn connect(world: &World) -> Self {
        let metadata = json!({ "redirect_uris": [CLIENT_CALLBACK], "token_endpoint_auth_method": "none" });
        let id = post(world, "/oauth/register", "application/json", metadata.to_string()).await["client_id"].as_str().unwrap().to_owned();
        let mut browser = world.browser();
        let page = browser.open(&authorize(&id, "crm")).await;
        let page = go_on(&mut browser, page, "crooked", "alice").await;
        let (mut browser, page) = finish((browser, page)).await;
        let page = go_on(&mut browser, page, "crooked", "alice").await;
        let code = page.url.query_pairs().find(|(name, _)| name == "code").unwrap_or_else(|| panic!("{}", page.text())).1.into_owned();
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &id),
            ("code", &code),
            ("redirect_uri", CLIENT_CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let answer = token(world, &form).await;
        Self { id, refresh_token: answer["refresh_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned() }
    }

    /// `ok`, or the error and its code.
    pub(crate) async fn refresh(&mut self, world: &World) -> String {
        let form = [("grant_type", "refresh_token"), ("client_id", self.id.as_str()), ("refresh_token", &self.refresh_token)];
        let answer = token(world, &form).await;
        if let Some(error) = answer["error"].as_str() {
            let description = answer["error_description"].as_str().unwrap();
            let code = description.rsplit_once('[').unwrap().1.split_once(',').unwrap().0;
            return format!("{error} {code}");
        }
        self.refresh_token = answer["refresh_token"].as_str().unwrap().to_owned();
        "ok".to_owned()
    }
}

async fn world() -> (World, Provider) {
    let (world, provider) = world_with("client_secret: x, refresh_interval: 5m").await;
    provider.saying.lock().unwrap().refresh_token = Some("first".to_owned());
    (world, provider)
}

async fn groups(world: &World) -> Vec<String> {
    world.app.store.find_users("alice").await.unwrap().remove(0).groups
}

#[tokio::test]
async fn a_group_that_was_removed_is_gone_with_the_next_refresh() {
    let (world, provider) = world().await;
    let mut client = Client::connect(&world).await;
    provider.say(&json!({ "groups": ["b"], "nonce": null }));
    world.wait(299);
    assert_eq!((client.refresh(&world).await.as_str(), groups(&world).await), ("ok", vec!["a".to_owned()]), "asked a moment ago");
    world.wait(1);
    assert_eq!((client.refresh(&world).await.as_str(), groups(&world).await), ("ok", vec!["b".to_owned()]));
    let events = world.events(&["groups_changed"]);
    assert_eq!((&events[0]["detail"]["added"], &events[0]["detail"]["removed"]), (&json!("b"), &json!("a")), "{events:?}");
    world.wait(300);
    assert_eq!(client.refresh(&world).await, "ok", "the token was rotated");
    assert_eq!((world.events(&["groups_changed"]).len(), provider.saying.lock().unwrap().refreshes), (1, 2));
}

/// A provider that gives each token once, and clients that race: the token is used once.
#[tokio::test]
async fn refreshes_at_once_use_the_token_of_the_provider_once() {
    let (world, provider) = world().await;
    let client = Client::connect(&world).await;
    provider.say(&json!({ "nonce": null }));
    world.wait(300);
    let form = [("grant_type", "refresh_token"), ("client_id", client.id.as_str()), ("refresh_token", &client.refresh_token)];
    let answers = futures_util::future::join_all((0..8).map(|_| token(&world, &form))).await;
    assert!(answers.iter().all(|answer| answer["error"].is_null()), "{answers:?}");
    assert_eq!(provider.saying.lock().unwrap().refreshes, 1);
}

/// The provider has spent the token that a client's request brought it when the client hangs up: what replaces it is kept.
#[tokio::test]
async fn a_client_that_hangs_up_does_not_lose_the_next_token() {
    let (world, provider) = world().await;
    let mut client = Client::connect(&world).await;
    provider.say(&json!({ "nonce": null }));
    world.wait(300);
    let form = [("grant_type", "refresh_token"), ("client_id", client.id.as_str()), ("refresh_token", &client.refresh_token)];
    let is_used = async {
        while provider.saying.lock().unwrap().refreshes == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = is_used => {}
        answer = token(&world, &form) => panic!("{answer}"),
    }
    assert_eq!(client.refresh(&world).await, "ok");
    world.wait(300);
    assert_eq!(client.refresh(&world).await, "ok");
    assert_eq!((provider.saying.lock().unwrap().refreshes, world.events(&["idp_session_ended"]).len()), (2, 0));
}

/// A provider that signs with another algorithm than the one that its kept document names says nothing about the person.
#[tokio::test]
async fn a_token_that_nobody_can_verify_ends_nothing() {
    let (world, provider) = world().await;
    let mut client = Client::connect(&world).await;
    provider.say(&json!({ "nonce": null }));
    let algorithms = json!({ "id_token_signing_alg_values_supported": ["RS256"] });
    provider.saying.lock().unwrap().discovery = algorithms.as_object().unwrap().clone();
    world.wait(3600);
    assert_eq!(client.refresh(&world).await, "ok");
    provider.saying.lock().unwrap().discovery.clear();
    world.wait(3600);
    assert_eq!(client.refresh(&world).await, "ok");
    assert_eq!((provider.saying.lock().unwrap().refreshes, world.events(&["idp_session_ended"]).len()), (2, 0));
}

/// What the provider answers, and what becomes of the grant.
#[tokio::test]
async fn answers_that_end_and_answers_that_do_not() {
    const ENDED: &str = "invalid_grant oidc.session_ended";
    let cases = [
        (json!({ "nonce": null, "sub": "s2" }), ENDED),
        (json!({ "nonce": "of another sign-in" }), ENDED),
        (json!({ "nonce": null, "aud": "other" }), ENDED),
        (json!({ "nonce": null, "groups": null, "_claim_names": { "groups": "x" } }), ENDED),
        (json!({ "nonce": null, "exp": 1 }), "ok"),
        (json!({ "nonce": null, "groups": null }), "ok"),
    ];
    for (claims, expected) in cases {
        let (world, provider) = world().await;
        let mut client = Client::connect(&world).await;
        provider.say(&claims);
        world.wait(300);
        assert_eq!(client.refresh(&world).await, expected, "{claims}");
        let after = if expected == "ok" { "ok" } else { "invalid_grant authserver.grant_ended" };
        assert_eq!(client.refresh(&world).await, after, "{claims}");
        assert_eq!(world.events(&["idp_session_ended"]).len(), usize::from(expected == ENDED), "{claims}");
    }
    let (world, provider) = world().await;
    let mut client = Client::connect(&world).await;
    provider.saying.lock().unwrap().refresh_token = None;
    world.wait(300);
    assert_eq!(client.refresh(&world).await, ENDED, "invalid_grant");
}

/// A provider that refuses Doorward itself says nothing about the person: for a day all goes on, then nothing until it answers.
#[tokio::test]
async fn no_answer_is_good_for_a_day() {
    let (world, provider) = world().await;
    let mut client = Client::connect(&world).await;
    provider.say(&json!({ "nonce": null }));
    provider.saying.lock().unwrap().judge = |_, _, _| false;
    world.wait(24 * 3600 - 1);
    assert_eq!(client.refresh(&world).await, "ok");
    world.wait(30);
    for _ in 0..2 {
        assert_eq!(client.refresh(&world).await, "temporarily_unavailable oidc.session_unreachable");
    }
    provider.saying.lock().unwrap().judge = |_, _, _| true;
    world.wait(30);
    assert_eq!(client.refresh(&world).await, "ok", "the client's own token was not used up");
}
