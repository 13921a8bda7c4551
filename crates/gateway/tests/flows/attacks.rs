//! Sign-ins that must fail, each with its own code, and none with a session.

use url::Url;

use crate::browser::{Browser, From, Page};
use crate::world::{Wish, World, answer, authorize, go_on};

/// A browser on its way to `idp`: the page of the identity provider is the last one.
async fn at_idp(world: &World, idp: &str) -> (Browser, Page) {
    let mut browser = world.browser();
    let choice = browser.open("/login/start").await;
    let mut page = browser.submit(&choice, &choice.only_form(), Some(idp)).await;
    while page.url.host_str() != Some("127.0.0.1") {
        page = answer(&mut browser, &page, idp, "nobody").await.unwrap();
    }
    (browser, page)
}

/// The callback address with which the OpenID provider sends alice back, not yet opened.
async fn openid_callback(world: &World) -> (Browser, Url) {
    let (mut browser, page) = at_idp(world, "openid").await;
    // A browser without cookies opens the callback first; the code is not spent by that.
    let mut bare = world.browser();
    let refused = bare.submit(&page, &page.only_form(), Some("alice")).await;
    assert_eq!(refused.code().as_deref(), Some("login.cookie_missing"));
    browser.shown.clear();
    (browser, refused.url)
}

/// The fields that the SAML identity provider has alice's browser post, not yet posted.
async fn saml_answer(world: &World, idp: &str) -> (Browser, Page) {
    let (mut browser, page) = at_idp(world, idp).await;
    let page = browser.submit(&page, &page.only_form(), Some("alice")).await;
    assert!(page.html.contains("SAMLResponse"), "{}", page.text());
    (browser, page)
}

fn assert_refused(page: &Page, browser: &Browser, code: &str) {
    assert_eq!(page.code().as_deref(), Some(code), "{} {}", page.url, page.text());
    assert_eq!(browser.cookie("session"), None, "{code}");
}

fn changed(url: &Url, name: &str, value: Option<&str>) -> String {
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter_map(|(own, old)| if own == name { value.map(|value| (own, value.to_owned())) } else { Some((own, old)) })
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.into()
}

#[tokio::test]
async fn openid_callbacks() {
    let world = World::new().await;
    let state = |url: &Url| url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let (mut browser, callback) = openid_callback(&world).await;
    let (_, foreign) = openid_callback(&world).await;
    let own = state(&callback);
    let (request, _) = own.split_once('.').unwrap();
    let cases = [
        (changed(&callback, "state", None), "oidc.callback_incomplete"),
        (changed(&callback, "state", Some("x")), "login.state_mismatch"),
        (changed(&callback, "state", Some("x.y")), "login.request_malformed"),
        (changed(&callback, "state", Some(&format!("{request}.AAAA"))), "login.state_mismatch"),
        // Another browser's sign-in: its cookie is not here.
        (foreign.to_string(), "login.cookie_missing"),
        (changed(&callback, "iss", Some("https://evil.example")), "oidc.callback_issuer_mismatch"),
        (changed(&callback, "iss", None), "oidc.callback_issuer_missing"),
        (format!("{callback}&code=second"), "oidc.callback_duplicate_parameter"),
        (changed(&callback, "code", Some("invented")), "oidc.token_refused"),
        // Security.md I9: the answer of one identity provider at the callback of another.
        (callback.as_str().replace("/openid/", "/other/"), "login.idp_mismatch"),
        (callback.as_str().replace("/openid/", "/corporate/"), "login.idp_unknown"),
        (callback.as_str().replace("/openid/", "/nobody/"), "login.idp_unknown"),
    ];
    for (address, code) in cases {
        let page = browser.open(&address).await;
        assert_refused(&page, &browser, code);
    }
    // The cookie of one sign-in with the id of another.
    let victim = state(&foreign).split_once('.').unwrap().0.to_owned();
    let own_cookie = browser.cookie("request-").unwrap().to_owned();
    browser.cookies.insert(format!("__Host-doorward-request-{}", victim.get(victim.len() - 12..).unwrap()), own_cookie);
    let page = browser.open(foreign.as_str()).await;
    assert_refused(&page, &browser, "login.wrong_browser");

    let page = browser.open(callback.as_str()).await;
    assert!(page.html.contains("You are signed in"), "all of that cost the person nothing: {}", page.text());
    let refusals = world.events(&["sign_in_refused"]);
    assert!(
        refusals.iter().any(|event| event["code"] == "login.wrong_browser")
            && refusals.iter().any(|event| event["code"] == "oidc.callback_issuer_mismatch")
    );
}

#[tokio::test]
async fn a_callback_works_once() {
    let world = World::new().await;
    let (mut browser, callback) = openid_callback(&world).await;
    let cookies = browser.cookies.clone();
    assert!(browser.open(callback.as_str()).await.html.contains("You are signed in"));
    // The reload of a finished sign-in, with the cookie it had then.
    let mut again = world.browser();
    again.cookies = cookies;
    assert_refused(&again.open(callback.as_str()).await, &again, "login.already_completed");
}

#[tokio::test]
async fn saml_answers() {
    let world = World::new().await;
    let (mut browser, page) = saml_answer(&world, "corporate").await;
    let form = page.only_form();
    let field = |name: &str| form.fields.iter().find(|(own, _)| own == name).unwrap().1.clone();
    let (response, relay) = (field("SAMLResponse"), field("RelayState"));
    let (_, foreign) = saml_answer(&world, "corporate").await;
    let foreign_form = foreign.only_form();
    let foreign_field = |name: &str| foreign_form.fields.iter().find(|(own, _)| own == name).unwrap().1.clone();
    let own_page: Url = "https://mcp.example.com/login/saml/corporate/acs".parse().unwrap();
    let evil: Url = "https://evil.example/".parse().unwrap();
    let mut cut = response.clone();
    cut.truncate(response.len() / 2 / 4 * 4);
    let foreign_relay = foreign_field("RelayState");
    let foreign_response = foreign_field("SAMLResponse");
    let fields = |response: &str, relay: &str| {
        vec![
            ("SAMLResponse".to_owned(), response.to_owned()),
            ("RelayState".to_owned(), relay.to_owned()),
            ("again".to_owned(), "1".to_owned()),
        ]
    };
    let second: Url = "https://mcp.example.com/login/saml/second/acs".parse().unwrap();
    let openid: Url = "https://mcp.example.com/login/saml/openid/acs".parse().unwrap();
    let cases = [
        // The second post from another site would carry no cookie; it is refused before that matters.
        (&own_page, fields(&response, &relay), From::Site(&evil), "login.cross_site_form"),
        (&own_page, fields(&response, &foreign_relay), From::Site(&own_page), "login.cookie_missing"),
        // A response that answers another browser's request.
        (&own_page, fields(&foreign_response, &relay), From::Site(&own_page), "saml.in_response_to_mismatch"),
        (&own_page, fields(&cut, &relay), From::Site(&own_page), "saml.xml_malformed"),
        (&own_page, fields("AAAA", &relay), From::Site(&own_page), "saml.xml_malformed"),
        (&own_page, fields(&response, "https://evil.example/"), From::Site(&own_page), "login.unsolicited_response"),
        (&own_page, fields(&response, ""), From::Site(&own_page), "login.unsolicited_response"),
        (&own_page, vec![("again".to_owned(), "1".to_owned())], From::Site(&own_page), "login.form_malformed"),
        (&second, fields(&response, &relay), From::Site(&own_page), "login.idp_mismatch"),
        (&openid, fields(&response, &relay), From::Site(&own_page), "login.idp_unknown"),
    ];
    for (url, fields, from, code) in cases {
        let borrowed: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let page = browser.post(url, &borrowed, from).await;
        assert_refused(&page, &browser, code);
    }
    let home = go_on(&mut browser, page, "corporate", "alice").await;
    assert!(home.html.contains("You are signed in"), "all of that cost the person nothing: {}", home.text());
}

#[tokio::test]
async fn the_saml_repost_shows_nothing_but_what_came() {
    let world = World::new().await;
    let mut browser = world.browser();
    let acs: Url = "https://mcp.example.com/login/saml/corporate/acs".parse().unwrap();
    let hostile = "\"><script>alert(1)</script>";
    let page = browser.post(&acs, &[("SAMLResponse", hostile), ("RelayState", hostile)], From::Person).await;
    assert!(!page.html.contains("<script>alert"), "{}", page.text());
    let form = page.only_form();
    assert_eq!(form.action, acs);
    assert!(form.fields.iter().any(|(name, value)| name == "RelayState" && value == hostile));
}

#[tokio::test]
async fn consent_needs_its_own_page_in_its_own_browser() {
    let world = World::new().await;
    let mut browser = world.browser();
    let page = browser.open(&authorize("registered", "crm")).await;
    let form = page.only_form();
    let field = |name: &str| form.fields.iter().find(|(own, _)| own == name).unwrap().1.clone();
    let (request, csrf) = (field("req"), field("csrf"));
    let evil: Url = "https://evil.example/".parse().unwrap();
    let url = browser.url("/login/consent");
    let cases = [
        (vec![("req", request.as_str()), ("csrf", csrf.as_str()), ("decision", "allow")], From::Site(&evil), "login.cross_site_form"),
        (vec![("req", &request), ("csrf", "AAAA"), ("decision", "allow")], From::Site(&page.url), "login.csrf_mismatch"),
        (vec![("req", &request), ("decision", "allow")], From::Site(&page.url), "login.form_malformed"),
        (vec![("req", &request), ("csrf", &csrf), ("csrf", &csrf), ("decision", "allow")], From::Site(&page.url), "login.form_malformed"),
        (vec![("req", &request), ("csrf", &csrf), ("decision", "maybe")], From::Site(&page.url), "login.form_malformed"),
        (vec![("req", "arq_x"), ("csrf", &csrf), ("decision", "allow")], From::Site(&page.url), "login.request_malformed"),
    ];
    for (fields, from, code) in cases {
        let page = browser.post(&url, &fields, from).await;
        assert_refused(&page, &browser, code);
    }
    let mut other = world.browser();
    let fields = [("req", request.as_str()), ("csrf", csrf.as_str()), ("decision", "allow")];
    let refused = other.post(&url, &fields, From::Site(&page.url)).await;
    assert_refused(&refused, &other, "login.cookie_missing");
    // Security.md G1 a: the link to the sign-in itself, opened by a victim.
    let refused = other.open(&format!("/login?req={request}")).await;
    assert_refused(&refused, &other, "login.cookie_missing");
    assert_eq!(world.events(&["consent"]).len(), 0);
    // Nor does the choice of an identity provider get past the question.
    let fields = [("req", request.as_str()), ("csrf", csrf.as_str()), ("idp", "openid")];
    let refused = browser.post(&browser.url("/login/idp"), &fields, From::Site(&page.url)).await;
    assert_refused(&refused, &browser, "login.csrf_mismatch");
}

#[tokio::test]
async fn identity_providers_that_cannot_be_used() {
    let world = World::new().await;
    for (idp, code) in [("gone", "login.idp_metadata_unavailable"), ("dead", "outbound.unreachable")] {
        let mut browser = world.browser();
        let choice = browser.open("/login/start").await;
        let page = browser.submit(&choice, &choice.only_form(), Some(idp)).await;
        assert_refused(&page, &browser, code);
        assert!(!page.html.contains("127.0.0.1:9"), "what the network said is for the log: {}", page.text());
    }
    let reason = world.events(&["sign_in_refused"])[0]["detail"]["reason"].clone();
    let reason = reason.as_str().unwrap();
    assert!(reason.contains("[saml.metadata_") && reason.matches("could not be loaded").count() == 1, "{reason}");
    // It is tried again half a minute later, and works as soon as the document is there.
    std::fs::write(world.folder().join("gone.xml"), world.saml_metadata().await).unwrap();
    for (seconds, status) in [(0, 503), (31, 200)] {
        world.wait(seconds);
        let mut browser = world.browser();
        let choice = browser.open("/login/start").await;
        let page = browser.submit(&choice, &choice.only_form(), Some("gone")).await;
        assert_eq!(page.status, status, "{}", page.text());
    }
}

/// The request for a stronger sign-in passes through the browser, where whoever knows only a password can take the wish
/// out of it: what counts is what the identity provider says that it did.
#[tokio::test]
async fn a_weaker_sign_in_than_asked_for_is_refused() {
    // (settings, seconds between request and sign-in, code)
    let cases = [
        ("authn_context: ['https://refeds.org/profile/mfa']", 5, Some("login.authn_context_mismatch")),
        ("authn_context: ['https://refeds.org/profile/mfa', 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport']", 5, None),
        ("force_authn: true", 5, None),
        ("force_authn: true", -120, Some("login.reauthentication_missing")),
        ("", -120, None),
    ];
    for (saml_settings, seconds, code) in cases {
        let world = World::with(Wish { saml_settings, ..Wish::default() }).await;
        let (mut browser, page) = at_idp(&world, "corporate").await;
        world.wait(seconds);
        let page = go_on(&mut browser, page, "corporate", "alice").await;
        assert_eq!(page.code().as_deref(), code, "{saml_settings} {}", page.text());
        assert_eq!(browser.cookie("session").is_none(), code.is_some(), "{saml_settings}");
    }
}

/// Nobody is signed in at the identity provider, which may not ask.
#[tokio::test]
async fn a_passive_sign_in_asks_nobody() {
    let world = World::with(Wish { saml_settings: "is_passive: true", ..Wish::default() }).await;
    let (mut browser, page) = at_idp(&world, "corporate").await;
    assert!(!page.html.contains("name=\"username\""), "{}", page.text());
    let page = go_on(&mut browser, page, "corporate", "alice").await;
    assert_eq!(page.code().as_deref(), Some("saml.status_not_success"), "{}", page.text());
    let reason = world.events(&["sign_in_refused"])[0]["detail"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("NoPassive"), "{reason}");
}

#[tokio::test]
async fn an_upstream_takes_only_its_identity_providers() {
    let world = World::new().await;
    let mut browser = world.browser();
    let consent = browser.open(&authorize("registered", "deploy")).await;
    let form = consent.only_form();
    let request = form.fields.iter().find(|(name, _)| name == "req").unwrap().1.clone();
    let mut page = browser.submit(&consent, &form, Some("allow")).await;
    page = answer(&mut browser, &page, "corporate", "nobody").await.unwrap();
    assert_eq!(page.url.host_str(), Some("127.0.0.1"), "one identity provider: no page to choose");
    // The form of the choice page cannot be had for it, so a forged one has no proof.
    let fields = [("req", request.as_str()), ("csrf", "AAAA"), ("idp", "openid")];
    let refused = browser.post(&browser.url("/login/idp"), &fields, From::Site(&consent.url)).await;
    assert_refused(&refused, &browser, "login.csrf_mismatch");
}

#[tokio::test]
async fn a_sign_in_lives_ten_minutes() {
    let world = World::new().await;
    let (mut browser, callback) = openid_callback(&world).await;
    world.wait(600);
    assert_refused(&browser.open(callback.as_str()).await, &browser, "login.request_expired");
}

#[tokio::test]
async fn a_disabled_person_stays_out() {
    let world = World::new().await;
    let (mut browser, page) = at_idp(&world, "openid").await;
    assert!(go_on(&mut browser, page, "openid", "alice").await.html.contains("You are signed in"));
    let user = world.app.store.find_users("alice").await.unwrap().remove(0);
    world.app.store.set_user_disabled(user.id, true, world.clock.now()).await.unwrap();
    assert!(!browser.open("/").await.html.contains("You are signed in"), "the session ended at once");
    let (mut browser, page) = at_idp(&world, "openid").await;
    let page = go_on(&mut browser, page, "openid", "alice").await;
    assert_refused(&page, &browser, "login.user_disabled");
    let refusal = world.events(&["sign_in_refused"]).pop().unwrap();
    assert_eq!((&refusal["code"], &refusal["person"]["username"]), (&"login.user_disabled".into(), &"alice".into()));
}

#[tokio::test]
async fn a_loop_is_broken() {
    let world = World::new().await;
    let mut browser = world.browser();
    for expected in [None, None, Some("login.loop_detected")] {
        world.wait(5);
        let choice = browser.open("/login/start").await;
        let page = browser.submit(&choice, &choice.only_form(), Some("openid")).await;
        assert_eq!(page.code().as_deref(), expected, "{}", page.text());
        assert!(expected.is_none() || page.html.contains("https://mcp.example.com"), "{}", page.text());
    }
    world.wait(60);
    let choice = browser.open("/login/start").await;
    assert_eq!(browser.submit(&choice, &choice.only_form(), Some("openid")).await.code(), None);
}

#[tokio::test]
async fn a_return_address_is_a_page_of_ours() {
    let world = World::new().await;
    let mut browser = world.browser();
    for value in ["//evil.example", "https://evil.example", "/%5Cevil.example", "/login", "/oauth/authorize"] {
        let page = browser.open(&format!("/login/start?return={value}")).await;
        assert_refused(&page, &browser, "login.return_path_refused");
    }
}

#[tokio::test]
async fn an_audit_trail_that_cannot_be_written_lets_nobody_in() {
    let world = World::new().await;
    let (mut browser, callback) = openid_callback(&world).await;
    world.app.audit.close().await;
    assert_refused(&browser.open(callback.as_str()).await, &browser, "audit.closed");
    let mut other = world.browser();
    let page = other.open(&authorize("registered", "crm")).await;
    let page = other.submit(&page, &page.only_form(), Some("allow")).await;
    assert_refused(&page, &other, "audit.closed");
}
