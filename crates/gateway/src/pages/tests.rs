use axum::body::to_bytes;
use axum::response::Response;
use http::StatusCode;

use super::*;

async fn parts(response: Response) -> (StatusCode, String, String) {
    let status = response.status();
    for name in ["x-frame-options", "x-content-type-options", "cache-control", "referrer-policy"] {
        assert!(response.headers().contains_key(name), "{name}");
    }
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, policy, String::from_utf8(body.to_vec()).unwrap())
}

fn error(value: &str) -> ErrorPage<'_> {
    ErrorPage {
        status: StatusCode::BAD_REQUEST,
        title: "Unknown client",
        what_happened: value,
        who_can_mend: value,
        exact_value: Some(value),
        code: "test.code",
        request_id: "req_1",
        retry: None,
    }
}

#[tokio::test]
async fn text_from_outside_is_escaped_and_cleaned() {
    let cases = [
        ("<script>alert(1)</script>", "&#60;script&#62;alert(1)&#60;/script&#62;"),
        ("\"'><img src=x onerror=alert(1)>", "&#34;&#39;&#62;&#60;img"),
        ("a\u{202e}b\u{200b}c\u{1b}[31m", "a\u{fffd}b\u{fffd}c\u{fffd}[31m"),
    ];
    for (value, expected) in cases {
        let (status, policy, html) = parts(error_page(error(value))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(html.matches(expected).count(), 3, "{value}: {html}");
        assert!(!html.contains(value), "{value}");
        assert!(
            policy.contains("script-src 'none'") && policy.contains("frame-ancestors 'none'") && policy.ends_with("form-action 'self'"),
            "{policy}"
        );
    }
}

#[test]
fn long_text_is_cut() {
    assert_eq!(shown("abcdef", 3), "abc…");
    assert_eq!(shown("abc", 3), "abc");
}

#[test]
fn the_form_action_source_of_a_redirect_uri() {
    let cases = [
        ("https://client.example/cb?x=1", Some("https://client.example")),
        ("https://client.example:8443/cb", Some("https://client.example:8443")),
        ("http://127.0.0.1:51234/callback", Some("http://127.0.0.1:51234")),
        ("http://localhost:3000/", Some("http://localhost:3000")),
        ("http://[::1]:3000/", Some("http:")),
        ("cursor://anysphere.cursor-retrieval/oauth/callback", Some("cursor:")),
        ("https://a;script-src *", None),
        ("not a uri", None),
    ];
    for (uri, expected) in cases {
        assert_eq!(form_action_source(uri).as_deref(), expected, "{uri}");
    }
}

#[tokio::test]
async fn the_inline_pieces_are_allowed_by_their_hash() {
    let page =
        AutoPost { title: "Going to Okta", action: "https://okta.example/sso", fields: &[("SAMLRequest", "a\"b"), ("RelayState", "r")] };
    let (_, policy, html) = parts(auto_post(&page)).await;
    assert!(policy.ends_with("form-action 'self' https://okta.example https:"), "{policy}");
    for (start, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let inline = html.split(start).nth(1).unwrap().split(end).next().unwrap();
        let source = format!("'sha256-{}'", {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, inline.as_bytes()))
        });
        assert!(policy.contains(&source), "{start}");
    }
    assert!(html.contains(r#"name="SAMLRequest" value="a&#34;b""#), "{html}");
    let own = AutoPost { title: "x", action: "/login/saml/okta/acs", fields: &[] };
    assert!(parts(auto_post(&own)).await.1.ends_with("form-action 'self'"));
}

#[tokio::test]
async fn consent_says_what_is_asked_and_by_whom() {
    let scopes = ["Use its tools".to_owned()];
    let mut page = ConsentPage {
        request: "arq_1",
        csrf: "token",
        upstream_name: "CRM",
        resource: "https://mcp.example.com/crm/mcp",
        scopes: &scopes,
        duration: "Stay connected",
        client_name: "Claude\u{202e}",
        client_id: "c1",
        client_known: false,
        redirect_host: "cursor",
        redirect_uri: "cursor://x/cb",
        warning: None,
        signed_in_as: None,
    };
    let (_, policy, html) = parts(consent(&page)).await;
    assert!(policy.ends_with("form-action 'self' cursor:"), "{policy}");
    for expected in [
        "Allow Claude\u{fffd} to use CRM?",
        "unverified",
        "https://mcp.example.com/crm/mcp",
        "Use its tools",
        "You sign in with your organisation next",
    ] {
        assert!(html.contains(expected), "{expected}");
    }
    page.client_known = true;
    assert!(!parts(consent(&page)).await.2.contains("unverified"));
}
