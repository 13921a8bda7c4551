//! Kind 3, generated: a forged assertion that is read and a genuine one that carries the signature, in every element that can
//! hold another one. XSW1 to XSW12 of the published lists are among them; `structure` has them by name.

use std::sync::LazyLock;

use super::Built;
use crate::setup::Setup;

/// Elements of an assertion that could hold the genuine one.
const IN_ASSERTION: [&str; 15] = [
    "saml:Issuer",
    "saml:Subject",
    "saml:NameID",
    "saml:SubjectConfirmation",
    "saml:SubjectConfirmationData",
    "saml:Conditions",
    "saml:AudienceRestriction",
    "saml:Audience",
    "saml:Advice",
    "saml:AuthnStatement",
    "saml:AuthnContext",
    "saml:AuthnContextClassRef",
    "saml:AttributeStatement",
    "saml:Attribute",
    "saml:AttributeValue",
];

/// Elements of a response outside the assertion.
const IN_RESPONSE: [&str; 6] =
    ["saml:Issuer", "samlp:Extensions", "samlp:Status", "samlp:StatusCode", "samlp:StatusMessage", "samlp:StatusDetail"];

/// Elements of a signature: those whose content nobody needs and those that the check reads.
const IN_SIGNATURE: [&str; 8] =
    ["ds:Signature", "ds:Object", "ds:KeyInfo", "ds:SignedInfo", "ds:SignatureValue", "ds:Reference", "ds:Transforms", "ds:DigestValue"];

static SIGNED_ASSERTION: LazyLock<Setup> = LazyLock::new(|| Setup::fresh().sign("_a"));
static SIGNED_RESPONSE: LazyLock<Setup> = LazyLock::new(|| Setup::fresh().sign("_r"));

/// Where the signature stands.
#[derive(Clone, Copy)]
enum Bearer {
    Genuine,
    Forged,
    Both,
}

const BEARERS: [(Bearer, &str); 3] =
    [(Bearer::Genuine, "signed inside"), (Bearer::Forged, "signed outside"), (Bearer::Both, "signed twice")];

pub(super) fn attacks() -> Vec<Built> {
    let mut all = Vec::new();
    for (bearer, how) in BEARERS {
        for host in IN_ASSERTION {
            all.push(built(
                format!("the signed assertion in the {host} of a forged one, {how}"),
                response(&assertion_in(host, bearer), ""),
            ));
        }
        for host in IN_RESPONSE {
            let assertion = forged(bearer, "");
            let name = format!("the signed assertion in the {host} of a response with a forged one, {how}");
            all.push(built(name, with_host(&response(&assertion, ""), host, &genuine(bearer))));
        }
        for host in IN_RESPONSE {
            let name = format!("the signed response in the {host} of a forged one, {how}");
            all.push(built(name, with_host(&forged_response(bearer), host, &genuine_response(bearer))));
        }
    }
    for host in IN_SIGNATURE {
        let assertion = with_host(&forged(Bearer::Forged, ""), host, &genuine(Bearer::Genuine));
        all.push(built(format!("the signed assertion in the {host} of a forged one's signature"), response(&assertion, "")));
        let whole = with_host(&forged_response(Bearer::Forged), host, &genuine_response(Bearer::Genuine));
        all.push(built(format!("the signed response in the {host} of a forged one's signature"), whole));
        let genuine = with_host(&genuine(Bearer::Genuine), host, &forged(Bearer::Genuine, ""));
        all.push(built(format!("a forged assertion in the {host} of the signed one"), response(&genuine, "")));
    }
    all
}

fn built(name: String, xml: String) -> Built {
    let mut setup = Setup::fresh();
    setup.xml = xml;
    Built { kind: 3, name, code: "saml.misplaced_assertion", setup }
}

/// The assertion for alice, signed; with its signature or without.
fn genuine(bearer: Bearer) -> String {
    let assertion = SIGNED_ASSERTION.element("saml:Assertion");
    if matches!(bearer, Bearer::Forged) { assertion.replace(&SIGNED_ASSERTION.element("ds:Signature"), "") } else { assertion }
}

/// The assertion for admin under another ID, with a copy of alice's signature or without.
fn forged(bearer: Bearer, inside: &str) -> String {
    let signature = if matches!(bearer, Bearer::Genuine) { String::new() } else { SIGNED_ASSERTION.element("ds:Signature") };
    let assertion = Setup::fresh().element("saml:Assertion").replace("\"_a\"", "\"_evil\"").replace(">alice<", ">admin<");
    assertion.replace("{SIG:_a}", &[signature.as_str(), inside].concat())
}

fn genuine_response(bearer: Bearer) -> String {
    let response = SIGNED_RESPONSE.xml.clone();
    if matches!(bearer, Bearer::Forged) { response.replace(&SIGNED_RESPONSE.element("ds:Signature"), "") } else { response }
}

fn forged_response(bearer: Bearer) -> String {
    let signature = if matches!(bearer, Bearer::Genuine) { String::new() } else { SIGNED_RESPONSE.element("ds:Signature") };
    let response = Setup::fresh().xml.replace("\"_a\"", "\"_evil_a\"").replace("\"_r\"", "\"_evil_r\"").replace(">alice<", ">admin<");
    response.replace("{SIG:_r}", &signature).replace("{SIG:_a}", "")
}

/// A response that holds exactly this assertion.
fn response(assertion: &str, signature: &str) -> String {
    let setup = Setup::fresh();
    setup.xml.replace(&setup.element("saml:Assertion"), assertion).replace("{SIG:_r}", signature)
}

fn assertion_in(host: &str, bearer: Bearer) -> String {
    with_host(&forged(bearer, ""), host, &genuine(bearer))
}

/// Puts `inside` at the end of the first `host` element, which is made where it is missing.
fn with_host(xml: &str, host: &str, inside: &str) -> String {
    let end = format!("</{host}>");
    if let Some(at) = xml.find(&end) {
        return [xml.get(..at).unwrap(), inside, xml.get(at..).unwrap()].concat();
    }
    if let Some(start) = xml.find(&format!("<{host} ")) {
        let close = start + xml.get(start..).unwrap().find("/>").unwrap();
        return [xml.get(..close).unwrap(), ">", inside, &end, xml.get(close + 2..).unwrap()].concat();
    }
    let (before, place) = match host {
        "samlp:Extensions" => (true, "<samlp:Status>"),
        "samlp:StatusMessage" | "samlp:StatusDetail" => (true, "</samlp:Status>"),
        "saml:Advice" => (false, "</saml:Conditions>"),
        _ => (false, "</ds:SignatureValue>"),
    };
    let element = format!("<{host}>{inside}{end}");
    assert!(xml.contains(place), "no place for {host}");
    xml.replacen(place, &if before { [element.as_str(), place].concat() } else { [place, &element].concat() }, 1)
}
