use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use saml::idp::Signing;
use saml::{AuthnRequest, EntityId, Expected, IdpMetadata, ResponseError, ServiceProvider, verify_response};
use tower::ServiceExt as _;
use url::Url;

use super::{Provider, Settings, key, router};

const ACS: &str = "http://127.0.0.1:8080/login/saml/dev/acs";
const SP: &str = "http://127.0.0.1:8080/saml/metadata";

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

struct Pair {
    router: Router,
    idp: IdpMetadata,
    sp: ServiceProvider,
}

/// An identity provider, and the service provider that has read its metadata.
async fn pair(signing: Signing) -> Pair {
    let sp_entity_id = EntityId::parse(SP).unwrap();
    let acs_url = Url::parse(ACS).unwrap();
    let settings = Settings {
        clock: Arc::new(now),
        sp_entity_id: sp_entity_id.clone(),
        acs_urls: vec![acs_url.clone()],
        slo_url: acs_url.clone(),
        sp_certificates: crate::idp_saml::SpCertificates::default(),
        signing,
    };
    let provider = Provider::new(&Url::parse("http://127.0.0.1:9001/").unwrap(), settings).unwrap();
    let router = router(Arc::new(provider));
    let metadata = body(router.clone().oneshot(Request::get("/saml/metadata").body(Body::empty()).unwrap()).await.unwrap()).await;
    let idp = IdpMetadata::parse(metadata.as_bytes(), None, now()).unwrap();
    let sp = ServiceProvider { entity_id: sp_entity_id, acs_url, slo_url: None, keys: vec![key::generate(now()).unwrap()] };
    Pair { router, idp, sp }
}

impl Pair {
    fn request(&self) -> AuthnRequest {
        AuthnRequest::new([7; 16], now(), self.idp.sso[0].location.clone())
    }

    async fn get(&self, url: &Url) -> Response<Body> {
        let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        self.router.clone().oneshot(Request::get(target).body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response<Body> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body)).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    fn verify(&self, response: &str, request: &AuthnRequest) -> Result<saml::VerifiedAssertion, ResponseError> {
        verify_response(response.as_bytes(), &Expected::new(&self.idp, &self.sp, &self.sp.acs_url, Some(&request.id), now()))
    }
}

async fn body(response: Response<Body>) -> String {
    String::from_utf8(axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

/// The value of a hidden input.
fn field(page: &str, name: &str) -> Option<String> {
    let rest = page.split_once(&format!("name=\"{name}\" value=\""))?.1;
    Some(
        rest.split_once('"')?
            .0
            .replace("&#39;", "'")
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

#[tokio::test]
async fn the_service_provider_accepts_what_is_issued() {
    for signing in [Signing::Assertion, Signing::Both] {
        let pair = pair(signing).await;
        let request = pair.request();
        let mut url = request.redirect_url(&pair.sp, "relay \"state\"", true).unwrap();
        url.query_pairs_mut().append_pair("login_hint", "carol");
        let page = body(pair.get(&url).await).await;
        assert!(page.contains(&format!("action=\"{ACS}\"")), "{page}");
        assert_eq!(field(&page, "RelayState").as_deref(), Some("relay \"state\""));
        let verified = pair.verify(&field(&page, "SAMLResponse").unwrap(), &request).unwrap();
        assert_eq!(verified.name_id.value, "carol@example.com");
        assert_eq!(verified.values("groups").collect::<Vec<_>>(), ["sales"]);
        assert_eq!(verified.values("username").collect::<Vec<_>>(), ["carol"]);
        assert_eq!(verified.in_response_to.as_deref(), Some(request.id.as_str()));
    }
}

#[tokio::test]
async fn one_click_signs_in_once() {
    let pair = pair(Signing::Assertion).await;
    let request = pair.request();
    let form = request.post_form(&pair.sp, "rs", true).unwrap();
    let page = body(pair.post("/saml/sso", &[("SAMLRequest", &form.saml_request), ("RelayState", &form.relay_state)]).await).await;
    let name = field(&page, "request").unwrap();
    let answer = body(pair.post("/saml/sign-in", &[("request", &name), ("username", "dave")]).await).await;
    let verified = pair.verify(&field(&answer, "SAMLResponse").unwrap(), &request).unwrap();
    assert_eq!(verified.values("groups").collect::<Vec<_>>(), ["administrators"]);
    assert_eq!(pair.post("/saml/sign-in", &[("request", &name), ("username", "dave")]).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(pair.post("/saml/sign-in", &[("request", &name), ("username", "mallory")]).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_passive_request_is_refused_as_saml_says() {
    let pair = pair(Signing::Both).await;
    let request = AuthnRequest { is_passive: true, ..pair.request() };
    let page = body(pair.get(&request.redirect_url(&pair.sp, "rs", false).unwrap()).await).await;
    let refused = pair.verify(&field(&page, "SAMLResponse").unwrap(), &request).unwrap_err();
    assert_eq!(refused.code(), "saml.status_not_success");
}

#[tokio::test]
async fn only_the_registered_service_provider_is_answered() {
    let pair = pair(Signing::Both).await;
    let elsewhere = ServiceProvider { acs_url: Url::parse("http://127.0.0.1:1/steal").unwrap(), ..pair.sp.clone() };
    let stranger = ServiceProvider { entity_id: EntityId::parse("http://127.0.0.1:1/sp").unwrap(), ..pair.sp.clone() };
    let misdirected = AuthnRequest { destination: Url::parse("http://127.0.0.1:9001/other").unwrap(), ..pair.request() };
    let mut wrong = misdirected.redirect_url(&pair.sp, "rs", false).unwrap();
    wrong.set_path("/saml/sso");
    for url in
        [pair.request().redirect_url(&elsewhere, "rs", false).unwrap(), pair.request().redirect_url(&stranger, "rs", false).unwrap(), wrong]
    {
        assert_eq!(pair.get(&url).await.status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn another_provider_with_the_same_name_is_not_believed() {
    let (honest, other) = (pair(Signing::Both).await, pair(Signing::Both).await);
    let request = honest.request();
    let mut url = request.redirect_url(&honest.sp, "rs", true).unwrap();
    url.query_pairs_mut().append_pair("login_hint", "dave");
    let page = body(other.get(&url).await).await;
    let refused = honest.verify(&field(&page, "SAMLResponse").unwrap(), &request).unwrap_err();
    assert!(refused.code().starts_with("saml.signature"), "{}", refused.code());
}

#[test]
fn the_certificate_is_valid_around_now() {
    let later = now().checked_add(SignedDuration::from_hours(24 * 29)).unwrap();
    let certificate = saml::SigningCertificate::from_der(key::generate(now()).unwrap().certificate_der().unwrap()).unwrap().unwrap();
    assert!(certificate.not_after().unwrap() > later);
}
