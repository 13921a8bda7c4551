//! How a peer, or a file of an administrator, is wrong. Every variant has a stable code and a page `docs/errors/<code>.md`.
//!
//! Values of the message appear in an error only where the administrator needs them to mend it (which audience, which
//! recipient). They come from an unverified message: show them as text, never act on them.

mod explain;
mod metadata;
mod response;
mod xml;

pub(crate) use explain::status_meaning;
pub use metadata::MetadataError;
pub use response::{ClockReading, ResponseError};
pub use xml::XmlError;

/// Fingerprints for people to compare, or that there are none.
fn or_none(fingerprints: &[String]) -> String {
    if fingerprints.is_empty() { "no certificate".to_owned() } else { format!("SHA-256 {}", fingerprints.join(", ")) }
}

fn or_open(instant: Option<&jiff::Timestamp>) -> String {
    instant.map_or_else(|| "no date".to_owned(), ToString::to_string)
}

/// Why a key of the service provider cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not an RSA private key in PKCS#8.
    #[error("the key is not an RSA private key in PKCS#8 of 2048 to 8192 bits")]
    KeyInvalid,
    /// Not an X.509 certificate.
    #[error("the certificate is not X.509 in DER")]
    CertificateInvalid,
    /// The certificate is of another key.
    #[error("the certificate does not belong to the key")]
    CertificateMismatch,
}

impl KeyError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            KeyError::KeyInvalid => "saml.sp_key_invalid",
            KeyError::CertificateInvalid => "saml.sp_certificate_invalid",
            KeyError::CertificateMismatch => "saml.sp_certificate_mismatch",
        }
    }
}

/// Why a request cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// To be signed, but there is no key with a certificate.
    #[error("the request is to be signed and the service provider has no signing key")]
    NoKey,
    /// The crypto library refused.
    #[error("the request could not be signed")]
    Signing,
    /// The relay state is longer than the 80 bytes that the bindings allow.
    #[error("the relay state is longer than 80 bytes")]
    RelayStateTooLong,
    /// The id is not a name (`_` and letters or digits).
    #[error("the request id is not an XML name")]
    IdInvalid,
}

impl RequestError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            RequestError::NoKey => "saml.request_no_key",
            RequestError::Signing => "saml.request_signing_failed",
            RequestError::RelayStateTooLong => "saml.request_relay_state_too_long",
            RequestError::IdInvalid => "saml.request_id_invalid",
        }
    }
}
