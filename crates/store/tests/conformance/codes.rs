//! Authorization codes and things that are seen once.

use std::collections::HashSet;

use store::{BrowserSessionId, GrantsOf, OnceKind, Redemption, RevokeReason};

use crate::common::{Fixture, at, hash, new_code, new_grant, new_session, seconds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_parallel_redemptions_one_wins() {
    let fixture = Fixture::new().await;
    let user = fixture.user("alice").await;
    fixture.store.insert_code(&new_code("code", user.id), at(0)).await.unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move { store.redeem_code(&hash("code"), at(1)).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    let mut grants = HashSet::new();
    for task in tasks {
        match task.await.unwrap() {
            Redemption::Redeemed(code) => {
                won += 1;
                grants.insert(code.grant);
            }
            Redemption::Replayed { grant, .. } => {
                grants.insert(grant);
            }
            other @ (Redemption::Ended { .. } | Redemption::IdpSessionEnded { .. } | Redemption::Unknown | Redemption::Expired { .. }) => {
                panic!("{other:?}")
            }
        }
    }
    assert_eq!((won, grants.len()), (1, 1));
    let grant = grants.into_iter().next().unwrap();
    assert!(!fixture.store.grant_is_live(grant, at(0)).await.unwrap(), "a second use voids what the first got");
}

#[tokio::test]
async fn a_code_gives_what_was_stored_and_then_nothing() {
    let fixture = Fixture::new().await;
    let user = fixture.user("alice").await;
    let grant = fixture.store.insert_code(&new_code("code", user.id), at(0)).await.unwrap();
    assert!(!fixture.store.grant_is_live(grant, at(0)).await.unwrap(), "no grant before the redemption");
    let Redemption::Redeemed(code) = fixture.store.redeem_code(&hash("code"), at(1)).await.unwrap() else { panic!("not redeemed") };
    assert_eq!(code.grant, grant);
    assert_eq!(code.granted, new_grant(user.id));
    assert_eq!(code.code_challenge, new_code("code", user.id).code_challenge);
    assert!(fixture.store.grant_is_live(grant, at(0)).await.unwrap());

    let fixture = fixture.restart().await;
    assert!(fixture.store.grant_is_live(grant, at(0)).await.unwrap());
    assert_eq!(fixture.store.redeem_code(&hash("code"), at(2)).await.unwrap(), Redemption::Replayed { grant, user: user.id });
    assert!(!fixture.store.grant_is_live(grant, at(0)).await.unwrap());
}

#[tokio::test]
async fn taking_access_back_takes_back_what_is_not_redeemed_yet() {
    for (number, revoked) in ["alice", "bob"].into_iter().enumerate() {
        let fixture = Fixture::new().await;
        let user = fixture.user("alice").await;
        fixture.store.insert_code(&new_code("code", user.id), at(0)).await.unwrap();
        let of = GrantsOf::User(fixture.user(revoked).await.id);
        fixture.store.revoke_grants_for(of, RevokeReason::User, at(1)).await.unwrap();
        let redeemed = matches!(fixture.store.redeem_code(&hash("code"), at(2)).await.unwrap(), Redemption::Redeemed(_));
        assert_eq!(redeemed, number == 1, "{revoked}");
    }
}

#[tokio::test]
async fn late_and_mutated_codes_are_refused() {
    let fixture = Fixture::new().await;
    let user = fixture.user("alice").await;
    let code = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE";
    fixture.store.insert_code(&new_code(code, user.id), at(0)).await.unwrap();
    for end in 0..code.len() {
        let cut = code.get(..end).unwrap();
        assert_eq!(fixture.store.redeem_code(&hash(cut), at(1)).await.unwrap(), Redemption::Unknown, "{cut}");
        let flipped: String = code.chars().enumerate().map(|(index, letter)| if index == end { '_' } else { letter }).collect();
        assert_eq!(fixture.store.redeem_code(&hash(&flipped), at(1)).await.unwrap(), Redemption::Unknown, "{flipped}");
    }
    assert_eq!(fixture.store.redeem_code(&hash(&format!("{code}A")), at(1)).await.unwrap(), Redemption::Unknown);
    assert_eq!(fixture.store.redeem_code(&hash(code), at(60)).await.unwrap(), Redemption::Expired { user: user.id });
    assert_eq!(
        fixture.store.redeem_code(&hash(code), at(61)).await.unwrap(),
        Redemption::Expired { user: user.id },
        "expiry consumes nothing"
    );
}

#[tokio::test]
async fn a_code_does_not_outlive_a_sign_out() {
    let fixture = Fixture::new().await;
    let (store, alice, bob) = (&fixture.store, fixture.user("alice").await, fixture.user("bob").await);
    let session = async |cookie: &str, user| store.create_browser_session(&new_session(cookie, user), at(0)).await.unwrap();
    let code_in = async |code: &str, session| {
        let mut new = new_code(code, alice.id);
        new.grant.session = Some(session);
        store.insert_code(&new, at(0)).await.unwrap()
    };
    let redeem = async |code: &str| store.redeem_code(&hash(code), at(1)).await.unwrap();
    let ended = Redemption::Ended { user: alice.id };

    let first = session("first", alice.id).await;
    let grant = code_in("signed out", first).await;
    assert!(store.end_browser_session(first, at(1)).await.unwrap());
    assert_eq!(redeem("signed out").await, ended);
    assert_eq!(redeem("signed out").await, Redemption::Replayed { grant, user: alice.id }, "used up all the same");
    assert_eq!(store.grant(grant).await.unwrap(), None);

    code_in("unknown session", BrowserSessionId::new()).await;
    assert_eq!(redeem("unknown session").await, ended);
    code_in("session of another", session("bob", bob.id).await).await;
    assert_eq!(redeem("session of another").await, ended);

    // Signing in again is not signing out.
    let (old, new, newest) = (session("old", alice.id).await, session("new", alice.id).await, session("newest", alice.id).await);
    code_in("replaced", old).await;
    code_in("replaced and signed out", old).await;
    assert!(store.replace_browser_session(old, new, at(1)).await.unwrap());
    assert!(!store.replace_browser_session(old, newest, at(1)).await.unwrap(), "ended is ended");
    assert!(store.find_browser_session(&hash("old"), seconds(60), at(1)).await.unwrap().is_none());
    assert!(store.replace_browser_session(new, newest, at(1)).await.unwrap());
    assert!(matches!(redeem("replaced").await, Redemption::Redeemed(_)));
    store.end_browser_session(newest, at(1)).await.unwrap();
    assert_eq!(redeem("replaced and signed out").await, ended);
    let (before, after) = (session("before", alice.id).await, session("after", bob.id).await);
    assert!(!store.replace_browser_session(before, after, at(1)).await.unwrap(), "another person does not go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_assertion_is_seen_once_by_whoever_comes_first() {
    let fixture = Fixture::new().await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move { store.consume_once(OnceKind::SamlAssertion, "_a1", at(300), at(0)).await.unwrap() })
        })
        .collect();
    let mut first = 0;
    for task in tasks {
        first += u32::from(task.await.unwrap());
    }
    assert_eq!(first, 1);
    let fixture = fixture.restart().await;
    assert!(!fixture.store.consume_once(OnceKind::SamlAssertion, "_a1", at(300), at(10)).await.unwrap());
    assert!(!fixture.store.consume_once(OnceKind::SamlAssertion, "_a1", at(900), at(301)).await.unwrap(), "expiry does not free it");
    assert!(fixture.store.consume_once(OnceKind::Jti, "_a1", at(300), at(10)).await.unwrap(), "another kind");
    assert!(fixture.store.consume_once(OnceKind::SamlAssertion, "_A1", at(300), at(10)).await.unwrap(), "another id");
}
