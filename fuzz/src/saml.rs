//! The SAML targets: the response, the metadata, the query of the Redirect binding.

use std::io::Write;
use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use saml::idp::{Answer, Encryption, Signing, parse_post_request, parse_redirect_request};
use saml::redirect::{Parameter, RedirectMessage, parse};
use saml::{EntityId, Expected, IdpMetadata, Limits, ResponseError, SigningCertificate, VerifiedAssertion, inspect, verify_response};
use url::Url;

use crate::setup::{CASES, FRESH, FRESH_XML, certificate_der, read, sp_key};
use crate::signer::sign;

/// The first byte of an input that the harness signs as the identity provider would, where the places for it are.
pub const SIGNED: u8 = b'S';
/// The first byte of an input that becomes the plaintext of an encrypted assertion in an unsigned response.
pub const ENCRYPTED: u8 = b'E';
/// The first byte of an input that becomes the plaintext of an encrypted assertion in a signed response.
pub const COVERED: u8 = b'C';

/// A response: as it is, in the place of one of the captures; or signed or encrypted by the harness. Gives whether it was accepted.
pub fn response(data: &[u8]) -> bool {
    let Some((&first, xml)) = data.split_first() else { return false };
    let assertion = match first {
        SIGNED => signed(xml),
        ENCRYPTED => encrypted(xml),
        COVERED => covered(xml),
        other => {
            let case = &CASES[usize::from(other) % CASES.len()];
            let assertion = verify(xml, &case.expected());
            if let Some(assertion) = assertion {
                let genuine = case.genuine.as_ref().expect("a capture that must be refused was accepted");
                assert_eq!(&assertion, genuine, "accepted, and says something that nobody signed");
                return true;
            }
            return false;
        }
    };
    assertion.inspect(check).is_some()
}

/// Both ways to look at a response must come to the same verdict. What is no XML ends both at the same gate, in the same
/// code: there, one in eight is enough.
fn verify(xml: &[u8], expected: &Expected<'_>) -> Option<VerifiedAssertion> {
    let text = STANDARD.encode(xml);
    let result = verify_response(text.as_bytes(), expected);
    if !matches!(result, Err(ResponseError::Xml(_) | ResponseError::Base64)) || xml.len().is_multiple_of(8) {
        let inspection = inspect(text.as_bytes(), expected);
        assert_eq!(inspection.code, result.as_ref().err().map(ResponseError::code), "inspection and verification differ");
    }
    result.ok()
}

/// Whether only the signature is missing: the parser of the harness sees nothing else.
fn is_unsigned(xml: &str) -> bool {
    matches!(verify_response(STANDARD.encode(xml).as_bytes(), &FRESH.expected()), Err(ResponseError::NotSigned))
}

/// What a faulty identity provider might sign: the assertion, the response, or first the one and then the other.
fn signed(xml: &[u8]) -> Option<VerifiedAssertion> {
    let text = std::str::from_utf8(xml).ok()?;
    if !is_unsigned(&text.replace("{SIG:_a}", "").replace("{SIG:_r}", "")) {
        return None;
    }
    let with_assertion = sign(text, "_a");
    let text = with_assertion.as_deref().unwrap_or(text);
    let with_response = sign(text, "_r");
    verify(with_response.or(with_assertion)?.as_bytes(), &FRESH.expected())
}

/// Whatever was in the ciphertext of an unsigned response: it is accepted only where the harness signed the assertion.
fn encrypted(plaintext: &[u8]) -> Option<VerifiedAssertion> {
    let signed = std::str::from_utf8(plaintext).ok().filter(|text| text.contains("{SIG:_a}")).and_then(|text| {
        let (before, after) = &*PLAIN;
        is_unsigned(&[before, &*text.replace("{SIG:_a}", ""), after].concat()).then(|| sign(text, "_a")).flatten()
    });
    let xml = sealed(signed.as_ref().map_or(plaintext, |text| text.as_bytes())).replace("{SIG:_r}", "");
    let assertion = verify(xml.as_bytes(), &FRESH.expected())?;
    assert!(signed.is_some(), "an assertion that nobody signed was accepted");
    Some(assertion)
}

/// Whatever was in the ciphertext of a response that is signed.
fn covered(plaintext: &[u8]) -> Option<VerifiedAssertion> {
    let xml = sign(&sealed(plaintext), "_r").expect("the envelope can be signed");
    verify(xml.as_bytes(), &FRESH.expected())
}

/// A response with that plaintext in an encrypted assertion.
fn sealed(plaintext: &[u8]) -> String {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[9; 32]).unwrap());
    let mut sealed = plaintext.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([4; 12]), Aad::empty(), &mut sealed).unwrap();
    let (before, after) = &*ENVELOPE;
    [before, &*STANDARD.encode([[4; 12].as_slice(), &sealed].concat()), after].concat()
}

/// What was signed by the harness must answer the request of [`FRESH`].
fn check(assertion: &VerifiedAssertion) {
    assert_eq!(assertion.issuer, FRESH.idp.entity_id);
    assert_eq!(assertion.in_response_to.as_deref(), Some(FRESH.request_id.as_str()));
    assert!(!assertion.name_id.value.trim().is_empty() && !assertion.assertion_id.is_empty());
    assert!(assertion.replay_until > FRESH.now);
}

/// A response up to the assertion and after it.
static PLAIN: LazyLock<(String, String)> = LazyLock::new(|| {
    let (before, rest) = FRESH_XML.split_once("<saml:Assertion ").unwrap();
    let (_, after) = rest.split_once("</saml:Assertion>").unwrap();
    (before.replace("{SIG:_r}", ""), after.to_owned())
});

/// A response with an encrypted assertion and the place of a signature, up to the ciphertext and after it.
static ENVELOPE: LazyLock<(String, String)> = LazyLock::new(|| {
    let certificate = certificate_der("sp");
    let answer = Answer {
        issuer: &FRESH.idp.entity_id,
        audience: &FRESH.sp.entity_id,
        acs_url: &FRESH.sp.acs_url,
        in_response_to: Some(&FRESH.request_id),
        name_id: "alice",
        name_id_format: "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        attributes: &[],
        now: FRESH.now,
        lifetime: std::time::Duration::from_secs(300),
        authn_context: "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
        session_index: "_session",
        random: [7; 32],
        signing: Signing::Nothing,
        encryption: Some(Encryption { certificate_der: &certificate, key: [9; 32], nonce: [3; 12] }),
    };
    let xml = answer.to_xml(&sp_key("idp")).unwrap();
    let (_, id) = xml.split_once(" ID=\"").unwrap();
    let xml = xml.replace(id.split_once('"').unwrap().0, "_r").replacen("</saml:Issuer>", "</saml:Issuer>{SIG:_r}", 1);
    let (before, rest) = xml.rsplit_once("<xenc:CipherValue>").unwrap();
    let (_, after) = rest.split_once("</xenc:CipherValue>").unwrap();
    (format!("{before}<xenc:CipherValue>"), format!("</xenc:CipherValue>{after}"))
});

/// The same with the genuine assertion in it, for the seeds.
pub fn encrypted_seed() -> String {
    sealed(plain_assertion().as_bytes())
}

/// The assertion of the fresh response as a document of its own, without the place of a signature.
pub fn plain_assertion() -> String {
    signable_assertion().replace("{SIG:_a}", "")
}

/// The same with the place of a signature.
pub fn signable_assertion() -> String {
    let assertion = FRESH_XML.split_once("<saml:Assertion ").unwrap().1.split_once("</samlp:Response>").unwrap().0;
    format!(r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" {assertion}"#)
}

/// Metadata: one entity or an aggregate; `W` asks for an entity by name.
pub fn metadata(data: &[u8]) {
    let Some((&first, xml)) = data.split_first() else { return };
    let want = (first == b'W').then(|| EntityId::parse("https://idp.test/wanted").unwrap());
    let now = FRESH.now;
    let Ok(idp) = IdpMetadata::parse(xml, want.as_ref(), now) else { return };
    assert!(want.is_none_or(|want| want == idp.entity_id), "another entity than asked for");
    assert!(!idp.signing_keys.is_empty(), "metadata without a key verifies nothing");
    assert!(!idp.sso.is_empty() && !idp.has_expired(now));
    let addresses = idp.sso.iter().chain(&idp.slo).flat_map(|endpoint| [Some(&endpoint.location), endpoint.response_location.as_ref()]);
    assert!(addresses.flatten().all(|url| matches!(url.scheme(), "https" | "http") && url.has_host()));
}

/// The logout response that SimpleSAMLphp signed, its query and what it says.
static GENUINE: LazyLock<(String, RedirectMessage)> = LazyLock::new(|| {
    let query = Url::parse(read("captures/simplesamlphp/slo_response.url").trim()).unwrap().query().unwrap().to_owned();
    let message = parse(&query, Parameter::Response, Some(&IDP.signing_keys), &Limits::default()).unwrap();
    (query, message)
});

static IDP: LazyLock<IdpMetadata> =
    LazyLock::new(|| IdpMetadata::parse(read("captures/simplesamlphp/idp-metadata.xml").as_bytes(), None, FRESH.now).unwrap());

static SP_CERTIFICATE: LazyLock<SigningCertificate> =
    LazyLock::new(|| SigningCertificate::from_der(&certificate_der("sp")).unwrap().unwrap());

/// The query that the seeds begin with.
pub fn genuine_query() -> &'static str {
    &GENUINE.0
}

/// A query: `K` with the identity provider's keys, `N` without, `P` an authentication request of ours; `D` is a raw deflate stream, `F` a form field.
pub fn redirect(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let limits = Limits::default();
    if first == b'D' {
        let query = format!("SAMLRequest={}", STANDARD.encode(rest).replace('+', "%2B"));
        bounded(parse(&query, Parameter::Request, None, &limits).ok());
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match first {
        b'K' => {
            if let Ok(message) = parse(text, Parameter::Response, Some(&IDP.signing_keys), &limits) {
                assert_eq!(message, GENUINE.1, "accepted, and says something that nobody signed");
            }
        }
        b'P' => {
            let _ = parse_redirect_request(text, Some(&SP_CERTIFICATE));
            let _ = parse_redirect_request(text, None);
        }
        b'F' => {
            let _ = parse_post_request(&STANDARD.encode(text), None, Some(&SP_CERTIFICATE));
            let _ = parse_post_request(text, Some("state"), None);
        }
        _ => {
            bounded(parse(text, Parameter::Response, None, &limits).ok());
            bounded(parse(text, Parameter::Request, None, &limits).ok());
        }
    }
}

fn bounded(message: Option<RedirectMessage>) {
    assert!(message.is_none_or(|message| message.xml.len() <= Limits::default().max_bytes), "inflated beyond the limit");
}

/// A raw deflate stream, for the seeds.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
