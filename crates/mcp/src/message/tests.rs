//! The shape of JSON-RPC 2.0, and what each method cannot do without.

use super::{Message, Reference, parse};
use crate::method::Method;
use crate::strict::{FrameError, Limits};

fn fault(body: &str) -> FrameError {
    parse(body.as_bytes(), &Limits::default()).expect_err(body)
}

#[test]
fn a_tool_call_is_read_without_copying() {
    let body = br#"{"jsonrpc":"2.0","id":"a\u0062","method":"tools/call","params":{"name":"delete_customer","arguments":{"id":1,"Force":true,"r\u00e9f":null},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"Example","version":"1"}}}}"#;
    let Message::Request(request) = parse(body, &Limits::default()).unwrap() else { panic!("not a request") };
    assert_eq!(request.id.as_json(), r#""a\u0062""#);
    assert_eq!(request.call.method, Some(Method::CallTool));
    assert_eq!(request.call.target(), Some("delete_customer"));
    assert_eq!(request.call.argument_names(10), ["id", "Force", "réf"]);
    assert_eq!(request.call.argument_names(2), ["id", "Force"]);
    assert_eq!(request.call.arguments_map().unwrap().len(), 3);
    assert_eq!(request.call.params.meta.protocol_version.as_deref(), Some("2026-07-28"));
    assert_eq!(request.call.params.meta.client_capabilities.as_deref(), Some("{}"));
    assert_eq!(request.call.params.client_info_name.as_deref(), Some("Example"));
}

#[test]
fn every_kind_of_message_is_told_apart() {
    let cases = [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, "request"),
        (r#"{"jsonrpc":"2.0","id":-7,"method":"ping","params":{}}"#, "request"),
        (r#"{"jsonrpc":"2.0","id":18446744073709551616,"method":"ping"}"#, "request"),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "notification"),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "response"),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#, "response"),
    ];
    for (body, expected) in cases {
        let kind = match parse(body.as_bytes(), &Limits::default()) {
            Ok(Message::Request(_)) => "request",
            Ok(Message::Notification(_)) => "notification",
            Ok(Message::Response(_)) => "response",
            Err(error) => panic!("{body}: {error:?}"),
        };
        assert_eq!(kind, expected, "{body}");
    }
}

#[test]
fn what_is_not_json_rpc_is_refused() {
    let id = FrameError::NotJsonRpc("id must be a string or an integer");
    let version = FrameError::NotJsonRpc("jsonrpc must be \"2.0\"");
    let neither = FrameError::NotJsonRpc("neither a request nor a response");
    let cases = [
        ("{}", version.clone()),
        (r#"{"id":1,"method":"ping"}"#, version.clone()),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, version.clone()),
        (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, version.clone()),
        (r#"{"jsonrpc":"2\u002e0","id":1,"method":"ping"}"#, version),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, id.clone()),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, id.clone()),
        (r#"{"jsonrpc":"2.0","id":1e3,"method":"ping"}"#, id.clone()),
        (r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#, id.clone()),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, id.clone()),
        (r#"{"jsonrpc":"2.0","id":[],"result":{}}"#, id),
        (r#"{"jsonrpc":"2.0"}"#, neither.clone()),
        (r#"{"jsonrpc":"2.0","id":1}"#, FrameError::NotJsonRpc("a response has either result or error")),
        (r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#, FrameError::NotJsonRpc("a response has either result or error")),
        (r#"{"jsonrpc":"2.0","id":1,"result":1,"params":{}}"#, neither),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, FrameError::NotJsonRpc("a request has neither result nor error")),
    ];
    for (body, expected) in cases {
        assert_eq!(fault(body), expected, "{body}");
    }
    let long = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "x".repeat(300));
    assert_eq!(fault(&long), FrameError::NotJsonRpc("id must be a string or an integer"));
}

#[test]
fn parameters_are_checked_per_method() {
    let text = FrameError::InvalidParams("a name, URI or version must be a string");
    let object = FrameError::InvalidParams("params must be an object");
    let reference = FrameError::InvalidParams("ref must name a prompt or a resource");
    let cases = [
        ("tools/call", "{}", FrameError::InvalidParams("name is missing")),
        ("tools/call", r#"{"name":null}"#, text.clone()),
        ("tools/call", r#"{"name":["a"]}"#, text.clone()),
        ("tools/call", r#"{"name":""}"#, FrameError::InvalidName("name")),
        ("tools/call", r#"{"name":"a\u0000b"}"#, FrameError::InvalidName("name")),
        ("tools/call", r#"{"name":"a\u200bb"}"#, FrameError::InvalidName("name")),
        ("tools/call", r#"{"name":"a\u202eb"}"#, FrameError::InvalidName("name")),
        ("tools/call", r#"{"name":"a\nb"}"#, FrameError::InvalidName("name")),
        ("tools/call", r#"{"name":"a","arguments":[]}"#, FrameError::InvalidParams("arguments must be an object")),
        ("tools/call", r#"{"name":"a","arguments":"{}"}"#, FrameError::InvalidParams("arguments must be an object")),
        ("tools/call", r#"{"name":"a","_meta":[]}"#, FrameError::InvalidParams("_meta must be an object")),
        ("tools/call", r#"["a"]"#, object.clone()),
        ("tools/call", "null", object.clone()),
        ("ping", "null", object),
        ("prompts/get", "{}", FrameError::InvalidParams("name is missing")),
        ("resources/read", r#"{"name":"a"}"#, FrameError::InvalidParams("uri is missing")),
        ("resources/read", r#"{"uri":7}"#, text),
        ("resources/subscribe", "{}", FrameError::InvalidParams("uri is missing")),
        ("resources/unsubscribe", "{}", FrameError::InvalidParams("uri is missing")),
        ("completion/complete", "{}", FrameError::InvalidParams("ref is missing")),
        ("completion/complete", r#"{"ref":{"type":"ref/prompt"}}"#, reference.clone()),
        ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"a","uri":"b"}}"#, reference.clone()),
        ("completion/complete", r#"{"ref":{"type":"ref/tool","name":"a"}}"#, reference.clone()),
        ("completion/complete", r#"{"ref":["ref/prompt","a",null]}"#, reference.clone()),
        ("completion/complete", r#"{"ref":"a"}"#, reference),
        ("tasks/get", "{}", FrameError::InvalidParams("taskId is missing")),
        ("tasks/result", "{}", FrameError::InvalidParams("taskId is missing")),
        ("tasks/cancel", "{}", FrameError::InvalidParams("taskId is missing")),
        ("tasks/update", r#"{"taskId":""}"#, FrameError::InvalidName("taskId")),
        ("subscriptions/listen", r#"{"notifications":[]}"#, FrameError::InvalidParams("notifications must be an object")),
    ];
    for (method, params, expected) in cases {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        assert_eq!(fault(&body), expected, "{body}");
    }
    for method in ["tools/call", "resources/read", "completion/complete", "tasks/get"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
        assert!(matches!(fault(&body), FrameError::InvalidParams(_)), "{body}");
    }
    let long = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{}"}}}}"#, "x".repeat(10_240));
    assert_eq!(fault(&long), FrameError::InvalidName("name"));
}

#[test]
fn methods_are_names_too() {
    for (method, expected) in [
        (r#""""#, FrameError::InvalidName("method")),
        (r#""tools/call\u0000""#, FrameError::InvalidName("method")),
        (r#""tools/\u200bcall""#, FrameError::InvalidName("method")),
        ("7", FrameError::InvalidParams("a name, URI or version must be a string")),
        ("null", FrameError::InvalidParams("a name, URI or version must be a string")),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":{method}}}"#);
        assert_eq!(fault(&body), expected, "{body}");
    }
}

#[test]
fn what_completions_and_subscriptions_speak_of_is_read() {
    let parse_call = |body: &'static str| match parse(body.as_bytes(), &Limits::default()).unwrap() {
        Message::Request(request) => request.call,
        Message::Notification(_) | Message::Response(_) => panic!("{body}"),
    };
    let call = parse_call(
        r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"file:///{p}"},"argument":{"name":"p","value":"a"}}}"#,
    );
    assert_eq!(call.params.reference, Some(Reference::Resource("file:///{p}".into())));
    assert_eq!(call.target(), Some("file:///{p}"));
    let call = parse_call(
        r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:1","a:2"]}}}"#,
    );
    assert_eq!(call.params.resource_subscriptions, ["a:1", "a:2"]);
    let call = parse_call(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","task":{"ttl":1},"arguments":null}}"#);
    assert!(call.params.as_task && call.params.arguments.is_none());
    let call = parse_call(r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#);
    assert_eq!(call.method, None, "a notification's method is no request");
}

/// RFC 3986 section 6.2.2: policy compares text, an upstream may normalise first.
#[test]
fn a_uri_has_one_reading() {
    let ambiguous = [
        "file:///docs/../secret",
        "file:///docs/./a",
        "file:///docs/..",
        "docs:../secret",
        "file:///docs/%2e%2e/secret",
        "file:///docs/.%2E/secret",
        "file:///docs/%252e%252e/secret",
        r"file:///docs\..\secret",
        "file:///docs%2f..%2fsecret",
        "file:///docs%5C..%5csecret",
        "file:///docs%252f..%252fsecret",
        "file:///docs/..;x/secret",
        "file:///docs/?/../secret",
        "file:///%73ecret",
        "FILE:///secret",
    ];
    for uri in ambiguous {
        let uri = uri.replace('\\', "\\\\");
        for (method, params) in [
            ("resources/read", format!(r#"{{"uri":"{uri}"}}"#)),
            ("resources/subscribe", format!(r#"{{"uri":"{uri}"}}"#)),
            ("completion/complete", format!(r#"{{"ref":{{"type":"ref/resource","uri":"{uri}"}}}}"#)),
            ("subscriptions/listen", format!(r#"{{"notifications":{{"resourceSubscriptions":["a:b","{uri}"]}}}}"#)),
        ] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
            assert_eq!(fault(&body), FrameError::AmbiguousUri);
        }
    }
    for uri in [
        "docs://a",
        "docs://A/.../b..c/.hidden/x.y",
        "file:///C:/Program%20Files/100%25%20caf%C3%A9",
        "db://host:5432/table?filter=a%2Fb&sort=-x#Row",
        "note:Mixed-Case_and~more",
        "file:///{+path}",
        "plain name",
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{{"uri":"{uri}"}}}}"#);
        let read = parse(body.as_bytes(), &Limits::default()).map(drop);
        assert_eq!(read, Ok(()), "{uri}");
    }
}

/// Every one of them is a question to policy, and stands in the audit trail.
#[test]
fn subscriptions_are_few() {
    let listen = |uris: &[String]| {
        let params = serde_json::json!({ "notifications": { "resourceSubscriptions": uris } });
        let body = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params }).to_string();
        parse(body.as_bytes(), &Limits::default()).map(drop)
    };
    let many = FrameError::InvalidParams("too many resourceSubscriptions, or too long ones");
    assert_eq!(listen(&vec!["docs://a".to_owned(); 100]), Ok(()));
    assert_eq!(listen(&vec!["docs://a".to_owned(); 101]), Err(many.clone()));
    assert_eq!(listen(&vec![format!("docs://{}", "a".repeat(8000)); 9]), Err(many));
}
