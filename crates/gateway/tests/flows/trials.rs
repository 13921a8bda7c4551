//! Tests of a sign-in that sign nobody in, and captures of failing ones.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::{NewCapture, SignInTestId};

use crate::browser::{Browser, Page};
use crate::world::{Wish, World, authorize, go_on};

const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What `doorward idp test` does.
async fn link(world: &World, idp: &str) -> SignInTestId {
    let now = world.clock.now();
    let end = now + SignedDuration::from_mins(10);
    world.app.store.create_sign_in_test(idp, &store::sha256(TOKEN.as_bytes()), now, end).await.unwrap()
}

async fn open(browser: &mut Browser) -> Page {
    let page = browser.open(&format!("/login/test?token={TOKEN}")).await;
    match page.forms().first() {
        Some(form) if page.html.contains("Nobody is signed in by it") => browser.submit(&page, form, None).await,
        _ => page,
    }
}

async fn report(world: &World, test: SignInTestId) -> Value {
    world.app.store.sign_in_test(test, world.clock.now()).await.unwrap().unwrap().report.unwrap()
}

#[tokio::test]
async fn a_test_shows_what_came_and_signs_nobody_in() {
    for idp in ["openid", "corporate"] {
        let world = World::new().await;
        let test = link(&world, idp).await;
        let mut browser = world.browser();
        let page = open(&mut browser).await;
        let page = go_on(&mut browser, page, "-", "alice").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        for text in ["works", "alice@example.com", "Alice Adler", "engineering", "may connect", "Received", "email"] {
            assert!(page.html.contains(text), "{idp} {text}: {}", page.text());
        }
        assert_eq!((browser.cookie("session"), browser.cookie("idp")), (None, None));
        assert!(world.app.store.list_users(None, 10).await.unwrap().is_empty(), "nobody was created");
        assert!(world.events(&["sign_in", "user_created"]).is_empty());
        let events = world.events(&["sign_in_tested"]);
        assert_eq!((events.len(), &events[0]["detail"]["idp"], &events[0]["roles"][0]), (1, &idp.into(), &"all".into()));
        for text in ["✓ assertion_signature", "✓ audience", "verified with the key of the certificate", ", SHA-256 "] {
            assert_eq!(page.html.contains(text), idp == "corporate", "{idp} {text}: {}", page.text());
        }
        let report = report(&world, test).await;
        assert_eq!((&report["code"], &report["groups"][0]), (&Value::Null, &"engineering".into()));
        // The report stays for whoever has the cookie, and the link is used up.
        let again = browser.open(page.url.as_str()).await;
        assert!(again.html.contains("works"), "{}", again.text());
        assert_eq!(open(&mut world.browser()).await.code().as_deref(), Some("login.test_link_unknown"));
    }
}

#[tokio::test]
async fn a_test_of_a_sign_in_that_fails_shows_why() {
    // (IdP, settings of SAML, code, a word of the page)
    let cases = [
        ("corporate", "authn_context: [urn:example:mfa]", "login.authn_context_mismatch", "assertion_signature"),
        (
            "corporate",
            "name_id_format: 'urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName'",
            "login.name_id_format_mismatch",
            "✓ audience",
        ),
        ("gone", "", "login.idp_metadata_unavailable", "would be refused"),
        ("dead", "", "outbound.unreachable", "would be refused"),
    ];
    for (idp, saml_settings, code, word) in cases {
        let world = World::with(Wish { saml_settings, ..Wish::default() }).await;
        let test = link(&world, idp).await;
        let mut browser = world.browser();
        let page = open(&mut browser).await;
        let page = go_on(&mut browser, page, "-", "alice").await;
        assert!(page.html.contains(code) && page.html.contains(word) && page.html.contains("would be refused"), "{idp}: {}", page.text());
        assert_eq!(report(&world, test).await["code"], code);
        assert_eq!(world.events(&["sign_in_tested"])[0]["code"], code);
        assert!(world.events(&["sign_in_refused"]).is_empty(), "it was no sign-in");
    }
}

/// What the ID token claims is shown where it is refused, and nobody takes it for verified.
#[tokio::test]
async fn a_test_of_a_refused_id_token_shows_its_claims() {
    // (claims, code, what the report shows)
    let cases = [
        (json!({ "groups": "Sales, EMEA" }), "oidc.groups_string_for_list", ("groups", "Sales, EMEA")),
        (json!({ "groups": { "a": 1 } }), "oidc.groups_unknown_shape", ("groups", "{\"a\":1}")),
        (json!({ "aud": "other-client" }), "oauth.jwt_audience_mismatch", ("aud", "other-client")),
        (json!({ "nonce": "of another sign-in" }), "oidc.nonce_mismatch", ("email", "alice@example.com")),
    ];
    for (claims, code, (name, value)) in cases {
        let (world, provider) = crate::crooked_openid::world_with("client_secret: x").await;
        provider.say(&claims);
        let test = link(&world, "crooked").await;
        let mut browser = world.browser();
        let page = open(&mut browser).await;
        let page = browser.open_from(page.url.as_str(), &page.refresh().unwrap()).await;
        let (mut browser, page) = crate::crooked_openid::finish((browser, page)).await;
        let page = browser.open_from(page.url.as_str(), &page.refresh().unwrap()).await;
        assert!(page.html.contains(code) && page.html.contains("Received, not verified"), "{}", page.text());
        let report = report(&world, test).await;
        let sent = report["sent"].as_array().unwrap().iter().find(|sent| sent["name"] == name).unwrap();
        assert_eq!((&report["code"], &sent["values"][0]), (&code.into(), &value.into()));
        assert!(report["person"].is_null());
        assert!(world.app.store.list_users(None, 10).await.unwrap().is_empty(), "nobody was created");
    }
}

/// A test reaches nothing that a sign-in reaches, and touches no session.
#[tokio::test]
async fn a_test_opens_no_door() {
    let world = World::new().await;
    let mut browser = world.browser();
    let page = browser.open("/login/start").await;
    go_on(&mut browser, page, "openid", "bob").await;
    let session = browser.cookie("session").map(str::to_owned);
    link(&world, "corporate").await;
    let page = open(&mut browser).await;
    let page = go_on(&mut browser, page, "-", "alice").await;
    assert!(page.html.contains("works"), "{}", page.text());
    assert_eq!(browser.cookie("session").map(str::to_owned), session);
    let resumed = browser.open(&format!("/oauth/resume?{}", page.url.query().unwrap())).await;
    assert_eq!(resumed.code().as_deref(), Some("authserver.request_unknown"), "{}", resumed.text());
    for token in ["", "x", "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let page = browser.open(&format!("/login/test?token={token}")).await;
        assert_eq!((page.status, page.code().as_deref()), (StatusCode::NOT_FOUND, Some("login.test_link_unknown")), "{token}");
    }
    let foreign = url::Url::parse("https://evil.example/").unwrap();
    let page = browser.post(&browser.url("/login/test"), &[("token", TOKEN)], crate::browser::From::Site(&foreign)).await;
    assert_eq!(page.code().as_deref(), Some("login.cross_site_form"));
}

#[tokio::test]
async fn the_next_failing_sign_in_of_one_person_is_kept_masked() {
    let world = World::with(Wish { saml_settings: "authn_context: [urn:example:mfa]", ..Wish::default() }).await;
    let now = world.clock.now();
    let (armed_until, expires_at) = (now + SignedDuration::from_mins(10), now + SignedDuration::from_hours(168));
    let new = |person| NewCapture { person, idp: Some("corporate"), asked_by: "root (0)", armed_until, expires_at };
    let alice = world.app.store.create_capture(&new("Alice@Example.com"), now).await.unwrap();
    for person in ["bob", "alice", "alice"] {
        let mut browser = world.browser();
        let page = browser.open("/login/start").await;
        let page = go_on(&mut browser, page, "corporate", person).await;
        assert_eq!(page.code().as_deref(), Some("login.authn_context_mismatch"), "{}", page.text());
    }
    let caught = world.app.store.capture(alice, now).await.unwrap().unwrap();
    let report = caught.report.unwrap();
    assert_eq!((&report["code"], &report["protocol"]), (&"login.authn_context_mismatch".into(), &"saml".into()));
    let text = report.to_string();
    for secret in ["alice@example.com", "Alice Adler", "bob"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(report["checks"].as_array().unwrap().iter().any(|check| check["name"] == "assertion_signature"), "{text}");
    assert!(report["trusted_certificates"][0].is_string());
    let events = world.events(&["sign_in_captured"]);
    assert_eq!((events.len(), &events[0]["detail"]["asked_by"]), (1, &"root (0)".into()));
}

#[tokio::test]
async fn a_sign_in_without_access_is_kept_by_the_name_of_the_person() {
    const ACCESS: &str = "
roles: { builders: { groups: [Engineering] } }
grants: [ { role: builders, upstream: crm, tools: ['*'] } ]
";
    let world = World::with(Wish { access: ACCESS, ..Wish::default() }).await;
    let now = world.clock.now();
    let end = now + SignedDuration::from_mins(10);
    let new = NewCapture { person: "alice", idp: None, asked_by: "root (0)", armed_until: end, expires_at: end };
    let capture = world.app.store.create_capture(&new, now).await.unwrap();
    let client = world.register().await;
    let mut browser = world.browser();
    let page = browser.open(&authorize(&client, "crm")).await;
    let page = go_on(&mut browser, page, "openid", "alice").await;
    assert_eq!(page.code().as_deref(), Some("login.no_access"), "{}", page.text());
    let report = world.app.store.capture(capture, now).await.unwrap().unwrap().report.unwrap();
    assert_eq!((&report["code"], &report["groups"][0]), (&"login.no_access".into(), &"engineering".into()));
    assert!(report["reason"].as_str().unwrap().contains("differ in capital and small letters"), "{report}");
}
