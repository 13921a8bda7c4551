//! A SAML identity provider whose key the test holds: who its assertions name, which groups they leave out, and
//! answers that nobody asked for.

use crate::portal::Portal;

const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
/// A name; an attribute; text that is replaced in the answer before it is signed; the outcome.
type Odd = (&'static str, (&'static str, &'static str), (&'static str, &'static str), Result<(), &'static str>);

const PROVIDERS: &str = "  portal: { saml: { metadata_file: portal.xml, username_attribute: uid, allow_idp_initiated: true, idp_initiated_targets: [/, /ui/] } }
  fresh: { saml: { metadata_file: portal.xml, allow_idp_initiated: true, force_authn: true } }
  strict: { saml: { metadata_file: portal.xml } }
  formatted: { saml: { metadata_file: portal.xml, name_id_format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' } }";

/// IdP, NameID, attributes; the subject and groups, or the refusal.
type Case<'a> = (&'a str, (&'a str, &'a str), &'a [(&'a str, &'a str)], Result<(&'a str, &'a [&'a str]), &'a str>);

#[tokio::test]
async fn who_an_assertion_names() {
    let portal = Portal::new(PROVIDERS).await;
    let subject_id = "urn:oasis:names:tc:SAML:attribute:subject-id";
    let pairwise_id = "urn:oasis:names:tc:SAML:attribute:pairwise-id";
    let link = "http://schemas.microsoft.com/claims/groups.link";
    let cases: [Case<'_>; 13] = [
        ("strict", (EMAIL, "zoe@example.com"), &[("groups", "a|b,c")], Ok(("zoe@example.com", &["a", "b,c"]))),
        ("strict", (EMAIL, "zoe@example.com"), &[("memberOf", "a")], Ok(("zoe@example.com", &[]))),
        ("strict", (TRANSIENT, "_x1"), &[("uid", "zoe")], Err("login.subject_not_stable")),
        ("strict", (TRANSIENT, "_x2"), &[(subject_id, "zoe@scope")], Ok(("zoe@scope", &[]))),
        ("strict", (TRANSIENT, "_x3"), &[(pairwise_id, "p1@scope")], Ok(("p1@scope", &[]))),
        ("portal", (TRANSIENT, "_x4"), &[("uid", "zoe")], Ok(("zoe", &[]))),
        ("portal", (TRANSIENT, "_x5"), &[("uid", "")], Err("login.subject_not_stable")),
        // Who changes the format in the request would be another person here: a disabled one would be let in anew.
        ("formatted", (PERSISTENT, "p7"), &[], Ok(("p7", &[]))),
        ("formatted", (EMAIL, "zoe@example.com"), &[], Err("login.name_id_format_mismatch")),
        ("formatted", (UNSPECIFIED, "zoe"), &[], Err("login.name_id_format_mismatch")),
        ("formatted", (TRANSIENT, "_x6"), &[(subject_id, "zoe@scope")], Err("login.name_id_format_mismatch")),
        ("strict", (EMAIL, "zoe@example.com"), &[(link, "https://graph.example/")], Err("login.groups_overage")),
        ("strict", (EMAIL, "zoe@example.com"), &[(link, "https://graph.example/"), ("groups", "a")], Err("login.groups_overage")),
    ];
    for (idp, name_id, attributes, expected) in cases {
        let (mut browser, request, relay_state) = portal.begin(idp).await;
        let response = portal.answer(idp, Some(&request), name_id, attributes);
        let page = portal.post(&mut browser, idp, &response, &relay_state).await;
        match expected {
            Err(code) => assert_eq!(page.code().as_deref(), Some(code), "{attributes:?} {}", page.text()),
            Ok((subject, groups)) => {
                assert!(page.html.contains("You are signed in"), "{attributes:?} {}", page.text());
                let users = portal.world.app.store.list_users(None, 100).await.unwrap();
                let user = users.iter().find(|user| user.subject == subject && user.idp == idp).expect(subject);
                assert_eq!(
                    (user.issuer.as_str(), user.groups.as_slice()),
                    (portal.entity_id.as_str(), groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>().as_slice())
                );
            }
        }
    }
}

/// Who begins at the IdP cannot be asked to authenticate anew; that it was recent enough is looked at all the same.
#[tokio::test]
async fn an_old_sign_in_is_not_fresh_because_nobody_asked_for_it() {
    let mut portal = Portal::new(PROVIDERS).await;
    let instant = r#"AuthnInstant="2026-11-20T12:00:00Z""#;
    let cases = [
        ("portal", r#"AuthnInstant="2026-11-20T04:00:00Z""#, None),
        ("fresh", r#"AuthnInstant="2026-11-20T11:50:00Z""#, None),
        ("fresh", r#"AuthnInstant="2026-11-20T11:48:00Z""#, Some("login.reauthentication_missing")),
    ];
    for (idp, written, code) in cases {
        portal.edit = Some((instant, written));
        let response = portal.answer(idp, None, (EMAIL, "zoe@example.com"), &[]);
        let mut browser = portal.world.browser();
        let page = portal.post(&mut browser, idp, &response, "").await;
        assert_eq!(page.code().as_deref(), code, "{idp} {written} {}", page.text());
        assert_eq!(browser.cookie("session").is_none(), code.is_some(), "{idp} {written}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for() {
    let portal = Portal::new(PROVIDERS).await;
    let response = |idp: &str, request: Option<&str>| portal.answer(idp, request, (EMAIL, "zoe@example.com"), &[]);
    let once = response("portal", None);
    let cases = [
        ("strict", response("strict", None), "login.unsolicited_response"),
        ("portal", response("portal", Some("_0123456789abcdef0123456789abcdef")), "saml.unsolicited"),
        ("portal", response("strict", None), "saml.destination_mismatch"),
    ];
    for (idp, response, code) in &cases {
        for relay_state in ["", "/"] {
            let mut browser = portal.world.browser();
            let page = portal.post(&mut browser, idp, response, relay_state).await;
            assert_eq!(page.code().as_deref(), Some(*code), "{relay_state} {}", page.text());
            assert_eq!(browser.cookie("session"), None);
        }
    }
    let mut browser = portal.world.browser();
    // A RelayState outside of the list: refused before the assertion is used up.
    let outside = [
        "https://evil.example/",
        "//evil.example",
        "/\\evil",
        "/logout",
        "/?x",
        "/ ",
        " /",
        "/ui/people/../..",
        "/UI/",
        "javascript:alert(1)",
    ];
    for relay_state in outside {
        let page = portal.post(&mut browser, "portal", &once, relay_state).await;
        assert_eq!(page.code().as_deref(), Some("login.idp_initiated_target"), "{relay_state}");
        assert!(!page.html.contains("evil"), "the page does not show where to: {}", page.html);
        assert_eq!(browser.cookie("session"), None);
    }
    let reasons = portal.world.events(&["sign_in_refused"]);
    let reason = reasons.iter().rev().find_map(|event| event["detail"]["reason"].as_str()).unwrap();
    assert!(reason.contains("javascript:alert(1)") && reason.contains("/, /ui/"), "{reason}");
    let page = portal.post(&mut browser, "portal", &once, "/").await;
    assert_eq!((page.url.as_str(), page.html.contains("You are signed in")), ("https://mcp.example.com/", true));
    // Security.md K5: once, in whichever browser.
    let mut thief = portal.world.browser();
    let page = portal.post(&mut thief, "portal", &once, "").await;
    assert_eq!((page.code().as_deref(), thief.cookie("session")), (Some("login.assertion_replayed"), None));
}

#[tokio::test]
async fn what_an_attribute_may_not_be() {
    let mut portal = Portal::new(PROVIDERS).await;
    let subject_id = "urn:oasis:names:tc:SAML:attribute:subject-id";
    let value = "<saml:AttributeValue>a</saml:AttributeValue>";
    let element = "<saml:AttributeValue>a</saml:AttributeValue><saml:AttributeValue><saml:NameID>b</saml:NameID></saml:AttributeValue>";
    let cases: [Odd; 5] = [
        ("a group that is an element", ("groups", "a"), (value, element), Err("login.attribute_structured")),
        ("an element in an attribute that nobody needs", ("other", "a"), (value, element), Ok(())),
        ("a NameID that is encrypted", ("other", "a"), ("saml:NameID", "saml:EncryptedID"), Err("saml.encrypted_part")),
        ("a subject by its Name", (subject_id, "zoe"), ("emailAddress", "emailAddress"), Ok(())),
        ("text alone", ("groups", "a"), (value, value), Ok(())),
    ];
    for (name, attribute, edit, expected) in cases {
        portal.edit = Some(edit);
        let (mut browser, request, relay_state) = portal.begin("strict").await;
        let response = portal.answer("strict", Some(&request), (EMAIL, "zoe@example.com"), &[attribute]);
        let page = portal.post(&mut browser, "strict", &response, &relay_state).await;
        let outcome = if page.html.contains("You are signed in") { Ok(()) } else { Err(page.code().unwrap_or_default()) };
        assert_eq!(outcome, expected.map_err(str::to_owned), "{name}: {}", page.text());
    }
    // A name for people to read is nobody's subject: with a transient NameID only the `Name` counts.
    let named = r#"Name="urn:oasis:names:tc:SAML:attribute:subject-id""#;
    let friendly = r#"Name="x" FriendlyName="urn:oasis:names:tc:SAML:attribute:subject-id""#;
    for (edit, expected) in [((named, named), None), ((named, friendly), Some("login.subject_not_stable"))] {
        portal.edit = Some(edit);
        let (mut browser, request, relay_state) = portal.begin("strict").await;
        let response = portal.answer("strict", Some(&request), (TRANSIENT, "_x"), &[(subject_id, "zoe@scope")]);
        let page = portal.post(&mut browser, "strict", &response, &relay_state).await;
        assert_eq!(page.code().as_deref(), expected, "{}", page.text());
    }
}
