//! Kinds 4, 6, 7, 10, 12: encryption, digests, canonicalization, keys and algorithms, transforms.

use std::time::Duration;

use saml::EntityId;
use saml::idp::{Answer, Encryption, Signing};
use url::Url;

use super::{Attack, attack};
use crate::setup::{Setup, certificate_der, read, sha256_base64, sp_key};
use crate::signer::{DS, EXC, Key, Style};

const SIGNED_ASSERTION: &str = "simplesamlphp/signed_assertion";
const XSLT: &str = r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:template match="/"><xsl:call-template name="loop"/></xsl:template></xsl:stylesheet></ds:Transform>"#;

pub(super) const ATTACKS: &[Attack] = &[
    attack(4, "a forged assertion, encrypted for us and not signed", "saml.not_signed", || encrypted(Signing::Nothing, "idp")),
    attack(4, "a forged assertion, encrypted for us and signed by the attacker", "saml.signature_invalid", || {
        encrypted(Signing::Assertion, "sp")
    }),
    attack(4, "a forged assertion in a genuine signed response", "saml.digest_mismatch", || {
        let forged = encrypted(Signing::Nothing, "idp").element("saml:EncryptedAssertion");
        let mut setup = Setup::capture("simplesamlphp/encrypted_signed_both");
        let genuine = setup.element("saml:EncryptedAssertion");
        setup.replace(&genuine, &forged);
        setup
    }),
    attack(4, "CBC ciphertext in a response whose signature was taken away", "saml.cbc_unsigned", || {
        let mut setup = Setup::capture("lemonldap/encrypted");
        setup.cut("Signature");
        setup
    }),
    attack(4, "CBC ciphertext changed in a signed response", "saml.digest_mismatch", || {
        let mut setup = Setup::capture("lemonldap/encrypted");
        setup.replace("W9MxeinPn24agS", "W9MxeinPn24agT");
        setup
    }),
    attack(4, "GCM ciphertext changed", "saml.decryption_failed", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        tamper_last(&mut setup, "<xenc:CipherValue>");
        setup
    }),
    attack(4, "the wrapped key changed", "saml.decryption_failed", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        setup.replace_first("<xenc:CipherValue>", "<xenc:CipherValue>AAAA");
        setup
    }),
    attack(4, "RSA with PKCS#1 v1.5 padding", "saml.encryption_algorithm", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        setup.replace("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", "http://www.w3.org/2001/04/xmlenc#rsa-1_5");
        setup
    }),
    attack(4, "triple DES", "saml.encryption_algorithm", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        setup.replace("http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmlenc#tripledes-cbc");
        setup
    }),
    attack(4, "a ciphertext that is somewhere else", "saml.encryption_malformed", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        let value = setup.element("xenc:CipherValue");
        setup.replace(&value, r#"<xenc:CipherReference URI="http://attacker.test/"/>"#);
        setup
    }),
    attack(4, "a response inside the ciphertext", "saml.assertion_missing", || encrypted_text(&Setup::fresh().sign("_a").xml)),
    attack(4, "a document type in the ciphertext", "saml.dtd_forbidden", || {
        encrypted_text(&format!("<!DOCTYPE x>{}", Setup::fresh().sign("_a").element("saml:Assertion")))
    }),
    attack(4, "wrapping inside the ciphertext", "saml.misplaced_assertion", || {
        let signed = standalone(&Setup::fresh().sign("_a").element("saml:Assertion"));
        let forged = standalone(&Setup::fresh().element("saml:Assertion")).replace("\"_a\"", "\"_evil\"").replace("{SIG:_a}", "");
        encrypted_text(&forged.replace("</saml:Conditions>", &format!("</saml:Conditions><saml:Advice>{signed}</saml:Advice>")))
    }),
    attack(6, "two SignedInfo", "saml.signature_malformed", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        let info = setup.element("ds:SignedInfo");
        setup.replace(&info, &[info.as_str(), &info].concat());
        setup
    }),
    attack(6, "two references", "saml.signature_malformed", || {
        let reference = r##"<ds:Reference URI="#_r"><ds:Transforms></ds:Transforms></ds:Reference>"##;
        Setup::fresh().sign_with("_a", &Style { more_info: reference, ..Style::default() })
    }),
    attack(6, "a DigestValue in StatusDetail for a changed assertion", "saml.digest_mismatch", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.replace("alice@example.com", "admin@example.com");
        let digest = format!(
            r#"<samlp:StatusDetail><ds:DigestValue xmlns:ds="{DS}">{}</ds:DigestValue></samlp:StatusDetail>"#,
            sha256_base64(b"forged")
        );
        setup.replace_first("</samlp:Status>", &format!("{digest}</samlp:Status>"));
        setup
    }),
    attack(6, "a SignedInfo in StatusDetail", "saml.misplaced_signature", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        let info = format!(r#"<samlp:StatusDetail><ds:SignedInfo xmlns:ds="{DS}"/></samlp:StatusDetail>"#);
        setup.replace_first("</samlp:Status>", &format!("{info}</samlp:Status>"));
        setup
    }),
    attack(6, "two DigestValue", "saml.signature_malformed", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        let value = setup.element("ds:DigestValue");
        setup.replace(&value, &[value.as_str(), &value].concat());
        setup
    }),
    attack(6, "a comment in DigestValue", "saml.comment_forbidden", || {
        change(SIGNED_ASSERTION, "<ds:DigestValue>", "<ds:DigestValue><!--forged-->")
    }),
    attack(6, "an element in DigestValue", "saml.unexpected_content", || {
        change(SIGNED_ASSERTION, "<ds:DigestValue>", "<ds:DigestValue><x xmlns=\"\"/>")
    }),
    attack(6, "an Object with a DigestValue", "saml.signature_malformed", || {
        change(SIGNED_ASSERTION, "</ds:Signature>", "<ds:Object><ds:DigestValue>x</ds:DigestValue></ds:Object></ds:Signature>")
    }),
    attack(6, "the digest of the forged content in the signed info", "saml.signature_invalid", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        let value = setup.element("ds:DigestValue");
        setup.replace(&value, &format!("<ds:DigestValue>{}</ds:DigestValue>", sha256_base64(b"forged")));
        setup
    }),
    attack(7, "the digest of nothing", "saml.signature_invalid", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        let value = setup.element("ds:DigestValue");
        setup.replace(&value, &format!("<ds:DigestValue>{}</ds:DigestValue>", sha256_base64(b"")));
        setup
    }),
    attack(7, "a genuine signature over the digest of nothing", "saml.digest_mismatch", || {
        Setup::fresh().sign_with("_a", &Style { digest: Some(sha256_base64(b"")), ..Style::default() })
    }),
    attack(7, "a relative namespace name", "saml.xml_namespace_invalid", || {
        change(SIGNED_ASSERTION, "<saml:Assertion ", "<saml:Assertion xmlns:x=\"relative\" ")
    }),
    attack(7, "a namespace name with a control character", "saml.xml_namespace_invalid", || {
        change(SIGNED_ASSERTION, "<saml:Assertion ", "<saml:Assertion xmlns:x=\"http://example.com\u{80}\" ")
    }),
    attack(7, "a prefix taken back", "saml.xml_namespace_invalid", || {
        change(SIGNED_ASSERTION, "<saml:Subject>", "<saml:Subject xmlns:xs=\"\">")
    }),
    attack(10, "signed by another key that KeyInfo carries", "saml.signature_invalid", || {
        let certificate = base64(&certificate_der("sp"));
        let tail = format!("<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>");
        Setup::fresh().sign_with("_a", &Style { key: Key::Rsa("sp"), tail, ..Style::default() })
    }),
    attack(10, "a bare key in KeyInfo", "saml.signature_invalid", || {
        let tail = "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>";
        Setup::fresh().sign_with("_a", &Style { key: Key::Rsa("sp"), tail: tail.to_owned(), ..Style::default() })
    }),
    attack(10, "HMAC with the certificate in DER as the secret", "saml.signature_algorithm", || hmac(certificate_der("idp"))),
    attack(10, "HMAC with the certificate in PEM as the secret", "saml.signature_algorithm", || hmac(read("keys/idp.crt").into_bytes())),
    attack(10, "SHA-1", "saml.signature_algorithm", || Setup::capture("npm-samlp/sha1")),
    attack(10, "a SHA-1 digest under a SHA-256 signature", "saml.signature_algorithm", || {
        Setup::fresh().sign_with("_a", &Style { digest_method: "http://www.w3.org/2000/09/xmldsig#sha1", ..Style::default() })
    }),
    attack(10, "RSA-SHA256 that says it is ECDSA", "saml.signature_invalid", || {
        Setup::fresh().sign_with("_a", &Style { method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", ..Style::default() })
    }),
    attack(10, "RSA-SHA256 that says it is RSA-SHA512", "saml.signature_invalid", || {
        let mut setup = Setup::fresh().sign("_a");
        setup.replace("#rsa-sha256", "#rsa-sha512");
        setup
    }),
    attack(10, "an unknown algorithm", "saml.signature_algorithm", || {
        Setup::fresh().sign_with("_a", &Style { method: "http://www.w3.org/2007/05/xmldsig-more#rsa-pss", ..Style::default() })
    }),
    attack(10, "parameters of the signature method", "saml.signature_malformed", || {
        let mut setup = Setup::fresh().sign("_a");
        setup.replace("rsa-sha256\"/>", "rsa-sha256\"><ds:HMACOutputLength>1</ds:HMACOutputLength></ds:SignatureMethod>");
        setup
    }),
    attack(10, "a genuine response signature over a forged assertion signature", "saml.signature_invalid", || {
        Setup::fresh().sign_with("_a", &Style { key: Key::Rsa("sp"), ..Style::default() }).sign("_r")
    }),
    attack(12, "XSLT", "saml.signature_transforms", || transforms(&[ENVELOPED, XSLT, EXCLUSIVE].concat())),
    attack(12, "XPath that leaves the subject out", "saml.signature_transforms", || {
        let xpath = r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(ancestor-or-self::saml:Subject)</ds:XPath></ds:Transform>"#;
        transforms(&[ENVELOPED, xpath, EXCLUSIVE].concat())
    }),
    attack(12, "an XPath inside the enveloped transform", "saml.signature_transforms", || {
        transforms(&[&ENVELOPED.replace("/>", "><ds:XPath>x</ds:XPath></ds:Transform>"), EXCLUSIVE].concat())
    }),
    attack(12, "no canonicalization", "saml.signature_transforms", || transforms(ENVELOPED)),
    attack(12, "not enveloped", "saml.signature_transforms", || transforms(EXCLUSIVE)),
    attack(12, "canonicalization twice", "saml.signature_transforms", || transforms(&[ENVELOPED, EXCLUSIVE, EXCLUSIVE].concat())),
    attack(12, "canonicalization with comments", "saml.signature_transforms", || {
        transforms(&[ENVELOPED, &EXCLUSIVE.replace("c14n#", "c14n#WithComments")].concat())
    }),
    attack(12, "inclusive canonicalization", "saml.signature_transforms", || {
        transforms(&[ENVELOPED, &EXCLUSIVE.replace(EXC, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")].concat())
    }),
    attack(12, "SignedInfo canonicalized with comments", "saml.signature_algorithm", || {
        Setup::fresh().sign_with("_a", &Style { c14n_method: "http://www.w3.org/2001/10/xml-exc-c14n#WithComments", ..Style::default() })
    }),
    attack(12, "unknown parameters of the canonicalization", "saml.signature_malformed", || {
        transforms(&[ENVELOPED, &EXCLUSIVE.replace("/>", "><x xmlns=\"urn:x\"/></ds:Transform>")].concat())
    }),
];

const ENVELOPED: &str = r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>"#;
const EXCLUSIVE: &str = r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#;

fn change(capture: &str, from: &str, to: &str) -> Setup {
    let mut setup = Setup::capture(capture);
    setup.replace_first(from, to);
    setup
}

fn transforms(transforms: &str) -> Setup {
    Setup::fresh().sign_with("_a", &Style { transforms: Some(transforms.to_owned()), ..Style::default() })
}

fn hmac(secret: Vec<u8>) -> Setup {
    let method = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
    Setup::fresh().sign_with("_a", &Style { key: Key::Hmac(secret), method, ..Style::default() })
}

/// A response with an encrypted assertion, signed as asked with the key of that name.
pub(crate) fn encrypted(signing: Signing, key: &str) -> Setup {
    let mut setup = Setup::fresh();
    let certificate = certificate_der("sp");
    let answer = Answer {
        issuer: &EntityId::parse("http://127.0.0.1:7001/idp").unwrap(),
        audience: &EntityId::parse(&setup.sp).unwrap(),
        acs_url: &Url::parse(&setup.acs).unwrap(),
        in_response_to: setup.request_id.as_deref(),
        name_id: "alice",
        name_id_format: "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        attributes: &[],
        now: setup.now,
        lifetime: Duration::from_mins(5),
        authn_context: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        session_index: "_session",
        random: [7; 32],
        signing,
        encryption: Some(Encryption { certificate_der: &certificate, key: [9; 32], nonce: [3; 12] }),
    };
    setup.xml = answer.to_xml(&sp_key(key)).unwrap();
    setup
}

/// Some text, encrypted for us in an unsigned response.
pub(crate) fn encrypted_text(text: &str) -> Setup {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let mut setup = encrypted(Signing::Nothing, "idp");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[9; 32]).unwrap());
    let mut sealed = text.replace("{SIG:_r}", "").into_bytes();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([4; 12]), Aad::empty(), &mut sealed).unwrap();
    let data = base64(&[[4; 12].as_slice(), &sealed].concat());
    let start = setup.xml.rfind("<xenc:CipherValue>").unwrap();
    let end = setup.xml.rfind("</xenc:CipherValue>").unwrap();
    setup.xml.replace_range(start..end, &format!("<xenc:CipherValue>{data}"));
    setup
}

/// A fresh assertion that declares its namespace itself.
pub(crate) fn standalone(assertion: &str) -> String {
    assertion.replacen("<saml:Assertion ", "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ", 1)
}

fn tamper_last(setup: &mut Setup, after: &str) {
    let at = setup.xml.rfind(after).unwrap() + after.len() + 40;
    let other = if setup.xml.get(at..=at) == Some("A") { "B" } else { "A" };
    setup.xml.replace_range(at..=at, other);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
