//! The loop breaker: a browser that is sent to the same identity provider for the same destination for the third time
//! within a minute gets a page instead of a redirect. It says why, and lets the person begin without cookies.
//!
//! The count lives in a cookie of its own and needs no proof: who forges it stops nobody but themselves. (A browser
//! without cookies cannot loop here: its first step ends at the page `login.cookie_missing`.)

mod cause;

use std::time::Duration;

use axum::response::Response;
use http::header::HOST;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use oauth::Secret;
use store::{Purpose, StepUpAsked};

use crate::app::App;
use crate::config::{IdentityProvider, PublicUrl};
use crate::cookies::{self, Cookie};
use crate::pages::{self, LoopPage};

use super::browser::{SignedInBrowser, Transaction};
use super::error::LoginError;
use super::forms::{Form, require_own_page, with_cookie};

use cause::{Held, Seen};

const WINDOW_SECONDS: i64 = 60;
const STARTS_ALLOWED: usize = 2;
const ENTRIES_KEPT: usize = 8;
/// The form of the page, for its CSRF token.
const FORM: &str = "again";

/// Sent to the identity provider again and again.
#[derive(Debug, thiserror::Error)]
#[error("The same sign-in was started three times within a minute, so it would go in circles.")]
pub struct Loop {
    evidence: Vec<(&'static str, String)>,
    causes: Vec<String>,
    request: String,
    csrf: Secret<String>,
}

impl Loop {
    /// For the log and the audit trail.
    pub(super) fn private(&self) -> String {
        let evidence: Vec<String> = self.evidence.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        // The audit trail cuts long texts: what was seen stands before what it means.
        format!("{}. {}", evidence.join("; "), self.causes.join(" "))
    }

    /// The page.
    pub(super) fn page(&self, code: &str, request_id: &str) -> Response {
        pages::loop_detected(&LoopPage {
            causes: &self.causes,
            evidence: &self.evidence,
            code,
            request_id,
            request: &self.request,
            csrf: self.csrf.expose(),
        })
    }
}

/// Counts a departure to `idp`; gives the cookie that goes with the reply, or says why it would go in circles.
pub(super) async fn count(
    app: &App,
    headers: &HeaderMap,
    transaction: &Transaction,
    idp: &IdentityProvider,
    step_up: Option<&StepUpAsked>,
) -> Result<HeaderValue, LoginError> {
    let idp_id = &idp.id;
    let destination = match (&transaction.params, &transaction.request.purpose) {
        (Some(params), _) => format!("{idp_id} {} {} {}", params.client_id, params.upstream, params.redirect_uri.host_display()),
        (None, Purpose::BrowserSignIn { return_path }) => format!("{idp_id} {return_path}"),
        (None, Purpose::SignInTest { test, .. }) => format!("{idp_id} {test}"),
        (None, Purpose::ClientAuthorization) => idp_id.to_string(),
    };
    match count_start(headers, &app.config.public_url, &destination, app.clock.now()) {
        Some(cookie) => Ok(cookie),
        None => Err(explained(app, headers, transaction, idp, step_up).await?.into()),
    }
}

/// `POST /login/again`: takes our cookies from the browser, but that of this sign-in, and begins it again. Where that leads
/// is in the store: nothing of the form names a place.
pub(super) async fn again(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Response, LoginError> {
    require_own_page(headers, &app.config.public_url)?;
    let form = Form::parse(headers, body)?;
    let transaction = Transaction::load(app, headers, form.required("req")?).await?;
    transaction.check_csrf(form.required("csrf")?, FORM)?;
    let kept = Cookie::Transaction(transaction.request.id);
    let cleared = cookies::clear_all_but(kept, &app.config.public_url, headers);
    Ok(cleared.into_iter().fold(pages::continue_to(&transaction.hub()), with_cookie))
}

/// The cookie with this start counted; none for the start that is one too many.
fn count_start(headers: &HeaderMap, public_url: &PublicUrl, destination: &str, now: Timestamp) -> Option<HeaderValue> {
    let second = now.as_second();
    let key = short_hash(destination);
    let mut recent: Vec<(String, i64)> = Cookie::Starts
        .value(public_url, headers)
        .map(parse)
        .unwrap_or_default()
        .into_iter()
        .filter(|(_, at)| (0..WINDOW_SECONDS).contains(&second.saturating_sub(*at)))
        .collect();
    if recent.iter().filter(|(known, _)| *known == key).count() >= STARTS_ALLOWED {
        return None;
    }
    recent.push((key, second));
    let from = recent.len().saturating_sub(ENTRIES_KEPT);
    let text = recent.iter().skip(from).map(|(key, at)| format!("{key}_{at}")).collect::<Vec<_>>().join("-");
    Some(Cookie::Starts.set(public_url, &Secret::new(text), Duration::from_mins(1)))
}

/// `key_second-key_second`; whatever else stands there is passed over.
fn parse(value: &str) -> Vec<(String, i64)> {
    value
        .split('-')
        .take(ENTRIES_KEPT)
        .filter_map(|entry| entry.split_once('_'))
        .filter_map(|(key, at)| Some((key.to_owned(), at.parse().ok()?)))
        .collect()
}

fn short_hash(text: &str) -> String {
    use std::fmt::Write as _;
    store::sha256(text.as_bytes()).iter().take(6).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What an administrator needs first: which cookies came back, which host the browser believes it talks to, and what those mean.
async fn explained(
    app: &App,
    headers: &HeaderMap,
    transaction: &Transaction,
    idp: &IdentityProvider,
    step_up: Option<&StepUpAsked>,
) -> Result<Box<Loop>, LoginError> {
    let public_url = &app.config.public_url;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let seen = Seen {
        public_url,
        host: text(HOST.as_str()),
        proxy_scheme: text("x-forwarded-proto"),
        held: held(app, headers, transaction, idp, step_up).await?,
        now: app.clock.now(),
    };
    let evidence = vec![
        ("Cookies received", our_cookies(headers)),
        ("Host", seen.host.clone().unwrap_or_else(|| "none".to_owned())),
        ("public_url", public_url.to_string()),
        ("Scheme", seen.scheme()),
        ("Clock here", Timestamp::from_second(seen.now.as_second()).unwrap_or(seen.now).to_string()),
    ];
    let csrf = Secret::new(transaction.csrf(FORM));
    Ok(Box::new(Loop { evidence, causes: seen.causes(), request: transaction.request.id.to_string(), csrf }))
}

/// The names of the cookies that may be ours; those of sign-ins under way are many and all alike.
fn our_cookies(headers: &HeaderMap) -> String {
    let (requests, mut names): (Vec<&str>, Vec<&str>) =
        cookies::names(headers).into_iter().filter(|name| name.contains("doorward")).partition(|name| name.contains("doorward-request-"));
    let sign_ins = match requests.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        [one, rest @ ..] => Some(format!("{one} and {} of other sign-ins", rest.len())),
    };
    names.extend(sign_ins.as_deref());
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Why the session of this browser did not answer.
async fn held(
    app: &App,
    headers: &HeaderMap,
    transaction: &Transaction,
    idp: &IdentityProvider,
    step_up: Option<&StepUpAsked>,
) -> Result<Held, LoginError> {
    let public_url = &app.config.public_url;
    let name = Cookie::Session.name(public_url);
    let sent = cookies::names(headers).into_iter().filter(|own| *own == name).count();
    let Some(browser) = SignedInBrowser::find(app, headers).await? else {
        return Ok(match (Cookie::Session.token(public_url, headers), sent) {
            (Some(_), _) => Held::Ended,
            (None, 0) => Held::Nothing { cookie: name },
            (None, _) => Held::Unreadable { cookie: name, sent },
        });
    };
    let runtime = app.runtime.load_full();
    if transaction.require_allowed(&runtime.config, &browser.session.idp).is_err() {
        let upstream = transaction.params.as_ref().map(|params| params.upstream.clone()).unwrap_or_default();
        return Ok(Held::OtherIdp { upstream, held: browser.session.idp, asked: idp.id.to_string() });
    }
    Ok(match step_up {
        Some(_) => Held::TooWeak,
        None if transaction.force_login() || transaction.select_account() => Held::NotWanted,
        None => Held::Usable,
    })
}

#[cfg(test)]
mod tests;
