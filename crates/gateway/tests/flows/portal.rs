//! A SAML identity provider whose key the test holds, in front of a Doorward that reads its metadata from a file.

use gateway::clock::Clock;
use oauth::jwt::SigningKey;
use saml::EntityId;
use saml::idp::{Answer, AnswerAttribute, Encryption, IdpKey, Signing, metadata_xml, parse_redirect_request, sign_response};
use url::Url;

use crate::browser::{Browser, From, Page};
use crate::world::{PUBLIC_URL, World, answer, noon, plain_configuration};

// Nothing listens there: the browser only learns the address.
const SSO: &str = "http://127.0.0.1:9/sso";

pub(crate) struct Portal {
    pub(crate) world: World,
    pub(crate) entity_id: EntityId,
    pub(crate) key: IdpKey,
    /// Our certificate, as the portal has it: it encrypts to it, if it has one.
    pub(crate) encrypts_to: Option<Vec<u8>>,
    /// What it writes in another way than usual, before it signs.
    pub(crate) edit: Option<(&'static str, &'static str)>,
}

/// A new key with a certificate of these years.
pub(crate) fn key(years: (i32, i32)) -> IdpKey {
    let pkcs8 = SigningKey::generate_rsa_pkcs8().unwrap();
    let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.expose().as_slice().into(), &rcgen::PKCS_RSA_SHA256).unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let certificate = parameters.self_signed(&pair).unwrap();
    IdpKey::from_pkcs8(pkcs8.expose(), certificate.der().to_vec()).unwrap()
}

impl Portal {
    /// With these identity providers in the configuration, whose metadata is `portal.xml`.
    pub(crate) async fn new(identity_providers: &str) -> Self {
        Self::with_key(identity_providers, key((2020, 2040))).await
    }

    pub(crate) async fn with_key(identity_providers: &str, key: IdpKey) -> Self {
        let entity_id = EntityId::parse("https://portal.example/idp").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("portal.xml"), metadata(&entity_id, &key)).unwrap();
        let clock: Clock = noon();
        Self {
            world: World::of(&plain_configuration(identity_providers), folder, clock, Vec::new()).await,
            entity_id,
            key,
            encrypts_to: None,
            edit: None,
        }
    }

    /// With `federation.pem` beside the metadata.
    pub(crate) async fn signed_by(identity_providers: &str, federation: &IdpKey) -> Self {
        let (entity_id, key) = (EntityId::parse("https://portal.example/idp").unwrap(), key((2020, 2040)));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("portal.xml"), metadata(&entity_id, &key)).unwrap();
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, federation.certificate_der().unwrap());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        std::fs::write(folder.path().join("federation.pem"), pem).unwrap();
        Self {
            world: World::of(&plain_configuration(identity_providers), folder, noon(), Vec::new()).await,
            entity_id,
            key,
            encrypts_to: None,
            edit: None,
        }
    }

    /// Its metadata with this key.
    pub(crate) fn metadata(&self, key: &IdpKey) -> String {
        metadata(&self.entity_id, key)
    }

    /// Puts another text in the place of the metadata.
    pub(crate) fn publish(&self, text: &str) {
        std::fs::write(self.world.folder().join("portal.xml"), text).unwrap();
    }

    /// A signed answer of the portal.
    pub(crate) fn answer(&self, idp: &str, request: Option<&str>, name_id: (&str, &str), attributes: &[(&str, &str)]) -> String {
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
            authn_context: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            session_index: "s1",
            random: self.world.app.random.bytes().unwrap(),
            signing: if self.edit.is_some() { Signing::Nothing } else { Signing::Assertion },
            encryption: self.encrypts_to.as_ref().map(|certificate_der| Encryption {
                certificate_der,
                key: self.world.app.random.bytes().unwrap(),
                nonce: self.world.app.random.bytes().unwrap(),
            }),
        };
        match self.edit {
            None => answer.to_form_field(&self.key).unwrap(),
            Some((from, to)) => {
                let xml = answer.to_xml(&self.key).unwrap();
                assert!(xml.contains(from), "{from:?} is not in {xml}");
                let signed = sign_response(&xml.replace(from, to), &self.key).unwrap();
                base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signed)
            }
        }
    }

    /// Posts an answer from the portal's page, and goes on to the end.
    pub(crate) async fn post(&self, browser: &mut Browser, idp: &str, response: &str, relay_state: &str) -> Page {
        let portal: Url = "https://portal.example/".parse().unwrap();
        let mut page = browser.post(&acs(idp), &[("SAMLResponse", response), ("RelayState", relay_state)], From::Site(&portal)).await;
        while let Some(next) = answer(browser, &page, "nobody", "nobody").await {
            page = next;
        }
        page
    }

    /// A browser that was sent to the portal; gives the request's id and the RelayState.
    pub(crate) async fn begin(&self, idp: &str) -> (Browser, String, String) {
        let mut browser = self.world.browser();
        let choice = browser.open("/login/start").await;
        let page = browser.submit(&choice, &choice.only_form(), Some(idp)).await;
        let target: Url = page.refresh().unwrap().parse().unwrap();
        let request = parse_redirect_request(target.query().unwrap(), None).unwrap();
        (browser, request.id, request.relay_state.unwrap())
    }
}

fn metadata(entity_id: &EntityId, key: &IdpKey) -> String {
    metadata_xml(entity_id, &SSO.parse().unwrap(), None, key)
}

fn acs(idp: &str) -> Url {
    format!("{PUBLIC_URL}/login/saml/{idp}/acs").parse().unwrap()
}
