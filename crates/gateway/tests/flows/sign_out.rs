//! The ways out.

use store::{ClientId, NewGrant};

use crate::browser::{Browser, From, Page};
use crate::world::{World, authorize, go_on};

async fn signed_in(world: &World) -> (Browser, Page) {
    let mut browser = world.browser();
    let page = browser.open("/login/start").await;
    let page = go_on(&mut browser, page, "openid", "alice").await;
    assert!(page.html.contains("You are signed in"), "{}", page.text());
    (browser, page)
}

async fn grant(world: &World) -> store::GrantId {
    let user = world.app.store.find_users("alice").await.unwrap().remove(0);
    let new = NewGrant {
        client: ClientId::parse("registered").unwrap(),
        user: user.id,
        session: None,
        upstream: "crm".to_owned(),
        resource: "https://mcp.example.com/crm/mcp".to_owned(),
        scopes: vec!["mcp".to_owned()],
        sign_in: store::SignInContext::default(),
    };
    world.app.store.create_grant(&new, world.clock.now()).await.unwrap()
}

#[tokio::test]
async fn here_and_everywhere() {
    for (scope, others_live) in [("here", true), ("everywhere", false)] {
        let world = World::new().await;
        let (mut browser, home) = signed_in(&world).await;
        let (mut other, _) = signed_in(&world).await;
        let grant = grant(&world).await;
        let cookie = browser.cookie("session").unwrap().to_owned();
        let page = browser.submit(&home, &home.only_form(), Some(scope)).await;
        let page = go_on(&mut browser, page, "openid", "alice").await;
        assert!(page.html.contains("You are signed out"), "{}", page.text());
        assert_eq!(browser.cookie("session"), None);
        // The old cookie is worth nothing.
        browser.cookies.insert("__Host-doorward-session".to_owned(), cookie);
        assert!(!browser.open("/").await.html.contains("You are signed in"));
        assert_eq!(other.open("/").await.html.contains("You are signed in"), others_live, "{scope}");
        assert_eq!(world.app.store.grant_is_live(grant, world.clock.now()).await.unwrap(), others_live, "{scope}");
        let events = world.events(&["sign_out"]);
        assert_eq!((events.len(), &events[0]["detail"]["scope"]), (1, &scope.into()));
    }
}

#[tokio::test]
async fn a_link_or_a_form_of_another_site_signs_nobody_out() {
    let world = World::new().await;
    let (mut browser, home) = signed_in(&world).await;
    let asked = browser.open_from("https://evil.example/", "/logout").await;
    assert!(asked.html.contains("Sign out, Alice Adler?"));
    let url = browser.url("/logout");
    let evil = "https://evil.example/".parse().unwrap();
    let csrf = home.only_form().fields[0].1.clone();
    let cases = [
        (vec![("csrf", csrf.as_str())], From::Site(&evil), "login.cross_site_form"),
        (vec![("csrf", "AAAA")], From::Site(&home.url), "login.csrf_mismatch"),
        (vec![], From::Site(&home.url), "login.form_malformed"),
    ];
    for (fields, from, code) in cases {
        let page = browser.post(&url, &fields, from).await;
        assert_eq!(page.code().as_deref(), Some(code));
    }
    assert!(browser.open("/").await.html.contains("You are signed in"));
}

#[tokio::test]
async fn in_and_out_and_in_again_is_no_loop() {
    let world = World::new().await;
    let mut browser = world.browser();
    for _ in 0..4 {
        let page = browser.open("/login/start").await;
        let home = go_on(&mut browser, page, "openid", "alice").await;
        assert!(home.html.contains("You are signed in"), "{}", home.text());
        browser.submit(&home, &home.only_form(), Some("here")).await;
    }
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_end() {
    let world = World::new().await;
    let mut browser = world.browser();
    assert!(browser.open("/logout").await.html.contains("You are signed out"));
    assert!(browser.open("/").await.html.contains("The door to your organisation"));
}

/// A program that the person has just thrown out does not come back in by the answer of last week.
#[tokio::test]
async fn everywhere_forgets_what_programs_were_allowed() {
    for (scope, asked) in [("here", false), ("everywhere", true)] {
        let world = World::new().await;
        let (mut browser, _) = signed_in(&world).await;
        let consent = browser.open(&authorize("registered", "crm")).await;
        go_on(&mut browser, consent, "openid", "alice").await;
        let home = browser.open("/").await;
        browser.submit(&home, &home.only_form(), Some(scope)).await;
        let page = browser.open("/login/start").await;
        go_on(&mut browser, page, "openid", "alice").await;
        let page = browser.open(&authorize("registered", "crm")).await;
        assert_eq!(page.html.contains("to use CRM?"), asked, "{scope} {} {}", page.url, page.text());
    }
}
