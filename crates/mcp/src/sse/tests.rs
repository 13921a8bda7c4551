//! security D15: events are found whatever the chunks and line ends, and not a byte changes.

use super::{Event, EventScanner, SseError};

fn scan(stream: &[u8], chunk: usize) -> (Vec<Event>, Vec<u8>) {
    let mut scanner = EventScanner::new(1024);
    let mut events = Vec::new();
    for part in stream.chunks(chunk) {
        events.extend(scanner.push(part).unwrap());
    }
    (events, scanner.finish())
}

#[test]
fn events_are_the_same_in_any_chunks() {
    let cases: [(&str, &[Option<&str>]); 12] = [
        ("data: a\n\n", &[Some("a")]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", &[Some("a"), Some("b")]),
        ("data: a\r\rdata: b\r\r", &[Some("a"), Some("b")]),
        ("data: a\n\r\ndata:b\r\n\n", &[Some("a"), Some("b")]),
        ("data: a\ndata: b\n\n", &[Some("a\nb")]),
        ("event: message\nid: 7\nretry: 5\ndata: {}\n\n", &[Some("{}")]),
        (": keep-alive\n\n", &[None]),
        ("id: 1\n\n", &[None]),
        ("data\n\n", &[Some("")]),
        ("data:  two spaces\n\n", &[Some(" two spaces")]),
        ("\u{FEFF}data: a\n\n", &[Some("a")]),
        ("data: a\u{2028}b\u{2029}\n\ndataset: x\n\n", &[Some("a\u{2028}b\u{2029}"), None]),
    ];
    for (stream, expected) in cases {
        for chunk in [1, 2, 3, 5, 1000] {
            let (events, rest) = scan(stream.as_bytes(), chunk);
            let data: Vec<Option<&str>> = events.iter().map(|event| event.data().map(|data| std::str::from_utf8(data).unwrap())).collect();
            assert_eq!(data, expected, "{stream:?} in chunks of {chunk}");
            let mut raw: Vec<u8> = events.into_iter().flat_map(Event::into_raw).collect();
            raw.extend(rest);
            assert_eq!(raw, stream.as_bytes(), "{stream:?} in chunks of {chunk}");
        }
    }
}

#[test]
fn an_unfinished_event_is_no_event() {
    let (events, rest) = scan(b"data: a\n\ndata: b\n", 4);
    assert_eq!(events.len(), 1);
    assert_eq!(rest, b"data: b\n");
}

#[test]
fn an_event_is_bounded() {
    let mut scanner = EventScanner::new(16);
    assert_eq!(scanner.push(b"data: 0123456789"), Ok(vec![]));
    assert_eq!(scanner.push(b"x"), Err(SseError::EventTooLarge { limit: 16 }));
    let mut scanner = EventScanner::new(16);
    for _ in 0..100 {
        assert_eq!(scanner.push(b"data: 01234\n\n").map(|events| events.len()), Ok(1));
    }
}

#[test]
fn new_data_keeps_every_other_line() {
    let cases = [
        ("id: 7\nevent: message\ndata: old\nretry: 5\n\n", "new", "id: 7\nevent: message\ndata: new\nretry: 5\n\n"),
        ("data: a\ndata: b\nid: 7\n\n", "new", "data: new\nid: 7\n\n"),
        ("id: 7\r\ndata: old\r\n\r\n", "new", "id: 7\r\ndata: new\n\r\n"),
        (": note\ndata: old\n\n", "{\n}", ": note\ndata: {\ndata: }\n\n"),
        ("\u{FEFF}data: old\nid: 7\n\n", "new", "data: new\nid: 7\n\n"),
        ("data: old\n\n", "a\r\nid: evil", "data: a\ndata: \ndata: id: evil\n\n"),
    ];
    for (stream, data, expected) in cases {
        let (events, _) = scan(stream.as_bytes(), 1000);
        assert_eq!(String::from_utf8(events[0].with_data(data.as_bytes())).unwrap(), expected, "{stream:?}");
    }
}

#[test]
fn a_byte_order_mark_is_one_only_at_the_very_beginning() {
    let (events, _) = scan("data: a\n\n\u{FEFF}data: x\ndata: old\n\n".as_bytes(), 1000);
    assert_eq!(events[1].data(), Some(&b"old"[..]));
    assert_eq!(events[1].with_data(b"new"), "\u{FEFF}data: x\ndata: new\n\n".as_bytes());
}
