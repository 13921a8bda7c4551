//! How long access lasts: an agent that runs for hours, and everything that ends it. Only the clock of the test moves.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway::keys::KeyUse;
use jiff::Timestamp;
use oauth::resource::ResourceUri;
use oauth::server::access_token::AccessToken;
use serde_json::Value;
use store::Stage;

use super::harness::{CRM, Gateway, INSPECTOR_SECRET, ISSUER, Reply, changed_form};

const QUARTER: Duration = Duration::from_mins(15);

fn refused(reply: &Reply, code: &str) {
    assert_eq!(reply.oauth_error(), (400, "invalid_grant".to_owned(), code.to_owned()), "{reply:?}");
}

/// The access token, which has to be good now and until exactly when the reply says.
fn access(gateway: &Gateway, issued: &Value) -> AccessToken {
    let (now, resource) = (gateway.clock.now(), ResourceUri::parse(CRM).unwrap());
    let text = issued["access_token"].as_str().unwrap_or_else(|| panic!("{issued}"));
    let token = AccessToken::verify(text, &gateway.app.keys.jwks(KeyUse::AccessToken), ISSUER, &resource, now).unwrap();
    assert_eq!(issued["expires_in"], token.expires_at.as_second() - now.as_second(), "expires_in says the truth");
    token
}

/// Refreshes as an SDK does, a moment after each access token has ended, until the gateway says no; how often it said yes.
async fn run(gateway: &Gateway, client: &str, mut issued: Value, at_most: usize) -> (usize, Option<Reply>) {
    for turn in 0..at_most {
        let old = access(gateway, &issued);
        gateway.clock.set(old.expires_at);
        let presented = issued["refresh_token"].as_str().unwrap().to_owned();
        let reply = gateway.refresh(client, &presented).await;
        if reply.status != 200 {
            return (turn, Some(reply));
        }
        issued = reply.json();
        assert_ne!(issued["refresh_token"].as_str(), Some(presented.as_str()), "rotated");
        let new = access(gateway, &issued);
        assert_eq!((&new.grant, &new.user), (&old.grant, &old.user));
    }
    (at_most, None)
}

#[tokio::test]
async fn an_agent_runs_for_four_hours_and_for_a_day_on_refresh() {
    for hours in [4, 24] {
        let gateway = Gateway::start().await;
        let client = gateway.register().await;
        let code = gateway.code(&client).await;
        let issued = gateway.redeem(&client, &code).await.json();
        let (turns, refusal) = run(&gateway, &client, issued, hours * 4).await;
        assert_eq!((turns, refusal.is_none()), (hours * 4, true), "the browser's session of 8 h does not matter");
    }
}

#[tokio::test]
async fn the_run_ends_when_the_identity_provider_says_so() {
    for (lasts, turns) in [(Duration::from_hours(4), 16), (Duration::from_mins(4 * 60 + 10), 17), (Duration::from_hours(24), 96)] {
        let gateway = Gateway::start().await;
        let end = gateway.clock.now() + lasts;
        let client = gateway.register().await;
        let alice = gateway.sign_in_until("okta", "alice", Some(end)).await;
        let code = gateway.code_of(&alice, &client, &[]).await;
        let issued = gateway.redeem(&client, &code).await.json();
        let (done, refusal) = run(&gateway, &client, issued.clone(), 1000).await;
        assert_eq!(gateway.clock.now(), end, "to the second, not before and not after");
        assert_eq!(done, turns - 1);
        let refusal = refusal.unwrap();
        refused(&refusal, "authserver.idp_session_ended");
        let words = refusal.json()["error_description"].as_str().unwrap().to_owned();
        assert!(words.starts_with(&format!("the identity provider ended the session at {end}: sign in again")), "{words}");
        let trail = gateway.audit();
        let event = trail.iter().rfind(|event| event["kind"] == "token_refused").unwrap();
        assert_eq!(event["person"]["username"], "alice", "why was alice locked out overnight");
        assert_eq!(event["code"], "authserver.idp_session_ended");
        assert_eq!(event["detail"]["reason"], format!("the identity provider ended the session at {end}: sign in again"));
        let issued_event = trail.iter().find(|event| event["kind"] == "token_issued").unwrap();
        assert_eq!(issued_event["detail"]["idp_session_ends"], end.to_string());
    }
}

#[tokio::test]
async fn a_session_that_ended_on_the_way_gives_neither_code_nor_token() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let end = gateway.clock.now() + Duration::from_secs(20);
    let alice = gateway.sign_in_until("okta", "alice", Some(end)).await;
    let code = gateway.code_of(&alice, &client, &[]).await;
    let under_way = gateway.begin(&client, &[]).await;
    gateway.advance_to(&under_way, &Stage::SignedIn { user: alice.user, session: alice.session, step_up: None }).await;
    gateway.clock.set(end);
    refused(&gateway.redeem(&client, &code).await, "authserver.idp_session_ended");
    let page = gateway.resume(&under_way).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("authserver.idp_session_ended"), "{}", page.body);
}

#[tokio::test]
async fn a_grant_knows_the_sign_in_it_was_given_in() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let signed_in_at = gateway.clock.now();
    let alice = gateway.sign_in("okta", "alice").await;
    gateway.advance(QUARTER);
    let code = gateway.code_of(&alice, &client, &[]).await;
    let token = access(&gateway, &gateway.redeem(&client, &code).await.json());
    let live = gateway.app.store.live_grant(token.grant.parse().unwrap(), gateway.clock.now()).await.unwrap().unwrap();
    assert_eq!(live.grant.sign_in.authn_instant, Some(signed_in_at), "not when the code was issued");
    assert_eq!(live.grant.sign_in.acr.as_deref(), Some("urn:example:mfa"));
    assert_eq!(live.grant.sign_in.ends_at, None);
}

/// `clients.<id>.refresh_lifetime` goes before `tokens.refresh`, in both directions, for that client only.
#[tokio::test]
async fn a_client_can_have_a_refresh_lifetime_of_its_own() {
    let callback = "https://inspector.example/cb";
    let basic = |id: &str, secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    for (own, global, lasts) in [("1h", "2h", 1), ("3h", "2h", 3)] {
        let clients = format!(
            "tokens: {{ refresh: {global} }}\nlimits: {{ sign_ins_per_address: 1000 }}\nclients:\n  inspector: {{ redirect_uris: [\"{callback}\"], secret: \"{INSPECTOR_SECRET}\", refresh_lifetime: {own} }}\n"
        );
        let gateway = Gateway::without_clients(&clients).await;
        let authorization = basic("inspector", "a+secret+of+the+inspector%3A+%C3%A4%C3%B6%C3%BC");
        let code = gateway.code_with("inspector", &[("redirect_uri", callback)]).await;
        let form = changed_form(&code, callback);
        let mut issued = gateway.post_form_as("/oauth/token", Some(&authorization), &form).await.json();
        let start = gateway.clock.now();
        let ended = loop {
            gateway.advance(QUARTER);
            let presented = issued["refresh_token"].as_str().unwrap_or_else(|| panic!("{issued}")).to_owned();
            let form = [("grant_type", "refresh_token"), ("refresh_token", presented.as_str())];
            let reply = gateway.post_form_as("/oauth/token", Some(&authorization), &form).await;
            if reply.status != 200 {
                break reply;
            }
            issued = reply.json();
        };
        refused(&ended, "authserver.refresh_token_expired");
        assert_eq!(gateway.clock.now(), start + Duration::from_hours(lasts));
        // One that registered itself has what all have.
        let client = gateway.register().await;
        let code = gateway.code(&client).await;
        let issued = gateway.redeem(&client, &code).await.json();
        let (_, refusal) = run(&gateway, &client, issued, 100).await;
        refused(&refusal.unwrap(), "authserver.refresh_token_expired");
        assert_eq!(gateway.clock.now(), start + Duration::from_hours(lasts + 2));
    }
}

#[tokio::test]
async fn a_refresh_token_that_lies_unused_ends() {
    let gateway = Gateway::with("tokens: { refresh_idle: 2h }\n").await;
    let client = gateway.register().await;
    let code = gateway.code(&client).await;
    let issued = gateway.redeem(&client, &code).await.json();
    let (turns, _) = run(&gateway, &client, issued.clone(), 40).await;
    assert_eq!(turns, 40, "whoever uses it goes on for longer than that");
    let code = gateway.code(&client).await;
    let issued = gateway.redeem(&client, &code).await.json();
    let token = issued["refresh_token"].as_str().unwrap();
    gateway.advance(Duration::from_mins(119));
    let next = gateway.refresh(&client, token).await.json();
    gateway.advance(Duration::from_hours(2));
    refused(&gateway.refresh(&client, next["refresh_token"].as_str().unwrap()).await, "authserver.refresh_token_idle");
}

#[tokio::test]
async fn a_session_of_the_past_is_no_session() {
    let gateway = Gateway::start().await;
    let client = gateway.register().await;
    let alice = gateway.sign_in_until("okta", "alice", Some(Timestamp::UNIX_EPOCH)).await;
    let under_way = gateway.begin(&client, &[]).await;
    gateway.advance_to(&under_way, &Stage::SignedIn { user: alice.user, session: alice.session, step_up: None }).await;
    assert!(gateway.resume(&under_way).await.body.contains("authserver.idp_session_ended"));
}
