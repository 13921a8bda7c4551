//! A strict SAML 2.0 service provider: untrusted XML goes in, a [`VerifiedAssertion`] comes out, or one
//! [`ResponseError`] that says how the peer was wrong.
//!
//! # Flow of [`verify_response`]
//! 1. `scan`: limits and forbidden constructs, one linear pass over the bytes before any parser sees them;
//! 2. `xml`: one parse into one DOM, no DTD, unique ids; from here on only node handles travel;
//! 3. `response`: the shape of the Response, exactly one assertion, no signature or assertion elsewhere;
//! 4. `signature`: every signature present, value before digest, keys from the metadata alone;
//! 5. `decrypt`: an encrypted assertion becomes a second document that passes 1, 2 and 4 again;
//! 6. `profile`: the Web Browser SSO profile, read from nodes that a verified signature covers.
//!
//! Single logout takes the same way with other shapes: see [`logout`].
//!
//! # Invariants
//! - No clock, no randomness, no file and no socket: `now` and random bytes are arguments.
//! - The profile takes a `Signed` node, and only `signature` makes one: nothing is read that no signature covers.
//! - Nothing is serialised and parsed again, nothing is cut out of the source text.
//! - Names are matched with their namespace, attributes only without one.
//! - [`inspect`] and [`verify_response`] are the same function with a different log.

mod c14n;
mod claimed;
mod decrypt;
mod encoding;
mod entity_id;
mod error;
pub mod idp;
mod inspect;
mod instant;
mod keys;
mod limits;
pub mod logout;
mod metadata;
mod names;
mod profile;
mod query;
pub mod redirect;
mod request;
mod response;
mod scan;
mod sign;
mod signature;
mod sp;
mod verified;
mod xml;

pub use claimed::claimed_names;
pub use entity_id::{EntityId, InvalidEntityId};
pub use error::{ClockReading, KeyError, MetadataError, RequestError, ResponseError, XmlError};
pub use inspect::{Check, Inspection, inspect};
pub use keys::{SigningCertificate, SpKey};
pub use limits::Limits;
pub use metadata::{Binding, Endpoint, IdpMetadata};
pub use request::{AuthnRequest, PostForm};
pub use response::{Expected, verify_response};
pub use sp::ServiceProvider;
pub use verified::{Attribute, NameId, VerifiedAssertion};
