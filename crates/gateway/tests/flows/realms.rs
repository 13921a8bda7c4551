//! Several identity providers: which one a sign-in goes to, what a stranger can learn, and what a client may wish for.

use http::StatusCode;

use crate::browser::{Browser, Form, Page};
use crate::world::{CLIENT_CALLBACK, Wish, World, authorize, go_on};

const QUESTION: &str = "How do you want to sign in?";

async fn world(realms: [&'static str; 3]) -> World {
    World::with(Wish { realms, ..Wish::default() }).await
}

/// Types an address into the page.
async fn typed(browser: &mut Browser, page: &Page, address: &str) -> Page {
    let form = address_form(page).unwrap_or_else(|| panic!("no field: {}", page.text()));
    let mut fields: Vec<(&str, &str)> =
        form.fields.iter().filter(|(name, _)| name != "address").map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.push(("address", address));
    let page = browser.post(&form.action, &fields, crate::browser::From::Site(&page.url)).await;
    match page.refresh() {
        Some(target) => browser.open_from(page.url.as_str(), page.url.join(&target).unwrap().as_str()).await,
        None => page,
    }
}

fn address_form(page: &Page) -> Option<Form> {
    page.forms().into_iter().find(|form| form.fields.iter().any(|(name, _)| name == "address"))
}

fn buttons(page: &Page) -> Vec<String> {
    page.forms().iter().flat_map(|form| form.buttons.iter().map(|(_, value, _)| value.clone())).collect()
}

fn parameter(page: &Page, name: &str) -> Option<String> {
    page.url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn the_domain_of_an_address_leads_to_its_identity_provider() {
    let world = world(["domains: [example.com, example.org],", "domains: [partner.example], listed: false,", ""]).await;
    // (address, where: the port of the provider is the same for `openid` and `other`, so the callback tells)
    for (address, callback) in [
        ("dana@example.com", "/login/oidc/openid/"),
        ("Dana@EXAMPLE.ORG", "/login/oidc/openid/"),
        ("x@partner.example", "/login/oidc/other/"),
    ] {
        let mut browser = world.browser();
        let page = browser.open("/login/start").await;
        assert_eq!(buttons(&page), ["corporate", "dead", "gone", "openid", "second"], "`other` has no button");
        let page = typed(&mut browser, &page, address).await;
        assert!(parameter(&page, "redirect_uri").unwrap().contains(callback), "{address} {}", page.url);
        assert_eq!(parameter(&page, "login_hint").as_deref(), Some(address));
        let page = go_on(&mut browser, page, "-", "alice").await;
        assert!(page.html.contains("You are signed in"), "{}", page.text());
    }
}

/// The same status, the same words, the same work: what is not configured cannot be told from what is not allowed here.
#[tokio::test]
async fn a_stranger_learns_nothing_from_addresses_that_lead_nowhere() {
    let world = world(["domains: [example.com],", "", ""]).await;
    let client = world.register().await;
    let mut browser = world.browser();
    // `deploy` admits `corporate` alone: example.com is configured, but not there.
    let world_of_two = World::with(Wish { realms: ["domains: [example.com],", "", "domains: [corp.example],"], ..Wish::default() }).await;
    let deploy_client = world_of_two.register().await;
    let mut second = world_of_two.browser();
    let page = second.open(&(authorize(&deploy_client, "deploy") + "&prompt=select_account")).await;
    let page = go_on(&mut second, page, "-", "-").await;
    assert!(page.html.contains(QUESTION), "{}", page.text());
    let mut answers = Vec::new();
    for address in ["dana@example.com", "dana@example.net", "dana@sub.corp.example", "dana@evilcorp.example"] {
        let answer = typed(&mut second, &page, address).await;
        assert_eq!(answer.status, StatusCode::OK);
        answers.push(answer.html.replace(&address.replace('@', "&#64;"), "-").replace(address, "-"));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");

    // Guessing is cut off, and a new sign-in counts towards the quota of the network.
    let page = browser.open(&authorize(&client, "crm")).await;
    let mut page = go_on(&mut browser, page, "-", "-").await;
    let start = page.clone();
    for number in 0..30 {
        page = typed(&mut browser, &start, &format!("dana@guess{number}.example")).await;
        if page.code().is_some() {
            break;
        }
    }
    assert_eq!((page.status, page.code().as_deref()), (StatusCode::TOO_MANY_REQUESTS, Some("login.too_many_addresses")));
}

#[tokio::test]
async fn any_domain_leads_somewhere_with_a_star() {
    let world = world(["domains: [example.com],", "domains: ['*'],", ""]).await;
    for (address, callback) in [("a@example.com", "/openid/"), ("a@sub.example.com", "/other/"), ("a@nowhere.example", "/other/")] {
        let mut browser = world.browser();
        let page = browser.open("/login/start").await;
        let page = typed(&mut browser, &page, address).await;
        assert!(parameter(&page, "redirect_uri").unwrap().contains(callback), "{address} {}", page.url);
    }
}

#[tokio::test]
async fn what_is_no_address_is_asked_for_again() {
    let world = world(["domains: [example.com],", "", ""]).await;
    let mut browser = world.browser();
    let start = browser.open("/login/start").await;
    for address in ["dana", "dana@", "@example.com", "dana@[127.0.0.1]", "dana@exam ple.com", "<script>@", "dana@example.com\r\nx"] {
        let page = typed(&mut browser, &start, address).await;
        assert!(page.html.contains("Write your whole e-mail address"), "{address}: {}", page.text());
        assert!(!page.html.contains("<script>@"));
    }
}

#[tokio::test]
async fn the_last_choice_is_offered_first_and_opens_nothing() {
    let world = World::new().await;
    let mut browser = world.browser();
    let page = browser.open("/login/start").await;
    assert!(!page.html.contains("used last here"));
    go_on(&mut browser, page, "openid", "alice").await;
    assert_eq!(browser.cookie("doorward-idp"), Some("openid"));
    browser.cookies.retain(|name, _| name.ends_with("doorward-idp"));
    let page = browser.open("/login/start").await;
    assert_eq!(buttons(&page)[0], "openid", "first");
    assert!(page.html.contains("used last here"));
    // What is not allowed, not there or not an id is not offered.
    let client = world.register().await;
    for value in ["openid", "nobody", "../corporate", "", "corporate; x"] {
        browser.cookies.insert("__Host-doorward-idp".to_owned(), value.to_owned());
        let page = browser.open(&(authorize(&client, "deploy") + "&prompt=select_account")).await;
        let page = go_on(&mut browser, page, "-", "-").await;
        assert_eq!(buttons(&page), ["corporate"], "{value:?}");
        assert!(value.starts_with("corporate") || !page.html.contains("used last here"), "{value:?}");
    }
}

#[tokio::test]
async fn the_hint_of_the_client_is_passed_on() {
    let world = world(["domains: [example.com],", "login_hint: false,", ""]).await;
    let client = world.register().await;
    let mut browser = world.browser();
    let page = browser.open(&(authorize(&client, "crm") + "&login_hint=dana%40example.com")).await;
    let page = go_on(&mut browser, page, "-", "-").await;
    assert!(parameter(&page, "redirect_uri").unwrap().contains("/openid/"), "{}", page.url);
    assert_eq!(parameter(&page, "login_hint").as_deref(), Some("dana@example.com"));
    // A domain that leads nowhere, then an identity provider that is not to be told.
    let page = browser.open(&(authorize(&client, "crm") + "&login_hint=dana%40nowhere.example")).await;
    let page = go_on(&mut browser, page, "-", "-").await;
    let form = address_form(&page).unwrap();
    assert!(form.fields.contains(&("address".to_owned(), "dana@nowhere.example".to_owned())), "{form:?}");
    let page = go_on(&mut browser, page, "other", "-").await;
    assert_eq!((page.status, parameter(&page, "login_hint")), (StatusCode::OK, None), "{}", page.url);
}

#[tokio::test]
async fn saml_is_told_where_the_configuration_says_so() {
    for (realm, expected) in [("login_hint: true, domains: [example.com],", Some("dana@example.com")), ("domains: [example.com],", None)] {
        let world = world(["", "", realm]).await;
        let mut browser = world.browser();
        let page = browser.open("/login/start").await;
        let page = typed(&mut browser, &page, "dana@example.com").await;
        assert!(parameter(&page, "SAMLRequest").is_some(), "{}", page.url);
        assert_eq!(parameter(&page, "login_hint").as_deref(), expected);
        let page = go_on(&mut browser, page, "-", "alice").await;
        assert!(page.html.contains("You are signed in"), "{}", page.text());
    }
}

/// OpenID Connect Core section 3.1.2.6.
#[tokio::test]
async fn without_a_page() {
    let world = World::new().await;
    let client = world.register().await;
    let mut browser = world.browser();
    let silent = authorize(&client, "crm") + "&prompt=none";
    let page = browser.open(&silent).await;
    assert!(page.url.as_str().starts_with(CLIENT_CALLBACK), "{} {}", page.url, page.text());
    assert_eq!(parameter(&page, "error").as_deref(), Some("login_required"));
    assert!(browser.shown.is_empty(), "no page");
    assert_eq!(world.events(&["sign_in_refused"])[0]["code"], "login.login_required");

    let page = browser.open("/login/start").await;
    go_on(&mut browser, page, "openid", "alice").await;
    let page = browser.open(&silent).await;
    assert_eq!(parameter(&page, "error").as_deref(), Some("consent_required"), "{}", page.url);

    let page = browser.open(&authorize(&client, "crm")).await;
    go_on(&mut browser, page, "-", "-").await;
    let page = browser.open(&silent).await;
    assert!(parameter(&page, "code").is_some(), "{}", page.url);
    // Somebody else's page does not ride on the answer, and an identity provider that is not admitted is nobody.
    let page = browser.open_from("https://evil.example/", &silent).await;
    assert_eq!(parameter(&page, "error").as_deref(), Some("consent_required"), "{}", page.url);
    let page = browser.open(&(authorize(&client, "deploy") + "&prompt=none")).await;
    assert_eq!(parameter(&page, "error").as_deref(), Some("login_required"), "{}", page.url);
}

#[tokio::test]
async fn another_account_can_be_chosen_in_spite_of_the_session() {
    let world = World::new().await;
    let client = world.register().await;
    let mut browser = world.browser();
    let page = browser.open("/login/start").await;
    go_on(&mut browser, page, "openid", "alice").await;
    let page = browser.open(&(authorize(&client, "crm") + "&prompt=select_account")).await;
    let page = go_on(&mut browser, page, "-", "-").await;
    assert!(page.html.contains(QUESTION), "{}", page.text());
    let page = go_on(&mut browser, page, "corporate", "bob").await;
    assert!(page.url.as_str().starts_with(CLIENT_CALLBACK), "{}", page.url);
    assert_eq!(world.events(&["sign_in"]).last().unwrap()["person"]["username"], "bob");
}
