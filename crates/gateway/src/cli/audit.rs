//! `doorward audit`: what the audit trail says. Reads the journal's files; the server need not run, and may.

mod table;
#[cfg(test)]
mod tests;
mod times;

use std::collections::VecDeque;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};

use self::table::{Style, Table};
use self::times::When;
use super::{DEFAULT_CONFIG, EXIT_CONFIG};
use crate::audit::query::{Damage, Entry, Filter, Follower, Line, Reader, scan};
use crate::audit::{Decision, Kind, escape_invisible};
use crate::clock::Clock;
use crate::config;

const POLL: Duration = Duration::from_millis(200);

/// Arguments of `doorward audit`.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the latest events, and with --follow those that come.
    Tail(Tail),
    /// Find events by person, client, upstream, tool, request, time and decision.
    Query(Query),
}

#[derive(Debug, clap::Args)]
struct Source {
    /// The configuration file; it names the journal's folder.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// The journal's folder itself; no configuration is read.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    dir: Option<PathBuf>,
    /// One JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Tail {
    #[command(flatten)]
    source: Source,
    /// How many events.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    lines: usize,
    /// Go on with events as they are written; a call is shown when it ends.
    #[arg(short, long)]
    follow: bool,
}

#[derive(Debug, clap::Args)]
struct Query {
    #[command(flatten)]
    source: Source,
    /// User id, user name or e-mail address; linked identities of the same person are found as well. Here and below, case does not matter and `*` stands for any characters.
    #[arg(short, long, value_name = "NAME")]
    user: Option<String>,
    /// Client id or name.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Upstream id.
    #[arg(long, value_name = "ID")]
    upstream: Option<String>,
    /// Name of the tool, prompt or resource.
    #[arg(short, long, value_name = "NAME")]
    tool: Option<String>,
    /// Request id, as error pages, replies (`X-Request-Id`) and log lines show it, or trace id.
    #[arg(short, long, value_name = "ID")]
    request: Option<String>,
    /// Not before: 2026-11-20, 2026-11-20T09:30, 2026-11-20T09:30:00+01:00 (UTC without an offset), today, yesterday, or
    /// so long ago: 7d, 90m, 1h30m.
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Before: as --since.
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// What policy said.
    #[arg(long, value_enum)]
    decision: Option<Said>,
    /// What happened: call, sign_in, sign_in_refused, consent, token_issued, refused, …; may be given several times.
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    kind: Vec<Kind>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Said {
    Permit,
    Deny,
}

/// Runs `doorward audit …`.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let source = match &args.command {
        Command::Tail(tail) => &tail.source,
        Command::Query(query) => &query.source,
    };
    let Some(dir) = journal_dir(source) else { return Ok(ExitCode::from(EXIT_CONFIG)) };
    let stdout = io::stdout().lock();
    let style = Style::of(stdout.is_terminal(), std::env::var_os("NO_COLOR").as_deref());
    let mut output = Output::new(BufWriter::new(stdout), source.json, style);
    let damaged = match &args.command {
        Command::Tail(tail) => show_tail(&dir, tail, &mut output),
        Command::Query(query) => show_query(&dir, query, &mut output),
    };
    let damaged = match damaged {
        // Whoever read our output has seen enough: `doorward audit query | head`.
        Err(error) if is_broken_pipe(&error) => return Ok(ExitCode::SUCCESS),
        damaged => damaged?,
    };
    for damage in &damaged {
        eprintln!("doorward: {}:{}: this line is not an audit record", damage.path.display(), damage.line);
    }
    Ok(if damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The folder, or None after the configuration's problems were told.
fn journal_dir(source: &Source) -> Option<PathBuf> {
    if let Some(dir) = &source.dir {
        return Some(dir.clone());
    }
    match config::load(&source.config) {
        Ok(config) => Some(config.audit.dir),
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            eprintln!("doorward: to read a journal without its configuration, name its folder with --dir");
            None
        }
    }
}

fn show_query(dir: &std::path::Path, query: &Query, output: &mut Output<impl Write>) -> anyhow::Result<Vec<Damage>> {
    let filter = query.filter()?.with_linked(dir).map_err(anyhow::Error::new)?;
    let mut reader = Reader::from_start(dir).map_err(anyhow::Error::new)?;
    let (mut written, mut found) = (Ok(()), false);
    let scanned = scan(&mut reader, &filter, |entry| {
        found = true;
        written = output.show(&entry);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    written?;
    output.flush()?;
    let scanned = scanned.map_err(anyhow::Error::new)?;
    if !found {
        eprintln!("doorward: none of {} events fits", scanned.records);
    }
    Ok(scanned.damaged)
}

fn show_tail(dir: &std::path::Path, tail: &Tail, output: &mut Output<impl Write>) -> anyhow::Result<Vec<Damage>> {
    // A call and its outcome are two lines but one entry, and the first outcomes may belong to calls further up.
    let mut reader = Reader::near_end(dir, tail.lines.saturating_mul(3).saturating_add(100)).map_err(anyhow::Error::new)?;
    if tail.follow {
        return follow(&mut reader, tail.lines, output);
    }
    let mut last = VecDeque::new();
    let scanned = scan(&mut reader, &Filter::default(), |entry| {
        last.push_back(entry);
        if last.len() > tail.lines {
            last.pop_front();
        }
        ControlFlow::Continue(())
    });
    for entry in &last {
        output.show(entry)?;
    }
    output.flush()?;
    Ok(scanned.map_err(anyhow::Error::new)?.damaged)
}

/// Shows the last entries, then each new one, until the process is stopped.
fn follow(reader: &mut Reader, lines: usize, output: &mut Output<impl Write>) -> anyhow::Result<Vec<Damage>> {
    let mut follower = Follower::new(Filter::default());
    let mut waiting = VecDeque::new();
    let mut caught_up = false;
    loop {
        match reader.next_line().map_err(anyhow::Error::new)? {
            Some(Line::Record(record)) => waiting.extend(follower.push(*record)),
            Some(Line::Damaged(damage)) => {
                eprintln!("doorward: {}:{}: this line is not an audit record", damage.path.display(), damage.line);
            }
            None => {
                for entry in waiting.drain(..) {
                    output.show(&entry)?;
                }
                output.flush()?;
                caught_up = true;
                thread::sleep(POLL);
            }
        }
        while !caught_up && waiting.len() > lines {
            waiting.pop_front();
        }
    }
}

impl Query {
    fn filter(&self) -> anyhow::Result<Filter> {
        let now = Clock::System.now();
        let instant = |when: &Option<When>| when.as_ref().map(|when| when.before(now)).transpose();
        Ok(Filter {
            user: self.user.clone(),
            people: std::collections::BTreeSet::new(),
            client: self.client.clone(),
            upstream: self.upstream.clone(),
            tool: self.tool.clone(),
            request: self.request.clone(),
            since: instant(&self.since).context("--since")?,
            until: instant(&self.until).context("--until")?,
            decision: self.decision.map(|said| match said {
                Said::Permit => Decision::Permit,
                Said::Deny => Decision::Deny,
            }),
            kinds: self.kind.clone(),
        })
    }
}

/// Where entries go: a table or JSON lines.
struct Output<W> {
    sink: W,
    json: bool,
    table: Table,
}

impl<W: Write> Output<W> {
    fn new(sink: W, json: bool, style: Style) -> Self {
        Self { sink, json, table: Table::new(style) }
    }

    fn show(&mut self, entry: &Entry) -> io::Result<()> {
        if self.json { writeln!(self.sink, "{}", json_line(entry)?) } else { self.table.push(entry, &mut self.sink) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.table.flush(&mut self.sink)?;
        self.sink.flush()
    }
}

/// The record as it stands in the journal; a call gets `outcome`, `status`, `duration_us` and `code` of its outcome, and
/// `ended`, the outcome's time.
fn json_line(entry: &Entry) -> io::Result<String> {
    let mut record = entry.record.clone();
    let ended = entry.outcome.as_ref().map(|outcome| outcome.event.time.to_string());
    if let Some(outcome) = &entry.outcome {
        record.event.outcome = outcome.event.outcome;
        record.event.status = outcome.event.status;
        record.event.duration_us = outcome.event.duration_us;
        record.event.code = outcome.event.code.clone().or(record.event.code);
    }
    let mut value = serde_json::to_value(record)?;
    if let (Some(fields), Some(ended)) = (value.as_object_mut(), ended) {
        fields.insert("ended".to_owned(), ended.into());
    }
    Ok(escape_invisible(&value.to_string()))
}

/// Kinds are named as in the journal.
fn parse_kind(text: &str) -> Result<Kind, String> {
    let name = text.to_lowercase().replace('-', "_");
    serde_json::from_value(serde_json::Value::String(name)).map_err(|_| {
        "no such kind; there are call, sign_in, sign_in_refused, sign_in_tested, sign_in_captured, sign_out, consent, consent_refused, client_registered, token_issued, \
         token_refreshed, token_refused, token_revoked, groups_changed, idp_session_ended, user_created, session_ended, user_linked, user_unlinked, user_disabled, user_enabled, call_outcome, admin_act, admin_act_failed, config_loaded, \
         config_reloaded, config_reload_refused, refused, journal_opened, journal_recovered, idp_metadata_failing, \
         idp_metadata_recovered, idp_certificate_expired, saml_key_changed"
            .to_owned()
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
