//! The forms of the headers that Doorward decides upon.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{check, forwarded, is_event_stream, is_json};

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter().map(pair) {
        map.append(name, value);
    }
    map
}

#[test]
fn content_types() {
    for good in ["application/json", "Application/Json", "application/json;charset=utf-8", "application/json ; charset=\"UTF-8\" ;"] {
        assert!(is_json(good), "{good}");
    }
    for bad in [
        "",
        "text/json",
        "application/json5",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; a=b",
        "application/json; charset",
    ] {
        assert!(!is_json(bad), "{bad}");
    }
    assert!(is_event_stream("text/event-stream; charset=utf-8") && !is_event_stream("text/event-streams"));
}

#[test]
fn what_may_stand_twice_passes_twice() {
    let passed =
        forwarded(&headers(&[("baggage", "a=1"), ("baggage", "b=2"), ("accept", "a/b"), ("x-user", "eve"), ("mcp-param-a_b", "1")]));
    assert_eq!(passed.get_all("baggage").iter().count(), 2);
    assert_eq!(passed.len(), 4);
    assert!(!passed.contains_key("x-user"));
}

#[test]
fn connection_lists_nothing_but_itself() {
    for (value, fine) in [
        ("close", true),
        ("Keep-Alive, TE", true),
        ("", true),
        ("close,", true),
        ("upgrade", false),
        ("x-auth-request-user", false),
        ("close, cookie", false),
    ] {
        assert_eq!(check(&headers(&[("connection", value)])).is_ok(), fine, "{value}");
    }
}
