//! The audit trail: who did what through Doorward, written so that it can be relied on.
//!
//! Owns the folder of the journal: append-only files of JSON lines, one line per event. Flow: a surface builds an
//! [`Event`], [`Writer::append`] hands it to the journal's own thread, the thread writes whatever waits in one batch,
//! syncs it to the disk and resolves the [`Ticket`]s. [`query`] reads the same files, also while the server runs.
//!
//! Invariants:
//! - An event is either durable before its ticket resolves with `Ok`, or its caller gets an error and refuses what it
//!   was about to do. None is dropped, whatever the load; refusals that anybody can cause are counted where they are many
//!   ([`Writer::refusal`]).
//! - Sequence numbers have no gaps, and each line carries the SHA-256 of the line before it.
//! - No event has a field for the value of an argument, a token or a secret.
//! - What is written has no character that could move a terminal or hide text: those are escaped.

mod error;
mod event;
mod journal;
pub mod query;
mod refusals;
mod writer;

pub use error::AuditError;
pub use event::{Client, Decision, Event, Kind, Outcome, Person};
pub(crate) use event::{escape_invisible, is_invisible};
pub use writer::{Limits, Ticket, Writer};

#[cfg(test)]
mod tests;
