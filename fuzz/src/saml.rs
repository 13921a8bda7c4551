//! The SAML targets: the response, the metadata, the query of the Redirect binding.

use std::io::Write;
use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use saml::idp::{Answer, Encryption, Signing, parse_post_request, parse_redirect_request};
use saml::redirect::{Parameter, RedirectMessage, parse};
use saml::{EntityId, Expected, IdpMetadata, Limits, SigningCertificate, VerifiedAssertion, inspect, verify_response};
use url::Url;

use crate::setup::{CASES, Case, FRESH, certificate_der, read, sp_key};
use crate::signer::{Style, try_sign};

/// The first byte of an input that the harness signs as the identity provider would.
pub const SIGNED: u8 = b'S';
/// The first byte of an input that becomes the plaintext of an encrypted assertion in an unsigned response.
pub const ENCRYPTED: u8 = b'E';

/// A response: as it is, in the place of one of the captures; or signed or encrypted by the harness.
pub fn response(data: &[u8]) {
    let Some((&first, xml)) = data.split_first() else { return };
    match first {
        SIGNED => signed(xml),
        ENCRYPTED => encrypted(xml),
        other => {
            let case = &CASES[usize::from(other) % CASES.len()];
            if let Some(assertion) = verify(xml, &case.expected()) {
                let genuine = case.genuine.as_ref().expect("a capture that must be refused was accepted");
                assert_eq!(&assertion, genuine, "accepted, and says something that nobody signed");
            }
        }
    }
}

/// Both ways to look at a response must come to the same verdict.
fn verify(xml: &[u8], expected: &Expected<'_>) -> Option<VerifiedAssertion> {
    let text = STANDARD.encode(xml);
    let result = verify_response(text.as_bytes(), expected);
    let inspection = inspect(text.as_bytes(), expected);
    assert_eq!(inspection.code, result.as_ref().err().map(saml::ResponseError::code), "inspection and verification differ");
    result.ok()
}

/// What a faulty identity provider might sign. The parser of the harness sees only what the product's checks let through.
fn signed(xml: &[u8]) {
    let Ok(text) = std::str::from_utf8(xml) else { return };
    let plain = text.replace("{SIG:_a}", "").replace("{SIG:_r}", "");
    let expected = FRESH.expected();
    let refused = verify_response(STANDARD.encode(&plain).as_bytes(), &expected).map_err(|error| error.code());
    if refused != Err("saml.not_signed") {
        return;
    }
    let style = Style::default();
    let text = try_sign(&text.replace("{SIG:_r}", ""), "_a", &style).or_else(|| try_sign(&text.replace("{SIG:_a}", ""), "_r", &style));
    if let Some(assertion) = text.and_then(|text| verify(text.as_bytes(), &expected)) {
        check(&assertion, &FRESH);
    }
}

/// Whatever was in the ciphertext: nobody signed it, so only a signed assertion of a capture could be accepted, and none is for us.
fn encrypted(plaintext: &[u8]) {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[9; 32]).unwrap());
    let mut sealed = plaintext.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([4; 12]), Aad::empty(), &mut sealed).unwrap();
    let (before, after) = &*ENVELOPE;
    let xml = format!("{before}{}{after}", STANDARD.encode([[4; 12].as_slice(), &sealed].concat()));
    assert!(verify(xml.as_bytes(), &FRESH.expected()).is_none(), "an assertion that nobody signed was accepted");
}

fn check(assertion: &VerifiedAssertion, case: &Case) {
    assert_eq!(assertion.issuer, case.idp.entity_id);
    assert_eq!(assertion.in_response_to.as_deref(), Some(case.request_id.as_str()));
    assert!(!assertion.name_id.value.trim().is_empty() && !assertion.assertion_id.is_empty());
    assert!(assertion.replay_until > case.now);
}

/// An unsigned response with an encrypted assertion, up to the ciphertext and after it.
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
        session_index: "_session",
        random: [7; 32],
        signing: Signing::Nothing,
        encryption: Some(Encryption { certificate_der: &certificate, key: [9; 32], nonce: [3; 12] }),
    };
    let xml = answer.to_xml(&sp_key("idp")).unwrap();
    let (before, rest) = xml.rsplit_once("<xenc:CipherValue>").unwrap();
    let (_, after) = rest.split_once("</xenc:CipherValue>").unwrap();
    (format!("{before}<xenc:CipherValue>"), format!("</xenc:CipherValue>{after}"))
});

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
