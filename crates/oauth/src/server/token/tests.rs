//! Token requests and client credentials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ClientCredentials, RevocationRequest, TokenRequest, TokenRequestError};
use crate::server::parameters::Parameters;

fn parameters(form: &str) -> Parameters {
    Parameters::parse(form.as_bytes()).unwrap()
}

#[test]
fn requests() {
    use TokenRequestError::{GrantTypeMissing, GrantTypeUnsupported, Missing, Repeated, TooLong};
    let long = format!("grant_type=authorization_code&code={}", "a".repeat(513));
    let cases = [
        ("grant_type=authorization_code&code=c", Ok(())),
        ("grant_type=refresh_token&refresh_token=r", Ok(())),
        ("", Err(GrantTypeMissing)),
        ("grant_type=", Err(GrantTypeMissing)),
        ("grant_type=password&username=a&password=b", Err(GrantTypeUnsupported)),
        ("grant_type=client_credentials", Err(GrantTypeUnsupported)),
        ("grant_type=authorization_code", Err(Missing("code"))),
        ("grant_type=authorization_code&code=", Err(Missing("code"))),
        ("grant_type=refresh_token&code=c", Err(Missing("refresh_token"))),
        ("grant_type=authorization_code&code=c&code=d", Err(Repeated("code".to_owned()))),
        ("grant_type=authorization_code&grant_type=refresh_token&code=c", Err(Repeated("grant_type".to_owned()))),
        ("grant_type=authorization_code&code=c&resource=a&resource=b", Err(Repeated("resource".to_owned()))),
        (long.as_str(), Err(TooLong("code"))),
    ];
    for (form, expected) in cases {
        assert_eq!(TokenRequest::parse(&parameters(form)).map(drop), expected, "{form}");
    }
    assert_eq!(RevocationRequest::parse(&parameters("token_type_hint=x")).map(drop), Err(Missing("token")));
}

#[test]
fn credentials() {
    use TokenRequestError::{AuthenticatedTwice, AuthorizationMalformed, ClientMissing, Repeated};
    let basic = |text: &str| Some(format!("Basic {}", STANDARD.encode(text)));
    let cases = [
        (None, "client_id=c", Ok(("c", None))),
        (None, "client_id=c&client_secret=s", Ok(("c", Some("s")))),
        (basic("c:s"), "", Ok(("c", Some("s")))),
        (basic("c:s"), "client_id=c", Ok(("c", Some("s")))),
        (basic("c%3Ad:s%2Bt"), "", Ok(("c:d", Some("s+t")))),
        (basic("c:"), "", Ok(("c", None))),
        (basic("c:a:b"), "", Ok(("c", Some("a:b")))),
        (Some(format!("bAsIc {}", STANDARD.encode("c:s"))), "", Ok(("c", Some("s")))),
        (None, "", Err(ClientMissing)),
        (None, "client_secret=s", Err(ClientMissing)),
        (None, "client_id=c&client_id=d", Err(Repeated("client_id".to_owned()))),
        (basic("c:s"), "client_secret=s", Err(AuthenticatedTwice)),
        (basic("c:s"), "client_id=d", Err(AuthenticatedTwice)),
        (basic(":s"), "", Err(AuthorizationMalformed)),
        (basic("c"), "", Err(AuthorizationMalformed)),
        (Some("Basic !!!".to_owned()), "client_id=c", Err(AuthorizationMalformed)),
        (Some("Bearer abc".to_owned()), "client_id=c", Err(AuthorizationMalformed)),
        (Some("Basic".to_owned()), "client_id=c", Err(AuthorizationMalformed)),
    ];
    for (header, form, expected) in cases {
        let parsed = ClientCredentials::parse(header.as_deref(), &parameters(form));
        let parsed = parsed.map(|parsed| (parsed.client_id, parsed.secret.map(|secret| secret.expose().clone())));
        let expected = expected.map(|(id, secret): (&str, Option<&str>)| (id.to_owned(), secret.map(str::to_owned)));
        assert_eq!(parsed, expected, "{header:?} {form}");
    }
}
