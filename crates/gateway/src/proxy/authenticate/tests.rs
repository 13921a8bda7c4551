//! RFC 6750 section 2.1, form by form.

use http::{HeaderMap, HeaderValue, header};

use super::{ProxyError, bearer_token};

fn code(values: &[&str]) -> Result<String, &'static str> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    }
    bearer_token(&headers).map(str::to_owned).map_err(|error: ProxyError| error.code())
}

#[test]
fn there_is_one_form_of_a_bearer_token() {
    for good in ["Bearer abc", "bearer abc", "BEARER abc", "Bearer  abc"] {
        assert_eq!(code(&[good]), Ok("abc".to_owned()), "{good:?}");
    }
    assert_eq!(code(&["Bearer a-._~+/9=="]), Ok("a-._~+/9==".to_owned()));
    assert_eq!(code(&[]), Err("proxy.token_missing"));
    for bad in [
        "",
        "abc",
        "Bearer",
        "Bearer ",
        "Basic abc",
        "Bearer a b",
        "Bearer a,b",
        "Bearer =a",
        "Bearer a=b",
        "Bearer \"a\"",
        "Bearer,abc",
        "Bearer\tabc",
    ] {
        assert_eq!(code(&[bad]), Err("proxy.token_malformed"), "{bad:?}");
    }
    assert_eq!(code(&["Bearer abc", "Bearer abc"]), Err("proxy.token_malformed"));
    assert_eq!(code(&["Bearer abc", "Basic abc"]), Err("proxy.token_malformed"));
}
