//! What a certified OpenID provider (npm `oidc-provider` 9) really sent, read by the relying party: its ID token is accepted, and
//! each of its other tokens, which carry the same signature, is not.

use std::time::Duration;

use jiff::Timestamp;
use oauth::client::authentication::ClientAuth;
use oauth::client::discovery::{IssuerUrl, ProviderMetadata};
use oauth::client::groups::{Format, groups};
use oauth::client::id_token::{Expected, IdTokenError, Nonce, check};
use oauth::client::issuer::TokenIssuer;
use oauth::client::token::parse_token_response;
use oauth::jwks::JwkSet;
use oauth::jwt::{Alg, JwtError};
use serde_json::Value;

const CAPTURE: &str = include_str!("../testdata/oidc-provider.json");

fn capture() -> Value {
    serde_json::from_str(CAPTURE).unwrap_or_default()
}

#[test]
fn the_id_token_is_accepted_and_no_other_token_is() {
    let capture = capture();
    let issuer = IssuerUrl::parse("http://127.0.0.1:3000").unwrap();
    let metadata = ProviderMetadata::parse(capture["discovery"].to_string().as_bytes(), &issuer).unwrap();
    assert_eq!((metadata.id_token_algorithms.as_slice(), metadata.iss_in_response), ([Alg::Rs256].as_slice(), true));
    let issuers = [TokenIssuer { issuer: issuer.clone(), tenant: None }];
    let keys = JwkSet::parse(capture["jwks"].to_string().as_bytes()).unwrap();
    let tokens = parse_token_response(200, capture["tokens"].to_string().as_bytes(), ClientAuth::SecretBasic).unwrap();
    let mut expected = Expected {
        issuers: &issuers,
        client_id: "gw",
        nonce: Nonce::Required("nn"),
        subject: None,
        algorithms: &metadata.id_token_algorithms,
        max_age: None,
        acr_values: &[],
        access_token: Some(&tokens.access_token),
        now: Timestamp::from_second(1_795_163_838).unwrap(),
        leeway: Duration::from_mins(1),
    };

    let id_token = check(tokens.required_id_token().unwrap().expose(), &expected, &keys).unwrap();
    assert_eq!((id_token.subject.as_str(), id_token.sid.as_deref()), ("alice", Some("-mVVLlI_qzp7Gb7pua9F__HPXiKYcz_1aUxbi1tU70-")));
    assert_eq!(groups(&id_token.claims, "groups", Format::List), Ok(Some(vec!["mcp-dev".to_owned(), "sre".to_owned()])));

    for (token, typ) in [
        (&capture["tokens"]["access_token"], "at+jwt"),
        (&capture["id_jag"]["access_token"], "oauth-id-jag+jwt"),
        (&capture["logout_tokens"][0], "logout+jwt"),
    ] {
        let refused = check(token.as_str().unwrap(), &expected, &keys).err();
        assert_eq!(refused, Some(IdTokenError::Token(JwtError::TypeMismatch(Some(typ.to_owned())))), "{typ}");
    }

    expected.now = Timestamp::from_second(1_795_167_438 + 60).unwrap();
    assert_eq!(check(tokens.required_id_token().unwrap().expose(), &expected, &keys).err(), Some(IdTokenError::Token(JwtError::Expired)));
}

#[test]
fn a_changed_byte_is_a_changed_token() {
    let capture = capture();
    let issuer = IssuerUrl::parse("http://127.0.0.1:3000").unwrap();
    let issuers = [TokenIssuer { issuer: issuer.clone(), tenant: None }];
    let keys = JwkSet::parse(capture["jwks"].to_string().as_bytes()).unwrap();
    let token = capture["tokens"]["id_token"].as_str().unwrap();
    let expected = Expected {
        issuers: &issuers,
        client_id: "gw",
        nonce: Nonce::Required("nn"),
        subject: None,
        algorithms: &[Alg::Rs256],
        max_age: None,
        acr_values: &[],
        access_token: None,
        now: Timestamp::from_second(1_795_163_838).unwrap(),
        leeway: Duration::ZERO,
    };
    assert!(check(token, &expected, &keys).is_ok());
    for place in 0..token.len() {
        let mut bytes = token.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(check(&changed, &expected, &keys).is_err(), "byte {place}");
    }
}
