//! Sign-ins under way: bound to a browser, moved by compare and swap.

use oauth::Secret;
use serde::{Deserialize, Serialize};
use store::{
    Advanced, AuthorizationRequest, AuthorizationRequestId, Loaded, NewAuthorizationRequest, Purpose, SignInProtocol, SignInState, Stage,
    StepUpAsked,
};

use crate::common::{Fixture, at, hash};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Params {
    state: String,
    scopes: Vec<String>,
}

fn params() -> Params {
    Params { state: "x\"y".to_owned(), scopes: vec!["mcp".to_owned()] }
}

fn new_request() -> NewAuthorizationRequest {
    NewAuthorizationRequest {
        purpose: Purpose::ClientAuthorization,
        params: NewAuthorizationRequest::params_from(&params()).unwrap(),
        browser_hash: hash("cookie"),
        stage: Stage::Consent,
        network: "192.0.2.1".to_owned(),
        expires_at: at(600),
    }
}

fn at_the_idp() -> Stage {
    Stage::SignIn(SignInState {
        idp: "entra".to_owned(),
        protocol: SignInProtocol::Oidc {
            state_hash: hash("state"),
            nonce: Secret::new("the-nonce".to_owned()),
            pkce_verifier: Secret::new("the-verifier".to_owned()),
        },
        login_hint: Some("dana@example.com".to_owned()),
        step_up: Some(StepUpAsked { acr: vec!["mfa".to_owned()], max_age: Some(0) }),
    })
}

async fn found(fixture: &Fixture, id: AuthorizationRequestId) -> AuthorizationRequest {
    match fixture.store.load_authorization_request(id, &hash("cookie"), at(1)).await.unwrap() {
        Loaded::Found(request) => *request,
        other @ (Loaded::Unknown | Loaded::WrongBrowser | Loaded::Expired) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_its_own_browser_finds_it_and_only_in_time() {
    let fixture = Fixture::new().await;
    let id = fixture.store.create_authorization_request(&new_request(), at(0)).await.unwrap();
    let load = async |id, cookie, second| fixture.store.load_authorization_request(id, &hash(cookie), at(second)).await.unwrap();
    assert!(matches!(load(id, "cookie", 599).await, Loaded::Found(_)));
    for wrong in ["", "cooki", "cookie ", "Cookie", "another"] {
        assert!(matches!(load(id, wrong, 1).await, Loaded::WrongBrowser), "{wrong}");
    }
    assert!(matches!(load(id, "another", 700).await, Loaded::WrongBrowser), "a stranger learns nothing of the time");
    assert!(matches!(load(id, "cookie", 600).await, Loaded::Expired));
    assert!(matches!(load(AuthorizationRequestId::new(), "cookie", 1).await, Loaded::Unknown));
}

#[tokio::test]
async fn it_survives_a_restart_with_its_secrets_sealed() {
    let fixture = Fixture::new().await;
    let id = fixture.store.create_authorization_request(&new_request(), at(0)).await.unwrap();
    assert_eq!(fixture.store.advance(id, 1, &at_the_idp(), at(1)).await.unwrap(), Advanced::Moved { version: 2 });
    let fixture = fixture.restart().await;
    let request = found(&fixture, id).await;
    assert_eq!((request.version, &request.stage), (2, &at_the_idp()));
    assert_eq!(request.params::<Params>().unwrap(), Some(params()));
    assert_eq!(request.purpose, Purpose::ClientAuthorization);
    assert!(!format!("{request:?}").contains("the-verifier"));
    let path = fixture.path();
    fixture.store.close().await;
    for bytes in [std::fs::read(&path).unwrap(), std::fs::read(path.with_extension("db-wal")).unwrap_or_default()] {
        for secret in ["the-verifier", "the-nonce"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} lies readable on the disk");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_steps_one_moves_the_request() {
    let fixture = Fixture::new().await;
    let id = fixture.store.create_authorization_request(&new_request(), at(0)).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = fixture.store.clone();
            let stage = Stage::Denied { code: number.to_string() };
            tokio::spawn(async move { (number, store.advance(id, 1, &stage, at(1)).await.unwrap()) })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        let (number, advanced) = task.await.unwrap();
        if advanced == (Advanced::Moved { version: 2 }) {
            winners.push(number.to_string());
        }
    }
    let [winner] = winners.as_slice() else { panic!("{winners:?}") };
    assert_eq!(found(&fixture, id).await.stage, Stage::Denied { code: winner.clone() });
    assert_eq!(fixture.store.advance(id, 2, &Stage::Completed, at(600)).await.unwrap(), Advanced::Lost, "void after its time");
    assert_eq!(fixture.store.advance(id, 3, &Stage::Completed, at(1)).await.unwrap(), Advanced::Lost);
    assert_eq!(fixture.store.advance(AuthorizationRequestId::new(), 1, &Stage::Completed, at(1)).await.unwrap(), Advanced::Lost);
}

#[tokio::test]
async fn a_sign_in_without_a_client_has_no_parameters() {
    let fixture = Fixture::new().await;
    let new = NewAuthorizationRequest {
        purpose: Purpose::BrowserSignIn { return_path: "/".to_owned() },
        params: None,
        stage: Stage::ChooseIdp,
        ..new_request()
    };
    let id = fixture.store.create_authorization_request(&new, at(0)).await.unwrap();
    let request = found(&fixture, id).await;
    assert_eq!(request.params::<Params>().unwrap(), None);
    assert_eq!(request.purpose, new.purpose);
}

#[tokio::test]
async fn sign_ins_are_counted_by_network_and_time() {
    let fixture = Fixture::new().await;
    for (network, second) in [("192.0.2.1", 0), ("192.0.2.1", 10), ("2001:db8::", 10)] {
        let new = NewAuthorizationRequest { network: network.to_owned(), ..new_request() };
        fixture.store.create_authorization_request(&new, at(second)).await.unwrap();
    }
    for (network, since, expected) in
        [("192.0.2.1", 0, 2), ("192.0.2.1", 1, 1), ("192.0.2.1", 11, 0), ("2001:db8::", 0, 1), ("192.0.2.9", 0, 0)]
    {
        assert_eq!(fixture.store.sign_ins_begun_since(network, at(since)).await.unwrap(), expected, "{network} since {since}");
    }
}
