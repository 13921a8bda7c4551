//! Which IdP: a page with those that may sign the person in for what they want to reach.

use axum::response::Response;
use http::HeaderMap;
use store::Stage;

use crate::app::App;
use crate::config::IdentityProvider;
use crate::pages::{self, IdpChoice};

use super::browser::Transaction;
use super::dispatch;
use super::error::LoginError;
use super::forms::{Form, require_own_page};

/// What the CSRF token of this form is bound to.
const FORM: &str = "idp";

/// The page.
pub(super) fn page(transaction: &Transaction, allowed: &[&IdentityProvider]) -> Response {
    let choices: Vec<IdpChoice> = allowed.iter().map(|idp| IdpChoice { id: idp.id.to_string(), name: idp.name.clone() }).collect();
    pages::choose_idp(&transaction.request.id.to_string(), &transaction.csrf(FORM), &choices)
}

/// `POST /login/idp`
pub(super) async fn submit(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Response, LoginError> {
    require_own_page(headers, &app.config.public_url)?;
    let form = Form::parse(headers, body)?;
    let transaction = Transaction::load(app, headers, form.required("req")?).await?;
    transaction.check_csrf(form.required("csrf")?, FORM)?;
    match transaction.request.stage {
        Stage::ChooseIdp | Stage::SignIn(_) => {}
        // Not yet, or a second submit: the hub knows.
        Stage::Consent | Stage::SignedIn { .. } | Stage::Completed | Stage::Denied { .. } => {
            return Ok(pages::continue_to(&transaction.hub()));
        }
    }
    let runtime = app.runtime.load_full();
    let chosen = form.required("idp")?;
    let idp = runtime.config.identity_providers.get(chosen).ok_or_else(|| LoginError::IdpUnknown(chosen.to_owned()))?;
    transaction.require_allowed(&runtime.config, chosen)?;
    Ok(dispatch::leave(app, headers, &transaction, idp).await?.into_page())
}
