//! Messages on their way: our requests by Redirect and POST, and queries that arrive (attack kind 15).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use saml::idp::{parse_post_request, parse_redirect_request};
use saml::redirect::{Parameter, parse};
use saml::{AuthnRequest, EntityId, IdpMetadata, Limits, RequestError, ServiceProvider, SigningCertificate};
use url::Url;

use crate::setup::{certificate_der, key_der, read, sp_key};

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn sp() -> ServiceProvider {
    ServiceProvider {
        entity_id: EntityId::parse("https://gw.test/sp").unwrap(),
        acs_url: Url::parse("https://gw.test/acs?x=1&y=2").unwrap(),
        slo_url: None,
        keys: vec![sp_key("sp")],
    }
}

fn request(destination: &str) -> AuthnRequest {
    let mut request = AuthnRequest::new([0xab; 16], "2026-11-20T09:00:00Z".parse().unwrap(), Url::parse(destination).unwrap());
    request.force_authn = true;
    request.provider_name = Some("Example & \"Sons\"".to_owned());
    request.name_id_format = Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned());
    request.requested_authn_context = vec!["urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport".to_owned()];
    request
}

fn certificate(name: &str) -> SigningCertificate {
    SigningCertificate::from_der(&certificate_der(name)).unwrap().unwrap()
}

#[test]
fn a_request_arrives_as_it_was_sent() {
    let (own, other) = (certificate("sp"), certificate("idp"));
    for destination in ["https://idp.test/sso", "https://idp.test/sso?tenant=a%20b"] {
        let request = request(destination);
        let url = request.redirect_url(&sp(), "state 1+2", true).unwrap();
        let received = parse_redirect_request(url.query().unwrap(), Some(&own)).unwrap();
        assert_eq!(received.relay_state.as_deref(), Some("state 1+2"));
        let form = request.post_form(&sp(), "state 1+2", true).unwrap();
        assert_eq!(form.action.as_str(), destination);
        let posted = parse_post_request(&form.saml_request, Some("state 1+2"), Some(&own)).unwrap();
        assert_eq!(received, posted);
        assert_eq!((received.id.as_str(), received.issuer.as_str()), ("_abababababababababababababababab", "https://gw.test/sp"));
        assert_eq!(received.acs_url.unwrap().as_str(), "https://gw.test/acs?x=1&y=2");
        assert_eq!(received.destination.as_deref(), Some(destination));
        assert!(received.force_authn && !received.is_passive);
        assert_eq!(received.provider_name.as_deref(), Some("Example & \"Sons\""));
        assert!(parse_redirect_request(url.query().unwrap(), Some(&other)).is_err());
        assert!(parse_post_request(&form.saml_request, None, Some(&other)).is_err());
    }
}

/// By the library alone, over the octets of the query, and by the signer of the tests over its own canonical form: a fault that
/// our signing and our verifying share would show.
#[test]
fn signatures_of_requests_hold_for_somebody_else() {
    let request = request("https://idp.test/sso?tenant=a%20b");
    let url = request.redirect_url(&sp(), "state 1+2", true).unwrap();
    let query = url.query().unwrap().strip_prefix("tenant=a%20b&").unwrap();
    let (signed, signature) = query.split_once("&Signature=").unwrap();
    let names: Vec<&str> = signed.split('&').map(|parameter| parameter.split_once('=').unwrap().0).collect();
    assert_eq!(names, ["SAMLRequest", "RelayState", "SigAlg"], "the order of bindings 3.4.4.1");
    let signature: String = url::form_urlencoded::parse(format!("x={signature}").as_bytes()).next().unwrap().1.into_owned();
    let public = aws_lc_rs::signature::RsaKeyPair::from_pkcs8(&key_der("sp")).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&public).as_ref().to_vec();
    let verify = |message: &[u8], signature: &[u8]| {
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256, &public);
        key.verify(message, signature).is_ok()
    };
    let signature = STANDARD.decode(signature).unwrap();
    assert!(verify(signed.as_bytes(), &signature));
    assert!(!verify(signed.replace("RelayState=state", "RelayState=stale").as_bytes(), &signature));

    let form = request.post_form(&sp(), "", true).unwrap();
    let xml = String::from_utf8(STANDARD.decode(form.saml_request).unwrap()).unwrap();
    let ours = crate::setup::element_of(&xml, "ds:Signature");
    let unsigned = xml.replace(&ours, &format!("{{SIG:{}}}", request.id));
    let style = crate::signer::Style { key: crate::signer::Key::Rsa("sp"), ..crate::signer::Style::default() };
    let theirs = crate::signer::sign(&unsigned, &request.id, &style);
    for value in ["ds:DigestValue", "ds:SignatureValue"] {
        assert_eq!(crate::setup::element_of(&xml, value), crate::setup::element_of(&theirs, value));
    }
}

#[test]
fn an_unsigned_request_is_one() {
    let request = request("https://idp.test/sso");
    let url = request.redirect_url(&sp(), "", false).unwrap();
    assert!(!url.query().unwrap().contains("Signature") && !url.query().unwrap().contains("RelayState"));
    assert!(parse_redirect_request(url.query().unwrap(), None).is_ok());
    assert_eq!(parse_redirect_request(url.query().unwrap(), Some(&certificate("sp"))).unwrap_err().to_string(), "the query is not signed");
    let form = request.post_form(&sp(), "", false).unwrap();
    assert!(parse_post_request(&form.saml_request, None, Some(&certificate("sp"))).is_err());
}

/// SAML core 3.4.1.1: without `AllowCreate` an IdP makes no identifier for a person it has not seen with us. LemonLDAP::NG then refuses.
#[test]
fn a_request_lets_the_idp_make_an_identifier() {
    let persistent = Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned());
    let cases = [
        (persistent, r#"<samlp:NameIDPolicy Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" AllowCreate="true"/>"#),
        (None, r#"<samlp:NameIDPolicy AllowCreate="true"/>"#),
    ];
    for (name_id_format, expected) in cases {
        let request = AuthnRequest { name_id_format, ..request("https://idp.test/sso") };
        let form = request.post_form(&sp(), "", false).unwrap();
        let xml = String::from_utf8(STANDARD.decode(form.saml_request).unwrap()).unwrap();
        assert!(xml.contains(expected), "{xml}");
    }
}

#[test]
fn requests_that_cannot_be_sent_are_refused() {
    let request = request("https://idp.test/sso");
    let keyless = ServiceProvider { keys: Vec::new(), ..sp() };
    assert_eq!(request.redirect_url(&keyless, "", true), Err(RequestError::NoKey));
    assert_eq!(request.post_form(&keyless, "", true), Err(RequestError::NoKey));
    assert_eq!(request.redirect_url(&sp(), &"x".repeat(81), false), Err(RequestError::RelayStateTooLong));
    let odd = AuthnRequest { id: "a\" ID=\"b".to_owned(), ..request };
    assert_eq!(odd.redirect_url(&sp(), "", false), Err(RequestError::IdInvalid));
}

/// A logout response that SimpleSAMLphp signed, by Redirect.
fn genuine() -> String {
    Url::parse(read("captures/simplesamlphp/slo_response.url").trim()).unwrap().query().unwrap().to_owned()
}

fn lower_case_escapes(query: &str) -> String {
    let mut out = String::new();
    let mut parts = query.split('%');
    out.push_str(parts.next().unwrap());
    for part in parts {
        let (escape, rest) = part.split_at(2);
        out.extend(["%", &escape.to_lowercase(), rest]);
    }
    out
}

/// A change to a genuine query, and its code.
type Change = (&'static str, fn(&str) -> String, Result<&'static str, &'static str>);

const QUERIES: &[Change] = &[
    ("as it came", str::to_owned, Ok("slo-rs")),
    ("an unrelated parameter in front", |query| format!("x=1&{query}"), Ok("slo-rs")),
    ("parameters in another order", |query| query.split('&').rev().collect::<Vec<_>>().join("&"), Ok("slo-rs")),
    ("encoded again in lower case", lower_case_escapes, Err("saml.redirect_signature_invalid")),
    ("the relay state changed", |query| query.replace("slo-rs", "slo-rx"), Err("saml.redirect_signature_invalid")),
    ("the relay state taken away", |query| query.replace("&RelayState=slo-rs", ""), Err("saml.redirect_signature_invalid")),
    ("the relay state twice", |query| format!("{query}&RelayState=x"), Err("saml.redirect_duplicate_parameter")),
    ("the response twice", |query| format!("{query}&SAMLResponse=x"), Err("saml.redirect_duplicate_parameter")),
    (
        "the response twice, once under an escaped name",
        |query| format!("SAML%52esponse=x&{query}"),
        Err("saml.redirect_duplicate_parameter"),
    ),
    ("the algorithm twice", |query| format!("{query}&SigAlg=x"), Err("saml.redirect_duplicate_parameter")),
    ("the signature twice", |query| format!("{query}&Signature=x"), Err("saml.redirect_duplicate_parameter")),
    ("a request beside the response", |query| format!("{query}&SAMLRequest=x"), Err("saml.redirect_two_messages")),
    ("a request instead of the response", |query| query.replace("SAMLResponse", "SAMLRequest"), Err("saml.redirect_message_missing")),
    ("no signature", |query| query.split("&SigAlg").next().unwrap().to_owned(), Err("saml.redirect_not_signed")),
    ("SHA-1", |query| query.replace("xmldsig-more%23rsa-sha256", "xmldsig-more%23rsa-sha1"), Err("saml.redirect_algorithm")),
    ("HMAC", |query| query.replace("rsa-sha256", "hmac-sha256"), Err("saml.redirect_algorithm")),
    ("a broken escape", |query| query.replace("RelayState=slo", "RelayState=%zz"), Err("saml.redirect_signature_invalid")),
    ("a broken escape in the signature", |query| query.replace("&Signature=", "&Signature=%z"), Err("saml.redirect_encoding_invalid")),
    (
        "the relay state added after the signature",
        |query| format!("{}&RelayState=%2Fadmin", unsigned(query)),
        Err("saml.redirect_not_signed"),
    ),
    ("the relay state emptied", |query| query.replace("RelayState=slo-rs", "RelayState="), Err("saml.redirect_signature_invalid")),
    (
        "the relay state once more under an escaped name",
        |query| format!("{query}&Relay%53tate=x"),
        Err("saml.redirect_duplicate_parameter"),
    ),
    ("a request in front of the signed response", |query| format!("SAMLRequest=x&{query}"), Err("saml.redirect_two_messages")),
    ("a request under an escaped name", |query| format!("%53AMLRequest=x&{query}"), Err("saml.redirect_two_messages")),
    ("the response under another case", |query| query.replace("SAMLResponse", "samlresponse"), Err("saml.redirect_message_missing")),
    ("the response as a list", |query| query.replace("SAMLResponse=", "SAMLResponse[]="), Err("saml.redirect_message_missing")),
    ("another separator", |query| query.replace('&', ";"), Err("saml.redirect_not_signed")),
    ("a space written as a plus", |query| query.replace("%2B", "+"), Err("saml.redirect_encoding_invalid")),
    ("escaped once more", |query| query.replace('%', "%25"), Err("saml.redirect_algorithm")),
    ("an unreserved character escaped", |query| query.replace("=slo-rs", "=%73lo-rs"), Err("saml.redirect_signature_invalid")),
    (
        "an empty signature",
        |query| format!("{}&SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256&Signature=", unsigned(query)),
        Err("saml.redirect_signature_invalid"),
    ),
    ("a signature without an algorithm", |query| format!("{}&Signature=AAAA", unsigned(query)), Err("saml.redirect_not_signed")),
    ("an empty algorithm", |query| query.replace("SigAlg=http", "SigAlg=&x=http"), Err("saml.redirect_algorithm")),
    ("ECDSA with an RSA key", |query| query.replace("rsa-sha256", "ecdsa-sha256"), Err("saml.redirect_signature_invalid")),
    ("a longer digest", |query| query.replace("rsa-sha256", "rsa-sha512"), Err("saml.redirect_signature_invalid")),
    ("a broken escape in a name", |query| format!("{query}&%zz=x"), Err("saml.redirect_encoding_invalid")),
    ("a name that is not UTF-8", |query| format!("{query}&%ff=x"), Err("saml.redirect_encoding_invalid")),
    ("a NUL in a name", |query| query.replace("SAMLResponse=", "SAMLResponse%00="), Err("saml.redirect_message_missing")),
    ("nothing", |_| String::new(), Err("saml.redirect_message_missing")),
    ("a message that was changed", |query| query.replace("SAMLResponse=fZH", "SAMLResponse=fZA"), Err("saml.redirect_signature_invalid")),
];

/// The genuine query without what signs it.
fn unsigned(query: &str) -> &str {
    query.split("&RelayState").next().unwrap()
}

/// Unsigned queries whose message cannot be had, or only at a price: what follows `SAMLRequest=`, and the code.
fn bombs() -> Vec<(&'static str, String, &'static str)> {
    let encoded = |bytes: &[u8]| base64(bytes).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let stored = deflated(&vec![b'<'; 300_000], flate2::Compression::none());
    let twice = deflated(&deflated(&vec![b' '; 50_000_000], flate2::Compression::best()), flate2::Compression::best());
    let cut = deflated(&vec![b' '; 5_000_000], flate2::Compression::best());
    vec![
        ("fifty megabytes of spaces", encoded(&deflated(&vec![b' '; 50_000_000], flate2::Compression::best())), "saml.redirect_too_large"),
        (
            "a byte more than the limit",
            encoded(&deflated(&vec![b' '; 256 * 1024 + 1], flate2::Compression::best())),
            "saml.redirect_too_large",
        ),
        ("stored, not compressed", encoded(&stored), "saml.redirect_too_large"),
        ("a bomb cut off behind the limit", encoded(&cut[..cut.len() / 2]), "saml.redirect_too_large"),
        ("a stream cut off at once", encoded(&cut[..2]), "saml.redirect_encoding_invalid"),
        ("zlib instead of deflate", format!("eJ{}", encoded(&twice[..30])), "saml.redirect_encoding_invalid"),
        ("no deflate", "AAAA".to_owned(), "saml.redirect_encoding_invalid"),
        ("nothing", String::new(), "saml.redirect_encoding_invalid"),
        ("not base64", "%25".to_owned(), "saml.redirect_encoding_invalid"),
        ("not UTF-8", "%ff%fe".to_owned(), "saml.redirect_encoding_invalid"),
    ]
}

fn deflated(bytes: &[u8], level: flate2::Compression) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// How many attacks by a query there are.
pub(crate) fn refused() -> usize {
    QUERIES.iter().filter(|(_, _, expected)| expected.is_err()).count() + bombs().len()
}

#[test]
fn queries_are_judged_by_their_octets() {
    let idp = IdpMetadata::parse(read("captures/simplesamlphp/idp-metadata.xml").as_bytes(), None, "2026-11-20T09:00:00Z".parse().unwrap())
        .unwrap();
    let mut wrong = Vec::new();
    for (name, change, expected) in QUERIES {
        let query = change(&genuine());
        let result = parse(&query, Parameter::Response, Some(&idp.signing_keys), &Limits::default());
        let result = result.map(|message| message.relay_state.unwrap_or_default()).map_err(|error| error.code());
        if result.as_deref().map_err(|code| *code) != *expected {
            wrong.push(format!("{name}: {result:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_query_that_was_signed_in_lower_case_verifies() {
    // Active Directory and Entra escape in lower case and sign that.
    let request = request("https://idp.test/sso");
    let url = request.redirect_url(&sp(), "a/b", false).unwrap();
    let lower = lower_case_escapes(url.query().unwrap());
    let signed = format!("{lower}&SigAlg=http%3a%2f%2fwww.w3.org%2f2001%2f04%2fxmldsig-more%23rsa-sha256");
    let pair = aws_lc_rs::signature::RsaKeyPair::from_pkcs8(&crate::setup::key_der("sp")).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    let rng = aws_lc_rs::rand::SystemRandom::new();
    pair.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &rng, signed.as_bytes(), &mut signature).unwrap();
    let signature = base64(&signature).replace('+', "%2b").replace('/', "%2f").replace('=', "%3d");
    assert!(parse_redirect_request(&format!("{signed}&Signature={signature}"), Some(&certificate("sp"))).is_ok());
}

#[test]
fn a_deflate_bomb_stops_at_the_limit() {
    for (name, message, code) in bombs() {
        let result = parse(&format!("SAMLRequest={message}"), Parameter::Request, None, &Limits::default());
        assert_eq!(result.map_err(|error| error.code()), Err(code), "{name}");
    }
}
