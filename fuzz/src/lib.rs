//! What the fuzz targets do with the bytes that libFuzzer gives them, and the first inputs (`seeds`) that it starts from.
//!
//! A target looks for more than a crash: whatever is accepted must be what the genuine message said. The first byte of an
//! input says which of a target's uses the rest is for, so that one target reaches code behind a signature as well: there
//! the harness signs what the fuzzer wrote.

pub mod jwt;
pub mod saml;
pub mod seeds;
pub mod setup;
mod signer;
