//! Metadata whose signature must verify (SAML metadata 3.1): one signature, of the document element, by a configured key.

use jiff::Timestamp;

use super::IdpMetadata;
use super::aggregate::Search;
use super::entity::Lifetime;
use crate::entity_id::EntityId;
use crate::error::{MetadataError, ResponseError};
use crate::keys::SigningCertificate;
use crate::limits::Limits;
use crate::names::{DS, MD};
use crate::scan::Mode;
use crate::signature;
use crate::xml::{Dom, Node};

pub(super) fn find(
    xml: &[u8],
    want: Option<&EntityId>,
    signers: &[SigningCertificate],
    now: Timestamp,
) -> Result<IdpMetadata, MetadataError> {
    let dom = Dom::parse(xml, &Limits::METADATA, Mode::Metadata)?;
    let root = dom.root()?;
    if !root.is(MD, "EntityDescriptor") && !root.is(MD, "EntitiesDescriptor") {
        return Err(MetadataError::NotMetadata { actual: root.label() });
    }
    let signed = verify(root, signers)?;
    let mut search = Search::new(want, now);
    visit(signed, &mut Vec::new(), &mut search);
    search.verdict()
}

/// Signatures of entities further down are not looked at: the one of the document element covers all of them.
fn verify<'d>(root: Node<'d>, signers: &[SigningCertificate]) -> Result<Node<'d>, MetadataError> {
    let signatures: Vec<_> = root.children_named(DS, "Signature").collect();
    let signature = match signatures.as_slice() {
        [] => return Err(MetadataError::NotSigned { root: root.label() }),
        [one] => *one,
        _ => {
            return Err(MetadataError::SignatureMalformed {
                detail: "there is more than one signature under the document element".to_owned(),
            });
        }
    };
    match signature::verify(root, signature, signers, "the metadata") {
        Ok(signed) => Ok(signed.node()),
        Err(ResponseError::SignatureInvalid { .. }) => Err(MetadataError::SignatureInvalid {
            trusted: signers.iter().map(SigningCertificate::fingerprint).collect(),
            seen: signature::key_info_fingerprints(signature),
        }),
        Err(ResponseError::DigestMismatch { .. }) => Err(MetadataError::SignedContentChanged),
        Err(other) => Err(MetadataError::SignatureMalformed { detail: other.to_string() }),
    }
}

/// The depth of a document is limited, so the recursion is.
fn visit(node: Node<'_>, groups: &mut Vec<Lifetime>, search: &mut Search<'_>) {
    if node.is(MD, "EntityDescriptor") {
        if search.wants(node.attribute("entityID").unwrap_or_default()) {
            search.look_at(node, groups);
        }
    } else if node.is(MD, "EntitiesDescriptor") {
        groups.push(Lifetime::of(|name| node.attribute(name)));
        for child in node.children() {
            visit(child, groups, search);
        }
        groups.pop();
    }
}
