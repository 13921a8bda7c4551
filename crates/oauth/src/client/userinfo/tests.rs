use super::*;

#[test]
fn answers() {
    let mismatch = |received: &str| Some(UserinfoError::SubjectMismatch { expected: "s1".to_owned(), received: received.to_owned() });
    let malformed = |status, detail: &str| Some(UserinfoError::Malformed { status, detail: detail.to_owned() });
    let json = "not one well-formed JSON document without repeated members";
    let cases = [
        (200, r#"{"sub":"s1","groups":["a"]}"#, None),
        (200, r#"{"sub":"s2","groups":["a"]}"#, mismatch("s2")),
        (200, r#"{"groups":["a"]}"#, mismatch("")),
        (200, r#"{"sub":["s1"]}"#, mismatch("")),
        (200, r#"{"sub":"s2","sub":"s1"}"#, malformed(200, json)),
        (200, "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", Some(UserinfoError::Signed)),
        (401, r#"{"sub":"s1"}"#, malformed(401, "the status is not 200")),
    ];
    for (status, body, expected) in cases {
        assert_eq!(parse_userinfo(status, body.as_bytes(), "s1").err(), expected, "{body}");
    }
}
