//! Kind 4 again: CBC padding, and everything that can be wrong about a ciphertext. Under a signed response every fault of the
//! plaintext is the same `saml.decryption_failed`: an attacker who can replay ciphertexts learns nothing from the difference.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use saml::idp::Signing;

use super::{Attack, attack, encrypted, encrypted_text, standalone};
use crate::setup::Setup;

const FAILED: &str = "saml.decryption_failed";

pub(super) const ATTACKS: &[Attack] = &[
    attack(4, "CBC: a padding of no bytes", FAILED, || cbc_padded(0)),
    attack(4, "CBC: a padding longer than a block", FAILED, || cbc_padded(17)),
    attack(4, "CBC: a padding longer than everything", FAILED, || cbc_padded(255)),
    attack(4, "CBC: a padding that takes the end of the assertion", FAILED, || cbc_padded(16)),
    attack(4, "CBC: half a block", FAILED, || cbc_sealed(|sealed| sealed.truncate(sealed.len() - 8))),
    attack(4, "CBC: the initialization vector alone", FAILED, || cbc_sealed(|sealed| sealed.truncate(16))),
    attack(4, "CBC: nothing", FAILED, || cbc_sealed(Vec::clear)),
    attack(4, "CBC: another initialization vector", FAILED, || cbc_sealed(|sealed| sealed[0] ^= 1)),
    attack(4, "CBC: a block left out", FAILED, || cbc_sealed(|sealed| drop(sealed.drain(64..80)))),
    attack(4, "CBC: the last block changed", FAILED, || cbc_sealed(|sealed| *sealed.last_mut().unwrap() ^= 0x80)),
    attack(4, "CBC: text", FAILED, || cbc("alice")),
    attack(4, "CBC: a document type", FAILED, || cbc(&format!("<!DOCTYPE x>{}", genuine()))),
    attack(4, "CBC: a comment", FAILED, || cbc(&genuine().replace(">alice<", ">alice<!---->.evil<"))),
    attack(4, "CBC: a response", FAILED, || cbc(&Setup::fresh().sign("_a").xml)),
    attack(4, "CBC: two assertions", FAILED, || cbc(&format!("{0}{0}", genuine()))),
    attack(4, "CBC: an assertion in the Advice", FAILED, || {
        cbc(&genuine().replace("</saml:Conditions>", &format!("</saml:Conditions><saml:Advice>{}</saml:Advice>", genuine())))
    }),
    attack(4, "CBC in a response that the attacker signed", "saml.signature_invalid", || {
        let mut setup = unsigned_cbc(&genuine(), |_| {});
        setup = setup.sign_with("_r", &crate::signer::Style { key: crate::signer::Key::Rsa("sp"), ..crate::signer::Style::default() });
        setup
    }),
    attack(4, "CBC with a signed assertion in an unsigned response", "saml.cbc_unsigned", || unsigned_cbc(&signed(), |_| {})),
    attack(4, "GCM ciphertext that says it is CBC", "saml.cbc_unsigned", || relabelled("xmlenc11#aes256-gcm", "aes256-cbc")),
    attack(4, "a key of another length", FAILED, || relabelled("2009/xmlenc11#aes256-gcm", "2009/xmlenc11#aes128-gcm")),
    attack(4, "no algorithm", "saml.encryption_algorithm", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        setup.replace(" Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"", "");
        setup
    }),
    attack(4, "SHA-512 in the key transport", "saml.encryption_algorithm", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        setup.replace_first("http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmlenc#sha512");
        setup
    }),
    attack(4, "no key", "saml.encryption_malformed", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        setup.cut("xenc:EncryptedKey");
        setup
    }),
    attack(4, "a hundred keys", "saml.encryption_malformed", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        let key = setup.element("xenc:EncryptedKey");
        setup.replace(&key, &key.repeat(100));
        setup
    }),
    attack(4, "a key for somebody else", FAILED, || {
        let mut setup = Setup::capture("simplesamlphp/encrypted_signed_both");
        setup.decrypts = true;
        let own = encrypted(Signing::Nothing, "idp");
        let mut other = own.clone();
        let key = own.element("xenc:EncryptedKey");
        let foreign = setup.element("xenc:EncryptedKey");
        other.replace(&key, &foreign.replace("<xenc:EncryptedKey", r#"<xenc:EncryptedKey xmlns:xenc="http://www.w3.org/2001/04/xmlenc#""#));
        other
    }),
    attack(4, "no key of ours", "saml.no_decryption_key", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        setup.decrypts = false;
        setup
    }),
    attack(4, "GCM: shorter than a nonce", FAILED, || sealed("AAAA")),
    attack(4, "GCM: a nonce alone", FAILED, || sealed("AAAAAAAAAAAAAAAA")),
    attack(4, "GCM: not base64", "saml.encryption_malformed", || sealed("%%%%")),
    attack(4, "GCM: ten thousand levels", "saml.too_deep", || encrypted_text(&"<a>".repeat(10_000))),
    attack(4, "GCM: a hundred attributes", "saml.too_many_attributes", || {
        let attributes = (0..100).fold(String::new(), |text, number| text + &format!(" a{number}=\"\""));
        encrypted_text(&format!("<saml:Assertion{attributes}>"))
    }),
    attack(4, "GCM: a signed assertion with another subject", "saml.digest_mismatch", || {
        encrypted_text(&signed().replace(">alice<", ">admin<"))
    }),
    attack(4, "GCM: an encrypted assertion again", "saml.assertion_missing", || {
        let inner = encrypted(Signing::Nothing, "idp").element("saml:EncryptedAssertion");
        encrypted_text(&inner.replacen(
            "<saml:EncryptedAssertion",
            r#"<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion""#,
            1,
        ))
    }),
    attack(4, "EncryptedData of content, not of an element", "saml.encryption_malformed", || {
        let mut setup = encrypted(Signing::Assertion, "idp");
        setup.replace_first("http://www.w3.org/2001/04/xmlenc#Element", "http://www.w3.org/2001/04/xmlenc#Content");
        setup
    }),
];

/// The assertion, unsigned, as a document of its own.
fn genuine() -> String {
    standalone(&Setup::fresh().element("saml:Assertion")).replace("{SIG:_a}", "")
}

fn signed() -> String {
    let mut setup = Setup::fresh();
    let assertion = setup.element("saml:Assertion");
    setup.replace(&assertion, &standalone(&assertion));
    setup.sign("_a").element("saml:Assertion")
}

/// Some text under AES-256-CBC in a response that the identity provider signed.
pub(crate) fn cbc(text: &str) -> Setup {
    unsigned_cbc(text, |_| {}).sign("_r")
}

/// The last byte of the plaintext, which says how much of it is padding, is this.
fn cbc_padded(last: u8) -> Setup {
    let mut plain = genuine().into_bytes();
    plain.resize(plain.len().next_multiple_of(16), b' ');
    *plain.last_mut().unwrap() = last;
    with_ciphertext(&encrypt(plain)).sign("_r")
}

fn cbc_sealed(change: fn(&mut Vec<u8>)) -> Setup {
    unsigned_cbc(&genuine(), change).sign("_r")
}

fn unsigned_cbc(text: &str, change: fn(&mut Vec<u8>)) -> Setup {
    let mut plain = text.as_bytes().to_vec();
    let padding = 16 - plain.len() % 16;
    // ISO 10126: the last byte counts, the others may be anything.
    plain.resize(plain.len() + padding, 0xa5);
    *plain.last_mut().unwrap() = u8::try_from(padding).unwrap();
    let mut sealed = encrypt(plain);
    change(&mut sealed);
    with_ciphertext(&sealed)
}

fn encrypt(mut plain: Vec<u8>) -> Vec<u8> {
    let key = EncryptingKey::cbc(UnboundCipherKey::new(&AES_256, &[9; 32]).unwrap()).unwrap();
    key.less_safe_encrypt(&mut plain, EncryptionContext::Iv128(FixedLength::from(&[6; 16]))).unwrap();
    [&[6; 16], plain.as_slice()].concat()
}

/// A fresh response, not signed yet, around this CBC ciphertext.
fn with_ciphertext(sealed: &[u8]) -> Setup {
    let mut assertion = encrypted(Signing::Nothing, "idp");
    assertion.replace("http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmlenc#aes256-cbc");
    let encrypted = replace_last(&assertion.element("saml:EncryptedAssertion"), &STANDARD.encode(sealed));
    let mut setup = Setup::fresh();
    let plain = setup.element("saml:Assertion");
    setup.replace(&plain, &encrypted);
    setup
}

fn sealed(base64: &str) -> Setup {
    let mut setup = encrypted(Signing::Nothing, "idp");
    setup.xml = replace_last(&setup.xml, base64);
    setup
}

/// Another last `CipherValue`.
fn replace_last(xml: &str, base64: &str) -> String {
    let (before, rest) = xml.rsplit_once("<xenc:CipherValue>").unwrap();
    let (_, after) = rest.split_once("</xenc:CipherValue>").unwrap();
    format!("{before}<xenc:CipherValue>{base64}</xenc:CipherValue>{after}")
}

fn relabelled(from: &str, to: &str) -> Setup {
    let mut setup = encrypted(Signing::Assertion, "idp");
    let to = if to == "aes256-cbc" { "http://www.w3.org/2001/04/xmlenc#aes256-cbc" } else { to };
    let from = if to.starts_with("http:") { "http://www.w3.org/2009/xmlenc11#aes256-gcm" } else { from };
    setup.replace(from, to);
    setup
}
