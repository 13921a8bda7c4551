//! What a sign-in leaves in the audit trail. Durable before the reply, or there is no reply but a refusal.

use store::User;

use crate::app::App;
use crate::audit::{Client, Event, Kind};
use crate::request_id::RequestContext;

use super::browser::Transaction;
use super::error::LoginError;

/// Who and what an event is about, as far as it is known at that step.
#[derive(Clone, Copy, Default)]
pub(super) struct Subject<'a> {
    /// The sign-in: gives client and upstream.
    pub(super) transaction: Option<&'a Transaction>,
    /// The person.
    pub(super) user: Option<&'a User>,
    /// The IdP's id.
    pub(super) idp: Option<&'a str>,
}

/// Records an event and waits until it is on the disk. With an error, refuse what the event stands for.
pub(super) async fn durable(
    app: &App,
    context: &RequestContext,
    kind: Kind,
    subject: &Subject<'_>,
    details: impl IntoIterator<Item = (&str, &str)>,
) -> Result<(), LoginError> {
    let mut event = event(app, context, kind, subject).await;
    for (key, value) in details {
        event = event.with_detail(key, value);
    }
    Ok(app.audit.record(event).await?)
}

/// Records a refusal. It stands whether or not it could be recorded, and is in the log as well.
pub(super) async fn refusal(app: &App, context: &RequestContext, kind: Kind, subject: &Subject<'_>, error: &LoginError) {
    let mut event = event(app, context, kind, subject).await.with_detail("reason", error.private());
    event.code = Some(error.code().to_owned());
    if let Err(error) = app.audit.refusal(event).await {
        tracing::error!(code = error.code(), request_id = context.request_id, reason = %error, "a refusal could not be recorded");
    }
}

async fn event(app: &App, context: &RequestContext, kind: Kind, subject: &Subject<'_>) -> Event {
    let mut event = Event::of(kind, context, app.clock.now());
    if let Some(user) = subject.user {
        event = event.with_user(user);
    }
    if let Some(idp) = subject.idp {
        event = event.with_detail("idp", idp);
    }
    if let Some(params) = subject.transaction.and_then(|transaction| transaction.params.as_ref()) {
        let runtime = app.runtime.load_full();
        // A client that cannot be looked up still has its identifier.
        let name = super::consent::ClientName::of(app, &runtime.config, params).await.ok().map(|client| client.name);
        event.client = Some(Client { id: params.client_id.clone(), name });
        event.upstream = Some(params.upstream.clone());
        let scopes: Vec<&str> = params.scopes.iter().map(oauth::scope::Scope::as_str).collect();
        event = event.with_detail("scopes", scopes.join(" ")).with_detail("redirect_host", params.redirect_uri.host_display());
    }
    event
}
