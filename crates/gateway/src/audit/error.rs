//! Why the audit trail could not be written or read. Whoever gets one of these refuses the call.

use std::path::PathBuf;
use std::sync::Arc;

/// The audit trail cannot be written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuditError {
    /// The folder cannot be made or opened.
    #[error("the audit journal in {} cannot be opened", dir.display())]
    Open {
        /// The folder.
        dir: PathBuf,
        /// What the operating system said.
        source: Arc<std::io::Error>,
    },
    /// Another process writes this journal.
    #[error("another process writes the audit journal in {}", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
    },
    /// The event could not be made durable; nor can any other until the journal has been opened again.
    #[error("the audit journal cannot be written: {reason}")]
    Unwritable {
        /// What the operating system said.
        reason: String,
    },
    /// More events wait than the queue may hold: the disk does not keep up.
    #[error("too many audit events wait for the disk")]
    QueueFull,
    /// The journal was closed: the process is shutting down.
    #[error("the audit journal is closed")]
    Closed,
    /// A journal file cannot be read.
    #[error("the audit journal {} cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<std::io::Error>,
    },
}

impl AuditError {
    /// The stable code; its page is in docs/errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "audit.open_failed",
            Self::Locked { .. } => "audit.locked",
            Self::Unwritable { .. } => "audit.unwritable",
            Self::QueueFull => "audit.queue_full",
            Self::Closed => "audit.closed",
            Self::Unreadable { .. } => "audit.unreadable",
        }
    }
}
