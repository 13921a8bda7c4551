//! Every HTML page of every surface, and the headers that all of them carry.
//!
//! A page is a struct of plain text and one function that makes the reply. Templates (`crates/gateway/templates`)
//! escape everything; no page loads anything from anywhere, and the two inline pieces (the style sheet and the one
//! line of script of [`auto_post`]) are allowed by their hash.
//!
//! Invariants:
//! - Text from outside goes through [`shown`]: control and direction-changing characters never reach a page.
//! - `form-action` is `'self'` wherever that works. Chromium applies it to every redirect that follows the submission of a
//!   form, and an IdP may redirect to hosts that nobody can list; so a form of ours is answered with [`continue_to`]
//!   (a page, not a redirect), and the journey to foreign origins starts there.
//! - No `Cross-Origin-Opener-Policy`: web clients open the sign-in as a popup and wait for it through `window.opener`.

mod explain;
mod headers;
mod text;

use askama::Template;
use axum::response::Response;
use http::StatusCode;

pub use explain::{LoopPage, NoAccessPage, ReportSection, ask_test, loop_detected, no_access, test_report};
pub use headers::form_action_source;
pub use text::shown;

use headers::{Policy, reply};

/// The style sheet of all pages, inline and allowed by its hash.
pub(crate) const STYLE: &str = include_str!("../../templates/style.css");
/// The one script of all pages: submits the form of [`auto_post`].
pub(crate) const SUBMIT_SCRIPT: &str = "document.forms[0].submit()";

/// A refusal as a person sees it: what happened, who can mend it, the exact value, code and request id.
#[derive(Clone, Copy, Debug)]
pub struct ErrorPage<'a> {
    /// The HTTP status of the reply.
    pub status: StatusCode,
    /// A short heading.
    pub title: &'a str,
    /// What happened, in one or two sentences.
    pub what_happened: &'a str,
    /// Who can mend it, and what that person does.
    pub who_can_mend: &'a str,
    /// The value at fault, shown letter by letter; it is cleaned and cut here.
    pub exact_value: Option<&'a str>,
    /// The stable code, with a page in `docs/errors/`.
    pub code: &'a str,
    /// The request id of this request.
    pub request_id: &'a str,
    /// A path of our own where the person may try again.
    pub retry: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorTemplate {
    title: String,
    what_happened: String,
    who_can_mend: String,
    exact_value: Option<String>,
    code: String,
    request_id: String,
    retry: Option<String>,
}

/// The page of a refusal. Never a redirect.
pub fn error_page(page: ErrorPage<'_>) -> Response {
    let template = ErrorTemplate {
        title: shown(page.title, 120),
        what_happened: shown(page.what_happened, 600),
        who_can_mend: shown(page.who_can_mend, 600),
        exact_value: page.exact_value.map(|value| shown(value, 400)),
        code: shown(page.code, 80),
        request_id: shown(page.request_id, 80),
        retry: page.retry.map(str::to_owned),
    };
    reply(page.status, template.render(), &Policy::plain())
}

/// The question whether a client may act for the person at one upstream.
#[derive(Clone, Debug)]
pub struct ConsentPage<'a> {
    /// The id of the stored authorization request.
    pub request: &'a str,
    /// Proof that the answer comes from this page in this browser.
    pub csrf: &'a str,
    /// The upstream's display name.
    pub upstream_name: &'a str,
    /// The upstream's canonical resource URI.
    pub resource: &'a str,
    /// What is asked for, in words.
    pub scopes: &'a [String],
    /// How long the access lasts, in words.
    pub duration: &'a str,
    /// The client's name, as it gave it or as the administrator wrote it.
    pub client_name: &'a str,
    /// The client's identifier.
    pub client_id: &'a str,
    /// Whether the administrator registered the client; if not, its name is shown as unverified.
    pub client_known: bool,
    /// The host (or private scheme) the answer is sent to.
    pub redirect_host: &'a str,
    /// The validated redirect URI; its origin is listed in `form-action`.
    pub redirect_uri: &'a str,
    /// A warning to show, such as for clients that only use loopback addresses.
    pub warning: Option<&'a str>,
    /// The person, if a session already lives in this browser.
    pub signed_in_as: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentTemplate {
    request: String,
    csrf: String,
    upstream_name: String,
    resource: String,
    scopes: Vec<String>,
    duration: String,
    client_name: String,
    client_id: String,
    client_known: bool,
    redirect_host: String,
    warning: Option<String>,
    signed_in_as: Option<String>,
}

/// The consent page.
pub fn consent(page: &ConsentPage<'_>) -> Response {
    let template = ConsentTemplate {
        request: page.request.to_owned(),
        csrf: page.csrf.to_owned(),
        upstream_name: shown(page.upstream_name, 80),
        resource: shown(page.resource, 300),
        scopes: page.scopes.iter().map(|scope| shown(scope, 200)).collect(),
        duration: shown(page.duration, 200),
        client_name: shown(page.client_name, 80),
        client_id: shown(page.client_id, 200),
        client_known: page.client_known,
        redirect_host: shown(page.redirect_host, 255),
        warning: page.warning.map(|text| shown(text, 400)),
        signed_in_as: page.signed_in_as.map(|person| shown(person, 120)),
    };
    reply(StatusCode::OK, template.render(), &Policy::plain().form_to(form_action_source(page.redirect_uri)))
}

/// One identity provider to choose.
#[derive(Clone, Debug)]
pub struct IdpChoice {
    /// The configured id.
    pub id: String,
    /// The display name.
    pub name: String,
}

/// The question at which IdP to sign in.
#[derive(Clone, Debug)]
pub struct ChoosePage<'a> {
    /// The id of the stored authorization request.
    pub request: &'a str,
    /// Proof that the answer comes from this page in this browser.
    pub csrf: &'a str,
    /// The IdP that this browser used last.
    pub last: Option<IdpChoice>,
    /// The others that have a button.
    pub choices: Vec<IdpChoice>,
    /// Whether an e-mail address can lead on.
    pub asks_address: bool,
    /// The address to begin with.
    pub address: Option<&'a str>,
    /// What to say about the address that was typed.
    pub note: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "choose_idp.html")]
struct ChooseTemplate<'a> {
    page: &'a ChoosePage<'a>,
    address: String,
}

/// The page that asks at which IdP to sign in.
pub fn choose_idp(page: &ChoosePage<'_>) -> Response {
    let address = shown(page.address.unwrap_or_default(), 254);
    reply(StatusCode::OK, ChooseTemplate { page, address }.render(), &Policy::plain())
}

/// A form that the browser submits by itself.
#[derive(Clone, Debug)]
pub struct AutoPost<'a> {
    /// The heading, such as "Going to Okta".
    pub title: &'a str,
    /// Where the form goes: a path of our own, or the configured address of an IdP.
    pub action: &'a str,
    /// Names and values of the hidden fields.
    pub fields: &'a [(&'a str, &'a str)],
}

#[derive(Template)]
#[template(path = "auto_post.html")]
struct AutoPostTemplate<'a> {
    title: &'a str,
    action: &'a str,
    fields: &'a [(&'a str, &'a str)],
}

/// A page whose form submits itself (SAML bindings section 3.5), with a button where scripts are off.
pub fn auto_post(page: &AutoPost<'_>) -> Response {
    let template = AutoPostTemplate { title: page.title, action: page.action, fields: page.fields };
    let mut policy = Policy::plain().with_submit_script();
    if !page.action.starts_with('/') {
        // The IdP's answer to the form may redirect to other hosts of the organisation, which nobody can list here.
        policy = policy.form_to(form_action_source(page.action)).form_to(Some("https:".to_owned()));
    }
    reply(StatusCode::OK, template.render(), &policy)
}

#[derive(Template)]
#[template(path = "continue.html")]
struct ContinueTemplate<'a> {
    path: &'a str,
}

/// Takes the browser to a path of our own, or to an address of an identity provider, by a page instead of a redirect: the reply
/// to every form of ours.
pub fn continue_to(path: &str) -> Response {
    reply(StatusCode::OK, ContinueTemplate { path }.render(), &Policy::plain())
}

#[derive(Template)]
#[template(path = "landing.html")]
struct LandingTemplate;

/// The page at `/` for somebody who is not signed in.
pub fn landing() -> Response {
    reply(StatusCode::OK, LandingTemplate.render(), &Policy::plain())
}

/// What a signed-in person sees at `/`.
#[derive(Clone, Debug)]
pub struct HomePage<'a> {
    /// Proof that the sign-out comes from this page in this browser.
    pub csrf: &'a str,
    /// Display name, user name or subject.
    pub person: &'a str,
    /// E-mail address, only shown.
    pub email: Option<&'a str>,
    /// The IdP's display name.
    pub idp_name: &'a str,
    /// Groups as received at the last sign-in.
    pub groups: &'a [String],
    /// When the session ends, in words.
    pub ends: &'a str,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomeTemplate {
    csrf: String,
    person: String,
    email: Option<String>,
    idp_name: String,
    groups: Vec<String>,
    ends: String,
}

/// The signed-in page: who am I, sign out, sign out everywhere.
pub fn home(page: &HomePage<'_>) -> Response {
    let template = HomeTemplate {
        csrf: page.csrf.to_owned(),
        person: shown(page.person, 120),
        email: page.email.map(|value| shown(value, 254)),
        idp_name: shown(page.idp_name, 80),
        groups: page.groups.iter().map(|group| shown(group, 200)).collect(),
        ends: page.ends.to_owned(),
    };
    reply(StatusCode::OK, template.render(), &Policy::plain())
}

#[derive(Template)]
#[template(path = "sign_out.html")]
struct SignOutTemplate<'a> {
    csrf: &'a str,
    person: String,
}

/// The question before a sign-out that was asked for by a plain link.
pub fn sign_out(csrf: &str, person: &str) -> Response {
    reply(StatusCode::OK, SignOutTemplate { csrf, person: shown(person, 120) }.render(), &Policy::plain())
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutTemplate {
    everywhere: bool,
    at_idp: AtIdp,
    idp_name: String,
}

/// What became of the session at the identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtIdp {
    /// It was not asked to end it.
    NotAsked,
    /// It was to be asked, but could not be.
    NotReached,
    /// It says that its session has ended.
    Ended,
    /// It says that some application could not be signed out.
    Partly,
    /// It says that it did not end it, or its answer cannot be believed.
    Failed,
}

/// The page after a sign-out.
pub fn signed_out(everywhere: bool, at_idp: AtIdp, idp_name: &str) -> Response {
    reply(StatusCode::OK, SignedOutTemplate { everywhere, at_idp, idp_name: shown(idp_name, 80) }.render(), &Policy::plain())
}

#[cfg(test)]
mod tests;
