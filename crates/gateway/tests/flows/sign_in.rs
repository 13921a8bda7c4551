//! Sign-ins that succeed, by both protocols, with and without a client.

use http::StatusCode;
use saml::idp::Signing;

use crate::world::{CLIENT_CALLBACK, Wish, World, answer, authorize, go_on};

/// Signs alice in without a client; gives the page at the end.
async fn at_home(world: &World, idp: &str) -> (crate::browser::Browser, crate::browser::Page) {
    let mut browser = world.browser();
    let page = browser.open("/login/start").await;
    assert!(page.html.contains("How do you want to sign in?"), "{} {}", page.status, page.text());
    let page = go_on(&mut browser, page, idp, "alice").await;
    (browser, page)
}

#[tokio::test]
async fn by_openid_connect() {
    for groups_in_id_token in [true, false] {
        let world = World::with(Wish { groups_in_id_token, ..Wish::default() }).await;
        let (browser, page) = at_home(&world, "openid").await;
        assert_eq!((page.url.path(), page.status), ("/", StatusCode::OK), "{}", page.text());
        for text in ["You are signed in", "Alice Adler", "alice@example.com", "Open", "engineering"] {
            assert!(page.html.contains(text), "{text}: {}", page.text());
        }
        assert_eq!(browser.cookie("request-"), None, "the transaction's cookie is gone");
        let events = world.events(&["user_created", "sign_in"]);
        assert_eq!(events.len(), 2);
        for event in events {
            assert_eq!(event["person"]["email"], "alice@example.com");
            assert_eq!(event["groups"][0], "engineering");
            assert_eq!(event["detail"]["idp"], "openid");
        }
    }
}

#[tokio::test]
async fn by_saml_with_each_binding_and_signature() {
    for (saml_binding, saml_signing) in [("redirect", Signing::Assertion), ("post", Signing::Response), ("redirect", Signing::Both)] {
        let world = World::with(Wish { saml_binding, saml_signing, ..Wish::default() }).await;
        let (_, page) = at_home(&world, "corporate").await;
        assert_eq!((page.url.path(), page.status), ("/", StatusCode::OK), "{saml_binding} {}", page.text());
        for text in ["Alice Adler", "alice@example.com", "Corporate", "engineering"] {
            assert!(page.html.contains(text), "{text}: {}", page.text());
        }
        assert_eq!(world.events(&["sign_in"]).len(), 1);
    }
}

#[tokio::test]
async fn a_client_gets_a_code_after_consent() {
    let world = World::new().await;
    let client = world.register().await;
    let mut browser = world.browser();
    let page = browser.open(&authorize(&client, "crm")).await;
    for text in [
        "Allow Sample client to use CRM?",
        "unverified",
        "127.0.0.1",
        "https://mcp.example.com/crm/mcp",
        "any program here could be asking",
    ] {
        assert!(page.html.contains(text), "{text}: {}", page.text());
    }
    assert_eq!(world.events(&["consent"]).len(), 0);
    let page = go_on(&mut browser, page, "openid", "bob").await;
    assert!(page.url.as_str().starts_with(CLIENT_CALLBACK), "{} {}", page.url, page.text());
    let query: Vec<(String, String)> = page.url.query_pairs().into_owned().collect();
    let value = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    assert!(value("code").is_some());
    assert_eq!((value("state"), value("iss")), (Some("client-state"), Some("https://mcp.example.com")));
    let consent = &world.events(&["consent"])[0];
    assert_eq!((&consent["client"]["id"], &consent["upstream"]), (&client.as_str().into(), &"crm".into()));
    let sign_in = &world.events(&["sign_in"])[0];
    assert_eq!((&sign_in["person"]["username"], &sign_in["upstream"]), (&"bob".into(), &"crm".into()));
}

#[tokio::test]
async fn a_session_spares_the_identity_provider_but_not_the_question() {
    let world = World::new().await;
    let client = world.register().await;
    let (mut browser, _) = at_home(&world, "corporate").await;
    let page = browser.open(&authorize(&client, "crm")).await;
    assert!(page.html.contains("You are</dt><dd>Alice Adler"), "{}", page.text());
    let page = go_on(&mut browser, page, "corporate", "nobody").await;
    assert!(page.url.as_str().starts_with(CLIENT_CALLBACK), "{} {}", page.url, page.text());
    assert_eq!(world.events(&["sign_in"]).len(), 1);
}

/// GHSA-6x8h: what was answered before is not answered again for a page of somebody else.
#[tokio::test]
async fn a_remembered_consent_is_used_only_for_the_person_themselves() {
    let world = World::new().await;
    let client = world.register().await;
    let (mut browser, _) = at_home(&world, "corporate").await;
    for client in [client.as_str(), "registered"] {
        let page = browser.open(&authorize(client, "crm")).await;
        assert!(page.html.contains("to use CRM?"), "asked the first time: {}", page.text());
        go_on(&mut browser, page, "corporate", "nobody").await;
    }
    let evil = "https://evil.example/";
    // (client, from, upstream, question shown)
    let cases = [
        (client.as_str(), None, "crm", false),
        (client.as_str(), Some(evil), "crm", true),
        ("registered", None, "crm", false),
        ("registered", Some(evil), "crm", false),
        ("registered", None, "deploy", true),
    ];
    for (client, from, upstream, shown) in cases {
        let address = authorize(client, upstream);
        let page = match from {
            None => browser.open(&address).await,
            Some(site) => browser.open_from(site, &address).await,
        };
        assert_eq!(page.html.contains("?</h1>"), shown, "{client} {from:?} {upstream} {}", page.url);
        assert_eq!(page.url.as_str().starts_with(CLIENT_CALLBACK), !shown, "{client} {from:?} {upstream}");
    }
}

#[tokio::test]
async fn a_refusal_goes_back_to_the_client() {
    let world = World::new().await;
    let mut browser = world.browser();
    let page = browser.open(&authorize("registered", "crm")).await;
    let page = browser.submit(&page, &page.only_form(), Some("deny")).await;
    let page = answer(&mut browser, &page, "openid", "nobody").await.unwrap();
    assert!(page.url.as_str().starts_with(CLIENT_CALLBACK) && page.url.query().unwrap().contains("error=access_denied"), "{}", page.url);
    assert_eq!(world.events(&["consent_refused"]).len(), 1);
    assert_eq!(world.events(&["consent", "sign_in"]).len(), 0);
}

#[tokio::test]
async fn an_upstream_with_one_identity_provider_needs_no_choice_and_takes_no_other() {
    let world = World::new().await;
    let (mut browser, _) = at_home(&world, "openid").await;
    // The session is of another identity provider than the upstream wants: the person signs in there as well.
    let page = browser.open(&authorize("registered", "deploy")).await;
    let page = browser.submit(&page, &page.only_form(), Some("allow")).await;
    let page = answer(&mut browser, &page, "openid", "alice").await.unwrap();
    assert!(page.html.contains("development SAML identity provider"), "{} {}", page.url, page.text());
}

#[tokio::test]
async fn sending_a_form_twice_does_no_harm() {
    let world = World::new().await;
    let mut browser = world.browser();
    let consent = browser.open(&authorize("registered", "crm")).await;
    let first = browser.submit(&consent, &consent.only_form(), Some("allow")).await;
    let second = browser.submit(&consent, &consent.only_form(), Some("deny")).await;
    assert_eq!(first.refresh(), second.refresh(), "the second answer changes nothing");
    let page = go_on(&mut browser, second, "openid", "carol").await;
    assert!(page.url.query().unwrap().contains("code="), "{}", page.url);
    // On record twice, as it was given once: when nobody was known yet, and in the person's name.
    let names: Vec<_> = world.events(&["consent"]).iter().map(|event| event["person"]["username"].as_str().map(str::to_owned)).collect();
    assert_eq!((names, world.events(&["consent_refused"]).len()), (vec![None, Some("carol".to_owned())], 0));
}

#[tokio::test]
async fn the_session_is_a_new_one_at_each_sign_in() {
    let world = World::new().await;
    let (mut browser, _) = at_home(&world, "openid").await;
    let before = browser.cookie("session").unwrap().to_owned();
    // A second sign-in in the same browser, at the identity provider that `deploy` wants.
    let page = browser.open(&authorize("registered", "deploy")).await;
    go_on(&mut browser, page, "corporate", "bob").await;
    let after = browser.cookie("session").unwrap().to_owned();
    assert_ne!(before, after);
    assert!(browser.open("/").await.html.contains("Bob Brandt"));
    let mut old = world.browser();
    old.cookies.insert("__Host-doorward-session".to_owned(), before);
    assert!(!old.open("/").await.html.contains("You are signed in"), "the session before has ended");
}

#[tokio::test]
async fn a_session_ends_by_age_and_by_idleness() {
    let world = World::new().await;
    let (mut idle, _) = at_home(&world, "openid").await;
    let (mut busy, _) = at_home(&world, "openid").await;
    let lifetime = i64::try_from(world.app.config.sessions.lifetime.as_secs()).unwrap();
    let idle_limit = i64::try_from(world.app.config.sessions.idle.as_secs()).unwrap();
    let mut passed = 0;
    while passed + idle_limit / 2 < lifetime {
        world.wait(idle_limit / 2);
        passed += idle_limit / 2;
        assert!(busy.open("/").await.html.contains("You are signed in"), "after {passed} s");
    }
    assert!(!idle.open("/").await.html.contains("You are signed in"));
    world.wait(idle_limit / 2);
    assert!(!busy.open("/").await.html.contains("You are signed in"));
}

/// What a person allows is as long as it says: `clients.<id>.refresh_lifetime` goes before `tokens.refresh`.
#[tokio::test]
async fn the_consent_page_says_how_long_this_client_stays_connected() {
    let identity_providers = "  dead: { oidc: { issuer: 'http://127.0.0.1:9', client_id: x, client_secret: y } }";
    let clients = format!(
        "clients:
  own: {{ redirect_uris: ['{CLIENT_CALLBACK}'], refresh_lifetime: 12h }}
  usual: {{ redirect_uris: ['{CLIENT_CALLBACK}'] }}
"
    );
    let yaml = crate::world::plain_configuration(identity_providers) + &clients;
    let world = World::of(&yaml, tempfile::tempdir().unwrap(), crate::world::noon(), Vec::new()).await;
    for (client, expected) in [("own", "for up to 12 hours"), ("usual", "for up to 30 days")] {
        let page = world.browser().open(&authorize(client, "crm")).await;
        assert!(page.text().contains(expected), "{client}: {}", page.text());
    }
}
