//! Consent: the person allows one client to act for them at one upstream, before anybody goes to an IdP.
//!
//! Asked in every authorization, in the browser that began it. A consent given before skips the page only
//! if a session says who the person is, it covers person, client, upstream, redirect host and every scope, and the client
//! is one that the administrator registered or the person opened this address themselves: a page of somebody
//! else that sends a browser here gets the question shown, however often it was answered before.

use axum::response::Response;
use http::HeaderMap;
use oauth::redirect::RedirectKind;
use oauth::server::authorize::AuthorizationParams;
use store::{Advanced, ClientId, Consent, Stage, UserId};

use crate::app::App;
use crate::audit::Kind;
use crate::config::Config;
use crate::pages::{self, ConsentPage};
use crate::request_id::RequestContext;

use super::browser::{SignedInBrowser, Transaction};
use super::error::LoginError;
use super::forms::{Form, Initiator, require_own_page};
use super::record::{self, Subject};

/// What the CSRF token of this form is bound to.
const FORM: &str = "consent";

/// The page.
pub(super) async fn page(app: &App, headers: &HeaderMap, transaction: &Transaction) -> Result<Response, LoginError> {
    let runtime = app.runtime.load_full();
    let params = transaction.params.as_ref().ok_or(LoginError::OutOfStep)?;
    let upstream = transaction.upstream(&runtime.config)?.ok_or(LoginError::OutOfStep)?;
    let client = ClientName::of(app, &runtime.config, params).await?;
    let browser = SignedInBrowser::find(app, headers).await?;
    let scopes: Vec<String> = params.scopes.iter().map(|scope| words(scope.as_str(), &upstream.name)).collect();
    let of_client = runtime.config.clients.get(&params.client_id).and_then(|client| client.refresh_lifetime);
    let duration = format!(
        "Stay connected for up to {} without asking you again, until you or your administrator end it.",
        span(of_client.unwrap_or(runtime.config.tokens.refresh))
    );
    Ok(pages::consent(&ConsentPage {
        request: &transaction.request.id.to_string(),
        csrf: &transaction.csrf(FORM),
        upstream_name: &upstream.name,
        resource: params.resource.as_str(),
        scopes: &scopes,
        duration: &duration,
        client_name: &client.name,
        client_id: &params.client_id,
        client_known: client.known,
        redirect_host: &params.redirect_uri.host_display(),
        redirect_uri: params.redirect_uri.as_str(),
        warning: warning(params, client.known),
        signed_in_as: browser.as_ref().map(SignedInBrowser::person),
    }))
}

/// `POST /login/consent`. A second submit of the same form finds the sign-in past this step and simply goes on.
pub(super) async fn submit(app: &App, context: &RequestContext, headers: &HeaderMap, body: &[u8]) -> Result<Response, LoginError> {
    require_own_page(headers, &app.config.public_url)?;
    let form = Form::parse(headers, body)?;
    let transaction = Transaction::load(app, headers, form.required("req")?).await?;
    transaction.check_csrf(form.required("csrf")?, FORM)?;
    if transaction.request.stage != Stage::Consent {
        return Ok(pages::continue_to(&transaction.hub()));
    }
    let (kind, stage) = match form.required("decision")? {
        "allow" => (Kind::Consent, Stage::ChooseIdp),
        "deny" => (Kind::ConsentRefused, Stage::Denied { code: LoginError::ConsentRefused.code().to_owned() }),
        _ => return Err(LoginError::FormMalformed("the decision is neither allow nor deny")),
    };
    let browser = SignedInBrowser::find(app, headers).await?;
    let subject = Subject { transaction: Some(&transaction), user: browser.as_ref().map(|browser| &browser.user), ..Subject::default() };
    // On record first: what cannot be recorded does not happen.
    record::durable(app, context, kind, &subject, None).await?;
    let _: Advanced = transaction.advance(app, &stage).await?;
    Ok(pages::continue_to(&transaction.hub()))
}

/// Skips the question if the person answered it before and nobody can be riding on that answer; true if it did.
pub(super) async fn was_remembered(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    transaction: &Transaction,
) -> Result<bool, LoginError> {
    let Some(params) = transaction.params.as_ref().filter(|params| !params.force_consent && !params.force_login && !params.select_account)
    else {
        return Ok(false);
    };
    let runtime = app.runtime.load_full();
    let registered_here = runtime.config.clients.contains_key(&params.client_id);
    if !registered_here && Initiator::of(headers) != Initiator::Person {
        return Ok(false);
    }
    let Some(browser) = SignedInBrowser::find(app, headers).await? else { return Ok(false) };
    if transaction.require_allowed(&runtime.config, &browser.session.idp).is_err() {
        return Ok(false);
    }
    let Some(asked) = Asked::of(params) else { return Ok(false) };
    if !app.store.consent_covers(&asked.by(browser.user.id)).await? {
        return Ok(false);
    }
    let subject = Subject { transaction: Some(transaction), user: Some(&browser.user), ..Subject::default() };
    record::durable(app, context, Kind::Consent, &subject, Some(("remembered", "true"))).await?;
    let stage = Stage::SignedIn { user: browser.user.id, session: browser.session.id, step_up: None };
    let _: Advanced = transaction.advance(app, &stage).await?;
    Ok(true)
}

/// Remembers the consent that was given in this sign-in, now that it is known by whom.
pub(super) async fn remember(app: &App, transaction: &Transaction, user: UserId) -> Result<(), LoginError> {
    if let Some(asked) = transaction.params.as_ref().and_then(Asked::of) {
        app.store.remember_consent(&asked.by(user), app.clock.now()).await?;
    }
    Ok(())
}

/// What is asked for, in the store's terms.
struct Asked {
    client: ClientId,
    upstream: String,
    redirect_host: String,
    scopes: Vec<String>,
}

impl Asked {
    fn of(params: &AuthorizationParams) -> Option<Self> {
        Some(Self {
            client: ClientId::parse(&params.client_id).ok()?,
            upstream: params.upstream.clone(),
            redirect_host: params.redirect_uri.host_display(),
            scopes: params.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        })
    }

    fn by(&self, user: UserId) -> Consent<'_> {
        Consent { user, client: &self.client, upstream: &self.upstream, redirect_host: &self.redirect_host, scopes: &self.scopes }
    }
}

/// What the client is called, and whether the administrator says so or only the client itself.
pub(super) struct ClientName {
    /// The name.
    pub(super) name: String,
    /// Registered in the configuration.
    pub(super) known: bool,
}

impl ClientName {
    /// Looks the client up where it is registered.
    pub(super) async fn of(app: &App, config: &Config, params: &AuthorizationParams) -> Result<Self, LoginError> {
        if let Some(client) = config.clients.get(&params.client_id) {
            return Ok(Self { name: client.name.clone(), known: true });
        }
        let stored = match ClientId::parse(&params.client_id) {
            Ok(id) => app.store.client(&id, app.clock.now()).await?,
            Err(_) => None,
        };
        let name =
            stored.map(|client| client.name).filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "An unnamed program".to_owned());
        Ok(Self { name, known: false })
    }
}

/// What only a loopback address or a private scheme can promise: some program on this computer, no matter which.
fn warning(params: &AuthorizationParams, known: bool) -> Option<&'static str> {
    match (params.redirect_uri.kind(), known) {
        (_, true) | (RedirectKind::Https, false) => None,
        (RedirectKind::Loopback, false) => Some(
            "The answer goes to a program on this computer, and any program here could be asking under this name. Allow only if you have just connected this server in a program that you trust.",
        ),
        (RedirectKind::PrivateScheme, false) => Some(
            "The answer goes to the program on this computer that opens such addresses. Allow only if you have just connected this server in that program.",
        ),
    }
}

/// A scope in words.
fn words(scope: &str, upstream: &str) -> String {
    match scope {
        "mcp" => format!("Use the tools, resources and prompts of {upstream} as you"),
        other => format!("Use {upstream} as you, within the scope “{other}”"),
    }
}

/// A duration as people say it, rounded down to its largest unit.
fn span(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (size, name) = units.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, "second"));
    let count = seconds / size;
    if count == 1 { format!("one {name}") } else { format!("{count} {name}s") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::span;

    #[test]
    fn spans_in_words() {
        for (seconds, expected) in
            [(0, "0 seconds"), (1, "one second"), (90, "one minute"), (7200, "2 hours"), (86_400, "one day"), (2_592_000, "30 days")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }
}
