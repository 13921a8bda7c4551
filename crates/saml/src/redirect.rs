//! Messages that arrive in a query (SAML bindings 3.4): each parameter once, a bounded inflate, and a signature that is
//! checked over the octets as they came, never over a query that we encoded again.

use std::io::Read as _;

use flate2::read::DeflateDecoder;

use crate::encoding::{decode_base64, percent_decode};
use crate::keys::SigningCertificate;
use crate::limits::Limits;
use crate::names::{ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512, RSA_SHA256, RSA_SHA384, RSA_SHA512};
use crate::xml::printable;

/// Which of the two messages is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// `SAMLRequest`.
    Request,
    /// `SAMLResponse`.
    Response,
}

/// Why a query is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// The expected message is not there.
    #[error("the query has no {parameter}")]
    Missing {
        /// Its parameter.
        parameter: &'static str,
    },
    /// A request and a response at once: which one a signature covers would be a matter of taste.
    #[error("the query has both SAMLRequest and SAMLResponse")]
    TwoMessages,
    /// A parameter twice.
    #[error("the query has {parameter} more than once")]
    Duplicate {
        /// The parameter.
        parameter: &'static str,
    },
    /// Broken percent encoding, base64 or deflate.
    #[error("{parameter} is not encoded as the binding demands")]
    Encoding {
        /// The parameter.
        parameter: &'static str,
    },
    /// Inflates beyond the limit.
    #[error("the message is larger than {limit} bytes after decompression")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Not signed, but must be.
    #[error("the query is not signed")]
    NotSigned,
    /// An algorithm that is not accepted.
    #[error("the query is signed with {algorithm:?}, which is not accepted")]
    Algorithm {
        /// The algorithm.
        algorithm: String,
    },
    /// No key verifies the signature.
    #[error("the signature of the query does not verify")]
    SignatureInvalid,
}

impl RedirectError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            RedirectError::Missing { .. } => "saml.redirect_message_missing",
            RedirectError::TwoMessages => "saml.redirect_two_messages",
            RedirectError::Duplicate { .. } => "saml.redirect_duplicate_parameter",
            RedirectError::Encoding { .. } => "saml.redirect_encoding_invalid",
            RedirectError::TooLarge { .. } => "saml.redirect_too_large",
            RedirectError::NotSigned => "saml.redirect_not_signed",
            RedirectError::Algorithm { .. } => "saml.redirect_algorithm",
            RedirectError::SignatureInvalid => "saml.redirect_signature_invalid",
        }
    }
}

/// A message out of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedirectMessage {
    /// The inflated XML.
    pub xml: Vec<u8>,
    /// The `RelayState`.
    pub relay_state: Option<String>,
}

/// Takes the raw query of the request line, the parameter that is expected and, if it must be signed, the keys that may
/// have signed it; gives the message.
pub fn parse(
    query: &str,
    parameter: Parameter,
    keys: Option<&[SigningCertificate]>,
    limits: &Limits,
) -> Result<RedirectMessage, RedirectError> {
    let raw = RawQuery::split(query)?;
    let (name, message) = match (parameter, raw.request, raw.response) {
        (_, Some(_), Some(_)) => return Err(RedirectError::TwoMessages),
        (Parameter::Request, Some(message), None) => ("SAMLRequest", message),
        (Parameter::Response, None, Some(message)) => ("SAMLResponse", message),
        (Parameter::Request, ..) => return Err(RedirectError::Missing { parameter: "SAMLRequest" }),
        (Parameter::Response, ..) => return Err(RedirectError::Missing { parameter: "SAMLResponse" }),
    };
    if let Some(keys) = keys {
        verify(&raw, name, message, keys)?;
    }
    let relay_state =
        raw.relay_state.map(|value| percent_decode(value).ok_or(RedirectError::Encoding { parameter: "RelayState" })).transpose()?;
    let encoding = || RedirectError::Encoding { parameter: name };
    let deflated = percent_decode(message).and_then(|text| decode_base64(text.as_bytes())).ok_or_else(encoding)?;
    let bound = u64::try_from(limits.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let mut xml = Vec::new();
    DeflateDecoder::new(deflated.as_slice()).take(bound).read_to_end(&mut xml).map_err(|_| encoding())?;
    if xml.len() > limits.max_bytes {
        return Err(RedirectError::TooLarge { limit: limits.max_bytes });
    }
    Ok(RedirectMessage { xml, relay_state })
}

/// Which message a query has. Nothing is decoded but the names of the parameters.
pub fn which(query: &str) -> Result<Parameter, RedirectError> {
    let raw = RawQuery::split(query)?;
    match (raw.request, raw.response) {
        (Some(_), Some(_)) => Err(RedirectError::TwoMessages),
        (Some(_), None) => Ok(Parameter::Request),
        (None, Some(_)) => Ok(Parameter::Response),
        (None, None) => Err(RedirectError::Missing { parameter: "SAMLRequest or SAMLResponse" }),
    }
}

/// The relay state of a query whose signature nobody has looked at: enough to find out what the message may answer.
pub fn relay_state(query: &str) -> Result<Option<String>, RedirectError> {
    let raw = RawQuery::split(query)?;
    raw.relay_state.map(|value| percent_decode(value).ok_or(RedirectError::Encoding { parameter: "RelayState" })).transpose()
}

/// The parameters of the binding as they came, undecoded.
#[derive(Default)]
struct RawQuery<'q> {
    request: Option<&'q str>,
    response: Option<&'q str>,
    relay_state: Option<&'q str>,
    algorithm: Option<&'q str>,
    signature: Option<&'q str>,
}

impl<'q> RawQuery<'q> {
    /// Names are compared after decoding, so that `%53AMLRequest` cannot hide a second message from us.
    fn split(query: &'q str) -> Result<RawQuery<'q>, RedirectError> {
        let mut raw = RawQuery::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = percent_decode(name).ok_or(RedirectError::Encoding { parameter: "a parameter name" })?;
            let (slot, parameter) = match decoded.as_str() {
                "SAMLRequest" => (&mut raw.request, "SAMLRequest"),
                "SAMLResponse" => (&mut raw.response, "SAMLResponse"),
                "RelayState" => (&mut raw.relay_state, "RelayState"),
                "SigAlg" => (&mut raw.algorithm, "SigAlg"),
                "Signature" => (&mut raw.signature, "Signature"),
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(RedirectError::Duplicate { parameter });
            }
        }
        Ok(raw)
    }
}

/// Bindings 3.4.4.1: message, relay state if there is one, algorithm, in this order, as they came.
fn verify(raw: &RawQuery<'_>, name: &str, message: &str, keys: &[SigningCertificate]) -> Result<(), RedirectError> {
    let (Some(raw_algorithm), Some(raw_signature)) = (raw.algorithm, raw.signature) else { return Err(RedirectError::NotSigned) };
    let algorithm = percent_decode(raw_algorithm).ok_or(RedirectError::Encoding { parameter: "SigAlg" })?;
    if ![RSA_SHA256, RSA_SHA384, RSA_SHA512, ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512].contains(&algorithm.as_str()) {
        return Err(RedirectError::Algorithm { algorithm: printable(&algorithm, 120) });
    }
    let signature = percent_decode(raw_signature).and_then(|text| decode_base64(text.as_bytes()));
    let signature = signature.ok_or(RedirectError::Encoding { parameter: "Signature" })?;
    let relay_state = raw.relay_state.map(|value| format!("&RelayState={value}")).unwrap_or_default();
    let signed = format!("{name}={message}{relay_state}&SigAlg={raw_algorithm}");
    if keys.iter().any(|key| key.verifies(&algorithm, signed.as_bytes(), &signature)) {
        Ok(())
    } else {
        Err(RedirectError::SignatureInvalid)
    }
}
