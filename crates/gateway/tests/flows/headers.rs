//! The headers of every page, asserted on the pages of a whole sign-in, and the metadata we publish.

use crate::world::{Wish, World, authorize, go_on};

#[tokio::test]
async fn every_page_is_strict() {
    let world = World::with(Wish { saml_binding: "post", ..Wish::default() }).await;
    let mut browser = world.browser();
    browser.open("/").await;
    browser.open("/login/start").await;
    let page = browser.open(&authorize("registered", "crm")).await;
    go_on(&mut browser, page, "corporate", "alice").await;
    browser.open("/").await;
    browser.open("/logout").await;
    browser.open("/login?req=x").await;
    assert!(browser.shown.len() >= 9, "{}", browser.shown.len());
    for page in &browser.shown {
        let header = |name: &str| page.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
        assert_eq!(header("x-frame-options"), "DENY", "{}", page.url);
        assert_eq!(header("cache-control"), "no-store", "{}", page.url);
        assert_eq!(header("referrer-policy"), "no-referrer", "{}", page.url);
        assert_eq!(header("x-content-type-options"), "nosniff", "{}", page.url);
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
            assert!(policy.contains(part), "{} {policy}", page.url);
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    }
}

#[tokio::test]
async fn our_saml_metadata() {
    let world = World::new().await;
    let mut browser = world.browser();
    let page = browser.open("/saml/corporate/metadata").await;
    assert_eq!(page.headers["content-type"], "application/samlmetadata+xml");
    for text in [
        r#"entityID="https://mcp.example.com/saml/metadata""#,
        r#"Location="https://mcp.example.com/login/saml/corporate/acs""#,
        "X509Certificate",
        "<ds:Signature ",
        r#" validUntil="2036-01-01T00:00:00Z" cacheDuration="P1D""#,
    ] {
        assert!(page.html.contains(text), "{text}: {}", page.text());
    }
    for (address, code) in [
        ("/saml/metadata", "login.saml_metadata_ambiguous"),
        ("/saml/openid/metadata", "login.idp_unknown"),
        ("/saml/x/metadata", "login.idp_unknown"),
    ] {
        assert_eq!(browser.open(address).await.code().as_deref(), Some(code), "{address}");
    }
}

#[tokio::test]
async fn what_no_route_takes_gets_a_page_or_json() {
    let world = World::new().await;
    let mut browser = world.browser();
    for (address, status, code) in [
        ("/nothing-here", 404, "edge.path_unknown"),
        ("/unknown/mcp", 404, "edge.path_unknown"),
        ("/oauth/token", 405, "edge.method_not_allowed"),
        ("/login/consent", 405, "edge.method_not_allowed"),
    ] {
        let page = browser.open(address).await;
        assert_eq!((page.status.as_u16(), page.code().as_deref()), (status, Some(code)), "{address}");
        let (status, answer) = world.program(address).await;
        assert_eq!(status, page.status, "{address}");
        assert!(answer["error_description"].as_str().unwrap().contains(code), "{answer}");
    }
    assert_eq!(browser.open("/oauth/token").await.headers["allow"], "POST,OPTIONS");
}

#[tokio::test]
async fn the_audit_trail_says_which_configuration_holds() {
    let world = World::new().await;
    let events = world.events(&["config_loaded"]);
    assert_eq!(events.len(), 1);
    let detail = &events[0]["detail"];
    assert_eq!(detail["policies"], world.app.runtime.load().policies.fingerprint());
    assert_eq!(detail["file"], "(given as text)");
    assert_eq!(detail["configuration"].as_str().unwrap().len(), 64);
    assert_eq!(detail["version"], env!("CARGO_PKG_VERSION"));
}
