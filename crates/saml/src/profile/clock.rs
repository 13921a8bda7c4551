//! Instants of an assertion against the present.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::error::{ClockReading, ResponseError};
use crate::instant;
use crate::xml::Node;

/// More than this between two clocks is not skew but a wrong clock.
const MOST_SKEW: Duration = Duration::from_mins(5);

/// The present, give or take the skew.
pub(crate) struct Clock {
    now: Timestamp,
    skew: SignedDuration,
}

/// The names and faults of one pair of `NotBefore` and `NotOnOrAfter`.
pub(super) struct WindowKind {
    not_before: &'static str,
    not_on_or_after: &'static str,
    early: fn(Timestamp, ClockReading) -> ResponseError,
    late: fn(Timestamp, ClockReading) -> ResponseError,
}

/// The window of `Conditions` (SAML core 2.5.1.2).
pub(super) const ASSERTION_WINDOW: WindowKind = WindowKind {
    not_before: "Conditions NotBefore",
    not_on_or_after: "Conditions NotOnOrAfter",
    early: |not_before, clock| ResponseError::NotYetValid { not_before, clock },
    late: |not_on_or_after, clock| ResponseError::Expired { not_on_or_after, clock },
};

/// The window of `SubjectConfirmationData` (SAML core 2.4.1.2).
pub(super) const CONFIRMATION_WINDOW: WindowKind = WindowKind {
    not_before: "SubjectConfirmationData NotBefore",
    not_on_or_after: "SubjectConfirmationData NotOnOrAfter",
    early: |not_before, clock| ResponseError::ConfirmationNotYetValid { not_before, clock },
    late: |not_on_or_after, clock| ResponseError::ConfirmationExpired { not_on_or_after, clock },
};

/// A window that is open now.
pub(super) struct Window {
    not_before: Option<Timestamp>,
    pub(super) not_on_or_after: Option<Timestamp>,
}

impl Clock {
    pub(crate) fn new(now: Timestamp, skew: Duration) -> Clock {
        Clock { now, skew: SignedDuration::try_from(skew.min(MOST_SKEW)).unwrap_or(SignedDuration::ZERO) }
    }

    /// What an error says of this clock.
    pub(crate) fn reading(&self) -> ClockReading {
        ClockReading { now: self.now, skew: self.skew.as_secs() }
    }

    /// The end of a window as others' clocks may see it.
    pub(crate) fn latest(&self, end: Timestamp) -> Timestamp {
        end.checked_add(self.skew).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn has_passed(&self, end: Timestamp) -> bool {
        self.latest(end) <= self.now
    }

    pub(crate) fn is_ahead(&self, instant: Timestamp) -> bool {
        instant > self.now.checked_add(self.skew).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn check_window(&self, node: Node<'_>, kind: &WindowKind) -> Result<Window, ResponseError> {
        let not_before = optional(node, "NotBefore", kind.not_before)?;
        let not_on_or_after = optional(node, "NotOnOrAfter", kind.not_on_or_after)?;
        match (not_before, not_on_or_after) {
            (Some(begin), _) if self.is_ahead(begin) => Err((kind.early)(begin, self.reading())),
            (_, Some(end)) if self.has_passed(end) => Err((kind.late)(end, self.reading())),
            _ => Ok(Window { not_before, not_on_or_after }),
        }
    }

    /// `IssueInstant`: required, and not in the future.
    pub(crate) fn check_issued(&self, node: Node<'_>, field: &'static str) -> Result<Timestamp, ResponseError> {
        let instant = optional(node, "IssueInstant", field)?.ok_or(ResponseError::InstantInvalid { field })?;
        if self.is_ahead(instant) { Err(ResponseError::IssuedInFuture { field, instant, clock: self.reading() }) } else { Ok(instant) }
    }
}

/// An instant that need not be there, but must be one if it is.
pub(crate) fn optional(node: Node<'_>, attribute: &str, field: &'static str) -> Result<Option<Timestamp>, ResponseError> {
    node.attribute(attribute).map(|text| instant::parse(text).ok_or(ResponseError::InstantInvalid { field })).transpose()
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.not_before, self.not_on_or_after) {
            (Some(begin), Some(end)) => write!(f, "from {begin} until {end}"),
            (Some(begin), None) => write!(f, "from {begin}"),
            (None, Some(end)) => write!(f, "until {end}"),
            (None, None) => f.write_str("not limited by the conditions"),
        }
    }
}
