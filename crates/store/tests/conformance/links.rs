//! Which identities are one person, what that does, and what it does not.

use store::{GrantsOf, Linked, NewIdentity, RevokeReason, SessionsOf, Unlinked, User, UserId};

use crate::common::{Fixture, at, identity, new_grant, new_session, seconds};

async fn at_idp(fixture: &Fixture, idp: &str, groups: &[&str]) -> User {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    let identity = NewIdentity { idp: idp.to_owned(), issuer: format!("https://{idp}.example"), groups, ..identity("alice") };
    fixture.store.upsert_user(&identity, at(0)).await.unwrap().0
}

/// The attack: whoever can choose an address at one identity provider would be somebody else.
#[tokio::test]
async fn the_same_address_at_two_identity_providers_is_two_people() {
    let fixture = Fixture::new().await;
    let (okta, partners) = (at_idp(&fixture, "okta", &["admins"]).await, at_idp(&fixture, "partners", &[]).await);
    assert_eq!((&okta.email, &okta.subject), (&partners.email, &partners.subject));
    assert_ne!(okta.person(), partners.person());
    fixture.store.create_grant(&new_grant(okta.id), at(0)).await.unwrap();
    let ended = fixture.store.revoke_grants_for(GrantsOf::User(partners.id), RevokeReason::User, at(1)).await.unwrap();
    assert_eq!(ended, []);
}

#[tokio::test]
async fn a_link_ends_everything_together_and_mixes_no_groups() {
    let fixture = Fixture::new().await;
    let (okta, partners) = (at_idp(&fixture, "okta", &["admins"]).await, at_idp(&fixture, "partners", &["guests"]).await);
    let bob = fixture.user("bob").await;
    assert_eq!(fixture.store.link_users(okta.id, partners.id).await.unwrap(), Linked::Linked);
    assert_eq!(fixture.store.link_users(partners.id, okta.id).await.unwrap(), Linked::Already);
    // The next sign-in changes nothing about it.
    let partners = at_idp(&fixture, "partners", &["guests"]).await;
    assert_eq!((partners.linked_to, partners.person()), (Some(okta.id), okta.id));
    let mut grants = Vec::new();
    for user in [&okta, &partners, &bob] {
        grants.push(fixture.store.create_grant(&new_grant(user.id), at(0)).await.unwrap());
        fixture.store.create_browser_session(&new_session(&user.id.to_string(), user.id), at(0)).await.unwrap();
    }
    let live = fixture.store.live_grant(grants[1], at(0)).await.unwrap().unwrap();
    assert_eq!((live.user.id, live.user.groups), (partners.id, vec!["guests".to_owned()]), "its own groups alone");
    let listed = fixture.store.list_live_grants(Some(partners.id), seconds(900), 10, at(1)).await.unwrap();
    let mut ids: Vec<_> = listed.iter().map(|listed| listed.grant.id).collect();
    ids.sort();
    assert_eq!(ids, grants[..2]);
    assert_eq!(fixture.store.list_live_sessions(None, seconds(900), 10, at(1)).await.unwrap().len(), 3);
    assert_eq!(fixture.store.list_live_sessions(Some(okta.id), seconds(900), 10, at(1)).await.unwrap().len(), 2);
    assert_eq!(fixture.store.end_sessions(SessionsOf::User(partners.id), at(1)).await.unwrap().len(), 2);
    let mut ended = fixture.store.revoke_grants_for(GrantsOf::User(okta.id), RevokeReason::Administrator, at(1)).await.unwrap();
    ended.sort();
    assert_eq!(ended, grants[..2]);
    assert!(fixture.store.grant_is_live(grants[2], at(1)).await.unwrap(), "bob's goes on");
    assert!(fixture.store.set_user_disabled(partners.id, true, at(2)).await.unwrap());
    assert!(fixture.store.user(okta.id).await.unwrap().unwrap().disabled_at.is_some());
    assert!(fixture.store.user(bob.id).await.unwrap().unwrap().disabled_at.is_none());
    assert_eq!(fixture.store.link_users(bob.id, okta.id).await.unwrap(), Linked::DisabledDiffers);
}

#[tokio::test]
async fn links_make_no_chains_and_come_apart() {
    let fixture = Fixture::new().await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(fixture.user(name).await.id);
    }
    let [a, b, c, d] = <[UserId; 4]>::try_from(ids).unwrap();
    assert_eq!(fixture.store.link_users(a, b).await.unwrap(), Linked::Linked);
    assert_eq!(fixture.store.link_users(c, d).await.unwrap(), Linked::Linked);
    // To the linked one, and of one that has others: all are the first one's.
    assert_eq!(fixture.store.link_users(b, c).await.unwrap(), Linked::Linked);
    let all = fixture.store.identities(d).await.unwrap();
    assert_eq!(all.iter().map(|user| (user.id, user.linked_to)).collect::<Vec<_>>(), [(a, None), (b, Some(a)), (c, Some(a)), (d, Some(a))]);
    assert_eq!(fixture.store.link_users(a, a).await.unwrap(), Linked::Already);
    let nobody = UserId::new();
    assert_eq!(fixture.store.link_users(a, nobody).await.unwrap(), Linked::Unknown(nobody));
    assert_eq!(fixture.store.unlink_user(a).await.unwrap(), Unlinked::NotLinked(vec![b, c, d]));
    for id in [b, c, d] {
        assert_eq!(fixture.store.unlink_user(id).await.unwrap(), Unlinked::Unlinked);
    }
    assert_eq!(fixture.store.unlink_user(a).await.unwrap(), Unlinked::NotLinked(vec![]));
    assert_eq!(fixture.store.unlink_user(nobody).await.unwrap(), Unlinked::Unknown);
}

#[tokio::test]
async fn lists_hold_what_is_open_and_ending_says_what_ended() {
    let fixture = Fixture::new().await;
    let alice = fixture.user("alice").await;
    let store = &fixture.store;
    let with_refresh = fixture.grant("alice", &crate::common::token("first")).await;
    let without = store.create_grant(&new_grant(alice.id), at(500)).await.unwrap();
    let ids = async |second| -> Vec<_> {
        let listed = store.list_live_grants(None, seconds(900), 10, at(second)).await.unwrap();
        listed.iter().map(|listed| (listed.grant.id, listed.refresh_until)).collect()
    };
    assert_eq!(ids(1399).await, [(without, None), (with_refresh, Some(at(100_000)))]);
    assert_eq!(ids(1400).await, [(with_refresh, Some(at(100_000)))], "no token of it can be good any more");
    assert_eq!(ids(100_000).await, []);
    let session = store.create_browser_session(&new_session("a", alice.id), at(0)).await.unwrap();
    let old = store.create_browser_session(&new_session("b", alice.id), at(0)).await.unwrap();
    assert_eq!(store.list_live_sessions(None, seconds(900), 1, at(1)).await.unwrap().len(), 1);
    assert_eq!(store.list_live_sessions(None, seconds(900), 10, at(900)).await.unwrap(), [], "idle");
    assert_eq!(store.end_sessions(SessionsOf::One(session), at(2)).await.unwrap(), [(session, alice.id)]);
    assert_eq!(store.end_sessions(SessionsOf::One(session), at(2)).await.unwrap(), []);
    assert_eq!(store.end_sessions(SessionsOf::Everybody, at(2)).await.unwrap(), [(old, alice.id)]);
    let mut all = store.revoke_grants_for(GrantsOf::Everybody, RevokeReason::Administrator, at(3)).await.unwrap();
    all.sort();
    assert_eq!(all.len(), 2);
    assert_eq!(ids(4).await, []);
}
