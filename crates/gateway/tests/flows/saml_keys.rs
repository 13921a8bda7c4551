//! Keys and metadata of a SAML identity provider that change, end or break while the gateway runs.

use saml::idp::aggregate_xml;
use serde_json::Value;

use crate::browser::Page;
use crate::portal::{Portal, key};

const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
/// Two, so that there is a page to choose on.
const PROVIDERS: &str = "  portal: { saml: { metadata_file: portal.xml } }
  strict: { saml: { metadata_file: portal.xml, expired_certificates: refuse } }";

/// One whole sign-in with the key that the portal has now.
async fn sign_in(portal: &Portal, idp: &str) -> Page {
    let (mut browser, request, relay_state) = portal.begin(idp).await;
    let response = portal.answer(idp, Some(&request), (EMAIL, "zoe@example.com"), &[]);
    portal.post(&mut browser, idp, &response, &relay_state).await
}

fn outcome(page: &Page) -> Result<(), String> {
    if page.html.contains("You are signed in") { Ok(()) } else { Err(page.code().unwrap_or_else(|| page.text())) }
}

fn told(portal: &Portal) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = portal.world.events(&["idp_metadata_failing", "idp_metadata_recovered", "idp_certificate_expired"]);
    events.iter().map(|event| (text(&event["kind"]), text(&event["code"]), text(&event["detail"]["in_use"]))).collect()
}

#[tokio::test]
async fn a_rotated_key_is_picked_up_by_the_first_answer_that_it_signs() {
    let mut portal = Portal::new(PROVIDERS).await;
    assert_eq!(outcome(&sign_in(&portal, "portal").await), Ok(()));
    portal.world.wait(60);
    // The identity provider changes its key at once, and publishes it; no refresh has run yet.
    portal.key = key((2020, 2040));
    portal.publish(&portal.metadata(&portal.key));
    assert_eq!(outcome(&sign_in(&portal, "portal").await), Ok(()));
    // A key that nobody published: the metadata is read again once in half a minute, and the answer stays refused.
    portal.world.wait(60);
    let published = std::mem::replace(&mut portal.key, key((2020, 2040)));
    let page = sign_in(&portal, "portal").await;
    assert_eq!(outcome(&page), Err("saml.signature_invalid".to_owned()));
    assert!(page.text().contains("does not verify with any signing key"), "{}", page.text());
    // Now it is published, but the last attempt was a moment ago.
    portal.publish(&portal.metadata(&portal.key));
    assert_eq!(outcome(&sign_in(&portal, "portal").await), Err("saml.signature_invalid".to_owned()));
    portal.world.wait(30);
    assert_eq!(outcome(&sign_in(&portal, "portal").await), Ok(()));
    // The key that was taken back verifies nothing any more.
    portal.key = published;
    portal.world.wait(30);
    assert_eq!(outcome(&sign_in(&portal, "portal").await), Err("saml.signature_invalid".to_owned()));
}

#[tokio::test]
async fn a_certificate_past_its_dates_warns_or_refuses() {
    let portal = Portal::with_key(PROVIDERS, key((2020, 2026))).await;
    for _ in 0..2 {
        assert_eq!(outcome(&sign_in(&portal, "portal").await), Ok(()));
    }
    let alarm = ("idp_certificate_expired".to_owned(), "saml.certificate_expired".to_owned(), String::new());
    assert_eq!(told(&portal), [alarm], "once, not for every sign-in");
    assert_eq!(outcome(&sign_in(&portal, "strict").await), Err("saml.certificate_expired".to_owned()));
    let refusals = portal.world.events(&["sign_in_refused"]);
    let reason = refusals[0]["detail"]["reason"].as_str().unwrap();
    assert!(reason.contains("2026-01-01T00:00:00Z") && reason.contains("2026-11-20T12:00:00Z"), "needed against received: {reason}");
}

#[tokio::test]
async fn the_last_good_metadata_stays_with_an_alarm_and_an_end() {
    let portal = Portal::new(PROVIDERS).await;
    let round = || gateway::login::refresh_metadata(&portal.world.app);
    let good = portal.metadata(&portal.key);
    round().await;
    assert_eq!(told(&portal), []);
    portal.publish("<html>maintenance</html>");
    for _ in 0..3 {
        portal.world.wait(60);
        round().await;
    }
    let failing = |in_use: &str| ("idp_metadata_failing".to_owned(), "saml.metadata_not_saml".to_owned(), in_use.to_owned());
    let recovered = ("idp_metadata_recovered".to_owned(), String::new(), "new".to_owned());
    // One for each of the two identity providers.
    assert_eq!(told(&portal), [failing("last good"), failing("last good")]);
    assert_eq!(outcome(&sign_in(&portal, "portal").await), Ok(()));
    portal.world.wait(60);
    portal.publish(&good);
    round().await;
    assert_eq!(told(&portal)[2..], [recovered.clone(), recovered]);
    portal.publish("");
    portal.world.wait(8 * 24 * 3600);
    round().await;
    assert_eq!(told(&portal)[4].2, "none");
    let page = sign_in_begin(&portal).await;
    assert_eq!(page.code().as_deref(), Some("login.idp_metadata_unavailable"), "{}", page.text());
    assert!(page.text().contains("saml.xml_malformed"), "the cause is named: {}", page.text());
}

/// The page after the choice, where the sign-in cannot begin.
async fn sign_in_begin(portal: &Portal) -> Page {
    let mut browser = portal.world.browser();
    let choice = browser.open("/login/start").await;
    browser.submit(&choice, &choice.only_form(), Some("portal")).await
}

#[tokio::test]
async fn metadata_without_the_signature_that_is_asked_for_lets_nobody_in() {
    let federation = key((2020, 2040));
    let providers = "  portal: { saml: { metadata_file: portal.xml, metadata_signing_certificate: federation.pem } }
  open: { saml: { metadata_file: portal.xml } }";
    let portal = Portal::signed_by(providers, &federation).await;
    let member = portal.metadata(&portal.key);
    let (_, entity) = member.split_once("?>").unwrap();
    let cases = [
        (member.clone(), Some("saml.metadata_not_signed")),
        (aggregate_xml(entity, &portal.key).unwrap(), Some("saml.metadata_signature_invalid")),
        (aggregate_xml(entity, &federation).unwrap().replace("127.0.0.1:9/sso", "127.0.0.1:6/sso"), Some("saml.metadata_changed")),
        (aggregate_xml(entity, &federation).unwrap(), None),
    ];
    for (text, refusal) in cases {
        portal.publish(&text);
        portal.world.wait(60);
        let page = sign_in_begin(&portal).await;
        match refusal {
            Some(cause) => {
                assert_eq!(page.code().as_deref(), Some("login.idp_metadata_unavailable"), "{cause} {}", page.text());
                assert!(page.text().contains(cause), "{cause}: {}", page.text());
            }
            None => assert_eq!(outcome(&sign_in(&portal, "portal").await), Ok(())),
        }
    }
}

/// The certificates of our published metadata: for signing, for encryption; its signature is checked with the first.
async fn our_certificates(portal: &Portal) -> Vec<Vec<u8>> {
    let xml = portal.world.browser().open("/saml/portal/metadata").await.html;
    let decode = |text: &str| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap();
    let certificates = |usage: &str| {
        let start = format!(r#"<md:KeyDescriptor use="{usage}">"#);
        let descriptors = xml.split(&start).skip(1);
        descriptors.map(|part| decode(part.split("X509Certificate>").nth(1).unwrap().trim_end_matches("</ds:"))).collect::<Vec<_>>()
    };
    let signing = certificates("signing");
    assert_eq!(signing, certificates("encryption"));
    let signer = saml::SigningCertificate::from_der(&signing[0]).unwrap().unwrap();
    let judged = saml::IdpMetadata::parse_signed(xml.as_bytes(), None, &[signer], portal.world.clock.now());
    assert_eq!(judged.unwrap_err().code(), "saml.metadata_no_identity_provider", "the signature was verified before");
    signing
}

#[tokio::test]
async fn our_key_is_exchanged_without_an_interruption() {
    let mut portal = Portal::new(PROVIDERS).await;
    let app = std::sync::Arc::clone(&portal.world.app);
    let now = || app.clock.now();
    let first = our_certificates(&portal).await;
    portal.encrypts_to = Some(first[0].clone());
    assert_eq!(outcome(&sign_in(&portal, "portal").await), Ok(()));
    // The next key is published, and an identity provider that encrypts to it already is understood.
    app.keys.next_saml_key(now()).await.unwrap();
    let both = our_certificates(&portal).await;
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    portal.encrypts_to = Some(both[1].clone());
    assert_eq!(outcome(&sign_in(&portal, "portal").await), Ok(()));
    // It signs; an identity provider with old metadata still encrypts to the old key.
    portal.world.wait(24 * 3600);
    app.keys.activate_saml_key(false, now()).await.unwrap();
    assert_eq!(our_certificates(&portal).await, [both[1].clone()]);
    portal.encrypts_to = Some(first[0].clone());
    assert_eq!(outcome(&sign_in(&portal, "portal").await), Ok(()));
    let previous = app.keys.saml_keys().await.unwrap().remove(1);
    app.keys.retire_saml_key(&previous.kid, now()).await.unwrap();
    assert_eq!(outcome(&sign_in(&portal, "portal").await), Err("saml.decryption_failed".to_owned()));
}
