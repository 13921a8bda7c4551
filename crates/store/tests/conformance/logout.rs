//! What ends when an identity provider says so, and sign-outs that come back.

use store::{EndedAtIdp, EndedFor, IdpSession, NewBrowserSession, NewGrant, Once, OnceKind, SignOut, sha256};

use crate::common::{Fixture, at, hash, new_grant, new_session, seconds};

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// Browser sessions by their cookies, each with one grant: who, and which session of the identity provider is behind it.
const SESSIONS: &[(&str, &str, &str, Protocol)] = &[
    ("s1", "alice", "okta", Protocol::Saml("n-alice", Some(PERSISTENT), Some("_1"))),
    ("s2", "alice", "okta", Protocol::Saml("n-alice", Some(PERSISTENT), Some("_2"))),
    ("s3", "alice", "okta", Protocol::Saml("n-alice", Some(PERSISTENT), None)),
    ("s4", "bob", "okta", Protocol::Saml("n-bob", None, Some("_1"))),
    ("s5", "carol", "other", Protocol::Saml("n-alice", Some(PERSISTENT), Some("_1"))),
    ("o1", "dave", "okta", Protocol::OpenId("n-alice", Some("sid-1"))),
    ("o2", "dave", "okta", Protocol::OpenId("n-alice", Some("sid-2"))),
    ("o3", "erin", "okta", Protocol::OpenId("n-erin", None)),
];

#[derive(Clone, Copy)]
enum Protocol {
    Saml(&'static str, Option<&'static str>, Option<&'static str>),
    OpenId(&'static str, Option<&'static str>),
}

impl Protocol {
    fn session(self) -> IdpSession {
        let own = |text: Option<&str>| text.map(str::to_owned);
        match self {
            Self::Saml(name_id, format, index) => IdpSession {
                name_id: Some(name_id.to_owned()),
                name_id_format: own(format),
                session_index: own(index),
                ..IdpSession::default()
            },
            Self::OpenId(subject, sid) => IdpSession { subject: Some(subject.to_owned()), sid: own(sid), ..IdpSession::default() },
        }
    }
}

fn message(key: &str) -> Once<'_> {
    Once { kind: OnceKind::Jti, key, expires_at: at(600) }
}

async fn world() -> (Fixture, Vec<store::GrantId>) {
    let fixture = Fixture::new().await;
    let mut grants = Vec::new();
    for (cookie, person, idp, protocol) in SESSIONS {
        let user = fixture.user(person).await;
        let new = NewBrowserSession { idp: (*idp).to_owned(), idp_session: Some(protocol.session()), ..new_session(cookie, user.id) };
        let session = fixture.store.create_browser_session(&new, at(0)).await.unwrap();
        grants.push(fixture.store.create_grant(&NewGrant { session: Some(session), ..new_grant(user.id) }, at(0)).await.unwrap());
    }
    (fixture, grants)
}

/// The cookies whose sessions and grants have both ended; one without the other would be a fault.
async fn ended(fixture: &Fixture, grants: &[store::GrantId]) -> Vec<&'static str> {
    let mut ended = Vec::new();
    for ((cookie, ..), grant) in SESSIONS.iter().zip(grants) {
        let session = fixture.store.find_browser_session(&hash(cookie), seconds(3600), at(20)).await.unwrap().is_some();
        assert_eq!(session, fixture.store.grant_is_live(*grant, crate::common::at(0)).await.unwrap(), "{cookie}");
        if !session {
            ended.push(*cookie);
        }
    }
    ended
}

#[tokio::test]
async fn an_identity_provider_ends_its_sessions_and_no_others() {
    fn saml<'a>(name_id: &'a str, format: Option<&'a str>, session_indexes: &'a [String]) -> EndedAtIdp<'a> {
        EndedAtIdp::Saml { name_id, format, session_indexes }
    }
    let (one, both, none) = (["_1".to_owned()], ["_1".to_owned(), "_2".to_owned()], ["_9".to_owned()]);
    let cases: Vec<(&str, &str, EndedAtIdp<'_>, &[&str])> = vec![
        ("one index, and the session that has none", "okta", saml("n-alice", Some(PERSISTENT), &one), &["s1", "s3"]),
        ("several indexes", "okta", saml("n-alice", Some(PERSISTENT), &both), &["s1", "s2", "s3"]),
        ("all of a person", "okta", saml("n-alice", Some(PERSISTENT), &[]), &["s1", "s2", "s3"]),
        ("an unknown index", "okta", saml("n-alice", Some(PERSISTENT), &none), &["s3"]),
        ("another format", "okta", saml("n-alice", None, &one), &[]),
        ("no format is the unspecified one", "okta", saml("n-bob", Some(UNSPECIFIED), &one), &["s4"]),
        ("another name", "okta", saml("n-alic", Some(PERSISTENT), &one), &[]),
        ("another identity provider", "other", saml("n-alice", Some(PERSISTENT), &one), &["s5"]),
        ("by sid", "okta", EndedAtIdp::OpenIdSession { sid: "sid-1", subject: None }, &["o1"]),
        ("by sid and sub", "okta", EndedAtIdp::OpenIdSession { sid: "sid-2", subject: Some("n-alice") }, &["o2"]),
        ("by sid and the sub of another", "okta", EndedAtIdp::OpenIdSession { sid: "sid-2", subject: Some("n-erin") }, &[]),
        ("by sub", "okta", EndedAtIdp::OpenIdSubject { subject: "n-alice" }, &["o1", "o2"]),
        ("by sub, of a session without sid", "okta", EndedAtIdp::OpenIdSubject { subject: "n-erin" }, &["o3"]),
        ("a sid is no index", "okta", EndedAtIdp::OpenIdSession { sid: "_1", subject: None }, &[]),
        ("a sub of another identity provider", "other", EndedAtIdp::OpenIdSubject { subject: "n-alice" }, &[]),
    ];
    for (name, idp, which, expected) in cases {
        let (fixture, grants) = world().await;
        let fixture = fixture.restart().await;
        let told = fixture.store.end_idp_sessions(idp, which, &message("1"), at(10)).await.unwrap().unwrap();
        assert_eq!(ended(&fixture, &grants).await, expected, "{name}");
        let (sessions, revoked) =
            told.iter().fold((0, 0), |(sessions, revoked), person: &EndedFor| (sessions + person.sessions, revoked + person.grants.len()));
        assert_eq!((usize::try_from(sessions).unwrap(), revoked), (expected.len(), expected.len()), "{name}");
        // Once more ends nothing more.
        let again = fixture.store.end_idp_sessions(idp, which, &message("2"), at(11)).await.unwrap().unwrap();
        assert!(again.iter().all(|person| person.sessions == 0 && person.grants.is_empty()), "{name}");
    }
}

/// Who signed out here has not taken back what programs may do; whoever ends the session at the identity provider has.
#[tokio::test]
async fn grants_of_a_session_that_is_over_here_end_with_that_of_the_identity_provider() {
    let (fixture, grants) = world().await;
    let session = fixture.store.find_browser_session(&hash("s1"), seconds(3600), at(1)).await.unwrap().unwrap().0;
    assert!(fixture.store.end_browser_session(session.id, at(2)).await.unwrap());
    assert!(fixture.store.grant_is_live(grants[0], crate::common::at(0)).await.unwrap());
    // The session's row stays as long as the grant.
    fixture.store.prune(at(300_000)).await.unwrap();
    let which = EndedAtIdp::Saml { name_id: "n-alice", format: Some(PERSISTENT), session_indexes: &["_1".to_owned()] };
    let told = fixture.store.end_idp_sessions("okta", which, &message("1"), at(3)).await.unwrap().unwrap();
    assert!(told[0].grants.contains(&grants[0]));
    assert!(!fixture.store.grant_is_live(grants[0], crate::common::at(0)).await.unwrap());
}

/// A message ends sessions once; one that could not end them is as good as never sent, and may come again.
#[tokio::test]
async fn a_message_is_used_up_with_what_it_ends_or_not_at_all() {
    let (fixture, grants) = world().await;
    let which = EndedAtIdp::OpenIdSubject { subject: "n-erin" };
    let url = format!("sqlite://{}", fixture.path().display());
    let pool = sqlx::sqlite::SqlitePool::connect(&url).await.unwrap();
    let set = async |groups: &str| {
        sqlx::query("UPDATE users SET groups_json = $1 WHERE username = 'erin'").bind(groups).execute(&pool).await.unwrap();
    };
    set("broken").await;
    assert!(fixture.store.end_idp_sessions("okta", which, &message("1"), at(3)).await.is_err());
    set("[]").await;
    assert!(ended(&fixture, &grants).await.is_empty());
    let told = fixture.store.end_idp_sessions("okta", which, &message("1"), at(4)).await.unwrap();
    assert_eq!((told.map(|people| people.len()), ended(&fixture, &grants).await), (Some(1), vec!["o3"]));
    assert_eq!(fixture.store.end_idp_sessions("okta", which, &message("1"), at(5)).await.unwrap(), None);
}

#[tokio::test]
async fn identifiers_do_not_lie_readable() {
    let (fixture, _) = world().await;
    fixture.store.close().await;
    let bytes = std::fs::read(fixture.path()).unwrap();
    for text in ["n-alice", "sid-1", "n-erin"] {
        assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
    }
}

#[tokio::test]
async fn a_sign_out_comes_back_once_and_in_time() {
    let fixture = Fixture::new().await;
    let sign_out = SignOut { idp: "okta".to_owned(), request_id: Some("_1".to_owned()), everywhere: true };
    for state in ["a", "b"] {
        fixture.store.begin_sign_out(&sha256(state.as_bytes()), &sign_out, at(600)).await.unwrap();
    }
    let fixture = fixture.restart().await;
    let take = async |state: &str, second| fixture.store.take_sign_out(&sha256(state.as_bytes()), at(second)).await.unwrap();
    assert_eq!(take("x", 1).await, None);
    assert_eq!(take("a", 599).await, Some(sign_out.clone()));
    assert_eq!(take("a", 599).await, None);
    assert_eq!(take("b", 600).await, None);
}
