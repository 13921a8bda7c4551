//! A SAML identity provider whose key the test holds: who its assertions name, which groups they leave out, and
//! answers that nobody asked for.

use oauth::jwt::SigningKey;
use saml::EntityId;
use saml::idp::{Answer, AnswerAttribute, IdpKey, Signing, metadata_xml, parse_redirect_request};
use url::Url;

use crate::browser::{Browser, From, Page};
use crate::world::{PUBLIC_URL, World, answer, noon, plain_configuration};

const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
// Nothing listens there: the browser only learns the address.
const SSO: &str = "http://127.0.0.1:9/sso";

/// IdP, NameID, attributes; the subject and groups, or the refusal.
type Case<'a> = (&'a str, (&'a str, &'a str), &'a [(&'a str, &'a str)], Result<(&'a str, &'a [&'a str]), &'a str>);

struct Portal {
    world: World,
    entity_id: EntityId,
    key: IdpKey,
}

impl Portal {
    async fn new() -> Self {
        let clock = noon();
        let pkcs8 = SigningKey::generate_rsa_pkcs8().unwrap();
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.expose().as_slice().into(), &rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
        let key = IdpKey::from_pkcs8(pkcs8.expose(), certificate.der().to_vec()).unwrap();
        let entity_id = EntityId::parse("https://portal.example/idp").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("portal.xml"), metadata_xml(&entity_id, &SSO.parse().unwrap(), None, &key)).unwrap();
        let yaml = plain_configuration(
            "  portal: { saml: { metadata_file: portal.xml, username_attribute: uid, allow_idp_initiated: true } }
  strict: { saml: { metadata_file: portal.xml } }
  formatted: { saml: { metadata_file: portal.xml, name_id_format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' } }",
        );
        Self { world: World::of(&yaml, folder, clock, Vec::new()).await, entity_id, key }
    }

    /// A signed answer of the portal.
    fn answer(&self, idp: &str, request: Option<&str>, name_id: (&str, &str), attributes: &[(&str, &str)]) -> String {
        let attributes: Vec<AnswerAttribute> = attributes
            .iter()
            .map(|(name, value)| AnswerAttribute { name: (*name).to_owned(), values: value.split('|').map(str::to_owned).collect() })
            .collect();
        let answer = Answer {
            issuer: &self.entity_id,
            audience: &EntityId::parse(&format!("{PUBLIC_URL}/saml/metadata")).unwrap(),
            acs_url: &acs(idp),
            in_response_to: request,
            name_id: name_id.1,
            name_id_format: name_id.0,
            attributes: &attributes,
            now: self.world.clock.now(),
            lifetime: std::time::Duration::from_mins(1),
            session_index: "s1",
            random: self.world.app.random.bytes().unwrap(),
            signing: Signing::Assertion,
            encryption: None,
        };
        answer.to_form_field(&self.key).unwrap()
    }

    /// Posts an answer from the portal's page, and goes on to the end.
    async fn post(&self, browser: &mut Browser, idp: &str, response: &str, relay_state: &str) -> Page {
        let portal: Url = "https://portal.example/".parse().unwrap();
        let mut page = browser.post(&acs(idp), &[("SAMLResponse", response), ("RelayState", relay_state)], From::Site(&portal)).await;
        while let Some(next) = answer(browser, &page, "nobody", "nobody").await {
            page = next;
        }
        page
    }

    /// A browser that was sent to the portal; gives the request's id and the RelayState.
    async fn begin(&self, idp: &str) -> (Browser, String, String) {
        let mut browser = self.world.browser();
        let choice = browser.open("/login/start").await;
        let page = browser.submit(&choice, &choice.only_form(), Some(idp)).await;
        let target: Url = page.refresh().unwrap().parse().unwrap();
        let request = parse_redirect_request(target.query().unwrap(), None).unwrap();
        (browser, request.id, request.relay_state.unwrap())
    }
}

fn acs(idp: &str) -> Url {
    format!("{PUBLIC_URL}/login/saml/{idp}/acs").parse().unwrap()
}

#[tokio::test]
async fn who_an_assertion_names() {
    let portal = Portal::new().await;
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

#[tokio::test]
async fn an_answer_that_nobody_asked_for() {
    let portal = Portal::new().await;
    let response = |idp: &str, request: Option<&str>| portal.answer(idp, request, (EMAIL, "zoe@example.com"), &[]);
    let once = response("portal", None);
    let cases = [
        ("strict", response("strict", None), "login.unsolicited_response"),
        ("portal", response("portal", Some("_0123456789abcdef0123456789abcdef")), "saml.unsolicited"),
        ("portal", response("strict", None), "saml.destination_mismatch"),
    ];
    for (idp, response, code) in &cases {
        for relay_state in ["", "https://evil.example/", "//evil.example"] {
            let mut browser = portal.world.browser();
            let page = portal.post(&mut browser, idp, response, relay_state).await;
            assert_eq!(page.code().as_deref(), Some(*code), "{relay_state} {}", page.text());
            assert_eq!(browser.cookie("session"), None);
        }
    }
    let mut browser = portal.world.browser();
    let page = portal.post(&mut browser, "portal", &once, "https://evil.example/").await;
    assert_eq!(
        (page.url.as_str(), page.html.contains("You are signed in")),
        ("https://mcp.example.com/", true),
        "RelayState leads nowhere"
    );
    // Security.md K5: once, in whichever browser.
    let mut thief = portal.world.browser();
    let page = portal.post(&mut thief, "portal", &once, "").await;
    assert_eq!((page.code().as_deref(), thief.cookie("session")), (Some("login.assertion_replayed"), None));
}
