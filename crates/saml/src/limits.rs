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
    /// Elements, attributes and namespace declarations in the whole message. Each costs time in the parser, in every check
    /// that walks the tree, and in canonicalization.
    pub max_nodes: usize,
}

impl Limits {
    /// The limits of identity provider metadata, where federations list many thousand entities in one file.
    pub const METADATA: Limits =
        Limits { max_bytes: 16 * 1024 * 1024, max_attributes: 64, max_depth: 40, max_namespaces: 128, max_nodes: 4_000_000 };
}

impl Default for Limits {
    /// The limits of protocol messages.
    fn default() -> Limits {
        Limits { max_bytes: 256 * 1024, max_attributes: 64, max_depth: 40, max_namespaces: 64, max_nodes: 8_192 }
    }
}
