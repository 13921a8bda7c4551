//! The proxy from outside: raw bytes in, a recording upstream behind, the audit journal on disk.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod client;
mod upstream;
mod world;

mod administrators;
mod attacks;
mod calls;
mod lists;
mod refusals;
mod streams;
mod upstreams;
