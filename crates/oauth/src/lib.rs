//! OAuth 2.1 and OpenID Connect: vocabulary and rules, both roles mirrored. No I/O, no clock.
//!
//! `server` is Doorward as an authorization server towards MCP clients, `client` is Doorward as a relying party
//! towards identity providers. What both need stands beside them: JSON Web Tokens and keys (`jwt`, `jwks`), proof
//! keys (`pkce`), `scope`, `resource` and `redirect`.
//!
//! Invariants: untrusted text becomes a parsed type here or is refused with a named error; no function reads a clock
//! or a file; randomness comes in as bytes, with key generation as the one exception.

pub mod client;
pub mod json;
pub mod jwks;
pub mod jwt;
pub mod pkce;
pub mod redirect;
pub mod resource;
pub mod scope;
mod secret;
pub mod server;

pub use secret::Secret;
