//! What must be accepted: every form that a careful identity provider may choose.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use saml::idp::Signing;

use crate::attacks::{cbc, encrypted, encrypted_text, standalone, unsolicited};
use crate::setup::Setup;
use crate::signer::{EXC, Key, Style};

/// A form, how to build it and the subject it must give.
type Positive = (&'static str, fn() -> Setup, &'static str);

const POSITIVES: &[Positive] = &[
    ("the assertion signed", || Setup::fresh().sign("_a"), "alice"),
    ("the response signed", || Setup::fresh().sign("_r"), "alice"),
    ("both signed", || Setup::fresh().sign("_a").sign("_r"), "alice"),
    ("both signed, the response's signature taken away", signed_both_without_the_outer, "alice@example.com"),
    ("a byte order mark", || surrounded("\u{feff}", ""), "alice"),
    ("an XML declaration", || surrounded("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "\n"), "alice"),
    ("both, and single quotes", || surrounded("\u{feff}<?xml version='1.0' encoding='utf-8' standalone='no'?>", ""), "alice"),
    ("predefined entities", || Setup::edited(">alice<", ">&lt;a&amp;b&gt;&quot;&apos;<"), "<a&b>\"'"),
    ("character references", || Setup::edited(">alice<", ">&#x61;li&#99;e<"), "alice"),
    ("non-ASCII", || Setup::edited(">alice<", ">Åsa Öberg 山田 🙂<"), "Åsa Öberg 山田 🙂"),
    ("a right bracket", || Setup::edited(">alice<", ">a]b]]c<"), "a]b]]c"),
    (
        "SHA-384",
        || with_digest("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#sha384"),
        "alice",
    ),
    ("SHA-512", || with_digest("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha512"), "alice"),
    ("a KeyInfo that names another key", || with_tail("<ds:KeyInfo><ds:KeyName>other</ds:KeyName></ds:KeyInfo>"), "alice"),
    ("inclusive prefixes", || with_prefixes("saml samlp"), "alice"),
    ("inclusive prefixes with the default", || with_prefixes("#default saml xs"), "alice"),
    ("CRLF line ends", || lines("\r\n"), "alice"),
    ("CR line ends", || lines("\r"), "alice"),
    ("line ends in base64", wrapped_base64, "alice"),
    ("line ends between attributes", || unsigned_change(" Method=\"urn", "\r\n\tMethod=\"urn"), "alice"),
    ("a tab in an attribute value, as a reference", || Setup::edited(" Name=\"groups\"", " Name=\"gr&#9;oups\""), "alice"),
    (
        "four thousand groups",
        || {
            Setup::edited(
                "<saml:AttributeValue>sre",
                &format!("{}<saml:AttributeValue>sre", "<saml:AttributeValue>g</saml:AttributeValue>".repeat(4_000)),
            )
        },
        "alice",
    ),
    ("ten inclusive prefixes", || with_prefixes("#default saml samlp xs xsi ds md a b c"), "alice"),
    ("an unused namespace declaration", || unsigned_change("<saml:Subject>", "<saml:Subject xmlns:x=\"urn:x\">"), "alice"),
    ("an attribute in single quotes with spaces", || unsigned_change(" Method=\"urn", "  Method = \"urn"), "alice"),
    (
        "a second confirmation that is not for us",
        || Setup::edited("<saml:SubjectConfirmation ", &format!("{OTHER_CONFIRMATION}<saml:SubjectConfirmation ")),
        "alice",
    ),
    (
        "OneTimeUse and ProxyRestriction",
        || Setup::edited("</saml:Conditions>", "<saml:OneTimeUse/><saml:ProxyRestriction Count=\"0\"/></saml:Conditions>"),
        "alice",
    ),
    ("several audiences", || Setup::edited("<saml:Audience>", "<saml:Audience>https://other.test</saml:Audience><saml:Audience>"), "alice"),
    (
        "an Advice",
        || Setup::edited("</saml:Conditions>", "</saml:Conditions><saml:Advice><x:y xmlns:x=\"urn:x\">z</x:y></saml:Advice>"),
        "alice",
    ),
    ("a structured attribute value", || Setup::edited(">sre<", "><saml:NameID>x</saml:NameID><"), "alice"),
    ("fractions of a second", || Setup::edited("09:05:00Z\"><saml:Aud", "09:05:00.1234567891Z\"><saml:Aud"), "alice"),
    (
        "no response issuer, the assertion signed",
        || unsigned_change("<saml:Issuer>http://127.0.0.1:7001/idp</saml:Issuer>{SIG:_r}", "{SIG:_r}"),
        "alice",
    ),
    ("unsolicited, where that is allowed", || unsolicited(true), "alice"),
    ("within the clock skew", || at("2026-11-20T09:05:59Z"), "alice"),
    ("encrypted, the assertion signed", || encrypted(Signing::Assertion, "idp"), "alice"),
    ("encrypted, the response signed", || encrypted(Signing::Response, "idp"), "alice"),
    ("encrypted, both signed", || encrypted(Signing::Both, "idp"), "alice"),
    ("encrypted text of another writer", || encrypted_text(&standalone_signed()), "alice"),
    ("encrypted with CBC in a signed response", || cbc(&standalone_unsigned()), "alice"),
    ("encrypted with CBC, the assertion signed as well", || cbc(&standalone_signed()), "alice"),
    ("ECDSA P-256", || ecdsa("P-256"), "alice"),
    ("ECDSA P-384", || ecdsa("P-384"), "alice"),
];

const OTHER_CONFIRMATION: &str = r#"<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="2026-11-20T09:05:00Z" Recipient="https://other.test/acs"/></saml:SubjectConfirmation>"#;

/// How many forms there are.
pub(crate) fn count() -> usize {
    POSITIVES.len()
}

#[test]
fn every_careful_form_is_accepted() {
    for (name, build, subject) in POSITIVES {
        let result = build().run().map(|assertion| assertion.name_id.value);
        assert_eq!(result.as_deref(), Ok(*subject), "{name}");
    }
}

#[test]
fn a_minute_of_skew_is_not_more() {
    assert_eq!(at("2026-11-20T09:06:00Z").run(), Err("saml.expired"));
    assert_eq!(at("2026-11-20T08:58:59Z").run(), Err("saml.issued_in_future"));
}

#[test]
fn an_assertion_is_remembered_until_its_last_confirmation_ends() {
    let second =
        Setup::fresh().element("saml:Subject").split("<saml:SubjectConfirmation ").nth(1).unwrap().replace("09:05:00Z", "09:30:00Z");
    let second = second.strip_suffix("</saml:Subject>").unwrap();
    let setup = Setup::edited("</saml:Subject>", &format!("<saml:SubjectConfirmation {second}</saml:Subject>"));
    assert_eq!(setup.run().unwrap().replay_until.to_string(), "2026-11-20T09:31:00Z");
}

fn at(now: &str) -> Setup {
    let mut setup = Setup::fresh().sign("_a");
    setup.now = now.parse().unwrap();
    setup
}

fn signed_both_without_the_outer() -> Setup {
    let mut setup = Setup::capture("simplesamlphp/signed_both");
    setup.cut("ds:Signature");
    setup
}

fn surrounded(before: &str, after: &str) -> Setup {
    let mut setup = Setup::fresh().sign("_a");
    setup.xml = [before, &setup.xml, after].concat();
    setup
}

fn with_digest(method: &'static str, digest_method: &'static str) -> Setup {
    Setup::fresh().sign_with("_a", &Style { method, digest_method, ..Style::default() })
}

fn with_tail(tail: &str) -> Setup {
    Setup::fresh().sign_with("_a", &Style { tail: tail.to_owned(), ..Style::default() })
}

fn with_prefixes(prefixes: &'static str) -> Setup {
    let mut setup = Setup::fresh();
    setup.replace_first("<saml:Assertion ", "<saml:Assertion xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:e=\"urn:e\" ");
    setup.sign_with("_a", &Style { prefixes: Some(prefixes), ..Style::default() })
}

/// Signed with line feeds, sent with other line ends: XML says that they are the same.
fn lines(end: &str) -> Setup {
    let mut setup = Setup::fresh();
    setup.replace("><", ">\n<");
    let mut setup = setup.sign("_a");
    setup.xml = setup.xml.replace('\n', end);
    setup
}

fn wrapped_base64() -> Setup {
    let mut setup = Setup::fresh().sign("_a");
    for tag in ["ds:SignatureValue", "ds:DigestValue"] {
        if tag == "ds:SignatureValue" {
            let value = setup.element(tag);
            let (head, tail) = value.split_at(value.len() / 2);
            setup.replace(&value, &format!("{head}&#13;\r\n\t {tail}"));
        }
    }
    setup
}

/// A change that the signature must not notice.
fn unsigned_change(from: &str, to: &str) -> Setup {
    let mut setup = Setup::fresh().sign("_a");
    setup.replace_first(from, to);
    setup
}

fn standalone_unsigned() -> String {
    standalone(&Setup::fresh().element("saml:Assertion")).replace("{SIG:_a}", "")
}

fn standalone_signed() -> String {
    let mut setup = Setup::fresh();
    let assertion = setup.element("saml:Assertion");
    setup.replace(&assertion, &standalone(&assertion));
    setup.sign("_a").element("saml:Assertion")
}

/// Signed with an elliptic curve key whose certificate is the only one in the metadata.
fn ecdsa(curve: &str) -> Setup {
    let (algorithm, signing, method, digest_method) = match curve {
        "P-256" => (&rcgen::PKCS_ECDSA_P256_SHA256, &ECDSA_P256_SHA256_FIXED_SIGNING, "ecdsa-sha256", crate::signer::SHA256),
        _ => (
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &ECDSA_P384_SHA384_FIXED_SIGNING,
            "ecdsa-sha384",
            "http://www.w3.org/2001/04/xmldsig-more#sha384",
        ),
    };
    let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(signing, &pair.serialize_der()).unwrap();
    let method = format!("http://www.w3.org/2001/04/xmldsig-more#{method}").leak();
    let style = Style { key: Key::Ecdsa(Box::new(key)), method, digest_method, ..Style::default() };
    assert_eq!(style.c14n_method, EXC);
    let mut setup = Setup::fresh().sign_with("_a", &style);
    let old = setup.metadata.split("X509Certificate>").nth(1).unwrap().trim_end_matches("</").to_owned();
    setup.metadata = setup.metadata.replace(&old, &STANDARD.encode(certificate.der()));
    setup
}
