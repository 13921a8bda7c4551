//! `cargo bench -p saml --bench metadata`: what it costs to find one identity provider in an aggregate of 5,000, streamed
//! and with the signature over the whole verified. Time is the best of five; memory is the peak of a process that does
//! this once, less that of one that only makes the document.

use std::fs;
use std::process::Command;
use std::time::Instant;

use jiff::Timestamp;
use saml::idp::IdpKey;
use saml::{EntityId, IdpMetadata, SigningCertificate};

const ENTITIES: usize = 5_000;
const ROUNDS: usize = 5;
// Made by one process and read by the others, so that the making does not count.
const DOCUMENT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/aggregate.xml");
const SIGNER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/signer.der");

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    match std::env::var("SAML_BENCH_CASE") {
        Ok(case) => child(&case),
        Err(_) => table(),
    }
}

fn table() -> Result<(), Failure> {
    let (xml, signer) = document()?;
    let bytes = xml.len();
    fs::write(DOCUMENT, xml)?;
    fs::write(SIGNER, signer.der())?;
    let base: u64 = run("document")?.1;
    println!("aggregate of {ENTITIES} entities, {} MB", mega(bytes as u64));
    println!("| way | time | memory beside the document | times its size |\n|---|---|---|---|");
    for case in ["stream", "signed"] {
        let (micros, peak) = run(case)?;
        let memory = peak.saturating_sub(base);
        let percent = memory * 100 / bytes as u64;
        println!("| {case} | {} ms | {} MB | {}.{:02} |", micros / 1000, mega(memory), percent / 100, percent % 100);
    }
    Ok(())
}

fn mega(bytes: u64) -> String {
    format!("{}.{}", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20)
}

/// Runs one case in a process of its own; gives microseconds and the peak of its memory in bytes.
fn run(case: &str) -> Result<(u64, u64), Failure> {
    let output = Command::new(std::env::current_exe()?).env("SAML_BENCH_CASE", case).output()?;
    let text = String::from_utf8(output.stdout)?;
    let (micros, peak) = text.trim().split_once(' ').ok_or_else(|| format!("{case}: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok((micros.parse()?, peak.parse()?))
}

fn child(case: &str) -> Result<(), Failure> {
    let xml = fs::read(DOCUMENT)?;
    let signer = SigningCertificate::from_der(&fs::read(SIGNER)?)?.ok_or("the key is not accepted")?;
    let want = EntityId::parse(&format!("https://idp{}.test", ENTITIES - 1)).map_err(|error| error.to_string())?;
    let now: Timestamp = "2026-11-20T09:00:00Z".parse()?;
    let find = || match case {
        "stream" => IdpMetadata::parse(&xml, Some(&want), now).map(|_| ()),
        "signed" => IdpMetadata::parse_signed(&xml, Some(&want), std::slice::from_ref(&signer), now).map(|_| ()),
        _ => Ok(()),
    };
    find()?;
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    let mut best = u128::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        find()?;
        best = best.min(begun.elapsed().as_micros());
    }
    println!("{best} {}", peak * 1024);
    Ok(())
}

/// A signed aggregate, and whose signature it is.
fn document() -> Result<(String, SigningCertificate), Failure> {
    let (key, der) = key()?;
    let certificate = base64(&der);
    let members = (0..ENTITIES).map(|number| {
        format!(
            r#"<md:EntityDescriptor entityID="https://idp{number}.test"><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp{number}.test/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>"#
        )
    });
    let xml = saml::idp::aggregate_xml(&members.collect::<String>(), &key)?;
    let signer = SigningCertificate::from_der(&der)?.ok_or("the key is not accepted")?;
    Ok((xml, signer))
}

fn key() -> Result<(IdpKey, Vec<u8>), Failure> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/keys");
    let pkcs8: String = fs::read_to_string(format!("{folder}/idp.pkcs8.b64"))?.split_whitespace().collect();
    let pem = fs::read_to_string(format!("{folder}/idp.crt"))?;
    let certificate: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = decode(&certificate)?;
    Ok((IdpKey::from_pkcs8(&decode(&pkcs8)?, der.clone())?, der))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    use base64::Engine as _;
    Ok(base64::engine::general_purpose::STANDARD.decode(text)?)
}
