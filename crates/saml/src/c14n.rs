//! Exclusive XML Canonicalization 1.0 without comments of one subtree (the only form accepted or produced).

use bergshamra_c14n::{C14nMode, canonicalize_doc_to};
use bergshamra_xml::NodeSet;
use uppsala::{Document, NodeId};

use crate::xml::Node;

/// Canonicalization failed; it does not on a parsed document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct C14nError;

/// The canonical bytes of `apex` and everything below it but `without` (the enveloped signature).
pub(crate) fn canonicalize(apex: Node<'_>, without: Option<Node<'_>>, prefixes: &[&str]) -> Result<Vec<u8>, C14nError> {
    let (document, id) = apex.parts();
    let mut set = NodeSet::tree_without_comments(id, document);
    if let Some(excluded) = without {
        remove(&mut set, document, excluded.parts().1);
    }
    let mut bytes = Vec::with_capacity(4096);
    canonicalize_doc_to(document, C14nMode::Exclusive, Some(&set), prefixes, &mut bytes).map_err(|_| C14nError)?;
    Ok(bytes)
}

/// Takes a subtree out of the set. The depth of a document is limited, so the recursion is.
fn remove(set: &mut NodeSet, document: &Document<'_>, id: NodeId) {
    set.remove_id(id);
    for child in document.children_iter(id) {
        remove(set, document, child);
    }
}
