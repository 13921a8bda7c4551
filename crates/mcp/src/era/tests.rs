//! security D8 and D9: headers against bodies.

use super::{Era, HeaderError, StandardHeaders, agree, decode_header_value};
use crate::message::parse;
use crate::strict::Limits;

const MODERN: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn outcome(body: &str, protocol_version: Option<&str>, method: Option<&str>, name: Option<&str>) -> Result<Era, HeaderError> {
    let message = parse(body.as_bytes(), &Limits::default()).expect(body);
    agree(&message, &StandardHeaders { protocol_version, method, name })
}

fn mismatch(header: &'static str) -> Result<Era, HeaderError> {
    Err(HeaderError::Mismatch { header })
}

fn unsupported(requested: &str) -> Result<Era, HeaderError> {
    Err(HeaderError::UnsupportedVersion { requested: requested.to_owned() })
}

#[test]
fn a_modern_request_must_say_the_same_twice() {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a tool",{MODERN}}}}}"#);
    let version = Some("2026-07-28");
    let cases = [
        (version, Some("tools/call"), Some("a tool"), Ok(Era::Modern)),
        (version, Some("tools/call"), Some("=?base64?YSB0b29s?="), Ok(Era::Modern)),
        (version, Some("tools/call"), Some(" a tool\t"), Ok(Era::Modern)),
        (version, Some("tools/call"), Some("A tool"), mismatch("Mcp-Name")),
        (version, Some("tools/call"), Some("another"), mismatch("Mcp-Name")),
        (version, Some("tools/call"), Some("=?base64?YW5vdGhlcg==?="), mismatch("Mcp-Name")),
        (version, Some("tools/call"), Some("=?base64?YSB0b29?="), mismatch("Mcp-Name")),
        (version, Some("tools/call"), Some("=?base64?YSB0b29s=?="), mismatch("Mcp-Name")),
        (version, Some("tools/call"), Some("=?BASE64?YSB0b29s?="), mismatch("Mcp-Name")),
        (version, Some("tools/call"), Some("=?base64??="), mismatch("Mcp-Name")),
        (version, Some("tools/call"), Some(""), mismatch("Mcp-Name")),
        (version, Some("tools/call"), None, mismatch("Mcp-Name")),
        (version, Some("tools/list"), Some("a tool"), mismatch("Mcp-Method")),
        (version, Some("Tools/call"), Some("a tool"), mismatch("Mcp-Method")),
        (version, None, Some("a tool"), mismatch("Mcp-Method")),
        (Some("2025-11-25"), Some("tools/call"), Some("a tool"), mismatch("MCP-Protocol-Version")),
        (None, Some("tools/call"), Some("a tool"), mismatch("MCP-Protocol-Version")),
        (Some("2030-01-01"), Some("tools/call"), Some("a tool"), unsupported("2030-01-01")),
    ];
    for (version, method, name, expected) in cases {
        assert_eq!(outcome(&body, version, method, name), expected, "{version:?} {method:?} {name:?}");
    }
}

#[test]
fn an_unknown_revision_in_the_body_is_a_mismatch_where_the_header_says_another() {
    let body =
        r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"v999"}}}"#;
    let cases = [
        (Some("2026-07-28"), mismatch("MCP-Protocol-Version")),
        (Some("2025-11-25"), mismatch("MCP-Protocol-Version")),
        (Some("v999"), unsupported("v999")),
        (None, unsupported("v999")),
    ];
    for (version, expected) in cases {
        assert_eq!(outcome(body, version, Some("server/discover"), None), expected, "{version:?}");
    }
}

#[test]
fn the_era_is_a_property_of_one_request() {
    let bare = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let modern = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{MODERN}}}}}"#);
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}"#;
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let missing = |member| Err(HeaderError::MissingMeta { member });
    let no_capabilities =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let named = |body: &str, version, method| outcome(body, version, method, None);
    assert_eq!(named(bare, None, None), Ok(Era::Legacy));
    assert_eq!(named(bare, Some("2025-06-18"), None), Ok(Era::Legacy));
    assert_eq!(named(bare, Some("2025-06-18"), Some("tools/call")), mismatch("Mcp-Method"));
    assert_eq!(named(bare, Some("2026-07-28"), Some("tools/list")), missing("io.modelcontextprotocol/protocolVersion"));
    assert_eq!(named(bare, Some("latest"), None), unsupported("latest"));
    assert_eq!(named(bare, Some(""), None), unsupported(""));
    assert_eq!(named(&modern, Some("2026-07-28"), Some("tools/list")), Ok(Era::Modern));
    assert_eq!(named(no_capabilities, Some("2026-07-28"), Some("tools/list")), missing("io.modelcontextprotocol/clientCapabilities"));
    assert_eq!(named(initialize, None, None), Ok(Era::Legacy));
    assert_eq!(named(initialize, Some("2025-11-25"), None), Ok(Era::Legacy));
    assert_eq!(named(notification, Some("2026-07-28"), Some("notifications/cancelled")), Ok(Era::Modern));
    assert_eq!(named(notification, Some("2026-07-28"), None), mismatch("Mcp-Method"));
    assert_eq!(named(response, Some("2025-11-25"), None), Ok(Era::Legacy));
    assert_eq!(named(response, Some("2026-07-28"), None), Err(HeaderError::ResponseNotAllowed));
    assert_eq!(named(response, None, Some("tools/call")), mismatch("Mcp-Method"));
}

#[test]
fn a_name_is_only_where_a_method_has_one() {
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let task = r#"{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"t-1"}}"#;
    let legacy_call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
    assert_eq!(outcome(list, None, None, Some("a")), mismatch("Mcp-Name"));
    assert_eq!(outcome(task, None, None, Some("t-1")), Ok(Era::Legacy));
    assert_eq!(outcome(task, None, None, Some("t-2")), mismatch("Mcp-Name"));
    assert_eq!(outcome(legacy_call, Some("2025-03-26"), None, Some("b")), mismatch("Mcp-Name"));
    assert_eq!(outcome(legacy_call, Some("2025-03-26"), None, None), Ok(Era::Legacy));
}

#[test]
fn header_values_decode_as_the_specification_shows() {
    let cases = [
        ("us-west1", Some("us-west1")),
        ("=?base64?SGVsbG8sIOS4lueVjA==?=", Some("Hello, 世界")),
        ("=?base64?IHBhZGRlZCA=?=", Some(" padded ")),
        ("=?base64?bGluZTEKbGluZTI=?=", Some("line1\nline2")),
        ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", Some("=?base64?literal?=")),
        ("=?base64?SGVsbG8sIOS4lueVjA?=", None),
        ("=?base64?SGVsbG8sIOS4lueVjB==?=", None),
        ("=?base64?_w==?=", None),
        ("=?base64?/w==?=", None),
        ("=?base64?a b?=", None),
        ("=?base64?abc", Some("=?base64?abc")),
    ];
    for (value, expected) in cases {
        assert_eq!(decode_header_value(value).as_deref(), expected, "{value}");
    }
}
