//! The limits that hold before a parser sees a byte.

/// How much of a message is looked at, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the decoded message.
    pub max_bytes: usize,
    /// Attributes, namespace declarations included, in one tag. The parser compares every pair of them.
    pub max_attributes: usize,
    /// Open elements at one place.
    pub max_depth: usize,
    /// Namespace declarations in scope at one place. The parser searches them for every name.
    pub max_namespaces: usize,
}

impl Limits {
    /// The limits of identity provider metadata, where federations list many thousand entities in one file.
    pub const METADATA: Limits = Limits { max_bytes: 16 * 1024 * 1024, max_attributes: 64, max_depth: 40, max_namespaces: 128 };
}

impl Default for Limits {
    /// The limits of protocol messages.
    fn default() -> Limits {
        Limits { max_bytes: 256 * 1024, max_attributes: 64, max_depth: 40, max_namespaces: 128 }
    }
}
