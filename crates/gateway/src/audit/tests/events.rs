use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderMap;

use super::at;
use crate::audit::{Client, Event, Kind, Outcome, Person};
use crate::request_id::RequestContext;

#[test]
fn long_names_neither_fill_the_disk_nor_push_fields_out() {
    let long = "x".repeat(100_000);
    let event = Event {
        name: Some(long.clone()),
        argument_names: vec![long.clone(); 10_000],
        groups: vec!["g".to_owned(); 300],
        person: Some(Person { user_id: "usr_1".to_owned(), display_name: Some(long.clone()), ..Person::default() }),
        client: Some(Client { id: "cli_1".to_owned(), name: Some(long) }),
        ..Event::new(Kind::Call, at(0))
    };
    let json = event.to_json().unwrap();
    assert!(json.len() < 20_000, "{}", json.len());
    let read: Event = serde_json::from_str(&json).unwrap();
    assert_eq!(read.name.unwrap().chars().count(), 513);
    assert_eq!(read.detail["argument_names_omitted"], "9936");
    assert_eq!(read.argument_names[0].chars().count(), 129);
    assert_eq!(read.detail["groups_omitted"], "44");
    assert_eq!(read.person.unwrap().user_id, "usr_1");
}

#[test]
fn no_name_can_break_a_line_or_a_terminal() {
    let name = "a\r\n{\"seq\":1}\u{1b}[2J\u{9b}2J\u{202e}\u{200b}\u{2028}\u{e0041}\u{7f}ä";
    let event = Event { name: Some(name.to_owned()), ..Event::new(Kind::Call, at(0)) };
    let json = event.to_json().unwrap();
    assert!(!json.chars().any(crate::audit::is_invisible), "{json}");
    assert!(json.contains('ä'));
    let read: Event = serde_json::from_str(&json).unwrap();
    assert_eq!(read.name.unwrap(), name, "nothing is lost, only escaped");
}

#[test]
fn an_outcome_can_be_read_without_its_call() {
    let peer: SocketAddr = "192.0.2.1:1234".parse().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap());
    let request = RequestContext::new(peer, &headers);
    let call = Event { upstream: Some("crm".to_owned()), name: Some("read".to_owned()), ..Event::of(Kind::Call, &request, at(0)) };
    let outcome = call.outcome(Outcome::ToolError, Some(200), Duration::from_millis(3), at(1));
    assert_eq!(outcome.call, Some(call.id.clone()));
    assert_ne!(outcome.id, call.id);
    assert_eq!(
        (outcome.upstream, outcome.name, outcome.request_id, outcome.source_ip),
        (call.upstream, call.name, call.request_id, call.source_ip)
    );
    assert_eq!(outcome.correlation_id, "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((outcome.status, outcome.duration_us), (Some(200), Some(3000)));
}
