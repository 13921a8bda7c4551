//! The development identity provider: what it sends, the real verifier accepts.

use std::time::Duration;

use saml::idp::{Answer, AnswerAttribute, Signing, failure, metadata_xml};
use saml::{EntityId, Expected, IdpMetadata, ServiceProvider, verify_response};
use url::Url;

use crate::setup::sp_key;

#[test]
fn a_whole_sign_in_with_markup_in_every_value() {
    let key = sp_key("idp");
    let issuer = EntityId::parse("http://127.0.0.1:8090/saml?a=1&b=2").unwrap();
    let sso = Url::parse("http://127.0.0.1:8090/sso?a=1&b=2").unwrap();
    let acs_url = Url::parse("http://127.0.0.1:8080/acs?x=<&y=\"").unwrap();
    let now = "2026-11-20T09:00:00.5Z".parse().unwrap();
    let idp = IdpMetadata::parse(metadata_xml(&issuer, &sso, None, &key).as_bytes(), None, now).unwrap();
    assert_eq!((&idp.entity_id, &idp.sso[0].location), (&issuer, &sso));
    let sp = ServiceProvider {
        entity_id: EntityId::parse("https://gw.test/<sp>").unwrap(),
        acs_url: acs_url.clone(),
        slo_url: None,
        keys: vec![sp_key("sp")],
    };
    let attributes =
        [AnswerAttribute { name: "gr&oups".to_owned(), values: vec!["<Sales & \"Söner\">".to_owned(), "tab\tline\nend\r".to_owned()] }];
    for signing in [Signing::Assertion, Signing::Response, Signing::Both] {
        let answer = Answer {
            issuer: &issuer,
            audience: &sp.entity_id,
            acs_url: &acs_url,
            in_response_to: Some("_request"),
            name_id: "alice & <bob>",
            name_id_format: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
            attributes: &attributes,
            now,
            lifetime: Duration::from_mins(5),
            authn_context: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            session_index: "_s&1",
            random: std::array::from_fn(|at| u8::try_from(at).unwrap()),
            signing,
            encryption: None,
        };
        let expected = Expected::new(&idp, &sp, &acs_url, Some("_request"), now);
        let found = verify_response(answer.to_form_field(&key).unwrap().as_bytes(), &expected).unwrap();
        assert_eq!(found.name_id.value, "alice & <bob>");
        assert_eq!(found.values("gr&oups").collect::<Vec<_>>(), attributes[0].values);
        assert_eq!(found.session_index.as_deref(), Some("_s&1"));
    }
    let failed = failure(&issuer, &acs_url, "_request", "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed", [2; 16], now);
    let expected = Expected::new(&idp, &sp, &acs_url, Some("_request"), now);
    let error = verify_response(crate::bindings::base64(failed.as_bytes()).as_bytes(), &expected).unwrap_err();
    assert_eq!(error.code(), "saml.status_not_success");
    let text = error.to_string();
    assert!(text.contains("status:Responder / urn:oasis:names:tc:SAML:2.0:status:AuthnFailed: the person could not prove"), "{text}");
    // Doorward never asks for it; an identity provider that says so all the same gets words, and is quoted.
    let failed = failure(&issuer, &acs_url, "_request", "urn:oasis:names:tc:SAML:2.0:status:NoPassive", [3; 16], now);
    let quoted = failed.replace("</samlp:Status>", "<samlp:StatusMessage>\u{9}sign in\u{202e} first </samlp:StatusMessage></samlp:Status>");
    assert_ne!(failed, quoted);
    let error = verify_response(crate::bindings::base64(quoted.as_bytes()).as_bytes(), &expected).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.code(), "saml.status_not_success");
    assert!(
        text.contains("status:NoPassive: it was to sign the person in without a question") && text.contains("its own words: sign in"),
        "{text}"
    );
}
