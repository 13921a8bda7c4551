//! Reading the journal: its files are enough, no server is needed, and one that runs is not disturbed.
//!
//! [`Reader`] gives lines in the order they were written and can go on where it stopped. [`Joiner`] puts the outcome of a
//! call beside the call. A line that is not one of the journal's is reported, never skipped in silence; only an
//! unfinished last line is no fault: the server is writing it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AuditError, Decision, Event, Kind, journal};
use crate::wildcard;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number; they have no gaps.
    pub seq: u64,
    /// The SHA-256 of the line before.
    pub prev: Option<String>,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

/// A record, and of a permitted call how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The record.
    pub record: Record,
    /// The [`Kind::CallOutcome`] of a call; none while it runs, or if a crash cut it off.
    pub outcome: Option<Record>,
}

/// A line that is not one of the journal's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u64,
}

/// Which records are asked for. An empty filter lets all through; several conditions must all hold.
///
/// Texts are compared without regard to case and may hold `*` for any run of characters.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// User id, user name or e-mail address.
    pub user: Option<String>,
    /// Ids of first identities: what linked ones did is found as well ([`Filter::with_linked`]).
    pub people: BTreeSet<String>,
    /// Client id or name.
    pub client: Option<String>,
    /// Upstream id.
    pub upstream: Option<String>,
    /// Name of the tool, prompt or resource.
    pub tool: Option<String>,
    /// Id of the request, as error pages and replies show it, or of its trace.
    pub request: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// What policy said.
    pub decision: Option<Decision>,
    /// What happened; empty for all kinds.
    pub kinds: Vec<Kind>,
}

impl Filter {
    /// Whether an event is asked for.
    pub fn matches(&self, event: &Event) -> bool {
        let text = |pattern: &Option<String>, value: Option<&String>| match (pattern, value) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(pattern), Some(value)) => wildcard::matches(pattern, value),
        };
        self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
            && self.decision.is_none_or(|decision| event.decision == Some(decision))
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && text(&self.upstream, event.upstream.as_ref())
            && text(&self.tool, event.name.as_ref())
            && (text(&self.request, Some(&event.request_id)) || text(&self.request, Some(&event.correlation_id)))
            && self.user.as_ref().is_none_or(|user| is_person(user, event) || self.is_one_of_people(event))
            && self.client.as_ref().is_none_or(|client| is_client(client, event))
    }
}

impl Filter {
    /// Reads the whole journal once, so that asking for one name of a person finds the events of all identities that were
    /// linked at their moment.
    ///
    /// # Errors
    /// `audit.unreadable`.
    pub fn with_linked(mut self, dir: &Path) -> Result<Self, AuditError> {
        let Some(user) = &self.user else { return Ok(self) };
        let mut reader = Reader::from_start(dir)?;
        while let Some(line) = reader.next_line()? {
            if let Line::Record(record) = line
                && is_person(user, &record.event)
                && let Some(person) = record.event.person
            {
                self.people.insert(person.linked_to.unwrap_or(person.user_id));
            }
        }
        Ok(self)
    }

    fn is_one_of_people(&self, event: &Event) -> bool {
        let Some(person) = &event.person else { return false };
        self.people.contains(person.linked_to.as_ref().unwrap_or(&person.user_id))
    }
}

fn is_person(pattern: &str, event: &Event) -> bool {
    let Some(person) = &event.person else { return false };
    let names = [Some(&person.user_id), person.linked_to.as_ref(), person.username.as_ref(), person.email.as_ref()];
    names.into_iter().flatten().any(|name| wildcard::matches(pattern, name))
}

fn is_client(pattern: &str, event: &Event) -> bool {
    let Some(client) = &event.client else { return false };
    [Some(&client.id), client.name.as_ref()].into_iter().flatten().any(|name| wildcard::matches(pattern, name))
}

/// What a reader came upon.
#[derive(Debug)]
pub enum Line {
    /// A record.
    Record(Box<Record>),
    /// Something else.
    Damaged(Damage),
}

/// Reads the journal line by line over all its files. At the end it gives None, and may be asked again later.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    current: Option<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    file: BufReader<File>,
    line: u64,
    partial: Vec<u8>,
}

impl Reader {
    /// Reads the journal in `dir` from its beginning.
    pub fn from_start(dir: &Path) -> Result<Self, AuditError> {
        let first = files(dir)?.into_iter().next();
        let current = first.map(OpenFile::open).transpose()?;
        Ok(Self { dir: dir.to_owned(), current })
    }

    /// Reads the last `lines` lines of the journal, and what is written after them.
    pub fn near_end(dir: &Path, lines: usize) -> Result<Self, AuditError> {
        let mut found = 0_usize;
        let mut start = None;
        for path in files(dir)?.into_iter().rev() {
            found += count_lines(&path).map_err(|source| unreadable(&path, source))?;
            start = Some(path);
            if found >= lines {
                break;
            }
        }
        let mut current = start.map(OpenFile::open).transpose()?;
        if let Some(open) = &mut current {
            open.skip(found.saturating_sub(lines)).map_err(|source| unreadable(&open.path, source))?;
        }
        Ok(Self { dir: dir.to_owned(), current })
    }

    /// The next whole line, or None where the journal ends for now.
    pub fn next_line(&mut self) -> Result<Option<Line>, AuditError> {
        loop {
            let Some(open) = &mut self.current else {
                let Some(first) = files(&self.dir)?.into_iter().next() else { return Ok(None) };
                self.current = Some(OpenFile::open(first)?);
                continue;
            };
            if let Some(line) = open.next_line().map_err(|source| unreadable(&open.path, source))? {
                return Ok(Some(line));
            }
            let Some(next) = files(&self.dir)?.into_iter().find(|path| *path > open.path) else { return Ok(None) };
            // The writer may have added to this file between the read and the listing; it never does so after the next exists.
            if let Some(line) = open.next_line().map_err(|source| unreadable(&open.path, source))? {
                return Ok(Some(line));
            }
            self.current = Some(OpenFile::open(next)?);
        }
    }
}

impl OpenFile {
    fn open(path: PathBuf) -> Result<Self, AuditError> {
        let file = File::open(&path).map_err(|source| unreadable(&path, source))?;
        Ok(Self { path, file: BufReader::with_capacity(256 * 1024, file), line: 0, partial: Vec::new() })
    }

    /// Passes over whole lines without looking at them.
    fn skip(&mut self, lines: usize) -> io::Result<()> {
        for _ in 0..lines {
            self.file.skip_until(b'\n')?;
            self.line += 1;
        }
        Ok(())
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        self.file.read_until(b'\n', &mut self.partial)?;
        if self.partial.last() != Some(&b'\n') {
            return Ok(None);
        }
        self.line += 1;
        let line = match serde_json::from_slice::<Record>(&self.partial) {
            Ok(record) => Line::Record(Box::new(record)),
            Err(_) => Line::Damaged(Damage { path: self.path.clone(), line: self.line }),
        };
        self.partial.clear();
        Ok(Some(line))
    }
}

/// Puts the outcomes of calls beside the calls. Entries come out in the order of their records, so a call that still
/// runs holds back what came after it, until it ends or the journal shows that it cannot end any more.
#[derive(Debug)]
pub struct Joiner {
    filter: Filter,
    entries: VecDeque<Waiting>,
    /// Running calls: event id to position, counted from the first entry ever.
    running: HashMap<String, u64>,
    given: u64,
}

#[derive(Debug)]
struct Waiting {
    entry: Entry,
    runs: bool,
}

impl Joiner {
    /// Joins what `filter` lets through.
    pub fn new(filter: Filter) -> Self {
        Self { filter, entries: VecDeque::new(), running: HashMap::new(), given: 0 }
    }

    /// Takes the next record of the journal.
    pub fn push(&mut self, record: Record) {
        if record.event.kind == Kind::CallOutcome && !self.filter.kinds.contains(&Kind::CallOutcome) {
            return self.finish(record);
        }
        if record.event.kind == Kind::JournalOpened {
            // No process that was running a call then is running it now.
            self.settle();
        }
        self.keep(record);
    }

    /// The next entry that is complete.
    pub fn pop(&mut self) -> Option<Entry> {
        if self.entries.front()?.runs {
            return None;
        }
        self.given += 1;
        self.entries.pop_front().map(|waiting| waiting.entry)
    }

    /// Gives up waiting for outcomes: [`Joiner::pop`] then gives all that is left.
    pub fn settle(&mut self) {
        self.running.clear();
        for waiting in &mut self.entries {
            waiting.runs = false;
        }
    }

    fn keep(&mut self, record: Record) {
        if !self.filter.matches(&record.event) {
            return;
        }
        let runs = record.event.runs();
        if runs {
            self.running.insert(record.event.id.clone(), self.given + self.entries.len() as u64);
        }
        self.entries.push_back(Waiting { entry: Entry { record, outcome: None }, runs });
    }

    fn finish(&mut self, outcome: Record) {
        let Some(position) = outcome.event.call.as_ref().and_then(|call| self.running.remove(call)) else { return };
        let waiting = usize::try_from(position - self.given).ok().and_then(|index| self.entries.get_mut(index));
        if let Some(waiting) = waiting {
            waiting.entry.outcome = Some(outcome);
            waiting.runs = false;
        }
    }
}

/// Like [`Joiner`], for people who watch: an entry comes out as soon as it is complete, so a call that takes long does
/// not hold back the others.
#[derive(Debug)]
pub struct Follower {
    filter: Filter,
    running: BTreeMap<String, Record>,
}

impl Follower {
    /// Follows what `filter` lets through.
    pub fn new(filter: Filter) -> Self {
        Self { filter, running: BTreeMap::new() }
    }

    /// Takes the next record of the journal, and gives the entries that are complete with it.
    pub fn push(&mut self, record: Record) -> Vec<Entry> {
        if record.event.kind == Kind::CallOutcome && !self.filter.kinds.contains(&Kind::CallOutcome) {
            let call = record.event.call.as_ref().and_then(|call| self.running.remove(call));
            return call.map(|call| Entry { record: call, outcome: Some(record) }).into_iter().collect();
        }
        let mut complete = Vec::new();
        if record.event.kind == Kind::JournalOpened {
            let cut_off = std::mem::take(&mut self.running);
            complete.extend(cut_off.into_values().map(|record| Entry { record, outcome: None }));
        }
        if self.filter.matches(&record.event) {
            if record.event.runs() {
                self.running.insert(record.event.id.clone(), record);
            } else {
                complete.push(Entry { record, outcome: None });
            }
        }
        complete
    }
}

/// What a scan went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Records that were read.
    pub records: u64,
    /// Lines that are not records.
    pub damaged: Vec<Damage>,
}

/// Gives every entry that `filter` lets through to `visit`, oldest first, until that breaks off.
pub fn scan(reader: &mut Reader, filter: &Filter, mut visit: impl FnMut(Entry) -> ControlFlow<()>) -> Result<Scanned, AuditError> {
    let mut joiner = Joiner::new(filter.clone());
    let mut scanned = Scanned::default();
    while let Some(line) = reader.next_line()? {
        match line {
            Line::Record(record) => {
                scanned.records += 1;
                joiner.push(*record);
            }
            Line::Damaged(damage) => scanned.damaged.push(damage),
        }
        while let Some(entry) = joiner.pop() {
            if visit(entry).is_break() {
                return Ok(scanned);
            }
        }
    }
    joiner.settle();
    while let Some(entry) = joiner.pop() {
        if visit(entry).is_break() {
            break;
        }
    }
    Ok(scanned)
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, AuditError> {
    journal::files(dir).map_err(|source| unreadable(dir, source))
}

fn count_lines(path: &Path) -> io::Result<usize> {
    let mut file = BufReader::with_capacity(256 * 1024, File::open(path)?);
    let mut count = 0;
    while file.skip_until(b'\n')? > 0 {
        count += 1;
    }
    Ok(count)
}

fn unreadable(path: &Path, source: io::Error) -> AuditError {
    AuditError::Unreadable { path: path.to_owned(), source: Arc::new(source) }
}
