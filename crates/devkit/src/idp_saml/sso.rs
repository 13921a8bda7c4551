//! Single sign-on: SAML profiles section 4.1, from the request to the response.

use std::time::Duration;

use axum::Form;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use saml::idp::{self, Answer, AnswerAttribute, IncomingRequest};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::idp_saml::slo::Session;
use crate::idp_saml::{Provider, SharedProvider};
use crate::page;
use crate::people::{Person, person};
use crate::{random_token, second_factor};

/// How long an assertion may be presented.
const LIFETIME: Duration = Duration::from_mins(5);
pub(super) const EMAIL_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
/// What a sign-in is called that nobody wished to be stronger.
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
/// Core section 3.2.2.2: the provider may not ask, and nobody is signed in.
const NO_PASSIVE: &str = "urn:oasis:names:tc:SAML:2.0:status:NoPassive";

/// The form of the HTTP-POST binding.
#[derive(Deserialize)]
pub(super) struct PostBinding {
    #[serde(rename = "SAMLRequest")]
    saml_request: String,
    #[serde(rename = "RelayState")]
    relay_state: Option<String>,
    login_hint: Option<String>,
}

/// The answer to the sign-in page.
#[derive(Deserialize)]
pub(super) struct SignIn {
    request: String,
    username: String,
}

/// Takes a request of the HTTP-Redirect binding; `login_hint` is ours and no part of the message.
pub(super) async fn by_redirect(State(provider): State<SharedProvider>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let (hints, message): (Vec<&str>, Vec<&str>) = query.split('&').partition(|part| part.starts_with("login_hint="));
    let hint = hints.first().and_then(|part| form_urlencoded::parse(part.as_bytes()).next()).map(|(_, value)| value.into_owned());
    match idp::parse_redirect_request(&message.join("&"), None) {
        Ok(request) => proceed(&provider, request, hint.as_deref()),
        Err(error) => page::refused(&error.to_string()),
    }
}

/// Takes a request of the HTTP-POST binding.
pub(super) async fn by_post(State(provider): State<SharedProvider>, Form(form): Form<PostBinding>) -> Response {
    match idp::parse_post_request(&form.saml_request, form.relay_state.as_deref(), None) {
        Ok(request) => proceed(&provider, request, form.login_hint.as_deref()),
        Err(error) => page::refused(&error.to_string()),
    }
}

/// Takes the person who was chosen on the sign-in page.
pub(super) async fn sign_in(State(provider): State<SharedProvider>, Form(form): Form<SignIn>) -> Response {
    let Some(person) = person(&form.username) else { return page::refused("there is no such person") };
    let Some(request) = provider.lock().pending.remove(&form.request) else {
        return page::refused("this sign-in page was used already; go back to the application and start again");
    };
    match acs_of(&provider, &request) {
        Ok(acs) => respond(&provider, &request, &acs, person),
        Err(reason) => page::refused(reason),
    }
}

fn proceed(provider: &Provider, request: IncomingRequest, hint: Option<&str>) -> Response {
    let acs = match acs_of(provider, &request) {
        Ok(acs) => acs,
        Err(reason) => return page::refused(reason),
    };
    if let Some(person) = hint.and_then(person) {
        return respond(provider, &request, &acs, person);
    }
    if request.is_passive {
        return refuse_passive(provider, &request, &acs);
    }
    let Ok(name) = random_token::<16>() else { return page::refused("no random numbers") };
    let response = page::sign_in("This is the development SAML identity provider of Doorward", "/saml/sign-in", &[("request", &name)]);
    provider.lock().pending.insert(name, request);
    response
}

/// Where the response goes: never to an address that was not registered.
fn acs_of(provider: &Provider, request: &IncomingRequest) -> Result<Url, &'static str> {
    let settings = &provider.settings;
    if request.issuer != settings.sp_entity_id {
        return Err("this service provider is not known");
    }
    if request.destination.as_deref().is_some_and(|destination| destination != provider.sso_url.as_str()) {
        return Err("the request was meant for another identity provider");
    }
    let acs = match &request.acs_url {
        Some(asked) => settings.acs_urls.iter().find(|registered| *registered == asked),
        None => settings.acs_urls.first(),
    };
    acs.cloned().ok_or("the assertion consumer service is not registered")
}

fn respond(provider: &Provider, request: &IncomingRequest, acs: &Url, person: Person) -> Response {
    let mut random = [0_u8; 32];
    let (Ok(()), Ok(session)) = (aws_lc_rs::rand::fill(&mut random), random_token::<16>()) else {
        return page::refused("no random numbers");
    };
    let answer = Answer {
        issuer: &provider.entity_id,
        audience: &provider.settings.sp_entity_id,
        acs_url: acs,
        in_response_to: Some(&request.id),
        name_id: person.email,
        name_id_format: EMAIL_FORMAT,
        attributes: &attributes(person),
        now: (provider.settings.clock)(),
        lifetime: LIFETIME,
        authn_context: second_factor(&request.requested_authn_context).unwrap_or(PASSWORD),
        session_index: &session,
        random,
        signing: provider.settings.signing,
        encryption: None,
    };
    let begun = Session { name_id: person.email.to_owned(), index: session.clone() };
    provider.lock().sessions.push(begun);
    match answer.to_form_field(&provider.key) {
        Ok(field) => post_back(acs, &field, request),
        Err(error) => page::refused(&error.to_string()),
    }
}

fn attributes(person: Person) -> Vec<AnswerAttribute> {
    let one = |name: &str, values: &[&str]| AnswerAttribute {
        name: name.to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    vec![
        one("username", &[person.username]),
        one("email", &[person.email]),
        one("displayName", &[person.name]),
        one("groups", person.groups),
    ]
}

fn refuse_passive(provider: &Provider, request: &IncomingRequest, acs: &Url) -> Response {
    let mut random = [0_u8; 16];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return page::refused("no random numbers");
    }
    let xml = idp::failure(&provider.entity_id, acs, &request.id, NO_PASSIVE, random, (provider.settings.clock)());
    post_back(acs, &STANDARD.encode(xml), request)
}

/// Bindings section 3.5: the browser carries the response to the service provider.
fn post_back(acs: &Url, field: &str, request: &IncomingRequest) -> Response {
    let relay_state = request.relay_state.as_deref().map(|state| ("RelayState", state));
    let fields: Vec<(&str, &str)> = [("SAMLResponse", field)].into_iter().chain(relay_state).collect();
    page::auto_post(acs.as_str(), &fields)
}
