//! security D1 to D7: what the strict scan refuses, and with which fault.

use super::{FrameError, Limits, check_message, check_reply};

const LIMITS: Limits = Limits { max_bytes: 4096, max_depth: 8 };

fn duplicate(member: &str) -> FrameError {
    FrameError::DuplicateMember { member: member.to_owned() }
}

fn lookalike(member: &str) -> FrameError {
    FrameError::LookalikeMember { member: member.to_owned() }
}

fn unknown(member: &str) -> FrameError {
    FrameError::UnknownMember { member: member.to_owned() }
}

fn invalid_json(error: &FrameError) -> bool {
    matches!(error, FrameError::InvalidJson { .. })
}

#[test]
fn acceptable_messages_pass() {
    let bodies = [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"Name":1,"NAME":2,"name":3,"größe":4,"a b":5}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"arguments":{"quote\"d":1,"\u00e9":2,"text":"\u0000 is fine in a value"}}}"#,
        r#" {"jsonrpc":"2.0","method":"notifications/initialized"} "#,
        r#"{"jsonrpc":"2.0","id":"1","result":{"roots":[{"Name":1}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"progressToken":1,"com.example/Thing":{"a":[1.5,-0.0,1e3]}}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"vendorExtension":true}}"#,
    ];
    for body in bodies {
        assert_eq!(check_message(body.as_bytes(), &LIMITS), Ok(()), "{body}");
    }
}

#[test]
fn duplicates_are_refused_at_every_depth() {
    let cases = [
        (r#"{"method":"tools/list","method":"tools/call"}"#, duplicate("method")),
        (r#"{"params":{"name":"safe","name":"secret"}}"#, duplicate("name")),
        (r#"{"params":{"arguments":{"a":1,"b":2,"a":3}}}"#, duplicate("a")),
        (r#"{"params":{"arguments":{"deep":[{"x":{"a":1,"\u0061":2}}]}}}"#, duplicate("a")),
        (r#"{"result":{"a":1,"a":1}}"#, duplicate("a")),
        (r#"{"params":{"arguments":{"":1,"":2}}}"#, duplicate("")),
    ];
    for (body, expected) in cases {
        assert_eq!(check_message(body.as_bytes(), &LIMITS), Err(expected), "{body}");
    }
}

#[test]
fn duplicates_are_found_among_many_members() {
    let members: Vec<String> = (0..40).map(|n| format!("\"k{n}\":{n}")).collect();
    for twice in [0, 15, 16, 39] {
        let body = format!("{{\"params\":{{\"arguments\":{{{},\"k{twice}\":0}}}}}}", members.join(","));
        assert_eq!(check_message(body.as_bytes(), &LIMITS), Err(duplicate(&format!("k{twice}"))));
    }
}

#[test]
fn disguised_members_are_refused() {
    let cases = [
        // Case folding, alone and beside the real member (D1).
        (r#"{"Method":"tools/call"}"#, lookalike("Method")),
        (r#"{"METHOD":"tools/call"}"#, lookalike("METHOD")),
        (r#"{"method":"tools/list","Method":"tools/call"}"#, lookalike("Method")),
        (r#"{"jsonRPC":"2.0"}"#, lookalike("jsonRPC")),
        (r#"{"ID":1}"#, lookalike("ID")),
        (r#"{"Result":{}}"#, lookalike("Result")),
        (r#"{"Error":{}}"#, lookalike("Error")),
        (r#"{"params":{"name":"backend__greet","Name":"backend__secretTool"}}"#, lookalike("Name")),
        (r#"{"params":{"URI":"file:///"}}"#, lookalike("URI")),
        (r#"{"params":{"Arguments":{}}}"#, lookalike("Arguments")),
        (r#"{"params":{"_Meta":{}}}"#, lookalike("_Meta")),
        (r#"{"params":{"taskid":"1"}}"#, lookalike("taskid")),
        // Unicode folding (D1): U+017F folds to s, U+212A to k, full width to ASCII.
        ("{\"param\u{017F}\":{}}", lookalike("param\u{017F}")),
        ("{\"re\u{017F}ult\":{}}", lookalike("re\u{017F}ult")),
        (r#"{"param\u017f":{}}"#, lookalike("param\u{017F}")),
        ("{\"params\":{\"ta\u{017F}\u{212A}\":{}}}", lookalike("ta\u{017F}\u{212A}")),
        ("{\"\u{FF4D}ethod\":\"x\"}", lookalike("\u{FF4D}ethod")),
        ("{\"params\":{\"n\u{0430}me\":\"x\"}}", lookalike("n\u{0430}me")),
        // Zero-width characters.
        ("{\"met\u{200B}hod\":\"x\"}", lookalike("met\u{200B}hod")),
        ("{\"params\":{\"name\u{200D}\":\"x\"}}", lookalike("name\u{200D}")),
        ("{\"\u{FEFF}method\":\"x\"}", lookalike("\u{FEFF}method")),
        // White space around, escapes inside (D4).
        (r#"{"method ":"x"}"#, lookalike("method ")),
        (r#"{"params":{" name":"x"}}"#, lookalike(" name")),
        (r#"{"\u006dethod":"x"}"#, lookalike("method")),
        (r#"{"params":{"na\u006de":"x"}}"#, lookalike("name")),
        // Inside the other objects that decide.
        (r#"{"params":{"_meta":{"io.modelcontextprotocol/ProtocolVersion":"x"}}}"#, lookalike("io.modelcontextprotocol/ProtocolVersion")),
        (r#"{"params":{"ref":{"Type":"ref/prompt"}}}"#, lookalike("Type")),
        (r#"{"params":{"ref":{"type":"ref/prompt","Name":"x"}}}"#, lookalike("Name")),
        (r#"{"params":{"notifications":{"ResourceSubscriptions":[]}}}"#, lookalike("ResourceSubscriptions")),
        // How one JSON library smuggles raw text into a value.
        (r#"{"params":{"arguments":{"a":{"$serde_json::private::RawValue":"{\"x\":1}"}}}}"#, lookalike("$serde_json::private::RawValue")),
        // Not disguised, but not JSON-RPC either.
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}"#, unknown("extra")),
        (r#"{"name":"x"}"#, unknown("name")),
    ];
    for (body, expected) in cases {
        assert_eq!(check_message(body.as_bytes(), &LIMITS), Err(expected), "{body}");
    }
}

#[test]
fn control_characters_in_member_names_are_refused_everywhere() {
    let bodies = [
        r#"{"method\u0000":"x"}"#,
        r#"{"params":{"name\u0000":"x"}}"#,
        r#"{"params":{"arguments":{"a\u0000":1}}}"#,
        r#"{"params":{"arguments":{"a\u001b[2J":1}}}"#,
        r#"{"params":{"arguments":{"a\r\nb":1}}}"#,
        r#"{"params":{"arguments":{"a\u007f":1}}}"#,
        r#"{"params":{"arguments":{"a\u0085":1}}}"#,
    ];
    for body in bodies {
        assert_eq!(check_message(body.as_bytes(), &LIMITS), Err(FrameError::ControlCharacter), "{body}");
    }
}

#[test]
fn what_is_not_one_json_document_is_refused() {
    let bodies: [&[u8]; 22] = [
        b"",
        b"   ",
        b"{",
        b"{}{}",
        b"{\"id\":1}\n{\"id\":2}",
        b"{\"id\":1} x",
        b"\xEF\xBB\xBF{\"id\":1}",
        b"\xFF\xFE{\0\"\0",
        b"{\"params\":{\"a\":\"\xff\"}}",
        b"{\"params\":{\"a\":\"\xed\xa0\x80\"}}",
        b"{\"params\":{\"\xc0\xae\":1}}",
        br#"{"params":{"a":"\ud800"}}"#,
        br#"{"params":{"\ud800":1}}"#,
        br#"{"params":{"a":"\udc00\ud800"}}"#,
        br#"{"params":{"a":1e999}}"#,
        br#"{"params":{"a":01}}"#,
        br#"{"params":{"a":NaN}}"#,
        br#"{"params":{"a":1,}}"#,
        b"{\"params\":{\"a\":\"line\nbreak\"}}",
        b"{\"params\":{\"a\":\"nul\0\"}}",
        b"{'id':1}",
        b"{/* */\"id\":1}",
    ];
    for body in bodies {
        let error = check_message(body, &LIMITS).unwrap_err();
        assert!(invalid_json(&error), "{:?} gave {error:?}", String::from_utf8_lossy(body));
    }
}

#[test]
fn batches_and_scalars_are_refused() {
    let cases = [
        (r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#, FrameError::BatchNotSupported),
        (" \r\n\t[[]]", FrameError::BatchNotSupported),
        ("[]", FrameError::BatchNotSupported),
        ("null", FrameError::NotJsonRpc("the body is not an object")),
        ("\"text\"", FrameError::NotJsonRpc("the body is not an object")),
        ("7", FrameError::NotJsonRpc("the body is not an object")),
    ];
    for (body, expected) in cases {
        assert_eq!(check_message(body.as_bytes(), &LIMITS), Err(expected), "{body}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let nested = |depth: usize| format!("{{\"params\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(check_message(nested(7).as_bytes(), &LIMITS), Ok(()));
    assert_eq!(check_message(nested(8).as_bytes(), &LIMITS), Err(FrameError::TooDeep { limit: 8 }));
    let generous = Limits { max_bytes: 1_000_000, max_depth: 64 };
    assert_eq!(check_message(nested(100_000).as_bytes(), &generous), Err(FrameError::TooDeep { limit: 64 }));
    let objects = format!("{}1{}", "{\"params\":".repeat(70), "}".repeat(70));
    assert_eq!(check_message(objects.as_bytes(), &generous), Err(FrameError::TooDeep { limit: 64 }));
    let long = format!("{{\"params\":\"{}\"}}", "a".repeat(5000));
    assert_eq!(check_message(long.as_bytes(), &LIMITS), Err(FrameError::BodyTooLarge { limit: 4096 }));
}

#[test]
fn hostile_member_names_are_quoted_short() {
    let body = format!("{{\"params\":{{\"arguments\":{{\"{0}\":1,\"{0}\":2}}}}}}", "k".repeat(1000));
    assert_eq!(check_message(body.as_bytes(), &LIMITS), Err(duplicate(&"k".repeat(64))));
}

#[test]
fn replies_may_have_any_members_but_not_twice() {
    assert_eq!(check_reply(br#"{"Result":1,"result":{"Tools":[]},"x":1}"#, 16), Ok(()));
    assert_eq!(check_reply(br#"{"result":{"tools":[],"tools":[{"name":"x"}]}}"#, 16), Err(duplicate("tools")));
}
