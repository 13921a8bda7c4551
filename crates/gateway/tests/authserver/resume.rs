//! The end of a sign-in: one code, for the browser that began it.

use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use store::Stage;

use super::harness::{CALLBACK, Gateway, ISSUER, code_in};

#[tokio::test]
async fn a_signed_in_request_becomes_one_code() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let under_way = gateway.begin(&client, &[]).await;
    let alice = gateway.sign_in("okta", "alice").await;
    gateway.advance_to(&under_way, &Stage::SignedIn { user: alice.user, session: alice.session, step_up: None }).await;

    let target = format!("/oauth/resume?req={}", under_way.id);
    let ahead = gateway.send(Request::head(target).header("cookie", &under_way.cookie).body(Body::empty()).unwrap()).await;
    assert_eq!(ahead.status, StatusCode::METHOD_NOT_ALLOWED, "looking ahead uses nothing up");
    let reply = gateway.resume(&under_way).await;
    assert_eq!(reply.status, StatusCode::FOUND);
    assert!(reply.location().as_str().starts_with(&format!("{CALLBACK}?code=")));
    assert_eq!((reply.parameter("state").as_deref(), reply.parameter("iss").as_deref()), (Some("a&b"), Some(ISSUER)));
    assert!(reply.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"), "the cookie goes");
    let again = gateway.resume(&under_way).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert!(again.body.contains("authserver.request_completed"));
}

#[tokio::test]
async fn two_tabs_get_one_code() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let under_way = gateway.begin(&client, &[]).await;
    let alice = gateway.sign_in("okta", "alice").await;
    gateway.advance_to(&under_way, &Stage::SignedIn { user: alice.user, session: alice.session, step_up: None }).await;
    let replies = futures_util::future::join_all((0..20).map(|_| gateway.resume(&under_way))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == StatusCode::FOUND).count(), 1);
}

#[tokio::test]
async fn only_the_browser_that_began_may_finish() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let (victim, attacker) = (gateway.begin(&client, &[]).await, gateway.begin(&client, &[]).await);
    let alice = gateway.sign_in("okta", "alice").await;
    gateway.advance_to(&attacker, &Stage::SignedIn { user: alice.user, session: alice.session, step_up: None }).await;
    let name = attacker.cookie.split_once('=').unwrap().0;
    let value = victim.cookie.split_once('=').unwrap().1;
    for cookie in [
        String::new(),
        victim.cookie.clone(),
        format!("{name}={value}"),
        format!("{name}="),
        format!("{}; {name}={value}", attacker.cookie),
    ] {
        let reply = gateway.resume_with(&attacker, &cookie).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{cookie}");
        assert!(reply.body.contains("authserver.wrong_browser"), "{cookie}");
    }
    for req in ["", "arq_0", "arq_00000000000000000000000000000000"] {
        let reply = gateway.get(&format!("/oauth/resume?req={req}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{req}");
    }
}

#[tokio::test]
async fn no_stage_but_the_last_gives_a_code() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    for stage in [Stage::Consent, Stage::ChooseIdp] {
        let under_way = gateway.begin(&client, &[]).await;
        gateway.advance_to(&under_way, &stage).await;
        let reply = gateway.resume(&under_way).await;
        assert!(reply.body.contains("authserver.request_not_ready"), "{stage:?}");
    }
    let denied = gateway.begin(&client, &[]).await;
    gateway.advance_to(&denied, &Stage::Denied { code: "login.consent_refused".to_owned() }).await;
    let reply = gateway.resume(&denied).await;
    assert_eq!((reply.parameter("error").as_deref(), reply.parameter("iss").as_deref()), (Some("access_denied"), Some(ISSUER)));
    assert_eq!(reply.parameter("code"), None);

    let late = gateway.begin(&client, &[]).await;
    gateway.advance(Duration::from_mins(10));
    let reply = gateway.resume(&late).await;
    assert!(reply.body.contains("authserver.request_expired"), "{}", reply.body);
}

#[tokio::test]
async fn what_changed_meanwhile_counts() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let alice = gateway.sign_in("okta", "alice").await;
    let signed_in = Stage::SignedIn { user: alice.user, session: alice.session, step_up: None };

    let wiki = gateway.begin(&client, &[("resource", "https://gw.example/wiki/mcp")]).await;
    gateway.advance_to(&wiki, &signed_in).await;
    let reply = gateway.resume(&wiki).await;
    assert_eq!(reply.parameter("error").as_deref(), Some("access_denied"));
    assert_eq!(code_in(&reply.parameter("error_description").unwrap()), "authserver.idp_refused");

    let crm = gateway.begin(&client, &[]).await;
    gateway.advance_to(&crm, &signed_in).await;
    gateway.app.store.delete_client(&client.parse().unwrap()).await.unwrap();
    let reply = gateway.resume(&crm).await;
    assert!(reply.body.contains("authserver.client_unknown"), "a forgotten client gets no redirect");

    let client = gateway.register().await;
    let crm = gateway.begin(&client, &[]).await;
    gateway.advance_to(&crm, &signed_in).await;
    gateway.app.store.set_user_disabled(alice.user, true, gateway.clock.now()).await.unwrap();
    let reply = gateway.resume(&crm).await;
    assert_eq!(code_in(&reply.parameter("error_description").unwrap()), "authserver.person_disabled");
}

/// The hub would have asked for a second factor: who goes past it gets no code.
#[tokio::test]
async fn a_sign_in_that_is_too_weak_goes_back_to_the_hub() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let under_way = gateway.begin(&client, &[("resource", "https://gw.example/payments/mcp")]).await;
    let alice = gateway.sign_in("okta", "alice").await;
    gateway.advance_to(&under_way, &Stage::SignedIn { user: alice.user, session: alice.session, step_up: None }).await;
    for _ in 0..2 {
        let reply = gateway.resume(&under_way).await;
        assert_eq!(
            (reply.status, reply.headers["location"].to_str().unwrap()),
            (StatusCode::FOUND, format!("/login?req={}", under_way.id).as_str())
        );
    }
}
