//! Entries as a table for people. The widths come from the first rows; later rows follow them as well as they can.

use std::ffi::OsStr;
use std::io::{self, Write};

use jiff::tz::TimeZone;

use crate::audit::query::Entry;
use crate::audit::{Decision, Event, is_invisible};

/// Rows that are looked at before the first is written.
const MEASURED: usize = 200;
const COLUMNS: usize = 8;
const HEADINGS: [&str; COLUMNS] = ["TIME", "PERSON", "CLIENT", "UPSTREAM", "WHAT", "DECISION", "OUTCOME", "MS"];
/// No cell is wider than this; `--json` has the whole text.
const WIDEST: usize = 44;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// For a terminal.
    Coloured,
    /// For files, pipes, and whoever sets NO_COLOR.
    Plain,
}

impl Style {
    /// Colour only on a terminal, and not if NO_COLOR is set to anything (no-color.org).
    pub(super) fn of(terminal: bool, no_color: Option<&OsStr>) -> Self {
        let forbidden = no_color.is_some_and(|value| !value.is_empty());
        if terminal && !forbidden { Self::Coloured } else { Self::Plain }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

/// A table under way.
pub(super) struct Table {
    style: Style,
    waiting: Vec<[String; COLUMNS]>,
    widths: Option<[usize; COLUMNS]>,
}

impl Table {
    pub(super) fn new(style: Style) -> Self {
        Self { style, waiting: Vec::new(), widths: None }
    }

    /// Takes a row; writes once enough rows are known.
    pub(super) fn push(&mut self, entry: &Entry, sink: &mut impl Write) -> io::Result<()> {
        self.waiting.push(cells(entry));
        if self.waiting.len() >= MEASURED || self.widths.is_some() { self.flush(sink) } else { Ok(()) }
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self, sink: &mut impl Write) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.waiting);
        let known = self.widths;
        let widths = *self.widths.get_or_insert_with(|| measure(&rows));
        if known.is_none() {
            writeln!(sink, "{}", self.style.paint("1", &line(&HEADINGS.map(str::to_owned), &widths, |_, cell| cell)))?;
        }
        for row in &rows {
            let style = self.style;
            let painted = line(row, &widths, |column, cell| match (column, cell.trim_end()) {
                (5, "deny") => style.paint("31", &cell),
                (5, "permit") => style.paint("32", &cell),
                (6, "-" | "success") => cell,
                (6, _) => style.paint("33", &cell),
                _ => cell,
            });
            writeln!(sink, "{painted}")?;
        }
        Ok(())
    }
}

fn line(row: &[String; COLUMNS], widths: &[usize; COLUMNS], paint: impl Fn(usize, String) -> String) -> String {
    let padded = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
        // The numbers of the last column stand under each other by their units.
        let cell = if column == COLUMNS - 1 { format!("{cell:>width$}") } else { format!("{cell:width$}") };
        paint(column, cell)
    });
    padded.collect::<Vec<_>>().join("  ")
}

fn measure(rows: &[[String; COLUMNS]]) -> [usize; COLUMNS] {
    let mut widths = HEADINGS.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

fn cells(entry: &Entry) -> [String; COLUMNS] {
    let event = &entry.record.event;
    let person = event.person.as_ref();
    let name = person.and_then(|person| person.username.as_ref().or(person.email.as_ref()).or(Some(&person.user_id)));
    let client = event.client.as_ref().map(|client| client.name.as_ref().unwrap_or(&client.id));
    let ended = entry.outcome.as_ref().map_or(event, |outcome| &outcome.event);
    let duration = ended.duration_us.map(|micros| format!("{}.{}", micros / 1000, micros % 1000 / 100));
    [
        event.time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        cell(name.map(String::as_str)),
        cell(client.map(String::as_str)),
        cell(event.upstream.as_deref()),
        cell(Some(&what(entry))),
        cell(event.decision.map(|decision| match decision {
            Decision::Permit => "permit",
            Decision::Deny => "deny",
        })),
        cell(outcome(entry).as_deref()),
        cell(duration.as_deref()),
    ]
}

/// The kind, or for a call its method and the name it is about; and what Doorward called for by itself.
fn what(entry: &Entry) -> String {
    let named = subject(&entry.record.event);
    let purpose = entry.outcome.as_ref().and_then(|outcome| outcome.event.detail.get("purpose"));
    purpose.map_or_else(|| named.clone(), |purpose| format!("{named} ({purpose})"))
}

fn subject(event: &Event) -> String {
    match (&event.method, &event.name) {
        (Some(method), Some(name)) => format!("{method} {name}"),
        (Some(method), None) => method.clone(),
        (None, Some(name)) => format!("{} {name}", word(event.kind)),
        (None, None) => word(event.kind),
    }
}

/// How it ended, with the code of a refusal or fault; a permitted call without an outcome still runs or was cut off.
fn outcome(entry: &Entry) -> Option<String> {
    let event = &entry.record.event;
    let ended = entry.outcome.as_ref().map_or(event, |outcome| &outcome.event);
    let unfinished = event.runs() && entry.outcome.is_none();
    let word = if unfinished { Some("unfinished".to_owned()) } else { ended.outcome.map(word) };
    match (word, ended.code.as_ref().or(event.code.as_ref())) {
        (Some(word), Some(code)) => Some(format!("{word} {code}")),
        (Some(word), None) => Some(word),
        (None, code) => code.cloned(),
    }
}

/// A value's name in the journal.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A text for a terminal: nothing invisible, nothing too wide, and a dash for nothing.
fn cell(text: Option<&str>) -> String {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return "-".to_owned() };
    let visible: String =
        text.chars().map(|character| if is_invisible(character) { '\u{fffd}' } else { character }).take(WIDEST + 1).collect();
    if visible.chars().count() > WIDEST { visible.chars().take(WIDEST - 1).chain(['…']).collect() } else { visible }
}
