use super::super::discovery::IssuerUrl;
use super::*;

fn metadata(methods: &str) -> ProviderMetadata {
    let document = format!(
        r#"{{"issuer":"https://i.example","authorization_endpoint":"https://i.example/a","token_endpoint":"https://i.example/t","jwks_uri":"https://i.example/k","token_endpoint_auth_methods_supported":{methods}}}"#
    );
    ProviderMetadata::parse(document.as_bytes(), &IssuerUrl::parse("https://i.example").unwrap()).unwrap()
}

#[test]
fn the_secret_goes_where_the_idp_takes_it() {
    let form = "grant_type=authorization_code&code=c%2B1&redirect_uri=https%3A%2F%2Fd.example%2Fcb&code_verifier=v";
    let with_id = format!("{form}&client_id=id%3A1");
    let with_secret = format!("{with_id}&client_secret=p%40ss+%25");
    let cases = [
        ("null", true, form, Some("Basic aWQlM0ExOnAlNDBzcyslMjU=")),
        (r#"["client_secret_post","client_secret_basic"]"#, true, form, Some("Basic aWQlM0ExOnAlNDBzcyslMjU=")),
        (r#"["client_secret_post"]"#, true, with_secret.as_str(), None),
        (r#"["client_secret_basic"]"#, false, with_id.as_str(), None),
    ];
    let secret = Secret::new("p@ss %".to_owned());
    for (methods, has_secret, body, authorization) in cases {
        let exchange = CodeExchange {
            code: "c+1",
            redirect_uri: "https://d.example/cb",
            pkce_verifier: "v",
            client_id: "id:1",
            client_secret: has_secret.then_some(&secret),
        };
        let request = token_request(&metadata(methods), &exchange);
        assert_eq!(request.body.expose(), body, "{methods}");
        assert_eq!(request.authorization.as_ref().map(|value| value.expose().as_str()), authorization, "{methods}");
        assert!(!format!("{request:?}").contains("p%40ss"));
    }
}

#[test]
fn answers() {
    let malformed = |status, detail: &str| Err(TokenError::Malformed { status, detail: detail.to_owned() });
    let json = "not one well-formed JSON document without repeated members";
    let cases: [(u16, &str, Result<(), TokenError>); 9] = [
        (200, r#"{"access_token":"a","id_token":"i","token_type":"bearer","expires_in":60}"#, Ok(())),
        (200, r#"{"access_token":"a","token_type":"Bearer"}"#, Err(TokenError::NoIdToken)),
        (200, r#"{"access_token":"a","id_token":"","token_type":"Bearer"}"#, Err(TokenError::NoIdToken)),
        (200, r#"{"id_token":"i","token_type":"Bearer"}"#, malformed(200, "no `access_token`")),
        (200, r#"{"access_token":"a","id_token":"i","token_type":"mac"}"#, malformed(200, "`token_type` is not Bearer")),
        (200, r#"{"access_token":"a","id_token":"i","id_token":"j","token_type":"Bearer"}"#, malformed(200, json)),
        (502, "<html>", malformed(502, json)),
        (500, r#"{"access_token":"a","id_token":"i","token_type":"Bearer"}"#, malformed(500, "neither tokens nor an error")),
        (
            401,
            r#"{"error":"invalid_client","error_description":"bad secret"}"#,
            Err(TokenError::Refused { error: "invalid_client".to_owned(), description: "bad secret".to_owned() }),
        ),
    ];
    for (status, body, expected) in cases {
        assert_eq!(parse_token_response(status, body.as_bytes()).map(drop), expected, "{body}");
    }
}
