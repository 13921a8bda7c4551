//! A signer for tests that can also sign wrongly: any algorithm name, any transforms, any key.
//!
//! It is written against the parser and the canonicalization library only, not against the crate's own signer.

use aws_lc_rs::digest::{self, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::NodeSet;
use uppsala::{Document, NodeId};

use crate::setup::key_der;

pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(crate) const EXC: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub(crate) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
pub(crate) const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// What to sign with.
pub(crate) enum Key {
    /// The RSA test key of that name: `idp` is the identity provider's, `sp` stands for an attacker's.
    Rsa(&'static str),
    Ecdsa(Box<EcdsaKeyPair>),
    Hmac(Vec<u8>),
}

/// How to sign. The default is what an identity provider does.
pub(crate) struct Style {
    pub(crate) key: Key,
    pub(crate) method: &'static str,
    pub(crate) digest_method: &'static str,
    pub(crate) c14n_method: &'static str,
    /// `Transforms`, if not the usual two.
    pub(crate) transforms: Option<String>,
    /// The `PrefixList` of the canonicalizations.
    pub(crate) prefixes: Option<&'static str>,
    /// The digest, if not that of the content.
    pub(crate) digest: Option<String>,
    /// What follows the one Reference in SignedInfo.
    pub(crate) more_info: &'static str,
    /// What follows SignatureValue.
    pub(crate) tail: String,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            key: Key::Rsa("idp"),
            method: RSA_SHA256,
            digest_method: SHA256,
            c14n_method: EXC,
            transforms: None,
            prefixes: None,
            digest: None,
            more_info: "",
            tail: String::new(),
        }
    }
}

/// Signs the element of that ID where the message says `{SIG:id}`.
pub(crate) fn sign(xml: &str, id: &str, style: &Style) -> String {
    try_sign(xml, id, style).unwrap_or_else(|| panic!("{id} cannot be signed where {{SIG:{id}}} stands"))
}

/// As [`sign`]; `None` where there is no such place or element.
pub(crate) fn try_sign(xml: &str, id: &str, style: &Style) -> Option<String> {
    let place = format!("{{SIG:{id}}}");
    let unsigned = xml.contains(&place).then(|| xml.replace(&place, ""))?;
    let prefixes: Vec<&str> = style.prefixes.map(|list| list.split(' ').collect()).unwrap_or_default();
    let digest = if let Some(digest) = &style.digest {
        digest.clone()
    } else {
        let document = uppsala::parse(&unsigned).ok()?;
        let element = find(&document, |name, document, node| name != "Signature" && document.get_attribute(node, "ID") == Some(id))?;
        STANDARD.encode(digest(digest_algorithm(style.digest_method), &canonical(&document, element, &prefixes)?))
    };
    let signature = |value: &str| {
        let info = signed_info(id, &digest, style);
        format!(r#"<ds:Signature xmlns:ds="{DS}">{info}<ds:SignatureValue>{value}</ds:SignatureValue>{}</ds:Signature>"#, style.tail)
    };
    let draft = xml.replace(&place, &signature(""));
    let document = uppsala::parse(&draft).ok()?;
    let uri = format!("#{id}");
    let reference = find(&document, |name, document, node| name == "Reference" && document.get_attribute(node, "URI") == Some(&uri))?;
    let message = canonical(&document, document.parent(reference)?, &prefixes)?;
    Some(xml.replace(&place, &signature(&STANDARD.encode(style.sign(&message)))))
}

fn signed_info(id: &str, digest: &str, style: &Style) -> String {
    let parameters =
        style.prefixes.map(|list| format!(r#"<ec:InclusiveNamespaces xmlns:ec="{EXC}" PrefixList="{list}"/>"#)).unwrap_or_default();
    let transforms = style.transforms.clone().unwrap_or_else(|| {
        format!(r#"<ds:Transform Algorithm="{DS}enveloped-signature"/><ds:Transform Algorithm="{EXC}">{parameters}</ds:Transform>"#)
    });
    let (c14n, method, digest_method, more) = (style.c14n_method, style.method, style.digest_method, style.more_info);
    format!(
        r##"<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{c14n}">{parameters}</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{method}"/><ds:Reference URI="#{id}"><ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm="{digest_method}"/><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>{more}</ds:SignedInfo>"##
    )
}

impl Style {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Rsa(name) => {
                let pair = RsaKeyPair::from_pkcs8(&key_der(name)).unwrap();
                let padding: &dyn aws_lc_rs::signature::RsaEncoding = match self.method.rsplit('-').next() {
                    Some("sha384") => &RSA_PKCS1_SHA384,
                    Some("sha512") => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Key::Ecdsa(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Key::Hmac(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec(),
        }
    }
}

fn digest_algorithm(uri: &str) -> &'static digest::Algorithm {
    match uri.rsplit(['#', '-']).next() {
        Some("sha1") => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Some("sha384") => &digest::SHA384,
        Some("sha512") => &digest::SHA512,
        _ => &digest::SHA256,
    }
}

fn canonical(document: &Document<'_>, apex: NodeId, prefixes: &[&str]) -> Option<Vec<u8>> {
    let set = NodeSet::tree_without_comments(apex, document);
    canonicalize_doc(document, C14nMode::Exclusive, Some(&set), prefixes).ok()
}

fn find(document: &Document<'_>, wanted: impl Fn(&str, &Document<'_>, NodeId) -> bool) -> Option<NodeId> {
    (0..usize::MAX)
        .map(NodeId::new)
        .take_while(|id| document.node_kind(*id).is_some())
        .find(|id| document.element(*id).is_some_and(|element| wanted(&element.name.local_name, document, *id)))
}
