//! How a command says that it failed: one line with what is wrong, what to do about it, and the code; and an exit status.

use std::process::ExitCode;

use devkit::loopback;
use store::StoreError;

use super::admin::CallError;
use super::{EXIT_CONFIG, EXIT_UNREACHABLE, EXIT_USAGE};
use crate::admin::SocketError;
use crate::app::StartError;
use crate::audit::AuditError;

/// Arguments that do not fit the configuration they are about.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// Prints the failure to standard error and gives the exit status.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("doorward: {}", line(error));
    ExitCode::from(status(error))
}

/// What happened with its causes, what to do, `[code]`.
fn line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Many errors name their cause already; saying it twice helps nobody.
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(advice) = advice(error) {
        text = format!("{text}; {advice}");
    }
    if let Some(code) = code(error) {
        text = format!("{text} [{code}]");
    }
    text
}

fn code(error: &anyhow::Error) -> Option<&str> {
    None.or_else(|| error.downcast_ref::<StartError>().map(StartError::code))
        .or_else(|| error.downcast_ref::<AuditError>().map(AuditError::code))
        .or_else(|| error.downcast_ref::<loopback::StartError>().map(loopback::StartError::code))
        .or_else(|| error.downcast_ref::<CallError>().and_then(CallError::code))
}

fn status(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() {
        return EXIT_USAGE;
    }
    if let Some(error) = error.downcast_ref::<CallError>() {
        return match error {
            CallError::Configuration(_) => EXIT_CONFIG,
            CallError::Refused { .. } => 1,
            CallError::NotRunning { .. } | CallError::NotPermitted { .. } | CallError::Broken { .. } => EXIT_UNREACHABLE,
        };
    }
    match error.downcast_ref::<StartError>() {
        Some(error) if error.is_configuration() => EXIT_CONFIG,
        Some(_) | None => 1,
    }
}

/// What whoever typed the command can do. Where the message says so itself, nothing.
fn advice(error: &anyhow::Error) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<StartError>() {
        return start_advice(error);
    }
    if let Some(loopback::StartError::Listen { .. }) = error.downcast_ref::<loopback::StartError>() {
        return Some("stop the program that uses the port, or choose another with --port (0 takes free ones)");
    }
    match error.downcast_ref::<AuditError>()? {
        AuditError::Unreadable { .. } => {
            Some("name the folder with --dir or the configuration with --config, and run as the user that runs Doorward")
        }
        AuditError::Open { .. }
        | AuditError::Locked { .. }
        | AuditError::Unwritable { .. }
        | AuditError::QueueFull
        | AuditError::Closed => None,
    }
}

fn start_advice(error: &StartError) -> Option<&'static str> {
    match error {
        StartError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            Some("stop the program that listens there, or change `listen` in the configuration")
        }
        StartError::Listen { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Some("ports below 1024 need the capability CAP_NET_BIND_SERVICE; grant it, or choose a higher port in `listen`")
        }
        StartError::Listen { .. } => Some("`listen` in the configuration must be an address of this machine"),
        StartError::DataDir { .. } => Some("`data_dir` and `audit.dir` must be folders that the user who runs Doorward may write"),
        StartError::TlsFile { .. } | StartError::Tls(_) => Some("`tls` in the configuration names the files"),
        StartError::Audit(AuditError::Locked { .. }) => {
            Some("stop the other Doorward, or give this one a `data_dir` of its own in the configuration")
        }
        StartError::Audit(_) => Some("the user who runs Doorward must be able to write `audit.dir`"),
        StartError::Store(error) => store_advice(error),
        StartError::Admin(error) => Some(admin_advice(error)),
        StartError::MasterKey(_) | StartError::Keys(_) | StartError::Outbound(_) | StartError::Policy(_) => None,
    }
}

fn admin_advice(error: &SocketError) -> &'static str {
    match error {
        SocketError::PathTooLong { .. } => "give `data_dir` in the configuration a shorter path",
        SocketError::InUse { .. } => "stop the other process, or give this one a `data_dir` of its own in the configuration",
        SocketError::NotASocket { .. } => "move that file away",
        SocketError::Open { .. } => "the user who runs Doorward must be able to write `data_dir`, on a file system that has sockets",
    }
}

fn store_advice(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::WrongMasterKey { .. } => Some("put the master key back that this data folder was made with; a new key cannot open it"),
        StoreError::Open { .. } => {
            Some("the user who runs Doorward must be able to write `data_dir`, and what is there must be Doorward's database")
        }
        StoreError::Busy(_) => Some("stop the other program that has the database open"),
        StoreError::Full(_) => Some("make room on the disk"),
        StoreError::Migration(_) => Some("if a newer Doorward wrote this data folder, run that version"),
        StoreError::Sealed { .. } | StoreError::Corrupt { .. } => Some("restore the data folder from a backup"),
        StoreError::Unavailable(_) => None,
    }
}

#[cfg(test)]
mod tests;
