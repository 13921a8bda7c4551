//! Kind 9: genuine signatures for somebody else, for another time, or by an identity provider that leaves things out.

use super::{Attack, attack};
use crate::setup::{Setup, read};

const GENUINE: &str = "simplesamlphp/signed_assertion";

pub(super) const ATTACKS: &[Attack] = &[
    attack(9, "the response of another identity provider", "saml.signature_invalid", || {
        expect(|setup| setup.metadata = read("captures/lemonldap/idp-metadata.xml"))
    }),
    attack(9, "another identity provider that shares the key", "saml.issuer_mismatch", || {
        expect(|setup| setup.metadata = read("captures/npm-samlp/idp-metadata.xml"))
    }),
    attack(9, "another issuer of the assertion alone", "saml.issuer_mismatch", || {
        Setup::edited(
            "<saml:Issuer>http://127.0.0.1:7001/idp</saml:Issuer>{SIG:_a}",
            "<saml:Issuer>http://other.test/idp</saml:Issuer>{SIG:_a}",
        )
    }),
    attack(9, "no issuer of the assertion", "saml.issuer_missing", || {
        Setup::edited("<saml:Issuer>http://127.0.0.1:7001/idp</saml:Issuer>{SIG:_a}", "{SIG:_a}")
    }),
    attack(9, "no issuer of a signed response", "saml.issuer_missing", || {
        let mut setup = Setup::fresh();
        setup.replace_first("<saml:Issuer>http://127.0.0.1:7001/idp</saml:Issuer>{SIG:_r}", "{SIG:_r}");
        setup.sign("_r")
    }),
    attack(9, "an issuer that is not an entity", "saml.issuer_mismatch", || {
        Setup::edited("<saml:Issuer>", r#"<saml:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">"#)
    }),
    attack(9, "for another service provider", "saml.audience_mismatch", || expect(|setup| setup.sp = "https://other.test/sp".to_owned())),
    attack(9, "for a service provider whose name begins like ours", "saml.audience_mismatch", || {
        expect(|setup| setup.sp = "https://gw.test/s".to_owned())
    }),
    attack(9, "for two audiences at once, one restriction not ours", "saml.audience_mismatch", || {
        Setup::edited(
            "</saml:AudienceRestriction>",
            "</saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>https://other.test</saml:Audience></saml:AudienceRestriction>",
        )
    }),
    attack(9, "for nobody in particular", "saml.audience_missing", || {
        Setup::edited("<saml:AudienceRestriction><saml:Audience>https://gw.test/sp</saml:Audience></saml:AudienceRestriction>", "")
    }),
    attack(9, "an audience restriction without an audience", "saml.audience_mismatch", || {
        Setup::edited("<saml:Audience>https://gw.test/sp</saml:Audience>", "")
    }),
    attack(9, "a destination elsewhere", "saml.destination_mismatch", || {
        change(" Destination=\"http://127.0.0.1:9999/acs\"", " Destination=\"http://127.0.0.1:9999/acs/\"")
    }),
    attack(9, "no destination", "saml.destination_missing", || change(" Destination=\"http://127.0.0.1:9999/acs\"", "")),
    attack(9, "a recipient elsewhere", "saml.recipient_mismatch", || {
        expect(|setup| {
            setup.acs = "http://127.0.0.1:9999/other".to_owned();
            setup.replace_first(" Destination=\"http://127.0.0.1:9999/acs\"", " Destination=\"http://127.0.0.1:9999/other\"");
        })
    }),
    attack(9, "no recipient", "saml.recipient_missing", || Setup::edited(" Recipient=\"https://gw.test/acs\"", "")),
    attack(9, "the answer to another request", "saml.in_response_to_mismatch", || {
        expect(|setup| setup.request_id = Some("_ours".to_owned()))
    }),
    attack(9, "the answer to another request, the response saying it is ours", "saml.in_response_to_mismatch", || {
        expect(|setup| {
            let old = setup.request_id.replace("_ours".to_owned()).unwrap();
            setup.replace_first(&old, "_ours");
        })
    }),
    attack(9, "no request in the confirmation", "saml.in_response_to_missing", || {
        Setup::edited("https://gw.test/acs\" InResponseTo=\"_request\"/>", "https://gw.test/acs\"/>")
    }),
    attack(9, "no request in the response", "saml.in_response_to_missing", || {
        Setup::edited("https://gw.test/acs\" InResponseTo=\"_request\">", "https://gw.test/acs\">")
    }),
    attack(9, "a response that nobody asked for", "saml.unsolicited", || unsolicited(false)),
    attack(9, "an answer passed off as unsolicited", "saml.unsolicited", || {
        expect(|setup| {
            setup.request_id = None;
            setup.allow_unsolicited = true;
        })
    }),
    attack(9, "an hour late", "saml.expired", || expect(|setup| setup.now = "2026-11-20T10:12:03Z".parse().unwrap())),
    attack(9, "an hour early", "saml.issued_in_future", || expect(|setup| setup.now = "2026-11-20T08:12:03Z".parse().unwrap())),
    attack(9, "an assertion that ended before its confirmation", "saml.expired", || {
        Setup::edited("NotOnOrAfter=\"2026-11-20T09:05:00Z\">", "NotOnOrAfter=\"2026-11-20T08:59:00Z\">")
    }),
    attack(9, "an assertion that has not begun", "saml.not_yet_valid", || {
        Setup::edited("NotBefore=\"2026-11-20T08:59:30Z\"", "NotBefore=\"2026-11-20T09:02:00Z\"")
    }),
    attack(9, "a confirmation that ended before its assertion", "saml.confirmation_expired", || {
        Setup::edited("Data NotOnOrAfter=\"2026-11-20T09:05:00Z\"", "Data NotOnOrAfter=\"2026-11-20T08:59:00Z\"")
    }),
    attack(9, "a confirmation that has not begun", "saml.confirmation_not_yet_valid", || {
        Setup::edited("Data NotOnOrAfter", "Data NotBefore=\"2026-11-20T09:02:00Z\" NotOnOrAfter")
    }),
    attack(9, "a confirmation without an end", "saml.confirmation_unbounded", || {
        Setup::edited("Data NotOnOrAfter=\"2026-11-20T09:05:00Z\"", "Data")
    }),
    attack(9, "an instant that is none", "saml.instant_invalid", || {
        Setup::edited("NotBefore=\"2026-11-20T08:59:30Z\"", "NotBefore=\"yesterday\"")
    }),
    attack(9, "no IssueInstant", "saml.instant_invalid", || {
        Setup::edited("ID=\"_a\" Version=\"2.0\" IssueInstant=\"2026-11-20T09:00:00Z\"", "ID=\"_a\" Version=\"2.0\"")
    }),
    attack(9, "signed in tomorrow", "saml.issued_in_future", || Setup::edited("AuthnInstant=\"2026-11-20T", "AuthnInstant=\"2026-11-21T")),
    attack(9, "a session that ended", "saml.session_expired", || {
        Setup::edited("SessionIndex=", "SessionNotOnOrAfter=\"2026-11-20T08:00:00Z\" SessionIndex=")
    }),
    attack(9, "holder of key only", "saml.bearer_missing", || Setup::edited("cm:bearer", "cm:holder-of-key")),
    attack(9, "no confirmation data", "saml.confirmation_data_missing", || {
        Setup::edited(
            "<saml:SubjectConfirmationData NotOnOrAfter=\"2026-11-20T09:05:00Z\" Recipient=\"https://gw.test/acs\" InResponseTo=\"_request\"/>",
            "",
        )
    }),
    attack(9, "no conditions", "saml.conditions_missing", || {
        let conditions = Setup::fresh().element("saml:Conditions");
        Setup::edited(&conditions, "")
    }),
    attack(9, "a condition that nobody knows", "saml.condition_unknown", || {
        Setup::edited("</saml:Conditions>", "<x:OnlyInside xmlns:x=\"urn:x\"/></saml:Conditions>")
    }),
    attack(9, "no subject", "saml.subject_missing", || {
        let subject = Setup::fresh().element("saml:Subject");
        Setup::edited(&subject, "")
    }),
    attack(9, "no NameID", "saml.name_id_missing", || Setup::edited("<saml:NameID>alice</saml:NameID>", "")),
    attack(9, "an encrypted NameID", "saml.encrypted_part", || Setup::edited("<saml:NameID>alice</saml:NameID>", "<saml:EncryptedID/>")),
    attack(9, "an encrypted attribute", "saml.encrypted_part", || {
        Setup::edited("</saml:AttributeStatement>", "<saml:EncryptedAttribute/></saml:AttributeStatement>")
    }),
    attack(9, "no authentication statement", "saml.authn_statement_missing", || {
        let statement = Setup::fresh().element("saml:AuthnStatement");
        Setup::edited(&statement, "")
    }),
    attack(9, "an attribute without a name", "saml.attribute_invalid", || Setup::edited(" Name=\"groups\"", "")),
    attack(9, "status not success", "saml.status_not_success", || change("status:Success", "status:Requester")),
    attack(9, "success below a failure", "saml.status_not_success", || {
        change(
            "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>",
            "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:StatusCode>",
        )
    }),
    attack(9, "no status", "saml.status_not_success", || {
        let status = Setup::capture(GENUINE).element("samlp:Status");
        change(&status, "")
    }),
    attack(9, "a successful response without an assertion", "saml.assertion_missing", || {
        let assertion = Setup::capture(GENUINE).element("saml:Assertion");
        change(&assertion, "")
    }),
    attack(9, "version 1.1 of the response", "saml.version_unsupported", || change("Version=\"2.0\"", "Version=\"1.1\"")),
    attack(9, "version 2.1 of the assertion", "saml.version_unsupported", || {
        Setup::edited("ID=\"_a\" Version=\"2.0\"", "ID=\"_a\" Version=\"2.1\"")
    }),
    attack(9, "elements in another order", "saml.unexpected_element", || {
        let status = Setup::capture(GENUINE).element("samlp:Status");
        let mut setup = change(&status, "");
        setup.replace_first("</samlp:Response>", &format!("{status}</samlp:Response>"));
        setup
    }),
    attack(9, "text between the elements", "saml.unexpected_content", || change("<samlp:Status>", "admin<samlp:Status>")),
];

fn change(from: &str, to: &str) -> Setup {
    expect(|setup| setup.replace_first(from, to))
}

/// The genuine capture, with other expectations.
fn expect(edit: impl FnOnce(&mut Setup)) -> Setup {
    let mut setup = Setup::capture(GENUINE);
    edit(&mut setup);
    setup
}

/// A fresh response that names no request.
pub(crate) fn unsolicited(allowed: bool) -> Setup {
    let mut setup = Setup::fresh();
    setup.replace(" InResponseTo=\"_request\"", "");
    setup.request_id = None;
    setup.allow_unsolicited = allowed;
    setup.sign("_a")
}
