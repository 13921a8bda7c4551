//! Refresh tokens: rotation, races, reuse, revocation.

use std::task::Poll;

use oauth::Secret;
use store::{GrantsOf, RevokeReason, Rotation, RotationRequest};

use crate::common::{Fixture, at, client, seconds, token};

const GRACE: u64 = 45;

async fn rotate(fixture: &Fixture, presented: &Secret<String>, as_client: &str, second: i64) -> Rotation {
    rotate_on(&fixture.store, presented, as_client, second).await
}

async fn rotate_on(store: &store::Store, presented: &Secret<String>, as_client: &str, second: i64) -> Rotation {
    let client = client(as_client);
    let request = RotationRequest { presented, client: &client, lifetime: seconds(2_592_000), grace: seconds(GRACE) };
    store.rotate_refresh_token(&request, at(second)).await.unwrap()
}

/// The successor and whether the token was used for the first time.
fn successor(rotation: Rotation) -> (Secret<String>, bool) {
    match rotation {
        Rotation::Rotated { successor, .. } => (successor, true),
        Rotation::WithinGrace { successor, .. } => (successor, false),
        other @ (Rotation::Reused { .. }
        | Rotation::Revoked { .. }
        | Rotation::IdpSessionEnded { .. }
        | Rotation::Expired { .. }
        | Rotation::Unknown) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_parallel_refreshes_get_one_successor() {
    let fixture = Fixture::new().await;
    let grant = fixture.grant("alice", &token("first")).await;
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let store = fixture.store.clone();
            tokio::spawn(async move { rotate_on(&store, &token("first"), "cli_a", 10 + number % GRACE.cast_signed()).await })
        })
        .collect();
    let mut firsts = 0;
    let mut answers = Vec::new();
    for task in tasks {
        let (answer, first) = successor(task.await.unwrap());
        firsts += u32::from(first);
        answers.push(answer);
    }
    answers.dedup();
    assert_eq!((firsts, answers.len()), (1, 1));
    assert!(fixture.store.grant_is_live(grant, at(0)).await.unwrap());
    let (second, first) = successor(rotate(&fixture, &answers[0], "cli_a", 60).await);
    assert!(first);
    assert_ne!(second, answers[0]);
}

#[tokio::test]
async fn reuse_after_the_grace_kills_the_family_for_good() {
    let fixture = Fixture::new().await;
    let grant = fixture.grant("alice", &token("first")).await;
    let (second, _) = successor(rotate(&fixture, &token("first"), "cli_a", 100).await);
    let (again, first) = successor(rotate(&fixture, &token("first"), "cli_a", 144).await);
    assert_eq!((again, first), (second.clone(), false), "the grace runs from the first use");

    let fixture = fixture.restart().await;
    assert_eq!(rotate(&fixture, &token("first"), "cli_a", 145).await, Rotation::Reused { grant }, "and is not extended");
    assert!(!fixture.store.grant_is_live(grant, at(0)).await.unwrap());
    assert_eq!(rotate(&fixture, &second, "cli_a", 146).await, Rotation::Revoked { grant });
    let fixture = fixture.restart().await;
    assert_eq!(rotate(&fixture, &second, "cli_a", 147).await, Rotation::Revoked { grant }, "a restart revives nothing");
    assert_eq!(rotate(&fixture, &token("first"), "cli_a", 101).await, Rotation::Revoked { grant }, "not even with the clock set back");
}

#[tokio::test]
async fn another_client_neither_gets_nor_breaks_anything() {
    let fixture = Fixture::new().await;
    let grant = fixture.grant("alice", &token("first")).await;
    assert_eq!(rotate(&fixture, &token("first"), "cli_b", 10).await, Rotation::Unknown);
    let (second, first) = successor(rotate(&fixture, &token("first"), "cli_a", 10).await);
    assert!(first);
    assert_eq!(rotate(&fixture, &token("first"), "cli_b", 11).await, Rotation::Unknown, "no grace for others");
    assert_eq!(rotate(&fixture, &token("first"), "cli_b", 1000).await, Rotation::Unknown, "no reuse by others");
    assert!(fixture.store.grant_is_live(grant, at(0)).await.unwrap());
    assert_eq!(fixture.store.refresh_token_grant(&second, &client("cli_b")).await.unwrap(), None);
    assert_eq!(fixture.store.refresh_token_grant(&second, &client("cli_a")).await.unwrap().unwrap().id, grant);
}

#[tokio::test]
async fn mutated_tokens_are_unknown_and_do_no_harm() {
    let fixture = Fixture::new().await;
    let whole = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE";
    let grant = fixture.grant("alice", &token(whole)).await;
    for end in 0..whole.len() {
        let cut = whole.get(..end).unwrap();
        assert_eq!(rotate(&fixture, &token(cut), "cli_a", 1).await, Rotation::Unknown, "{cut}");
        let flipped: String = whole.chars().enumerate().map(|(index, letter)| if index == end { '-' } else { letter }).collect();
        assert_eq!(rotate(&fixture, &token(&flipped), "cli_a", 1).await, Rotation::Unknown, "{flipped}");
    }
    assert_eq!(rotate(&fixture, &token(&format!("{whole}=")), "cli_a", 1).await, Rotation::Unknown);
    assert_eq!(rotate(&fixture, &token(&whole.to_lowercase()), "cli_a", 1).await, Rotation::Unknown);
    assert!(successor(rotate(&fixture, &token(whole), "cli_a", 1).await).1);
    assert!(fixture.store.grant_is_live(grant, at(0)).await.unwrap());
}

#[tokio::test]
async fn expired_tokens_and_void_grants() {
    let fixture = Fixture::new().await;
    let late = fixture.grant("alice", &token("late")).await;
    assert_eq!(rotate(&fixture, &token("late"), "cli_a", 100_000).await, Rotation::Expired { grant: late });
    assert!(fixture.store.grant_is_live(late, at(0)).await.unwrap(), "an expired token is no theft");

    let revoked = fixture.grant("bob", &token("revoked")).await;
    assert!(fixture.store.revoke_grant(revoked, RevokeReason::Client, at(5)).await.unwrap());
    assert!(!fixture.store.revoke_grant(revoked, RevokeReason::User, at(6)).await.unwrap(), "once");
    assert_eq!(rotate(&fixture, &token("revoked"), "cli_a", 10).await, Rotation::Revoked { grant: revoked });
    assert_eq!(rotate(&fixture, &token("never"), "cli_a", 10).await, Rotation::Unknown);
}

#[tokio::test]
async fn a_disabled_person_is_out_at_once_and_stays_out() {
    let fixture = Fixture::new().await;
    let grant = fixture.grant("alice", &token("first")).await;
    let user = fixture.user("alice").await;
    assert_eq!(fixture.store.live_grant(grant, at(0)).await.unwrap().unwrap().user.groups, ["Sales", "a,b"]);
    assert!(fixture.store.set_user_disabled(user.id, true, at(10)).await.unwrap());
    assert!(!fixture.store.grant_is_live(grant, at(0)).await.unwrap());
    assert_eq!(fixture.store.live_grant(grant, at(0)).await.unwrap(), None);
    assert_eq!(rotate(&fixture, &token("first"), "cli_a", 11).await, Rotation::Revoked { grant });
    fixture.store.set_user_disabled(user.id, false, at(12)).await.unwrap();
    assert!(!fixture.store.grant_is_live(grant, at(0)).await.unwrap(), "old grants do not come back");
}

#[tokio::test]
async fn grants_end_by_person_by_client_and_by_browser_session() {
    let fixture = Fixture::new().await;
    let alice = fixture.user("alice").await;
    let bob = fixture.user("bob").await;
    let session = fixture.store.create_browser_session(&crate::common::new_session("cookie", bob.id), at(0)).await.unwrap();
    let mut grants = Vec::new();
    for (user, of_client, in_session) in
        [(alice.id, "cli_a", None), (alice.id, "cli_b", None), (bob.id, "cli_b", Some(session)), (bob.id, "cli_c", None)]
    {
        let new = store::NewGrant { client: client(of_client), session: in_session, ..crate::common::new_grant(user) };
        grants.push(fixture.store.create_grant(&new, at(0)).await.unwrap());
    }
    let ends = async |of: GrantsOf<'_>| fixture.store.revoke_grants_for(of, RevokeReason::User, at(1)).await.unwrap();
    assert_eq!(ends(GrantsOf::Session(session)).await, [grants[2]]);
    assert_eq!(ends(GrantsOf::Client(&client("cli_b"))).await, [grants[1]]);
    assert_eq!(ends(GrantsOf::User(alice.id)).await, [grants[0]]);
    assert_eq!(ends(GrantsOf::User(alice.id)).await, []);
    let left = fixture.store.list_grants(bob.id).await.unwrap();
    assert_eq!(left.iter().map(|grant| grant.id).collect::<Vec<_>>(), [grants[3]]);
    assert!(fixture.store.grant(grants[0]).await.unwrap().unwrap().revoked_at.is_some());
}

#[tokio::test]
async fn a_caller_that_goes_away_half_way_blocks_nobody() {
    let fixture = Fixture::new().await;
    let grant = fixture.grant("alice", &token("first")).await;
    let first = token("first");
    let mut abandoned = 0;
    for polls in (0..20_000).step_by(50) {
        let mut rotation = Box::pin(rotate(&fixture, &first, "cli_a", 10));
        let mut finished = false;
        for _ in 0..polls {
            finished = std::future::poll_fn(|context| Poll::Ready(rotation.as_mut().poll(context).is_ready())).await;
            if finished {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(rotation);
        // The one writing connection is free again, and no transaction is left open on it.
        fixture.store.touch_client(&client("cli_a"), None, at(10)).await.unwrap();
        if finished {
            break;
        }
        abandoned += 1;
    }
    assert!(abandoned > 1);
    // Used once or not at all, never half.
    let (second, _) = successor(rotate(&fixture, &first, "cli_a", 11).await);
    assert!(successor(rotate(&fixture, &second, "cli_a", 12).await).1);
    assert!(fixture.store.grant_is_live(grant, at(0)).await.unwrap());
}
