//! Making signatures: enveloped ones in XML that we write, detached ones over a query.
//!
//! The XML to sign is written by this crate in two pieces around the place of the signature. It is parsed once with the
//! same strict model that verifies, so what is digested is what a reader will see.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;

use crate::c14n::canonicalize;
use crate::encoding::encode_base64;
use crate::error::RequestError;
use crate::keys::SpKey;
use crate::limits::Limits;
use crate::names::{DIGEST_SHA256, DS, ENVELOPED, EXC_C14N, RSA_SHA256};
use crate::scan::Mode;
use crate::xml::Dom;

/// Takes an element as its text before and after the place of the signature, and its ID; gives the element signed.
pub(crate) fn sign_enveloped(before: &str, after: &str, id: &str, key: &SpKey) -> Result<String, RequestError> {
    let certificate = key.certificate_der().ok_or(RequestError::NoKey)?;
    let unsigned = [before, after].concat();
    let dom = Dom::parse(unsigned.as_bytes(), &Limits::METADATA, Mode::Protocol).map_err(|_| RequestError::Signing)?;
    let root = dom.root().map_err(|_| RequestError::Signing)?;
    let content = canonicalize(root, None, &[]).map_err(|_| RequestError::Signing)?;
    let digest = encode_base64(digest(&SHA256, &content).as_ref());
    let body = signed_info_body(id, &digest);
    // As a subtree of its own the canonical SignedInfo declares its prefix itself.
    let message = format!(r#"<ds:SignedInfo xmlns:ds="{DS}">{body}</ds:SignedInfo>"#);
    let value = encode_base64(&sign_bytes(message.as_bytes(), key)?);
    let certificate = encode_base64(certificate);
    Ok([
        before,
        &format!(r#"<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>{body}</ds:SignedInfo><ds:SignatureValue>{value}</ds:SignatureValue>"#),
        &format!(
            "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
        ),
        after,
    ]
    .concat())
}

/// The children of `SignedInfo`, already in canonical form.
fn signed_info_body(id: &str, digest: &str) -> String {
    let method = |name: &str, algorithm: &str| format!(r#"<ds:{name} Algorithm="{algorithm}"></ds:{name}>"#);
    let c14n = method("CanonicalizationMethod", EXC_C14N);
    let signature = method("SignatureMethod", RSA_SHA256);
    let transforms = [method("Transform", ENVELOPED), method("Transform", EXC_C14N)].concat();
    let digest_method = method("DigestMethod", DIGEST_SHA256);
    format!(
        r##"{c14n}{signature}<ds:Reference URI="#{id}"><ds:Transforms>{transforms}</ds:Transforms>{digest_method}<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"##
    )
}

/// An RSA PKCS#1 v1.5 signature with SHA-256. The scheme is deterministic; the library wants a source of blinding.
pub(crate) fn sign_bytes(message: &[u8], key: &SpKey) -> Result<Vec<u8>, RequestError> {
    let mut signature = vec![0; key.signing().public_modulus_len()];
    key.signing().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(|_| RequestError::Signing)?;
    Ok(signature)
}
