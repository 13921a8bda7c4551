//! Faults of the XML itself, whatever it says.

/// The bytes are not XML that this crate reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// More bytes than the limit.
    #[error("the message has {actual} bytes, more than the limit of {limit}")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// What came, at least.
        actual: usize,
    },
    /// The bytes are not UTF-8, or the XML declaration names another encoding or version.
    #[error("the message is not XML 1.0 in UTF-8")]
    NotUtf8,
    /// One tag has more attributes than the limit.
    #[error("one element has more than {limit} attributes")]
    TooManyAttributes {
        /// The limit.
        limit: usize,
    },
    /// Elements are nested deeper than the limit.
    #[error("elements are nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More namespace declarations are in scope than the limit.
    #[error("more than {limit} namespace declarations are in scope")]
    TooManyNamespaces {
        /// The limit.
        limit: usize,
    },
    /// More elements, attributes and namespace declarations than the limit.
    #[error("more than {limit} elements and attributes")]
    TooManyNodes {
        /// The limit.
        limit: usize,
    },
    /// A document type declaration.
    #[error("a document type declaration (DTD) is not allowed")]
    Dtd,
    /// A comment in a protocol message.
    #[error("a comment is not allowed in a protocol message")]
    Comment,
    /// A processing instruction in a protocol message.
    #[error("a processing instruction is not allowed in a protocol message")]
    ProcessingInstruction,
    /// A CDATA section in a protocol message.
    #[error("a CDATA section is not allowed in a protocol message")]
    Cdata,
    /// Not well-formed.
    #[error("the XML is not well-formed: {detail}")]
    Malformed {
        /// What the parser said.
        detail: String,
    },
    /// A namespace name or a qualified name that Namespaces in XML 1.0 does not allow, or that is relative.
    #[error("the namespace or name {name:?} is not allowed")]
    Namespace {
        /// The name.
        name: String,
    },
    /// One element has two attributes that may serve as its id.
    #[error("element {element} has more than one id attribute")]
    AmbiguousId {
        /// The element's name.
        element: String,
    },
    /// Two elements have the same id.
    #[error("the id {id:?} occurs more than once")]
    DuplicateId {
        /// The id.
        id: String,
    },
}

impl XmlError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            XmlError::TooLarge { .. } => "saml.too_large",
            XmlError::NotUtf8 => "saml.not_utf8",
            XmlError::TooManyAttributes { .. } => "saml.too_many_attributes",
            XmlError::TooDeep { .. } => "saml.too_deep",
            XmlError::TooManyNamespaces { .. } => "saml.too_many_namespaces",
            XmlError::TooManyNodes { .. } => "saml.too_many_nodes",
            XmlError::Dtd => "saml.dtd_forbidden",
            XmlError::Comment => "saml.comment_forbidden",
            XmlError::ProcessingInstruction => "saml.processing_instruction_forbidden",
            XmlError::Cdata => "saml.cdata_forbidden",
            XmlError::Malformed { .. } => "saml.xml_malformed",
            XmlError::Namespace { .. } => "saml.xml_namespace_invalid",
            XmlError::AmbiguousId { .. } => "saml.ambiguous_id",
            XmlError::DuplicateId { .. } => "saml.duplicate_id",
        }
    }
}
