//! The one place that asks the operating system for the time. Everything else takes `now` as an argument.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Where the current time comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The operating system's clock.
    #[default]
    System,
    /// A clock that a test sets: seconds since the Unix epoch.
    Mock(Arc<AtomicI64>),
}

impl Clock {
    /// The current instant, in UTC.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask for the time")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Mock(seconds) => Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }

    /// A mock clock that stands at `at` until [`Clock::set`] moves it.
    pub fn mock(at: Timestamp) -> Self {
        Self::Mock(Arc::new(AtomicI64::new(at.as_second())))
    }

    /// Moves a mock clock; the system clock is not moved.
    pub fn set(&self, at: Timestamp) {
        if let Self::Mock(seconds) = self {
            seconds.store(at.as_second(), Ordering::SeqCst);
        }
    }
}
