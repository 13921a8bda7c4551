//! Faults of a logout message.

use jiff::Timestamp;

use crate::error::{MetadataError, ResponseError, XmlError};
use crate::redirect::RedirectError;

/// Why a logout message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogoutError {
    /// The query is wrong, or its signature.
    #[error(transparent)]
    Query(#[from] RedirectError),
    /// What any message of SAML may have wrong: XML, signature, issuer, instants, an encrypted identifier.
    #[error(transparent)]
    Message(#[from] ResponseError),
    /// The form has neither `SAMLRequest` nor `SAMLResponse`.
    #[error("the form has neither SAMLRequest nor SAMLResponse")]
    MessageMissing,
    /// The form has both: which one is meant would be a matter of taste.
    #[error("the form has both SAMLRequest and SAMLResponse")]
    TwoMessages,
    /// The document element is not the one that belongs into the parameter.
    #[error("the document is a {actual}, not a SAML 2.0 {expected}")]
    WrongMessage {
        /// `LogoutRequest` or `LogoutResponse`.
        expected: &'static str,
        /// The name of the document element.
        actual: String,
    },
    /// Posted without an enveloped signature.
    #[error("the {element} is not signed; logout messages must be")]
    NotSigned {
        /// Which message.
        element: &'static str,
    },
    /// No destination.
    #[error("the {element} has no Destination")]
    DestinationMissing {
        /// Which message.
        element: &'static str,
    },
    /// Meant for another address.
    #[error("the {element} is meant for {actual:?}, not for {expected:?}")]
    DestinationMismatch {
        /// Which message.
        element: &'static str,
        /// Our address for logout messages.
        expected: String,
        /// The destination.
        actual: String,
    },
    /// The request has ended.
    #[error("the LogoutRequest ended at {ended}")]
    Expired {
        /// When: `NotOnOrAfter`, or five minutes after `IssueInstant`.
        ended: Timestamp,
    },
    /// The request names nobody.
    #[error("the LogoutRequest has no NameID")]
    NameIdMissing,
    /// The request names somebody twice.
    #[error("the LogoutRequest has {count} identifiers of a person; exactly one is accepted")]
    SeveralNames {
        /// How many.
        count: usize,
    },
}

impl LogoutError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            LogoutError::Query(error) => error.code(),
            LogoutError::Message(error) => error.code(),
            LogoutError::MessageMissing => "saml.logout_message_missing",
            LogoutError::TwoMessages => "saml.logout_two_messages",
            LogoutError::WrongMessage { .. } => "saml.logout_wrong_message",
            LogoutError::NotSigned { .. } => "saml.logout_not_signed",
            LogoutError::DestinationMissing { .. } => "saml.logout_destination_missing",
            LogoutError::DestinationMismatch { .. } => "saml.logout_destination_mismatch",
            LogoutError::Expired { .. } => "saml.logout_expired",
            LogoutError::NameIdMissing => "saml.logout_name_id_missing",
            LogoutError::SeveralNames { .. } => "saml.logout_several_names",
        }
    }
}

impl From<XmlError> for LogoutError {
    fn from(error: XmlError) -> LogoutError {
        LogoutError::Message(error.into())
    }
}

impl From<MetadataError> for LogoutError {
    fn from(error: MetadataError) -> LogoutError {
        LogoutError::Message(error.into())
    }
}
