//! Doorward as an authorization server: what MCP clients send it, and what it answers.
//!
//! Each request is read by one module into a typed value, with its checks as a flat list in the order of the
//! specification: `authorize` (RFC 6749 section 4.1.1 with RFC 7636, 8707 and 9207), `token` (4.1.3 and 6),
//! `registration` (RFC 7591), `metadata` (RFC 8414 and 9728). What needs the store or a clock is the gateway's.

pub mod access_token;
pub mod authorize;
pub mod metadata;
pub mod parameters;
pub mod registration;
pub mod token;
