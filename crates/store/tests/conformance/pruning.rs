//! Pruning removes what is over, in bounded batches, and nothing that a check still needs.

use store::{IdpTokens, NewBrowserSession, NewRefreshToken, OnceKind, Redemption, Rotation, RotationRequest};

use crate::common::{Fixture, at, client, hash, new_code, new_session, seconds, token};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

#[tokio::test]
async fn batches_are_bounded() {
    let fixture = Fixture::new().await;
    for number in 0..620 {
        fixture.store.consume_once(OnceKind::Jti, &number.to_string(), at(10), at(0)).await.unwrap();
    }
    assert_eq!(fixture.store.prune(at(0)).await.unwrap().rows, 0);
    let first = fixture.store.prune(at(DAY)).await.unwrap();
    assert_eq!((first.rows, first.more), (500, true));
    let second = fixture.store.prune(at(DAY)).await.unwrap();
    assert_eq!((second.rows, second.more), (120, false));
}

#[tokio::test]
async fn what_checks_need_stays() {
    let fixture = Fixture::new().await;
    let user = fixture.user("alice").await;
    fixture.store.insert_code(&new_code("code", user.id), at(0)).await.unwrap();
    fixture.store.redeem_code(&hash("code"), at(1)).await.unwrap();
    fixture.store.create_browser_session(&new_session("cookie", user.id), at(0)).await.unwrap();
    let live = fixture.grant("bob", &token("first")).await;
    let unused = fixture.redeemed("carol", "other").await;

    fixture.store.prune(at(2 * HOUR)).await.unwrap();
    assert!(
        matches!(fixture.store.redeem_code(&hash("code"), at(2 * HOUR)).await.unwrap(), Redemption::Replayed { .. }),
        "replay is noticed for a day"
    );
    assert!(fixture.store.find_browser_session(&hash("cookie"), seconds(36_000), at(2 * HOUR)).await.unwrap().is_some());
    assert!(fixture.store.grant_is_live(unused, at(0)).await.unwrap(), "an access token may still be in use");

    fixture.store.prune(at(2 * DAY)).await.unwrap();
    assert_eq!(fixture.store.redeem_code(&hash("code"), at(2 * DAY)).await.unwrap(), Redemption::Unknown);
    let cli_a = client("cli_a");
    let first = token("first");
    let request = RotationRequest { presented: &first, client: &cli_a, lifetime: seconds(40 * 86_400), grace: seconds(45) };
    assert_eq!(fixture.store.rotate_refresh_token(&request, at(2 * DAY)).await.unwrap(), Rotation::Unknown);
    fixture
        .store
        .insert_refresh_token(&NewRefreshToken { token: &token("long"), grant: live, expires_at: at(60 * DAY) }, at(0))
        .await
        .unwrap();

    fixture.store.prune(at(35 * DAY)).await.unwrap();
    assert!(fixture.store.grant(unused).await.unwrap().is_none(), "a grant without tokens is forgotten after a month");
    assert!(fixture.store.grant(live).await.unwrap().is_some(), "a grant with a living refresh token is not");
    assert!(fixture.store.user(user.id).await.unwrap().is_some(), "people are not forgotten");
}

/// A browser may be signed in for days before it lets a client in: until then the identity provider can still be asked.
#[tokio::test]
async fn how_to_ask_the_identity_provider_stays_as_long_as_the_browser_session() {
    let fixture = Fixture::new().await;
    let user = fixture.user("alice").await;
    let long = NewBrowserSession { expires_at: at(7 * DAY), ..new_session("cookie", user.id) };
    let session = fixture.store.create_browser_session(&long, at(0)).await.unwrap();
    let tokens = IdpTokens { refresh_token: token("r1"), nonce: "n".to_owned(), subject: "s".to_owned() };
    fixture.store.keep_idp_refresh(session, user.id, &tokens, at(0)).await.unwrap();
    fixture.store.prune(at(3 * DAY)).await.unwrap();
    assert!(fixture.store.idp_refresh(session).await.unwrap().is_some());
    fixture.store.prune(at(9 * DAY)).await.unwrap();
    fixture.store.prune(at(9 * DAY)).await.unwrap();
    assert!(fixture.store.idp_refresh(session).await.unwrap().is_none());
}
