//! Who may do what: one Cedar policy set, one function that decides. No I/O, no clock.
//!
//! ```text
//! PolicySource ──compile──▶ PolicySet        roles, the short form and Cedar files, checked against the schema
//! Request, T   ──decide───▶ Permit<T> | Denial
//! ```
//!
//! Invariants: only [`decide`] makes a [`Permit`], and a permit holds the very thing it was asked for. What is not
//! permitted is denied; a matching `forbid` wins; a policy that fails to evaluate denies.

mod compile;
mod decide;
mod explain;
mod problem;
mod request;
mod set;
mod source;
mod vocabulary;

pub use decide::decide;
pub use explain::{Explanation, GroupForms, NearGroup, Would, explain};
pub use problem::{PolicyProblem, PolicyProblemKind};
pub use request::{Action, Denial, DenialCode, Permit, Request, ToolAnnotations};
pub use set::{PolicySet, needs_annotations, reads_arguments};
pub use source::{CedarFile, Deny, Grant, GroupMapping, PolicySource, RoleRule};
pub use vocabulary::SCHEMA;
