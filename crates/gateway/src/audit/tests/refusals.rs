use std::fs::OpenOptions;
use std::os::unix::fs::symlink;

use super::{at, limits, open, records};
use crate::audit::query::Record;
use crate::audit::{Event, Kind, Person, Writer};
use crate::clock::Clock;

fn refusal(address: &str, code: &str) -> Event {
    Event { source_ip: Some(address.parse().unwrap()), code: Some(code.to_owned()), ..Event::new(Kind::Refused, at(0)) }
}

/// Source, code and count of each sum.
fn sums(records: &[Record]) -> Vec<(String, String)> {
    let source = |event: &Event| match (&event.person, event.source_ip) {
        (Some(person), _) => person.user_id.clone(),
        (None, Some(address)) => address.to_string(),
        (None, None) => "others".to_owned(),
    };
    let sums = records.iter().filter(|record| record.event.kind == Kind::RefusalsSummed);
    let mut sums: Vec<_> = sums.map(|record| (source(&record.event), record.event.detail["count"].clone())).collect();
    sums.sort();
    sums
}

fn alone(records: &[Record]) -> usize {
    records.iter().filter(|record| record.event.kind == Kind::Refused).count()
}

#[tokio::test]
async fn each_source_has_its_own_minute() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::mock(at(0));
    let writer = Writer::open(dir.path(), limits(), clock.clone()).unwrap();
    for number in 0..100 {
        writer.refusal(refusal("192.0.2.1", "a")).await.unwrap();
        writer.refusal(refusal("::ffff:192.0.2.1", "a")).await.unwrap();
        writer.refusal(refusal(&format!("2001:db8::{number}"), "a")).await.unwrap();
        let named = Event { person: Some(Person { user_id: "usr_1".to_owned(), ..Person::default() }), ..refusal("192.0.2.1", "a") };
        writer.refusal(named).await.unwrap();
    }
    writer.refusal(refusal("2001:db8:0:1::1", "a")).await.unwrap();
    assert_eq!((alone(&records(dir.path())), sums(&records(dir.path()))), (60 * 3 + 1, vec![]));
    clock.set(at(59));
    writer.sum_refusals().await;
    assert_eq!(sums(&records(dir.path())), vec![]);
    clock.set(at(60));
    writer.sum_refusals().await;
    let expected =
        [("192.0.2.1", "140"), ("2001:db8::", "40"), ("usr_1", "40")].map(|(source, count)| (source.to_owned(), count.to_owned()));
    assert_eq!(sums(&records(dir.path())), expected);
    writer.refusal(refusal("192.0.2.1", "a")).await.unwrap();
    assert_eq!(alone(&records(dir.path())), 182, "a new minute");
}

#[tokio::test]
async fn many_networks_are_bounded_together() {
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path(), limits());
    for number in 0..2000_u32 {
        for _ in 0..3 {
            writer.refusal(refusal(&std::net::Ipv4Addr::from(number << 8).to_string(), "a")).await.unwrap();
        }
    }
    writer.close().await;
    let records = records(dir.path());
    assert!(alone(&records) <= 1200 && records.len() <= 1200 + 600 + 2, "{} lines", records.len());
    let summed: usize = sums(&records).iter().map(|(_, count)| count.parse::<usize>().unwrap()).sum();
    assert_eq!(alone(&records) + summed, 6000, "none is lost");
}

#[tokio::test]
async fn a_sum_that_cannot_be_written_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::mock(at(0));
    // The first line fits, the next one begins a file that is a full device.
    let writer = Writer::open(dir.path(), crate::audit::Limits { max_file_bytes: 1, ..limits() }, clock.clone()).unwrap();
    for _ in 0..60 {
        writer.refusal(refusal("192.0.2.1", "a")).await.unwrap();
    }
    for _ in 0..10 {
        writer.refusal(refusal("192.0.2.1", "a")).await.unwrap();
    }
    let next = dir.path().join(format!("audit-{:020}.jsonl", 62));
    symlink("/dev/full", &next).unwrap();
    clock.set(at(60));
    writer.sum_refusals().await;
    assert!(!writer.is_writable());
    for number in 0..61 {
        assert!(writer.refusal(refusal("192.0.2.1", "b")).await.is_err(), "{number}: neither alone nor counted");
    }
    std::fs::remove_file(&next).unwrap();
    OpenOptions::new().create(true).append(true).open(&next).unwrap();
    writer.reopen().await.unwrap();
    clock.set(at(120));
    writer.sum_refusals().await;
    let expected: Vec<(String, String)> = vec![("192.0.2.1".to_owned(), "10".to_owned())];
    assert_eq!(sums(&records(dir.path())), expected);
}
