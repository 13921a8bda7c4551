//! Errors Doorward writes, outlines it reads.

use serde_json::json;

use super::{ErrorReply, Summary, summarize};
use crate::message::{Message, parse};
use crate::strict::Limits;

#[test]
fn an_error_carries_the_id_as_it_came() {
    for id in ["1", "-0", r#""a\u0062""#, "18446744073709551616"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let Message::Request(request) = parse(body.as_bytes(), &Limits::default()).unwrap() else { panic!("{body}") };
        let reply =
            ErrorReply { id: Some(request.id), code: -31403, message: "no \"entry\"", data: Some(json!({"code": "policy.default_deny"})) };
        let expected = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-31403,"message":"no \"entry\"","data":{{"code":"policy.default_deny"}}}}}}"#
        );
        assert_eq!(reply.to_json(), expected);
    }
    let reply = ErrorReply { id: None, code: -32700, message: "x", data: None };
    assert_eq!(reply.to_json(), r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#);
}

#[test]
fn own_codes_lie_outside_the_reserved_range() {
    for code in [ErrorReply::DENIED, ErrorReply::UPSTREAM, ErrorReply::UNAVAILABLE, ErrorReply::REFUSED] {
        assert!(!(-32768..=-32000).contains(&code), "{code}");
    }
}

#[test]
fn outlines_tell_errors_and_tasks() {
    let response = |is_tool_error, task_id: Option<&str>| {
        Some(Summary { is_response: true, is_tool_error, task_id: task_id.map(str::to_owned), ..Summary::default() })
    };
    let error = Some(Summary { is_response: true, is_error: true, ..Summary::default() });
    let cases = [
        (r#"{"id":1,"result":{"content":[]}}"#, response(false, None)),
        (r#"{"id":1,"result":{"content":[],"isError":true}}"#, response(true, None)),
        (r#"{"id":1,"error":{"code":1,"message":"x"}}"#, error),
        (r#"{"id":1,"result":{"task":{"taskId":"t1","status":"working"}}}"#, response(false, Some("t1"))),
        (r#"{"id":1,"result":{"resultType":"task","taskId":"t2"}}"#, response(false, Some("t2"))),
        (r#"{"id":1,"result":7}"#, response(false, None)),
        (r#"{"method":"notifications/progress","params":{}}"#, Some(Summary::default())),
        ("{}", None),
        ("<html>", None),
    ];
    for (message, expected) in cases {
        assert_eq!(summarize(message.as_bytes()), expected, "{message}");
    }
}
