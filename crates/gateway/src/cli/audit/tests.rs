use std::ffi::OsStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::table::Style;
use super::times::When;
use super::{Output, json_line, parse_kind};
use crate::audit::query::{Entry, Record};
use crate::audit::{Client, Decision, Event, Kind, Outcome, Person};

fn now() -> Timestamp {
    "2026-11-20T12:34:56Z".parse().unwrap()
}

#[test]
fn times_as_people_write_them() {
    let cases = [
        ("2026-11-20", Some("2026-11-20T00:00:00Z")),
        ("2026-11-19T09:30", Some("2026-11-19T09:30:00Z")),
        ("2026-11-19 09:30:15", Some("2026-11-19T09:30:15Z")),
        ("2026-11-19T09:30:00+01:00", Some("2026-11-19T08:30:00Z")),
        ("2026-11-19T09:30:00Z", Some("2026-11-19T09:30:00Z")),
        ("7d", Some("2026-11-13T12:34:56Z")),
        ("90m", Some("2026-11-20T11:04:56Z")),
        ("1h30m", Some("2026-11-20T11:04:56Z")),
        ("2w", Some("2026-11-06T12:34:56Z")),
        ("10s", Some("2026-11-20T12:34:46Z")),
        ("now", Some("2026-11-20T12:34:56Z")),
        ("today", Some("2026-11-20T00:00:00Z")),
        ("yesterday", Some("2026-11-19T00:00:00Z")),
        ("", None),
        ("7", None),
        ("d", None),
        ("7x", None),
        ("-7d", None),
        ("7dd", None),
        ("2026-13-01", None),
        ("99999999999999999999d", None),
        ("9223372036854775807w", None),
    ];
    for (text, expected) in cases {
        let read = text.parse::<When>().ok().map(|when| when.before(now()).unwrap().to_string());
        assert_eq!(read.as_deref(), expected, "{text}");
    }
    assert!(When::Ago(SignedDuration::from_hours(24 * 365 * 100_000)).before(now()).is_err());
}

#[test]
fn kinds_are_named_as_in_the_journal() {
    assert_eq!(parse_kind("sign_in"), Ok(Kind::SignIn));
    assert_eq!(parse_kind("Sign-In-Refused"), Ok(Kind::SignInRefused));
    assert!(parse_kind("signin").unwrap_err().contains("sign_in"));
}

#[test]
fn colour_only_where_it_is_wanted() {
    let set = OsStr::new("1");
    let cases = [
        (true, None, Style::Coloured),
        (true, Some(OsStr::new("")), Style::Coloured),
        (true, Some(set), Style::Plain),
        (false, None, Style::Plain),
    ];
    for (terminal, no_color, expected) in cases {
        assert_eq!(Style::of(terminal, no_color), expected);
    }
}

fn entries() -> Vec<Entry> {
    let record = |seq, event| Record { seq, prev: None, event };
    let call = Event {
        id: "evt_1".to_owned(),
        person: Some(Person { user_id: "usr_1".to_owned(), username: Some("alice".to_owned()), ..Person::default() }),
        client: Some(Client { id: "cli_1".to_owned(), name: Some("Claude\u{1b}[31m Code".to_owned()) }),
        upstream: Some("crm".to_owned()),
        method: Some("tools/call".to_owned()),
        name: Some("read_contact".to_owned()),
        decision: Some(Decision::Permit),
        ..Event::new(Kind::Call, now())
    };
    let ended = call.outcome(Outcome::ToolError, Some(200), Duration::from_micros(12_345), now());
    let denied =
        Event { decision: Some(Decision::Deny), code: Some("policy.default_deny".to_owned()), name: Some("x".repeat(60)), ..call.clone() };
    vec![
        Entry { record: record(1, Event { id: "evt_0".to_owned(), ..Event::new(Kind::JournalOpened, now()) }), outcome: None },
        Entry { record: record(2, call.clone()), outcome: Some(record(3, ended)) },
        Entry { record: record(4, denied), outcome: None },
        Entry { record: record(5, call), outcome: None },
    ]
}

fn shown(json: bool, style: Style) -> String {
    let mut bytes = Vec::new();
    let mut output = Output::new(&mut bytes, json, style);
    for entry in entries() {
        output.show(&entry).unwrap();
    }
    output.flush().unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_table() {
    let expected = "\
TIME                  PERSON  CLIENT            UPSTREAM  WHAT                                          DECISION  OUTCOME                MS
2026-11-20 12:34:56Z  -       -                 -         journal_opened                                -         -                       -
2026-11-20 12:34:56Z  alice   Claude\u{fffd}[31m Code  crm       tools/call read_contact                       permit    tool_error           12.3
2026-11-20 12:34:56Z  alice   Claude\u{fffd}[31m Code  crm       tools/call xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…  deny      policy.default_deny     -
2026-11-20 12:34:56Z  alice   Claude\u{fffd}[31m Code  crm       tools/call read_contact                       permit    unfinished              -
";
    assert_eq!(shown(false, Style::Plain), expected);
    let coloured = shown(false, Style::Coloured);
    assert!(coloured.contains("\u{1b}[31mdeny    \u{1b}[0m"));
    assert!(!coloured.contains("\u{1b}[31m Code"), "names cannot colour");
}

#[test]
fn a_call_in_json_carries_its_outcome() {
    let entries = entries();
    let line: serde_json::Value = serde_json::from_str(&json_line(&entries[1]).unwrap()).unwrap();
    assert_eq!(line["seq"], 2);
    assert_eq!(line["outcome"], "tool_error");
    assert_eq!(line["duration_us"], 12_345);
    assert_eq!(line["ended"], "2026-11-20T12:34:56Z");
    assert_eq!(line["person"]["username"], "alice");
    let text = shown(true, Style::Coloured);
    assert_eq!(text.lines().count(), 4);
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn what_doorward_called_for_by_itself_says_so() {
    let mut lookup = entries().remove(1);
    lookup.outcome.as_mut().unwrap().event.detail.insert("purpose".to_owned(), "catalogue".to_owned());
    let mut bytes = Vec::new();
    let mut output = Output::new(&mut bytes, false, Style::Plain);
    output.show(&lookup).unwrap();
    output.flush().unwrap();
    assert!(String::from_utf8(bytes).unwrap().contains("tools/call read_contact (catalogue)  permit"));
}
