//! Attacks on the running gateway, each with the refusal that it must meet.

use serde_json::json;

use crate::browser::{Browser, Page};
use crate::client::{Client, Era, REDIRECT};
use crate::gateway::Gateway;

/// Starts a sign-in and goes as far as the identity provider's page.
async fn at_the_idp(gateway: &Gateway, browser: &mut Browser, idp: &str) -> Page {
    let chooser = browser.open(&gateway.url("/login/start?return=/")).await;
    browser.submit(&chooser, &[("idp", idp)]).await
}

async fn is_signed_in(gateway: &Gateway, browser: &mut Browser) -> bool {
    browser.open(&gateway.url("/")).await.text.contains("Sign out")
}

#[tokio::test]
async fn a_token_is_for_one_upstream_and_whole() {
    let gateway = Gateway::start().await;
    let client = Client::connect(&gateway, "crm", "dev-saml", "dave").await;
    let token = client.token.clone().unwrap();
    let signature = token.rfind('.').unwrap() + 5;
    let flipped = if token.as_bytes()[signature] == b'A' { "B" } else { "A" };
    let mut tampered = token.clone();
    tampered.replace_range(signature..=signature, flipped);
    for (endpoint, token) in
        [(gateway.url("/deploy/mcp"), token), (client.endpoint.clone(), tampered), (client.endpoint.clone(), "x".to_owned())]
    {
        let mut thief = Client::anonymous(&gateway, "crm");
        (thief.endpoint, thief.token) = (endpoint, Some(token));
        let reply = thief.call(Era::Stateless, "tools/list", json!({})).await;
        assert_eq!(reply.status, 401, "{reply:?}");
        assert!(reply.challenge.as_deref().unwrap().contains("error=\"invalid_token\""), "{reply:?}");
    }
}

#[tokio::test]
async fn a_code_that_is_used_twice_takes_its_tokens_back() {
    let gateway = Gateway::start().await;
    let client = Client::connect(&gateway, "crm", "dev-oidc", "dave").await;
    assert!(client.call_tool("whoami", json!({})).await.result.is_some());
    let (client_id, code) = client.last_exchange.clone().unwrap();
    assert_eq!(client.exchange(&gateway, &client_id, &code).await["error"], "invalid_grant");
    assert_eq!(client.call_tool("whoami", json!({})).await.status, 401);
}

#[tokio::test]
async fn a_saml_response_signs_in_once() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::default();
    let page = at_the_idp(&gateway, &mut browser, "dev-saml").await;
    let answer = browser.submit(&page, &[("username", "dave")]).await;
    let again = browser.submit(&answer, &[]).await;
    browser.submit(&again, &[]).await;
    assert!(is_signed_in(&gateway, &mut browser).await);
    let replayed = browser.submit(&answer, &[]).await;
    let replayed = if replayed.text.contains("SAMLResponse") { browser.submit(&replayed, &[]).await } else { replayed };
    assert!(replayed.status.is_client_error(), "{replayed:?}");
}

/// Login CSRF: the attacker's finished sign-in, carried on in the victim's browser.
#[tokio::test]
async fn a_sign_in_belongs_to_the_browser_that_began_it() {
    let gateway = Gateway::start().await;
    let (mut attacker, mut victim) = (Browser::default(), Browser::default());
    let page = at_the_idp(&gateway, &mut attacker, "dev-saml").await;
    let answer = attacker.submit(&page, &[("username", "dave")]).await;
    let mut planted = victim.submit(&answer, &[]).await;
    if planted.text.contains("SAMLResponse") {
        planted = victim.submit(&planted, &[]).await;
    }
    assert!(planted.status.is_client_error() && planted.text.contains("login.cookie_missing"), "{planted:?}");

    attacker.stop_at = Some(gateway.url("/login/oidc/dev-oidc/callback"));
    let page = at_the_idp(&gateway, &mut attacker, "dev-oidc").await;
    let callback = attacker.submit(&page, &[("username", "dave")]).await;
    let planted = victim.open(callback.url.as_str()).await;
    assert!(planted.status.is_client_error(), "{planted:?}");
    assert!(!is_signed_in(&gateway, &mut victim).await);
}

#[tokio::test]
async fn an_unknown_redirect_uri_gets_a_page_and_a_refusal_goes_to_the_client() {
    let gateway = Gateway::start().await;
    let client = Client::anonymous(&gateway, "crm");
    let mut browser = Browser::default();
    browser.stop_at = Some(REDIRECT.to_owned());
    for redirect in ["http://127.0.0.1:43210/other", "http://evil.example/callback", "http://127.0.0.1.evil.example:43210/callback"] {
        let page = browser.open(&client.authorize(&gateway, redirect).await.url).await;
        assert!(page.status.is_client_error() && page.url.as_str().starts_with(&gateway.url("/")), "{page:?}");
    }
    let consent = browser.open(&client.authorize(&gateway, REDIRECT).await.url).await;
    let end = browser.submit(&consent, &[("decision", "deny")]).await;
    assert!(end.url.as_str().starts_with(REDIRECT), "{end:?}");
    assert_eq!((end.parameter("error").as_deref(), end.parameter("state").as_deref()), (Some("access_denied"), Some("st-1")));
}

/// The consent belongs to the browser as well: its page and its token do not work elsewhere.
#[tokio::test]
async fn consent_cannot_be_given_from_another_browser() {
    let gateway = Gateway::start().await;
    let client = Client::anonymous(&gateway, "crm");
    let consent = Browser::default().open(&client.authorize(&gateway, REDIRECT).await.url).await;
    let mut other = Browser::default();
    other.stop_at = Some(REDIRECT.to_owned());
    let page = other.submit(&consent, &[("decision", "allow")]).await;
    assert!(page.status.is_client_error(), "{page:?}");
}
