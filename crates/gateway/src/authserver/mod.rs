//! Doorward as an OAuth 2.1 authorization server for MCP clients.
//!
//! Owns the endpoints under `/oauth/` and the discovery documents. The flow: `authorize` checks a request and stores
//! it, `login` finds out who the person is and what they allow, `resume` turns the stored request into a code,
//! `token` turns the code into tokens and keeps them fresh, `revoke` ends them. The rules are `oauth::server`'s; here
//! they meet the store, the clock and the audit trail.
//!
//! Invariants:
//! - The surface has one error type, [`error::Error`], with one match to the wire.
//! - No browser is sent to a redirect URI that the client did not register; a fault in the client or the URI is a page.
//! - Every refusal and every token is in the audit trail, durably, before the reply leaves; no trail, no token.
//! - Codes and refresh tokens are used up by single statements of the store; nothing is checked and then used.

pub mod authorize;
pub(crate) mod clients;
pub(crate) mod error;
mod issue;
pub mod metadata;
mod record;
pub mod register;
mod reply;
pub mod resume;
pub mod revoke;
pub mod token;

pub use reply::preflight;
