//! XML signatures, in the one form that SAML allows (SAML core 5.4): a direct child of the element it signs, one
//! reference to that element, enveloped-signature and exclusive canonicalization.
//!
//! The signature value is checked over `SignedInfo` before anything that `SignedInfo` says is acted on. Keys come from the
//! caller; `KeyInfo` is read for messages only, after a signature failed to verify. There is no code for HMAC, SHA-1, XPath or XSLT.
//!
//! Invariant: only this module makes a [`Signed`], and the profile reads nothing else.

use aws_lc_rs::digest::{self, digest};

use crate::c14n::canonicalize;
use crate::encoding::decode_base64;
use crate::error::ResponseError;
use crate::keys::{SigningCertificate, fingerprint};
use crate::names::{self, DS, EXC_C14N};
use crate::xml::{Node, printable};

/// An element that a verified signature covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'d>(Node<'d>);

impl<'d> Signed<'d> {
    pub(crate) fn node(self) -> Node<'d> {
        self.0
    }

    /// A child of a signed element is signed, unless it is the signature, which the digest leaves out.
    pub(crate) fn child(self, child: Node<'d>) -> Option<Signed<'d>> {
        (child.parent() == Some(self.0) && child.local_name() != "Signature").then_some(Signed(child))
    }

    /// The document element of what was decrypted from a signed element: the signature covers the ciphertext.
    #[expect(clippy::unused_self, reason = "the signed ciphertext is the proof that the plaintext is trustworthy")]
    pub(crate) fn plaintext(self, root: Node<'_>) -> Signed<'_> {
        Signed(root)
    }
}

/// Canonicalization looks at every listed prefix for every element.
const MOST_PREFIXES: usize = 10;

/// Verifies the signature that stands in `element`; gives the element as signed.
pub(crate) fn verify<'d>(
    element: Node<'d>,
    signature: Node<'d>,
    keys: &[SigningCertificate],
    name: &'static str,
) -> Result<Signed<'d>, ResponseError> {
    verify_by(element, signature, keys, name).map(|(signed, _)| signed)
}

/// The same, and which of the keys it was.
pub(crate) fn verify_by<'d, 'k>(
    element: Node<'d>,
    signature: Node<'d>,
    keys: &'k [SigningCertificate],
    name: &'static str,
) -> Result<(Signed<'d>, &'k SigningCertificate), ResponseError> {
    let parts = Parts::read(element, signature)?;
    let message = canonicalize(parts.signed_info, None, &parts.signed_info_prefixes).map_err(|_| MALFORMED_C14N)?;
    let Some(key) = keys.iter().find(|key| key.verifies(parts.algorithm, &message, &parts.value)) else {
        return Err(ResponseError::SignatureInvalid {
            element: name,
            trusted: keys.iter().map(SigningCertificate::fingerprint).collect(),
            seen: key_info_fingerprints(signature),
        });
    };
    let content = canonicalize(element, Some(signature), &parts.content_prefixes).map_err(|_| MALFORMED_C14N)?;
    if digest(parts.digest_algorithm, &content).as_ref() != parts.digest {
        return Err(ResponseError::DigestMismatch { element: name });
    }
    Ok((Signed(element), key))
}

/// More certificates than this in a `KeyInfo` are not looked at.
const MOST_CERTIFICATES: usize = 4;

/// SHA-256 fingerprints of the certificates that a signature shows in its `KeyInfo`: what to tell an administrator whose
/// keys did not verify it. Nothing is decided by them.
pub(crate) fn key_info_fingerprints(signature: Node<'_>) -> Vec<String> {
    let infos = signature.children_named(DS, "KeyInfo");
    let data = infos.flat_map(|info| info.children_named(DS, "X509Data"));
    let certificates = data.flat_map(|data| data.children_named(DS, "X509Certificate")).take(MOST_CERTIFICATES);
    certificates.filter_map(|node| decode_base64(node.text().ok()?.as_bytes())).map(|der| fingerprint(&der)).collect()
}

const MALFORMED_C14N: ResponseError = ResponseError::SignatureMalformed { detail: "the content cannot be canonicalized" };

/// What a signature consists of, after its shape was found to be the one allowed.
struct Parts<'d> {
    signed_info: Node<'d>,
    signed_info_prefixes: Vec<&'d str>,
    algorithm: &'d str,
    value: Vec<u8>,
    content_prefixes: Vec<&'d str>,
    digest_algorithm: &'static digest::Algorithm,
    digest: Vec<u8>,
}

impl<'d> Parts<'d> {
    fn read(element: Node<'d>, signature: Node<'d>) -> Result<Parts<'d>, ResponseError> {
        let (signed_info, value) = match signature.only_elements()?.as_slice() {
            [info, value] => (*info, *value),
            [info, value, key_info] if key_info.is(DS, "KeyInfo") => (*info, *value),
            _ => return malformed("its children are not SignedInfo, SignatureValue and at most one KeyInfo"),
        };
        require(signed_info, "SignedInfo")?;
        require(value, "SignatureValue")?;
        let info = signed_info.only_elements()?;
        let [c14n_method, signature_method, reference] = info.as_slice() else {
            return malformed("SignedInfo does not hold exactly one reference");
        };
        require(*c14n_method, "CanonicalizationMethod")?;
        require(*signature_method, "SignatureMethod")?;
        require(*reference, "Reference")?;
        let signed_info_prefixes = exclusive_prefixes(*c14n_method)?;
        let algorithm = signature_algorithm(*signature_method)?;
        let (transforms, digest_algorithm, digest) = reference_parts(*reference)?;
        check_reference(*reference, element)?;
        let content_prefixes = content_prefixes(transforms)?;
        let value = decode_base64(value.text()?.as_bytes()).filter(|value| !value.is_empty());
        let value = value.ok_or(ResponseError::SignatureMalformed { detail: "SignatureValue is not base64" })?;
        Ok(Parts { signed_info, signed_info_prefixes, algorithm, value, content_prefixes, digest_algorithm, digest })
    }
}

/// XML signature 4.4.3: `Reference` holds `Transforms`, `DigestMethod`, `DigestValue`.
fn reference_parts(reference: Node<'_>) -> Result<(Node<'_>, &'static digest::Algorithm, Vec<u8>), ResponseError> {
    let children = reference.only_elements()?;
    let [transforms, method, value] = children.as_slice() else {
        return malformed("Reference does not hold exactly Transforms, DigestMethod and DigestValue");
    };
    require(*transforms, "Transforms")?;
    require(*method, "DigestMethod")?;
    require(*value, "DigestValue")?;
    let algorithm = match algorithm_of(*method)? {
        names::DIGEST_SHA256 => &digest::SHA256,
        names::DIGEST_SHA384 => &digest::SHA384,
        names::DIGEST_SHA512 => &digest::SHA512,
        other => return Err(ResponseError::SignatureAlgorithm { algorithm: printable(other, 120) }),
    };
    let value = decode_base64(value.text()?.as_bytes()).filter(|value| value.len() == algorithm.output_len());
    Ok((*transforms, algorithm, value.ok_or(ResponseError::SignatureMalformed { detail: "DigestValue is not a base64 digest" })?))
}

/// SAML core 5.4.2: the reference is `#` and the ID of the element that carries the signature.
fn check_reference(reference: Node<'_>, element: Node<'_>) -> Result<(), ResponseError> {
    let uri = reference.attribute("URI").unwrap_or_default();
    let own = element.attribute("ID").filter(|id| !id.is_empty());
    if own.is_some() && uri.strip_prefix('#') == own {
        return Ok(());
    }
    Err(ResponseError::SignatureReference { actual: printable(uri, 120) })
}

/// SAML core 5.4.4, made exact: first enveloped-signature, then exclusive canonicalization, nothing else.
fn content_prefixes(transforms: Node<'_>) -> Result<Vec<&str>, ResponseError> {
    let children = transforms.only_elements()?;
    let [enveloped, exclusive] = children.as_slice() else { return Err(ResponseError::SignatureTransforms) };
    let is_enveloped = enveloped.is(DS, "Transform")
        && enveloped.attribute("Algorithm") == Some(names::ENVELOPED)
        && enveloped.only_elements()?.is_empty();
    if !is_enveloped || !exclusive.is(DS, "Transform") || exclusive.attribute("Algorithm") != Some(EXC_C14N) {
        return Err(ResponseError::SignatureTransforms);
    }
    exclusive_prefixes(*exclusive)
}

/// The `InclusiveNamespaces` prefixes of an exclusive canonicalization (exc-c14n section 4).
fn exclusive_prefixes(method: Node<'_>) -> Result<Vec<&str>, ResponseError> {
    let algorithm = method.attribute("Algorithm").unwrap_or_default();
    if algorithm != EXC_C14N {
        return Err(ResponseError::SignatureAlgorithm { algorithm: printable(algorithm, 120) });
    }
    match method.only_elements()?.as_slice() {
        [] => Ok(Vec::new()),
        [list] if list.is(EXC_C14N, "InclusiveNamespaces") && list.only_elements()?.is_empty() => {
            let prefixes: Vec<_> = list.attribute("PrefixList").unwrap_or_default().split_ascii_whitespace().collect();
            if prefixes.len() > MOST_PREFIXES { malformed("a PrefixList is too long") } else { Ok(prefixes) }
        }
        _ => malformed("a canonicalization method has unknown parameters"),
    }
}

fn signature_algorithm(method: Node<'_>) -> Result<&str, ResponseError> {
    let algorithm = algorithm_of(method)?;
    match algorithm {
        names::RSA_SHA256 | names::RSA_SHA384 | names::RSA_SHA512 | names::ECDSA_SHA256 | names::ECDSA_SHA384 | names::ECDSA_SHA512 => {
            Ok(algorithm)
        }
        other => Err(ResponseError::SignatureAlgorithm { algorithm: printable(other, 120) }),
    }
}

/// The `Algorithm` of a method without parameters: `HMACOutputLength` and its like have no place here.
fn algorithm_of(method: Node<'_>) -> Result<&str, ResponseError> {
    if !method.text().is_ok_and(|text| text.trim().is_empty()) {
        return malformed("an algorithm has parameters");
    }
    Ok(method.attribute("Algorithm").unwrap_or_default())
}

fn require(node: Node<'_>, local: &'static str) -> Result<(), ResponseError> {
    if node.is(DS, local) { Ok(()) } else { malformed("its elements are not the ones that SAML allows, in their order") }
}

fn malformed<T>(detail: &'static str) -> Result<T, ResponseError> {
    Err(ResponseError::SignatureMalformed { detail })
}
