//! The audit events of the authorization server.

use store::UserId;

use crate::app::App;
use crate::audit::{Client, Event, Kind};
use crate::request_id::RequestContext;

use super::clients::KnownClient;
use super::error::Error;

/// Begins an event of this request; the client as far as it is known.
pub(super) fn event(app: &App, kind: Kind, context: &RequestContext, client: Option<&KnownClient>) -> Event {
    let mut event = Event::of(kind, context, app.clock.now());
    event.client = client.map(|client| Client { id: client.id.to_string(), name: Some(client.name.clone()) });
    event
}

/// The same event with the person, if the store can tell: a refusal is recorded either way.
pub(super) async fn with_person(app: &App, event: Event, user: UserId) -> Event {
    match app.store.user(user).await {
        Ok(Some(user)) => event.with_user(&user),
        Ok(None) | Err(_) => event.with_detail("user_id", user.to_string()),
    }
}

/// Writes an event durably. The error of a trail that cannot be written takes the place of the reply.
pub(super) async fn durable(app: &App, event: Event) -> Result<(), Error> {
    app.audit.record(event).await?;
    Ok(())
}

/// Writes a refusal durably and gives back the error to answer: the one that was refused with, or the trail's own.
pub(super) async fn refusal(app: &App, mut event: Event, error: Error) -> Error {
    event.code = Some(error.code().to_owned());
    event.status = Some(error.answer().status.as_u16());
    event.detail.insert("reason".to_owned(), error.to_string());
    tracing::info!(request_id = %event.request_id, code = error.code(), "refused");
    match app.audit.refusal(event).await {
        Ok(()) => error,
        Err(audit) => audit.into(),
    }
}
