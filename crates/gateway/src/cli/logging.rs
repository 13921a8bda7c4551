//! Logs: to standard error, readable at a terminal, JSON lines for machines. Filtered by `DOORWARD_LOG`.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging; `default` is the filter where `DOORWARD_LOG` is not set. A second call changes nothing.
pub(super) fn start(format: LogFormat, default: &str) {
    let asked = std::env::var("DOORWARD_LOG").ok().filter(|text| !text.is_empty());
    let filter = asked.as_ref().map_or_else(|| Ok(EnvFilter::new(default)), EnvFilter::try_new).unwrap_or_else(|error| {
        eprintln!("doorward: DOORWARD_LOG is ignored: {error}; write error, warn, info or debug");
        EnvFilter::new(default)
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let started = match format {
        LogFormat::Text => builder.with_ansi(colours).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
