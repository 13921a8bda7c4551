//! OAuth 2.1 and OpenID Connect: vocabulary and rules, both roles mirrored. No I/O, no clock.

pub mod client;
mod secret;

pub use secret::Secret;
