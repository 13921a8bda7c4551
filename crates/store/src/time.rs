//! Instants and durations as the database keeps them: microseconds since the Unix epoch.

use std::time::Duration;

use jiff::Timestamp;

use crate::StoreError;

/// An instant as a column value.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A duration as a difference of column values; one that does not fit is "for ever".
pub(crate) fn span(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// `at` moved by `duration`, at most the last instant there is.
pub(crate) fn after(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The instant in a column.
pub(crate) fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| StoreError::Corrupt { what: "an instant out of range" })
}

/// The instant in a column that may be empty.
pub(crate) fn optional_instant(micros: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    micros.map(instant).transpose()
}
