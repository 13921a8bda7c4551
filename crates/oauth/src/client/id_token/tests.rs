use serde_json::json;

use super::super::discovery::IssuerUrl;
use super::*;
use crate::jwt::{ClaimFault, SigningKey};

mod matrix;

const NOW: i64 = 1_800_000_000;
// The left half of SHA-256("access"), in base64url.
fn at_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, token.as_bytes()).as_ref()[..16])
}

fn claims() -> Value {
    json!({
        "iss": "https://idp.example", "sub": "s1", "aud": "doorward", "exp": NOW + 300, "iat": NOW, "nonce": "n1",
        "auth_time": NOW - 30, "at_hash": at_hash("access"), "sid": "idp-1", "acr": "phr", "groups": ["a"],
    })
}

fn run(typ: &str, claims: &Value, max_age: Option<u64>) -> Result<IdTokenClaims, IdTokenError> {
    run_with(typ, claims, max_age, Nonce::Required("n1"))
}

fn run_with(typ: &str, claims: &Value, max_age: Option<u64>, nonce: Nonce<'_>) -> Result<IdTokenClaims, IdTokenError> {
    let key = SigningKey::from_pkcs8(SigningKey::generate_pkcs8().unwrap().expose()).unwrap();
    let token = jwt::sign(&key, typ, claims).unwrap();
    let issuers = [TokenIssuer { issuer: IssuerUrl::parse("https://idp.example").unwrap(), tenant: None }];
    let access_token = Secret::new("access".to_owned());
    let expected = Expected {
        issuers: &issuers,
        client_id: "doorward",
        nonce,
        subject: None,
        algorithms: &[Alg::Es256],
        max_age,
        acr_values: &[],
        access_token: Some(&access_token),
        now: Timestamp::from_second(NOW).unwrap(),
        leeway: Duration::from_mins(1),
    };
    check(&token, &expected, &JwkSet::new(vec![key.public_jwk()]))
}

#[test]
fn a_good_token() {
    let token = run("JWT", &claims(), Some(60)).unwrap();
    assert_eq!((token.subject.as_str(), token.sid.as_deref(), token.acr.as_deref()), ("s1", Some("idp-1"), Some("phr")));
    assert_eq!(token.auth_time, Timestamp::from_second(NOW - 30).ok());
}

#[test]
fn token_types() {
    assert!(run("application/JWT", &claims(), None).is_ok());
    for typ in ["at+jwt", "logout+jwt", "oauth-id-jag+jwt", "secevent+jwt", "dpop+jwt", ""] {
        assert_eq!(run(typ, &claims(), None), Err(IdTokenError::Token(JwtError::TypeMismatch(Some(typ.to_owned())))), "{typ}");
    }
}

/// A claim, its value (null: removed), and what comes of it.
#[test]
fn one_claim_changed() {
    let fault = |name: &str, fault| Some(IdTokenError::Token(JwtError::ClaimInvalid { name: name.to_owned(), fault }));
    let party = |received: Option<&str>| {
        Some(IdTokenError::AuthorizedPartyMismatch { expected: "doorward".to_owned(), received: received.map(str::to_owned) })
    };
    let audience = |received: &[&str]| {
        Some(IdTokenError::Token(JwtError::AudienceMismatch(received.iter().map(|value| (*value).to_owned()).collect())))
    };
    let kind = |sign| Some(IdTokenError::OtherKind { sign });
    let old = |auth_time| Some(IdTokenError::AuthenticationTooOld { auth_time: Timestamp::from_second(auth_time).unwrap(), max_age: 60 });
    let cases = [
        ("sub", Value::Null, fault("sub", ClaimFault::Missing)),
        ("sub", json!(""), fault("sub", ClaimFault::OutOfRange)),
        ("sub", json!(["s1"]), fault("sub", ClaimFault::WrongType)),
        ("sub", json!("x".repeat(256)), Some(IdTokenError::SubjectMalformed)),
        ("sub", json!("s1\u{0}"), Some(IdTokenError::SubjectMalformed)),
        ("iss", Value::Null, fault("iss", ClaimFault::Missing)),
        ("iss", json!(["https://idp.example"]), fault("iss", ClaimFault::WrongType)),
        ("iss", json!("https://idp.example/"), Some(IdTokenError::Token(JwtError::IssuerMismatch("https://idp.example/".to_owned())))),
        ("aud", Value::Null, fault("aud", ClaimFault::Missing)),
        ("aud", json!("other"), audience(&["other"])),
        ("aud", json!(["doorward"]), None),
        ("aud", json!(["doorward", "other"]), party(None)),
        ("aud", json!({"doorward": 1}), fault("aud", ClaimFault::WrongType)),
        ("azp", json!("doorward"), None),
        ("azp", json!("other"), party(Some("other"))),
        ("azp", json!(1), fault("azp", ClaimFault::WrongType)),
        ("exp", Value::Null, fault("exp", ClaimFault::Missing)),
        ("exp", json!("1800000300"), fault("exp", ClaimFault::WrongType)),
        ("exp", json!(1e30), fault("exp", ClaimFault::WrongType)),
        ("exp", json!(-1), fault("exp", ClaimFault::OutOfRange)),
        ("exp", json!(NOW - 61), Some(IdTokenError::Token(JwtError::Expired))),
        ("exp", json!(NOW - 59), None),
        ("iat", Value::Null, fault("iat", ClaimFault::Missing)),
        ("iat", json!(NOW + 61), Some(IdTokenError::Token(JwtError::NotYetValid))),
        ("nbf", json!(NOW + 61), Some(IdTokenError::Token(JwtError::NotYetValid))),
        ("nbf", json!("soon"), fault("nbf", ClaimFault::WrongType)),
        ("nonce", Value::Null, fault("nonce", ClaimFault::Missing)),
        ("nonce", json!("n2"), Some(IdTokenError::NonceMismatch)),
        ("nonce", json!(["n1"]), fault("nonce", ClaimFault::WrongType)),
        ("auth_time", Value::Null, Some(IdTokenError::AuthTimeMissing)),
        ("auth_time", json!(NOW - 121), old(NOW - 121)),
        ("auth_time", json!(NOW - 120), None),
        ("auth_time", json!(true), fault("auth_time", ClaimFault::WrongType)),
        ("at_hash", Value::Null, None),
        ("at_hash", json!(at_hash("other")), Some(IdTokenError::AccessTokenMismatch)),
        ("at_hash", json!(7), fault("at_hash", ClaimFault::WrongType)),
        ("sid", json!(7), fault("sid", ClaimFault::WrongType)),
        ("typ", json!("ID"), None),
        ("typ", json!("Bearer"), kind("its claim `typ` is not `ID`")),
        ("typ", json!("Logout"), kind("its claim `typ` is not `ID`")),
        ("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}}), kind("it has the claim `events`")),
    ];
    for (name, value, expected) in cases {
        let mut changed = claims();
        if value.is_null() {
            changed.as_object_mut().unwrap().remove(name);
        } else {
            changed[name] = value.clone();
        }
        assert_eq!(run("JWT", &changed, Some(60)).err(), expected, "{name} = {value}");
    }
}

#[test]
fn several_audiences_need_us_as_the_authorized_party() {
    let mut changed = claims();
    changed["aud"] = json!(["other", "doorward"]);
    changed["azp"] = json!("doorward");
    assert!(run("JWT", &changed, None).is_ok());
}

#[test]
fn a_key_of_another_issuer_or_algorithm() {
    let key = SigningKey::from_pkcs8(SigningKey::generate_pkcs8().unwrap().expose()).unwrap();
    let other = SigningKey::from_pkcs8(SigningKey::generate_pkcs8().unwrap().expose()).unwrap();
    let token = jwt::sign(&key, "JWT", &claims()).unwrap();
    let issuers = [TokenIssuer { issuer: IssuerUrl::parse("https://idp.example").unwrap(), tenant: None }];
    let mut expected = Expected {
        issuers: &issuers,
        client_id: "doorward",
        nonce: Nonce::Required("n1"),
        subject: None,
        algorithms: &[Alg::Es256],
        max_age: None,
        acr_values: &[],
        access_token: None,
        now: Timestamp::from_second(NOW).unwrap(),
        leeway: Duration::ZERO,
    };
    assert_eq!(check(&token, &expected, &JwkSet::new(vec![other.public_jwk()])).err(), Some(IdTokenError::Token(JwtError::UnknownKey)));
    expected.algorithms = &[Alg::Rs256];
    assert_eq!(check(&token, &expected, &JwkSet::new(vec![key.public_jwk()])).err(), Some(IdTokenError::Token(JwtError::AlgorithmRefused)));
}
