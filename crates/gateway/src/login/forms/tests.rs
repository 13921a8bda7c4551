use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
}

#[test]
fn forms_are_read_strictly() {
    let form_type = headers(&[("content-type", "application/x-www-form-urlencoded; charset=UTF-8")]);
    let form = Form::parse(&form_type, b"a=1&b=2&b=3&c=").unwrap();
    assert_eq!(form.required("a").unwrap(), "1");
    assert_eq!(form.optional("c").unwrap(), Some(""));
    assert_eq!(form.optional("d").unwrap(), None);
    for field in ["b", "d"] {
        assert_eq!(form.required(field).unwrap_err().code(), "login.form_malformed");
    }
    for kind in ["text/plain", "multipart/form-data; boundary=x", "application/json", ""] {
        assert_eq!(Form::parse(&headers(&[("content-type", kind)]), b"a=1").err().unwrap().code(), "login.form_malformed", "{kind}");
    }
}

#[test]
fn forms_of_other_sites_are_refused() {
    let public_url = PublicUrl::parse("https://mcp.example.com").unwrap();
    let cases: [(&[(&'static str, &str)], bool); 10] = [
        (&[], true),
        (&[("sec-fetch-site", "same-origin"), ("origin", "https://mcp.example.com")], true),
        (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", "null")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("origin", "https://evil.example")], false),
        (&[("origin", "https://mcp.example.com.evil.example")], false),
        (&[("sec-fetch-site", "same-origin"), ("origin", "http://mcp.example.com")], false),
    ];
    for (pairs, expected) in cases {
        assert_eq!(require_own_page(&headers(pairs), &public_url).is_ok(), expected, "{pairs:?}");
    }
}

#[test]
fn a_csrf_token_fits_one_cookie_one_form_and_one_request() {
    let (mine, other) = (Secret::new("a".repeat(43)), Secret::new("b".repeat(43)));
    let token = csrf_token(&mine, "consent", "arq_1");
    assert!(check_csrf(&token, &mine, "consent", "arq_1").is_ok());
    for (token, cookie, form, about) in [
        (token.as_str(), &other, "consent", "arq_1"),
        (token.as_str(), &mine, "idp", "arq_1"),
        (token.as_str(), &mine, "consent", "arq_2"),
        ("", &mine, "consent", "arq_1"),
        ("!", &mine, "consent", "arq_1"),
    ] {
        assert!(matches!(check_csrf(token, cookie, form, about), Err(LoginError::CsrfMismatch)), "{form} {about}");
    }
}
