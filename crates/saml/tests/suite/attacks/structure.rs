//! Kinds 1, 2, 3, 8, 14: which element is signed and which is read.

use std::fmt::Write;

use super::{Attack, attack};
use crate::setup::Setup;

const SIGNED_ASSERTION: &str = "simplesamlphp/signed_assertion";
const SIGNED_RESPONSE: &str = "simplesamlphp/signed_response";
const SIGNED_BOTH: &str = "simplesamlphp/signed_both";

pub(super) const ATTACKS: &[Attack] = &[
    attack(1, "unsigned assertion before the signed one", "saml.several_assertions", || {
        insert(SIGNED_ASSERTION, "<saml:Assertion", &evil())
    }),
    attack(1, "unsigned assertion after the signed one", "saml.several_assertions", || {
        insert(SIGNED_ASSERTION, "</samlp:Response>", &evil())
    }),
    attack(1, "unsigned assertion in a signed response", "saml.several_assertions", || insert(SIGNED_RESPONSE, "<saml:Assertion", &evil())),
    attack(1, "the signed assertion twice", "saml.duplicate_id", || {
        let genuine = Setup::capture(SIGNED_ASSERTION).element("saml:Assertion");
        insert(SIGNED_ASSERTION, "</samlp:Response>", &genuine)
    }),
    attack(1, "encrypted assertion beside the signed one", "saml.mixed_assertions", || {
        insert(SIGNED_ASSERTION, "<saml:Assertion", "<saml:EncryptedAssertion></saml:EncryptedAssertion>")
    }),
    attack(1, "two encrypted assertions", "saml.several_assertions", || {
        insert("simplesamlphp/encrypted_signed_both", "</samlp:Response>", "<saml:EncryptedAssertion></saml:EncryptedAssertion>")
    }),
    attack(2, "xmlns:Destination instead of Destination", "saml.destination_missing", || rename(" Destination=", " xmlns:Destination=")),
    attack(2, "xmlns:InResponseTo instead of InResponseTo", "saml.in_response_to_missing", || {
        rename(" InResponseTo=\"_", " xmlns:InResponseTo=\"urn:_")
    }),
    attack(2, "xmlns:ID on a forged assertion", "saml.attribute_invalid", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.replace("XMLSchema\" ID=\"_", "XMLSchema\" xmlns:ID=\"urn:_");
        setup
    }),
    attack(2, "xmlns:Recipient inside a signed assertion", "saml.recipient_missing", || Setup::edited(" Recipient=", " xmlns:Recipient=")),
    attack(3, "XSW1: the signed response inside the signature of a forged one", "saml.misplaced_assertion", || {
        wrap_response("</ds:Signature>")
    }),
    attack(3, "XSW2: the signed response beside its signature", "saml.misplaced_assertion", || wrap_response("<samlp:Status>")),
    attack(3, "XSW3: forged assertion first", "saml.several_assertions", || insert(SIGNED_BOTH, "<saml:Assertion", &evil())),
    attack(3, "XSW4: the signed assertion inside a forged one", "saml.misplaced_assertion", || {
        replace_assertion(&evil().replace("</saml:Assertion>", &format!("{}</saml:Assertion>", genuine())))
    }),
    attack(3, "XSW5: forged assertion with the signature, the signed one at the end", "saml.several_assertions", || {
        replace_assertion(&[with_signature(&evil()), without_signature(&genuine())].concat())
    }),
    attack(3, "XSW6: the signed assertion inside the signature of a forged one", "saml.misplaced_assertion", || {
        let inner = without_signature(&genuine());
        replace_assertion(&with_signature(&evil()).replace("</ds:Signature>", &format!("{inner}</ds:Signature>")))
    }),
    attack(3, "XSW7: forged assertion in Extensions", "saml.misplaced_assertion", || {
        insert(SIGNED_ASSERTION, "<samlp:Status>", &format!("<samlp:Extensions>{}</samlp:Extensions>", evil()))
    }),
    attack(3, "XSW8: the signed assertion in an Object of the signature", "saml.misplaced_assertion", || {
        let object = format!("<ds:Object>{}</ds:Object></ds:Signature>", without_signature(&genuine()));
        replace_assertion(&with_signature(&evil()).replace("</ds:Signature>", &object))
    }),
    attack(3, "forged assertion in StatusDetail", "saml.misplaced_assertion", || {
        insert(SIGNED_ASSERTION, "</samlp:Status>", &format!("<samlp:StatusDetail>{}</samlp:StatusDetail>", evil()))
    }),
    attack(3, "the signed assertion in the Advice of a forged one", "saml.misplaced_assertion", || {
        let advice = format!("</saml:Conditions><saml:Advice>{}</saml:Advice>", genuine());
        replace_assertion(&evil().replace("</saml:Conditions>", &advice))
    }),
    attack(3, "the signed assertion in the SubjectConfirmationData of a forged one", "saml.misplaced_assertion", || {
        let data = format!("<saml:SubjectConfirmationData>{}</saml:SubjectConfirmationData></saml:SubjectConfirmation>", genuine());
        replace_assertion(&evil().replace("</saml:SubjectConfirmation>", &data))
    }),
    attack(3, "the signed assertion in an AttributeValue of a forged one", "saml.misplaced_assertion", || {
        replace_assertion(&evil().replacen("</saml:AttributeValue>", &format!("{}</saml:AttributeValue>", genuine()), 1))
    }),
    attack(3, "the assertion's signature moved up to the response", "saml.signature_reference", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        let signature = setup.cut("ds:Signature");
        setup.replace("alice@example.com", "admin@example.com");
        setup.replace_first("<samlp:Status>", &format!("{signature}<samlp:Status>"));
        setup
    }),
    attack(3, "a signature without a namespace in StatusDetail", "saml.misplaced_signature", || {
        insert(SIGNED_ASSERTION, "</samlp:Status>", r#"<samlp:StatusDetail><Signature xmlns="">x</Signature></samlp:StatusDetail>"#)
    }),
    attack(3, "an assertion without a namespace", "saml.misplaced_assertion", || {
        insert(SIGNED_ASSERTION, "<saml:Assertion", r#"<Assertion xmlns="">x</Assertion>"#)
    }),
    attack(3, "forged statement after the signed content", "saml.digest_mismatch", || {
        insert(
            SIGNED_ASSERTION,
            "</saml:Assertion>",
            r#"<saml:AttributeStatement><saml:Attribute Name="groups"/></saml:AttributeStatement>"#,
        )
    }),
    attack(3, "a second NameID", "saml.unexpected_element", || {
        Setup::edited("<saml:NameID>", "<saml:NameID>admin</saml:NameID><saml:NameID>")
    }),
    attack(3, "the subject changed", "saml.digest_mismatch", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.replace("alice@example.com", "admin@example.com");
        setup
    }),
    attack(8, "two elements of one ID", "saml.duplicate_id", || {
        let id = Setup::capture(SIGNED_ASSERTION).xml.split(" ID=\"").nth(2).unwrap().split('"').next().unwrap().to_owned();
        insert(SIGNED_ASSERTION, "<samlp:Status>", &format!(r#"<samlp:Extensions><x:y xmlns:x="urn:x" ID="{id}"/></samlp:Extensions>"#))
    }),
    attack(8, "an Id beside the ID", "saml.ambiguous_id", || rename(" Version=\"2.0\"", " Version=\"2.0\" Id=\"_evil\"")),
    attack(8, "an ID in a namespace beside the ID", "saml.ambiguous_id", || {
        rename(" Version=\"2.0\"", " xmlns:ev=\"urn:ev\" ev:ID=\"_evil\" Version=\"2.0\"")
    }),
    attack(8, "an xml:id beside the ID", "saml.ambiguous_id", || rename(" Version=\"2.0\"", " xml:id=\"_evil\" Version=\"2.0\"")),
    attack(8, "an xml:id that repeats an ID", "saml.duplicate_id", || {
        let mut setup = Setup::fresh().sign("_a");
        setup.replace_first("<samlp:Status>", "<samlp:Status xml:id=\"_a\">");
        setup
    }),
    attack(8, "an empty ID with an empty reference", "saml.attribute_invalid", || {
        let mut setup = Setup::fresh();
        setup.replace("ID=\"_a\"", "ID=\"\"");
        setup.replace("{SIG:_a}", "{SIG:}");
        setup.sign("")
    }),
    attack(8, "an ID with an XPointer in it", "saml.attribute_invalid", || {
        let mut setup = Setup::fresh();
        setup.replace("ID=\"_a\"", "ID=\"xpointer(id('_a'))\"");
        setup.replace("{SIG:_a}", "{SIG:xpointer(id('_a'))}");
        setup.sign("xpointer(id('_a'))")
    }),
    attack(14, "no signature at all", "saml.not_signed", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.cut("ds:Signature");
        setup
    }),
    attack(14, "both signatures taken away", "saml.not_signed", || {
        let mut setup = Setup::capture(SIGNED_BOTH);
        setup.cut("ds:Signature");
        setup.cut("ds:Signature");
        setup
    }),
    attack(14, "the assertion's signature taken out of a signed response", "saml.digest_mismatch", || {
        let mut setup = Setup::capture(SIGNED_BOTH);
        let first = setup.cut("ds:Signature");
        setup.cut("ds:Signature");
        setup.replace_first("<samlp:Status>", &format!("{first}<samlp:Status>"));
        setup
    }),
    attack(14, "an empty signature", "saml.signature_malformed", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        let signature = setup.element("ds:Signature");
        setup.replace(&signature, r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>"#);
        setup
    }),
    attack(14, "an empty signature value", "saml.signature_malformed", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        let value = setup.element("ds:SignatureValue");
        setup.replace(&value, "<ds:SignatureValue></ds:SignatureValue>");
        setup
    }),
    attack(14, "no reference", "saml.signature_malformed", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.cut("ds:Reference");
        setup
    }),
    attack(14, "no SignedInfo", "saml.signature_malformed", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.cut("ds:SignedInfo");
        setup
    }),
    attack(14, "no Signature but a KeyInfo", "saml.unexpected_element", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        let signature = setup.element("ds:Signature");
        let key_info = setup.element("ds:KeyInfo").replace("<ds:KeyInfo>", r#"<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">"#);
        setup.replace(&signature, &key_info);
        setup
    }),
];

fn insert(capture: &str, before: &str, text: &str) -> Setup {
    let mut setup = Setup::capture(capture);
    setup.replace_first(before, &format!("{text}{before}"));
    setup
}

/// Changes the Response's own start tag, which no signature covers when only the assertion is signed.
fn rename(from: &str, to: &str) -> Setup {
    let mut setup = Setup::capture(SIGNED_ASSERTION);
    setup.replace_first(from, to);
    setup
}

fn genuine() -> String {
    Setup::capture(SIGNED_ASSERTION).element("saml:Assertion")
}

fn signature() -> String {
    Setup::capture(SIGNED_ASSERTION).element("ds:Signature")
}

fn without_signature(assertion: &str) -> String {
    assertion.replace(&signature(), "")
}

/// The genuine assertion under another id, for another person, without its signature.
fn evil() -> String {
    renumber(&without_signature(&genuine()).replace("alice@example.com", "admin@example.com"))
}

/// Gives every element another ID; what refers to them stays.
fn renumber(xml: &str) -> String {
    let mut parts = xml.split(" ID=\"");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for (number, part) in parts.enumerate() {
        let (_, rest) = part.split_once('"').unwrap();
        write!(out, " ID=\"_evil{number}\"{rest}").unwrap();
    }
    out
}

fn with_signature(assertion: &str) -> String {
    assertion.replacen("</saml:Issuer>", &format!("</saml:Issuer>{}", signature()), 1)
}

fn replace_assertion(text: &str) -> Setup {
    let mut setup = Setup::capture(SIGNED_ASSERTION);
    setup.replace(&genuine(), text);
    setup
}

/// A forged response that carries the genuine one and its signature; the genuine one goes before `place`.
fn wrap_response(place: &str) -> Setup {
    let mut setup = Setup::capture(SIGNED_RESPONSE);
    let inner = setup.xml.replace(&setup.element("ds:Signature"), "");
    setup.xml = renumber(&setup.xml).replace("alice@example.com", "admin@example.com");
    setup.replace_first(place, &format!("{inner}{place}"));
    setup
}
