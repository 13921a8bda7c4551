//! Codes, refresh tokens, revocation: the right use once, and every wrong one.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway::keys::KeyUse;
use http::StatusCode;
use oauth::resource::ResourceUri;
use oauth::server::access_token::AccessToken;
use serde_json::{Value, json};
use store::Stage;

use super::harness::{CALLBACK, CRM, Case, Gateway, INSPECTOR_SECRET, ISSUER, Reply};

fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}"))
}

/// All but the last character.
fn cut(token: &str) -> &str {
    token.get(..token.len() - 1).unwrap()
}

fn refused(reply: &Reply, error: &str, code: &str) {
    assert_eq!(reply.oauth_error(), (400, error.to_owned(), code.to_owned()), "{reply:?}");
}

/// The grant that an access token names is in force.
async fn is_live(gateway: &Gateway, access: &str) -> bool {
    let resource = ResourceUri::parse(CRM).unwrap();
    let token = AccessToken::verify(access, &gateway.app.keys.jwks(KeyUse::AccessToken), ISSUER, &resource, gateway.clock.now()).unwrap();
    gateway.app.store.grant_is_live(token.grant.parse().unwrap(), gateway.clock.now()).await.unwrap()
}

#[tokio::test]
async fn the_whole_life_of_a_grant() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let code = gateway.code(&client).await;
    let reply = gateway.redeem(&client, &code).await;
    assert_eq!((reply.status, &reply.headers["cache-control"]), (StatusCode::OK, &"no-store".parse().unwrap()));
    let issued = reply.json();
    assert_eq!((&issued["token_type"], &issued["expires_in"], &issued["scope"]), (&json!("Bearer"), &json!(900), &json!("mcp")));
    let resource = ResourceUri::parse(CRM).unwrap();
    let access = AccessToken::verify(
        text(&issued, "access_token"),
        &gateway.app.keys.jwks(KeyUse::AccessToken),
        ISSUER,
        &resource,
        gateway.clock.now(),
    )
    .unwrap();
    assert_eq!((access.client_id.as_str(), access.user.starts_with("usr_")), (client.as_str(), true));

    gateway.advance(Duration::from_mins(14));
    let refreshed = gateway.refresh(&client, text(&issued, "refresh_token")).await.json();
    assert_ne!(refreshed["refresh_token"], issued["refresh_token"]);
    assert!(is_live(&gateway, text(&refreshed, "access_token")).await);
    let revoked = gateway.post_form("/oauth/revoke", &[("client_id", &client), ("token", text(&refreshed, "refresh_token"))]).await;
    assert_eq!(revoked.status, StatusCode::OK);
    assert!(!is_live(&gateway, text(&refreshed, "access_token")).await, "a revoked refresh token ends the access token");
    refused(&gateway.refresh(&client, text(&refreshed, "refresh_token")).await, "invalid_grant", "authserver.grant_ended");

    let summary = gateway.audit_summary();
    let expected = ["client_registered", "token_issued", "token_refreshed", "token_revoked", "token_refused authserver.grant_ended"];
    let ours: Vec<&String> = summary.iter().filter(|line| expected.contains(&line.as_str())).collect();
    assert_eq!(ours, expected, "{summary:?}");
    let trail = gateway.audit().iter().map(Value::to_string).collect::<String>();
    for secret in [code.as_str(), text(&issued, "access_token"), text(&issued, "refresh_token"), text(&refreshed, "refresh_token")] {
        assert!(!trail.contains(secret), "a secret in the trail");
    }
    assert!(trail.contains("\"alice\""), "the trail names the person");
}

#[tokio::test]
async fn a_code_is_good_once_for_whoever_can_prove_it() {
    let gateway = Gateway::start().await;
    let (client, other) = (gateway.register().await, gateway.register().await);
    let wrong_verifier = "a".repeat(43);
    let cases: [Case; 6] = [
        (&[("client_id", &other)], "invalid_grant", "authserver.code_of_other_client"),
        (&[("redirect_uri", "http://127.0.0.1:5001/callback")], "invalid_grant", "authserver.code_redirect_uri_mismatch"),
        (&[("code_verifier", &wrong_verifier)], "invalid_grant", "oauth.pkce_verifier_mismatch"),
        (&[("code_verifier", "short")], "invalid_grant", "oauth.pkce_verifier_malformed"),
        (&[("resource", "https://gw.example/wiki/mcp")], "invalid_target", "oauth.resource_unknown"),
        (&[("resource", "https://gw.example/")], "invalid_target", "oauth.resource_ambiguous"),
    ];
    for (changes, error, code_of_error) in cases {
        let code = gateway.code(&client).await;
        refused(&gateway.redeem_with(&client, &code, changes).await, error, code_of_error);
        refused(&gateway.redeem(&client, &code).await, "invalid_grant", "authserver.code_replayed");
    }
    let code = gateway.code(&client).await;
    refused(&gateway.redeem_with(&client, &code, &[("code_verifier", "")]).await, "invalid_request", "oauth.pkce_verifier_missing");
    assert_eq!(gateway.redeem(&client, &code).await.status, StatusCode::OK, "a request without verifier uses nothing up");

    let code = gateway.code(&client).await;
    gateway.advance(Duration::from_mins(1));
    refused(&gateway.redeem(&client, &code).await, "invalid_grant", "authserver.code_expired");
    let code = gateway.code(&client).await;
    for changed in [format!("{code}A"), cut(&code).to_owned(), code.to_uppercase(), "x".to_owned()] {
        refused(&gateway.redeem(&client, &changed).await, "invalid_grant", "authserver.code_unknown");
    }
    assert_eq!(gateway.redeem_with(&client, &code, &[("redirect_uri", ""), ("resource", "")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_second_redemption_ends_what_the_first_gave() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let code = gateway.code(&client).await;
    let issued = gateway.redeem(&client, &code).await.json();
    assert!(is_live(&gateway, text(&issued, "access_token")).await);
    refused(&gateway.redeem(&client, &code).await, "invalid_grant", "authserver.code_replayed");
    assert!(!is_live(&gateway, text(&issued, "access_token")).await);
    refused(&gateway.refresh(&client, text(&issued, "refresh_token")).await, "invalid_grant", "authserver.grant_ended");

    let code = gateway.code(&client).await;
    let replies = futures_util::future::join_all((0..50).map(|_| gateway.redeem(&client, &code))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == StatusCode::OK).count(), 1, "fifty at once, one wins");
}

#[tokio::test]
async fn racing_refreshes_get_one_successor_and_late_reuse_ends_the_family() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let code = gateway.code(&client).await;
    let first = gateway.redeem(&client, &code).await.json();
    let first = text(&first, "refresh_token");
    let replies = futures_util::future::join_all((0..50).map(|_| gateway.refresh(&client, first))).await;
    let mut successors: Vec<String> = replies.iter().map(|reply| text(&reply.json(), "refresh_token").to_owned()).collect();
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), 1);

    let gateway = gateway.restart().await;
    gateway.advance(Duration::from_secs(44));
    assert_eq!(text(&gateway.refresh(&client, first).await.json(), "refresh_token"), successors[0], "within the grace, after a restart");
    gateway.advance(Duration::from_secs(2));
    let second = gateway.refresh(&client, &successors[0]).await.json();
    refused(&gateway.refresh(&client, first).await, "invalid_grant", "authserver.refresh_token_reused");
    refused(&gateway.refresh(&client, text(&second, "refresh_token")).await, "invalid_grant", "authserver.grant_ended");
    assert!(!is_live(&gateway, text(&second, "access_token")).await);
}

#[tokio::test]
async fn refreshes_that_are_refused() {
    let gateway = Gateway::start().await;
    let (client, other) = (gateway.register().await, gateway.register().await);
    let code = gateway.code(&client).await;
    let issued = gateway.redeem(&client, &code).await.json();
    let token = text(&issued, "refresh_token");
    refused(&gateway.refresh(&other, token).await, "invalid_grant", "authserver.refresh_token_unknown");
    refused(&gateway.refresh(&client, cut(token)).await, "invalid_grant", "authserver.refresh_token_unknown");
    refused(&gateway.refresh_with(&client, token, &[("scope", "mcp admin")]).await, "invalid_scope", "oauth.scope_wider");
    refused(
        &gateway.refresh_with(&client, token, &[("resource", "https://gw.example/wiki/mcp")]).await,
        "invalid_target",
        "oauth.resource_unknown",
    );
    let next = gateway.refresh_with(&client, token, &[("scope", "mcp"), ("resource", "https://gw.example/crm/mcp/")]).await.json();
    let token = text(&next, "refresh_token");

    gateway.advance(Duration::from_hours(29 * 24));
    let next = gateway.refresh(&client, token).await.json();
    gateway.advance(Duration::from_hours(25));
    refused(&gateway.refresh(&client, text(&next, "refresh_token")).await, "invalid_grant", "authserver.refresh_token_expired");

    let code = gateway.code(&client).await;
    let issued = gateway.redeem(&client, &code).await.json();
    let alice = gateway.sign_in("okta", "alice").await;
    gateway.app.store.set_user_disabled(alice.user, true, gateway.clock.now()).await.unwrap();
    refused(&gateway.refresh(&client, text(&issued, "refresh_token")).await, "invalid_grant", "authserver.grant_ended");

    let plain = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"] });
    let plain = gateway.register_with(&plain).await;
    refused(&gateway.refresh(&plain, token).await, "unauthorized_client", "authserver.refresh_not_registered");
}

#[tokio::test]
async fn malformed_requests() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let cases: [Case; 7] = [
        (&[("grant_type", "")], "invalid_request", "oauth.token_grant_type_missing"),
        (
            &[("grant_type", "password"), ("username", "a"), ("password", "b")],
            "unsupported_grant_type",
            "oauth.token_grant_type_unsupported",
        ),
        (&[("grant_type", "client_credentials")], "unsupported_grant_type", "oauth.token_grant_type_unsupported"),
        (&[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")], "unsupported_grant_type", "oauth.token_grant_type_unsupported"),
        (&[("grant_type", "refresh_token")], "invalid_request", "oauth.token_parameter_missing"),
        (&[("code", "")], "invalid_request", "oauth.token_parameter_missing"),
        (&[("code", "unknown")], "invalid_grant", "authserver.code_unknown"),
    ];
    for (changes, error, code) in cases {
        refused(&gateway.redeem_with(&client, "x", changes).await, error, code);
    }
    let query = gateway.post_form("/oauth/token?client_secret=x", &[("client_id", &client)]).await;
    refused(&query, "invalid_request", "authserver.query_refused");
    refused(&gateway.post_json("/oauth/token", &json!({})).await, "invalid_request", "authserver.content_type_refused");
    let twice = [("grant_type", "authorization_code"), ("client_id", client.as_str()), ("code", "a"), ("code", "b")];
    refused(&gateway.post_form("/oauth/token", &twice).await, "invalid_request", "oauth.token_parameter_repeated");
}

#[tokio::test]
async fn clients_prove_who_they_are() {
    let gateway = Gateway::start().await;
    let post = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "client_secret_post" });
    let registered = gateway.post_json("/oauth/register", &post).await.json();
    let (id, secret) = (text(&registered, "client_id"), text(&registered, "client_secret"));
    let public = gateway.register().await;
    let basic = |id: &str, secret: &str| {
        let encode = |value: &str| url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
        format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
    };
    let form = [("grant_type", "authorization_code"), ("code", "unknown"), ("code_verifier", CALLBACK)];
    let with = |more: &[(&'static str, String)]| {
        form.iter().map(|(name, value)| (*name, (*value).to_owned())).chain(more.to_vec()).collect::<Vec<_>>()
    };
    let (unknown, failed) = ("authserver.code_unknown", "authserver.client_authentication_failed");
    let cases = [
        (Some(basic(id, secret)), with(&[]), 400, unknown),
        (None, with(&[("client_id", id.to_owned()), ("client_secret", secret.to_owned())]), 400, unknown),
        (Some(basic("inspector", INSPECTOR_SECRET)), with(&[]), 400, unknown),
        (None, with(&[("client_id", public.clone())]), 400, unknown),
        (Some(basic(id, "wrong")), with(&[]), 401, failed),
        (Some(basic(id, cut(secret))), with(&[]), 401, failed),
        (Some(basic(id, "")), with(&[]), 401, failed),
        (Some(basic("inspector", secret)), with(&[]), 401, failed),
        (Some(basic("nobody", secret)), with(&[]), 401, failed),
        (None, with(&[("client_id", id.to_owned())]), 401, failed),
        (None, with(&[("client_id", public.clone()), ("client_secret", secret.to_owned())]), 401, failed),
        (Some("Bearer x".to_owned()), with(&[]), 401, "oauth.token_authorization_malformed"),
        (None, with(&[]), 401, "oauth.token_client_missing"),
        (Some(basic(id, secret)), with(&[("client_secret", secret.to_owned())]), 400, "oauth.token_authenticated_twice"),
    ];
    for (header, form, status, code) in cases {
        let borrowed: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = gateway.post_form_as("/oauth/token", header.as_deref(), &borrowed).await;
        let (actual, error, actual_code) = reply.oauth_error();
        assert_eq!((actual, actual_code.as_str()), (status, code), "{header:?} {form:?}");
        assert_eq!(error == "invalid_client", status == 401, "{header:?}");
        assert_eq!(reply.headers.contains_key("www-authenticate"), status == 401 && header.is_some(), "{header:?}");
    }
}

#[tokio::test]
async fn revocation_tells_nobody_what_exists_and_touches_own_tokens_only() {
    let gateway = Gateway::start().await;
    let (client, other) = (gateway.register().await, gateway.register().await);
    let code = gateway.code(&client).await;
    let issued = gateway.redeem(&client, &code).await.json();
    let access = text(&issued, "access_token");
    for token in [access, text(&issued, "refresh_token"), "unknown", "a.b.c"] {
        let reply = gateway.post_form("/oauth/revoke", &[("client_id", &other), ("token", token)]).await;
        assert_eq!(reply.status, StatusCode::OK);
    }
    assert!(is_live(&gateway, access).await, "another client's revocation does nothing");
    assert_eq!(gateway.post_form("/oauth/revoke", &[("client_id", "nobody"), ("token", access)]).await.status, StatusCode::UNAUTHORIZED);
    let reply = gateway.post_form("/oauth/revoke", &[("client_id", &client)]).await;
    refused(&reply, "invalid_request", "oauth.token_parameter_missing");
    gateway.post_form("/oauth/revoke", &[("client_id", &client), ("token", access), ("token_type_hint", "refresh_token")]).await;
    assert!(!is_live(&gateway, access).await, "an access token can be given back, too");
}

#[tokio::test]
async fn no_audit_trail_no_token() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let code = gateway.code(&client).await;
    gateway.app.audit.close().await;
    let reply = gateway.redeem(&client, &code).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("temporarily_unavailable")));
    assert!(!reply.body.contains("access_token"));
    assert_eq!(gateway.redeem(&client, "unknown").await.status, StatusCode::SERVICE_UNAVAILABLE, "not even a refusal goes unrecorded");
}

/// The name of the person in the last event with this code.
fn person_of(gateway: &Gateway, code: &str) -> Option<String> {
    let events = gateway.audit();
    let event = events.iter().rev().find(|event| event["code"] == code).unwrap_or_else(|| panic!("no {code}"));
    event["person"]["username"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_code_does_not_outlive_a_sign_out() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let begin = async || {
        let under_way = gateway.begin(&client, &[]).await;
        let alice = gateway.sign_in("okta", "alice").await;
        gateway.advance_to(&under_way, &Stage::SignedIn { user: alice.user, session: alice.session, step_up: None }).await;
        (gateway.resume(&under_way).await.parameter("code").unwrap(), alice)
    };
    let now = gateway.clock.now();
    let store = &gateway.app.store;

    let (code, alice) = begin().await;
    store.end_browser_session(alice.session, now).await.unwrap();
    refused(&gateway.redeem(&client, &code).await, "invalid_grant", "authserver.grant_ended");
    assert_eq!(person_of(&gateway, "authserver.grant_ended").as_deref(), Some("alice"));
    refused(&gateway.redeem(&client, &code).await, "invalid_grant", "authserver.code_replayed");

    let (code, alice) = begin().await;
    store.end_all_for_user(alice.user, now).await.unwrap();
    refused(&gateway.redeem(&client, &code).await, "invalid_grant", "authserver.grant_ended");

    let (code, alice) = begin().await;
    store.set_user_disabled(alice.user, true, now).await.unwrap();
    refused(&gateway.redeem(&client, &code).await, "invalid_grant", "authserver.grant_ended");
    store.set_user_disabled(alice.user, false, now).await.unwrap();
    refused(&gateway.redeem(&client, &code).await, "invalid_grant", "authserver.code_replayed");
}

#[tokio::test]
async fn a_refusal_names_the_person_whose_code_or_token_it_was() {
    let gateway = Gateway::start().await;
    let (client, other) = (gateway.register().await, gateway.register().await);
    let code = gateway.code(&client).await;
    gateway.redeem(&other, &code).await;
    assert_eq!(person_of(&gateway, "authserver.code_of_other_client").as_deref(), Some("alice"));
    gateway.redeem(&client, &code).await;
    assert_eq!(person_of(&gateway, "authserver.code_replayed").as_deref(), Some("alice"));
    let code = gateway.code(&client).await;
    let issued = gateway.redeem(&client, &code).await.json();
    gateway.redeem(&client, &code).await;
    gateway.refresh(&client, text(&issued, "refresh_token")).await;
    assert_eq!(person_of(&gateway, "authserver.grant_ended").as_deref(), Some("alice"));
    let code = gateway.code(&client).await;
    gateway.advance(Duration::from_mins(1));
    gateway.redeem(&client, &code).await;
    assert_eq!(person_of(&gateway, "authserver.code_expired").as_deref(), Some("alice"));
}

/// N4: whoever is refused often must not be able to fill the disk that all calls depend on.
#[tokio::test]
async fn a_flood_of_refusals_leaves_few_lines_and_loses_no_count() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let issued = gateway.redeem(&client, &gateway.code(&client).await).await.json();
    let before = gateway.audit().len();
    for _ in 0..300 {
        gateway.redeem(&client, "unknown").await;
        gateway.get("/oauth/authorize?client_id=nobody").await;
    }
    assert!(gateway.audit().len() - before <= 60, "{} lines", gateway.audit().len() - before);
    // What is known of a person is not drowned by what nobody in particular did.
    gateway.refresh(&client, text(&issued, "refresh_token")).await;
    gateway.advance(Duration::from_secs(46));
    gateway.refresh(&client, text(&issued, "refresh_token")).await;
    assert_eq!(person_of(&gateway, "authserver.refresh_token_reused").as_deref(), Some("alice"));

    gateway.advance(Duration::from_secs(20));
    gateway.redeem(&client, "unknown").await; // a new minute
    let events = gateway.audit();
    let sums: Vec<&Value> = events.iter().filter(|event| event["kind"] == "refusals_summed").collect();
    let [sum] = sums.as_slice() else { panic!("{sums:?}") };
    assert_eq!(sum["source_ip"], "192.0.2.1");
    let one_by_one = |code: &str| events.iter().skip(before).filter(|event| event["code"] == code).count();
    let summed = |name: &str| sum["detail"][name].as_str().unwrap().parse::<usize>().unwrap();
    assert_eq!(one_by_one("authserver.code_unknown") + summed("authserver.code_unknown"), 301);
    assert_eq!(one_by_one("authserver.client_unknown") + summed("authserver.client_unknown"), 300);
    assert_eq!(summed("count"), summed("authserver.code_unknown") + summed("authserver.client_unknown"));
}

#[tokio::test]
async fn a_stop_writes_the_sums() {
    let gateway = Gateway::start().await;
    for _ in 0..100 {
        gateway.get("/oauth/authorize?client_id=nobody").await;
    }
    let gateway = gateway.restart().await;
    let events = gateway.audit();
    let sum = events.iter().find(|event| event["kind"] == "refusals_summed").expect("a sum");
    let alone = events.iter().filter(|event| event["code"] == "authserver.client_unknown").count();
    assert_eq!(sum["detail"]["count"], (100 - alone).to_string());
}

#[tokio::test]
async fn an_outage_of_the_trail_uses_nothing_up() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let issued = gateway.redeem(&client, &gateway.code(&client).await).await.json();
    let code = gateway.code(&client).await;
    gateway.app.audit.close().await;
    let token = text(&issued, "refresh_token");
    assert_eq!(gateway.refresh(&client, token).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(gateway.redeem(&client, &code).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let revoked = gateway.post_form("/oauth/revoke", &[("client_id", &client), ("token", token)]).await;
    assert_eq!(revoked.status, StatusCode::SERVICE_UNAVAILABLE);

    let gateway = gateway.restart().await;
    assert_eq!(gateway.redeem(&client, &code).await.status, StatusCode::OK);
    gateway.advance(Duration::from_mins(2));
    assert_eq!(gateway.refresh(&client, token).await.status, StatusCode::OK, "after the grace, too");
}
