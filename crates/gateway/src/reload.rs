//! A changed configuration, without a restart: SIGHUP, a change of a file ([`watch`]), or `doorward reload`.
//!
//! Everything is read anew and whole, checked like at the start, compiled, written into the audit trail, and then swapped in
//! one step. A configuration with a problem changes nothing: the old one stays, and every problem is told. Requests that
//! are open keep the view they began with. Why so: docs/adr/0011.

mod watch;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, MutexGuard};

use crate::app::{self, App, SharedApp};
use crate::audit::{AuditError, Event, Kind};
use crate::config::{Config, Loaded, Problem, Sources, load_noting};
use crate::runtime::Runtime;
use watch::Stamps;

/// How often reading starts over because a file changed meanwhile.
const ATTEMPTS: usize = 3;
/// How many problems one event of the audit trail names.
const MOST_RECORDED: usize = 50;

/// What the last attempt saw; one attempt at a time.
#[derive(Debug)]
pub struct State(Mutex<Seen>);

/// The files of an attempt, whatever became of it.
#[derive(Debug)]
struct Seen {
    sources: Sources,
    stamps: Stamps,
}

impl State {
    /// At the start.
    pub fn of(config: &Config) -> Self {
        Self(Mutex::new(Seen { sources: config.sources.clone(), stamps: Stamps::of(&config.sources) }))
    }
}

/// Who wants the configuration to be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// SIGHUP.
    Signal,
    /// A file changed.
    Watch,
    /// `doorward reload`.
    Command {
        /// The operating system user.
        operator: String,
        /// The request on the admin socket.
        request_id: String,
    },
}

impl Trigger {
    fn words(&self) -> String {
        match self {
            Self::Signal => "SIGHUP".to_owned(),
            Self::Watch => "a changed file".to_owned(),
            Self::Command { operator, .. } => format!("doorward reload by {operator}"),
        }
    }
}

/// What became of it.
#[derive(Debug, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Report {
    /// The files are those that the running configuration was made from.
    Unchanged,
    /// The new configuration is in force.
    Reloaded {
        /// The files that are new, gone or different.
        changed: Vec<String>,
        /// Keys whose new values wait for a restart.
        restart_needed: Vec<&'static str>,
        /// SHA-256 of the configuration in force, secrets hidden.
        configuration: String,
        /// SHA-256 of the policies.
        policies: String,
    },
    /// The running configuration stays.
    Refused {
        /// Why.
        problems: Vec<Problem>,
    },
}

/// Why nothing was tried, or could not be finished. The running configuration stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The configuration was given as text (`doorward dev`).
    #[error("this gateway does not run from a configuration file")]
    NoFile,
    /// What cannot be recorded does not happen.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

impl ReloadError {
    /// The stable code; its page is in docs/errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFile => "config.no_file",
            Self::Audit(error) => error.code(),
        }
    }
}

/// Reads the configuration again and, if it is right, puts it in force.
pub async fn reload(app: &App, trigger: &Trigger) -> Result<Report, ReloadError> {
    let seen = app.reload.0.lock().await;
    reload_alone(app, trigger, seen).await
}

async fn reload_alone(app: &App, trigger: &Trigger, mut seen: MutexGuard<'_, Seen>) -> Result<Report, ReloadError> {
    let file = app.config.file.clone().ok_or(ReloadError::NoFile)?;
    let before = seen.sources.clone();
    // A panic there is a fault of ours; the old configuration stays.
    let Ok((loaded, stamps)) = tokio::task::spawn_blocking(move || read_calmly(&file, &before)).await else {
        return Ok(Report::Unchanged);
    };
    let running = app.runtime.load_full();
    *seen = Seen { sources: loaded.sources.clone(), stamps };
    if loaded.sources == running.config.sources {
        tracing::info!(trigger = trigger.words(), "the configuration is what it was");
        return Ok(Report::Unchanged);
    }
    let reported = match loaded.result.and_then(|config| prepare(config, &app.config)) {
        Ok((runtime, restart_needed)) => swap(app, trigger, &running, runtime, restart_needed).await,
        Err(problems) => refuse(app, trigger, &running, problems).await,
    };
    if reported.is_err() {
        // What could not be recorded is still to be done: the watch has to find the files changed again.
        seen.stamps = Stamps::default();
    }
    Ok(reported?)
}

/// Reads until no file changed while it was read, so that files that were swapped together are taken together.
fn read_calmly(file: &Path, before: &Sources) -> (Loaded, Stamps) {
    let mut known = before.clone();
    let mut attempt = 1;
    loop {
        let earlier = Stamps::of(&known);
        let loaded = load_noting(file);
        let stamps = Stamps::of(&loaded.sources);
        if attempt >= ATTEMPTS || stamps.agree_with(&earlier) {
            return (loaded, stamps);
        }
        known = loaded.sources;
        attempt += 1;
    }
}

/// The new view, and the keys that wait for a restart.
fn prepare(mut config: Config, running: &Config) -> Result<(Runtime, Vec<&'static str>), Vec<Problem>> {
    let restart_needed = config.keep_startup_settings(running);
    let runtime = Runtime::new(Arc::new(config)).map_err(|problems| problems.into_iter().map(Problem::from).collect::<Vec<_>>())?;
    Ok((runtime, restart_needed))
}

async fn swap(
    app: &App,
    trigger: &Trigger,
    running: &Runtime,
    runtime: Runtime,
    restart_needed: Vec<&'static str>,
) -> Result<Report, AuditError> {
    let changed: Vec<String> =
        runtime.config.sources.changed_since(&running.config.sources).iter().map(|path| path.display().to_string()).collect();
    let (configuration, policies) = (runtime.config.fingerprint(), runtime.policies.fingerprint().to_owned());
    let event = event(app, trigger, Kind::ConfigReloaded)
        .with_detail("changed", changed.join(", "))
        .with_detail("restart_needed", restart_needed.join(", "))
        .with_detail("configuration_before", running.config.fingerprint())
        .with_detail("configuration", configuration.as_str())
        .with_detail("policies_before", running.policies.fingerprint())
        .with_detail("policies", policies.as_str());
    app.audit.record(event).await?;
    let hosts = app::hosts(&runtime.config);
    app.runtime.store(Arc::new(runtime));
    app.hosts.replace(&hosts);
    tracing::info!(trigger = trigger.words(), changed = changed.join(", "), configuration, policies, "a new configuration is in force");
    if !restart_needed.is_empty() {
        tracing::warn!(keys = restart_needed.join(", "), "these keys changed too, and need a restart: until then the old values hold");
    }
    Ok(Report::Reloaded { changed, restart_needed, configuration, policies })
}

fn event(app: &App, trigger: &Trigger, kind: Kind) -> Event {
    let mut event = Event::new(kind, app.clock.now()).with_detail("trigger", trigger.words());
    if let Trigger::Command { request_id, .. } = trigger {
        event.request_id.clone_from(request_id);
        event.correlation_id.clone_from(request_id);
    }
    event
}

async fn refuse(app: &App, trigger: &Trigger, running: &Runtime, problems: Vec<Problem>) -> Result<Report, AuditError> {
    let mut event = event(app, trigger, Kind::ConfigReloadRefused)
        .with_detail("problems", problems.len().to_string())
        .with_detail("configuration", running.config.fingerprint())
        .with_detail("policies", running.policies.fingerprint());
    event.code = problems.first().map(|problem| problem.code().to_owned());
    for (number, problem) in problems.iter().take(MOST_RECORDED).enumerate() {
        event = event.with_detail(&format!("problem_{:02}", number.saturating_add(1)), problem.to_string());
    }
    for problem in &problems {
        tracing::error!(code = problem.code(), %problem, "the new configuration has a problem");
    }
    tracing::error!(trigger = trigger.words(), problems = problems.len(), "the new configuration is not taken: the old one stays in force");
    app.audit.record(event).await?;
    Ok(Report::Refused { problems })
}

impl Report {
    /// For `doorward reload`.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|_| json!(Map::new()))
    }
}

/// Listens for SIGHUP and watches the files, until the application is gone. Nothing to do without a file.
pub fn spawn(app: &SharedApp) -> std::io::Result<()> {
    if app.config.file.is_none() {
        return Ok(());
    }
    let mut hangups = signal(SignalKind::hangup())?;
    let weak = Arc::downgrade(app);
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let Some(app) = weak.upgrade() else { return };
            log_failure(reload(&app, &Trigger::Signal).await);
        }
    });
    tokio::spawn(watch::watch(Arc::downgrade(app)));
    Ok(())
}

/// What became of it is logged where it happens; what stopped it, here.
fn log_failure(result: Result<Report, ReloadError>) {
    if let Err(error) = result {
        tracing::error!(code = error.code(), %error, "the configuration was not read again");
    }
}
