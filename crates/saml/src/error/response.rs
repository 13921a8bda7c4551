//! Faults of a SAML response.

use jiff::Timestamp;

use super::{MetadataError, XmlError};

/// What our clock said when an instant was judged, and how far other clocks may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// The present.
    pub now: Timestamp,
    /// The seconds that are allowed.
    pub skew: i64,
}

impl ClockReading {
    /// How the instant lies to our clock, in words.
    fn against(self, instant: Timestamp) -> String {
        let seconds = self.now.as_second().saturating_sub(instant.as_second());
        let side = if seconds < 0 { "before" } else { "after" };
        format!("the clock here says {}, {} s {side} it; {} s are allowed for the clocks", self.now, seconds.unsigned_abs(), self.skew)
    }
}

/// Why a SAML response is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The form field is not base64.
    #[error("the response is not valid base64")]
    Base64,
    /// The message is not XML that is read here.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The metadata of the identity provider cannot be trusted at this instant.
    #[error(transparent)]
    Metadata(#[from] MetadataError),

    /// The document element is not a SAML 2.0 Response.
    #[error("the document is a {actual}, not a SAML 2.0 Response")]
    NotAResponse {
        /// The name of the document element.
        actual: String,
    },
    /// An element stands where the schema does not allow it.
    #[error("element {element} is not allowed in {parent}")]
    UnexpectedElement {
        /// The element.
        element: String,
        /// Where it stands.
        parent: String,
    },
    /// Text stands between elements, or elements stand in text.
    #[error("the content of {element} is not what the schema allows")]
    UnexpectedContent {
        /// The element.
        element: String,
    },
    /// A required attribute is absent, or an id is not a name.
    #[error("element {element} has no valid {attribute} attribute")]
    InvalidAttribute {
        /// The element.
        element: String,
        /// The attribute.
        attribute: &'static str,
    },
    /// Not version 2.0.
    #[error("{element} has Version {actual:?}, not 2.0")]
    Version {
        /// Which element.
        element: &'static str,
        /// Its `Version`.
        actual: String,
    },
    /// The identity provider reports a failure.
    #[error("the identity provider answered with status {status}")]
    Status {
        /// The status codes, outermost first, what they mean, and the identity provider's own words.
        status: String,
    },
    /// No assertion.
    #[error("the response has no assertion")]
    AssertionMissing,
    /// More than one assertion.
    #[error("the response has {count} assertions; exactly one is accepted")]
    SeveralAssertions {
        /// How many.
        count: usize,
    },
    /// Plain and encrypted assertions together.
    #[error("the response has both a plain and an encrypted assertion")]
    MixedAssertions,
    /// An assertion or response somewhere else than as the one child of the Response.
    #[error("an element {element} stands inside {parent}; needed is one assertion, directly in the Response")]
    MisplacedAssertion {
        /// The element.
        element: String,
        /// Where it stands.
        parent: String,
    },
    /// A signature somewhere else than directly under what it signs.
    #[error("an element {element} stands inside {parent}; a signature may stand only directly in the Response and in its Assertion")]
    MisplacedSignature {
        /// The element.
        element: String,
        /// Where it stands.
        parent: String,
    },
    /// Two signatures under one element.
    #[error("{element} has more than one signature; one is needed")]
    SeveralSignatures {
        /// The element.
        element: &'static str,
    },

    /// Neither the assertion nor the response is signed.
    #[error("neither the response nor the assertion is signed; one of the two must be")]
    NotSigned,
    /// The signature is not built the one way that SAML allows.
    #[error("the signature is malformed: {detail}")]
    SignatureMalformed {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The reference does not point to the element that carries the signature.
    #[error("the signature refers to {actual:?}, not to the element it stands in")]
    SignatureReference {
        /// The reference.
        actual: String,
    },
    /// Other transforms than enveloped-signature and exclusive canonicalization.
    #[error("the transforms of the signature are others than enveloped-signature and exclusive canonicalization")]
    SignatureTransforms,
    /// An algorithm that is not accepted.
    #[error("the signature uses the algorithm {algorithm:?}; needed is RSA or ECDSA with SHA-256, SHA-384 or SHA-512")]
    SignatureAlgorithm {
        /// The algorithm.
        algorithm: String,
    },
    /// No key of the metadata verifies the signature.
    #[error(
        "the signature of {element} does not verify with any signing key of the identity provider's metadata (SHA-256 {}); its KeyInfo shows {}",
        .trusted.join(", "), super::or_none(.seen)
    )]
    SignatureInvalid {
        /// Which element.
        element: &'static str,
        /// Fingerprints of the certificates in the metadata.
        trusted: Vec<String>,
        /// Fingerprints of the certificates that the signature shows. They prove nothing.
        seen: Vec<String>,
    },
    /// The signature is genuine, but the certificate of its key is out of date and such are to be refused.
    #[error("the certificate of the signature (SHA-256 {fingerprint}) is valid from {} to {}; the clock here says {now}", super::or_open(.not_before.as_ref()), super::or_open(.not_after.as_ref()))]
    CertificateExpired {
        /// The certificate.
        fingerprint: String,
        /// When it begins.
        not_before: Option<Timestamp>,
        /// When it ends.
        not_after: Option<Timestamp>,
        /// The present.
        now: Timestamp,
    },
    /// The signature is genuine, but the content is not what was signed.
    #[error("the content of {element} is not what was signed: it was changed after that")]
    DigestMismatch {
        /// Which element.
        element: &'static str,
    },

    /// The assertion is encrypted and no key is configured.
    #[error("the assertion is encrypted and the service provider has no decryption key")]
    NoDecryptionKey,
    /// The encrypted assertion is not built the one way that SAML allows.
    #[error("the encrypted assertion is malformed: {detail}")]
    EncryptionMalformed {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// An encryption algorithm that is not accepted.
    #[error("the assertion is encrypted with {algorithm:?}, which is not accepted")]
    EncryptionAlgorithm {
        /// The algorithm.
        algorithm: String,
    },
    /// CBC is malleable: it is accepted only inside a signed Response.
    #[error("the assertion is encrypted with AES-CBC and the response that carries it is not signed")]
    CbcUnsigned,
    /// Decryption failed, whatever the reason: the reasons must not be told apart.
    #[error("the encrypted assertion cannot be decrypted")]
    Decryption,
    /// An encrypted name or attribute inside the assertion.
    #[error("{element} is not supported; encrypt the whole assertion instead")]
    EncryptedPart {
        /// The element.
        element: &'static str,
    },

    /// No issuer where one is required.
    #[error("{element} has no Issuer; it must be {expected:?}")]
    IssuerMissing {
        /// Which element.
        element: &'static str,
        /// The identity provider of this sign-in.
        expected: String,
    },
    /// Issued by another identity provider than the one the person was sent to.
    #[error("{element} was issued by {actual:?}, not by {expected:?}")]
    IssuerMismatch {
        /// Which element.
        element: &'static str,
        /// The identity provider of this sign-in.
        expected: String,
        /// The issuer.
        actual: String,
    },
    /// No destination.
    #[error("the response has no Destination; it must be {expected:?}")]
    DestinationMissing {
        /// Our assertion consumer service.
        expected: String,
    },
    /// Meant for another address.
    #[error("the response is meant for {actual:?}, not for {expected:?} ({})", super::explain::difference(.expected, .actual))]
    DestinationMismatch {
        /// Our assertion consumer service.
        expected: String,
        /// The destination.
        actual: String,
    },
    /// The response names no request, but one was made.
    #[error("{element} names no request (InResponseTo); it must name {expected:?}")]
    InResponseToMissing {
        /// Which element.
        element: &'static str,
        /// Our request.
        expected: String,
    },
    /// The response answers another request.
    #[error("{element} answers request {actual:?}, not {expected:?}")]
    InResponseToMismatch {
        /// Which element.
        element: &'static str,
        /// Our request.
        expected: String,
        /// The request that is named.
        actual: String,
    },
    /// Nobody asked for this response.
    #[error("the response answers no request of ours (InResponseTo {})", .actual.as_ref().map_or_else(|| "absent".to_owned(), |id| format!("{id:?}")))]
    Unsolicited {
        /// The request that it names.
        actual: Option<String>,
    },
    /// Not an instant.
    #[error("{field} is not a date and time with a time zone")]
    InstantInvalid {
        /// Which field.
        field: &'static str,
    },
    /// Issued in the future: one of the clocks is wrong.
    #[error("{field} is {instant}, which is in the future: {}", .clock.against(*.instant))]
    IssuedInFuture {
        /// Which field.
        field: &'static str,
        /// The instant.
        instant: Timestamp,
        /// Our clock.
        clock: ClockReading,
    },
    /// No subject.
    #[error("the assertion has no Subject")]
    SubjectMissing,
    /// No name for the person.
    #[error("the subject has no NameID")]
    NameIdMissing,
    /// An empty, too long or unprintable name.
    #[error("the NameID is empty, longer than 1024 characters or has control characters")]
    NameIdInvalid,
    /// No bearer confirmation.
    #[error("the subject has no bearer confirmation")]
    BearerMissing,
    /// A bearer confirmation without its data.
    #[error("the bearer confirmation has no SubjectConfirmationData")]
    ConfirmationDataMissing,
    /// A bearer confirmation without a recipient.
    #[error("the bearer confirmation has no Recipient; it must be {expected:?}")]
    RecipientMissing {
        /// Our assertion consumer service.
        expected: String,
    },
    /// Meant for another recipient.
    #[error("the assertion is meant for recipient {actual:?}, not {expected:?} ({})", super::explain::difference(.expected, .actual))]
    RecipientMismatch {
        /// Our assertion consumer service.
        expected: String,
        /// The recipient.
        actual: String,
    },
    /// A bearer confirmation that never ends.
    #[error("the bearer confirmation has no NotOnOrAfter")]
    ConfirmationUnbounded,
    /// The bearer confirmation ended.
    #[error("the bearer confirmation ended at {not_on_or_after}: {}", .clock.against(*.not_on_or_after))]
    ConfirmationExpired {
        /// When.
        not_on_or_after: Timestamp,
        /// Our clock.
        clock: ClockReading,
    },
    /// The bearer confirmation has not begun.
    #[error("the bearer confirmation begins at {not_before}: {}", .clock.against(*.not_before))]
    ConfirmationNotYetValid {
        /// When.
        not_before: Timestamp,
        /// Our clock.
        clock: ClockReading,
    },
    /// No conditions.
    #[error("the assertion has no Conditions")]
    ConditionsMissing,
    /// A condition that is not understood.
    #[error("the condition {element} is not understood")]
    ConditionUnknown {
        /// The element.
        element: String,
    },
    /// The assertion ended.
    #[error("the assertion ended at {not_on_or_after}: {}", .clock.against(*.not_on_or_after))]
    Expired {
        /// When.
        not_on_or_after: Timestamp,
        /// Our clock.
        clock: ClockReading,
    },
    /// The assertion has not begun.
    #[error("the assertion begins at {not_before}: {}", .clock.against(*.not_before))]
    NotYetValid {
        /// When.
        not_before: Timestamp,
        /// Our clock.
        clock: ClockReading,
    },
    /// No audience.
    #[error("the assertion names no audience; it must name {expected:?}")]
    AudienceMissing {
        /// Our entity id.
        expected: String,
    },
    /// Another audience.
    #[error("the assertion is meant for {actual:?}, not for {expected:?}")]
    AudienceMismatch {
        /// Our entity id.
        expected: String,
        /// The audiences.
        actual: Vec<String>,
    },
    /// No statement that the person signed in.
    #[error("the assertion has no AuthnStatement")]
    AuthnStatementMissing,
    /// The identity provider's session ended.
    #[error("the identity provider's session ended at {not_on_or_after}: {}", .clock.against(*.not_on_or_after))]
    SessionExpired {
        /// When.
        not_on_or_after: Timestamp,
        /// Our clock.
        clock: ClockReading,
    },
}

impl ResponseError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            ResponseError::Base64 => "saml.base64_invalid",
            ResponseError::Xml(error) => error.code(),
            ResponseError::Metadata(error) => error.code(),
            ResponseError::NotAResponse { .. } => "saml.not_a_response",
            ResponseError::UnexpectedElement { .. } => "saml.unexpected_element",
            ResponseError::UnexpectedContent { .. } => "saml.unexpected_content",
            ResponseError::InvalidAttribute { .. } => "saml.attribute_invalid",
            ResponseError::Version { .. } => "saml.version_unsupported",
            ResponseError::Status { .. } => "saml.status_not_success",
            ResponseError::AssertionMissing => "saml.assertion_missing",
            ResponseError::SeveralAssertions { .. } => "saml.several_assertions",
            ResponseError::MixedAssertions => "saml.mixed_assertions",
            ResponseError::MisplacedAssertion { .. } => "saml.misplaced_assertion",
            ResponseError::MisplacedSignature { .. } => "saml.misplaced_signature",
            ResponseError::SeveralSignatures { .. } => "saml.several_signatures",
            ResponseError::NotSigned => "saml.not_signed",
            ResponseError::SignatureMalformed { .. } => "saml.signature_malformed",
            ResponseError::SignatureReference { .. } => "saml.signature_reference",
            ResponseError::SignatureTransforms => "saml.signature_transforms",
            ResponseError::SignatureAlgorithm { .. } => "saml.signature_algorithm",
            ResponseError::SignatureInvalid { .. } => "saml.signature_invalid",
            ResponseError::CertificateExpired { .. } => "saml.certificate_expired",
            ResponseError::DigestMismatch { .. } => "saml.digest_mismatch",
            ResponseError::NoDecryptionKey => "saml.no_decryption_key",
            ResponseError::EncryptionMalformed { .. } => "saml.encryption_malformed",
            ResponseError::EncryptionAlgorithm { .. } => "saml.encryption_algorithm",
            ResponseError::CbcUnsigned => "saml.cbc_unsigned",
            ResponseError::Decryption => "saml.decryption_failed",
            ResponseError::EncryptedPart { .. } => "saml.encrypted_part",
            ResponseError::IssuerMissing { .. } => "saml.issuer_missing",
            ResponseError::IssuerMismatch { .. } => "saml.issuer_mismatch",
            ResponseError::DestinationMissing { .. } => "saml.destination_missing",
            ResponseError::DestinationMismatch { .. } => "saml.destination_mismatch",
            ResponseError::InResponseToMissing { .. } => "saml.in_response_to_missing",
            ResponseError::InResponseToMismatch { .. } => "saml.in_response_to_mismatch",
            ResponseError::Unsolicited { .. } => "saml.unsolicited",
            ResponseError::InstantInvalid { .. } => "saml.instant_invalid",
            ResponseError::IssuedInFuture { .. } => "saml.issued_in_future",
            ResponseError::SubjectMissing => "saml.subject_missing",
            ResponseError::NameIdMissing => "saml.name_id_missing",
            ResponseError::NameIdInvalid => "saml.name_id_invalid",
            ResponseError::BearerMissing => "saml.bearer_missing",
            ResponseError::ConfirmationDataMissing => "saml.confirmation_data_missing",
            ResponseError::RecipientMissing { .. } => "saml.recipient_missing",
            ResponseError::RecipientMismatch { .. } => "saml.recipient_mismatch",
            ResponseError::ConfirmationUnbounded => "saml.confirmation_unbounded",
            ResponseError::ConfirmationExpired { .. } => "saml.confirmation_expired",
            ResponseError::ConfirmationNotYetValid { .. } => "saml.confirmation_not_yet_valid",
            ResponseError::ConditionsMissing => "saml.conditions_missing",
            ResponseError::ConditionUnknown { .. } => "saml.condition_unknown",
            ResponseError::Expired { .. } => "saml.expired",
            ResponseError::NotYetValid { .. } => "saml.not_yet_valid",
            ResponseError::AudienceMissing { .. } => "saml.audience_missing",
            ResponseError::AudienceMismatch { .. } => "saml.audience_mismatch",
            ResponseError::AuthnStatementMissing => "saml.authn_statement_missing",
            ResponseError::SessionExpired { .. } => "saml.session_expired",
        }
    }
}
