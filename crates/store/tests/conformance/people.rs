//! People, browser sessions, clients, consents, keys.

use oauth::Secret;
use store::{BrowserSession, Consent, Created, IdpSession, NewBrowserSession, NewClient, NewGrant, NewIdentity, NewSigningKey, User};

use crate::common::{Fixture, at, client, hash, identity, new_grant, new_session, seconds};

#[tokio::test]
async fn a_person_is_issuer_and_subject_and_nothing_else() {
    let fixture = Fixture::new().await;
    let (alice, created) = fixture.store.upsert_user(&identity("alice"), at(0)).await.unwrap();
    assert_eq!(created, Created::Yes);
    let later = NewIdentity { email: None, groups: vec!["Support".to_owned()], ..identity("alice") };
    let (again, created) = fixture.store.upsert_user(&later, at(50)).await.unwrap();
    assert_eq!((again.id, created), (alice.id, Created::No));
    assert_eq!(
        (again.groups.as_slice(), again.email, again.created_at, again.last_seen_at),
        (&["Support".to_owned()][..], None, at(0), at(50))
    );

    let same_mail = [
        NewIdentity { subject: "subject-other".to_owned(), ..identity("alice") },
        NewIdentity { subject: "SUBJECT-alice".to_owned(), ..identity("alice") },
        NewIdentity { issuer: "https://other.example".to_owned(), ..identity("alice") },
        NewIdentity { idp: "entra".to_owned(), ..identity("alice") },
    ];
    for stranger in same_mail {
        let (user, created) = fixture.store.upsert_user(&stranger, at(60)).await.unwrap();
        assert_eq!(created, Created::Yes, "{stranger:?}");
        assert_ne!(user.id, alice.id);
    }
    assert_eq!(fixture.store.find_users("ALICE@example.com").await.unwrap().len(), 4);
    assert_eq!(fixture.store.list_users(None, 3).await.unwrap().len(), 3);
    assert_eq!(fixture.store.list_users(Some(alice.id), 100).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_disabled_person_stays_disabled_at_the_next_sign_in() {
    let fixture = Fixture::new().await;
    let alice = fixture.user("alice").await;
    fixture.store.set_user_disabled(alice.id, true, at(5)).await.unwrap();
    let (again, _) = fixture.store.upsert_user(&identity("alice"), at(10)).await.unwrap();
    assert_eq!(again.disabled_at, Some(at(5)));
    assert!(!fixture.store.set_user_disabled(store::UserId::new(), true, at(5)).await.unwrap());
}

async fn find(fixture: &Fixture, cookie: &str, second: i64) -> Option<(BrowserSession, User)> {
    fixture.store.find_browser_session(&hash(cookie), seconds(3600), at(second)).await.unwrap()
}

#[tokio::test]
async fn browser_sessions_end_by_idleness_by_age_by_sign_out_and_with_the_person() {
    let fixture = Fixture::new().await;
    let alice = fixture.user("alice").await;
    let idp_session =
        IdpSession { name_id: Some("alice".to_owned()), id_token_hint: Some("ey.secret".to_owned()), ..IdpSession::default() };
    let new = NewBrowserSession { idp_session: Some(idp_session.clone()), acr: Some("mfa".to_owned()), ..new_session("a", alice.id) };
    let id = fixture.store.create_browser_session(&new, at(0)).await.unwrap();
    let (session, user) = find(&fixture, "a", 3599).await.unwrap();
    assert_eq!((session.id, user.id, session.idp_session, session.acr.as_deref()), (id, alice.id, Some(idp_session), Some("mfa")));
    assert!(find(&fixture, "a", 7198).await.is_some(), "each use moves the idle limit");
    assert!(find(&fixture, "a", 7198 + 3600).await.is_none());
    for wrong in ["", "A", "a ", "b"] {
        assert!(find(&fixture, wrong, 1).await.is_none());
    }
    let fixture = fixture.restart().await;
    for second in (7000..36_000).step_by(3000) {
        assert!(find(&fixture, "a", second).await.is_some(), "{second}");
    }
    assert!(find(&fixture, "a", 36_000).await.is_none(), "the absolute limit");

    fixture.store.create_browser_session(&new_session("b", alice.id), at(0)).await.unwrap();
    assert!(fixture.store.end_browser_session(find(&fixture, "b", 1).await.unwrap().0.id, at(2)).await.unwrap());
    assert!(find(&fixture, "b", 3).await.is_none());
    assert!(!fixture.store.end_browser_session(store::BrowserSessionId::new(), at(2)).await.unwrap());

    for cookie in ["c", "d"] {
        fixture.store.create_browser_session(&new_session(cookie, alice.id), at(0)).await.unwrap();
    }
    assert_eq!(fixture.store.end_all_for_user(alice.id, at(2)).await.unwrap(), 3, "and `a`, which had only grown old");
    fixture.store.create_browser_session(&new_session("e", alice.id), at(0)).await.unwrap();
    fixture.store.set_user_disabled(alice.id, true, at(3)).await.unwrap();
    assert!(find(&fixture, "e", 4).await.is_none());
    fixture.store.set_user_disabled(alice.id, false, at(5)).await.unwrap();
    assert!(find(&fixture, "e", 6).await.is_none(), "enabling brings no session back");
}

#[tokio::test]
async fn consent_covers_exactly_what_was_agreed_to() {
    let fixture = Fixture::new().await;
    let alice = fixture.user("alice").await;
    let bob = fixture.user("bob").await;
    let (cli_a, cli_b) = (client("cli_a"), client("cli_b"));
    let scopes = ["read".to_owned(), "write".to_owned()];
    let given = Consent { user: alice.id, client: &cli_a, upstream: "crm", redirect_host: "127.0.0.1", scopes: &scopes };
    fixture.store.remember_consent(&given, at(0)).await.unwrap();
    let wider = ["read".to_owned(), "admin".to_owned()];
    let cases = [
        (given, true),
        (Consent { scopes: &scopes[..1], ..given }, true),
        (Consent { scopes: &wider, ..given }, false),
        (Consent { user: bob.id, ..given }, false),
        (Consent { client: &cli_b, ..given }, false),
        (Consent { upstream: "finance", ..given }, false),
        (Consent { redirect_host: "evil.example", ..given }, false),
    ];
    for (asked, expected) in cases {
        assert_eq!(fixture.store.consent_covers(&asked).await.unwrap(), expected, "{asked:?}");
    }
    fixture.store.remember_consent(&Consent { scopes: &scopes[..1], ..given }, at(1)).await.unwrap();
    assert!(!fixture.store.consent_covers(&given).await.unwrap(), "a narrower consent replaces the wider one");
    assert_eq!(fixture.store.forget_consents(alice.id, Some(&cli_a)).await.unwrap(), 1);
    assert!(!fixture.store.consent_covers(&Consent { scopes: &[], ..given }).await.unwrap());
    for (user, client) in [(alice.id, &cli_a), (alice.id, &cli_b), (bob.id, &cli_a)] {
        fixture.store.remember_consent(&Consent { user, client, ..given }, at(2)).await.unwrap();
    }
    assert_eq!(fixture.store.forget_consents(alice.id, None).await.unwrap(), 2);
    assert!(fixture.store.consent_covers(&Consent { user: bob.id, ..given }).await.unwrap());
}

#[tokio::test]
async fn clients_register_are_counted_and_lapse() {
    let fixture = Fixture::new().await;
    let new = NewClient {
        id: client("cli_a"),
        name: "Inspector".to_owned(),
        redirect_uris: vec!["http://127.0.0.1/cb".to_owned(), "cursor://x".to_owned()],
        auth_method: "none".to_owned(),
        secret_hash: Some(hash("s")),
        metadata: serde_json::json!({ "software_id": "x" }),
        registered_from: Some("192.0.2.1".to_owned()),
        expires_at: Some(at(100)),
    };
    fixture.store.insert_client(&new, at(0)).await.unwrap();
    assert!(fixture.store.insert_client(&new, at(0)).await.is_err(), "an id is given once");
    let kept = fixture.store.client(&new.id, at(99)).await.unwrap().unwrap();
    assert_eq!(
        (&kept.name, &kept.redirect_uris, kept.secret_hash, &kept.metadata),
        (&new.name, &new.redirect_uris, new.secret_hash, &new.metadata)
    );
    let alice = fixture.user("alice").await;
    for (of_client, name) in [("cli_a", Some("Inspector")), ("configured", None)] {
        let grant = NewGrant { client: client(of_client), ..new_grant(alice.id) };
        let grant = fixture.store.create_grant(&grant, at(0)).await.unwrap();
        assert_eq!(fixture.store.live_grant(grant, at(0)).await.unwrap().unwrap().client_name.as_deref(), name);
    }
    assert_eq!(fixture.store.client(&new.id, at(100)).await.unwrap(), None);
    fixture.store.touch_client(&new.id, Some(at(500)), at(90)).await.unwrap();
    assert!(fixture.store.client(&new.id, at(499)).await.unwrap().is_some());
    assert_eq!(fixture.store.clients_registered_since("192.0.2.1", at(0)).await.unwrap(), 1);
    assert_eq!(fixture.store.clients_registered_since("192.0.2.1", at(1)).await.unwrap(), 0);
    assert_eq!(fixture.store.count_clients().await.unwrap(), 1);
    assert!(fixture.store.delete_client(&new.id).await.unwrap());
    assert_eq!(fixture.store.client(&client("cli_A"), at(0)).await.unwrap(), None);
}

#[tokio::test]
async fn signing_keys_come_back_sealed_ordered_and_once() {
    let fixture = Fixture::new().await;
    let pkcs8 = Secret::new(b"private key bytes".to_vec());
    let key = |kid: &'static str, active_from| NewSigningKey {
        purpose: "access_token",
        kid,
        pkcs8: &pkcs8,
        certificate: Some(b"cert"),
        active_from,
    };
    assert!(fixture.store.insert_first_signing_key(&key("one", at(50)), at(0)).await.unwrap());
    assert!(!fixture.store.insert_first_signing_key(&key("two", at(0)), at(0)).await.unwrap(), "another process was faster");
    assert!(fixture.store.insert_signing_key(&key("three", at(20)), at(10)).await.unwrap());
    assert!(!fixture.store.insert_signing_key(&key("three", at(20)), at(10)).await.unwrap());
    let fixture = fixture.restart().await;
    let keys = fixture.store.signing_keys("access_token").await.unwrap();
    assert_eq!(keys.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), ["three", "one"]);
    assert_eq!((keys[0].pkcs8.expose(), keys[0].certificate.as_deref()), (pkcs8.expose(), Some(&b"cert"[..])));
    assert!(!fixture.store.delete_signing_key("access_token", "one").await.unwrap(), "a key in use is not forgotten");
    assert!(fixture.store.retire_signing_key("access_token", "one", at(60)).await.unwrap());
    assert!(fixture.store.delete_signing_key("access_token", "one").await.unwrap());
    assert!(fixture.store.signing_keys("saml_sp").await.unwrap().is_empty());
}
