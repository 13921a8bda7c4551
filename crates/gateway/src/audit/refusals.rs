//! Refusals that anybody can cause, kept from filling the disk that every call depends on.
//!
//! Of one source, the first of a minute are recorded one by one; those beyond are counted by their code, and the counts
//! become one event of [`Kind::RefusalsSummed`] for that source and minute. A source is the person where one is known, so
//! that nobody can hide a stolen token of theirs behind junk of his own; else the network the request came from.
//!
//! Invariant: a refusal is either recorded alone or in a count that has yet to be written; counts that could not be
//! written are put back.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::{Event, Kind, Person};
use crate::request_id::network;

const WINDOW: Duration = Duration::from_mins(1);
/// Recorded one by one, per source and window.
const ALONE: u32 = 60;
/// The same of all networks together; persons do not count, they are as many as there are.
const ALONE_OF_NETWORKS: u32 = 1200;
/// Networks that are told apart in one window; the rest is one more source.
const NETWORKS: usize = 600;

/// What the current window holds.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Option<Timestamp>,
    alone_of_networks: u32,
    tallies: HashMap<Source, Tally>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Source {
    Person(String),
    Network(IpAddr),
    /// All networks beyond [`NETWORKS`].
    OtherNetworks,
}

#[derive(Debug, Default)]
struct Tally {
    alone: u32,
    summed: Option<Sum>,
}

/// The refusals of one source that were not recorded one by one.
#[derive(Debug)]
pub(super) struct Sum {
    source: Source,
    person: Option<Person>,
    first: Timestamp,
    last: Timestamp,
    codes: BTreeMap<String, u64>,
}

impl Refusals {
    /// Whether this refusal is to be recorded alone. If not, it has been counted.
    pub(super) fn admit(&self, event: &Event, now: Timestamp) -> bool {
        let mut window = self.window();
        window.began.get_or_insert(now);
        let source = window.source(event);
        let room = matches!(source, Source::Person(_)) || window.alone_of_networks < ALONE_OF_NETWORKS;
        let tally = window.tallies.entry(source.clone()).or_default();
        if !room || tally.alone >= ALONE {
            let code = event.code.clone().unwrap_or_default();
            tally.summed.get_or_insert_with(|| Sum::new(source, event, now)).add(code, 1, now);
            return false;
        }
        tally.alone += 1;
        if !matches!(source, Source::Person(_)) {
            window.alone_of_networks += 1;
        }
        true
    }

    /// Ends a window that is over, and gives its sums, which are to be written.
    pub(super) fn due(&self, now: Timestamp) -> Vec<Sum> {
        let mut window = self.window();
        // A clock that was put back ends a window as well.
        let over =
            window.began.is_some_and(|began| now < began || Duration::try_from(now.duration_since(began)).is_ok_and(|age| age >= WINDOW));
        if over { window.end() } else { Vec::new() }
    }

    /// Ends the window, over or not.
    pub(super) fn end(&self) -> Vec<Sum> {
        self.window().end()
    }

    /// Takes back a sum that could not be written.
    pub(super) fn put_back(&self, sum: Sum) {
        let mut window = self.window();
        window.began.get_or_insert(sum.last);
        let tally = window.tallies.entry(sum.source.clone()).or_default();
        match &mut tally.summed {
            None => tally.summed = Some(sum),
            Some(newer) => {
                newer.first = newer.first.min(sum.first);
                for (code, count) in sum.codes {
                    newer.add(code, count, sum.last);
                }
            }
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn end(&mut self) -> Vec<Sum> {
        std::mem::take(self).tallies.into_values().filter_map(|tally| tally.summed).collect()
    }

    fn source(&self, event: &Event) -> Source {
        if let Some(person) = &event.person {
            return Source::Person(person.user_id.clone());
        }
        let network = Source::Network(network(event.source_ip.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED))));
        if self.tallies.contains_key(&network) || self.tallies.len() < NETWORKS { network } else { Source::OtherNetworks }
    }
}

impl Sum {
    fn new(source: Source, event: &Event, now: Timestamp) -> Self {
        Self { source, person: event.person.clone(), first: now, last: now, codes: BTreeMap::new() }
    }

    fn add(&mut self, code: String, count: u64, last: Timestamp) {
        *self.codes.entry(code).or_default() += count;
        self.last = self.last.max(last);
    }

    /// The event to write: who or where from, how many in all, and how many of each code.
    pub(super) fn event(&self, now: Timestamp) -> Event {
        let mut event = Event::new(Kind::RefusalsSummed, now);
        event.person.clone_from(&self.person);
        if let Source::Network(address) = &self.source {
            event.source_ip = Some(*address);
        }
        let counts = self.codes.iter().map(|(code, count)| (code.clone(), count.to_string()));
        event.detail.extend(counts);
        event
            .with_detail("count", self.codes.values().sum::<u64>().to_string())
            .with_detail("first", self.first.to_string())
            .with_detail("last", self.last.to_string())
    }
}
