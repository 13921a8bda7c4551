//! Metadata of identity providers (attack kind 16 among it), ours, and the keys in them.

use jiff::Timestamp;
use saml::{Binding, EntityId, IdpMetadata, KeyError, ServiceProvider, SigningCertificate, SpKey};
use url::Url;

use crate::setup::{Setup, certificate_der, element_of, key_der, read, sp_key};

const NOW: &str = "2026-11-20T09:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn genuine() -> String {
    read("captures/simplesamlphp/idp-metadata.xml")
}

fn entity(id: &str) -> String {
    let xml = read("captures/npm-samlp/idp-metadata.xml");
    xml.replace("http://127.0.0.1:7001/idp", id)
}

fn aggregate(attributes: &str, entities: &[String]) -> String {
    format!(
        r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"{attributes}>{}</md:EntitiesDescriptor>"#,
        entities.concat()
    )
}

fn code(xml: &str, want: Option<&str>) -> Result<IdpMetadata, &'static str> {
    let want = want.map(|id| EntityId::parse(id).unwrap());
    IdpMetadata::parse(xml.as_bytes(), want.as_ref(), now()).map_err(|error| error.code())
}

#[test]
fn the_metadata_of_every_captured_identity_provider_is_read() {
    for (idp, entity_id, keys, wants_signed) in [
        ("simplesamlphp", "http://127.0.0.1:8081/idp", 1, false),
        ("lemonldap", "http://auth.example.com:8082/saml/metadata", 1, true),
        ("npm-samlp", "http://127.0.0.1:7001/idp", 1, false),
        ("npm-saml-idp", "http://127.0.0.1:7000/idp", 1, false),
        ("pysaml2", "http://127.0.0.1:8090/idp", 1, false),
    ] {
        let metadata = code(&read(&format!("captures/{idp}/idp-metadata.xml")), None).unwrap();
        assert_eq!(metadata.entity_id.as_str(), entity_id);
        assert_eq!(metadata.signing_keys.len(), keys, "{idp}");
        assert_eq!(metadata.want_authn_requests_signed, wants_signed, "{idp}");
        assert!(metadata.sso_endpoint(Binding::Redirect).is_some(), "{idp}");
    }
    let lemonldap = code(&read("captures/lemonldap/idp-metadata.xml"), None).unwrap();
    assert_eq!(lemonldap.slo.len(), 2, "SOAP is left out");
    assert_eq!(lemonldap.slo[0].response_location.as_ref().unwrap().as_str(), "http://auth.example.com:8082/saml/singleLogoutReturn");
}

#[test]
fn where_single_logout_messages_go() {
    let (redirect, post) = (Binding::Redirect, Binding::Post);
    for (idp, preferred, expected) in [
        (
            "lemonldap",
            redirect,
            Some((redirect, "http://auth.example.com:8082/saml/singleLogout", "http://auth.example.com:8082/saml/singleLogoutReturn")),
        ),
        (
            "lemonldap",
            post,
            Some((post, "http://auth.example.com:8082/saml/singleLogout", "http://auth.example.com:8082/saml/singleLogoutReturn")),
        ),
        // Asked for POST, it has Redirect only, and no other address for responses.
        (
            "simplesamlphp",
            post,
            Some((
                redirect,
                "http://127.0.0.1:8081/simplesaml/saml2/idp/SingleLogoutService.php",
                "http://127.0.0.1:8081/simplesaml/saml2/idp/SingleLogoutService.php",
            )),
        ),
        ("pysaml2", redirect, None),
    ] {
        let metadata = code(&read(&format!("captures/{idp}/idp-metadata.xml")), None).unwrap();
        let endpoint = metadata.slo_endpoint(preferred);
        let found = endpoint.map(|endpoint| (endpoint.binding, endpoint.location.as_str(), endpoint.for_responses().as_str()));
        assert_eq!(found, expected, "{idp}");
    }
}

/// An attack by metadata: its name, the document, the entity wanted, the code.
type Untrusted = (&'static str, String, Option<&'static str>, &'static str);

/// How many attacks by metadata there are.
pub(crate) fn refused() -> usize {
    untrusted().len() + unusual().len()
}

fn untrusted() -> Vec<Untrusted> {
    let certificate = genuine().split("X509Certificate>").nth(1).unwrap().trim_end_matches("</ds:").to_owned();
    let weak: String = read("keys/weak.crt").lines().filter(|line| !line.starts_with("-----")).collect();
    let twice = aggregate("", &[entity("https://a.test"), entity("https://a.test")]);
    vec![
        ("no signing certificate", genuine().replace("use=\"signing\"", "use=\"encryption\""), None, "saml.metadata_no_signing_key"),
        ("an RSA key of 1024 bits", genuine().replace(&certificate, &weak), None, "saml.metadata_no_signing_key"),
        ("a certificate that is none", genuine().replace(&certificate, "AAAA"), None, "saml.metadata_certificate_invalid"),
        ("a certificate that is not base64", genuine().replace(&certificate, "%%%%"), None, "saml.metadata_certificate_invalid"),
        (
            "past validUntil",
            genuine().replace(" entityID=", " validUntil=\"2026-11-20T08:59:59Z\" entityID="),
            None,
            "saml.metadata_expired",
        ),
        (
            "past validUntil of the aggregate",
            aggregate(" validUntil=\"2026-11-20T09:00:00Z\"", &[entity("https://a.test")]),
            None,
            "saml.metadata_expired",
        ),
        (
            "validUntil that is no instant",
            genuine().replace(" entityID=", " validUntil=\"soon\" entityID="),
            None,
            "saml.metadata_valid_until_invalid",
        ),
        ("the same entity twice", twice.clone(), Some("https://a.test"), "saml.metadata_duplicate_entity"),
        ("the same entity twice, not asked for by name", twice, None, "saml.metadata_duplicate_entity"),
        (
            "two identity providers and no word which",
            aggregate("", &[entity("https://a.test"), entity("https://b.test")]),
            None,
            "saml.metadata_several_identity_providers",
        ),
        ("another entity than wanted", genuine(), Some("https://other.test"), "saml.metadata_no_identity_provider"),
        ("a service provider", genuine().replace("IDPSSODescriptor", "SPSSODescriptor"), None, "saml.metadata_no_identity_provider"),
        ("SAML 1.1 only", genuine().replace("SAML:2.0:protocol", "SAML:1.1:protocol"), None, "saml.metadata_no_identity_provider"),
        ("no sign-in address", genuine().replace("SingleSignOnService", "SingleLogoutService"), None, "saml.metadata_no_sign_on_service"),
        (
            "a sign-in address that runs a script",
            genuine().replace("Location=\"http:", "Location=\"javascript:"),
            None,
            "saml.metadata_location_invalid",
        ),
        (
            "an empty entityID",
            genuine().replace("entityID=\"http://127.0.0.1:8081/idp\"", "entityID=\"\""),
            None,
            "saml.metadata_entity_id_invalid",
        ),
        ("a response", Setup::capture("simplesamlphp/signed_both").xml, None, "saml.metadata_not_saml"),
        (
            "a DTD",
            format!(
                "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{}",
                genuine().trim_start_matches("<?xml version=\"1.0\"?>").trim_start()
            ),
            None,
            "saml.dtd_forbidden",
        ),
        ("a web page", "<html><body>Sign in</body></html>".to_owned(), None, "saml.metadata_not_saml"),
        ("nothing", String::new(), None, "saml.xml_malformed"),
    ]
}

/// Documents that are not what they seem, or cost too much.
fn unusual() -> Vec<Untrusted> {
    let nested = format!("<md:EntitiesDescriptor validUntil=\"2026-11-01T00:00:00Z\">{}</md:EntitiesDescriptor>", entity("https://a.test"));
    let twice_deep = aggregate("", &[nested.replace(" validUntil=\"2026-11-01T00:00:00Z\"", ""), entity("https://a.test")]);
    let key_name = "<ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:KeyName>key</ds:KeyName></ds:KeyInfo>";
    let key_info = element_of(&genuine(), "ds:KeyInfo");
    let attributes = (0..80_000).fold(String::new(), |text, number| text + &format!(" a{number}=\"\""));
    vec![
        (
            "past validUntil of a group inside",
            aggregate(" validUntil=\"2027-01-01T00:00:00Z\"", &[nested]),
            Some("https://a.test"),
            "saml.metadata_expired",
        ),
        (
            "past validUntil of the role",
            genuine().replace("<md:IDPSSODescriptor ", "<md:IDPSSODescriptor validUntil=\"2026-11-20T09:00:00Z\" "),
            None,
            "saml.metadata_expired",
        ),
        ("the same entity twice, once in a group", twice_deep, Some("https://a.test"), "saml.metadata_duplicate_entity"),
        (
            "an entity whose name begins like the wanted one",
            aggregate("", &[entity("https://a.test.evil")]),
            Some("https://a.test"),
            "saml.metadata_no_identity_provider",
        ),
        (
            "an entity of another case",
            aggregate("", &[entity("https://A.test")]),
            Some("https://a.test"),
            "saml.metadata_no_identity_provider",
        ),
        ("a key by its name alone", genuine().replace(&key_info, key_name), None, "saml.metadata_no_signing_key"),
        ("a use that nobody knows", genuine().replace("use=\"signing\"", "use=\"Signing\""), None, "saml.metadata_no_signing_key"),
        (
            "a key outside of the role",
            genuine()
                .replace("<md:KeyDescriptor", "<md:Extensions><md:KeyDescriptor")
                .replace("</md:KeyDescriptor>", "</md:KeyDescriptor></md:Extensions>"),
            None,
            "saml.metadata_no_signing_key",
        ),
        (
            "entityID in a namespace",
            genuine().replace(" entityID=", " xmlns:e=\"urn:e\" e:entityID="),
            None,
            "saml.metadata_entity_id_invalid",
        ),
        ("entityID as a declaration", genuine().replace(" entityID=", " xmlns:entityID="), None, "saml.metadata_entity_id_invalid"),
        ("elements of another namespace", genuine().replace("SAML:2.0:metadata", "SAML:2.0:metadatA"), None, "saml.metadata_not_saml"),
        (
            "an address without a host",
            genuine().replace("Location=\"http://127.0.0.1:8081", "Location=\"mailto:"),
            None,
            "saml.metadata_location_invalid",
        ),
        ("an address of a file", genuine().replace("Location=\"http://", "Location=\"file://"), None, "saml.metadata_location_invalid"),
        (
            "eighty thousand attributes",
            genuine().replace("<md:KeyDescriptor ", &format!("<md:KeyDescriptor{attributes} ")),
            None,
            "saml.too_many_attributes",
        ),
        ("ten thousand levels", aggregate("", &["<md:EntitiesDescriptor>".repeat(10_000)]), None, "saml.too_deep"),
        (
            "entities of entities",
            format!("<!DOCTYPE l [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;\">]>{}", entity("&b;")),
            None,
            "saml.dtd_forbidden",
        ),
    ]
}

#[test]
fn metadata_that_must_not_be_trusted_is_refused() {
    for (name, xml, want, expected) in untrusted().into_iter().chain(unusual()) {
        assert_eq!(code(&xml, want).map(|metadata| metadata.entity_id.to_string()), Err(expected), "{name}");
    }
}

#[test]
fn metadata_that_people_edit_is_read() {
    let commented = genuine()
        .replace("<md:KeyDescriptor", "<!-- the new key --><?editor x?><md:KeyDescriptor")
        .replace("X509Certificate>MII", "X509Certificate><!-- x -->\n MII");
    assert_eq!(code(&commented, None).unwrap().signing_keys.len(), 1);
    let any_use = genuine().replace(" use=\"signing\"", "");
    assert_eq!(code(&any_use, None).unwrap().signing_keys.len(), 1);
    let both = aggregate(" validUntil=\"2027-01-01T00:00:00Z\"", &[entity("https://a.test"), entity("https://b.test")]);
    let wanted = code(&both, Some("https://b.test")).unwrap();
    assert_eq!(wanted.entity_id.as_str(), "https://b.test");
    assert_eq!(wanted.valid_until.unwrap().to_string(), "2027-01-01T00:00:00Z");
    assert!(wanted.has_expired("2027-01-01T00:00:00Z".parse().unwrap()));
}

#[test]
fn a_key_roll_over_accepts_both_keys_and_then_one() {
    let setup = Setup::fresh().sign("_a");
    let old = setup.metadata.split("X509Certificate>").nth(1).unwrap().trim_end_matches("</").to_owned();
    let new = crate::bindings::base64(&certificate_der("sp"));
    let descriptor = element_of(&setup.metadata, "KeyDescriptor");
    let mut rolling = setup.clone();
    rolling.metadata = setup.metadata.replace(&descriptor, &[descriptor.replace(&old, &new), descriptor.clone()].concat());
    assert_eq!(rolling.run().map(|assertion| assertion.name_id.value), Ok("alice".to_owned()));
    let mut rolled = setup.clone();
    rolled.metadata = setup.metadata.replace(&old, &new);
    assert_eq!(rolled.run(), Err("saml.signature_invalid"));
}

#[test]
fn metadata_that_ends_while_the_gateway_runs_verifies_nothing() {
    let setup = Setup::fresh().sign("_a");
    let metadata = setup.metadata.replace(" entityID=", " validUntil=\"2026-11-20T09:00:05Z\" entityID=");
    let idp = IdpMetadata::parse(metadata.as_bytes(), None, now()).unwrap();
    let acs = Url::parse(&setup.acs).unwrap();
    let sp = ServiceProvider { entity_id: EntityId::parse(&setup.sp).unwrap(), acs_url: acs.clone(), slo_url: None, keys: Vec::new() };
    let expected = saml::Expected::new(&idp, &sp, &acs, Some("_request"), setup.now);
    let error = saml::verify_response(crate::bindings::base64(setup.xml.as_bytes()).as_bytes(), &expected).unwrap_err();
    assert_eq!(error.code(), "saml.metadata_expired");
}

#[test]
fn our_metadata_names_our_addresses_and_keys() {
    let acs_url = Url::parse("https://gw.test/login/saml/okta/acs?a=1&b=2").unwrap();
    let slo_url = Some(Url::parse("https://gw.test/logout").unwrap());
    let sp = ServiceProvider {
        entity_id: EntityId::parse("https://gw.test/saml/metadata").unwrap(),
        acs_url,
        slo_url,
        keys: vec![sp_key("sp"), sp_key("idp")],
    };
    let xml = sp.metadata_xml(now()).unwrap();
    let document = uppsala::parse(&xml).unwrap();
    // Signed by the first key, as an identity provider checks it; only the first signs.
    let as_idp = xml.replace("SPSSODescriptor", "IDPSSODescriptor");
    let signer = |name: &str| SigningCertificate::from_der(&certificate_der(name)).unwrap().unwrap();
    let judged = |xml: &str, name: &str| {
        IdpMetadata::parse_signed(xml.as_bytes(), None, &[signer(name)], now()).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(judged(&xml, "sp"), Err("saml.metadata_no_identity_provider"), "the signature was verified before");
    assert_eq!(judged(&xml, "idp"), Err("saml.metadata_signature_invalid"));
    assert_eq!(judged(&as_idp, "sp"), Err("saml.metadata_changed"));
    let end = signer("sp").not_after().unwrap();
    assert!(xml.contains(&format!(r#" validUntil="{end}" cacheDuration="P1D""#)), "{xml}");
    assert_eq!(xml, sp.metadata_xml(now()).unwrap(), "the same each time");
    assert!(!sp.metadata_xml(end).unwrap().contains("validUntil"), "an ended certificate does not make all of it worthless");
    let keyless = ServiceProvider { keys: vec![sp_key("sp").decrypting_only()], ..sp.clone() };
    assert_eq!(keyless.metadata_xml(now()), Err(saml::RequestError::NoKey));
    let previous = ServiceProvider { keys: vec![sp_key("idp"), sp_key("sp").decrypting_only()], ..sp.clone() };
    assert_eq!(previous.metadata_xml(now()).unwrap().matches("<md:KeyDescriptor").count(), 2, "a previous key is published no more");
    let count = |name| document.get_elements_by_tag_name(name).len();
    assert_eq!((count("KeyDescriptor"), count("AssertionConsumerService"), count("SingleLogoutService")), (4, 1, 2));
    assert!(xml.contains(r#"entityID="https://gw.test/saml/metadata""#));
    assert!(xml.contains("https://gw.test/login/saml/okta/acs?a=1&amp;b=2"));
    assert!(xml.contains(r#"AuthnRequestsSigned="true""#));
}

#[test]
fn keys_that_do_not_fit_are_refused() {
    assert_eq!(SpKey::from_pkcs8(&key_der("sp"), certificate_der("idp")).err(), Some(KeyError::CertificateMismatch));
    assert_eq!(SpKey::from_pkcs8(&key_der("sp"), b"certificate".to_vec()).err(), Some(KeyError::CertificateInvalid));
    assert_eq!(SpKey::from_pkcs8(b"key", certificate_der("sp")).err(), Some(KeyError::KeyInvalid));
    assert_eq!(format!("{:?}", sp_key("sp")), "SpKey(…)");
}
