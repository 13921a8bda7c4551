use std::fs::OpenOptions;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::time::Duration;

use super::{at, limits, open};
use crate::audit::query::{Damage, Entry, Filter, Follower, Line, Reader, Scanned, scan};
use crate::audit::{Client, Decision, Event, Kind, Outcome, Person, journal};

fn person(name: &str) -> Person {
    Person {
        user_id: format!("usr_{name}"),
        username: Some(name.to_owned()),
        email: Some(format!("{name}@example.com")),
        ..Person::default()
    }
}

fn call(second: i64, who: &str, client: &str, upstream: &str, tool: &str, decision: Decision) -> Event {
    Event {
        person: Some(person(who)),
        client: Some(Client { id: format!("cli_{client}"), name: Some(client.to_owned()) }),
        upstream: Some(upstream.to_owned()),
        method: Some("tools/call".to_owned()),
        name: Some(tool.to_owned()),
        decision: Some(decision),
        ..Event::new(Kind::Call, at(second))
    }
}

fn done(call: &Event) -> Event {
    call.outcome(Outcome::Success, Some(200), Duration::from_millis(5), call.time + Duration::from_secs(100))
}

/// A journal of nine events in two runs; calls are named by their tool.
async fn journal_of_two_runs(dir: &std::path::Path) {
    let read = call(10, "alice", "Claude", "crm", "read_contact", Decision::Permit);
    let write = call(20, "alice", "Cursor", "crm", "delete_contact", Decision::Deny);
    let slow = Event {
        request_id: "req_slow".to_owned(),
        correlation_id: "trace".to_owned(),
        ..call(30, "bob", "Claude", "finance", "report", Decision::Permit)
    };
    let cut_off = call(40, "carol", "Claude", "finance", "export", Decision::Permit);
    let writer = open(dir, limits());
    let sign_in = Event { person: Some(person("alice")), ..Event::new(Kind::SignIn, at(5)) };
    for event in [sign_in, slow.clone(), read.clone(), write, done(&read), cut_off, done(&slow)] {
        writer.record(event).await.unwrap();
    }
    writer.close().await;
    let writer = open(dir, limits());
    writer.record(call(50, "alice", "Claude", "crm", "read_contact", Decision::Permit)).await.unwrap();
    writer.close().await;
}

fn told(entry: &Entry) -> String {
    let event = &entry.record.event;
    let who = event.person.as_ref().and_then(|person| person.username.as_deref()).unwrap_or("-");
    let ended = entry.outcome.as_ref().map_or("-", |_| "ended");
    format!("{:?} {who} {} {ended}", event.kind, event.name.as_deref().unwrap_or("-"))
}

fn ask(dir: &std::path::Path, filter: &Filter) -> Vec<String> {
    let mut entries = Vec::new();
    let scanned = scan(&mut Reader::from_start(dir).unwrap(), filter, |entry| {
        entries.push(told(&entry));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(scanned, Scanned { records: 10, damaged: Vec::new() });
    entries
}

#[tokio::test]
async fn filters() {
    const SIGN_IN: &str = "SignIn alice - -";
    const READ: &str = "Call alice read_contact ended";
    const WRITE: &str = "Call alice delete_contact -";
    const SLOW: &str = "Call bob report ended";
    const CUT_OFF: &str = "Call carol export -";
    const RUNNING: &str = "Call alice read_contact -";
    const OPENED: &str = "JournalOpened - - -";
    let text = |text: &str| Some(text.to_owned());
    let all = Filter::default;
    let cases: Vec<(Filter, Vec<&str>)> = vec![
        (all(), vec![OPENED, SIGN_IN, SLOW, READ, WRITE, CUT_OFF, OPENED, RUNNING]),
        (Filter { user: text("alice"), ..all() }, vec![SIGN_IN, READ, WRITE, RUNNING]),
        (Filter { user: text("ALICE@example.com"), ..all() }, vec![SIGN_IN, READ, WRITE, RUNNING]),
        (Filter { user: text("usr_bob"), ..all() }, vec![SLOW]),
        (Filter { user: text("ali"), ..all() }, vec![]),
        (Filter { user: text("*@example.com"), upstream: text("finance"), ..all() }, vec![SLOW, CUT_OFF]),
        (Filter { client: text("cursor"), ..all() }, vec![WRITE]),
        (Filter { client: text("cli_Cursor"), ..all() }, vec![WRITE]),
        (Filter { tool: text("*_contact"), ..all() }, vec![READ, WRITE, RUNNING]),
        (Filter { request: text("REQ_slow"), ..all() }, vec![SLOW]),
        (Filter { request: text("trace"), ..all() }, vec![SLOW]),
        (Filter { request: text("req_other"), ..all() }, vec![]),
        (Filter { tool: text("re*t"), ..all() }, vec![SLOW, READ, RUNNING]),
        (Filter { tool: text("r*p*t"), ..all() }, vec![SLOW]),
        (Filter { decision: Some(Decision::Deny), ..all() }, vec![WRITE]),
        (Filter { since: Some(at(30)), until: Some(at(50)), kinds: vec![Kind::Call], ..all() }, vec![SLOW, CUT_OFF]),
        (Filter { kinds: vec![Kind::SignIn, Kind::JournalOpened], ..all() }, vec![OPENED, SIGN_IN, OPENED]),
        (Filter { kinds: vec![Kind::CallOutcome], user: text("bob"), ..all() }, vec!["CallOutcome bob report -"]),
    ];
    let dir = tempfile::tempdir().unwrap();
    journal_of_two_runs(dir.path()).await;
    for (filter, expected) in cases {
        assert_eq!(ask(dir.path(), &filter), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_reader_follows_the_writer_over_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = Reader::from_start(dir.path()).unwrap();
    assert!(reader.next_line().unwrap().is_none(), "an empty folder");
    let writer = open(dir.path(), crate::audit::Limits { max_file_bytes: 1, ..limits() });
    let mut seen = Vec::new();
    for number in 0..5 {
        writer.record(super::event(&number.to_string())).await.unwrap();
        while let Some(Line::Record(record)) = reader.next_line().unwrap() {
            seen.push(record.seq);
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    let mut near_end = Reader::near_end(dir.path(), 2).unwrap();
    let Some(Line::Record(first)) = near_end.next_line().unwrap() else { panic!("no record") };
    assert_eq!(first.seq, 5);
}

#[tokio::test]
async fn damage_is_reported_and_an_unfinished_line_is_not_damage() {
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path(), limits());
    writer.record(super::event("a")).await.unwrap();
    let path = journal::files(dir.path()).unwrap().remove(0);
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"not a record\n{\"seq\":4").unwrap();
    let scanned = scan(&mut Reader::from_start(dir.path()).unwrap(), &Filter::default(), |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(scanned, Scanned { records: 2, damaged: vec![Damage { path, line: 3 }] });
}

#[tokio::test]
async fn a_follower_shows_each_call_when_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    journal_of_two_runs(dir.path()).await;
    let mut reader = Reader::from_start(dir.path()).unwrap();
    let mut follower = Follower::new(Filter { kinds: vec![Kind::Call], ..Filter::default() });
    let mut shown = Vec::new();
    while let Some(Line::Record(record)) = reader.next_line().unwrap() {
        shown.extend(follower.push(*record).iter().map(told));
    }
    let expected = ["Call alice delete_contact -", "Call alice read_contact ended", "Call bob report ended", "Call carol export -"];
    assert_eq!(shown, expected);
}

/// A person's name finds what their linked identities did, while they were linked, under whatever name.
#[tokio::test]
async fn linked_identities_are_found_by_any_name_of_the_person() {
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path(), limits());
    let person = |id: &str, name: &str, linked_to: Option<&str>| Person {
        user_id: id.to_owned(),
        username: Some(name.to_owned()),
        email: Some("shared@example.com".to_owned()).filter(|_| id == "usr_3"),
        linked_to: linked_to.map(str::to_owned),
        ..Person::default()
    };
    let events = [
        ("before", person("usr_2", "asmith", None)),
        ("first", person("usr_1", "alice", None)),
        ("linked", person("usr_2", "asmith", Some("usr_1"))),
        ("stranger", person("usr_3", "alice2", None)),
    ];
    for (name, person) in events {
        let event = Event { name: Some(name.to_owned()), person: Some(person), ..Event::new(Kind::Call, at(1)) };
        writer.record(event).await.unwrap();
    }
    let cases = [
        ("alice", vec!["first", "linked"]),
        ("usr_1", vec!["first", "linked"]),
        ("asmith", vec!["before", "first", "linked"]),
        ("usr_2", vec!["before", "first", "linked"]),
        ("usr_3", vec!["stranger"]),
        ("shared@example.com", vec!["stranger"]),
    ];
    for (user, expected) in cases {
        let filter = Filter { user: Some(user.to_owned()), ..Filter::default() }.with_linked(dir.path()).unwrap();
        let mut found = Vec::new();
        let mut reader = Reader::from_start(dir.path()).unwrap();
        scan(&mut reader, &filter, |entry| {
            found.extend(entry.record.event.name.clone());
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(found, expected, "{user}");
    }
}
