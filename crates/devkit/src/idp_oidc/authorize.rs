//! The authorization endpoint and the sign-in page: OpenID Connect Core 1.0 section 3.1.2.

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::SignedDuration;
use oauth::pkce::CodeChallenge;
use serde::Deserialize;

use crate::idp_oidc::{Agreed, Provider, SharedProvider};
use crate::page;
use crate::people::{Person, person};
use crate::{random_token, second_factor};

/// How long a code may wait for its exchange.
const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(1);

/// The parameters of an authentication request; the sign-in page sends them again with the username.
#[derive(Clone, Deserialize)]
pub(super) struct Request {
    response_type: Option<String>,
    client_id: String,
    redirect_uri: String,
    scope: Option<String>,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    login_hint: Option<String>,
    acr_values: Option<String>,
    prompt: Option<String>,
    username: Option<String>,
}

/// Why a request is sent back to the client: the `error` of RFC 6749 section 4.1.2.1 and its description.
struct Refusal(&'static str, &'static str);

/// Shows the sign-in page, or signs in the person of `login_hint` at once.
pub(super) async fn authorize(State(provider): State<SharedProvider>, Query(mut request): Query<Request>) -> Response {
    request.username = None;
    let hinted = request.login_hint.as_deref().and_then(person);
    proceed(&provider, &request, hinted)
}

/// The answer to the sign-in page.
pub(super) async fn sign_in(State(provider): State<SharedProvider>, Form(request): Form<Request>) -> Response {
    let chosen = request.username.as_deref().and_then(person);
    proceed(&provider, &request, chosen)
}

fn proceed(provider: &Provider, request: &Request, chosen: Option<Person>) -> Response {
    if request.client_id != provider.settings.client_id {
        return page::refused("this client is not known");
    }
    if !provider.settings.redirect_uris.contains(&request.redirect_uri) {
        return page::refused("redirect_uri is not registered for this client");
    }
    match (check(request), chosen) {
        (Err(refusal), _) => to_client(provider, request, &[("error", refusal.0), ("error_description", refusal.1)]),
        (Ok(_), None) if request.prompt.as_deref() == Some("none") => {
            to_client(provider, request, &[("error", "login_required"), ("error_description", "nobody is signed in")])
        }
        (Ok(_), None) => page::sign_in("This is the development OpenID provider of Doorward", "/sign-in", &request.fields()),
        (Ok(challenge), Some(person)) => match issue_code(provider, request, &challenge, person) {
            Ok(code) => to_client(provider, request, &[("code", &code)]),
            Err(_) => to_client(provider, request, &[("error", "server_error")]),
        },
    }
}

fn check(request: &Request) -> Result<CodeChallenge, Refusal> {
    if request.response_type.as_deref() != Some("code") {
        return Err(Refusal("unsupported_response_type", "response_type must be code"));
    }
    if !request.scope.as_deref().unwrap_or_default().split(' ').any(|scope| scope == "openid") {
        return Err(Refusal("invalid_scope", "scope must contain openid"));
    }
    CodeChallenge::parse(request.code_challenge.as_deref(), request.code_challenge_method.as_deref())
        .map_err(|_| Refusal("invalid_request", "a code_challenge of method S256 is required"))
}

fn issue_code(provider: &Provider, request: &Request, challenge: &CodeChallenge, person: Person) -> Result<String, crate::RandomError> {
    let code = random_token::<32>()?;
    let now = provider.now();
    let agreed = Agreed {
        person,
        redirect_uri: request.redirect_uri.clone(),
        code_challenge: challenge.as_str().to_owned(),
        nonce: request.nonce.clone(),
        scope: request.scope.clone().unwrap_or_default(),
        auth_time: now,
        has_second_factor: second_factor(request.acr_values.as_deref().unwrap_or_default().split(' ')).is_some(),
        expires_at: now.saturating_add(CODE_LIFETIME).unwrap_or(now),
    };
    provider.lock().codes.insert(code.clone(), agreed);
    Ok(code)
}

/// The authorization response, with `state` and `iss` (RFC 9207).
fn to_client(provider: &Provider, request: &Request, parameters: &[(&str, &str)]) -> Response {
    let Ok(mut target) = url::Url::parse(&request.redirect_uri) else { return page::refused("redirect_uri is not a URL") };
    {
        let mut query = target.query_pairs_mut();
        query.extend_pairs(parameters);
        query.extend_pairs(request.state.as_deref().map(|state| ("state", state)));
        query.append_pair("iss", &provider.issuer);
    }
    Redirect::to(target.as_str()).into_response()
}

impl Request {
    /// What the sign-in page carries along.
    fn fields(&self) -> Vec<(&'static str, &str)> {
        let optional = [
            ("response_type", &self.response_type),
            ("scope", &self.scope),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("acr_values", &self.acr_values),
            ("code_challenge", &self.code_challenge),
            ("code_challenge_method", &self.code_challenge_method),
        ];
        let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        [("client_id", self.client_id.as_str()), ("redirect_uri", self.redirect_uri.as_str())].into_iter().chain(optional).collect()
    }
}
