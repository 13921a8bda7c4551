//! Metadata that must be signed, and aggregates: attack kind 16 of metadata, by the attack.

use jiff::Timestamp;
use saml::{EntityId, IdpMetadata, SigningCertificate};

use crate::setup::{certificate_der, read};
use crate::signer::{Key, Style, sign};

/// A name, a document, the entity wanted, and the entity found or the code.
type Case = (&'static str, String, Option<&'static str>, Result<&'static str, &'static str>);

const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";

fn now() -> Timestamp {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

fn signer(name: &str) -> SigningCertificate {
    SigningCertificate::from_der(&certificate_der(name)).unwrap().unwrap()
}

/// An identity provider of that name, with a place for its signature; `{SIG:_id}` goes where the schema wants it.
fn entity(entity_id: &str, id: &str, attributes: &str) -> String {
    let certificate = crate::bindings::base64(&certificate_der("idp"));
    format!(
        r#"<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" ID="{id}" entityID="{entity_id}"{attributes}>{{SIG:{id}}}<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.test/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>"#
    )
}

fn group(id: &str, attributes: &str, children: &str) -> String {
    format!(r#"<md:EntitiesDescriptor xmlns:md="{MD}" ID="{id}"{attributes}>{{SIG:{id}}}{children}</md:EntitiesDescriptor>"#)
}

/// Takes away the places of signatures that nobody made.
fn done(xml: &str) -> String {
    ["_a", "_b", "_g", "_h"].iter().fold(xml.to_owned(), |xml, id| xml.replace(&format!("{{SIG:{id}}}"), ""))
}

/// Signs the element of that id with the federation's key (the test key `sp`; `idp` stands for an attacker's).
fn signed(xml: &str, id: &str) -> String {
    signed_by("sp", xml, id)
}

fn signed_by(key: &'static str, xml: &str, id: &str) -> String {
    let place = format!("{{SIG:{id}}}");
    let marked = done(&xml.replace(&place, "<place/>"));
    let tail = format!(
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
        crate::bindings::base64(&certificate_der(key))
    );
    sign(&marked.replace("<place/>", &place), id, &Style { key: Key::Rsa(key), tail, ..Style::default() })
}

fn verdict(xml: &str, want: Option<&str>) -> Result<String, &'static str> {
    let want = want.map(|id| EntityId::parse(id).unwrap());
    let found = IdpMetadata::parse_signed(xml.as_bytes(), want.as_ref(), &[signer("sp")], now());
    found.map(|metadata| metadata.entity_id.to_string()).map_err(|error| error.code())
}

fn unsigned(xml: &str, want: Option<&str>) -> Result<IdpMetadata, &'static str> {
    let want = want.map(|id| EntityId::parse(id).unwrap());
    IdpMetadata::parse(xml.as_bytes(), want.as_ref(), now()).map_err(|error| error.code())
}

/// A genuine signed entity and its signature.
fn genuine() -> (String, String) {
    let genuine = signed(&entity("https://a.test", "_a", ""), "_a");
    let signature = crate::setup::element_of(&genuine, "ds:Signature");
    (genuine, signature)
}

fn judge(cases: Vec<Case>) {
    for (name, xml, want, expected) in cases {
        assert_eq!(verdict(&xml, want), expected.map(str::to_owned), "{name}");
    }
}

#[test]
fn a_signature_of_the_whole_document_is_demanded() {
    judge(whole());
}

/// How many of the cases must be refused: attacks of kind 16 on a signature that the administrator demands.
pub(crate) fn refused() -> usize {
    whole().into_iter().chain(form()).filter(|(_, _, _, expected)| expected.is_err()).count()
}

fn whole() -> Vec<Case> {
    let one = entity("https://a.test", "_a", "");
    let (genuine, signature) = genuine();
    let members = [entity("https://a.test", "_a", ""), entity("https://b.test", "_b", "")].concat();
    let aggregate = signed(&group("_g", "", &members), "_g");
    // The forger has an identity provider of their own name, with their own key, and a genuine signature at hand.
    let forged = entity("https://a.test", "_h", "").replace("https://idp.test", "https://evil.test");
    let wrapped = |inside: &str| done(&group("_g", "", inside));
    vec![
        ("a signed entity", genuine.clone(), None, Ok("https://a.test")),
        ("a signed aggregate", aggregate.clone(), Some("https://b.test"), Ok("https://b.test")),
        (
            "comments that no signature covers",
            genuine.replace("<md:KeyDescriptor", "<!-- x --><md:KeyDescriptor"),
            None,
            Ok("https://a.test"),
        ),
        ("a comment within the key", genuine.replacen("Certificate>MII", "Certificate><!-- x -->MII", 1), None, Ok("https://a.test")),
        ("no signature", done(&one), None, Err("saml.metadata_not_signed")),
        ("an aggregate without a signature", done(&group("_g", "", &members)), Some("https://b.test"), Err("saml.metadata_not_signed")),
        ("a signature of another key", signed_by("idp", &one, "_a"), None, Err("saml.metadata_signature_invalid")),
        (
            "another address after the signature",
            genuine.replace("https://idp.test/sso", "https://evil.test/sso"),
            None,
            Err("saml.metadata_changed"),
        ),
        (
            "another member after the signature",
            aggregate.replace("https://b.test", "https://c.test"),
            Some("https://c.test"),
            Err("saml.metadata_changed"),
        ),
        (
            "a member that was added",
            aggregate
                .replace("</md:EntitiesDescriptor>", &format!("{}</md:EntitiesDescriptor>", done(&entity("https://c.test", "_c", "")))),
            Some("https://c.test"),
            Err("saml.metadata_changed"),
        ),
        ("only a member is signed", wrapped(&genuine), Some("https://a.test"), Err("saml.metadata_not_signed")),
        (
            "the signed one beside a forged one",
            wrapped(&[done(&forged), genuine.clone()].concat()),
            Some("https://a.test"),
            Err("saml.metadata_not_signed"),
        ),
        (
            "the signature lifted to the root",
            done(&group("_g", "", &genuine)).replacen("<md:EntityDescriptor", &format!("{signature}<md:EntityDescriptor"), 1),
            Some("https://a.test"),
            Err("saml.metadata_signature_malformed"),
        ),
        (
            "the root takes the id of what was signed",
            done(&group("_a", "", &genuine.replace(&signature, ""))).replacen(
                "<md:EntityDescriptor",
                &format!("{signature}<md:EntityDescriptor"),
                1,
            ),
            Some("https://a.test"),
            Err("saml.metadata_changed"),
        ),
    ]
}

#[test]
fn a_signature_of_metadata_has_one_form() {
    judge(form());
}

fn form() -> Vec<Case> {
    let (genuine, signature) = genuine();
    vec![
        (
            "two signatures",
            genuine.replacen(&signature, &[signature.as_str(), signature.as_str()].concat(), 1),
            None,
            Err("saml.metadata_signature_malformed"),
        ),
        ("a reference to the whole document", genuine.replace("URI=\"#_a\"", "URI=\"\""), None, Err("saml.metadata_signature_malformed")),
        (
            "SHA-1",
            genuine.replace("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1"),
            None,
            Err("saml.metadata_signature_malformed"),
        ),
        (
            "an empty signature value",
            genuine.replace(&crate::setup::element_of(&genuine, "ds:SignatureValue"), "<ds:SignatureValue></ds:SignatureValue>"),
            None,
            Err("saml.metadata_signature_malformed"),
        ),
        (
            "signed and past its end",
            signed(&entity("https://a.test", "_a", " validUntil=\"2026-11-20T09:00:00Z\""), "_a"),
            None,
            Err("saml.metadata_expired"),
        ),
        ("signed by nobody in particular", genuine.replace("ds:Signature", "ds:Sign"), None, Err("saml.metadata_not_signed")),
        ("a response", crate::setup::Setup::capture("simplesamlphp/signed_both").xml, None, Err("saml.metadata_not_saml")),
    ]
}

#[test]
fn the_keys_of_the_signature_are_told_apart() {
    let error = |keys: &[SigningCertificate]| {
        IdpMetadata::parse_signed(signed(&entity("https://a.test", "_a", ""), "_a").as_bytes(), None, keys, now()).unwrap_err().to_string()
    };
    let text = error(&[signer("idp")]);
    assert!(text.contains(&signer("idp").fingerprint()) && text.contains(&signer("sp").fingerprint()), "{text}");
    // A roll-over of the federation's key: either may have signed.
    let both = [signer("idp"), signer("sp")];
    let xml = signed(&entity("https://a.test", "_a", ""), "_a");
    assert!(IdpMetadata::parse_signed(xml.as_bytes(), None, &both, now()).is_ok());
}

#[test]
fn a_pem_file_gives_its_certificates() {
    let (one, two) = (read("keys/sp.crt"), read("keys/idp.crt"));
    let fingerprints = |pem: &str| SigningCertificate::from_pem(pem).map(|found| found.len()).map_err(|error| error.code());
    assert_eq!(fingerprints(&one), Ok(1));
    assert_eq!(fingerprints(&format!("# our federation\n{one}\n{two}")), Ok(2));
    assert_eq!(fingerprints(""), Err("saml.metadata_no_signing_key"));
    assert_eq!(fingerprints(&read("keys/weak.crt")), Err("saml.metadata_no_signing_key"));
    assert_eq!(fingerprints("-----BEGIN CERTIFICATE-----\nAAAA"), Err("saml.metadata_certificate_invalid"));
    assert_eq!(fingerprints("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"), Err("saml.metadata_certificate_invalid"));
}

#[test]
fn a_certificate_tells_its_dates() {
    let certificate = signer("idp");
    let (begin, end) = (certificate.not_before().unwrap(), certificate.not_after().unwrap());
    assert!(begin < end);
    let second = jiff::SignedDuration::from_secs(1);
    assert_eq!([begin - second, begin, end, end + second].map(|at| certificate.is_current(at)), [false, true, true, false]);
    assert!(certificate.has_key_of(&signer("idp")) && !certificate.has_key_of(&signer("sp")));
}

#[test]
fn everything_around_an_entity_bounds_it() {
    let inner = entity("https://a.test", "_a", " validUntil=\"2026-12-01T00:00:00Z\" cacheDuration=\"PT6H\"");
    let cases = [
        ("", "", "2026-12-01T00:00:00Z", 21_600),
        (" validUntil=\"2026-11-25T00:00:00Z\"", "", "2026-11-25T00:00:00Z", 21_600),
        ("", " validUntil=\"2026-11-22T00:00:00Z\" cacheDuration=\"PT1H\"", "2026-11-22T00:00:00Z", 3600),
        (" cacheDuration=\"PT30M\"", " cacheDuration=\"PT1H\"", "2026-12-01T00:00:00Z", 1800),
        (" cacheDuration=\"often\"", " cacheDuration=\"P1D\"", "2026-12-01T00:00:00Z", 21_600),
    ];
    for (outer, middle, valid_until, cache) in cases {
        // A group that has ended beside it says nothing about it.
        let ended = group("_h", " validUntil=\"2020-01-01T00:00:00Z\" cacheDuration=\"PT1S\"", &entity("https://b.test", "_b", ""));
        let xml = group("_g", outer, &[ended, group("_h", middle, &inner)].concat());
        for (metadata, way) in [
            (unsigned(&done(&xml), Some("https://a.test")).unwrap(), "stream"),
            (
                IdpMetadata::parse_signed(
                    signed(&xml, "_g").as_bytes(),
                    Some(&EntityId::parse("https://a.test").unwrap()),
                    &[signer("sp")],
                    now(),
                )
                .unwrap(),
                "signed",
            ),
        ] {
            assert_eq!(metadata.valid_until.unwrap().to_string(), valid_until, "{way} {outer} {middle}");
            assert_eq!(metadata.cache_duration.unwrap().as_secs(), cache, "{way} {outer} {middle}");
        }
    }
}

#[test]
fn an_aggregate_of_five_thousand_is_searched() {
    let members: Vec<String> = (0..5_000).map(|number| done(&entity(&format!("https://idp{number}.test"), "_a", ""))).collect();
    let large = done(&group("_g", "", &members.concat()));
    assert!((6 << 20..16 << 20).contains(&large.len()), "{}", large.len());
    let cases: [Case; 7] = [
        ("the last", large.clone(), Some("https://idp4999.test"), Ok("https://idp4999.test")),
        ("none", large.clone(), Some("https://idp5000.test"), Err("saml.metadata_no_identity_provider")),
        ("no word which", large.clone(), None, Err("saml.metadata_several_identity_providers")),
        (
            "one of them again at the end",
            large.replace("https://idp4999.test", "https://idp7.test"),
            Some("https://idp7.test"),
            Err("saml.metadata_duplicate_entity"),
        ),
        (
            "broken off behind the one wanted",
            large.split_at(large.len() / 2).0.to_owned(),
            Some("https://idp1.test"),
            Err("saml.xml_malformed"),
        ),
        ("a second document behind it", [large.as_str(), large.as_str()].concat(), Some("https://idp1.test"), Err("saml.xml_malformed")),
        (
            "a document type",
            format!("<!DOCTYPE md:EntitiesDescriptor [<!ENTITY e 'x'>]>{large}"),
            Some("https://idp1.test"),
            Err("saml.dtd_forbidden"),
        ),
    ];
    for (name, xml, want, expected) in cases {
        assert_eq!(unsigned(&xml, want).map(|metadata| metadata.entity_id.to_string()), expected.map(str::to_owned), "{name}");
    }
}

#[test]
fn what_stands_in_extensions_is_no_entity() {
    let hidden = done(&entity("https://a.test", "_a", "")).replace("https://idp.test", "https://evil.test");
    let xml = done(&group("_g", "", &format!("<md:Extensions>{hidden}</md:Extensions>{}", entity("https://a.test", "_b", ""))));
    let found = unsigned(&xml, Some("https://a.test")).unwrap();
    assert_eq!(found.sso[0].location.as_str(), "https://idp.test/sso");
    assert_eq!(unsigned(&xml, None).unwrap().sso[0].location.as_str(), "https://idp.test/sso");
    // The same name once as an identity provider and once as a service provider: which of the two is meant?
    let service = entity("https://a.test", "_b", "").replace("IDPSSODescriptor", "SPSSODescriptor");
    let both = done(&group("_g", "", &[entity("https://a.test", "_a", ""), service].concat()));
    for want in [None, Some("https://a.test")] {
        assert_eq!(unsigned(&both, want).err(), Some("saml.metadata_duplicate_entity"));
    }
}

#[test]
fn a_signature_whose_certificate_is_past_its_dates() {
    let mut setup = crate::setup::Setup::fresh().sign("_a");
    setup.xml = setup.xml.replace("{SIG:_r}", "");
    let idp = IdpMetadata::parse(setup.metadata.as_bytes(), None, setup.now).unwrap();
    let late = idp.signing_keys[0].not_after().unwrap() + jiff::SignedDuration::from_secs(1);
    let acs = url::Url::parse(&setup.acs).unwrap();
    let sp =
        saml::ServiceProvider { entity_id: EntityId::parse(&setup.sp).unwrap(), acs_url: acs.clone(), slo_url: None, keys: Vec::new() };
    let judge = |refuse: bool, now: Timestamp| {
        let mut expected = saml::Expected::new(&idp, &sp, &acs, Some("_request"), now);
        expected.refuse_expired_certificates = refuse;
        let verified = saml::verify_response(crate::bindings::base64(setup.xml.as_bytes()).as_bytes(), &expected);
        let inspection = saml::inspect(setup.xml.as_bytes(), &expected);
        let check = inspection.checks.into_iter().find(|check| check.name == "certificate").unwrap();
        (verified.map(|assertion| assertion.outdated_certificate).map_err(|error| error.code()), check.passed, check.detail)
    };
    // Which key it was, as administrators look for it: subject and fingerprint.
    let expected = saml::Expected::new(&idp, &sp, &acs, Some("_request"), setup.now);
    let seen = saml::inspect(setup.xml.as_bytes(), &expected).checks.into_iter().find(|check| check.name == "assertion_signature").unwrap();
    assert!(seen.detail.ends_with(&format!("verified with the key of the certificate {}", idp.signing_keys[0].describe())), "{seen:?}");
    assert!(idp.signing_keys[0].describe().starts_with("CN="), "{}", idp.signing_keys[0].describe());
    assert_eq!(judge(true, setup.now), (Ok(None), true, "within its dates".to_owned()));
    // Past its dates the assertion is expired as well: the order of the checks tells the two apart.
    let (verdict, passed, detail) = judge(true, late);
    assert_eq!((verdict, passed), (Err("saml.certificate_expired"), false));
    assert!(detail.contains(&idp.signing_keys[0].fingerprint()) && detail.contains(&late.to_string()), "{detail}");
    let (verdict, passed, detail) = judge(false, late);
    assert_eq!((verdict, passed), (Err("saml.expired"), true));
    assert!(detail.contains("past its dates, which is accepted here"), "{detail}");
}
