use jiff::Timestamp;

use super::super::authentication::ClientAuth;
use super::super::discovery::IssuerUrl;
use super::*;
use crate::jwks::JwkSet;
use crate::jwt::{self, Accept, Alg, Audiences, SigningKey};

const NOW: i64 = 1_800_000_000;

fn metadata(methods: &str, algorithms: &str) -> ProviderMetadata {
    let document = format!(
        r#"{{"issuer":"https://i.example","authorization_endpoint":"https://i.example/a","token_endpoint":"https://i.example/t","jwks_uri":"https://i.example/k","token_endpoint_auth_methods_supported":{methods},"token_endpoint_auth_signing_alg_values_supported":{algorithms}}}"#
    );
    ProviderMetadata::parse(document.as_bytes(), &IssuerUrl::parse("https://i.example").unwrap()).unwrap()
}

fn request(
    metadata: &ProviderMetadata,
    method: ClientAuth,
    secret: Option<&Secret<String>>,
    key: Option<&SigningKey>,
) -> Result<TokenRequest, ClientAuthError> {
    let now = Timestamp::from_second(NOW).unwrap();
    let client = Client { id: "id:1", method, secret, key, assertion_id: "j1", now };
    let exchange = Exchange::Code { code: "c+1", redirect_uri: "https://d.example/cb", pkce_verifier: "v" };
    token_request(metadata, exchange, &client)
}

const HS256: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJpZDoxIiwic3ViIjoiaWQ6MSIsImF1ZCI6Imh0dHBzOi8vaS5leGFtcGxlL3QiLCJqdGkiOiJqMSIsImlhdCI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwMDYwfQ.mepKCPiWAjrwWLcTTXtpEuIX_NrXnGqKXNkB2YnlcG8";
const FORM: &str = "grant_type=authorization_code&code=c%2B1&redirect_uri=https%3A%2F%2Fd.example%2Fcb&code_verifier=v";

#[test]
fn the_secret_goes_where_the_idp_takes_it() {
    let with_id = format!("{FORM}&client_id=id%3A1");
    let with_secret = format!("{with_id}&client_secret=p%40ss+%25");
    let basic = Some("Basic aWQlM0ExOnAlNDBzcyslMjU=");
    let cases = [
        ("null", true, None, Ok((FORM, basic))),
        (r#"["client_secret_post","client_secret_basic"]"#, true, None, Ok((FORM, basic))),
        (r#"["client_secret_post"]"#, true, None, Ok((with_secret.as_str(), None))),
        (r#"["client_secret_post"]"#, true, Some(ClientAuth::SecretBasic), Ok((FORM, basic))),
        (r#"["client_secret_basic"]"#, false, None, Ok((with_id.as_str(), None))),
        (r#"["private_key_jwt"]"#, false, None, Ok((with_id.as_str(), None))),
        (r#"["private_key_jwt"]"#, true, None, Err("oidc.client_auth_no_common_method")),
        ("null", false, Some(ClientAuth::SecretPost), Err("oidc.client_auth_incomplete")),
        ("null", true, Some(ClientAuth::PrivateKeyJwt), Err("oidc.client_auth_incomplete")),
    ];
    let secret = Secret::new("p@ss %".to_owned());
    for (methods, has_secret, configured, expected) in cases {
        let metadata = metadata(methods, "null");
        let secret = has_secret.then_some(&secret);
        let built = ClientAuth::choose(configured, has_secret, &metadata).and_then(|method| request(&metadata, method, secret, None));
        assert!(!format!("{built:?}").contains("p%40ss"));
        let built = built
            .as_ref()
            .map(|request| (request.body.expose().as_str(), request.authorization.as_ref().map(|value| value.expose().as_str())));
        assert_eq!(built.map_err(ClientAuthError::code), expected, "{methods}");
    }
}

fn assertion(request: &TokenRequest) -> String {
    let fields: std::collections::HashMap<String, String> = form_urlencoded::parse(request.body.expose().as_bytes()).into_owned().collect();
    assert_eq!((fields["client_id"].as_str(), request.authorization.is_none()), ("id:1", true));
    assert_eq!(fields["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    fields["client_assertion"].clone()
}

#[test]
fn an_assertion_is_for_the_token_endpoint_and_for_a_minute() {
    let cases = [
        ("null", Ok(Alg::Rs256)),
        (r#"["RS256","ES256"]"#, Ok(Alg::Es256)),
        (r#"["PS256","RS256"]"#, Ok(Alg::Rs256)),
        (r#"["EdDSA"]"#, Err("oidc.client_auth_no_common_algorithm")),
    ];
    for (algorithms, expected) in cases {
        let found = super::super::authentication::assertion_algorithm(&metadata("null", algorithms));
        assert_eq!(found.map_err(|error| error.code()), expected, "{algorithms}");
    }
    for pkcs8 in [SigningKey::generate_pkcs8().unwrap(), SigningKey::generate_rsa_pkcs8().unwrap()] {
        let key = SigningKey::from_pkcs8(pkcs8.expose()).unwrap();
        let request = request(&metadata("null", "null"), ClientAuth::PrivateKeyJwt, None, Some(&key)).unwrap();
        let accept = Accept {
            typ: &[],
            algs: &[key.alg()],
            issuer: "id:1",
            audience: "https://i.example/t",
            audiences: Audiences::One,
            now: Timestamp::from_second(NOW).unwrap(),
            leeway: std::time::Duration::ZERO,
        };
        let verified = jwt::verify(&assertion(&request), &JwkSet::new(vec![key.public_jwk()]), &accept).unwrap();
        assert_eq!((verified.string("sub"), verified.string("jti")), (Ok("id:1"), Ok("j1")));
        assert_eq!(verified.instant("exp").unwrap().as_second(), NOW + 60);
    }
}

/// The tag was computed with another implementation (Python's hmac).
#[test]
fn an_assertion_under_the_secret() {
    let secret = Secret::new("a secret of thirty-two characters".to_owned());
    let request = request(&metadata("null", "null"), ClientAuth::SecretJwt, Some(&secret), None).unwrap();
    let assertion = assertion(&request);
    assert_eq!(assertion, HS256);
}

#[test]
fn answers() {
    let malformed = |status, detail: &str| Err(TokenError::Malformed { status, detail: detail.to_owned() });
    let json = "not one well-formed JSON document without repeated members";
    let client = |description: &str| TokenError::ClientRefused { method: ClientAuth::SecretPost, description: description.to_owned() };
    let cases: [(u16, &str, Result<(), TokenError>); 12] = [
        (200, r#"{"access_token":"a","id_token":"i","token_type":"bearer","expires_in":60}"#, Ok(())),
        (200, r#"{"access_token":"a","token_type":"Bearer"}"#, Err(TokenError::NoIdToken)),
        (200, r#"{"access_token":"a","id_token":"","token_type":"Bearer"}"#, Err(TokenError::NoIdToken)),
        (200, r#"{"id_token":"i","token_type":"Bearer"}"#, malformed(200, "no `access_token`")),
        (200, r#"{"access_token":"a","id_token":"i","token_type":"mac"}"#, malformed(200, "`token_type` is not Bearer")),
        (200, r#"{"access_token":"a","id_token":"i","id_token":"j","token_type":"Bearer"}"#, malformed(200, json)),
        (502, "<html>", malformed(502, json)),
        (500, r#"{"access_token":"a","id_token":"i","token_type":"Bearer"}"#, malformed(500, "neither tokens nor an error")),
        (429, r#"{"error":"access_denied","error_description":"too many requests"}"#, malformed(429, "the error `access_denied`")),
        (503, r#"{"error":"invalid_grant"}"#, malformed(503, "the error `invalid_grant`")),
        (401, r#"{"error":"invalid_client","error_description":"bad secret"}"#, Err(client("bad secret"))),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"used"}"#,
            Err(TokenError::Refused { error: "invalid_grant".to_owned(), description: "used".to_owned() }),
        ),
    ];
    for (status, body, expected) in cases {
        assert_eq!(
            parse_token_response(status, body.as_bytes(), ClientAuth::SecretPost).and_then(|tokens| tokens.required_id_token().map(drop)),
            expected,
            "{body}"
        );
    }
}
