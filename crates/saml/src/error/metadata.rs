//! Faults of identity provider metadata.

use jiff::Timestamp;

use super::XmlError;

/// Why the metadata of an identity provider is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The file is not XML that is read here.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Neither an EntityDescriptor nor an EntitiesDescriptor.
    #[error("the document is a {actual}, not SAML 2.0 metadata")]
    NotMetadata {
        /// The name of the document element.
        actual: String,
    },
    /// An entity id that cannot be one.
    #[error("the metadata has an invalid entityID")]
    EntityIdInvalid,
    /// No identity provider, or not the one asked for.
    #[error("the metadata describes no SAML 2.0 identity provider{}", .wanted.as_ref().map(|id| format!(" {id:?}")).unwrap_or_default())]
    NoIdentityProvider {
        /// The entity asked for.
        wanted: Option<String>,
    },
    /// Several identity providers and no word which.
    #[error("the metadata describes several identity providers ({}); name one", .found.join(", "))]
    SeveralIdentityProviders {
        /// Some of them.
        found: Vec<String>,
    },
    /// The same entity twice.
    #[error("the metadata describes {entity_id:?} more than once")]
    DuplicateEntity {
        /// The entity.
        entity_id: String,
    },
    /// Past `validUntil`.
    #[error("the metadata was valid until {valid_until}; the clock here says {now}")]
    Expired {
        /// When it ended.
        valid_until: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// `validUntil` is not an instant.
    #[error("validUntil is not a date and time with a time zone")]
    ValidUntilInvalid,
    /// No signing key that is accepted: without one nothing can be verified, so nothing is.
    #[error("the metadata has no signing certificate that is accepted (RSA of 2048 bits or more, or ECDSA P-256, P-384, P-521)")]
    NoSigningKey,
    /// A certificate that cannot be read.
    #[error("a signing certificate of the metadata cannot be read")]
    CertificateInvalid,
    /// No sign-in address by Redirect or POST.
    #[error("the metadata has no SingleSignOnService with the Redirect or POST binding")]
    NoSignOnService,
    /// Its signature is required, and there is none on the document element.
    #[error("the metadata must be signed and its document element {root} carries no signature")]
    NotSigned {
        /// The name of the document element.
        root: String,
    },
    /// The signature is not built the one way that SAML allows.
    #[error("the signature of the metadata is not accepted: {detail}")]
    SignatureMalformed {
        /// What is wrong with it.
        detail: String,
    },
    /// None of the configured keys made the signature.
    #[error(
        "the signature of the metadata does not verify with the configured certificate (SHA-256 {}); its KeyInfo shows {}",
        .trusted.join(", "), super::or_none(.seen)
    )]
    SignatureInvalid {
        /// Fingerprints of the configured certificates.
        trusted: Vec<String>,
        /// Fingerprints of the certificates that the signature shows. They prove nothing.
        seen: Vec<String>,
    },
    /// The signature is genuine, but the document is not what was signed.
    #[error("the metadata is not what was signed: it was changed after its signature was made")]
    SignedContentChanged,
    /// An address that is not an absolute http or https URL.
    #[error("the metadata has an invalid Location {location:?}")]
    LocationInvalid {
        /// The address.
        location: String,
    },
}

impl MetadataError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            MetadataError::Xml(error) => error.code(),
            MetadataError::NotMetadata { .. } => "saml.metadata_not_saml",
            MetadataError::EntityIdInvalid => "saml.metadata_entity_id_invalid",
            MetadataError::NoIdentityProvider { .. } => "saml.metadata_no_identity_provider",
            MetadataError::SeveralIdentityProviders { .. } => "saml.metadata_several_identity_providers",
            MetadataError::DuplicateEntity { .. } => "saml.metadata_duplicate_entity",
            MetadataError::Expired { .. } => "saml.metadata_expired",
            MetadataError::ValidUntilInvalid => "saml.metadata_valid_until_invalid",
            MetadataError::NoSigningKey => "saml.metadata_no_signing_key",
            MetadataError::CertificateInvalid => "saml.metadata_certificate_invalid",
            MetadataError::NoSignOnService => "saml.metadata_no_sign_on_service",
            MetadataError::NotSigned { .. } => "saml.metadata_not_signed",
            MetadataError::SignatureMalformed { .. } => "saml.metadata_signature_malformed",
            MetadataError::SignatureInvalid { .. } => "saml.metadata_signature_invalid",
            MetadataError::SignedContentChanged => "saml.metadata_changed",
            MetadataError::LocationInvalid { .. } => "saml.metadata_location_invalid",
        }
    }
}
