//! The other side of the protocol: a SAML identity provider that signs for development and tests, never for trust decisions.
//!
//! [`Answer`] becomes a signed response, [`parse_redirect_request`] and [`parse_post_request`] read what a service provider
//! sends. The verifying side of this crate uses nothing from here. Random bytes are arguments, as everywhere.

mod answer;
mod incoming;

pub use answer::{Answer, AnswerAttribute, Encryption, IdpError, Signing, aggregate_xml, failure, metadata_xml, sign_response};
pub use incoming::{IncomingError, IncomingRequest, parse_post_request, parse_redirect_request};

/// The key of a development identity provider: an RSA key and its certificate.
pub use crate::keys::SpKey as IdpKey;
