//! What is open at the moment: browser sessions and grants with their people, for administrators.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::FromRow;

use crate::grants::{GrantRow, parse_user_id};
use crate::time::{instant, micros, optional_instant, span};
use crate::users::UserRow;
use crate::{BrowserSessionId, Grant, Store, StoreError, User, UserId};

/// A live browser session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// Its id.
    pub id: BrowserSessionId,
    /// Whose it is.
    pub user: User,
    /// When the browser signed in.
    pub created_at: Timestamp,
    /// The last use, to within half a minute.
    pub last_used_at: Timestamp,
    /// The end, however busy the browser is.
    pub expires_at: Timestamp,
}

/// A grant under which there may be tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGrant {
    /// The grant.
    pub grant: Grant,
    /// Whose it is.
    pub user: User,
    /// The name that a self-registered client gave itself.
    pub client_name: Option<String>,
    /// When its refresh token is void; none if it has none.
    pub refresh_until: Option<Timestamp>,
}

/// Whose browser sessions are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionsOf {
    /// One session.
    One(BrowserSessionId),
    /// All of a person, in all their identities.
    User(UserId),
    /// All there are.
    Everybody,
}

impl Store {
    /// Live browser sessions, of one person or of all, the latest first.
    pub async fn list_live_sessions(
        &self,
        of: Option<UserId>,
        idle: Duration,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<ListedSession>, StoreError> {
        let rows: Vec<SessionRow> = sqlx::query_as(concat!(
            "SELECT s.id AS session_id, s.created_at AS session_created_at, s.last_used_at, s.expires_at, u.*
             FROM browser_sessions s JOIN users u ON u.id = s.user_id
             WHERE s.ended_at IS NULL AND s.expires_at > $2 AND s.last_used_at > $3 AND u.disabled_at IS NULL
                 AND ($1 = '' OR s.user_id IN ",
            identities_of!(),
            ") ORDER BY s.id DESC LIMIT $4"
        ))
        .bind(of.map(|user| user.to_string()).unwrap_or_default())
        .bind(micros(now))
        .bind(micros(now).saturating_sub(span(idle)))
        .bind(limit)
        .fetch_all(self.reader())
        .await?;
        rows.into_iter().map(ListedSession::try_from).collect()
    }

    /// Grants in force, of one person or of all, the latest first: those with a refresh token, and those whose last access
    /// token, which lives for `access`, is still good.
    pub async fn list_live_grants(
        &self,
        of: Option<UserId>,
        access: Duration,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<ListedGrant>, StoreError> {
        let rows: Vec<ListedRow> = sqlx::query_as(concat!(
            "SELECT g.*, c.name AS client_name,
                 (SELECT MAX(t.expires_at) FROM refresh_tokens t WHERE t.grant_id = g.id AND t.rotated_at IS NULL AND t.expires_at > $2)
                     AS refresh_until
             FROM grants g JOIN users u ON u.id = g.user_id LEFT JOIN clients c ON c.id = g.client_id
             WHERE g.revoked_at IS NULL AND (g.ends_at IS NULL OR g.ends_at > $2) AND u.disabled_at IS NULL
                 AND (g.last_used_at > $3 OR EXISTS
                     (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = g.id AND t.rotated_at IS NULL AND t.expires_at > $2))
                 AND ($1 = '' OR g.user_id IN ",
            identities_of!(),
            ") ORDER BY g.id DESC LIMIT $4"
        ))
        .bind(of.map(|user| user.to_string()).unwrap_or_default())
        .bind(micros(now))
        .bind(micros(now).saturating_sub(span(access)))
        .bind(limit)
        .fetch_all(self.reader())
        .await?;
        let mut listed = Vec::with_capacity(rows.len());
        for row in rows {
            let (grant, refresh_until) = (Grant::try_from(row.grant)?, optional_instant(row.refresh_until)?);
            let user = self.user(grant.user).await?.ok_or(StoreError::Corrupt { what: "a grant of nobody" })?;
            listed.push(ListedGrant { grant, user, client_name: row.client_name, refresh_until });
        }
        Ok(listed)
    }

    /// Ends browser sessions; says which were live, and whose they were. One that is over its time is ended as well: a sign-in
    /// for a client may still rest on it.
    pub async fn end_sessions(&self, of: SessionsOf, now: Timestamp) -> Result<Vec<(BrowserSessionId, UserId)>, StoreError> {
        let (statement, key) = match of {
            SessionsOf::One(id) => (
                "UPDATE browser_sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL RETURNING id, user_id, expires_at",
                id.to_string(),
            ),
            SessionsOf::User(user) => (
                concat!(
                    "UPDATE browser_sessions SET ended_at = $2 WHERE ended_at IS NULL AND user_id IN ",
                    identities_of!(),
                    " RETURNING id, user_id, expires_at"
                ),
                user.to_string(),
            ),
            SessionsOf::Everybody => (
                "UPDATE browser_sessions SET ended_at = $2 WHERE $1 = '' AND ended_at IS NULL RETURNING id, user_id, expires_at",
                String::new(),
            ),
        };
        let rows: Vec<(String, String, i64)> = sqlx::query_as(statement).bind(key).bind(micros(now)).fetch_all(self.writer()).await?;
        let live = rows.iter().filter(|(_, _, expires_at)| *expires_at > micros(now));
        live.map(|(id, user, _)| Ok((parse_id(id)?, parse_user_id(user)?))).collect()
    }
}

fn parse_id(text: &str) -> Result<BrowserSessionId, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what: "a malformed browser session id" })
}

#[derive(FromRow)]
struct SessionRow {
    session_id: String,
    session_created_at: i64,
    last_used_at: i64,
    expires_at: i64,
    #[sqlx(flatten)]
    user: UserRow,
}

impl TryFrom<SessionRow> for ListedSession {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse_id(&row.session_id)?,
            user: User::try_from(row.user)?,
            created_at: instant(row.session_created_at)?,
            last_used_at: instant(row.last_used_at)?,
            expires_at: instant(row.expires_at)?,
        })
    }
}

#[derive(FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    grant: GrantRow,
    client_name: Option<String>,
    refresh_until: Option<i64>,
}
