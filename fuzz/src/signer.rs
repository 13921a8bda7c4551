//! The identity provider of the SAML targets. It signs every input anew, so it is quick: a P-256 key that is parsed once, and
//! a SignedInfo that is written in its canonical form.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::NodeSet;
use uppsala::{Document, NodeId};

use crate::setup::key_der;

static KEY: LazyLock<EcdsaKeyPair> = LazyLock::new(|| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key_der("ec")).unwrap());
static RANDOM: LazyLock<SystemRandom> = LazyLock::new(SystemRandom::new);

/// Signs the element of that ID where the message says `{SIG:id}`; `None` where there is no such place or element.
pub fn sign(xml: &str, id: &str) -> Option<String> {
    let place = format!("{{SIG:{id}}}");
    let unsigned = xml.contains(&place).then(|| xml.replace(&place, ""))?;
    let document = uppsala::parse(&unsigned).ok()?;
    let element = element(&document, id)?;
    let set = NodeSet::tree_without_comments(element, &document);
    let canonical = canonicalize_doc::<&str>(&document, C14nMode::Exclusive, Some(&set), &[]).ok()?;
    let info = signed_info(id, &STANDARD.encode(digest(&SHA256, &canonical)));
    // The one namespace that it uses is declared on the Signature; canonical form declares it on its apex.
    let message = format!("<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{info}");
    let value = STANDARD.encode(KEY.sign(&*RANDOM, message.as_bytes()).unwrap());
    let signature = format!(
        r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>{info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"#
    );
    Some(xml.replace(&place, &signature))
}

/// SignedInfo without its start tag.
fn signed_info(id: &str, digest: &str) -> String {
    format!(
        r##"<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"></ds:SignatureMethod><ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"##
    )
}

fn element(document: &Document<'_>, id: &str) -> Option<NodeId> {
    (0..usize::MAX)
        .map(NodeId::new)
        .take_while(|node| document.node_kind(*node).is_some())
        .find(|node| document.element(*node).is_some() && document.get_attribute(*node, "ID") == Some(id))
}
