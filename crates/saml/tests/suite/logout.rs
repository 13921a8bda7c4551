//! Single logout: messages that go and come, and a table of attacks on those that come.

use std::io::Write as _;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use saml::logout::{
    Delivery, Expected, Kind, LogoutStatus, Outgoing, REASON_USER, Request, Response, Sender, VerifiedRequest, verify_request,
    verify_response,
};
use saml::{Binding, EntityId, IdpMetadata, NameId, RequestError, ServiceProvider};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::setup::{Setup, key_der, read, sp_key};
use crate::signer::{Key, RSA_SHA256, Style, sign};

const IDP: &str = "http://127.0.0.1:7001/idp";
const SLO: &str = "https://gw.test/slo";

const REQUEST: &str = r#"<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_l" Version="2.0" IssueInstant="2026-11-20T09:00:00Z" Destination="https://gw.test/slo" NotOnOrAfter="2026-11-20T09:05:00Z" Reason="urn:oasis:names:tc:SAML:2.0:logout:user"><saml:Issuer>http://127.0.0.1:7001/idp</saml:Issuer>{SIG:_l}<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">alice</saml:NameID><samlp:SessionIndex>_s1</samlp:SessionIndex><samlp:SessionIndex>_s2</samlp:SessionIndex></samlp:LogoutRequest>"#;
const RESPONSE: &str = r#"<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_l" Version="2.0" IssueInstant="2026-11-20T09:00:00Z" Destination="https://gw.test/slo" InResponseTo="_request"><saml:Issuer>http://127.0.0.1:7001/idp</saml:Issuer>{SIG:_l}<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status></samlp:LogoutResponse>"#;

struct Judge {
    idp: IdpMetadata,
    sp: ServiceProvider,
    slo: Url,
    now: &'static str,
}

impl Judge {
    fn new() -> Judge {
        let setup = Setup::fresh();
        let slo: Url = SLO.parse().unwrap();
        Judge {
            idp: IdpMetadata::parse(setup.metadata.as_bytes(), None, setup.now).unwrap(),
            sp: ServiceProvider {
                entity_id: EntityId::parse(&setup.sp).unwrap(),
                acs_url: setup.acs.parse().unwrap(),
                slo_url: Some(slo.clone()),
                keys: vec![sp_key("sp")],
            },
            slo,
            now: "2026-11-20T09:00:10Z",
        }
    }

    fn expected(&self) -> Expected<'_> {
        Expected::of_idp(&self.idp, &self.sp, &self.slo, self.now.parse().unwrap())
    }

    fn request(&self, delivery: &Delivery<'_>) -> Result<VerifiedRequest, &'static str> {
        verify_request(delivery, &self.expected()).map_err(|error| error.code())
    }

    fn posted(&self, xml: &str) -> Result<VerifiedRequest, &'static str> {
        let field = STANDARD.encode(xml);
        self.request(&Delivery::Post { request: Some(&field), response: None, relay_state: None })
    }

    fn answered(&self, xml: &str) -> Result<LogoutStatus, &'static str> {
        let field = STANDARD.encode(xml);
        let delivery = Delivery::Post { request: None, response: Some(&field), relay_state: None };
        verify_response(&delivery, &self.expected(), "_request").map(|answer| answer.status).map_err(|error| error.code())
    }
}

fn signed(xml: &str) -> String {
    sign(xml, "_l", &Style::default())
}

fn deflated(xml: &str) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(xml.as_bytes()).unwrap();
    escaped(&STANDARD.encode(encoder.finish().unwrap()))
}

fn escaped(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// A query that the key of that name signed.
fn query_of(parameter: &str, xml: &str, relay_state: &str, key: &str) -> String {
    let query = format!("{parameter}={}&RelayState={relay_state}&SigAlg={}", deflated(&xml.replace("{SIG:_l}", "")), escaped(RSA_SHA256));
    let pair = RsaKeyPair::from_pkcs8(&key_der(key)).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), query.as_bytes(), &mut signature).unwrap();
    format!("{query}&Signature={}", escaped(&STANDARD.encode(signature)))
}

#[test]
fn a_good_request_by_both_bindings() {
    let judge = Judge::new();
    let posted = judge.posted(&signed(REQUEST)).unwrap();
    let query = query_of("SAMLRequest", REQUEST, "r%201", "idp");
    let redirected = judge.request(&Delivery::Redirect(&query)).unwrap();
    assert_eq!(redirected.relay_state.as_deref(), Some("r 1"));
    for request in [posted, redirected] {
        assert_eq!((request.id.as_str(), request.name_id.value.as_str()), ("_l", "alice"));
        assert_eq!(request.name_id.format.as_deref(), Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"));
        assert_eq!(request.session_indexes, ["_s1", "_s2"]);
        assert_eq!(request.replay_until.to_string(), "2026-11-20T09:06:00Z");
    }
    // Without an end of its own a request is good for five minutes; without an index it is for all sessions.
    let short = REQUEST.replace(r#" NotOnOrAfter="2026-11-20T09:05:00Z""#, "").replace("<samlp:SessionIndex>_s1</samlp:SessionIndex>", "");
    let short = short.replace("<samlp:SessionIndex>_s2</samlp:SessionIndex>", "");
    let request = judge.posted(&signed(&short)).unwrap();
    assert_eq!((request.session_indexes.len(), request.replay_until.to_string().as_str()), (0, "2026-11-20T09:06:00Z"));
}

/// A change to the request before the identity provider signs it: what a faulty one sends, or one for somebody else.
const SIGNED: &[(&str, &str, &str, &str)] = &[
    ("another message", "LogoutRequest", "AuthnRequest", "saml.logout_wrong_message"),
    ("a response in the place of a request", "LogoutRequest", "LogoutResponse", "saml.logout_wrong_message"),
    ("another version", r#"Version="2.0""#, r#"Version="1.1""#, "saml.version_unsupported"),
    ("another issuer", "/idp</saml:Issuer>", "/other</saml:Issuer>", "saml.issuer_mismatch"),
    ("no issuer", "<saml:Issuer>http://127.0.0.1:7001/idp</saml:Issuer>", "", "saml.issuer_missing"),
    ("an issuer that is no entity", "<saml:Issuer>", r#"<saml:Issuer Format="urn:x:email">"#, "saml.issuer_mismatch"),
    ("a comment in the issuer", "7001/idp</saml:Issuer>", "7001/idp<!-- -->x</saml:Issuer>", "saml.comment_forbidden"),
    ("another destination", "https://gw.test/slo", "https://gw.test/acs", "saml.logout_destination_mismatch"),
    ("no destination", r#" Destination="https://gw.test/slo""#, "", "saml.logout_destination_missing"),
    ("an empty destination", "https://gw.test/slo", "", "saml.logout_destination_mismatch"),
    ("ended", r#"NotOnOrAfter="2026-11-20T09:05:00Z""#, r#"NotOnOrAfter="2026-11-20T08:59:10Z""#, "saml.logout_expired"),
    ("an end that is none", "2026-11-20T09:05:00Z", "tomorrow", "saml.instant_invalid"),
    ("issued in the future", "2026-11-20T09:00:00Z", "2026-11-20T09:01:11Z", "saml.issued_in_future"),
    ("no instant", r#" IssueInstant="2026-11-20T09:00:00Z""#, "", "saml.instant_invalid"),
    (
        "nobody named",
        r#"<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">alice</saml:NameID>"#,
        "",
        "saml.logout_name_id_missing",
    ),
    ("an empty name", ">alice<", "><", "saml.name_id_invalid"),
    ("a comment in the name", ">alice<", ">admin<!-- -->alice<", "saml.comment_forbidden"),
    ("an element in the name", ">alice<", "><b>admin</b>alice<", "saml.unexpected_content"),
    ("two names", "<samlp:SessionIndex>_s1", "<saml:NameID>bob</saml:NameID><samlp:SessionIndex>_s1", "saml.logout_several_names"),
    ("a plain and an encrypted name", "<samlp:SessionIndex>_s1", "<saml:EncryptedID/><samlp:SessionIndex>_s1", "saml.logout_several_names"),
    (
        "an encrypted name that is empty",
        r#"<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">alice</saml:NameID>"#,
        "<saml:EncryptedID/>",
        "saml.encryption_malformed",
    ),
    (
        "a base identifier",
        r#"<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">alice</saml:NameID>"#,
        "<saml:BaseID/>",
        "saml.logout_name_id_missing",
    ),
    (
        "a name in the extensions",
        "{SIG:_l}",
        "{SIG:_l}<samlp:Extensions><saml:NameID>bob</saml:NameID></samlp:Extensions>",
        "saml.misplaced_assertion",
    ),
    ("an index before the name", "{SIG:_l}", "{SIG:_l}<samlp:SessionIndex>_s</samlp:SessionIndex>", "saml.unexpected_element"),
    (
        "an index of another namespace",
        "<samlp:SessionIndex>_s1</samlp:SessionIndex>",
        "<saml:SessionIndex>_s1</saml:SessionIndex>",
        "saml.unexpected_element",
    ),
    ("an element in an index", ">_s1<", "><x/>_s1<", "saml.unexpected_content"),
    ("text between the elements", "<samlp:SessionIndex>_s1", "x<samlp:SessionIndex>_s1", "saml.unexpected_content"),
    ("an unknown element at the end", "</samlp:LogoutRequest>", "<samlp:Status/></samlp:LogoutRequest>", "saml.unexpected_element"),
    ("two issuers", "{SIG:_l}", "{SIG:_l}<saml:Issuer>http://127.0.0.1:7001/idp</saml:Issuer>", "saml.unexpected_element"),
    ("an assertion inside", "{SIG:_l}", "{SIG:_l}<samlp:Extensions><saml:Assertion/></samlp:Extensions>", "saml.misplaced_assertion"),
    ("a document type", "<samlp:LogoutRequest", "<!DOCTYPE x><samlp:LogoutRequest", "saml.dtd_forbidden"),
];

#[test]
fn signed_requests_that_are_refused() {
    let judge = Judge::new();
    for (name, from, to, code) in SIGNED {
        assert!(REQUEST.contains(from), "{name}");
        let edited = REQUEST.replace(from, to);
        // What the signer's parser cannot read, and a comment, is put in afterwards: it is refused before any signature.
        let xml = if to.contains("<!") { signed(REQUEST).replacen(from, to, 1) } else { signed(&edited) };
        assert_eq!(judge.posted(&xml).map(|request| request.id), Err(*code), "{name} by POST");
        let query = query_of("SAMLRequest", &edited, "r", "idp");
        assert_eq!(judge.request(&Delivery::Redirect(&query)).map(|request| request.id), Err(*code), "{name} by Redirect");
    }
}

/// Two DOM positions for one genuine signature (XSW), keys of others, and everything else about signatures.
#[test]
fn signatures() {
    let judge = Judge::new();
    let genuine = signed(REQUEST);
    let signature = {
        let start = genuine.find("<ds:Signature").unwrap();
        let end = genuine.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
        genuine.get(start..end).unwrap().to_owned()
    };
    let evil = REQUEST.replace("{SIG:_l}", "").replace("_l\"", "_evil\"").replace(">alice<", ">admin<");
    let style = |key: &'static str| Style { key: Key::Rsa(key), ..Style::default() };
    let inside = |place: &str, what: &str| evil.replacen(place, &format!("{what}{place}"), 1);
    let extensions = |what: &str| format!("<samlp:Extensions>{what}</samlp:Extensions>");
    let cases = [
        ("not signed", REQUEST.replace("{SIG:_l}", ""), "saml.logout_not_signed"),
        ("another key", sign(REQUEST, "_l", &style("sp")), "saml.signature_invalid"),
        ("the name changed", genuine.replace(">alice<", ">admin<"), "saml.digest_mismatch"),
        ("the index changed", genuine.replace("_s1", "_s9"), "saml.digest_mismatch"),
        ("the destination changed", genuine.replace("gw.test/slo", "gw.test/sl0"), "saml.digest_mismatch"),
        ("the signature of something else", inside("<saml:NameID", &signature), "saml.signature_reference"),
        ("the genuine request in the extensions", inside("<saml:NameID", &extensions(&genuine)), "saml.misplaced_assertion"),
        (
            "the genuine request around it",
            genuine.replacen("<saml:NameID", &format!("{}<saml:NameID", extensions(&evil)), 1),
            "saml.misplaced_assertion",
        ),
        ("the signature in the extensions", inside("<saml:NameID", &extensions(&signature)), "saml.misplaced_signature"),
        ("two signatures", genuine.replacen(&signature, &[signature.as_str(), &signature].concat(), 1), "saml.several_signatures"),
        (
            "the signature at the end",
            genuine.replacen(&signature, "", 1).replacen("</samlp:LogoutRequest>", &format!("{signature}</samlp:LogoutRequest>"), 1),
            "saml.unexpected_element",
        ),
        (
            "an empty signature",
            genuine.replacen(&signature, r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>"#, 1),
            "saml.signature_malformed",
        ),
        (
            "HMAC with the certificate as its key",
            sign(
                REQUEST,
                "_l",
                &Style { key: Key::Hmac(b"x".to_vec()), method: "http://www.w3.org/2000/09/xmldsig#hmac-sha1", ..Style::default() },
            ),
            "saml.signature_algorithm",
        ),
    ];
    for (name, xml, code) in cases {
        assert_eq!(judge.posted(&xml).map(|request| request.name_id.value), Err(code), "{name}");
    }
    // An enveloped signature by Redirect is one more thing that must hold.
    let query = query_of("SAMLRequest", &genuine.replace(">alice<", ">admin<"), "r", "idp");
    assert_eq!(judge.request(&Delivery::Redirect(&query)).map(drop), Err("saml.digest_mismatch"));
    let query = query_of("SAMLRequest", &genuine, "r", "idp");
    assert_eq!(judge.request(&Delivery::Redirect(&query)).map(drop), Ok(()));
}

/// What can be done with a query.
#[test]
fn queries() {
    let judge = Judge::new();
    let good = query_of("SAMLRequest", REQUEST, "r", "idp");
    let unsigned = format!("SAMLRequest={}&RelayState=r", deflated(&REQUEST.replace("{SIG:_l}", "")));
    let other = deflated(&REQUEST.replace("{SIG:_l}", "").replace(">alice<", ">admin<"));
    let swapped: Vec<String> = good
        .split('&')
        .map(|part| if part.starts_with("SAMLRequest=") { format!("SAMLRequest={other}") } else { part.to_owned() })
        .collect();
    let posted_signature = format!("SAMLRequest={}", deflated(&signed(REQUEST)));
    let cases = [
        ("not signed", unsigned, "saml.redirect_not_signed"),
        ("signed inside only", posted_signature, "saml.redirect_not_signed"),
        ("the key of somebody else", query_of("SAMLRequest", REQUEST, "r", "sp"), "saml.redirect_signature_invalid"),
        ("the message of another", swapped.join("&"), "saml.redirect_signature_invalid"),
        ("the relay state changed", good.replace("RelayState=r", "RelayState=x"), "saml.redirect_signature_invalid"),
        ("the relay state taken away", good.replace("&RelayState=r", ""), "saml.redirect_signature_invalid"),
        ("the request twice", format!("{good}&SAMLRequest={other}"), "saml.redirect_duplicate_parameter"),
        ("the request twice, once under an escaped name", format!("{good}&SAML%52equest={other}"), "saml.redirect_duplicate_parameter"),
        ("the signature twice", format!("{good}&Signature=AAAA"), "saml.redirect_duplicate_parameter"),
        ("a response beside it", format!("{good}&SAMLResponse={other}"), "saml.redirect_two_messages"),
        ("SHA-1", good.replace("rsa-sha256", "rsa-sha1"), "saml.redirect_algorithm"),
        ("no algorithm", good.replace("&SigAlg=", "&Sigalg="), "saml.redirect_not_signed"),
        ("a response by the name of a request", query_of("SAMLRequest", RESPONSE, "r", "idp"), "saml.logout_wrong_message"),
        ("nothing", String::new(), "saml.redirect_message_missing"),
    ];
    for (name, query, code) in cases {
        assert_eq!(judge.request(&Delivery::Redirect(&query)).map(drop), Err(code), "{name}");
    }
    assert!(judge.request(&Delivery::Redirect(&good)).is_ok());
    assert_eq!(Delivery::Redirect(&good).kind(), Ok(Kind::Request));
    assert_eq!(Delivery::Redirect(&good).relay_state().unwrap().as_deref(), Some("r"));
}

#[test]
fn forms() {
    let judge = Judge::new();
    let field = STANDARD.encode(signed(REQUEST));
    let large = "A".repeat(600_000);
    let post = |request, response| Delivery::Post { request, response, relay_state: None };
    let cases = [
        (post(None, None), "saml.logout_message_missing"),
        (post(Some(&*field), Some(&*field)), "saml.logout_two_messages"),
        (post(None, Some(&*field)), "saml.logout_message_missing"),
        (post(Some("%%%"), None), "saml.base64_invalid"),
        (post(Some(""), None), "saml.xml_malformed"),
        (post(Some(&*large), None), "saml.too_large"),
    ];
    for (delivery, code) in cases {
        assert_eq!(judge.request(&delivery).map(drop), Err(code));
    }
}

#[test]
fn time_and_metadata() {
    let xml = signed(REQUEST);
    for (now, code) in [
        ("2026-11-20T09:05:59Z", None),
        ("2026-11-20T09:06:00Z", Some("saml.logout_expired")),
        ("2026-11-20T08:58:59Z", Some("saml.issued_in_future")),
    ] {
        let judge = Judge { now, ..Judge::new() };
        assert_eq!(judge.posted(&xml).err(), code, "{now}");
    }
    let mut judge = Judge::new();
    judge.idp.valid_until = Some("2026-11-20T09:00:10Z".parse().unwrap());
    assert_eq!(judge.posted(&xml).err(), Some("saml.metadata_expired"));
    judge.idp.valid_until = None;
    judge.idp.signing_keys.clear();
    assert_eq!(judge.posted(&xml).err(), Some("saml.metadata_no_signing_key"));
}

#[test]
fn answers() {
    let judge = Judge::new();
    let success = r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>"#;
    let code = |outer: &str, inner: &str| {
        let uri = "urn:oasis:names:tc:SAML:2.0:status";
        format!(r#"<samlp:StatusCode Value="{uri}:{outer}"><samlp:StatusCode Value="{uri}:{inner}"/></samlp:StatusCode>"#)
    };
    let failed = "urn:oasis:names:tc:SAML:2.0:status:Responder / urn:oasis:names:tc:SAML:2.0:status:AuthnFailed";
    for (status, expected) in [
        (success.to_owned(), LogoutStatus::Complete),
        (code("Success", "PartialLogout"), LogoutStatus::Partial),
        (code("Responder", "PartialLogout"), LogoutStatus::Partial),
        (code("Responder", "AuthnFailed"), LogoutStatus::Failed(failed.to_owned())),
        (String::new(), LogoutStatus::Failed(String::new())),
    ] {
        assert_eq!(judge.answered(&signed(&RESPONSE.replace(success, &status))), Ok(expected));
    }
    let cases = [
        ("not signed", RESPONSE.replace("{SIG:_l}", ""), "saml.logout_not_signed"),
        ("a request", signed(REQUEST), "saml.logout_wrong_message"),
        ("to another request", signed(&RESPONSE.replace("_request", "_other")), "saml.in_response_to_mismatch"),
        ("to no request", signed(&RESPONSE.replace(r#" InResponseTo="_request""#, "")), "saml.in_response_to_missing"),
        ("elsewhere", signed(&RESPONSE.replace("gw.test/slo", "gw.test/x")), "saml.logout_destination_mismatch"),
        ("of another", signed(&RESPONSE.replace("/idp<", "/other<")), "saml.issuer_mismatch"),
        ("without a status", signed(&RESPONSE.replace(&format!("<samlp:Status>{success}</samlp:Status>"), "")), "saml.status_not_success"),
        (
            "with two",
            signed(&RESPONSE.replace("</samlp:LogoutResponse>", "<samlp:Status/></samlp:LogoutResponse>")),
            "saml.unexpected_element",
        ),
        ("changed", signed(RESPONSE).replace("status:Success", "status:Responder"), "saml.digest_mismatch"),
    ];
    for (name, xml, code) in cases {
        assert_eq!(judge.answered(&xml), Err(code), "{name}");
    }
}

/// What we send is what the other side reads, by both bindings, whatever is in the name.
#[test]
fn what_is_sent_arrives() {
    let judge = Judge::new();
    let (idp, sp) = (sp_key("idp"), &judge.sp);
    let issuer = EntityId::parse(IDP).unwrap();
    let mut name_id = NameId::new("a<b>&\"c\" d".to_owned());
    name_id.format = Some("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified".to_owned());
    name_id.name_qualifier = Some("q&1".to_owned());
    name_id.sp_name_qualifier = Some("s\"2".to_owned());
    let now = judge.now.parse().unwrap();
    let mut request = Request::new([7; 16], now, judge.slo.clone(), name_id.clone());
    request.session_indexes = vec!["_s1".to_owned(), "<&>".to_owned()];
    request.reason = Some(REASON_USER);
    let sender = Sender { issuer: &issuer, key: &idp };
    for binding in [Binding::Redirect, Binding::Post] {
        let received = match request.send(binding, sender, Some("state 1")).unwrap() {
            Outgoing::Redirect(url) => judge.request(&Delivery::Redirect(url.query().unwrap())),
            Outgoing::Post(form) => {
                assert_eq!((form.action.as_str(), form.field), (SLO, "SAMLRequest"));
                judge.request(&Delivery::Post { request: Some(&form.message), response: None, relay_state: form.relay_state.as_deref() })
            }
        };
        let received = received.unwrap();
        assert_eq!((&received.id, &received.name_id, &received.session_indexes), (&request.id, &name_id, &request.session_indexes));
        assert_eq!(received.relay_state.as_deref(), Some("state 1"));
        for status in [LogoutStatus::Complete, LogoutStatus::Partial] {
            let answer = Response::new([8; 16], now, judge.slo.clone(), "_request".to_owned(), status.clone());
            let verified = match answer.send(binding, sender, Some("r")).unwrap() {
                Outgoing::Redirect(url) => verify_response(&Delivery::Redirect(url.query().unwrap()), &judge.expected(), "_request"),
                Outgoing::Post(form) => {
                    let delivery = Delivery::Post { request: None, response: Some(&form.message), relay_state: None };
                    verify_response(&delivery, &judge.expected(), "_request")
                }
            };
            assert_eq!(verified.unwrap().status, status);
        }
    }
    assert_eq!(request.send(Binding::Redirect, sender, Some(&"x".repeat(81))), Err(RequestError::RelayStateTooLong));
    assert!(Sender::of(sp).is_ok());
    let keyless = ServiceProvider { keys: Vec::new(), ..sp.clone() };
    assert_eq!(Sender::of(&keyless).map(drop), Err(RequestError::NoKey));
}

/// SimpleSAMLphp's own answer to a request of ours, as it was captured.
#[test]
fn a_real_answer() {
    let metadata = read("captures/simplesamlphp/idp-metadata.xml");
    let url = Url::parse(read("captures/simplesamlphp/slo_response.url").trim()).unwrap();
    let issued: jiff::Timestamp = "2026-11-20T09:00:00Z".parse().unwrap();
    let idp = IdpMetadata::parse(metadata.as_bytes(), None, issued).unwrap();
    let mut own = url.clone();
    own.set_query(None);
    let judge = Judge { idp, ..Judge::new() };
    let expected = Expected { destination: &own, now: "2030-01-01T00:00:00Z".parse().unwrap(), ..judge.expected() };
    let delivery = Delivery::Redirect(url.query().unwrap());
    // Nobody knows the id of that request any more; everything before it holds.
    let refused = verify_response(&delivery, &expected, "_unknown").unwrap_err();
    assert_eq!(refused.code(), "saml.in_response_to_mismatch");
}
