use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use oauth::client::authentication::ClientAuth;
use oauth::client::discovery::{IssuerUrl, ProviderMetadata};
use oauth::client::id_token::{self, Expected, IdTokenClaims};
use oauth::client::token::{TokenError, parse_token_response};
use oauth::client::{groups, userinfo};
use oauth::jwks::JwkSet;
use oauth::jwt::{Alg, SigningKey};
use oauth::pkce::CodeChallenge;
use tower::ServiceExt as _;
use url::Url;

use super::{Provider, Settings, router};

const ISSUER: &str = "http://127.0.0.1:9002";
const REDIRECT: &str = "http://127.0.0.1:8080/login/oidc/dev/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const NOW: i64 = 1_795_000_000;

struct Idp {
    router: Router,
    clock: Arc<AtomicI64>,
}

impl Idp {
    fn new(groups_in_id_token: bool) -> Self {
        let clock = Arc::new(AtomicI64::new(NOW));
        let read = Arc::clone(&clock);
        let settings = Settings {
            clock: Arc::new(move || Timestamp::from_second(read.load(Ordering::SeqCst)).unwrap()),
            client_id: "doorward".to_owned(),
            client_secret: "s3cret/+ä".to_owned(),
            redirect_uris: vec![REDIRECT.to_owned()],
            post_logout_redirect_uris: vec!["http://127.0.0.1:8080/".to_owned()],
            backchannel_logout_uri: None,
            groups_in_id_token,
        };
        let key = SigningKey::from_pkcs8(SigningKey::generate_pkcs8().unwrap().expose()).unwrap();
        let provider = Provider { issuer: ISSUER.to_owned(), settings, key, issued: std::sync::Mutex::default() };
        Self { router: router(Arc::new(provider)), clock }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, target: &str) -> Response<Body> {
        self.send(Request::get(target).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, target: &str, form: &[(&str, &str)], authorization: Option<&str>) -> Response<Body> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = Request::post(target).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Signs in by `login_hint` and gives the parameters of the redirect to the client.
    async fn authorize(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        location(&self.get(&authorize_target(changes)).await)
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }

    async fn code(&self) -> String {
        value(&self.authorize(&[("login_hint", "alice")]).await, "code").unwrap()
    }

    async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> (u16, Vec<u8>) {
        let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT), ("code_verifier", VERIFIER)];
        for change in changes {
            form.retain(|(name, _)| *name != change.0);
            form.push(*change);
        }
        let authorization = format!("Basic {}", STANDARD.encode("doorward:s3cret%2F%2B%C3%A4"));
        let response = self.post("/token", &form, Some(&authorization)).await;
        (response.status().as_u16(), body(response).await)
    }
}

fn authorize_target(changes: &[(&str, &str)]) -> String {
    let challenge = CodeChallenge::of_verifier(VERIFIER).unwrap();
    let mut query = vec![
        ("response_type", "code"),
        ("client_id", "doorward"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid profile email groups"),
        ("state", "st-1"),
        ("nonce", "n-1"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    for change in changes {
        query.retain(|(name, _)| *name != change.0);
        query.push(*change);
    }
    format!("/authorize?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish())
}

fn location(response: &Response<Body>) -> Url {
    assert!(response.status().is_redirection(), "{}", response.status());
    Url::parse(response.headers()[header::LOCATION].to_str().unwrap()).unwrap()
}

fn value(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
}

async fn body(response: Response<Body>) -> Vec<u8> {
    axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()
}

/// Runs the sign-in as Doorward does and lets the pure crate judge the ID token.
async fn verified(idp: &Idp) -> (IdTokenClaims, oauth::Secret<String>) {
    let issuer = IssuerUrl::parse(ISSUER).unwrap();
    let metadata = ProviderMetadata::parse(&body(idp.get("/.well-known/openid-configuration").await).await, &issuer).unwrap();
    assert!(metadata.iss_in_response);
    let keys = JwkSet::parse(&body(idp.get(metadata.jwks_uri.path()).await).await).unwrap();
    let (status, answer) = idp.exchange(&idp.code().await, &[]).await;
    let tokens = parse_token_response(status, &answer, ClientAuth::SecretBasic).unwrap();
    let expected = Expected {
        issuers: &metadata.token_issuers,
        client_id: "doorward",
        nonce: id_token::Nonce::Required("n-1"),
        subject: None,
        algorithms: &[Alg::Es256],
        max_age: Some(60),
        acr_values: &[],
        access_token: Some(&tokens.access_token),
        now: Timestamp::from_second(NOW).unwrap(),
        leeway: Duration::ZERO,
    };
    (id_token::check(tokens.required_id_token().unwrap().expose(), &expected, &keys).unwrap(), tokens.access_token)
}

#[tokio::test]
async fn the_id_token_passes_the_checks_of_the_client() {
    let (claims, _) = verified(&Idp::new(true)).await;
    assert_eq!(claims.subject, "dev-alice");
    assert_eq!(claims.auth_time.unwrap().as_second(), NOW);
    assert_eq!(groups::groups(&claims.claims, "groups", groups::Format::List).unwrap(), Some(vec!["engineering".to_owned()]));
    assert_eq!(claims.claims["email"], "alice@example.com");
}

#[tokio::test]
async fn groups_can_be_in_userinfo_only() {
    let idp = Idp::new(false);
    let (claims, access_token) = verified(&idp).await;
    assert_eq!(groups::groups(&claims.claims, "groups", groups::Format::List).unwrap(), None);
    let request =
        Request::get("/userinfo").header(header::AUTHORIZATION, format!("Bearer {}", access_token.expose())).body(Body::empty()).unwrap();
    let response = idp.send(request).await;
    let status = response.status().as_u16();
    let more = userinfo::parse_userinfo(status, &body(response).await, &claims.subject).unwrap();
    assert_eq!(groups::groups(&more, "groups", groups::Format::List).unwrap(), Some(vec!["engineering".to_owned()]));
    let request = Request::get("/userinfo").header(header::AUTHORIZATION, "Bearer other").body(Body::empty()).unwrap();
    assert_eq!(idp.send(request).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn bad_requests_go_back_to_the_client_with_their_error() {
    let idp = Idp::new(true);
    let cases = [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("scope", "email")], "invalid_scope"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("prompt", "none")], "login_required"),
    ];
    for (changes, expected) in cases {
        let answer = idp.authorize(&changes).await;
        assert_eq!(value(&answer, "error").as_deref(), Some(expected));
        assert_eq!(value(&answer, "state").as_deref(), Some("st-1"));
        assert_eq!(value(&answer, "iss").as_deref(), Some(ISSUER));
    }
    for changes in [("client_id", "other"), ("redirect_uri", "http://127.0.0.1:8080/other")] {
        assert_eq!(idp.get(&authorize_target(&[changes, ("login_hint", "alice")])).await.status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_code_works_once_in_time_and_for_its_holder() {
    let idp = Idp::new(true);
    let cases: [(&[(&str, &str)], i64); 3] = [
        (&[("code_verifier", "aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")], 0),
        (&[("redirect_uri", "http://127.0.0.1:1/")], 0),
        (&[], 60),
    ];
    for (changes, later) in cases {
        let code = idp.code().await;
        idp.clock.fetch_add(later, Ordering::SeqCst);
        let (status, answer) = idp.exchange(&code, changes).await;
        assert!(
            matches!(parse_token_response(status, &answer, ClientAuth::SecretBasic), Err(TokenError::Refused { error, .. }) if error == "invalid_grant"),
            "{changes:?}"
        );
    }
    let code = idp.code().await;
    assert_eq!(idp.exchange(&code, &[]).await.0, 200);
    assert_eq!(idp.exchange(&code, &[]).await.0, 400);
    let form = [("grant_type", "authorization_code"), ("client_id", "doorward"), ("client_secret", "wrong")];
    assert_eq!(idp.post("/token", &form, None).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_page_offers_everybody_and_one_click_signs_in() {
    let idp = Idp::new(true);
    let page = String::from_utf8(body(idp.get(&authorize_target(&[("state", "\"><script>")])).await).await).unwrap();
    for person in crate::people::PEOPLE {
        assert!(page.contains(&format!("value=\"{}\"", person.username)));
    }
    assert!(page.contains("&quot;&gt;&lt;script&gt;") && !page.contains("\"><script>"));
    let challenge = CodeChallenge::of_verifier(VERIFIER).unwrap();
    let form = [
        ("response_type", "code"),
        ("client_id", "doorward"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("username", "bob"),
    ];
    assert!(location(&idp.post("/sign-in", &form, None).await).query_pairs().any(|(name, _)| name == "code"));
}

#[tokio::test]
async fn sign_out_redirects_to_registered_places_only() {
    let idp = Idp::new(true);
    let answer = idp.get("/end_session?post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2F&state=x").await;
    assert_eq!(location(&answer).as_str(), "http://127.0.0.1:8080/?state=x");
    let answer = idp.get("/end_session?post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fother").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(idp.get("/end_session").await.status(), StatusCode::OK);
}
