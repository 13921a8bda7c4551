//! A sign-in that goes in circles: the page says why, and leads out.

use crate::browser::{Browser, From, Page};
use crate::world::{World, authorize, go_on};

/// Opens `address` until the loop breaker stops it, as the person would: every choice is `idp`, and nobody signs in.
async fn in_circles(world: &World, browser: &mut Browser, address: &str, idp: &str) -> Page {
    for _ in 0..3 {
        world.wait(5);
        let mut page = browser.open(address).await;
        for _ in 0..6 {
            let forms = page.forms();
            let chosen = [idp, "allow"].into_iter().find_map(|value| {
                let form = forms.iter().find(|form| form.buttons.iter().any(|(_, own, _)| own == value))?;
                Some((form.clone(), value))
            });
            page = match (chosen, page.refresh()) {
                (Some((form, value)), _) => browser.submit(&page, &form, Some(value)).await,
                (None, Some(target)) if target.starts_with('/') => browser.open_from(page.url.as_str(), &target).await,
                (None, _) => break,
            };
        }
        if page.code().as_deref() == Some("login.loop_detected") {
            return page;
        }
    }
    panic!("no loop was found");
}

#[tokio::test]
async fn the_page_says_why_and_leads_out() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.cookies.insert("application".to_owned(), "theirs".to_owned());
    let page = in_circles(&world, &mut browser, "/login/start", "openid").await;
    for text in
        ["No session came back", "__Host-doorward-session", "__Host-doorward-starts", "https://mcp.example.com", "2026-11-20T12:00:15Z"]
    {
        assert!(page.html.contains(text), "{text}: {}", page.text());
    }
    assert!(!page.html.contains("Another host name"), "{}", page.text());
    let reason = world.events(&["sign_in_refused"])[0]["detail"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("No session came back") && reason.contains("Host: mcp.example.com"), "{reason}");
    // The button: only the cookie of this sign-in stays, and what is not ours.
    let page = browser.submit(&page, &page.only_form(), None).await;
    let hub = page.refresh().unwrap();
    assert!(hub.starts_with("/login?req=arq_"), "{hub}");
    let left: Vec<&str> = browser.cookies.keys().map(String::as_str).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[0].starts_with("__Host-doorward-request-") && left[1] == "application", "{left:?}");
    // The same sign-in goes on, and ends well.
    let page = browser.open_from(page.url.as_str(), &hub).await;
    go_on(&mut browser, page, "openid", "alice").await;
    assert!(browser.cookie("session").is_some());
}

#[tokio::test]
async fn each_cause_has_its_words() {
    let world = World::new().await;
    // A session of another identity provider than the upstream takes.
    let mut browser = world.browser();
    let page = browser.open("/login/start").await;
    go_on(&mut browser, page, "openid", "alice").await;
    let page = in_circles(&world, &mut browser, &authorize("registered", "deploy"), "corporate").await;
    assert!(
        page.html.contains("you are signed in at “openid”, but “deploy” does not take that one and asks “corporate”"),
        "{}",
        page.text()
    );
    // A program that asks for a new sign-in each time.
    world.wait(60);
    let address = authorize("registered", "crm") + "&prompt=login";
    let page = in_circles(&world, &mut browser, &address, "openid").await;
    assert!(page.html.contains("asks for a new sign-in each time"), "{}", page.text());
    // A session that is over.
    world.wait(60);
    let session = "A".repeat(43);
    browser.cookies.insert("__Host-doorward-session".to_owned(), session);
    let page = in_circles(&world, &mut browser, "/login/start", "openid").await;
    assert!(page.html.contains("Your session has ended"), "{}", page.text());
}

/// The form's fields, which page sends it, the code.
type Case<'c> = (&'c [(&'c str, &'c str)], From<'c>, &'c str);

#[tokio::test]
async fn only_the_page_itself_clears_cookies() {
    let world = World::new().await;
    let mut browser = world.browser();
    let page = in_circles(&world, &mut browser, "/login/start", "openid").await;
    let form = page.only_form();
    let (req, csrf) = (form.fields[0].1.clone(), form.fields[1].1.clone());
    let before = browser.cookies.clone();
    let foreign = url::Url::parse("https://evil.example/").unwrap();
    let other = "arq_0190a0b0c0d07000800012345678abcd";
    let cases: [Case<'_>; 5] = [
        (&[("req", &req), ("csrf", &csrf)], From::Site(&foreign), "login.cross_site_form"),
        (&[("req", &req), ("csrf", "x")], From::Site(&page.url), "login.csrf_mismatch"),
        (&[("req", &req)], From::Site(&page.url), "login.form_malformed"),
        (&[("req", other), ("csrf", &csrf)], From::Site(&page.url), "login.cookie_missing"),
        (&[("req", "https://evil.example/"), ("csrf", &csrf)], From::Site(&page.url), "login.request_malformed"),
    ];
    for (fields, from, code) in cases {
        let refused = browser.post(&form.action, fields, from).await;
        assert_eq!(refused.code().as_deref(), Some(code), "{}", refused.text());
        assert_eq!(browser.cookies, before, "{code}");
    }
    // A field that names another place leads nowhere.
    let fields = [("req", req.as_str()), ("csrf", &csrf), ("return", "https://evil.example/"), ("next", "//evil.example")];
    let page = browser.post(&form.action, &fields, From::Site(&page.url)).await;
    assert_eq!(page.refresh().as_deref(), Some(format!("/login?req={req}").as_str()));
}
