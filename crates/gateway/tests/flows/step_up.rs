//! What a person meets on the way to a server that wants a stronger or newer sign-in than the one they have.

use http::StatusCode;

use serde_json::json;

use crate::browser::{Browser, Page};
use crate::crooked_openid::{finish, world_before};
use crate::world::{CLIENT_CALLBACK, World, answer, authorize, go_on};

/// Answers every page; gives the last one, and at how many sign-in pages of an identity provider the person was.
async fn go(browser: &mut Browser, mut page: Page, idp: &str) -> (Page, usize) {
    let mut sign_ins = 0;
    for _ in 0..20 {
        sign_ins += usize::from(page.html.contains("name=\"username\""));
        match answer(browser, &page, idp, "alice").await {
            Some(next) => page = next,
            None => return (page, sign_ins),
        }
    }
    panic!("no end: {}", page.url);
}

#[tokio::test]
async fn who_signed_in_too_long_ago_or_too_weakly_does_it_once_more() {
    // (upstream, minutes since the sign-in at home, how often the person must sign in)
    let cases = [("crm", 11, 0), ("recent", 9, 0), ("recent", 11, 1), ("strong", 0, 1)];
    for idp in ["openid", "corporate"] {
        for (upstream, minutes, expected) in cases {
            let world = World::new().await;
            let client = world.register().await;
            let mut browser = world.browser();
            let page = browser.open("/login/start").await;
            assert_eq!(go(&mut browser, page, idp).await.1, 1);
            world.wait(minutes * 60);
            let page = browser.open(&authorize(&client, upstream)).await;
            let (page, sign_ins) = go(&mut browser, page, idp).await;
            assert!(page.url.as_str().starts_with(CLIENT_CALLBACK), "{idp} {upstream}: {} {}", page.url, page.text());
            assert!(page.url.query().unwrap_or_default().contains("code="), "{idp} {upstream}: {}", page.url);
            assert_eq!(sign_ins, expected, "{idp} {upstream} after {minutes} minutes");
        }
    }
}

/// Who has no session is asked for the right thing at once.
#[tokio::test]
async fn a_first_sign_in_is_strong_enough_at_once() {
    for idp in ["openid", "corporate"] {
        let world = World::new().await;
        let client = world.register().await;
        let mut browser = world.browser();
        let page = browser.open(&authorize(&client, "strong")).await;
        let (page, sign_ins) = go(&mut browser, page, idp).await;
        assert!(page.url.as_str().starts_with(CLIENT_CALLBACK), "{idp}: {} {}", page.url, page.text());
        assert_eq!(sign_ins, 1, "{idp}");
        assert_eq!(world.events(&["sign_in"])[0]["detail"]["authn_context"], "urn:doorward:dev:second-factor", "{idp}");
    }
}

#[tokio::test]
async fn an_identity_provider_that_does_not_do_it_is_told_apart_from_a_loop() {
    // (IdP, upstream, code, what the audit trail says): the wrong class is refused where the answer is read; where the two rules of
    // an upstream cannot both be met, the hub finds out.
    let cases = [
        ("openid", "stronger", "oidc.acr_mismatch", "urn:example:nobody-has-it"),
        ("corporate", "stronger", "login.authn_context_mismatch", "method"),
        (
            "openid",
            "strangest",
            "login.step_up_unmet",
            "needed: class urn:doorward:dev:second-factor, age any; received: class urn:doorward:dev:second-factor",
        ),
        (
            "corporate",
            "strangest",
            "login.step_up_unmet",
            "needed: class urn:doorward:dev:second-factor, age any; received: class urn:doorward:dev:second-factor",
        ),
    ];
    for (idp, upstream, code, reason) in cases {
        let world = World::new().await;
        let client = world.register().await;
        let mut browser = world.browser();
        let page = browser.open(&authorize(&client, upstream)).await;
        let (page, sign_ins) = go(&mut browser, page, idp).await;
        assert_eq!((page.status, sign_ins), (StatusCode::FORBIDDEN, 1), "{idp} {upstream}: {}", page.text());
        assert!(page.html.contains(code), "{idp} {upstream}: {}", page.text());
        let refused = &world.events(&["sign_in_refused"])[0];
        assert_eq!(refused["code"], code);
        assert!(refused["detail"]["reason"].as_str().unwrap().contains(reason), "{refused}");
        // The same page again says the same, and gives no code.
        let again = browser.open(page.url.as_str()).await;
        assert!(!again.url.as_str().starts_with(CLIENT_CALLBACK), "{idp}");
    }
}

/// Some providers answer from their own session, whatever `max_age` says: they are asked once more, with `prompt` as well.
#[tokio::test]
async fn a_provider_that_passes_over_the_greatest_age_is_asked_for_a_new_sign_in() {
    // (auth_time of the second answer, before noon; code)
    for (second, code) in [(Some(0), None), (Some(3600), Some("oidc.authentication_too_old")), (None, Some("oidc.auth_time_missing"))] {
        for first in [Some(3600), None] {
            let (world, provider) = world_before("client_secret: x", "step_up: [{ max_age: 10m }],").await;
            let now = world.clock.now().as_second();
            let client = world.register().await;
            let mut browser = world.browser();
            let page = browser.open(&authorize(&client, "crm")).await;
            let page = go_on(&mut browser, page, "crooked", "nobody").await;
            assert!(page.url.query_pairs().any(|pair| pair == ("max_age".into(), "600".into())), "{}", page.url);
            provider.say(&json!({ "auth_time": first.map(|seconds: i64| now - seconds) }));
            let (browser, page) = finish((browser, page)).await;
            for wish in [("max_age", "0"), ("prompt", "login")] {
                assert!(page.url.query_pairs().any(|(name, value)| (&*name, &*value) == wish), "{} {}", page.url, page.text());
            }
            provider.say(&json!({ "auth_time": second.map(|seconds: i64| now - seconds) }));
            let (_, page) = finish((browser, page)).await;
            assert_eq!(page.code().as_deref(), code, "{first:?} {second:?} {}", page.text());
            assert_eq!(page.url.as_str().starts_with(CLIENT_CALLBACK), code.is_none(), "{}", page.url);
        }
    }
}
