//! `GET /sessions`, `POST /sessions/end`: who is signed in, which programs have tokens, and an end to it.
//!
//! What is ended is over for the next request: the store is asked at each one, and open streams ask again every few seconds.

use std::collections::{BTreeSet, HashMap};

use axum::extract::{Extension, Query, State};
use axum::{Json, response::IntoResponse as _, response::Response};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{BrowserSessionId, GrantId, GrantsOf, ListedGrant, ListedSession, RevokeReason, SessionsOf, User, UserId};

use super::error::AdminError;
use super::operator::Operator;
use super::people;
use super::record::Body;
use crate::app::{App, SharedApp};
use crate::audit::{Client, Event, Kind};

/// How many sessions, and how many grants, a list has if nobody says otherwise.
const DEFAULT_LIMIT: u32 = 1000;
const MAX_LIMIT: u32 = 100_000;

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    user: Option<String>,
    limit: Option<u32>,
}

/// A person in a list.
#[derive(Debug, Serialize)]
struct Who {
    user_id: UserId,
    idp: String,
    subject: String,
    username: Option<String>,
    email: Option<String>,
    linked_to: Option<UserId>,
}

impl From<&User> for Who {
    fn from(user: &User) -> Self {
        Self {
            user_id: user.id,
            idp: user.idp.clone(),
            subject: user.subject.clone(),
            username: user.username.clone(),
            email: user.email.clone(),
            linked_to: user.linked_to,
        }
    }
}

/// Browser sessions and grants, of one person or of all.
pub(super) async fn list(State(app): State<SharedApp>, Query(query): Query<ListQuery>) -> Result<Response, AdminError> {
    let now = app.clock.now();
    let config = app.runtime.load().config.clone();
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let people: Vec<Option<UserId>> = match &query.user {
        None => vec![None],
        Some(name) => {
            let people: BTreeSet<UserId> = people::called(&app, name).await?.iter().map(User::person).collect();
            people.into_iter().map(Some).collect()
        }
    };
    let (mut sessions, mut grants, mut more) = (Vec::new(), Vec::new(), false);
    for person in people {
        // One more than asked for tells whether there are more.
        let found = app.store.list_live_sessions(person, config.sessions.idle, limit.saturating_add(1), now).await?;
        let given = app.store.list_live_grants(person, config.tokens.access, limit.saturating_add(1), now).await?;
        more |= found.len() > limit as usize || given.len() > limit as usize;
        sessions.extend(found.iter().take(limit as usize).map(session));
        grants.extend(given.iter().take(limit as usize).map(|listed| {
            let configured = config.clients.get(listed.grant.client.as_str()).map(|client| client.name.as_str());
            grant(listed, configured)
        }));
    }
    Ok(Json(json!({ "sessions": sessions, "grants": grants, "more": more })).into_response())
}

fn session(listed: &ListedSession) -> serde_json::Value {
    json!({
        "id": listed.id,
        "user": Who::from(&listed.user),
        "created": listed.created_at,
        "last_used": listed.last_used_at,
        "ends": listed.expires_at,
    })
}

fn grant(listed: &ListedGrant, configured: Option<&str>) -> serde_json::Value {
    let grant = &listed.grant;
    json!({
        "id": grant.id,
        "user": Who::from(&listed.user),
        "session": grant.session,
        "client": grant.client.as_str(),
        "client_name": configured.or(listed.client_name.as_deref()),
        "upstream": grant.upstream,
        "created": grant.created_at,
        "last_used": grant.last_used_at,
        "ends": listed.refresh_until,
        "idp_session_ends": grant.sign_in.ends_at,
    })
}

/// What is to end: exactly one of these.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum End {
    /// A browser session with its grants (`bse_…`), or one grant (`gnt_…`).
    Session(String),
    /// Everything of one person, in all their identities.
    User(String),
    /// Everything of everybody; `true`.
    All(bool),
}

/// What has ended.
#[derive(Debug, Default)]
struct Ended {
    sessions: Vec<(BrowserSessionId, UserId)>,
    grants: Vec<GrantId>,
}

/// Ends them, and records each with its person before the reply.
pub(super) async fn end(
    State(app): State<SharedApp>,
    Extension(operator): Extension<Operator>,
    Body(end): Body<End>,
) -> Result<Response, AdminError> {
    let now = app.clock.now();
    let ended = match &end {
        End::Session(id) => one(&app, id, now).await?,
        End::User(name) => everything_of(&app, people::one(&app, name).await?.id, now).await?,
        End::All(true) => everything(&app, now).await?,
        End::All(false) => return Err(AdminError::Malformed("`all` is true or not there".to_owned())),
    };
    record(&app, &operator, &ended, now).await?;
    Ok(Json(json!({ "sessions": ended.sessions.len(), "grants": ended.grants.len() })).into_response())
}

async fn one(app: &App, text: &str, now: Timestamp) -> Result<Ended, AdminError> {
    let mut ended = Ended::default();
    if let Ok(id) = text.parse::<BrowserSessionId>() {
        // In this order: a code that is redeemed meanwhile finds its session ended, or its grant is revoked after it.
        ended.sessions = app.store.end_sessions(SessionsOf::One(id), now).await?;
        ended.grants = app.store.revoke_grants_for(GrantsOf::Session(id), RevokeReason::Administrator, now).await?;
    } else if let Ok(id) = text.parse::<GrantId>()
        && app.store.revoke_grant(id, RevokeReason::Administrator, now).await?
    {
        ended.grants.push(id);
    }
    if ended.sessions.is_empty() && ended.grants.is_empty() {
        return Err(SessionUnknown(text.chars().take(100).collect()).into());
    }
    Ok(ended)
}

async fn everything_of(app: &App, user: UserId, now: Timestamp) -> Result<Ended, AdminError> {
    let sessions = app.store.end_sessions(SessionsOf::User(user), now).await?;
    let grants = app.store.revoke_grants_for(GrantsOf::User(user), RevokeReason::Administrator, now).await?;
    // Else a program that was just thrown out would be let in again without a question.
    app.store.forget_consents(user, None).await?;
    Ok(Ended { sessions, grants })
}

async fn everything(app: &App, now: Timestamp) -> Result<Ended, AdminError> {
    let sessions = app.store.end_sessions(SessionsOf::Everybody, now).await?;
    let grants = app.store.revoke_grants_for(GrantsOf::Everybody, RevokeReason::Administrator, now).await?;
    Ok(Ended { sessions, grants })
}

async fn record(app: &App, operator: &Operator, ended: &Ended, now: Timestamp) -> Result<(), AdminError> {
    let mut people: HashMap<UserId, User> = HashMap::new();
    let mut tickets = Vec::new();
    for (id, user) in &ended.sessions {
        let event = operator.event(Kind::SessionEnded, now).with_detail("session", id.to_string());
        let event = with_person(app, &mut people, event, *user).await?;
        tickets.push(app.audit.append(event)?);
    }
    for id in &ended.grants {
        let mut event = operator.event(Kind::TokenRevoked, now);
        event.grant = Some(id.to_string());
        if let Some(grant) = app.store.grant(*id).await? {
            event.client = Some(Client { id: grant.client.to_string(), name: None });
            event.upstream = Some(grant.upstream);
            event = with_person(app, &mut people, event, grant.user).await?;
        }
        tickets.push(app.audit.append(event)?);
    }
    for ticket in tickets {
        ticket.durable().await?;
    }
    Ok(())
}

async fn with_person(app: &App, known: &mut HashMap<UserId, User>, event: Event, id: UserId) -> Result<Event, AdminError> {
    if let Some(user) = known.get(&id) {
        return Ok(event.with_user(user));
    }
    let Some(user) = app.store.user(id).await? else { return Ok(event) };
    let event = event.with_user(&user);
    known.insert(id, user);
    Ok(event)
}

/// Nothing of this id is open.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is neither a session (bse_…) nor a grant (gnt_…) that is open; `doorward session list` shows what is")]
struct SessionUnknown(String);

impl SessionUnknown {
    fn code() -> &'static str {
        "admin.session_unknown"
    }
}

impl From<SessionUnknown> for AdminError {
    fn from(error: SessionUnknown) -> Self {
        Self::refused(StatusCode::NOT_FOUND, SessionUnknown::code(), error.to_string())
    }
}
