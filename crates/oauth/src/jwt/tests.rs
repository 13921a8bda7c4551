//! Attacks on tokens: every one has its own expected error. The header and claims are written as text, so that a test
//! can write what no library would.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use jiff::Timestamp;

use super::{Accept, Alg, Audiences, ClaimFault, JwtError, SigningKey, sign, verify};
use crate::jwks::{JwkSet, Material};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "client";
const CLAIMS: &str = r#""iss":"https://idp.example","aud":"client","sub":"alice","iat":1800000000,"exp":1800000060"#;

fn key() -> SigningKey {
    SigningKey::from_pkcs8(SigningKey::generate_pkcs8().unwrap().expose()).unwrap()
}

fn keys(key: &SigningKey) -> JwkSet {
    JwkSet::new(vec![key.public_jwk()])
}

fn accept() -> Accept<'static> {
    let now = Timestamp::from_second(NOW).unwrap();
    Accept {
        typ: &[],
        algs: &[Alg::Es256],
        issuer: ISSUER,
        audience: AUDIENCE,
        audiences: Audiences::Several,
        now,
        leeway: Duration::from_secs(10),
    }
}

/// A token with exactly this header and payload, truly signed.
pub(crate) fn raw(key: &SigningKey, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

fn with_header(header: &str) -> Result<(), JwtError> {
    let key = key();
    verify(&raw(&key, header, &format!("{{{CLAIMS}}}")), &keys(&key), &accept()).map(drop)
}

fn with_claims(claims: &str) -> Result<(), JwtError> {
    let key = key();
    verify(&raw(&key, r#"{"alg":"ES256"}"#, claims), &keys(&key), &accept()).map(drop)
}

fn claim(name: &str, fault: ClaimFault) -> Result<(), JwtError> {
    Err(JwtError::ClaimInvalid { name: name.to_owned(), fault })
}

#[test]
fn headers() {
    let long = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(129));
    let cases = [
        (r#"{"alg":"ES256"}"#, Ok(())),
        (r#"{"alg":"ES256","typ":"JWT"}"#, Ok(())),
        (r#"{"alg":"ES256","typ":"jwt"}"#, Ok(())),
        (r#"{"alg":"ES256","x5t":"abc","unknown":1}"#, Ok(())),
        (r#"{"alg":"ES256","typ":"at+jwt"}"#, Err(JwtError::TypeMismatch(Some("at+jwt".to_owned())))),
        (r#"{"alg":"ES256","typ":"logout+jwt"}"#, Err(JwtError::TypeMismatch(Some("logout+jwt".to_owned())))),
        (r#"{"alg":"ES256","typ":null}"#, Err(JwtError::HeaderMalformed)),
        (r#"{"alg":"none"}"#, Err(JwtError::AlgorithmRefused)),
        (r#"{"alg":"None"}"#, Err(JwtError::AlgorithmRefused)),
        (r#"{"alg":"NONE"}"#, Err(JwtError::AlgorithmRefused)),
        (r#"{"alg":""}"#, Err(JwtError::AlgorithmRefused)),
        (r#"{"alg":"es256"}"#, Err(JwtError::AlgorithmRefused)),
        (r#"{"alg":"HS256"}"#, Err(JwtError::AlgorithmRefused)),
        (r#"{"alg":"RS256"}"#, Err(JwtError::AlgorithmRefused)),
        (r#"{"alg":"RSA1_5"}"#, Err(JwtError::AlgorithmRefused)),
        (r#"{"alg":["ES256"]}"#, Err(JwtError::HeaderMalformed)),
        (r#"{"alg":null}"#, Err(JwtError::HeaderMalformed)),
        ("{}", Err(JwtError::HeaderMalformed)),
        ("[]", Err(JwtError::HeaderMalformed)),
        (r#"{"alg":"ES256","alg":"none"}"#, Err(JwtError::HeaderMalformed)),
        (r#"{"alg":"ES256","\u0061lg":"none"}"#, Err(JwtError::HeaderMalformed)),
        (r#"{"alg":"ES256"} "#, Ok(())),
        (r#"{"alg":"ES256"}x"#, Err(JwtError::HeaderMalformed)),
        (r#"{"alg":"ES256","crit":["exp"]}"#, Err(JwtError::HeaderParameterRefused("crit"))),
        (r#"{"alg":"ES256","crit":[]}"#, Err(JwtError::HeaderParameterRefused("crit"))),
        (r#"{"alg":"ES256","b64":false}"#, Err(JwtError::HeaderParameterRefused("b64"))),
        (r#"{"alg":"ES256","jwk":{}}"#, Err(JwtError::HeaderParameterRefused("jwk"))),
        (r#"{"alg":"ES256","jku":"https://evil"}"#, Err(JwtError::HeaderParameterRefused("jku"))),
        (r#"{"alg":"ES256","x5u":"https://evil"}"#, Err(JwtError::HeaderParameterRefused("x5u"))),
        (r#"{"alg":"ES256","x5c":["AA"]}"#, Err(JwtError::HeaderParameterRefused("x5c"))),
        (r#"{"alg":"ES256","zip":"DEF"}"#, Err(JwtError::HeaderParameterRefused("zip"))),
        (r#"{"alg":"ES256","enc":"A128GCM"}"#, Err(JwtError::HeaderParameterRefused("enc"))),
        (r#"{"alg":"ES256","cty":"JWT"}"#, Err(JwtError::HeaderParameterRefused("cty"))),
        (r#"{"alg":"ES256","kid":"../../dev/null"}"#, Err(JwtError::UnknownKey)),
        (r#"{"alg":"ES256","kid":"x' UNION SELECT 'key"}"#, Err(JwtError::UnknownKey)),
        (r#"{"alg":"ES256","kid":"https://evil/key"}"#, Err(JwtError::UnknownKey)),
        (r#"{"alg":"ES256","kid":""}"#, Err(JwtError::UnknownKey)),
        (r#"{"alg":"ES256","kid":1}"#, Err(JwtError::HeaderMalformed)),
        (long.as_str(), Err(JwtError::UnknownKey)),
    ];
    for (header, expected) in cases {
        assert_eq!(with_header(header), expected, "{header}");
    }
}

/// Each claim that decides something, with a value of every JSON kind.
#[test]
fn claim_matrix() {
    use ClaimFault::{Missing, OutOfRange, WrongType};
    let replace = |name: &str, value: Option<&str>| {
        let mut parts: Vec<String> =
            ["\"iss\":\"https://idp.example\"", "\"aud\":\"client\"", "\"sub\":\"alice\"", "\"iat\":1800000000", "\"exp\":1800000060"]
                .into_iter()
                .filter(|part| !part.starts_with(&format!("\"{name}\"")))
                .map(str::to_owned)
                .collect();
        parts.extend(value.map(|value| format!("\"{name}\":{value}")));
        format!("{{{}}}", parts.join(","))
    };
    let values =
        [None, Some("null"), Some("\"\""), Some("1.5"), Some("1e30"), Some("-1"), Some("[]"), Some("[1]"), Some("{}"), Some("true")];
    for value in values {
        for name in ["iss", "sub", "aud"] {
            let expected = match (name, value) {
                ("sub", None) => Ok(()), // required by the readers of a claim, not of every token
                (_, None) => claim(name, Missing),
                (_, Some("\"\"")) | ("aud", Some("[]")) => claim(name, OutOfRange),
                _ => claim(name, WrongType),
            };
            assert_eq!(with_claims(&replace(name, value)), expected, "{name} {value:?}");
        }
        for name in ["iat", "exp", "nbf"] {
            let expected = match (name, value) {
                ("nbf", None) => Ok(()),
                (_, None) => claim(name, Missing),
                (_, Some("-1")) => claim(name, OutOfRange),
                _ => claim(name, WrongType),
            };
            assert_eq!(with_claims(&replace(name, value)), expected, "{name} {value:?}");
        }
    }
    for name in ["iat", "exp", "nbf"] {
        assert_eq!(with_claims(&replace(name, Some("\"1800000000\""))), claim(name, WrongType), "{name} as a string");
        assert_eq!(with_claims(&replace(name, Some("1800000000.0"))), claim(name, WrongType), "{name} as a float");
        assert_eq!(with_claims(&replace(name, Some("9223372036854775808"))), claim(name, OutOfRange), "{name} beyond i64");
        assert_eq!(with_claims(&replace(name, Some("9999999999999"))), claim(name, OutOfRange), "{name} in milliseconds");
    }
    for name in ["iss", "aud", "sub", "exp", "iat"] {
        let repeated = format!("{{{CLAIMS},\"{name}\":\"x\"}}");
        assert_eq!(with_claims(&repeated), Err(JwtError::ClaimsMalformed), "{name} twice");
    }
    assert_eq!(with_claims(&replace("iss", Some("[\"https://idp.example\"]"))), claim("iss", WrongType));
}

#[test]
fn values_of_claims() {
    let claims = |changed: &str| format!("{{{changed}}}");
    let audience = |list: &[&str]| Err(JwtError::AudienceMismatch(list.iter().map(|&item| item.to_owned()).collect()));
    let cases = [
        (CLAIMS.replace("https://idp.example", "https://idp.example/"), Err(JwtError::IssuerMismatch("https://idp.example/".to_owned()))),
        (CLAIMS.replace("https://idp.example", "https://IDP.example"), Err(JwtError::IssuerMismatch("https://IDP.example".to_owned()))),
        (CLAIMS.replace("\"client\"", "\"other\""), audience(&["other"])),
        (CLAIMS.replace("\"client\"", "[\"other\",\"client\"]"), Ok(())),
        (CLAIMS.replace("\"client\"", "[\"other\",1]"), claim("aud", ClaimFault::WrongType)),
        (CLAIMS.replace("\"exp\":1800000060", "\"exp\":1799999991"), Ok(())),
        (CLAIMS.replace("\"exp\":1800000060", "\"exp\":1799999990"), Err(JwtError::Expired)),
        (CLAIMS.replace("\"exp\":1800000060", "\"exp\":0"), Err(JwtError::Expired)),
        (CLAIMS.replace("\"iat\":1800000000", "\"iat\":1800000010"), Ok(())),
        (CLAIMS.replace("\"iat\":1800000000", "\"iat\":1800000011"), Err(JwtError::NotYetValid)),
        (format!("{CLAIMS},\"nbf\":1800000010"), Ok(())),
        (format!("{CLAIMS},\"nbf\":1800000011"), Err(JwtError::NotYetValid)),
        (format!("{CLAIMS},\"nested\":{{\"a\":1,\"a\":2}}"), Err(JwtError::ClaimsMalformed)),
    ];
    for (changed, expected) in cases {
        assert_eq!(with_claims(&claims(&changed)), expected, "{changed}");
    }
    let one = Accept { audiences: Audiences::One, ..accept() };
    let key = key();
    let token = |aud: &str| raw(&key, r#"{"alg":"ES256"}"#, &claims(&CLAIMS.replace("\"client\"", aud)));
    assert!(verify(&token("[\"client\"]"), &keys(&key), &one).is_ok());
    assert_eq!(verify(&token("[\"client\",\"client\"]"), &keys(&key), &one).map(drop), audience(&["client", "client"]));
    assert_eq!(verify(&token("[\"client\",\"other\"]"), &keys(&key), &one).map(drop), audience(&["client", "other"]));
}

#[test]
fn typ_confusion() {
    let key = key();
    let token = sign(&key, "JWT", &serde_json::json!({ "iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 60 })).unwrap();
    let access = Accept { typ: &["at+jwt"], ..accept() };
    assert_eq!(verify(&token, &keys(&key), &access).map(drop), Err(JwtError::TypeMismatch(Some("JWT".to_owned()))));
    let untyped = raw(&key, r#"{"alg":"ES256"}"#, &format!("{{{CLAIMS}}}"));
    assert_eq!(verify(&untyped, &keys(&key), &access).map(drop), Err(JwtError::TypeMismatch(None)));
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        let token = raw(&key, &format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#), &format!("{{{CLAIMS}}}"));
        assert!(verify(&token, &keys(&key), &access).is_ok(), "{typ}");
    }
}

#[test]
fn forms() {
    let key = key();
    let good = raw(&key, r#"{"alg":"ES256"}"#, &format!("{{{CLAIMS}}}"));
    let check = |token: &str| verify(token, &keys(&key), &accept()).map(drop);
    assert_eq!(check(&good), Ok(()));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let cases = [
        (String::new(), JwtError::Malformed),
        ("..".to_owned(), JwtError::Malformed),
        (format!("{header}.{payload}"), JwtError::Malformed),
        (format!("{header}.{payload}."), JwtError::Malformed),
        (format!("{header}.{payload}.{signature}."), JwtError::Malformed),
        (format!("{good}.x.y"), JwtError::Malformed),
        (format!("{good}="), JwtError::Malformed),
        (format!(" {good}"), JwtError::Malformed),
        (format!("{good}\n"), JwtError::Malformed),
        (".".repeat(4096), JwtError::Malformed),
        ("a".repeat(16 * 1024 + 1), JwtError::TooLarge),
        (format!("{}.{payload}.{signature}", URL_SAFE.encode(r#"{"alg":"ES256" }"#)), JwtError::Malformed),
        (format!("{}.{payload}.{signature}", STANDARD.encode("{\"alg\":\"ES256\",\"x\":\"???>>>\"}")), JwtError::Malformed),
        (format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256" }"#)), JwtError::SignatureInvalid),
        (format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(format!("{{{CLAIMS} }}"))), JwtError::SignatureInvalid),
        (format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode([0_u8; 64])), JwtError::SignatureInvalid),
        (format!("{header}.{payload}.AA"), JwtError::SignatureInvalid),
    ];
    for (token, expected) in cases {
        assert_eq!(check(&token), Err(expected), "{}", token.chars().take(80).collect::<String>());
    }
}

#[test]
fn a_public_key_is_never_an_hmac_secret() {
    let rsa = SigningKey::from_pkcs8(SigningKey::generate_rsa_pkcs8().unwrap().expose()).unwrap();
    let Material::Rsa { modulus, .. } = rsa.public_jwk().material else { panic!("an RSA key") };
    let set = keys(&rsa);
    for secret in [modulus, set.to_json().into_bytes()] {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(format!("{{{CLAIMS}}}")));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
        let everything = Accept { algs: &Alg::ALL, ..accept() };
        assert_eq!(verify(&token, &set, &everything).map(drop), Err(JwtError::AlgorithmRefused));
    }
}

#[test]
fn algorithm_and_key_must_fit() {
    let (ec, rsa) = (key(), SigningKey::from_pkcs8(SigningKey::generate_rsa_pkcs8().unwrap().expose()).unwrap());
    let set = JwkSet::new(vec![ec.public_jwk(), rsa.public_jwk()]);
    let everything = Accept { algs: &Alg::ALL, ..accept() };
    let payload = format!("{{{CLAIMS}}}");
    let header = |alg: &str, kid: &str| format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#);
    let cases = [
        (raw(&rsa, &header("RS256", rsa.kid()), &payload), Ok(())),
        (raw(&ec, &header("ES256", ec.kid()), &payload), Ok(())),
        (raw(&rsa, r#"{"alg":"RS256"}"#, &payload), Ok(())),
        (raw(&ec, &header("RS256", rsa.kid()), &payload), Err(JwtError::SignatureInvalid)),
        (raw(&rsa, &header("RS256", ec.kid()), &payload), Err(JwtError::UnknownKey)),
        (raw(&rsa, &header("PS256", rsa.kid()), &payload), Err(JwtError::UnknownKey)), // the key says RS256
        (raw(&rsa, &header("RS512", rsa.kid()), &payload), Err(JwtError::UnknownKey)),
        (raw(&ec, &header("ES384", ec.kid()), &payload), Err(JwtError::UnknownKey)),
        (raw(&ec, &header("EdDSA", ec.kid()), &payload), Err(JwtError::UnknownKey)),
    ];
    for (token, expected) in cases {
        assert_eq!(verify(&token, &set, &everything).map(drop), expected);
    }
    let foreign = key();
    let forged = raw(&foreign, &header("ES256", ec.kid()), &payload);
    assert_eq!(verify(&forged, &set, &everything).map(drop), Err(JwtError::SignatureInvalid));
    let twins = JwkSet::new(vec![ec.public_jwk(), foreign.public_jwk()]);
    assert_eq!(verify(&raw(&ec, r#"{"alg":"ES256"}"#, &payload), &twins, &everything).map(drop), Err(JwtError::UnknownKey), "which key?");
}

#[test]
fn the_key_id_is_the_thumbprint_of_rfc_7638() {
    // RFC 7638 section 3.1.
    let set = JwkSet::parse(br#"{"keys":[{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]}"#).unwrap();
    assert_eq!(set.keys()[0].thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(key().kid().len(), 43);
}

/// No bit of a token may be changed, and nothing may be taken from its end or put there.
#[test]
fn every_change_of_a_token_is_noticed() {
    let key = key();
    let good = raw(&key, r#"{"alg":"ES256"}"#, &format!("{{{CLAIMS}}}"));
    for index in 0..good.len() {
        for replacement in [b'A', b'B', b'.', b'='] {
            let mut bytes = good.clone().into_bytes();
            if bytes[index] == replacement {
                continue;
            }
            bytes[index] = replacement;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verify(&changed, &keys(&key), &accept()).is_err(), "byte {index} as {}", char::from(replacement));
        }
        let cut = good.get(..index).unwrap();
        assert!(verify(cut, &keys(&key), &accept()).is_err(), "cut at {index}");
    }
}

/// The numbers of a P-256 signature at the edges of their range, and signatures in a form that is not JWS's (RFC 7518
/// section 3.4): none may hold, whatever the message.
#[test]
fn signatures_at_the_edges_of_ecdsa() {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
        0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let key = key();
    let good = raw(&key, r#"{"alg":"ES256"}"#, &format!("{{{CLAIMS}}}"));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let small = |last: u8| [&[0; 31][..], &[last]].concat();
    let mut minus_one = ORDER;
    minus_one[31] -= 1;
    let integer = |number: &[u8]| [&[0x02, 33, 0][..], number].concat();
    let der = [&[0x30, 70][..], &integer(r), &integer(s)].concat();
    let wrong = [
        small(0).repeat(2),
        [&small(0), s].concat(),
        [r, &small(0)].concat(),
        [&small(1), &small(1)[..]].concat(),
        [&ORDER[..], s].concat(),
        [r, &ORDER[..]].concat(),
        [&ORDER[..], &ORDER[..]].concat(),
        [&minus_one[..], &minus_one[..]].concat(),
        [&[0xff; 32][..], &[0xff; 32]].concat(),
        [s, r].concat(),
        der,
        [&[0], &signature[..]].concat(),
        [&signature[..], &[0]].concat(),
        [&[0; 16], r, &[0; 16], s].concat(),
        r.to_vec(),
        signature.repeat(2),
    ];
    for bytes in wrong {
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&bytes));
        assert_eq!(verify(&token, &keys(&key), &accept()).map(drop), Err(JwtError::SignatureInvalid), "{bytes:02x?}");
    }
}
