//! The small readers, each by a table.

use std::path::Path;
use std::time::Duration;

use super::check::distance;
use super::ids::{IdpId, NameError, UpstreamId};
use super::public_url::{PublicUrl, PublicUrlError};
use super::quantity::{duration, show_duration, show_size, size};
use super::sources::Files;
use super::substitute::{Fault, Sources, replace};
use super::tree::{Value, parse};

#[test]
fn durations() {
    let cases = [
        ("90s", Some(90_000)),
        ("1h30m", Some(5_400_000)),
        ("30d", Some(2_592_000_000)),
        ("250ms", Some(250)),
        (" 10s ", Some(10_000)),
        ("0s", Some(0)),
        ("", None),
        ("10", None),
        ("s", None),
        ("-1s", None),
        ("1.5h", None),
        ("10 s", None),
        ("1w", None),
        ("99999999999999999999s", None),
        ("18446744073709551615d", None),
    ];
    for (text, milliseconds) in cases {
        assert_eq!(duration(text), milliseconds.map(Duration::from_millis), "{text}");
    }
    for text in ["90s", "10h", "30d", "15m", "250ms", "0s"] {
        assert_eq!(show_duration(duration(text).unwrap()), text);
    }
}

#[test]
fn sizes() {
    let cases = [
        ("4MiB", Some(4 << 20)),
        ("32KiB", Some(32 << 10)),
        ("1GiB", Some(1 << 30)),
        ("512B", Some(512)),
        ("4 MiB", Some(4 << 20)),
        ("4MB", None),
        ("4", None),
        ("MiB", None),
        ("18446744073709551615GiB", None),
    ];
    for (text, bytes) in cases {
        assert_eq!(size(text), bytes, "{text}");
    }
    for text in ["4MiB", "32KiB", "1GiB", "512B"] {
        assert_eq!(show_size(size(text).unwrap()), text);
    }
}

#[test]
fn names() {
    let long = "a".repeat(63);
    let too_long = "a".repeat(64);
    let cases = [
        ("crm", Ok(())),
        ("4-u", Ok(())),
        (long.as_str(), Ok(())),
        (too_long.as_str(), Err(NameError::Characters)),
        ("", Err(NameError::Characters)),
        ("-crm", Err(NameError::Characters)),
        ("CRM", Err(NameError::Characters)),
        ("c.rm", Err(NameError::Characters)),
        (".well-known", Err(NameError::Characters)),
        ("../x", Err(NameError::Characters)),
        ("crm\n", Err(NameError::Characters)),
        ("oauth", Err(NameError::Reserved)),
        ("healthz", Err(NameError::Reserved)),
    ];
    for (text, expected) in cases {
        assert_eq!(UpstreamId::parse(text).map(|_| ()), expected, "{text:?}");
    }
    assert!(IdpId::parse("oauth").is_ok());
}

#[test]
fn public_urls() {
    let cases = [
        ("https://mcp.example.com", Ok("https://mcp.example.com")),
        ("https://mcp.example.com/", Ok("https://mcp.example.com")),
        ("HTTPS://MCP.Example.com:443", Ok("https://mcp.example.com")),
        ("https://mcp.example.com:8443", Ok("https://mcp.example.com:8443")),
        ("http://localhost:8080", Ok("http://localhost:8080")),
        ("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080")),
        ("http://[::1]:8080", Ok("http://[::1]:8080")),
        ("http://mcp.example.com", Err(PublicUrlError::NotSecure)),
        ("http://localhost.example.com", Err(PublicUrlError::NotSecure)),
        ("http://10.0.0.1", Err(PublicUrlError::NotSecure)),
        ("ftp://mcp.example.com", Err(PublicUrlError::NotSecure)),
        ("https://mcp.example.com/gateway", Err(PublicUrlError::NotAnOrigin)),
        ("https://mcp.example.com?x", Err(PublicUrlError::NotAnOrigin)),
        ("https://user@mcp.example.com", Err(PublicUrlError::NotAnOrigin)),
        ("mcp.example.com", Err(PublicUrlError::NotAUrl)),
        ("mailto:x@example.com", Err(PublicUrlError::NotAUrl)),
    ];
    for (text, expected) in cases {
        assert_eq!(PublicUrl::parse(text).as_ref().map(PublicUrl::issuer).map_err(|error| *error), expected, "{text}");
    }
}

#[test]
fn replacement() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("line", "secret\n"), ("windows", "secret\r\n"), ("nested", "${NAME}"), ("two", "a\nb\n")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let variable = |name: &str| match name {
        "NAME" => Some("value".to_owned()),
        "EMPTY" => Some(String::new()),
        "REFERENCE" => Some("${NAME}".to_owned()),
        _ => None,
    };
    let files = Files::default();
    let sources = Sources { variable: &variable, base_dir: folder.path(), files: &files };
    let cases = [
        ("plain $NAME {x}", Ok(None)),
        ("${NAME}", Ok(Some("value"))),
        ("a${NAME}b${NAME}c", Ok(Some("avaluebvaluec"))),
        ("$${NAME}", Ok(Some("${NAME}"))),
        ("$$${NAME}", Ok(Some("$${NAME}"))),
        ("${EMPTY}", Ok(Some(""))),
        ("${EMPTY:-default}", Ok(Some("default"))),
        ("${NONE:-a:-b}", Ok(Some("a:-b"))),
        ("${NONE:-}", Ok(Some(""))),
        ("${NAME:-default}", Ok(Some("value"))),
        // What is inserted is not looked at again.
        ("${REFERENCE}", Ok(Some("${NAME}"))),
        ("${file:nested}", Ok(Some("${NAME}"))),
        ("${file:line}", Ok(Some("secret"))),
        ("${file:windows}", Ok(Some("secret"))),
        ("${file:two}", Ok(Some("a\nb"))),
        ("${NONE}", Err(Fault::Unset { name: "NONE".to_owned() })),
        ("${", Err(Fault::Unclosed)),
        ("${NAME", Err(Fault::Unclosed)),
        ("${}", Err(Fault::Name { name: String::new() })),
        ("${1}", Err(Fault::Name { name: "1".to_owned() })),
        ("${A B}", Err(Fault::Name { name: "A B".to_owned() })),
    ];
    for (text, expected) in cases {
        let expected: Result<Option<String>, Fault> = expected.map(|text: Option<&str>| text.map(str::to_owned));
        assert_eq!(replace(text, &sources), expected, "{text}");
    }
    std::fs::write(folder.path().join("large"), vec![b'x'; 65 * 1024]).unwrap();
    assert!(matches!(replace("${file:large}", &sources), Err(Fault::File { .. })));
    assert!(matches!(
        replace("${file:none}", &Sources { variable: &variable, base_dir: Path::new("/"), files: &files }),
        Err(Fault::File { .. })
    ));
}

#[test]
fn edit_distance() {
    let cases = [
        ("", "", 0),
        ("url", "url", 0),
        ("urll", "url", 1),
        ("ulr", "url", 1),
        ("abc", "", 3),
        ("sesions", "sessions", 1),
        ("kitten", "sitting", 3),
    ];
    for (left, right, expected) in cases {
        assert_eq!((distance(left, right), distance(right, left)), (expected, expected), "{left} {right}");
    }
}

/// YAML's own types, and what it does not have: `no` is text, and nothing is executed or included.
#[test]
fn yaml_values() {
    let shape = |text: &str| parse(text).map(|node| format!("{:?}", node.value)).map_err(|problem| problem.message);
    for (text, expected) in
        [("no", "no"), ("yes", "yes"), ("'1'", "1"), ("1.2.3", "1.2.3"), ("2026-11-20", "2026-11-20"), ("|\n  a\n  b\n", "a\nb\n")]
    {
        assert!(matches!(parse(text).unwrap().value, Value::Text { text, .. } if text == expected), "{text}: {:?}", shape(text));
    }
    assert!(matches!(parse("true").unwrap().value, Value::Bool(true)));
    assert!(matches!(parse("12").unwrap().value, Value::Number(_)));
    assert!(matches!(parse("~").unwrap().value, Value::Null));
    for text in ["a: 1\n---\nb: 2\n", "a: [", "a: {b: 1, b: 2}", "\"\\x\"", "a: *nowhere"] {
        assert!(parse(text).is_err(), "{text}: {:?}", shape(text));
    }
    // Aliases that multiply are cut off rather than followed.
    let bomb: String = (1..=12).fold("a0: &a0 [x]\n".to_owned(), |all, level| {
        let inner = vec![format!("*a{}", level - 1); 10].join(",");
        format!("{all}a{level}: &a{level} [{inner}]\n")
    });
    assert!(parse(&bomb).is_err());
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(parse(&deep).is_err());
}

/// Anchors and merge keys are YAML; places are those of the use.
#[test]
fn anchors_and_merges() {
    let node = parse("base: &b { url: x }\none: *b\ntwo:\n  <<: *b\n  name: y\n").unwrap();
    let text = format!("{node:?}");
    assert_eq!(text.matches("\"url\"").count(), 3, "{text}");
}
