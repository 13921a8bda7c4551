//! Two opinions on thousands of changed documents: ours and libxmlsec's, by Python's `xmlsec` in one process. Whatever we accept,
//! libxmlsec must hold to be signed, with the same key, and read the same in it.
//!
//! `cargo xtask differential` runs it (`--seed`, `--documents`); it is part of `cargo xtask test`. The documents follow from the
//! seed, which is printed.

mod mutation;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use saml::VerifiedAssertion;
use serde_json::{Value, json};

use self::mutation::{Mutator, Sequence};
use crate::setup::{Setup, certificate_der};
use crate::signer::{Style, try_sign};

const SEED: u64 = 20_261_120;
const DOCUMENTS: usize = 6_000;

/// What stands in for a verifier that is broken: documents that are not signed as they claim, reported as accepted.
const CONTROLS: usize = 8;

/// Captures whose signatures a second program can see.
const CAPTURES: [&str; 10] = [
    "simplesamlphp/signed_assertion",
    "simplesamlphp/signed_response",
    "simplesamlphp/signed_both",
    "lemonldap/signed_assertion",
    "lemonldap/signed_both",
    "npm-samlp/signed_assertion",
    "npm-samlp/signed_response",
    "npm-samlp/signed_both",
    "npm-saml-idp/signed",
    "pysaml2/signed_both",
];

/// One document, how it was made and what we say.
struct Judged {
    how: String,
    xml: String,
    certificate: String,
    ours: Result<VerifiedAssertion, &'static str>,
}

#[test]
#[ignore = "needs Python's xmlsec: cargo xtask differential"]
fn libxmlsec_holds_valid_whatever_we_accept() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("DOORWARD_SEED").unwrap_or(SEED);
    let wanted = number("DOORWARD_DOCUMENTS").map_or(DOCUMENTS, |count| usize::try_from(count).unwrap());
    println!("seed {seed}, {wanted} documents");
    let mut judged = documents(seed, wanted);
    let controls = controls();
    assert_eq!(controls.len(), CONTROLS);
    judged.extend(controls);
    let verdicts = second_opinion(&judged);

    let mut counts: BTreeMap<(bool, bool), usize> = BTreeMap::new();
    let (mut disagreements, mut caught) = (Vec::new(), 0);
    for (at, (document, verdict)) in judged.iter().zip(&verdicts).enumerate() {
        let valid = verdict["valid"] == true;
        let wrong = document.ours.as_ref().is_ok_and(|assertion| !agrees(assertion, verdict));
        if at >= wanted {
            caught += usize::from(wrong);
            continue;
        }
        *counts.entry((document.ours.is_ok(), valid)).or_default() += 1;
        if wrong {
            disagreements.push(format!("document {at}, {}: {verdict}\n{}", document.how, document.xml));
        }
    }
    let count = |ours, theirs| counts.get(&(ours, theirs)).copied().unwrap_or_default();
    println!("accepted by both            {:>6}", count(true, true));
    println!("refused by us alone         {:>6}", count(false, true));
    println!("refused by both             {:>6}", count(false, false));
    println!("accepted by us alone        {:>6}", count(true, false));
    println!("accepted, read differently  {:>6}", disagreements.len() - count(true, false));
    println!("controls that were caught   {caught:>6} of {CONTROLS}");
    assert_eq!(caught, CONTROLS, "the second opinion does not notice a broken verifier");
    assert!(disagreements.is_empty(), "{} documents\n{}", disagreements.len(), disagreements.join("\n\n"));
    assert!(count(true, true) >= wanted / 10 && count(false, false) >= wanted / 10, "the documents are one-sided");
}

/// Whether what we read is what libxmlsec holds to be signed and lxml reads.
fn agrees(assertion: &VerifiedAssertion, verdict: &Value) -> bool {
    let values: Vec<&str> = assertion.attributes.iter().flat_map(|attribute| attribute.values.iter().map(String::as_str)).collect();
    let ours = json!({ "id": assertion.assertion_id, "name_id": assertion.name_id.value.trim(), "values": values });
    verdict["valid"] == true && verdict["subjects"] == json!([ours])
}

/// Half of the documents were changed after the signature, half before it.
fn documents(seed: u64, wanted: usize) -> Vec<Judged> {
    let mut mutator = Mutator::new(Sequence(seed));
    let bases: Vec<Setup> = CAPTURES.iter().map(|name| Setup::capture(name)).chain(signed_forms()).collect();
    (0..wanted)
        .map(|at| {
            let mut setup = if at % 2 == 0 { bases[mutator.below(bases.len())].clone() } else { Setup::fresh() };
            let how = if at % 2 == 0 {
                mutator.change(&mut setup.xml)
            } else {
                enrich(&mut setup, &mut mutator);
                mutator.change(&mut setup.xml) + &sign(&mut setup, &mut mutator)
            };
            let ours = setup.run();
            let xml = setup.xml.replace("{SIG:_r}", "").replace("{SIG:_a}", "");
            Judged { how, xml, certificate: certificate(&setup), ours }
        })
        .collect()
}

fn signed_forms() -> Vec<Setup> {
    let style = |method, digest_method| Style { method, digest_method, ..Style::default() };
    let sha512 = style("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha512");
    let sha384 = style("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#sha384");
    let prefixes = Style { prefixes: Some("#default saml"), ..Style::default() };
    vec![
        Setup::fresh().sign("_a"),
        Setup::fresh().sign("_r"),
        Setup::fresh().sign("_a").sign("_r"),
        Setup::fresh().sign_with("_a", &sha512),
        Setup::fresh().sign_with("_r", &sha384),
        Setup::fresh().sign_with("_a", &prefixes),
    ]
}

/// Adds what identity providers do not send, but canonicalization has rules for: foreign elements with namespaces of every sort.
fn enrich(setup: &mut Setup, mutator: &mut Mutator) {
    let foreign = mutator.foreign();
    match mutator.below(3) {
        0 => setup.replace_first("<samlp:Status>", &format!("<samlp:Extensions>{foreign}</samlp:Extensions><samlp:Status>")),
        1 => setup.replace_first("<saml:AuthnStatement", &format!("<saml:Advice>{foreign}</saml:Advice><saml:AuthnStatement")),
        _ => setup.replace_first(
            "<saml:AttributeValue>sre",
            &format!("<saml:AttributeValue>{foreign}</saml:AttributeValue><saml:AttributeValue>sre"),
        ),
    }
}

/// Signs with our canonicalization; says how. A document that cannot be signed stays unsigned.
fn sign(setup: &mut Setup, mutator: &mut Mutator) -> String {
    let prefixes = ["", "", "", "#default", "saml", "#default saml samlp n", "n m xs", "xml n"];
    let list = prefixes[mutator.below(prefixes.len())];
    let style = || Style { prefixes: (!list.is_empty()).then_some(list), ..Style::default() };
    let ids: &[&str] = [&["_a"][..], &["_r"], &["_a", "_r"]][mutator.below(3)];
    for id in ids {
        if *id == "_r" {
            setup.xml = setup.xml.replace("{SIG:_a}", "");
        }
        if let Some(xml) = try_sign(&setup.xml, id, &style()) {
            setup.xml = xml;
        }
    }
    format!(", then signed {} with prefixes {list:?}", ids.join(" and "))
}

fn certificate(setup: &Setup) -> String {
    setup.metadata.split("X509Certificate>").nth(1).unwrap().split('<').next().unwrap().split_whitespace().collect()
}

/// What was done to a genuine document.
type Control = (&'static str, fn(&str) -> String);

/// Documents that nobody signed so, with the verdict of a verifier that has a hole.
fn controls() -> Vec<Judged> {
    let genuine = Setup::fresh().sign("_a");
    let ours = genuine.run().unwrap();
    let other = Setup::edited(">alice<", ">mallory<");
    let changes: [Control; 7] = [
        ("another subject", |xml| xml.replace(">alice<", ">admin<")),
        ("another value", |xml| xml.replace(">sre<", ">root<")),
        ("another digest", |xml| xml.replace("<ds:DigestValue>", "<ds:DigestValue>A")),
        ("another signature", |xml| xml.replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA")),
        ("a text beside", |xml| xml.replace("</saml:Conditions>", "</saml:Conditions> ")),
        ("another time", |xml| xml.replace("09:05:00Z", "10:05:00Z")),
        ("a reference to the response", |xml| xml.replace("URI=\"#_a\"", "URI=\"#_r\"")),
    ];
    let mut all: Vec<Judged> = changes
        .iter()
        .map(|(how, change)| Judged {
            how: (*how).to_owned(),
            xml: change(&genuine.xml).replace("{SIG:_r}", ""),
            certificate: certificate(&genuine),
            ours: Ok(ours.clone()),
        })
        .collect();
    // Validly signed, but what was read is not what stands there.
    let certificate = STANDARD.encode(certificate_der("idp"));
    all.push(Judged { how: "read from elsewhere".to_owned(), xml: other.xml.replace("{SIG:_r}", ""), certificate, ours: Ok(ours) });
    all
}

/// One process over all documents.
fn second_opinion(judged: &[Judged]) -> Vec<Value> {
    let python = std::env::var_os("DOORWARD_PYTHON").expect("DOORWARD_PYTHON names a Python that has xmlsec");
    let mut batch = String::new();
    for document in judged {
        let line = json!({ "xml": STANDARD.encode(&document.xml), "certificate": document.certificate });
        writeln!(batch, "{line}").unwrap();
    }
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential.jsonl");
    std::fs::write(&file, batch).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/differential/libxmlsec.py");
    let output = Command::new(python).arg(script).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let verdicts: Vec<Value> = String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), judged.len(), "a verdict is missing");
    verdicts
}
