//! One Doorward with two identity providers behind it, and the steps of a person through a sign-in.

use std::sync::Arc;

use devkit::SECOND_FACTOR;
use devkit::loopback::Running;
use devkit::{idp_oidc, idp_saml, loopback};
use gateway::app::{App, SharedApp};
use gateway::clock::Clock;
use gateway::config::Config;
use gateway::routes;
use jiff::{SignedDuration, Timestamp};
use saml::idp::Signing;
use saml::{EntityId, SigningCertificate};
use serde_json::Value;
use tempfile::TempDir;

use crate::browser::{Browser, Page};

pub(crate) const PUBLIC_URL: &str = "https://mcp.example.com";
pub(crate) const CLIENT_CALLBACK: &str = "http://127.0.0.1:53111/callback";
// The pair of RFC 7636 appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const EVERYBODY: &str = "
roles: { all: { groups: ['*'] } }
grants: [ { role: all, upstream: '*', tools: ['*'] } ]
";

/// Everything that a test needs; what it holds lives as long as it does.
pub(crate) struct World {
    pub(crate) app: SharedApp,
    pub(crate) clock: Clock,
    router: axum::Router,
    folder: TempDir,
    idps: Vec<Running>,
}

/// What a test may want different.
pub(crate) struct Wish {
    pub(crate) groups_in_id_token: bool,
    pub(crate) saml_binding: &'static str,
    pub(crate) saml_signing: Signing,
    /// More settings of the SAML identity provider, such as `force_authn: true`.
    pub(crate) saml_settings: &'static str,
    /// More settings of `openid`, `other` and `corporate` themselves, such as `domains: [example.com],`.
    pub(crate) realms: [&'static str; 3],
    /// `roles` and `grants`.
    pub(crate) access: &'static str,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            groups_in_id_token: true,
            saml_binding: "redirect",
            saml_signing: Signing::Assertion,
            saml_settings: "",
            realms: [""; 3],
            access: EVERYBODY,
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Wish::default()).await
    }

    pub(crate) async fn with(wish: Wish) -> Self {
        let clock = noon();
        let any_port = "127.0.0.1:0".parse().unwrap();
        let (oidc, saml) = (loopback::bind(any_port).await.unwrap(), loopback::bind(any_port).await.unwrap());
        let (issuer, metadata) = (idp_oidc::issuer(&oidc).unwrap(), idp_saml::metadata_url(&saml).unwrap());
        let sp_certificates = idp_saml::SpCertificates::default();
        let idps = vec![
            idp_oidc::start(oidc, oidc_settings(&clock, wish.groups_in_id_token)).unwrap(),
            idp_saml::start(saml, saml_settings(&clock, wish.saml_signing, Arc::clone(&sp_certificates))).unwrap(),
        ];
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("gone.xml"), "<html>moved</html>").unwrap();
        let yaml = configuration(&issuer, metadata.as_str(), &wish);
        let world = Self::of(&yaml, folder, clock, idps).await;
        let certificates = world.app.keys.saml_sp_keys().into_iter().map(|key| key.certificate_der().unwrap().to_vec());
        sp_certificates.get_or_init(|| certificates.map(|der| SigningCertificate::from_der(&der).unwrap().unwrap()).collect());
        world
    }

    /// A Doorward with another configuration, whose relative paths begin in `folder`.
    pub(crate) async fn of(yaml: &str, folder: TempDir, clock: Clock, idps: Vec<Running>) -> Self {
        let config = Config::from_yaml(yaml, folder.path()).unwrap_or_else(|problems| panic!("{problems:?}"));
        let app = App::start(config, clock.clone()).await.unwrap();
        Self { router: routes::router(Arc::clone(&app)), app, clock, folder, idps }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.router.clone(), PUBLIC_URL)
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.clock.set(self.clock.now() + SignedDuration::from_secs(seconds));
    }

    /// The events in the audit trail of these kinds, oldest first.
    pub(crate) fn events(&self, kinds: &[&str]) -> Vec<Value> {
        let mut files: Vec<_> = std::fs::read_dir(&self.app.config.audit.dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let text: String = files.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|event| kinds.iter().any(|kind| event["kind"] == *kind))
            .collect()
    }

    /// A page of the SAML identity provider.
    pub(crate) fn saml_idp(&self, path: &str) -> url::Url {
        self.idps[1].url.join(path).unwrap()
    }

    /// A page of the OpenID provider.
    pub(crate) fn openid_idp(&self, path: &str) -> url::Url {
        self.idps[0].url.join(path).unwrap()
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The metadata of the SAML identity provider.
    pub(crate) async fn saml_metadata(&self) -> Vec<u8> {
        let url = self.idps.last().unwrap().url.join("saml/metadata").unwrap();
        self.app.outbound.fetch(gateway::outbound::FetchRequest::get(url)).await.unwrap().body.to_vec()
    }

    /// What a program that is no browser gets.
    pub(crate) async fn program(&self, path: &str) -> (http::StatusCode, Value) {
        let mut request = axum::extract::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let context = gateway::request_id::RequestContext::new("127.0.0.1:1".parse().unwrap(), request.headers());
        request.extensions_mut().insert(context);
        let response = tower::ServiceExt::oneshot(self.router.clone(), request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Registers a client dynamically; gives its id.
    pub(crate) async fn register(&self) -> String {
        let body = format!(r#"{{"client_name":"Sample client","redirect_uris":["{CLIENT_CALLBACK}"]}}"#);
        let mut request = axum::extract::Request::post("/oauth/register")
            .header("content-type", "application/json")
            .body(axum::body::Body::from(body))
            .unwrap();
        let context = gateway::request_id::RequestContext::new("127.0.0.1:1".parse().unwrap(), request.headers());
        request.extensions_mut().insert(context);
        let response = tower::ServiceExt::oneshot(self.router.clone(), request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        answer["client_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

/// When every test begins.
pub(crate) fn noon() -> Clock {
    let start: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    Clock::mock(start)
}

/// A configuration with these identity providers and nothing else worth a word.
pub(crate) fn plain_configuration(identity_providers: &str) -> String {
    format!(
        "public_url: {PUBLIC_URL}
data_dir: data
master_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
identity_providers:
{identity_providers}
upstreams: {{ crm: {{ name: CRM, url: 'http://127.0.0.1:9/mcp' }} }}
roles: {{ all: {{ groups: ['*'] }} }}
grants: [ {{ role: all, upstream: crm, tools: ['*'] }} ]
"
    )
}

/// The address with which a client sends a browser to Doorward.
pub(crate) fn authorize(client: &str, upstream: &str) -> String {
    let parameters = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CLIENT_CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", &format!("{PUBLIC_URL}/{upstream}/mcp")),
        ("state", "client-state"),
    ];
    format!("/oauth/authorize?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish())
}

/// Answers every page as `person` would who wants to sign in at `idp`, until there is nothing to answer.
pub(crate) async fn go_on(browser: &mut Browser, mut page: Page, idp: &str, person: &str) -> Page {
    for _ in 0..12 {
        page = match answer(browser, &page, idp, person).await {
            Some(next) => next,
            None => return page,
        };
    }
    panic!("no end: {}", page.url);
}

/// One step of [`go_on`].
pub(crate) async fn answer(browser: &mut Browser, page: &Page, idp: &str, person: &str) -> Option<Page> {
    if let Some(target) = page.refresh() {
        return Some(browser.open_from(page.url.as_str(), page.url.join(&target).unwrap().as_str()).await);
    }
    let forms = page.forms();
    let has = |form: &crate::browser::Form, value: &str| form.buttons.iter().any(|(_, own, _)| own == value);
    let known = [person, idp, "allow"].into_iter().find_map(|value| Some((forms.iter().find(|form| has(form, value))?, Some(value))));
    let (form, button) = known.or_else(|| Some((forms.first()?, None)))?;
    let is_saml = form.fields.iter().any(|(name, _)| name.starts_with("SAML"));
    if button.is_none() && !is_saml {
        return None;
    }
    Some(browser.submit(page, form, button).await)
}

fn oidc_settings(clock: &Clock, groups_in_id_token: bool) -> idp_oidc::Settings {
    let clock = clock.clone();
    let callback = |idp: &str| format!("{PUBLIC_URL}/login/oidc/{idp}/callback");
    idp_oidc::Settings {
        clock: Arc::new(move || clock.now()),
        client_id: "doorward".to_owned(),
        client_secret: "not a secret: development".to_owned(),
        redirect_uris: vec![callback("openid"), callback("other")],
        post_logout_redirect_uris: vec![format!("{PUBLIC_URL}/logout/done")],
        backchannel_logout_uri: None,
        groups_in_id_token,
    }
}

fn saml_settings(clock: &Clock, signing: Signing, sp_certificates: idp_saml::SpCertificates) -> idp_saml::Settings {
    let clock = clock.clone();
    let acs = |idp: &str| format!("{PUBLIC_URL}/login/saml/{idp}/acs").parse().unwrap();
    idp_saml::Settings {
        clock: Arc::new(move || clock.now()),
        sp_entity_id: EntityId::parse(&format!("{PUBLIC_URL}/saml/metadata")).unwrap(),
        acs_urls: vec![acs("corporate"), acs("second")],
        slo_url: format!("{PUBLIC_URL}/login/saml/corporate/slo").parse().unwrap(),
        sp_certificates,
        signing,
    }
}

fn configuration(issuer: &str, metadata: &str, wish: &Wish) -> String {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let oidc = format!(
        "{{ issuer: '{issuer}', client_id: doorward, client_secret: 'not a secret: development', scopes: [openid, email, profile, groups] }}"
    );
    let (binding, more) = (wish.saml_binding, wish.saml_settings);
    let [openid, other, corporate] = wish.realms;
    let access = wish.access;
    let saml = format!("{{ metadata: '{metadata}', request_binding: {binding}, username_attribute: username, {more} }}");
    format!(
        "public_url: {PUBLIC_URL}
data_dir: data
master_key: {key}
identity_providers:
  openid: {{ name: Open, {openid} oidc: {oidc} }}
  other: {{ {other} oidc: {oidc} }}
  corporate: {{ name: Corporate, {corporate} saml: {saml} }}
  second: {{ saml: {saml} }}
  gone: {{ saml: {{ metadata_file: gone.xml }} }}
  dead: {{ oidc: {{ issuer: 'http://127.0.0.1:9', client_id: x, client_secret: y }} }}
upstreams:
  crm: {{ name: CRM, url: 'http://127.0.0.1:9/mcp' }}
  deploy: {{ name: Deploy, url: 'http://127.0.0.1:9/mcp', identity_providers: [corporate] }}
  recent: {{ url: 'http://127.0.0.1:9/mcp', step_up: [{{ max_age: 10m }}] }}
  strong: {{ url: 'http://127.0.0.1:9/mcp', step_up: [{{ acr: ['{SECOND_FACTOR}'] }}] }}
  strangest: {{ url: 'http://127.0.0.1:9/mcp', step_up: [{{ acr: ['urn:example:nobody-has-it'] }}, {{ acr: ['{SECOND_FACTOR}'] }}] }}
  stronger: {{ url: 'http://127.0.0.1:9/mcp', step_up: [{{ acr: ['urn:example:nobody-has-it'], max_age: 1h }}] }}
{access}
clients:
  registered: {{ name: Registered client, redirect_uris: ['{CLIENT_CALLBACK}'] }}
"
    )
}
