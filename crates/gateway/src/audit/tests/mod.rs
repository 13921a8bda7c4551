//! The journal is tested on real files and by real failures: full devices, torn ends, a disk that does not answer.

mod events;
mod filters;
mod killing;
mod refusals;
mod writing;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::query::{Line, Reader, Record};
use super::{Event, Kind, Limits, Writer, journal};
use crate::clock::Clock;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

/// Nothing happens by itself within a test: a failed journal is retried only when asked.
fn limits() -> Limits {
    Limits { retry_after: Duration::from_hours(1), ..Limits::default() }
}

fn open(dir: &Path, limits: Limits) -> Writer {
    Writer::open(dir, limits, Clock::mock(at(0))).unwrap()
}

fn event(name: &str) -> Event {
    Event { name: Some(name.to_owned()), ..Event::new(Kind::Call, at(1)) }
}

/// All records; fails on damage, on a gap in the numbers and on a break in the chain.
fn records(dir: &Path) -> Vec<Record> {
    let mut reader = Reader::from_start(dir).unwrap();
    let mut records = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        match line {
            Line::Record(record) => records.push(*record),
            Line::Damaged(damage) => panic!("{damage:?}"),
        }
    }
    let mut previous = None;
    let text: String = journal::files(dir).unwrap().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for (index, (line, record)) in text.lines().zip(&records).enumerate() {
        assert_eq!(record.seq, index as u64 + 1);
        assert_eq!(record.prev, previous);
        previous = Some(journal::line_hash(line.as_bytes()));
    }
    records
}
