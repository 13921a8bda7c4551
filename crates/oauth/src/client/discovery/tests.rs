use serde_json::{Value, json};

use super::*;

#[test]
fn issuers() {
    let good = [
        "https://idp.example",
        "https://idp.example/",
        "https://login.microsoftonline.com/72f988bf-0000-0000-0000-000000000000/v2.0",
        "http://127.0.0.1:9000",
        "http://localhost:9000/realms/x",
        "http://[::1]:9000",
    ];
    for value in good {
        assert_eq!(IssuerUrl::parse(value).as_ref().map(IssuerUrl::as_str), Ok(value));
    }
    let scheme = "it must begin with https:// (http:// only for a loopback host)";
    let bad = [
        ("idp.example", "it is not an absolute URL"),
        ("", "it is not an absolute URL"),
        ("http://idp.example", scheme),
        ("http://127.0.0.1.evil.example", scheme),
        ("http://localhost.evil.example", scheme),
        ("ftp://idp.example", scheme),
        ("javascript:alert(1)", scheme),
        ("https://user@idp.example", "it must not name a user"),
        ("http://localhost@evil.example", scheme),
        ("https://idp.example?x=1", "it must have no query and no fragment"),
        ("https://idp.example#x", "it must have no query and no fragment"),
        ("https://idp.example/a b", "it holds a character that no URL has"),
        ("https:\\\\idp.example", "it holds a character that no URL has"),
        (" https://idp.example", "it holds a character that no URL has"),
    ];
    for (value, problem) in bad {
        assert_eq!(IssuerUrl::parse(value), Err(DiscoveryError::InvalidIssuer { value: value.to_owned(), problem }), "{value}");
    }
}

#[test]
fn the_metadata_stands_below_the_issuer() {
    for (issuer, expected) in [
        ("https://idp.example", "https://idp.example/.well-known/openid-configuration"),
        ("https://idp.example/", "https://idp.example/.well-known/openid-configuration"),
        ("https://idp.example/t/v2.0", "https://idp.example/t/v2.0/.well-known/openid-configuration"),
    ] {
        assert_eq!(IssuerUrl::parse(issuer).unwrap().discovery_url().unwrap().as_str(), expected);
    }
}

fn document() -> Value {
    json!({
        "issuer": "https://idp.example",
        "authorization_endpoint": "https://idp.example/authorize?tenant=1",
        "token_endpoint": "https://idp.example/token",
        "jwks_uri": "https://keys.example/jwks",
        "userinfo_endpoint": "https://idp.example/me",
        "id_token_signing_alg_values_supported": ["HS256", "RS256", "none", "ES256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

fn parse(document: &Value) -> Result<ProviderMetadata, DiscoveryError> {
    ProviderMetadata::parse(document.to_string().as_bytes(), &IssuerUrl::parse("https://idp.example").unwrap())
}

#[test]
fn a_whole_document() {
    let metadata = parse(&document()).unwrap();
    assert_eq!(metadata.id_token_algorithms, [Alg::Rs256, Alg::Es256]);
    assert_eq!(metadata.jwks_uri.as_str(), "https://keys.example/jwks");
    assert!(metadata.iss_in_response && metadata.token_endpoint_auth_methods.is_empty() && metadata.end_session_endpoint.is_none());
}

#[test]
fn one_change_and_its_refusal() {
    let malformed = |detail: &str| DiscoveryError::Malformed { detail: detail.to_owned() };
    let insecure = |member, value: &str| DiscoveryError::InsecureEndpoint { member, value: value.to_owned() };
    let issuer =
        |received: &str| DiscoveryError::IssuerMismatch { expected: "https://idp.example".to_owned(), received: received.to_owned() };
    let cases = [
        ("issuer", json!("https://idp.example/"), issuer("https://idp.example/")),
        ("issuer", json!("https://IDP.example"), issuer("https://IDP.example")),
        ("issuer", json!("https://evil.example"), issuer("https://evil.example")),
        ("issuer", json!(["https://idp.example"]), malformed("`issuer` is not a string")),
        ("issuer", Value::Null, DiscoveryError::Missing { member: "issuer" }),
        ("jwks_uri", Value::Null, DiscoveryError::Missing { member: "jwks_uri" }),
        ("token_endpoint", Value::Null, DiscoveryError::Missing { member: "token_endpoint" }),
        ("authorization_endpoint", json!(""), insecure("authorization_endpoint", "")),
        ("token_endpoint", json!("http://idp.example/token"), insecure("token_endpoint", "http://idp.example/token")),
        ("authorization_endpoint", json!("javascript:alert(1)"), insecure("authorization_endpoint", "javascript:alert(1)")),
        ("userinfo_endpoint", json!("https://a:b@idp.example/me"), insecure("userinfo_endpoint", "https://a:b@idp.example/me")),
        (
            "id_token_signing_alg_values_supported",
            json!(["HS256", "none"]),
            DiscoveryError::NoCommonAlgorithm { offered: vec!["HS256".to_owned(), "none".to_owned()] },
        ),
        (
            "id_token_signing_alg_values_supported",
            json!("RS256"),
            malformed("`id_token_signing_alg_values_supported` is not an array of strings"),
        ),
        (
            "authorization_response_iss_parameter_supported",
            json!("yes"),
            malformed("`authorization_response_iss_parameter_supported` is not a boolean"),
        ),
    ];
    for (member, value, expected) in cases {
        let mut changed = document();
        changed[member] = value.clone();
        assert_eq!(parse(&changed), Err(expected), "{member} = {value}");
    }
}

#[test]
fn unreadable_documents() {
    let issuer = IssuerUrl::parse("https://idp.example").unwrap();
    for text in ["", "[]", "<html>", r#"{"issuer":"https://idp.example","issuer":"https://idp.example"}"#] {
        let error = ProviderMetadata::parse(text.as_bytes(), &issuer).unwrap_err();
        assert_eq!(error.code(), "oidc.discovery_malformed", "{text}");
    }
}
