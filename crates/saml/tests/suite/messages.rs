//! What a refusal says: needed against received, the clock, the keys. An administrator mends by these texts.

use saml::{EntityId, Expected, IdpMetadata, ServiceProvider, verify_response};
use url::Url;

use crate::setup::Setup;

/// The words of the refusal of a fresh response that was edited before it was signed.
fn words(from: &str, to: &str, allow_unsolicited: bool) -> String {
    let mut setup = Setup::edited(from, to);
    setup.xml = setup.xml.replace("{SIG:_r}", "");
    let idp = IdpMetadata::parse(setup.metadata.as_bytes(), None, setup.now).unwrap();
    let acs = Url::parse(&setup.acs).unwrap();
    let sp = ServiceProvider { entity_id: EntityId::parse(&setup.sp).unwrap(), acs_url: acs.clone(), slo_url: None, keys: Vec::new() };
    let request = (!allow_unsolicited).then_some("_request");
    let mut expected = Expected::new(&idp, &sp, &acs, request, setup.now);
    expected.allow_unsolicited = allow_unsolicited;
    verify_response(crate::bindings::base64(setup.xml.as_bytes()).as_bytes(), &expected).unwrap_err().to_string()
}

#[test]
fn a_refusal_tells_what_is_needed_and_what_was_received() {
    let cases: [(&str, &str, &[&str]); 12] = [
        ("Destination=\"https://gw.test/acs\" ", "", &["no Destination", "https://gw.test/acs"]),
        (
            "Destination=\"https://gw.test/acs\"",
            "Destination=\"https://gw.test/acs/\"",
            &["\"https://gw.test/acs/\"", "\"https://gw.test/acs\""],
        ),
        ("Recipient=\"https://gw.test/acs\" ", "", &["no Recipient", "https://gw.test/acs"]),
        (
            "<saml:AudienceRestriction><saml:Audience>https://gw.test/sp</saml:Audience></saml:AudienceRestriction>",
            "",
            &["no audience", "https://gw.test/sp"],
        ),
        ("<saml:Audience>https://gw.test/sp<", "<saml:Audience>https://gw.test/SP<", &["https://gw.test/SP", "https://gw.test/sp"]),
        (" InResponseTo=\"_request\"><saml:Issuer>", "><saml:Issuer>", &["names no request", "\"_request\""]),
        ("InResponseTo=\"_request\"/>", "InResponseTo=\"_other\"/>", &["\"_other\"", "\"_request\""]),
        (
            "_a\" Version=\"2.0\" IssueInstant=\"2026-11-20T09:00:00Z\"",
            "_a\" Version=\"2.0\" IssueInstant=\"2026-11-20T09:02:00Z\"",
            &["2026-11-20T09:02:00Z", "the clock here says 2026-11-20T09:00:10Z, 110 s before it; 60 s"],
        ),
        (
            "NotBefore=\"2026-11-20T08:59:30Z\"",
            "NotBefore=\"2026-11-20T09:01:11Z\"",
            &["begins at 2026-11-20T09:01:11Z", "61 s before it; 60 s are allowed"],
        ),
        (
            "NotOnOrAfter=\"2026-11-20T09:05:00Z\"><saml:Aud",
            "NotOnOrAfter=\"2026-11-20T08:59:10Z\"><saml:Aud",
            &["ended at 2026-11-20T08:59:10Z", "60 s after it"],
        ),
        (
            "NotOnOrAfter=\"2026-11-20T09:05:00Z\" Rec",
            "NotOnOrAfter=\"2026-11-20T08:50:10Z\" Rec",
            &["confirmation ended", "600 s after it"],
        ),
        ("SessionIndex=\"_s\"", "SessionIndex=\"_s\" SessionNotOnOrAfter=\"2026-11-20T08:00:10Z\"", &["session ended", "3600 s after it"]),
    ];
    for (from, to, expected) in cases {
        let text = words(from, to, false);
        for part in expected {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
    }
    assert!(words("<saml:NameID>alice", "<saml:NameID>bob", true).contains("InResponseTo \"_request\""));
}

#[test]
fn structured_values_are_counted() {
    let mut setup = Setup::edited(
        "<saml:AttributeValue>sre</saml:AttributeValue>",
        "<saml:AttributeValue>sre</saml:AttributeValue><saml:AttributeValue><saml:NameID>x</saml:NameID></saml:AttributeValue>",
    );
    setup.xml = setup.xml.replace("{SIG:_r}", "");
    let attribute = setup.run().unwrap().attributes.remove(0);
    assert_eq!((attribute.values, attribute.structured), (vec!["sre".to_owned()], 1));
}
