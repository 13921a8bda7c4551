//! Signed in, and nothing granted: said at the end of the sign-in, with what is needed against what was received.

use http::StatusCode;

use crate::browser::{Browser, Page};
use crate::world::{CLIENT_CALLBACK, Wish, World, authorize, go_on};

async fn at_the_end(access: &'static str, saml_settings: &'static str, idp: &str) -> (World, Browser, Page) {
    let world = World::with(Wish { saml_settings, access, ..Wish::default() }).await;
    let client = world.register().await;
    let mut browser = world.browser();
    let page = browser.open(&authorize(&client, "crm")).await;
    let page = go_on(&mut browser, page, idp, "alice").await;
    (world, browser, page)
}

#[tokio::test]
async fn groups_that_almost_fit_are_told_to_the_person_and_all_of_them_to_the_audit_trail() {
    const ACCESS: &str = "
roles:
  builders: { groups: [/Engineering, project-nightingale] }
  elsewhere: { groups: [engineering], identity_providers: [other] }
  idle: { groups: [engineering] }
grants:
  - { role: builders, upstream: crm, tools: ['*'] }
  - { role: elsewhere, upstream: crm, tools: ['*'] }
  - { role: idle, upstream: deploy, tools: ['*'] }
";
    for (idp, place) in [("openid", "“groups” (groups_claim)"), ("corporate", "“groups” (groups_attribute)")] {
        let (world, mut browser, page) = at_the_end(ACCESS, "", idp).await;
        assert_eq!((page.status, page.code().as_deref()), (StatusCode::FORBIDDEN, Some("login.no_access")), "{}", page.text());
        for text in [place, "engineering", "only after a sign-in at another identity provider", "signed in as Alice Adler"] {
            assert!(page.html.contains(text), "{text}: {}", page.text());
        }
        assert!(!page.html.contains("nightingale"), "{}", page.text());
        let event = &world.events(&["sign_in_refused"])[0];
        assert_eq!((&event["code"], &event["upstream"]), (&"login.no_access".into(), &"crm".into()));
        assert_eq!(event["person"]["username"], "alice");
        let reason = event["detail"]["reason"].as_str().unwrap();
        for text in ["/Engineering (role builders)", "project-nightingale (role builders)", "engineering (role elsewhere, other identity"] {
            assert!(reason.contains(text), "{reason}");
        }
        assert!(!reason.contains("idle"), "{reason}");
        // The program learns of it when the person goes back, and the page opened again goes there as well.
        let back = browser.open_from(page.url.as_str(), &format!("/oauth/resume?{}", page.url.query().unwrap())).await;
        assert!(back.url.as_str().starts_with(CLIENT_CALLBACK), "{}", back.url);
        assert!(back.url.as_str().contains("error=access_denied") && back.url.as_str().contains("login.no_access"), "{}", back.url);
        assert_eq!(world.events(&["token_issued"]).len(), 0);
    }
}

#[tokio::test]
async fn an_attribute_that_is_not_there_is_told_with_the_names_that_came() {
    const ACCESS: &str = "
roles: { builders: { groups: [engineering] } }
grants: [ { role: builders, upstream: crm, tools: ['*'] } ]
";
    let (world, _, page) = at_the_end(ACCESS, "groups_attribute: Groups", "corporate").await;
    assert_eq!(page.code().as_deref(), Some("login.no_access"), "{}", page.text());
    for text in ["has nothing in “Groups” (groups_attribute)", "It has: ", "The groups are probably in “groups”"] {
        assert!(page.html.contains(text), "{text}: {}", page.text());
    }
    assert!(world.events(&["sign_in_refused"])[0]["detail"]["reason"].as_str().unwrap().contains("engineering (role builders)"));
}

/// `prompt=none`: no page, also for this.
#[tokio::test]
async fn without_a_page_the_program_is_told_at_once() {
    let world = World::new().await;
    let client = world.register().await;
    let mut browser = world.browser();
    let page = browser.open(&authorize(&client, "crm")).await;
    go_on(&mut browser, page, "openid", "alice").await;
    let mut config = (*world.app.config).clone();
    config.grants.clear();
    world.app.runtime.store(std::sync::Arc::new(gateway::runtime::Runtime::new(std::sync::Arc::new(config)).unwrap()));
    let before = browser.shown.len();
    let page = browser.open(&(authorize(&client, "crm") + "&prompt=none")).await;
    assert!(page.url.as_str().contains("error=access_denied"), "{} {}", page.url, page.text());
    assert_eq!(browser.shown.len(), before, "no page");
}
