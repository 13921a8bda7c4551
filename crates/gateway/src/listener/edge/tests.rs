use http::Request;
use http_body_util::{Either, Empty, Full};

use super::{EdgeError, Hosts, check, is_host};

type Body = Either<Empty<&'static [u8]>, Full<&'static [u8]>>;

fn hosts() -> Hosts {
    Hosts::new(&["https://mcp.example.com", "http://127.0.0.1:8080", "http://[::1]:8080"].map(|url| url::Url::parse(url).unwrap()))
}

/// A request to `target` with these headers, and with a body where `body` is not empty.
fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &'static [u8]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_empty() { Either::Left(Empty::new()) } else { Either::Right(Full::new(body)) };
    request.body(body).unwrap()
}

#[test]
fn hosts_are_exact() {
    let cases = [
        (vec!["mcp.example.com"], Ok(())),
        (vec!["MCP.Example.com:443"], Ok(())),
        (vec!["127.0.0.1:8080"], Ok(())),
        (vec!["[::1]:8080"], Ok(())),
        (vec![], Err(EdgeError::HostCount)),
        (vec!["mcp.example.com", "mcp.example.com"], Err(EdgeError::HostCount)),
        (vec!["mcp.example.com", "evil.example"], Err(EdgeError::HostCount)),
        (vec!["evil.example"], Err(EdgeError::HostUnknown)),
        (vec!["mcp.example.com:80"], Err(EdgeError::HostUnknown)),
        (vec!["mcp.example.com."], Err(EdgeError::HostUnknown)),
        (vec!["127.0.0.1"], Err(EdgeError::HostUnknown)),
        (vec!["mcp.example.com/?"], Err(EdgeError::HostMalformed)),
        (vec!["mcp.example.com#x"], Err(EdgeError::HostMalformed)),
        (vec!["user@mcp.example.com"], Err(EdgeError::HostMalformed)),
        (vec!["mcp.example.com, evil.example"], Err(EdgeError::HostMalformed)),
        (vec!["mcp.example.com:"], Err(EdgeError::HostMalformed)),
        (vec![""], Err(EdgeError::HostMalformed)),
    ];
    for (values, expected) in cases {
        let headers: Vec<(&str, &str)> = values.iter().map(|value| ("host", *value)).collect();
        assert_eq!(check(&request("GET", "/", &headers, b""), &hosts(), 100), expected, "{values:?}");
    }
}

#[test]
fn host_grammar() {
    let good = ["a", "a-b.c_d:1", "1.2.3.4:65535", "[::1]", "[2001:db8::1]:443"];
    let bad = [":80", "a:65536", "a:0x1", "a:b:1", "[::1", "[::g]", "[1.2.3.4]", "[::1]x", "a b", "a\\b", "a%41", "ä"];
    assert!(good.into_iter().all(is_host));
    for host in bad {
        assert!(!is_host(host), "{host}");
    }
}

#[test]
fn an_absolute_target_must_name_the_host() {
    let cases = [
        ("http://mcp.example.com/a", "mcp.example.com", Ok(())),
        ("http://other.example/a", "mcp.example.com", Err(EdgeError::AuthorityMismatch)),
        ("http://user@mcp.example.com/a", "mcp.example.com", Err(EdgeError::AuthorityMismatch)),
    ];
    for (target, host, expected) in cases {
        assert_eq!(check(&request("GET", target, &[("host", host)], b""), &hosts(), 100), expected, "{target}");
    }
}

#[test]
fn http2_may_name_the_host_in_the_target_only() {
    let mut h2 = request("GET", "https://mcp.example.com/a", &[], b"");
    *h2.version_mut() = http::Version::HTTP_2;
    assert_eq!(check(&h2, &hosts(), 100), Ok(()));
    let mut twisted = request("GET", "https://mcp.example.com/a", &[("host", "127.0.0.1:8080")], b"");
    *twisted.version_mut() = http::Version::HTTP_2;
    assert_eq!(check(&twisted, &hosts(), 100), Err(EdgeError::AuthorityMismatch));
    let mut chunked = request("POST", "https://mcp.example.com/a", &[("transfer-encoding", "chunked")], b"x");
    *chunked.version_mut() = http::Version::HTTP_2;
    assert_eq!(check(&chunked, &hosts(), 100), Err(EdgeError::TransferEncoding));
}

#[test]
fn a_path_has_one_reading() {
    let good = [
        "/",
        "/crm/mcp",
        "/crm/mcp/",
        "/.well-known/oauth-protected-resource/crm/mcp",
        "/a/%20b/c%C3%A4",
        "/a?x=//../%2f;",
        "/a:b@c!$&'()*+,=",
    ];
    for target in good {
        assert_eq!(check(&request("GET", target, &[("host", "mcp.example.com")], b""), &hosts(), 100), Ok(()), "{target}");
    }
    let ambiguous = [
        "//mcp/x",
        "/a//b",
        "///",
        "/.//",
        "/a/./b",
        "/a/..",
        "/../a",
        "/a/%2e%2e/b",
        "/a/%2E/b",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/a;b",
        "/a%3Bb",
        "/a%00b",
        "/a%0db",
        "/a%7fb",
        "/a%23b",
        "/a%3fb",
        "/a%252fb",
        "/a%2",
        "/a%zz",
        "/a%",
    ];
    for target in ambiguous {
        assert_eq!(
            check(&request("GET", target, &[("host", "mcp.example.com")], b""), &hosts(), 100),
            Err(EdgeError::PathAmbiguous),
            "{target}"
        );
    }
    let long = format!("/a?{}", "x".repeat(101));
    assert_eq!(check(&request("GET", &long, &[("host", "mcp.example.com")], b""), &hosts(), 100), Err(EdgeError::QueryTooLong));
    assert_eq!(check(&request("OPTIONS", "*", &[("host", "mcp.example.com")], b""), &hosts(), 100), Err(EdgeError::TargetMalformed));
}

#[test]
fn methods_bodies_and_expectations() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [u8], Result<(), EdgeError>);
    let body: &[u8] = b"body";
    let cases: [Case; 15] = [
        ("POST", &[("content-length", "4")], body, Ok(())),
        ("POST", &[("transfer-encoding", "Chunked")], body, Ok(())),
        ("POST", &[("expect", "100-Continue"), ("content-length", "4")], body, Ok(())),
        ("GET", &[("content-length", "0")], b"", Ok(())),
        ("TRACE", &[], b"", Err(EdgeError::MethodRefused)),
        ("GET", &[("content-length", "4")], body, Err(EdgeError::UnexpectedBody)),
        ("GET", &[("transfer-encoding", "chunked")], b"", Err(EdgeError::UnexpectedBody)),
        ("DELETE", &[("content-length", "4")], body, Err(EdgeError::UnexpectedBody)),
        ("POST", &[("content-length", "4"), ("transfer-encoding", "chunked")], body, Err(EdgeError::BodyLength)),
        ("POST", &[("content-length", "4"), ("content-length", "4")], body, Err(EdgeError::BodyLength)),
        ("POST", &[("content-length", "+4")], body, Err(EdgeError::BodyLength)),
        ("POST", &[("transfer-encoding", "chunked, chunked")], body, Err(EdgeError::TransferEncoding)),
        ("POST", &[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], body, Err(EdgeError::TransferEncoding)),
        ("POST", &[("expect", "200-ok")], body, Err(EdgeError::Expectation)),
        ("GET", &[("upgrade", "websocket"), ("connection", "upgrade")], b"", Err(EdgeError::Upgrade)),
    ];
    for (method, headers, body, expected) in cases {
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([("host", "mcp.example.com")]).collect();
        assert_eq!(check(&request(method, "/a", &headers, body), &hosts(), 100), expected, "{method} {headers:?}");
    }
}
