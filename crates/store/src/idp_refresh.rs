//! How to ask an identity provider again about a person who signed in: its refresh token, sealed, one for each sign-in.

use jiff::Timestamp;
use oauth::Secret;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::seal::Place;
use crate::time::{instant, micros};
use crate::users::json_list;
use crate::{BrowserSessionId, Store, StoreError, UserId};

const SEALED: &str = "idp_refreshes.sealed";

/// What the identity provider gave at the sign-in to be asked again with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdpTokens {
    /// The newest refresh token.
    pub refresh_token: Secret<String>,
    /// The nonce of the sign-in.
    pub nonce: String,
    /// `sub` of its ID token.
    pub subject: String,
}

/// The same, with when it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdpRefresh {
    /// The sign-in.
    pub session: BrowserSessionId,
    /// Whose it is.
    pub user: UserId,
    /// What to ask with.
    pub tokens: IdpTokens,
    /// The last good answer; at first, the sign-in.
    pub answered_at: Timestamp,
    /// The last attempt.
    pub tried_at: Timestamp,
    version: i64,
}

/// What the identity provider says of a person when it is asked again. What is `None` stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonNow {
    /// All groups.
    pub groups: Option<Vec<String>>,
    /// The name people type.
    pub username: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Name for people to read.
    pub display_name: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Plain {
    refresh_token: String,
    nonce: String,
    subject: String,
}

impl Store {
    /// Remembers how to ask again about the person who signed in in this session.
    pub async fn keep_idp_refresh(
        &self,
        session: BrowserSessionId,
        user: UserId,
        tokens: &IdpTokens,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO idp_refreshes (session_id, user_id, sealed, version, answered_at, tried_at) VALUES ($1, $2, $3, 0, $4, $4)",
        )
        .bind(session.to_string())
        .bind(user.to_string())
        .bind(self.seal_tokens(session, tokens)?)
        .bind(micros(now))
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// How to ask again about the person who signed in in this session, if the identity provider allows it.
    pub async fn idp_refresh(&self, session: BrowserSessionId) -> Result<Option<IdpRefresh>, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM idp_refreshes WHERE session_id = $1")
            .bind(session.to_string())
            .fetch_optional(self.reader())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let opened = self.sealing_key().open(&Place { column: SEALED, row: &session.to_string() }, &row.sealed)?;
        let plain: Plain = serde_json::from_slice(opened.expose())
            .map_err(|_| StoreError::Corrupt { what: "malformed tokens of an identity provider" })?;
        Ok(Some(IdpRefresh {
            session,
            user: crate::grants::parse_user_id(&row.user_id)?,
            tokens: IdpTokens { refresh_token: Secret::new(plain.refresh_token), nonce: plain.nonce, subject: plain.subject },
            answered_at: instant(row.answered_at)?,
            tried_at: instant(row.tried_at)?,
            version: row.version,
        }))
    }

    /// Notes that the identity provider is being asked.
    pub async fn idp_refresh_tried(&self, session: BrowserSessionId, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE idp_refreshes SET tried_at = $2 WHERE session_id = $1")
            .bind(session.to_string())
            .bind(micros(now))
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Keeps a good answer: the token that replaces the used one, and what is now said of the person, together or not at all.
    /// False if another answer was faster.
    pub async fn idp_refresh_answered(
        &self,
        before: &IdpRefresh,
        refresh_token: &Secret<String>,
        person: &PersonNow,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let tokens = IdpTokens { refresh_token: refresh_token.clone(), ..before.tokens.clone() };
        let sealed = self.seal_tokens(before.session, &tokens)?;
        let mut transaction = self.write().await?;
        let kept = sqlx::query(
            "UPDATE idp_refreshes SET sealed = $3, version = version + 1, answered_at = $4 WHERE session_id = $1 AND version = $2",
        )
        .bind(before.session.to_string())
        .bind(before.version)
        .bind(sealed)
        .bind(micros(now))
        .execute(&mut *transaction)
        .await?;
        if kept.rows_affected() != 1 {
            return Ok(false);
        }
        sqlx::query(
            "UPDATE users SET groups_json = COALESCE($2, groups_json), username = COALESCE($3, username), email = COALESCE($4, email),
                 display_name = COALESCE($5, display_name) WHERE id = $1",
        )
        .bind(before.user.to_string())
        .bind(person.groups.as_deref().map(json_list))
        .bind(&person.username)
        .bind(&person.email)
        .bind(&person.display_name)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Forgets how to ask again: the identity provider has ended what the token was for.
    pub async fn forget_idp_refresh(&self, session: BrowserSessionId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM idp_refreshes WHERE session_id = $1").bind(session.to_string()).execute(self.writer()).await?;
        Ok(())
    }

    fn seal_tokens(&self, session: BrowserSessionId, tokens: &IdpTokens) -> Result<String, StoreError> {
        let plain =
            Plain { refresh_token: tokens.refresh_token.expose().clone(), nonce: tokens.nonce.clone(), subject: tokens.subject.clone() };
        let json = Secret::new(serde_json::to_vec(&plain).map_err(|_| StoreError::Corrupt { what: "tokens of an identity provider" })?);
        self.sealing_key().seal(&Place { column: SEALED, row: &session.to_string() }, json.expose())
    }
}

#[derive(FromRow)]
struct Row {
    user_id: String,
    sealed: String,
    version: i64,
    answered_at: i64,
    tried_at: i64,
}
