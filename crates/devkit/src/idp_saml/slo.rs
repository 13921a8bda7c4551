//! Single logout: SAML profiles section 4.4, from both sides.
//!
//! `/saml/slo` takes the service provider's LogoutRequest and answers it, and takes its LogoutResponse to a request of ours.
//! `/saml/sign-out` begins: it ends a person's last session here and sends the request through the browser.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Form;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use saml::logout::{self, Delivery, Expected, Kind, LogoutStatus, Outgoing, Request, Response as LogoutResponse, Sender};
use saml::{Binding, Limits, NameId, SigningCertificate};
use serde::Deserialize;

use crate::idp_saml::sso::EMAIL_FORMAT;
use crate::idp_saml::{Provider, SharedProvider};
use crate::page;
use crate::people::person;

/// The certificates that the service provider signs with. They are known only once it has started, which is after us.
pub type SpCertificates = std::sync::Arc<OnceLock<Vec<SigningCertificate>>>;

/// A session that an assertion began.
pub(super) struct Session {
    pub(super) name_id: String,
    pub(super) index: String,
}

/// The form of the HTTP-POST binding.
#[derive(Deserialize)]
pub(super) struct PostBinding {
    #[serde(rename = "SAMLRequest")]
    saml_request: Option<String>,
    #[serde(rename = "SAMLResponse")]
    saml_response: Option<String>,
    #[serde(rename = "RelayState")]
    relay_state: Option<String>,
}

/// Who is to be signed out, and how the request travels.
#[derive(Deserialize)]
pub(super) struct SignOut {
    username: String,
    /// `post`, or else by Redirect.
    binding: Option<String>,
}

/// Takes a message of the HTTP-Redirect binding.
pub(super) async fn by_redirect(State(provider): State<SharedProvider>, RawQuery(query): RawQuery) -> Response {
    receive(&provider, &Delivery::Redirect(query.as_deref().unwrap_or_default()))
}

/// Takes a message of the HTTP-POST binding.
pub(super) async fn by_post(State(provider): State<SharedProvider>, Form(form): Form<PostBinding>) -> Response {
    let delivery = Delivery::Post {
        request: form.saml_request.as_deref(),
        response: form.saml_response.as_deref(),
        relay_state: form.relay_state.as_deref(),
    };
    receive(&provider, &delivery)
}

/// The page that asks whom to sign out.
pub(super) async fn choose() -> Response {
    page::sign_out("This is the development SAML identity provider of Doorward", "/saml/sign-out")
}

/// Ends the person's last session here, and asks the service provider to do the same.
pub(super) async fn sign_out(State(provider): State<SharedProvider>, Form(form): Form<SignOut>) -> Response {
    let Some(person) = person(&form.username) else { return page::refused("there is no such person") };
    let mut state = provider.lock();
    let Some(at) = state.sessions.iter().rposition(|session| session.name_id == person.email) else {
        return page::refused("this person is not signed in");
    };
    let session = state.sessions.remove(at);
    let mut random = [0_u8; 16];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return page::refused("no random numbers");
    }
    let mut name_id = NameId::new(session.name_id);
    name_id.format = Some(EMAIL_FORMAT.to_owned());
    let mut request = Request::new(random, (provider.settings.clock)(), provider.settings.slo_url.clone(), name_id);
    request.session_indexes = vec![session.index];
    state.asked = Some(request.id.clone());
    drop(state);
    let binding = if form.binding.as_deref() == Some("post") { Binding::Post } else { Binding::Redirect };
    deliver(request.send(binding, sender(&provider), Some("development")))
}

fn receive(provider: &Provider, delivery: &Delivery<'_>) -> Response {
    let Some(keys) = provider.settings.sp_certificates.get() else { return page::refused("the service provider's keys are not known") };
    let expected = Expected {
        issuer: &provider.settings.sp_entity_id,
        keys,
        valid_until: None,
        destination: &provider.slo_url,
        decryption_keys: &[],
        now: (provider.settings.clock)(),
        skew: Duration::from_mins(1),
        limits: Limits::default(),
    };
    match delivery.kind() {
        Ok(Kind::Request) => requested(provider, delivery, &expected),
        Ok(Kind::Response) => answered(provider, delivery, &expected),
        Err(error) => page::refused(&error.to_string()),
    }
}

fn requested(provider: &Provider, delivery: &Delivery<'_>, expected: &Expected<'_>) -> Response {
    let request = match logout::verify_request(delivery, expected) {
        Ok(request) => request,
        Err(error) => return page::refused(&error.to_string()),
    };
    provider.lock().sessions.retain(|session| {
        session.name_id != request.name_id.value
            || !(request.session_indexes.is_empty() || request.session_indexes.contains(&session.index))
    });
    let mut random = [0_u8; 16];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return page::refused("no random numbers");
    }
    let (now, status) = ((provider.settings.clock)(), LogoutStatus::Complete);
    let answer = LogoutResponse::new(random, now, provider.settings.slo_url.clone(), request.id, status);
    let binding = match delivery {
        Delivery::Redirect(_) => Binding::Redirect,
        Delivery::Post { .. } => Binding::Post,
    };
    deliver(answer.send(binding, sender(provider), request.relay_state.as_deref()))
}

fn answered(provider: &Provider, delivery: &Delivery<'_>, expected: &Expected<'_>) -> Response {
    let Some(asked) = provider.lock().asked.take() else { return page::refused("nobody is being signed out") };
    match logout::verify_response(delivery, expected, &asked) {
        Ok(answer) if answer.status == LogoutStatus::Complete => page::notice("You are signed out here and at the application."),
        Ok(_) => page::notice("You are signed out here. The application did not sign you out."),
        Err(error) => page::refused(&error.to_string()),
    }
}

fn sender(provider: &Provider) -> Sender<'_> {
    Sender { issuer: &provider.entity_id, key: &provider.key }
}

fn deliver(message: Result<Outgoing, saml::RequestError>) -> Response {
    match message {
        Ok(Outgoing::Redirect(url)) => Redirect::to(url.as_str()).into_response(),
        Ok(Outgoing::Post(form)) => {
            let relay_state = form.relay_state.as_deref().map(|state| ("RelayState", state));
            let fields: Vec<(&str, &str)> = [(form.field, form.message.as_str())].into_iter().chain(relay_state).collect();
            page::auto_post(form.action.as_str(), &fields)
        }
        Err(error) => page::refused(&error.to_string()),
    }
}
