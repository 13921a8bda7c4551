use super::super::discovery::ProviderMetadata;
use super::*;

fn metadata() -> (ProviderMetadata, IssuerUrl) {
    let issuer = IssuerUrl::parse("https://idp.example").unwrap();
    let document = r#"{"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/a?tenant=1&state=theirs","token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/k"}"#;
    (ProviderMetadata::parse(document.as_bytes(), &issuer).unwrap(), issuer)
}

#[test]
fn the_authorization_url() {
    let challenge = CodeChallenge::of_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
    let scopes = ["openid".to_owned(), "groups".to_owned()];
    let acr = ["phr".to_owned(), "phrh".to_owned()];
    let request = AuthenticationRequest {
        client_id: "door ward",
        redirect_uri: "https://mcp.example/login/oidc/okta/callback",
        scopes: &scopes,
        state: "st&te",
        nonce: "n",
        code_challenge: &challenge,
        max_age: Some(0),
        acr_values: &acr,
        prompt: Some("login"),
        login_hint: Some("a@b.example"),
        domain_hint: Some("b.example"),
    };
    assert_eq!(
        authorization_url(&metadata().0, &request).as_str(),
        "https://idp.example/a?tenant=1&response_type=code&client_id=door+ward&redirect_uri=https%3A%2F%2Fmcp.example%2Flogin%2Foidc%2Fokta%2Fcallback\
         &scope=openid+groups&state=st%26te&nonce=n&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
         &max_age=0&acr_values=phr+phrh&prompt=login&login_hint=a%40b.example&domain_hint=b.example"
    );
}

#[test]
fn callbacks() {
    let missing = |name| Err(CallbackError::MissingParameter { name });
    let mismatch =
        |received: &str| Err(CallbackError::IssuerMismatch { expected: "https://idp.example".to_owned(), received: received.to_owned() });
    let refused =
        |error: &str, description: &str| Err(CallbackError::Refused { error: error.to_owned(), description: description.to_owned() });
    let cases = [
        ("code=c&state=s", false, Ok("c")),
        ("code=c&state=s&session_state=x&iss=https%3A%2F%2Fidp.example", true, Ok("c")),
        ("code=c&state=s&iss=https://idp.example/", false, mismatch("https://idp.example/")),
        ("code=c&state=s&iss=https://evil.example", false, mismatch("https://evil.example")),
        ("error=access_denied&state=s&iss=https://evil.example", false, mismatch("https://evil.example")),
        ("code=c&state=s", true, Err(CallbackError::IssuerMissing)),
        ("state=s", false, missing("code")),
        ("code=&state=s", false, missing("code")),
        ("error=access_denied&error_description=No+thanks&state=s", false, refused("access_denied", "No thanks")),
        ("error=server_error&code=c&state=s", false, refused("server_error", "")),
    ];
    let (_, issuer) = metadata();
    for (query, iss_required, expected) in cases {
        let callback = Callback::parse(query).unwrap();
        assert_eq!(callback.state(), Ok("s"));
        assert_eq!(callback.code(&issuer, iss_required), expected, "{query}");
    }
}

#[test]
fn repeated_and_missing_parameters() {
    for (query, name) in [
        ("code=a&code=b&state=s", "code"),
        ("code=a&state=s&state=s", "state"),
        ("iss=a&iss=a&state=s", "iss"),
        ("error=a&e%72ror=b", "error"),
    ] {
        assert_eq!(Callback::parse(query), Err(CallbackError::DuplicateParameter { name: name.to_owned() }), "{query}");
    }
    for query in ["", "code=c", "code=c&state="] {
        assert_eq!(Callback::parse(query).unwrap().state(), Err(CallbackError::MissingParameter { name: "state" }), "{query}");
    }
}
