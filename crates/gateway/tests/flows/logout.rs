//! Single logout: begun here, and begun at the identity provider, by SAML and by OpenID Connect.

use gateway::outbound::FetchRequest;
use http::StatusCode;
use store::{ClientId, GrantId, NewGrant};
use url::Url;

use crate::browser::{Browser, From, Page};
use crate::world::{PUBLIC_URL, Wish, World, go_on};

/// A person who is signed in, and a program that was allowed something in that session.
struct SignedIn {
    browser: Browser,
    home: Page,
    grant: GrantId,
}

async fn sign_in(world: &World, idp: &str, person: &str) -> SignedIn {
    let mut browser = world.browser();
    let page = browser.open("/login/start").await;
    let home = go_on(&mut browser, page, idp, person).await;
    assert!(home.html.contains("You are signed in"), "{}", home.text());
    let cookie = store::sha256(browser.cookie("session").unwrap().as_bytes());
    let day = std::time::Duration::from_hours(24);
    let (session, user) = world.app.store.find_browser_session(&cookie, day, world.clock.now()).await.unwrap().unwrap();
    let new = NewGrant {
        client: ClientId::parse("registered").unwrap(),
        user: user.id,
        session: Some(session.id),
        upstream: "crm".to_owned(),
        resource: format!("{PUBLIC_URL}/crm/mcp"),
        scopes: vec!["mcp".to_owned()],
        sign_in: store::SignInContext::default(),
    };
    let grant = world.app.store.create_grant(&new, world.clock.now()).await.unwrap();
    SignedIn { browser, home, grant }
}

impl SignedIn {
    /// Whether the browser is signed in, and whether the program's tokens are honoured.
    async fn live(&mut self, world: &World) -> (bool, bool) {
        let signed_in = self.browser.open("/").await.html.contains("You are signed in");
        (signed_in, world.app.store.grant_is_live(self.grant, world.clock.now()).await.unwrap())
    }
}

/// The person's last session at the SAML identity provider ends there; gives what the browser ends at.
async fn end_at_saml_idp(world: &World, person: &str, binding: &str) -> Page {
    let mut elsewhere = world.browser();
    let fields = [("username", person), ("binding", binding)];
    let page = elsewhere.post(&world.saml_idp("saml/sign-out"), &fields, From::Person).await;
    go_on(&mut elsewhere, page, "corporate", person).await
}

/// The address with a genuine LogoutRequest for the person, not opened yet.
async fn logout_request(world: &World, person: &str) -> Url {
    let body = format!("username={person}");
    let mut fetch = FetchRequest::post(world.saml_idp("saml/sign-out"), body.into());
    fetch.headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    let answer = world.app.outbound.fetch(fetch).await.unwrap();
    answer.headers["location"].to_str().unwrap().parse().unwrap()
}

/// The identity provider ends one session: that one ends here, with what was allowed in it, from a browser that holds none of
/// our cookies; and nobody else's.
#[tokio::test]
async fn a_saml_identity_provider_ends_a_session() {
    for binding in ["redirect", "post"] {
        let world = World::new().await;
        let mut alice = sign_in(&world, "corporate", "alice").await;
        let mut bob = sign_in(&world, "corporate", "bob").await;
        let mut openid = sign_in(&world, "openid", "alice").await;
        let page = end_at_saml_idp(&world, "alice", binding).await;
        assert!(page.html.contains("You are signed out here and at the application."), "{binding} {}", page.text());
        assert_eq!(alice.live(&world).await, (false, false), "{binding}");
        assert_eq!((bob.live(&world).await, openid.live(&world).await), ((true, true), (true, true)), "{binding}");
        let events = world.events(&["sign_out"]);
        assert_eq!((events.len(), &events[0]["person"]["username"]), (1, &"alice".into()));
        let detail = &events[0]["detail"];
        assert_eq!((&detail["asked_by"], &detail["sessions"], &detail["grants"]), (&"saml_single_logout".into(), &"1".into(), &"1".into()));
    }
}

/// Of two sessions of one person the one ends that the index names.
#[tokio::test]
async fn the_index_chooses_among_the_sessions_of_a_person() {
    let world = World::new().await;
    let mut first = sign_in(&world, "corporate", "alice").await;
    let mut second = sign_in(&world, "corporate", "alice").await;
    end_at_saml_idp(&world, "alice", "redirect").await;
    assert_eq!((first.live(&world).await, second.live(&world).await), ((true, true), (false, false)));
}

/// A session that is over here is none that a LogoutRequest fails for; what was allowed in it ends.
#[tokio::test]
async fn a_session_that_is_over_here_ends_at_the_identity_provider_all_the_same() {
    let world = World::with(Wish { realms: ["", "", "sign_out: local,"], ..Wish::default() }).await;
    let mut alice = sign_in(&world, "corporate", "alice").await;
    let page = alice.browser.submit(&alice.home, &alice.home.only_form(), Some("here")).await;
    assert!(page.html.contains("You may still be signed in at your organisation"), "{}", page.text());
    assert_eq!(alice.live(&world).await, (false, true));
    let page = end_at_saml_idp(&world, "alice", "redirect").await;
    assert!(page.html.contains("You are signed out here and at the application."), "{}", page.text());
    assert_eq!(alice.live(&world).await, (false, false));
}

#[tokio::test]
async fn messages_that_sign_nobody_out() {
    let world = World::new().await;
    let mut alice = sign_in(&world, "corporate", "alice").await;
    let genuine = logout_request(&world, "alice").await;
    let slo = |idp: &str, query: &str| format!("/login/saml/{idp}/slo?{query}");
    let query = genuine.query().unwrap();
    let unsigned = query.split("&SigAlg=").next().unwrap();
    let cases = [
        (slo("second", query), "saml.logout_destination_mismatch"),
        (slo("openid", query), "login.idp_unknown"),
        (slo("nobody", query), "login.idp_unknown"),
        (slo("gone", query), "login.idp_metadata_unavailable"),
        (slo("corporate", unsigned), "saml.redirect_not_signed"),
        (slo("corporate", &query.replace("RelayState=development", "RelayState=x")), "saml.redirect_signature_invalid"),
        (slo("corporate", &query.replace("rsa-sha256", "rsa-sha1")), "saml.redirect_algorithm"),
        (slo("corporate", &format!("{query}&SAMLResponse=x")), "saml.redirect_two_messages"),
        (slo("corporate", &format!("{query}&SAMLRequest=x")), "saml.redirect_duplicate_parameter"),
        (slo("corporate", ""), "saml.redirect_message_missing"),
        (slo("corporate", &query.replace("SAMLRequest", "SAMLResponse").replace("RelayState=development&", "")), "login.sign_out_unknown"),
    ];
    for (address, code) in &cases {
        let page = world.browser().open(address).await;
        assert_eq!(page.code().as_deref(), Some(*code), "{address}");
    }
    let url = alice.browser.url("/login/saml/corporate/slo");
    for (fields, code) in
        [(vec![], "saml.logout_message_missing"), (vec![("SAMLRequest", "x"), ("SAMLResponse", "x")], "saml.logout_two_messages")]
    {
        let page = world.browser().post(&url, &fields, From::Person).await;
        assert_eq!(page.code().as_deref(), Some(code));
    }
    assert_eq!(alice.live(&world).await, (true, true));
    // The genuine one, in time, once.
    world.wait(30);
    world.browser().open(genuine.as_str()).await;
    assert_eq!(alice.live(&world).await, (false, false));
    assert_eq!(world.browser().open(genuine.as_str()).await.code().as_deref(), Some("login.sign_out_replayed"));
    let refused = world.events(&["sign_out_refused"]);
    assert!(refused.iter().any(|event| event["code"] == "saml.redirect_signature_invalid" && event["detail"]["idp"] == "corporate"));
}

#[tokio::test]
async fn a_request_that_is_too_old() {
    let world = World::new().await;
    let mut alice = sign_in(&world, "corporate", "alice").await;
    let genuine = logout_request(&world, "alice").await;
    world.wait(6 * 60);
    assert_eq!(world.browser().open(genuine.as_str()).await.code().as_deref(), Some("saml.logout_expired"));
    assert_eq!(alice.live(&world).await, (true, true));
}

/// A sign-out that begins here goes on at the identity provider, in either binding, and comes back.
#[tokio::test]
async fn a_sign_out_here_goes_on_at_the_saml_identity_provider() {
    for (binding, scope, others_live) in [("redirect", "here", true), ("post", "everywhere", false)] {
        let world = World::with(Wish { saml_binding: binding, ..Wish::default() }).await;
        let mut alice = sign_in(&world, "corporate", "alice").await;
        let page = alice.browser.submit(&alice.home, &alice.home.only_form(), Some(scope)).await;
        // The session here is over before the browser leaves.
        assert_eq!(alice.live(&world).await, (false, others_live), "{binding}");
        let page = go_on(&mut alice.browser, page, "corporate", "alice").await;
        assert!(page.html.contains("Corporate has signed you out as well"), "{binding} {}", page.text());
        assert_eq!(page.html.contains("every program you allowed has lost its access"), !others_live);
        let there = end_at_saml_idp(&world, "alice", "redirect").await;
        assert!(there.html.contains("this person is not signed in"), "{}", there.text());
        if binding == "redirect" {
            // The answer again, and the answer without the journey.
            let again = world.browser().open(page.url.as_str()).await;
            assert_eq!(again.code().as_deref(), Some("login.sign_out_unknown"));
        }
    }
}

#[tokio::test]
async fn a_sign_out_here_goes_on_at_the_openid_provider() {
    let world = World::new().await;
    let mut alice = sign_in(&world, "openid", "alice").await;
    let page = alice.browser.submit(&alice.home, &alice.home.only_form(), Some("here")).await;
    assert_eq!(alice.live(&world).await, (false, true));
    let page = go_on(&mut alice.browser, page, "openid", "alice").await;
    assert!(page.html.contains("Open has signed you out as well"), "{}", page.text());
    for address in [page.url.as_str(), "/logout/done?state=x", "/logout/done"] {
        assert_eq!(world.browser().open(address).await.code().as_deref(), Some("login.sign_out_unknown"), "{address}");
    }
}

/// A session at the OpenID provider ends; gives the logout token.
async fn logout_token(world: &World, person: &str, by: &str) -> String {
    let fields = [("username", person), ("by", by)];
    let page = world.browser().post(&world.openid_idp("sign-out"), &fields, From::Person).await;
    let (_, token) = page.html.split_once("Logout token: ").unwrap_or_else(|| panic!("{}", page.text()));
    token.split('<').next().unwrap().to_owned()
}

async fn back_channel(world: &World, idp: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let mut provider = world.browser();
    let url = provider.url(&format!("/login/oidc/{idp}/backchannel_logout"));
    let page = provider.post(&url, fields, From::Person).await;
    assert_eq!(page.headers["cache-control"], "no-store");
    (page.status, page.html)
}

#[tokio::test]
async fn back_channel_logout_by_session_and_by_person() {
    for (by, first_lives) in [("sid", true), ("sub", false)] {
        let world = World::new().await;
        let mut first = sign_in(&world, "openid", "alice").await;
        let mut second = sign_in(&world, "openid", "alice").await;
        let mut bob = sign_in(&world, "openid", "bob").await;
        let token = logout_token(&world, "alice", by).await;
        assert_eq!(back_channel(&world, "openid", &[("logout_token", &token)]).await, (StatusCode::OK, String::new()), "{by}");
        assert_eq!((first.live(&world).await, second.live(&world).await), ((first_lives, first_lives), (false, false)), "{by}");
        assert_eq!(bob.live(&world).await, (true, true), "{by}");
        let events = world.events(&["sign_out"]);
        assert_eq!((events.len(), &events[0]["detail"]["asked_by"]), (1, &"openid_back_channel".into()));
        let replayed = back_channel(&world, "openid", &[("logout_token", &token)]).await;
        assert_eq!(replayed, (StatusCode::BAD_REQUEST, refusal("login.sign_out_replayed")), "{by}");
    }
}

fn refusal(code: &str) -> String {
    format!(r#"{{"error":"invalid_request","error_description":"{code}"}}"#)
}

/// The IdP's id, the form's fields, the code.
type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], &'c str);

#[tokio::test]
async fn logout_tokens_that_sign_nobody_out() {
    let world = World::new().await;
    let mut alice = sign_in(&world, "openid", "alice").await;
    let token = logout_token(&world, "alice", "sid").await;
    let (head, signature) = token.rsplit_once('.').unwrap();
    // Bits of the first byte: the end of base64url has some that mean nothing.
    let forged = format!(
        "{head}.{}",
        if signature.starts_with('A') { signature.replacen('A', "B", 1) } else { format!("A{}", signature.split_at(1).1) }
    );
    let unsigned = format!("{head}.");
    let cases: [Case<'_>; 7] = [
        ("openid", &[("logout_token", &forged)], "oauth.jwt_signature_invalid"),
        ("openid", &[("logout_token", &unsigned)], "oauth.jwt_malformed"),
        ("openid", &[("logout_token", "x")], "oauth.jwt_malformed"),
        ("openid", &[("logout_token", &token), ("logout_token", &token)], "login.form_malformed"),
        ("openid", &[("id_token", &token)], "login.form_malformed"),
        ("corporate", &[("logout_token", &token)], "login.idp_unknown"),
        ("nobody", &[("logout_token", &token)], "login.idp_unknown"),
    ];
    for (idp, fields, code) in cases {
        assert_eq!(back_channel(&world, idp, fields).await, (StatusCode::BAD_REQUEST, refusal(code)), "{idp} {fields:?}");
    }
    assert_eq!(alice.live(&world).await, (true, true));
    world.wait(4 * 60);
    let late = back_channel(&world, "openid", &[("logout_token", &token)]).await;
    assert_eq!(late, (StatusCode::BAD_REQUEST, refusal("oauth.jwt_expired")));
    assert_eq!(alice.live(&world).await, (true, true));
}
