//! The ID token and the logout token.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use oauth::client::discovery::{IssuerUrl, ProviderMetadata};
use oauth::client::id_token::{self, IdTokenClaims, Nonce};
use oauth::client::issuer::TokenIssuer;
use oauth::client::logout_token::{self, LogoutToken};
use oauth::jwks::JwkSet;
use oauth::jwt::{Alg, SigningKey};

use crate::setup::key_der;

/// The header of the seeds.
pub const HEADER: &str = r#"{"alg":"RS256","typ":"JWT"}"#;
/// The claims of the seeds.
pub const CLAIMS: &str = r#"{"iss":"https://idp.example","sub":"s1","aud":["doorward"],"azp":"doorward","exp":1800000300,"iat":1800000000,"nbf":1800000000,"nonce":"n1","auth_time":1799999970,"at_hash":"x","sid":"idp-1","acr":"phr","groups":["a",{"b":1.5e3}]}"#;

static KEYS: LazyLock<JwkSet> = LazyLock::new(|| JwkSet::new(vec![SigningKey::from_pkcs8(&key_der("idp")).unwrap().public_jwk()]));
static PAIR: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::from_pkcs8(&key_der("idp")).unwrap());
static ISSUERS: LazyLock<[TokenIssuer; 1]> = LazyLock::new(|| [TokenIssuer { issuer: ISSUER.clone(), tenant: None }]);
static ISSUER: LazyLock<IssuerUrl> = LazyLock::new(|| IssuerUrl::parse("https://idp.example").unwrap());

/// A token with exactly this header and payload, truly signed.
pub fn sign(header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let mut signature = vec![0; PAIR.public_modulus_len()];
    PAIR.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn id_verdict(token: &str) -> Option<IdTokenClaims> {
    let expected = id_token::Expected {
        issuers: &*ISSUERS,
        client_id: "doorward",
        nonce: Nonce::Required("n1"),
        subject: None,
        algorithms: &Alg::ALL,
        max_age: Some(60),
        acr_values: &[],
        access_token: None,
        now: Timestamp::from_second(1_800_000_000).unwrap(),
        leeway: Duration::from_secs(60),
    };
    id_token::check(token, &expected, &KEYS).ok()
}

static GENUINE: LazyLock<IdTokenClaims> =
    LazyLock::new(|| id_verdict(&sign(HEADER.as_bytes(), CLAIMS.as_bytes())).expect("the seed is a good token"));

/// `R`: a token as it came, `S`: header and payload, parted by a line end, to be signed; `J`: a key set, `D`: provider metadata.
pub fn id_token(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    match first {
        b'S' => {
            let mut parts = rest.splitn(2, |byte| *byte == b'\n');
            let (Some(header), Some(payload)) = (parts.next(), parts.next()) else { return };
            if let Some(token) = id_verdict(&sign(header, payload)) {
                assert!(!token.subject.is_empty() && token.subject.len() <= 255);
                let text = |name: &str| token.claims.get(name).and_then(serde_json::Value::as_str);
                assert_eq!((text("iss"), text("nonce")), (Some("https://idp.example"), Some("n1")));
                assert_eq!(text("sub"), Some(token.subject.as_str()));
            }
        }
        b'J' => {
            if let Ok(set) = JwkSet::parse(rest) {
                let again = JwkSet::parse(set.to_json().as_bytes()).expect("what we publish, we read");
                assert_eq!(again, set);
                let _ = set.keys().iter().map(oauth::jwks::Jwk::thumbprint).collect::<Vec<_>>();
            }
        }
        b'D' => drop(ProviderMetadata::parse(rest, &ISSUER)),
        _ => {
            let Ok(text) = std::str::from_utf8(rest) else { return };
            if let Some(token) = id_verdict(text) {
                assert_eq!(token, *GENUINE, "accepted, and says something that nobody signed");
            }
        }
    }
}

/// The claims of the logout token's seeds.
pub const LOGOUT_CLAIMS: &str = r#"{"iss":"https://idp.example","sub":"s1","aud":"doorward","exp":1800000120,"iat":1800000000,"jti":"j1","sid":"idp-1","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}"#;

fn logout_verdict(token: &str) -> Option<LogoutToken> {
    let expected = logout_token::Expected {
        issuers: &*ISSUERS,
        client_id: "doorward",
        algorithms: &Alg::ALL,
        now: Timestamp::from_second(1_800_000_000).unwrap(),
        leeway: Duration::from_secs(60),
    };
    logout_token::check(token, &expected, &KEYS).ok()
}

static LOGOUT: LazyLock<LogoutToken> =
    LazyLock::new(|| logout_verdict(&sign(HEADER.as_bytes(), LOGOUT_CLAIMS.as_bytes())).expect("the seed is a good token"));

/// `R`: a token as it came; `S`: header and payload, parted by a line end, to be signed. No token is both kinds.
pub fn logout_token(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    if first == b'S' {
        let mut parts = rest.splitn(2, |byte| *byte == b'\n');
        let (Some(header), Some(payload)) = (parts.next(), parts.next()) else { return };
        let token = sign(header, payload);
        if let Some(token) = logout_verdict(&token) {
            assert!(!token.jti.is_empty() && (token.subject.is_some() || token.sid.is_some()));
        }
        assert!(logout_verdict(&token).is_none() || id_verdict(&token).is_none(), "an ID token and a logout token at once");
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    if let Some(token) = logout_verdict(text) {
        assert_eq!(token, *LOGOUT, "accepted, and says something that nobody signed");
    }
}
