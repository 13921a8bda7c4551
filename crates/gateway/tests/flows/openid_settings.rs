//! The settings of an OpenID provider, each against a provider that insists on it.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use http::HeaderMap;
use oauth::jwks::JwkSet;
use oauth::jwt::{self, Accept, Alg, Audiences, SigningKey};
use serde_json::{Value, json};

use crate::crooked_openid::{Saying, begin, finish, sign_in, world_with};
use crate::world::noon;

const SECRET: &str = "x&y of at least thirty-two bytes";

type Judge = fn(&Saying, &HeaderMap, &HashMap<String, String>) -> bool;

/// Whether a request proves the client by one method, and by no other at the same time.
fn only(headers: &HeaderMap, form: &HashMap<String, String>, present: &[&str]) -> bool {
    let has_header = headers.contains_key("authorization");
    has_header == present.contains(&"authorization")
        && ["client_secret", "client_assertion"].iter().all(|name| form.contains_key(*name) == present.contains(name))
}

fn basic(_: &Saying, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
    // Form-encoded, then base64: x%26y+of+...
    let expected = base64::engine::general_purpose::STANDARD.encode("doorward:x%26y+of+at+least+thirty-two+bytes");
    only(headers, form, &["authorization"]) && headers["authorization"] == format!("Basic {expected}")
}

fn post(_: &Saying, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
    only(headers, form, &["client_secret"]) && form["client_id"] == "doorward" && form["client_secret"] == SECRET
}

fn none(_: &Saying, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
    only(headers, form, &[]) && form["client_id"] == "doorward"
}

fn secret_jwt(_: &Saying, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
    let Some((signed, tag)) = form.get("client_assertion").and_then(|assertion| assertion.rsplit_once('.')) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap()).unwrap();
    only(headers, form, &["client_assertion"])
        && hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).unwrap()).is_ok()
        && claims["aud"].as_str().unwrap().ends_with("/token")
        && claims["iss"] == "doorward"
}

/// With the keys that Doorward published, for the endpoint that was asked.
fn private_key(saying: &Saying, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
    let Some(assertion) = form.get("client_assertion") else { return false };
    let host = headers["host"].to_str().unwrap();
    let accept = Accept {
        typ: &[],
        algs: &[Alg::Es256, Alg::Rs256],
        issuer: "doorward",
        audience: &format!("http://{host}/token"),
        audiences: Audiences::One,
        now: noon().now(),
        leeway: Duration::ZERO,
    };
    let verified = jwt::verify(assertion, &saying.client_keys, &accept);
    let wanted = saying.discovery.get("token_endpoint_auth_signing_alg_values_supported").map_or("RS256", |list| list[0].as_str().unwrap());
    only(headers, form, &["client_assertion"])
        && verified.is_ok_and(|verified| verified.string("sub") == Ok("doorward") && verified.header.alg.name() == wanted)
}

/// Every method at a provider that takes no other, the choice without the setting, and every wrong method.
#[tokio::test]
async fn every_way_to_prove_who_we_are() {
    let methods: [(&str, Judge); 5] = [
        ("client_secret_basic", basic),
        ("client_secret_post", post),
        ("client_secret_jwt", secret_jwt),
        ("private_key_jwt", private_key),
        ("none", none),
    ];
    let secret = format!("client_secret: '{SECRET}'");
    for (configured, _) in methods {
        let needs_secret = configured.starts_with("client_secret");
        let settings = format!("{}, client_auth: {configured}", if needs_secret { secret.as_str() } else { "name_claim: name" });
        let (world, provider) = world_with(&settings).await;
        let (status, keys) = world.program("/login/oidc/crooked/jwks.json").await;
        assert_eq!((status.as_u16(), keys["keys"].as_array().unwrap().len()), (200, 2));
        provider.saying.lock().unwrap().client_keys = JwkSet::parse(keys.to_string().as_bytes()).unwrap();
        for (demanded, judge) in methods {
            provider.saying.lock().unwrap().judge = judge;
            let (_, page) = sign_in(&world).await;
            let expected = (configured != demanded).then_some("oidc.client_refused");
            assert_eq!(page.code().as_deref(), expected, "{configured} at a provider that wants {demanded}: {}", page.text());
        }
    }
    let choices: [(&str, Value, Judge); 6] = [
        (&secret, Value::Null, basic),
        (&secret, json!(["client_secret_post", "client_secret_basic"]), basic),
        (&secret, json!(["private_key_jwt", "client_secret_post"]), post),
        (&secret, json!(["client_secret_jwt"]), secret_jwt),
        ("name_claim: name", json!(["client_secret_basic"]), none),
        ("client_auth: private_key_jwt", json!(["private_key_jwt"]), private_key),
    ];
    for (settings, offered, judge) in choices {
        let (world, provider) = world_with(settings).await;
        let (_, keys) = world.program("/login/oidc/crooked/jwks.json").await;
        {
            let mut saying = provider.saying.lock().unwrap();
            saying.client_keys = JwkSet::parse(keys.to_string().as_bytes()).unwrap();
            saying.discovery.insert("token_endpoint_auth_methods_supported".to_owned(), offered.clone());
            saying.discovery.insert("token_endpoint_auth_signing_alg_values_supported".to_owned(), json!(["ES256"]));
            saying.judge = judge;
        }
        let (_, page) = sign_in(&world).await;
        assert!(page.html.contains("You are signed in"), "{settings} {offered}: {}", page.text());
    }
}

#[tokio::test]
async fn methods_that_fit_nothing() {
    for (member, offered, settings, code) in [
        ("token_endpoint_auth_methods_supported", json!(["tls_client_auth"]), "client_secret: x", "oidc.client_auth_no_common_method"),
        (
            "token_endpoint_auth_signing_alg_values_supported",
            json!(["EdDSA"]),
            "client_auth: private_key_jwt",
            "oidc.client_auth_no_common_algorithm",
        ),
    ] {
        let (world, provider) = world_with(settings).await;
        provider.saying.lock().unwrap().discovery.insert(member.to_owned(), offered);
        assert_eq!(sign_in(&world).await.1.code().as_deref(), Some(code));
    }
}

/// Settings, what the ID token says, and what comes of it.
#[tokio::test]
async fn what_the_answer_must_say() {
    let soon = noon().now().as_second();
    let cases = [
        ("acr_values: [phr, phrh]", json!({ "acr": "phrh" }), None),
        ("acr_values: [phr, phrh]", json!({ "acr": "0" }), Some("oidc.acr_mismatch")),
        ("acr_values: [phr, phrh]", json!({}), Some("oidc.acr_mismatch")),
        ("acr_values: [phr, phrh]", json!({ "acr": ["phr"] }), Some("oauth.jwt_claim_invalid")),
        ("max_age: 1h", json!({ "auth_time": soon - 3600 }), None),
        ("max_age: 1h", json!({ "auth_time": soon - 3661 }), Some("oidc.authentication_too_old")),
        ("max_age: 1h", json!({}), Some("oidc.auth_time_missing")),
        ("max_age: 1h", json!({ "auth_time": soon + 61 }), Some("oauth.jwt_not_yet_valid")),
        ("prompt: login", json!({ "auth_time": soon }), None),
        ("prompt: login", json!({ "auth_time": soon - 61 }), Some("oidc.authentication_too_old")),
        ("prompt: login", json!({}), Some("oidc.auth_time_missing")),
        ("prompt: select_account", json!({}), None),
        ("subject_claim: oid", json!({ "oid": "o1" }), None),
        ("subject_claim: oid", json!({}), Some("oidc.subject_claim_missing")),
        ("subject_claim: oid", json!({ "oid": "" }), Some("oidc.subject_claim_missing")),
        ("subject_claim: oid", json!({ "oid": 7 }), Some("oidc.subject_claim_missing")),
        ("subject_claim: oid", json!({ "oid": "o\u{0}1" }), Some("oidc.subject_claim_missing")),
        ("groups_claim: roles", json!({ "roles": ["Task.Read"] }), None),
    ];
    for (settings, claims, code) in cases {
        let (world, provider) = world_with(&format!("client_secret: x, {settings}")).await;
        provider.say(&claims);
        let (_, page) = sign_in(&world).await;
        assert_eq!(page.code().as_deref(), code, "{settings} {claims}: {}", page.text());
        if code.is_none() {
            let user = world.app.store.find_users("alice").await.unwrap().remove(0);
            assert_eq!(user.subject, if settings.contains("oid") { "o1" } else { "s1" });
            assert_eq!(user.groups, if settings.contains("roles") { ["Task.Read"] } else { ["a"] });
        }
    }
}

#[tokio::test]
async fn what_the_browser_takes_along() {
    let (world, _) = world_with("client_secret: x, acr_values: [phr], prompt: login consent, domain_hint: example.com").await;
    let page = world.browser().open("/login/start").await;
    let value = |name: &str| page.url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
    for (name, expected) in [
        ("acr_values", Some("phr")),
        ("prompt", Some("login consent")),
        ("max_age", Some("0")),
        ("domain_hint", Some("example.com")),
        ("resource", None),
    ] {
        assert_eq!(value(name).as_deref(), expected, "{name}");
    }
}

/// Names that the ID token lacks come from userinfo. If that fails they stay unknown, which opens nothing; an answer about
/// somebody else refuses, and so does a signed one where groups were to come from it.
#[tokio::test]
async fn names_come_from_userinfo() {
    let (world, provider) = world_with("client_secret: x").await;
    let cases = [
        (json!({ "email": null }), json!({ "sub": "s1", "email": "a@userinfo.example" }), Ok(Some("a@userinfo.example"))),
        (json!({}), json!({ "sub": "s1", "email": "a@userinfo.example" }), Ok(Some("alice@example.com"))),
        (json!({ "email": null }), json!("eyJ"), Ok(None)),
        (json!({ "email": null }), json!({ "sub": "s2", "email": "b@example.com" }), Err("oidc.userinfo_subject_mismatch")),
        (json!({ "groups": null }), json!([]), Err("oidc.userinfo_malformed")),
    ];
    for (claims, userinfo, expected) in cases {
        provider.say(&claims);
        provider.saying.lock().unwrap().userinfo = userinfo.clone();
        let (_, page) = sign_in(&world).await;
        assert_eq!(page.code().as_deref(), expected.err(), "{claims} {userinfo}: {}", page.text());
        if let Ok(email) = expected {
            assert_eq!(world.app.store.find_users("alice").await.unwrap()[0].email.as_deref(), email, "{claims} {userinfo}");
        }
    }
}

/// Two hundred people at once with tokens of a key that is not published: the provider is asked for its keys once, then once
/// in half a minute; and the key that it publishes at last is found.
#[tokio::test]
async fn a_flood_of_unknown_keys() {
    let (world, provider) = world_with("client_secret: x").await;
    assert!(sign_in(&world).await.1.html.contains("You are signed in"));
    let unknown = || SigningKey::from_pkcs8(SigningKey::generate_pkcs8().unwrap().expose()).unwrap();
    for (seconds, people, fetches) in [(0, 200, 1), (29, 5, 1), (1, 200, 2), (29, 5, 2), (1, 5, 3)] {
        world.wait(seconds);
        provider.saying.lock().unwrap().key = unknown();
        let mut waiting = Vec::new();
        for _ in 0..people {
            waiting.push(begin(&world).await);
        }
        let pages = join_all(waiting.into_iter().map(finish)).await;
        assert!(pages.iter().all(|(_, page)| page.code().as_deref() == Some("oauth.jwt_unknown_key")), "after {seconds} s");
        assert_eq!(provider.saying.lock().unwrap().key_fetches, fetches, "after {seconds} s");
    }
    let published = provider.saying.lock().unwrap().key.public_jwk();
    provider.saying.lock().unwrap().published = vec![published];
    world.wait(30);
    let pages = join_all((0..10).map(|_| sign_in(&world))).await;
    assert!(pages.iter().all(|(_, page)| page.html.contains("You are signed in")));
    assert_eq!(provider.saying.lock().unwrap().key_fetches, 4);
}
