use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::super::discovery::IssuerUrl;
use super::*;
use crate::jwt::{ClaimFault, SigningKey};

const NOW: i64 = 1_800_000_000;

fn key() -> SigningKey {
    SigningKey::from_pkcs8(SigningKey::generate_pkcs8().unwrap().expose()).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "https://idp.example", "aud": "doorward", "iat": NOW, "exp": NOW + 120, "jti": "j1", "sub": "s1", "sid": "idp-1",
        "events": { EVENT: {} },
    })
}

fn judge(token: &str, keys: &JwkSet) -> Result<LogoutToken, LogoutTokenError> {
    let issuers = ["https://idp.example", "https://tenant.example"]
        .map(|issuer| TokenIssuer { issuer: IssuerUrl::parse(issuer).unwrap(), tenant: None });
    let expected = Expected {
        issuers: &issuers,
        client_id: "doorward",
        algorithms: &[Alg::Es256],
        now: Timestamp::from_second(NOW).unwrap(),
        leeway: Duration::from_mins(1),
    };
    check(token, &expected, keys)
}

fn run(typ: &str, claims: &Value) -> Result<LogoutToken, LogoutTokenError> {
    let key = key();
    judge(&jwt::sign(&key, typ, claims).unwrap(), &JwkSet::new(vec![key.public_jwk()]))
}

#[test]
fn a_good_token() {
    let token = run("logout+jwt", &claims()).unwrap();
    assert_eq!((token.jti.as_str(), token.subject.as_deref(), token.sid.as_deref()), ("j1", Some("s1"), Some("idp-1")));
    assert_eq!(token.replay_until.as_second(), NOW + 120 + 60);
}

#[test]
fn types() {
    for typ in ["logout+jwt", "Logout+JWT", "application/logout+jwt", "JWT", "application/jwt"] {
        assert!(run(typ, &claims()).is_ok(), "{typ}");
    }
    for typ in ["at+jwt", "secevent+jwt", "id_token+jwt", "dpop+jwt", "logout", ""] {
        assert_eq!(run(typ, &claims()), Err(JwtError::TypeMismatch(Some(typ.to_owned())).into()), "{typ:?}");
    }
}

/// A claim, its value (null: removed), and what comes of it.
#[test]
fn one_claim_changed() {
    let fault = |name: &str, fault| Some(LogoutTokenError::Token(JwtError::ClaimInvalid { name: name.to_owned(), fault }));
    let kind = |sign| Some(LogoutTokenError::OtherKind { sign });
    let malformed = |claim| Some(LogoutTokenError::IdentifierMalformed { claim });
    let long = "x".repeat(256);
    let cases = [
        ("iss", Value::Null, fault("iss", ClaimFault::Missing)),
        ("iss", json!(["https://idp.example"]), fault("iss", ClaimFault::WrongType)),
        ("iss", json!("https://other.example"), Some(JwtError::IssuerMismatch("https://other.example".to_owned()).into())),
        ("iss", json!("https://tenant.example"), None),
        ("aud", Value::Null, fault("aud", ClaimFault::Missing)),
        ("aud", json!("other"), Some(JwtError::AudienceMismatch(vec!["other".to_owned()]).into())),
        ("aud", json!([]), fault("aud", ClaimFault::OutOfRange)),
        ("aud", json!(["other", "doorward"]), None),
        ("iat", Value::Null, fault("iat", ClaimFault::Missing)),
        ("iat", json!("1800000000"), fault("iat", ClaimFault::WrongType)),
        ("iat", json!(NOW + 61), Some(JwtError::NotYetValid.into())),
        ("exp", Value::Null, fault("exp", ClaimFault::Missing)),
        ("exp", json!(NOW - 60), Some(JwtError::Expired.into())),
        ("exp", json!(NOW - 59), None),
        ("nbf", json!(NOW + 61), Some(JwtError::NotYetValid.into())),
        ("jti", Value::Null, fault("jti", ClaimFault::Missing)),
        ("jti", json!(""), fault("jti", ClaimFault::OutOfRange)),
        ("jti", json!(1), fault("jti", ClaimFault::WrongType)),
        ("jti", json!(long), malformed("jti")),
        ("sub", Value::Null, None),
        ("sub", json!(["s1"]), fault("sub", ClaimFault::WrongType)),
        ("sub", json!(""), fault("sub", ClaimFault::OutOfRange)),
        ("sub", json!(long), malformed("sub")),
        ("sid", Value::Null, None),
        ("sid", json!({}), fault("sid", ClaimFault::WrongType)),
        ("sid", json!("a\u{7f}"), malformed("sid")),
        ("nonce", json!("n1"), Some(LogoutTokenError::NonceForbidden)),
        ("nonce", json!(""), Some(LogoutTokenError::NonceForbidden)),
        ("events", Value::Null, kind("it has no claim `events`")),
        ("events", json!(EVENT), kind("its claim `events` is not a JSON object")),
        ("events", json!([EVENT]), kind("its claim `events` is not a JSON object")),
        ("events", json!({}), kind("its claim `events` has no logout event")),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout/": {} }), kind("its claim `events` has no logout event")),
        ("events", json!({ EVENT: null }), kind("its logout event is not a JSON object")),
        ("events", json!({ EVENT: "" }), kind("its logout event is not a JSON object")),
        ("events", json!({ EVENT: { "reason": "x" } }), None),
        ("auth_time", json!("ignored"), None),
    ];
    for (name, value, expected) in cases {
        let mut claims = claims();
        let members = claims.as_object_mut().unwrap();
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.to_owned(), value.clone());
        }
        assert_eq!(run("logout+jwt", &claims).err(), expected, "{name} = {value}");
    }
}

#[test]
fn somebody_must_be_named() {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    members.remove("sub");
    members.remove("sid");
    assert_eq!(run("logout+jwt", &claims), Err(LogoutTokenError::NobodyNamed));
}

/// Null members are faults, not absences, and a second spelling of a claim makes the token unreadable.
#[test]
fn null_and_duplicates() {
    let key = key();
    let keys = JwkSet::new(vec![key.public_jwk()]);
    for name in ["sub", "sid", "jti", "nonce", "events"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().insert(name.to_owned(), Value::Null);
        assert!(judge(&jwt::sign(&key, "logout+jwt", &claims).unwrap(), &keys).is_err(), "{name}");
    }
}

/// The signature of another key, an unsigned token, a symmetric one, a changed one.
#[test]
fn forged() {
    let (key, other) = (key(), key());
    let keys = JwkSet::new(vec![key.public_jwk()]);
    let good = jwt::sign(&key, "logout+jwt", &claims()).unwrap();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let payload = head.split_once('.').unwrap().1;
    let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let changed = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&json!({ "sub": "s2" })).unwrap());
    let cases = [
        (jwt::sign(&other, "logout+jwt", &claims()).unwrap(), JwtError::UnknownKey),
        (format!("{}.{payload}.", header(r#"{"alg":"none","typ":"logout+jwt"}"#)), JwtError::Malformed),
        (format!("{}.{payload}.{signature}", header(r#"{"alg":"none","typ":"logout+jwt"}"#)), JwtError::AlgorithmRefused),
        (format!("{}.{payload}.{signature}", header(r#"{"alg":"HS256","typ":"logout+jwt"}"#)), JwtError::AlgorithmRefused),
        (format!("{}.{payload}.{signature}", header(r#"{"alg":"RS256","typ":"logout+jwt"}"#)), JwtError::AlgorithmRefused),
        (
            format!("{}.{payload}.{signature}", header(r#"{"alg":"ES256","typ":"logout+jwt","crit":["b64"]}"#)),
            JwtError::HeaderParameterRefused("crit"),
        ),
        (format!("{}.{payload}.{signature}", header(r#"{"alg":"ES256","typ":"JWT"}"#)), JwtError::SignatureInvalid),
        (good.replace(payload, &changed), JwtError::SignatureInvalid),
        (String::new(), JwtError::Malformed),
        ("a.b".to_owned(), JwtError::Malformed),
        ("x".repeat(crate::jwt::MAX_TOKEN_BYTES + 1), JwtError::TooLarge),
    ];
    for (token, expected) in cases {
        assert_eq!(judge(&token, &keys), Err(LogoutTokenError::Token(expected)), "{token}");
    }
    assert!(judge(&good, &keys).is_ok());
}
