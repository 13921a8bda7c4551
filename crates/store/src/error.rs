//! Why the store could not answer. Never an answer in itself: "unknown" and "expired" are values, not errors.

use std::path::PathBuf;

/// The store could not do what it was asked. A caller refuses (503), never allows.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database file cannot be created or opened.
    #[error("the database {} cannot be opened", path.display())]
    Open {
        /// The file that was asked for.
        path: PathBuf,
        /// What the operating system or SQLite said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The schema cannot be brought to what this version needs; for one, a newer version has written it.
    #[error("the database schema cannot be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The database was sealed under another master key.
    #[error("the database was sealed under another master key (its key id is {stored}, the given one is {given})")]
    WrongMasterKey {
        /// Key id in the database.
        stored: String,
        /// Key id of the key that was given.
        given: String,
    },
    /// A sealed value does not open: it was changed, or moved from another row.
    #[error("a sealed value of {what} does not open")]
    Sealed {
        /// Table and column.
        what: &'static str,
    },
    /// There is no room left, on the disk or under the configured limit. Nothing of the operation was kept.
    #[error("there is no room left for the database")]
    Full(#[source] sqlx::Error),
    /// Another process held the database, or all connections were taken, for longer than the time limit.
    #[error("the database is busy")]
    Busy(#[source] sqlx::Error),
    /// What the database holds is not what this program writes.
    #[error("the database holds {what}")]
    Corrupt {
        /// What was found.
        what: &'static str,
    },
    /// Any other failure of the database.
    #[error("the database does not answer")]
    Unavailable(#[source] sqlx::Error),
}

impl StoreError {
    /// The stable code; its page is in docs/errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "store.open_failed",
            Self::Migration(_) => "store.migration_failed",
            Self::WrongMasterKey { .. } => "store.wrong_master_key",
            Self::Sealed { .. } => "store.sealed_value_unreadable",
            Self::Full(_) => "store.full",
            Self::Busy(_) => "store.busy",
            Self::Corrupt { .. } => "store.corrupt",
            Self::Unavailable(_) => "store.unavailable",
        }
    }
}

impl From<sqlx::Error> for StoreError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "sqlx::Error is open; what is not known is a failure, never an answer")]
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(fault) => match sqlite_primary_code(fault.as_ref()) {
                Some(SQLITE_FULL) => Self::Full(error),
                Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::Busy(error),
                Some(SQLITE_CORRUPT | SQLITE_NOTADB) => Self::Corrupt { what: "pages that SQLite cannot read" },
                _ => Self::Unavailable(error),
            },
            sqlx::Error::PoolTimedOut => Self::Busy(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt { what: "a column of an unexpected type" },
            _ => Self::Unavailable(error),
        }
    }
}

// Result codes of SQLite (https://www.sqlite.org/rescode.html); the low byte of an extended code is its primary code.
const SQLITE_BUSY: i64 = 5;
const SQLITE_LOCKED: i64 = 6;
const SQLITE_CORRUPT: i64 = 11;
const SQLITE_FULL: i64 = 13;
const SQLITE_NOTADB: i64 = 26;

fn sqlite_primary_code(fault: &dyn sqlx::error::DatabaseError) -> Option<i64> {
    fault.code()?.parse::<i64>().ok().map(|code| code & 0xff)
}
