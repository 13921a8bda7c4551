//! An identity provider has ended a session: everything here that rests on it ends, and is on record by name.

use store::{EndedAtIdp, Once};

use crate::app::App;
use crate::audit::Kind;
use crate::config::IdpId;
use crate::request_id::RequestContext;

use super::super::error::LoginError;
use super::super::record::{self, Subject};
use super::SignOutError;

/// Ends browser sessions, codes and grants by a message that counts once. Ending is done before it is recorded: an audit trail that cannot be written must
/// not keep anybody signed in.
pub(super) async fn end(
    app: &App,
    context: &RequestContext,
    idp: &IdpId,
    ended: EndedAtIdp<'_>,
    message: &Once<'_>,
    asked_by: &'static str,
) -> Result<(), LoginError> {
    let told = app.store.end_idp_sessions(idp.as_str(), ended, message, app.clock.now()).await?.ok_or(SignOutError::Replayed)?;
    if told.is_empty() {
        tracing::info!(idp = idp.as_str(), request_id = context.request_id, asked_by, "no session here rests on the one that ended");
    }
    for person in told {
        let (sessions, grants) = (person.sessions.to_string(), person.grants.len().to_string());
        let subject = Subject { user: Some(&person.user), idp: Some(idp.as_str()), ..Subject::default() };
        let details =
            [("scope", "identity_provider"), ("asked_by", asked_by), ("sessions", sessions.as_str()), ("grants", grants.as_str())];
        record::durable(app, context, Kind::SignOut, &subject, details).await?;
    }
    Ok(())
}
