//! `/users`: who has signed in, which identities are one person, and who is shut out.
//!
//! An identity is named by its id alone where something is changed: an address or user name may be another person's at
//! another identity provider. Nothing here gives anybody a group or a role.

use axum::extract::{Extension, State};
use axum::{Json, response::IntoResponse as _, response::Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Linked, Unlinked, User, UserId};

use super::error::AdminError;
use super::operator::Operator;
use super::people;
use super::record::Body;
use crate::app::{App, SharedApp};
use crate::audit::Kind;

/// Rows of one read.
const PAGE: u32 = 1000;

/// Why an identity stays as it is.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("there is no identity {0}; `doorward user list` shows the ids")]
    Unknown(UserId),
    #[error("one of the two is disabled and the other is not: enable or disable one of them first")]
    DisabledDiffers,
    #[error("{0} is linked to no other identity")]
    NotLinked(UserId),
    #[error("{id} is the first identity of its person; unlink the others: {others}")]
    IsFirst { id: UserId, others: String },
}

impl LinkError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "admin.identity_unknown",
            Self::DisabledDiffers => "admin.link_disabled_differs",
            Self::NotLinked(_) => "admin.not_linked",
            Self::IsFirst { .. } => "admin.first_identity",
        }
    }
}

impl From<LinkError> for AdminError {
    fn from(error: LinkError) -> Self {
        let status = if matches!(error, LinkError::Unknown(_)) { StatusCode::NOT_FOUND } else { StatusCode::CONFLICT };
        Self::refused(status, error.code(), error.to_string())
    }
}

/// Everybody who has ever signed in.
pub(super) async fn list(State(app): State<SharedApp>) -> Result<Response, AdminError> {
    let (mut users, mut after): (Vec<Value>, Option<UserId>) = (Vec::new(), None);
    loop {
        let page = app.store.list_users(after, PAGE).await?;
        users.extend(page.iter().map(as_json));
        match page.last() {
            Some(last) if page.len() == PAGE as usize => after = Some(last.id),
            Some(_) | None => return Ok(Json(json!({ "users": users })).into_response()),
        }
    }
}

fn as_json(user: &User) -> Value {
    json!({
        "id": user.id,
        "idp": user.idp,
        "subject": user.subject,
        "username": user.username,
        "email": user.email,
        "display_name": user.display_name,
        "groups": user.groups,
        "created": user.created_at,
        "last_seen": user.last_seen_at,
        "disabled": user.disabled_at,
        "linked_to": user.linked_to,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    primary: String,
    other: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    user: String,
}

/// Says that two identities are one person.
pub(super) async fn link(
    State(app): State<SharedApp>,
    Extension(operator): Extension<Operator>,
    Body(pair): Body<Pair>,
) -> Result<Response, AdminError> {
    let (primary, other) = (people::id(&pair.primary)?, people::id(&pair.other)?);
    match app.store.link_users(primary, other).await? {
        Linked::Linked => note(&app, &operator, Kind::UserLinked, other).await?,
        Linked::Already => {}
        Linked::Unknown(id) => return Err(LinkError::Unknown(id).into()),
        Linked::DisabledDiffers => return Err(LinkError::DisabledDiffers.into()),
    }
    identities(&app, primary).await
}

/// Takes that back.
pub(super) async fn unlink(
    State(app): State<SharedApp>,
    Extension(operator): Extension<Operator>,
    Body(one): Body<One>,
) -> Result<Response, AdminError> {
    let id = people::id(&one.user)?;
    match app.store.unlink_user(id).await? {
        Unlinked::Unlinked => note(&app, &operator, Kind::UserUnlinked, id).await?,
        Unlinked::Unknown => return Err(LinkError::Unknown(id).into()),
        Unlinked::NotLinked(others) if others.is_empty() => return Err(LinkError::NotLinked(id).into()),
        Unlinked::NotLinked(others) => {
            let others = others.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(LinkError::IsFirst { id, others }.into());
        }
    }
    identities(&app, id).await
}

/// Shuts a person out: all identities, sessions and grants.
pub(super) async fn disable(app: State<SharedApp>, operator: Extension<Operator>, body: Body<One>) -> Result<Response, AdminError> {
    set_disabled(app, operator, body, true).await
}

/// Lets them in again; what was ended stays ended.
pub(super) async fn enable(app: State<SharedApp>, operator: Extension<Operator>, body: Body<One>) -> Result<Response, AdminError> {
    set_disabled(app, operator, body, false).await
}

async fn set_disabled(
    State(app): State<SharedApp>,
    Extension(operator): Extension<Operator>,
    Body(one): Body<One>,
    disabled: bool,
) -> Result<Response, AdminError> {
    let id = people::id(&one.user)?;
    if !app.store.set_user_disabled(id, disabled, app.clock.now()).await? {
        return Err(LinkError::Unknown(id).into());
    }
    let kind = if disabled { Kind::UserDisabled } else { Kind::UserEnabled };
    for user in app.store.identities(id).await? {
        note(&app, &operator, kind, user.id).await?;
    }
    identities(&app, id).await
}

async fn note(app: &App, operator: &Operator, kind: Kind, id: UserId) -> Result<(), AdminError> {
    let mut event = operator.event(kind, app.clock.now());
    if let Some(user) = app.store.user(id).await? {
        event = event.with_user(&user);
    }
    Ok(app.audit.record(event).await?)
}

async fn identities(app: &App, id: UserId) -> Result<Response, AdminError> {
    let users: Vec<Value> = app.store.identities(id).await?.iter().map(as_json).collect();
    Ok(Json(json!({ "users": users })).into_response())
}
