//! Which IdP: by the domain of an e-mail address, by what this browser used last, or on a page with those that may sign the
//! person in for what they want to reach.
//!
//! Nothing here opens a door: whatever chooses, [`Transaction::require_allowed`] has the last word. An address that leads
//! nowhere gets the same page as one that was never typed, after the same work as one that leads somewhere: one look at the
//! configuration and one move of the stored request. `domains: ["*"]` at one IdP takes away the last difference.

mod error;

use std::time::Duration;

use axum::response::Response;
use http::HeaderMap;
use oauth::Secret;
use oauth::server::authorize::login_hint;
use store::{Advanced, Stage};

use crate::app::App;
use crate::config::{IdentityProvider, realm};
use crate::cookies::Cookie;
use crate::pages::{self, ChoosePage, IdpChoice};

pub(super) use error::ChoiceError;

use super::browser::{SignedInBrowser, Transaction};
use super::dispatch;
use super::error::LoginError;
use super::forms::{Form, require_own_page, with_cookie};

/// What the CSRF token of this form is bound to.
const FORM: &str = "idp";
/// How often a sign-in may move before it takes no more addresses: its `version` counts every move.
const MOVES: i64 = 20;
/// How long the choice is remembered after the last sign-in.
const REMEMBERED: Duration = Duration::from_hours(180 * 24);

/// What the page says above the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Note {
    None,
    NotAnAddress,
    LeadsNowhere,
}

impl Note {
    fn words(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::NotAnAddress => Some("Write your whole e-mail address, such as name@example.com."),
            Self::LeadsNowhere => {
                Some("This address does not lead to a sign-in that can be used here. Check it, or ask your administrator.")
            }
        }
    }
}

/// The page.
pub(super) fn page(app: &App, headers: &HeaderMap, transaction: &Transaction, allowed: &[&IdentityProvider]) -> Response {
    draw(app, headers, transaction, allowed, Note::None)
}

fn draw(app: &App, headers: &HeaderMap, transaction: &Transaction, allowed: &[&IdentityProvider], note: Note) -> Response {
    let last = last_used(app, headers, allowed);
    let choice = |idp: &&IdentityProvider| IdpChoice { id: idp.id.to_string(), name: idp.name.clone() };
    let others = allowed.iter().filter(|idp| idp.listed && last.is_none_or(|last| last.id != idp.id)).map(choice).collect();
    pages::choose_idp(&ChoosePage {
        request: &transaction.request.id.to_string(),
        csrf: &transaction.csrf(FORM),
        last: last.as_ref().map(choice),
        choices: others,
        asks_address: allowed.iter().any(|idp| !idp.domains.is_empty()),
        address: transaction.login_hint(),
        note: note.words(),
    })
}

/// The IdP that this browser used last, if it may be used here. The cookie is only an id: it can name nothing that is not allowed.
fn last_used<'c>(app: &App, headers: &HeaderMap, allowed: &[&'c IdentityProvider]) -> Option<&'c IdentityProvider> {
    let id = Cookie::LastIdp.value(&app.config.public_url, headers)?;
    allowed.iter().find(|idp| idp.id.as_str() == id).copied()
}

/// Where the address that the client named leads, if that is clear.
pub(super) fn led_to<'c>(transaction: &Transaction, allowed: &[&'c IdentityProvider]) -> Option<&'c IdentityProvider> {
    let domain = realm::domain_of(transaction.login_hint()?)?;
    match realm::lead(allowed, &domain).as_slice() {
        [one] => Some(*one),
        [] | [_, ..] => None,
    }
}

/// After a sign-in that ended well: where there is a choice, it is remembered.
pub(super) async fn remember(app: &App, headers: &HeaderMap, response: Response) -> Result<Response, LoginError> {
    if app.runtime.load().config.identity_providers.len() < 2 {
        return Ok(response);
    }
    let Some(browser) = SignedInBrowser::find(app, headers).await? else { return Ok(response) };
    let cookie = Cookie::LastIdp.set(&app.config.public_url, &Secret::new(browser.session.idp), REMEMBERED);
    Ok(with_cookie(response, cookie))
}

/// `POST /login/idp`
pub(super) async fn submit(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Response, LoginError> {
    require_own_page(headers, &app.config.public_url)?;
    let form = Form::parse(headers, body)?;
    let mut transaction = Transaction::load(app, headers, form.required("req")?).await?;
    transaction.check_csrf(form.required("csrf")?, FORM)?;
    match transaction.request.stage {
        Stage::ChooseIdp | Stage::SignIn(_) => {}
        // Not yet, or a second submit: the hub knows.
        Stage::Consent | Stage::SignedIn { .. } | Stage::Completed | Stage::Denied { .. } => {
            return Ok(pages::continue_to(&transaction.hub()));
        }
    }
    let Some(chosen) = form.optional("idp")? else {
        return by_address(app, headers, &mut transaction, form.required("address")?).await;
    };
    let runtime = app.runtime.load_full();
    let idp = runtime.config.identity_providers.get(chosen).ok_or_else(|| LoginError::IdpUnknown(chosen.to_owned()))?;
    transaction.require_allowed(&runtime.config, chosen)?;
    Ok(dispatch::leave(app, headers, &transaction, idp).await?.into_page())
}

/// To the IdP that has the domain; else the page again.
async fn by_address(app: &App, headers: &HeaderMap, transaction: &mut Transaction, typed: &str) -> Result<Response, LoginError> {
    if transaction.request.version > MOVES {
        return Err(ChoiceError::TooManyAddresses.into());
    }
    let runtime = app.runtime.load_full();
    let allowed = transaction.identity_providers(&runtime.config)?;
    transaction.set_login_hint(login_hint(typed));
    let Some(domain) = realm::domain_of(typed) else { return Ok(draw(app, headers, transaction, &allowed, Note::NotAnAddress)) };
    match realm::lead(&allowed, &domain).as_slice() {
        [one] => Ok(dispatch::leave(app, headers, transaction, one).await?.into_page()),
        [] => match transaction.advance(app, &Stage::ChooseIdp).await? {
            Advanced::Moved { .. } => Ok(draw(app, headers, transaction, &allowed, Note::LeadsNowhere)),
            Advanced::Lost => Ok(pages::continue_to(&transaction.hub())),
        },
        several => Ok(draw(app, headers, transaction, several, Note::None)),
    }
}
