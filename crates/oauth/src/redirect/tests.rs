//! Forms of redirect URIs that have been attacks, and those that real clients use.

use super::{RedirectError, RedirectKind, RedirectUri};

#[test]
fn forms() {
    use RedirectError::{ForbiddenPart, Malformed, NotLoopback, SchemeRefused, Wildcard};
    use RedirectKind::{Https, Loopback, PrivateScheme};
    let long = format!("https://app.example/{}", "a".repeat(2048));
    let cases = [
        ("https://claude.ai/api/mcp/auth_callback", Ok(Https)),
        ("https://chatgpt.com/connector/oauth/abc-123", Ok(Https)),
        ("https://www.cursor.com/agents/mcp/oauth/callback", Ok(Https)),
        ("https://app.example/cb?tenant=1", Ok(Https)),
        ("https://app.example:8443/cb", Ok(Https)),
        ("https://localhost/cb", Ok(Https)),
        ("http://127.0.0.1/callback", Ok(Loopback)),
        ("http://127.0.0.1:33418/", Ok(Loopback)),
        ("http://127.0.0.1:33418", Ok(Loopback)),
        ("http://localhost:8787/callback", Ok(Loopback)),
        ("http://[::1]:4000/cb", Ok(Loopback)),
        ("cursor://anysphere.cursor-mcp/oauth/callback", Ok(PrivateScheme)),
        ("vscode://vscode.mcp/callback", Ok(PrivateScheme)),
        ("com.example.app:/oauth", Ok(PrivateScheme)),
        ("", Err(Malformed)),
        ("/callback", Err(Malformed)),
        ("//evil.example/cb", Err(Malformed)),
        ("app.example/cb", Err(Malformed)),
        ("javascript:alert(1)", Err(SchemeRefused)),
        ("JaVaScRiPt:alert(1)", Err(SchemeRefused)),
        ("data:text/html,<script>", Err(SchemeRefused)),
        ("file:///etc/passwd", Err(SchemeRefused)),
        ("blob:https://app.example/1", Err(SchemeRefused)),
        ("about:blank", Err(SchemeRefused)),
        ("ws://127.0.0.1/cb", Err(SchemeRefused)),
        ("ftp://app.example/cb", Err(SchemeRefused)),
        ("custom:", Err(SchemeRefused)),
        ("cursor:", Err(Malformed)),
        ("cursor://", Err(Malformed)),
        ("http://app.example/cb", Err(NotLoopback)),
        ("http://127.0.0.1.evil.example/cb", Err(NotLoopback)),
        ("http://localhost.evil.example/cb", Err(NotLoopback)),
        ("http://127.0.0.2/cb", Err(NotLoopback)),
        ("http://0.0.0.0/cb", Err(NotLoopback)),
        ("http://[::ffff:127.0.0.1]/cb", Err(NotLoopback)),
        ("http://localhost@evil.example/cb", Err(NotLoopback)),
        ("http://evil@localhost/cb", Err(ForbiddenPart)),
        ("https://user:pass@app.example/cb", Err(ForbiddenPart)),
        ("https://app.example/cb#fragment", Err(ForbiddenPart)),
        ("https://app.example/cb#", Err(ForbiddenPart)),
        ("https://*.example/cb", Err(Wildcard)),
        ("https://app.example/a/../cb", Err(Malformed)),
        ("https://app.example/a/%2e%2e/cb", Err(Malformed)),
        ("https://app.example/./cb", Err(Malformed)),
        ("https:app.example/cb", Err(Malformed)),
        ("https:///app.example/cb", Err(Malformed)),
        ("https:/\\evil.example/cb", Err(Malformed)),
        ("https://app.example\\@evil.example/cb", Err(Malformed)),
        ("https://APP.example/cb", Err(Malformed)),
        ("HTTPS://app.example/cb", Err(Malformed)),
        ("https://app.example:443/cb", Err(Malformed)),
        ("http://127.1/cb", Err(Malformed)),
        ("http://2130706433/cb", Err(Malformed)),
        ("http://0x7f.1/cb", Err(Malformed)),
        ("https://äpp.example/cb", Err(Malformed)),
        ("https://app.example/c\tb", Err(Malformed)),
        ("https://app.example/cb\r\nSet-Cookie: a=b", Err(Malformed)),
        (" https://app.example/cb", Err(Malformed)),
        ("https://app.example/c b", Err(Malformed)),
        (long.as_str(), Err(Malformed)),
    ];
    for (text, expected) in cases {
        assert_eq!(RedirectUri::parse(text).map(|uri| uri.kind()), expected, "{text}");
    }
}

/// A URL parser lets these through; in a page's policy they would be more than the name of a host.
#[test]
fn a_host_is_a_name() {
    for text in ["https://a;sandbox/cb", "https://a,b.example/cb", "https://a'b.example/cb", "https://a(b).example/cb", "https://a$b/cb"] {
        assert_eq!(RedirectUri::parse(text), Err(RedirectError::Malformed), "{text}");
    }
    for text in ["https://xn--4ca.example/cb", "https://my_app.example/cb", "https://192.0.2.1/cb", "https://[2001:db8::1]/cb"] {
        assert!(RedirectUri::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn matching_is_exact_but_for_the_port_of_loopback() {
    let cases = [
        ("https://app.example/cb", "https://app.example/cb", true),
        ("https://app.example/cb", "https://app.example/cb/", false),
        ("https://app.example/cb", "https://app.example/CB", false),
        ("https://app.example/cb", "https://app.example/cb?x=1", false),
        ("https://app.example/cb", "https://app.example:8443/cb", false),
        ("https://app.example/cb", "https://app.example/c%62", false),
        ("https://app.example/cb", "https://app.example.evil/cb", false),
        ("https://localhost/cb", "https://localhost:1234/cb", false),
        ("http://localhost/callback", "http://localhost:51234/callback", true),
        ("http://127.0.0.1/callback", "http://127.0.0.1:51234/callback", true),
        ("http://127.0.0.1:33418/", "http://127.0.0.1:40000/", true),
        ("http://127.0.0.1:33418/", "http://127.0.0.1:40000", true),
        ("http://[::1]/cb", "http://[::1]:9/cb", true),
        ("http://localhost/callback", "http://127.0.0.1:51234/callback", false),
        ("http://localhost/callback", "http://localhost:51234/other", false),
        ("http://localhost/callback", "http://localhost:51234/callback?x=1", false),
        ("http://localhost/callback", "https://localhost:51234/callback", false),
        ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor://anysphere.cursor-mcp/oauth/callback", true),
        ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor://evil/oauth/callback", false),
    ];
    for (registered, requested, expected) in cases {
        let (registered, requested) = (RedirectUri::parse(registered).unwrap(), RedirectUri::parse(requested).unwrap());
        assert_eq!(registered.allows(&requested), expected, "{registered} {requested}");
    }
}

#[test]
fn shown_and_extended() {
    let cases = [
        ("https://app.example:8443/cb?a=b", "app.example:8443", "https://app.example:8443/cb?a=b&code=x+y"),
        ("http://127.0.0.1:33418", "127.0.0.1", "http://127.0.0.1:33418/?code=x+y"),
        ("cursor://anysphere.cursor-mcp/cb", "cursor://anysphere.cursor-mcp", "cursor://anysphere.cursor-mcp/cb?code=x+y"),
    ];
    for (text, shown, extended) in cases {
        let uri = RedirectUri::parse(text).unwrap();
        assert_eq!(uri.host_display(), shown);
        assert_eq!(uri.with_parameters(&[("code", "x y")]), extended);
    }
}
