//! Lists keep everything but what policy hides.

use super::{Filtered, Item, ListKind, ReplyError, ToolAnnotations, filter_lists, make_private};
use crate::strict::FrameError;

fn hide_secret(item: &Item<'_>) -> bool {
    !item.key.contains("secret")
}

fn filtered(reply: &str, private: bool) -> (String, usize, usize) {
    match filter_lists(reply.as_bytes(), private, &mut hide_secret).expect(reply) {
        Filtered::Lists { body, kept, hidden } => (String::from_utf8(body).unwrap(), kept, hidden),
        Filtered::NoList => panic!("no list in {reply}"),
    }
}

#[test]
fn items_are_hidden_and_the_rest_is_untouched() {
    let cases = [
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},{"name":"secret"},{"name":"b"}]}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},{"name":"b"}]}}"#,
        ),
        (
            r#"{"id":1.50,"jsonrpc":"2.0","result":{"nextCursor":"x","tools":[ {"x-vendor":1.0e2,"name":"a","inputSchema":{"properties":{"r":{"x-mcp-header":"Region"}}}} ],"_meta":{"n":12345678901234567890123}}}"#,
            r#"{"id":1.50,"jsonrpc":"2.0","result":{"nextCursor":"x","tools":[{"x-vendor":1.0e2,"name":"a","inputSchema":{"properties":{"r":{"x-mcp-header":"Region"}}}}],"_meta":{"n":12345678901234567890123}}}"#,
        ),
        (r#"{"result":{"tools":[{"name":"secret"}]}}"#, r#"{"result":{"tools":[]}}"#),
        (r#"{"result":{"tools":[]}}"#, r#"{"result":{"tools":[]}}"#),
        (r#"{"result":{"prompts":[{"name":"secret"},{"name":"p"}]}}"#, r#"{"result":{"prompts":[{"name":"p"}]}}"#),
        (
            r#"{"result":{"resources":[{"uri":"file:///secret","name":"x"},{"uri":"file:///a","name":"secret"}]}}"#,
            r#"{"result":{"resources":[{"uri":"file:///a","name":"secret"}]}}"#,
        ),
        (
            r#"{"result":{"resourceTemplates":[{"uriTemplate":"secret:{x}"},{"uriTemplate":"a:{x}"}]}}"#,
            r#"{"result":{"resourceTemplates":[{"uriTemplate":"a:{x}"}]}}"#,
        ),
        (r#"{"result":{"tools":[],"cacheScope":"public","ttlMs":5}}"#, r#"{"result":{"tools":[],"cacheScope":"private","ttlMs":5}}"#),
        (r#"{"result":{"tools":[{"n\u0061me":"a"},{"name":"s\u0065cret"}]}}"#, r#"{"result":{"tools":[{"n\u0061me":"a"}]}}"#),
    ];
    for (reply, expected) in cases {
        assert_eq!(filtered(reply, false).0, expected, "{reply}");
    }
}

#[test]
fn a_modern_list_always_says_private() {
    let (body, kept, hidden) = filtered(r#"{"result":{"tools":[{"name":"a"},{"name":"secret"}]}}"#, true);
    assert_eq!(body, r#"{"result":{"tools":[{"name":"a"}],"cacheScope":"private"}}"#);
    assert_eq!((kept, hidden), (1, 1));
    assert_eq!(filtered(r#"{"result":{"cacheScope":"public","tools":[]}}"#, true).0, r#"{"result":{"cacheScope":"private","tools":[]}}"#);
}

#[test]
fn items_that_cannot_be_decided_upon_are_hidden() {
    let items = [
        r#"{"title":"no name"}"#,
        r#"{"name":7}"#,
        r#"{"name":null}"#,
        r#""secret""#,
        "null",
        r#"["name","a"]"#,
        r#"{"name":"a","Name":"secret"}"#,
        r#"{"NAME":"a"}"#,
    ];
    for item in items {
        let reply = format!(r#"{{"result":{{"tools":[{item},{{"name":"ok"}}]}}}}"#);
        assert_eq!(filtered(&reply, false), (r#"{"result":{"tools":[{"name":"ok"}]}}"#.to_owned(), 1, 1), "{item}");
    }
}

#[test]
fn what_has_no_list_passes() {
    for reply in [
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"tools":[{"name":"secret"}]}}"#,
        r#"{"result":7}"#,
        "{}",
    ] {
        assert_eq!(filter_lists(reply.as_bytes(), true, &mut hide_secret), Ok(Filtered::NoList), "{reply}");
    }
}

#[test]
fn ambiguous_replies_are_refused() {
    let duplicate = |member: &str| ReplyError::Ambiguous(FrameError::DuplicateMember { member: member.to_owned() });
    let lookalike = |member: &str| ReplyError::Ambiguous(FrameError::LookalikeMember { member: member.to_owned() });
    let cases = [
        (r#"{"result":{"tools":[],"tools":[{"name":"secret"}]}}"#, duplicate("tools")),
        (r#"{"result":{"tools":[]},"result":{"tools":[{"name":"secret"}]}}"#, duplicate("result")),
        (r#"{"result":{"tools":[{"name":"a","name":"secret"}]}}"#, duplicate("name")),
        (r#"{"result":{"tools":[],"Tools":[{"name":"secret"}]}}"#, lookalike("Tools")),
        (r#"{"result":{"tools":{"a":{"name":"secret"}}}}"#, ReplyError::NotAList("tools")),
        (r#"{"result":{"prompts":null}}"#, ReplyError::NotAList("prompts")),
        ("[]", ReplyError::Ambiguous(FrameError::NotJsonRpc("the reply is not an object"))),
    ];
    for (reply, expected) in cases {
        assert_eq!(filter_lists(reply.as_bytes(), false, &mut hide_secret), Err(expected), "{reply}");
    }
    assert!(matches!(filter_lists(b"<html>", false, &mut hide_secret), Err(ReplyError::Ambiguous(FrameError::InvalidJson { .. }))));
}

#[test]
fn annotations_are_read_and_wrong_types_count_as_absent() {
    let cases = [
        (r#"{"readOnlyHint":true,"destructiveHint":false}"#, Some(true), Some(false)),
        (r#"{"readOnlyHint":false}"#, Some(false), None),
        (r#"{"readOnlyHint":"true"}"#, None, None),
        (r#"{"readOnlyHint":1}"#, None, None),
        (r#"{"ReadOnlyHint":true}"#, None, None),
        ("{}", None, None),
        ("true", None, None),
        ("null", None, None),
    ];
    for (annotations, read_only, destructive) in cases {
        let reply = format!(r#"{{"result":{{"tools":[{{"name":"a","annotations":{annotations}}}]}}}}"#);
        let mut seen = Vec::new();
        filter_lists(reply.as_bytes(), false, &mut |item| {
            seen.push((item.kind, item.key.clone().into_owned(), item.annotations));
            true
        })
        .unwrap();
        assert_eq!(seen, [(ListKind::Tools, "a".to_owned(), ToolAnnotations { read_only, destructive })], "{annotations}");
    }
}

#[test]
fn what_calls_itself_public_becomes_private() {
    let cases = [
        (
            r#"{"id":1.0,"result":{"contents":[],"cacheScope":"public","ttlMs":1.50}}"#,
            Some(r#"{"id":1.0,"result":{"contents":[],"cacheScope":"private","ttlMs":1.50}}"#),
        ),
        (r#"{"result":{"cacheScope":7}}"#, Some(r#"{"result":{"cacheScope":"private"}}"#)),
        (r#"{"result":{"cacheScope":"private"}}"#, None),
        (r#"{"result":{"contents":[{"cacheScope":"public"}]}}"#, None),
        (r#"{"error":{"code":1,"message":"cacheScope"}}"#, None),
        ("[]", None),
    ];
    for (reply, expected) in cases {
        let made = make_private(reply.as_bytes()).unwrap().map(|body| String::from_utf8(body).unwrap());
        assert_eq!(made.as_deref(), expected, "{reply}");
    }
    assert!(make_private(br#"{"result":{"cacheScope":"private","cacheScope":"public"}}"#).is_err());
}

#[test]
fn an_item_that_could_not_be_called_is_not_shown() {
    let long = "x".repeat(257);
    let reply = |member: &str, key: &str, value: &str| serde_json::json!({ "result": { member: [{ key: value }] } }).to_string();
    let cases = [
        ("tools", "name", ""),
        ("tools", "name", "read\u{200B}"),
        ("tools", "name", long.as_str()),
        ("prompts", "name", "a\u{202E}b"),
        ("resources", "uri", "file:///docs/../secret"),
        ("resources", "uri", ""),
        ("resourceTemplates", "uriTemplate", "file:///docs/%2e%2e/{name}"),
        ("tasks", "taskId", long.as_str()),
    ];
    for (member, key, value) in cases {
        let reply = reply(member, key, value);
        assert_eq!(filtered(&reply, false), (format!(r#"{{"result":{{"{member}":[]}}}}"#), 0, 1), "{reply}");
    }
}

#[test]
fn a_list_that_some_readers_would_find_is_refused() {
    for reply in [
        r#"{"jsonrpc":"2.0","id":1,"Result":{"tools":[{"name":"secret"}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"RESULT":{"tools":[{"name":"secret"}]}}"#,
        "{\"re\u{17F}ult\":{\"tools\":[{\"name\":\"secret\"}]}}",
        "{\"result\":{\"tool\u{17F}\":[{\"name\":\"secret\"}]}}",
        "{\"result\":{\"ta\u{17F}\u{212A}s\":[{\"taskId\":\"secret\"}]}}",
    ] {
        let refused = filter_lists(reply.as_bytes(), false, &mut hide_secret);
        assert!(matches!(refused, Err(ReplyError::Ambiguous(FrameError::LookalikeMember { .. }))), "{reply}: {refused:?}");
    }
    let twin = "{\"result\":{\"tasks\":[{\"taskId\":\"a\",\"tas\u{212A}Id\":\"secret\"}]}}";
    assert_eq!(filtered(twin, false), (r#"{"result":{"tasks":[]}}"#.to_owned(), 0, 1));
    for reply in [r#"{"Result":{"cacheScope":"public"}}"#, r#"{"result":{"cachescope":"public"}}"#] {
        assert!(make_private(reply.as_bytes()).is_err(), "{reply}");
    }
}
