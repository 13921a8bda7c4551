//! What the identity provider's end of a session does to what was allowed in it.

use store::{
    GrantsOf, NewBrowserSession, NewCode, NewGrant, Redemption, RevokeReason, Rotation, RotationRequest, SessionsOf, SignInContext,
};

use crate::common::{Fixture, at, client, hash, new_code, new_grant, new_session, seconds, token};

fn until(second: i64) -> SignInContext {
    SignInContext { authn_instant: Some(at(-5)), acr: Some("mfa".to_owned()), ends_at: Some(at(second)) }
}

#[tokio::test]
async fn a_code_and_its_grant_keep_the_sign_in_they_were_given_in() {
    let fixture = Fixture::new().await;
    let alice = fixture.user("alice").await;
    let code = |text: &str| NewCode { grant: NewGrant { sign_in: until(30), ..new_grant(alice.id) }, ..new_code(text, alice.id) };
    fixture.store.insert_code(&code("a"), at(0)).await.unwrap();
    fixture.store.insert_code(&code("b"), at(0)).await.unwrap();
    let Redemption::Redeemed(redeemed) = fixture.store.redeem_code(&hash("a"), at(29)).await.unwrap() else { panic!("not redeemed") };
    assert_eq!(redeemed.granted.sign_in, until(30));
    let fixture = fixture.restart().await;
    assert_eq!(fixture.store.live_grant(redeemed.grant, at(29)).await.unwrap().unwrap().grant.sign_in, until(30));
    assert_eq!(fixture.store.grant(redeemed.grant).await.unwrap().unwrap().sign_in, until(30));
    assert!(fixture.store.grant_is_live(redeemed.grant, at(29)).await.unwrap());
    assert!(!fixture.store.grant_is_live(redeemed.grant, at(30)).await.unwrap());
    assert_eq!(fixture.store.live_grant(redeemed.grant, at(30)).await.unwrap(), None);
    let late = fixture.store.redeem_code(&hash("b"), at(30)).await.unwrap();
    assert_eq!(late, Redemption::IdpSessionEnded { user: alice.id, at: at(30) });
    let again = fixture.store.redeem_code(&hash("b"), at(31)).await.unwrap();
    assert!(matches!(again, Redemption::Replayed { .. }), "it was used up: {again:?}");
}

#[tokio::test]
async fn no_refresh_token_outlives_the_session_nor_is_its_end_taken_for_a_theft() {
    let fixture = Fixture::new().await;
    let alice = fixture.user("alice").await;
    let new = NewGrant { sign_in: until(1000), ..new_grant(alice.id) };
    let grant = fixture.store.create_grant(&new, at(0)).await.unwrap();
    let first = token("first");
    fixture.store.insert_refresh_token(&store::NewRefreshToken { token: &first, grant, expires_at: at(900) }, at(0)).await.unwrap();
    let client = client("cli_a");
    let rotate = async |presented, second| {
        let request = RotationRequest { presented, client: &client, lifetime: seconds(5000), grace: seconds(45) };
        fixture.store.rotate_refresh_token(&request, at(second)).await.unwrap()
    };
    let Rotation::Rotated { successor, expires_at, .. } = rotate(&first, 800).await else { panic!("not rotated") };
    assert_eq!(expires_at, at(1000), "not 5800");
    let Rotation::Rotated { successor: last, .. } = rotate(&successor, 990).await else { panic!("not rotated") };
    // Within the grace of its use, unused, and used long ago: all are told the same.
    for presented in [&successor, &last, &first] {
        assert_eq!(rotate(presented, 1000).await, Rotation::IdpSessionEnded { grant, at: at(1000) });
    }
    assert_eq!(fixture.store.grant(grant).await.unwrap().unwrap().revoked_at, None);
    fixture.store.revoke_grant(grant, RevokeReason::Administrator, at(1001)).await.unwrap();
    assert_eq!(rotate(&last, 1002).await, Rotation::Revoked { grant });
}

/// Whoever ends a session means what was begun in it, also before the person signed in again in that browser.
#[tokio::test]
async fn a_session_ends_with_what_was_given_in_those_it_replaced() {
    let fixture = Fixture::new().await;
    let alice = fixture.user("alice").await;
    let session = async |cookie| {
        let new = NewBrowserSession { idp_ends_at: Some(at(500)), ..new_session(cookie, alice.id) };
        fixture.store.create_browser_session(&new, at(0)).await.unwrap()
    };
    let (first, second) = (session("a").await, session("b").await);
    let in_first = NewGrant { session: Some(first), ..new_grant(alice.id) };
    let granted = fixture.store.create_grant(&in_first, at(0)).await.unwrap();
    let code = NewCode { grant: in_first, ..new_code("code", alice.id) };
    fixture.store.insert_code(&code, at(0)).await.unwrap();
    assert!(fixture.store.replace_browser_session(first, second, at(1)).await.unwrap());
    let Redemption::Redeemed(redeemed) = fixture.store.redeem_code(&hash("code"), at(2)).await.unwrap() else { panic!("not redeemed") };
    let mut ended = fixture.store.revoke_grants_for(GrantsOf::Session(second), RevokeReason::Administrator, at(3)).await.unwrap();
    ended.sort();
    assert_eq!(ended, [granted, redeemed.grant]);
    assert_eq!(fixture.store.browser_session(second).await.unwrap().unwrap().sign_in().ends_at, Some(at(500)));
}

/// A sign-in for a client may be past the person's session and not yet at its code: whoever ends everything ends that too.
#[tokio::test]
async fn a_session_over_its_time_is_ended_with_the_others() {
    let fixture = Fixture::new().await;
    let alice = fixture.user("alice").await;
    let new = NewBrowserSession { expires_at: at(100), ..new_session("a", alice.id) };
    for (number, of) in [None, Some(SessionsOf::User(alice.id)), Some(SessionsOf::Everybody)].into_iter().enumerate() {
        let new = NewBrowserSession { token_hash: hash(&format!("cookie {number}")), ..new.clone() };
        let session = fixture.store.create_browser_session(&new, at(0)).await.unwrap();
        for of in of.into_iter().chain(of.map(|_| SessionsOf::One(session))) {
            assert_eq!(fixture.store.end_sessions(of, at(200)).await.unwrap(), [], "it was not live any more");
        }
        let text = format!("code {number}");
        let grant = NewGrant { session: Some(session), ..new_grant(alice.id) };
        let code = NewCode { grant, expires_at: at(300), ..new_code(&text, alice.id) };
        fixture.store.insert_code(&code, at(201)).await.unwrap();
        let redeemed = fixture.store.redeem_code(&hash(&text), at(202)).await.unwrap();
        assert_eq!(matches!(redeemed, Redemption::Ended { .. }), of.is_some(), "{of:?} {redeemed:?}");
    }
}
