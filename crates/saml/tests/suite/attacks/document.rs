//! Kinds 5, 11, 13: documents that parsers see differently, split text, and documents that cost too much.

use super::{Attack, attack};
use crate::setup::Setup;

const SIGNED_ASSERTION: &str = "simplesamlphp/signed_assertion";

pub(super) const ATTACKS: &[Attack] = &[
    attack(5, "a DOCTYPE that hides a document from one parser", "saml.dtd_forbidden", || {
        prefix(r#"<!DOCTYPE response SYSTEM 'x"><!--'><samlp:Response/><![CDATA[-->"#)
    }),
    attack(5, "an entity as the ID", "saml.dtd_forbidden", || prefix(r#"<!DOCTYPE r [<!ENTITY e "_id">]>"#)),
    attack(5, "a default attribute by DTD", "saml.dtd_forbidden", || prefix(r#"<!DOCTYPE r [<!ATTLIST Signature xmlns CDATA "urn:x">]>"#)),
    attack(5, "a comment before the document element", "saml.comment_forbidden", || prefix("<!-- two documents -->")),
    attack(5, "a stylesheet instruction", "saml.processing_instruction_forbidden", || {
        prefix(r#"<?xml-stylesheet href="http://attacker.test/"?>"#)
    }),
    attack(5, "an undefined entity", "saml.xml_malformed", || change("alice@example.com", "&admin;")),
    attack(5, "two document elements", "saml.xml_malformed", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        let again = setup.xml.clone();
        setup.xml.push_str(&again);
        setup
    }),
    attack(5, "another encoding", "saml.not_utf8", || prefix(r#"<?xml version="1.0" encoding="UTF-7"?>"#)),
    attack(5, "XML 1.1", "saml.not_utf8", || prefix(r#"<?xml version="1.1"?>"#)),
    attack(5, "an attribute twice", "saml.xml_malformed", || {
        change(" Destination=\"", " Destination=\"https://attacker.test\" Destination=\"")
    }),
    attack(5, "an attribute twice by two prefixes", "saml.xml_malformed", || {
        change("<samlp:Status>", r#"<samlp:Status xmlns:a="urn:x" xmlns:b="urn:x" a:c="1" b:c="2">"#)
    }),
    attack(5, "an element name with two colons", "saml.xml_namespace_invalid", || change("<samlp:Status>", "<samlp:x:y/><samlp:Status>")),
    attack(5, "another document element", "saml.not_a_response", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.xml = setup.element("saml:Assertion").replacen(
            "<saml:Assertion ",
            r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" "#,
            1,
        );
        setup
    }),
    attack(5, "a Response of another namespace", "saml.not_a_response", || {
        change("urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:2.0:protoc0l")
    }),
    attack(5, "not XML", "saml.xml_malformed", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.xml = "SAMLResponse".to_owned();
        setup
    }),
    attack(11, "a comment in the NameID", "saml.comment_forbidden", || {
        change(">alice@example.com<", ">alice@example.com<!-- -->.evil.test<")
    }),
    attack(11, "a comment in the Issuer", "saml.comment_forbidden", || change("</saml:Issuer>", "<!---->.evil</saml:Issuer>")),
    attack(11, "a comment in the Audience", "saml.comment_forbidden", || change("<saml:Audience>", "<saml:Audience><!---->")),
    attack(11, "a CDATA section in the NameID", "saml.cdata_forbidden", || {
        change(">alice@example.com<", "><![CDATA[alice@example.com]]>.evil.test<")
    }),
    attack(11, "a processing instruction in the NameID", "saml.processing_instruction_forbidden", || {
        change(">alice@example.com<", ">alice@example.com<?x?>.evil<")
    }),
    attack(11, "a comment that an identity provider signed", "saml.comment_forbidden", || Setup::edited(">alice<", ">admin<!---->.alice<")),
    attack(11, "an element in the NameID", "saml.unexpected_content", || Setup::edited(">alice<", ">admin<x xmlns=\"urn:x\"/>alice<")),
    attack(11, "an element in the Audience", "saml.unexpected_content", || {
        Setup::edited("<saml:Audience>https://gw.test/sp<", "<saml:Audience>https://gw.test/sp<x xmlns=\"urn:x\"/>.evil<")
    }),
    attack(11, "an element in the Issuer", "saml.unexpected_content", || {
        Setup::edited("/idp</saml:Issuer>{SIG:_a}", "/idp<x xmlns=\"urn:x\"/></saml:Issuer>{SIG:_a}")
    }),
    attack(11, "a character reference that changes the NameID", "saml.digest_mismatch", || {
        change(">alice@example.com<", ">&#x61;dmin@example.com<")
    }),
    attack(11, "an empty NameID", "saml.name_id_invalid", || Setup::edited(">alice<", "> <")),
    attack(11, "a line end in the NameID", "saml.name_id_invalid", || Setup::edited(">alice<", ">alice\nadmin<")),
    attack(13, "twenty thousand attributes", "saml.too_many_attributes", || {
        let attributes = (0..20_000).fold(String::new(), |text, number| text + &format!(" a{number}=\"\""));
        change("<samlp:Status>", &format!("<samlp:Status{attributes}>"))
    }),
    attack(13, "ten thousand levels", "saml.too_deep", || change("<samlp:Status>", &format!("{}<samlp:Status>", "<a>".repeat(10_000)))),
    attack(13, "namespaces without end", "saml.too_many_namespaces", || {
        let declarations = (0..50).fold(String::new(), |text, number| text + &format!(" xmlns:n{number}=\"urn:{number}\""));
        change("<samlp:Status>", &format!("<a{declarations}><a{declarations}><a{declarations}></a></a></a><samlp:Status>"))
    }),
    attack(13, "a message that is too large", "saml.too_large", || {
        change("<samlp:Status>", &format!("{}<samlp:Status>", " ".repeat(300_000)))
    }),
    attack(13, "entities of entities", "saml.dtd_forbidden", || {
        prefix(r#"<!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>"#)
    }),
    attack(13, "ten thousand prefixes to look up", "saml.signature_malformed", || {
        let prefixes = "a ".repeat(10_000);
        let list = format!(
            r#"c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="{prefixes}"/></ds:CanonicalizationMethod>"#
        );
        change(r#"c14n#"/>"#, &list)
    }),
    attack(13, "a tag without an end", "saml.xml_malformed", || change("<samlp:Status>", "<samlp:Status x=\"")),
];

fn prefix(text: &str) -> Setup {
    let mut setup = Setup::capture(SIGNED_ASSERTION);
    setup.xml.insert_str(0, text);
    setup
}

fn change(from: &str, to: &str) -> Setup {
    let mut setup = Setup::capture(SIGNED_ASSERTION);
    setup.replace_first(from, to);
    setup
}
