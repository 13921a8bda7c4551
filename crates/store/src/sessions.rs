//! Browser sessions: a browser that is signed in. The cookie's value is never stored, only its SHA-256.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::hash::column;
use crate::seal::Place;
use crate::time::{instant, micros, optional_instant, span};
use crate::users::UserRow;
use crate::{BrowserSessionId, Hash, SignInContext, Store, StoreError, User, UserId};

/// `last_used_at` is written at most this often, so that a page load is not a disk write.
const TOUCH_INTERVAL: Duration = Duration::from_secs(30);
const IDP_SESSION: &str = "browser_sessions.idp_session_sealed";

/// The identity provider's own session behind ours: what single sign-out has to name. Sealed in the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdpSession {
    /// SAML NameID.
    pub name_id: Option<String>,
    /// Its format.
    pub name_id_format: Option<String>,
    /// SAML NameQualifier.
    pub name_qualifier: Option<String>,
    /// SAML SPNameQualifier.
    pub sp_name_qualifier: Option<String>,
    /// SAML SessionIndex.
    pub session_index: Option<String>,
    /// OpenID `sub`, as the ID token has it.
    pub subject: Option<String>,
    /// OpenID `sid`.
    pub sid: Option<String>,
    /// The ID token, for `id_token_hint` (OpenID Connect RP-Initiated Logout).
    pub id_token_hint: Option<String>,
    /// The names, never the values, of the attributes or claims that the person came with: for diagnosis.
    #[serde(default)]
    pub attribute_names: Vec<String>,
}

/// A browser that just signed in.
#[derive(Clone, Debug)]
pub struct NewBrowserSession {
    /// SHA-256 of the cookie's value.
    pub token_hash: Hash,
    /// Who signed in.
    pub user: UserId,
    /// At which identity provider.
    pub idp: String,
    /// When the identity provider authenticated the person.
    pub authn_instant: Timestamp,
    /// How: SAML AuthnContextClassRef or OpenID `acr`.
    pub acr: Option<String>,
    /// The end, however busy the browser is.
    pub expires_at: Timestamp,
    /// The end that the identity provider set, which also holds for what is allowed in this session.
    pub idp_ends_at: Option<Timestamp>,
    /// For single sign-out.
    pub idp_session: Option<IdpSession>,
}

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    /// Its id; not secret.
    pub id: BrowserSessionId,
    /// Whose it is.
    pub user: UserId,
    /// At which identity provider the person signed in.
    pub idp: String,
    /// When the identity provider authenticated the person.
    pub authn_instant: Timestamp,
    /// How.
    pub acr: Option<String>,
    /// For single sign-out.
    pub idp_session: Option<IdpSession>,
    /// When the browser signed in.
    pub created_at: Timestamp,
    /// The last use, to within half a minute.
    pub last_used_at: Timestamp,
    /// The end, however busy the browser is.
    pub expires_at: Timestamp,
    /// The end that the identity provider set.
    pub idp_ends_at: Option<Timestamp>,
}

impl BrowserSession {
    /// What a code or grant of this session keeps of its sign-in.
    pub fn sign_in(&self) -> SignInContext {
        SignInContext { authn_instant: Some(self.authn_instant), acr: self.acr.clone(), ends_at: self.idp_ends_at }
    }
}

impl Store {
    /// Remembers a browser that just signed in, under a new id.
    pub async fn create_browser_session(&self, new: &NewBrowserSession, now: Timestamp) -> Result<BrowserSessionId, StoreError> {
        let id = BrowserSessionId::new();
        let row = id.to_string();
        let idp_session = new.idp_session.as_ref().map(|session| self.seal_idp_session(&row, session)).transpose()?;
        let (subject_hash, session_hash) =
            new.idp_session.as_ref().map(|session| self.idp_session_hashes(&new.idp, session)).unwrap_or_default();
        sqlx::query(
            "INSERT INTO browser_sessions (id, token_hash, user_id, idp, authn_instant, acr, idp_session_sealed, created_at, last_used_at, expires_at,
                 idp_subject_hash, idp_session_hash, idp_ends_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12)",
        )
        .bind(&row)
        .bind(column(&new.token_hash))
        .bind(new.user.to_string())
        .bind(&new.idp)
        .bind(micros(new.authn_instant))
        .bind(&new.acr)
        .bind(idp_session)
        .bind(micros(now))
        .bind(micros(new.expires_at))
        .bind(subject_hash)
        .bind(session_hash)
        .bind(new.idp_ends_at.map(micros))
        .execute(self.writer())
        .await?;
        Ok(id)
    }

    /// The live session whose cookie hashes to `token_hash`, and its person. None when it is unknown, ended, over its
    /// absolute or its idle limit, or when the person is disabled. Counts as a use.
    pub async fn find_browser_session(
        &self,
        token_hash: &Hash,
        idle: Duration,
        now: Timestamp,
    ) -> Result<Option<(BrowserSession, User)>, StoreError> {
        let row: Option<SessionRow> = sqlx::query_as(
            "SELECT s.* FROM browser_sessions s JOIN users u ON u.id = s.user_id
             WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.last_used_at > $3 AND u.disabled_at IS NULL",
        )
        .bind(column(token_hash))
        .bind(micros(now))
        .bind(micros(now).saturating_sub(span(idle)))
        .fetch_optional(self.reader())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let user: UserRow = sqlx::query_as("SELECT * FROM users WHERE id = $1").bind(&row.user_id).fetch_one(self.reader()).await?;
        if micros(now).saturating_sub(row.last_used_at) >= span(TOUCH_INTERVAL.min(idle / 4)) {
            self.touch_browser_session(&row.id, now).await?;
        }
        Ok(Some((self.opened(row)?, User::try_from(user)?)))
    }

    /// The session with this id, ended or not.
    pub async fn browser_session(&self, id: BrowserSessionId) -> Result<Option<BrowserSession>, StoreError> {
        let row: Option<SessionRow> =
            sqlx::query_as("SELECT * FROM browser_sessions WHERE id = $1").bind(id.to_string()).fetch_optional(self.reader()).await?;
        row.map(|row| self.opened(row)).transpose()
    }

    /// Ends one session; false if it was not live.
    pub async fn end_browser_session(&self, id: BrowserSessionId, now: Timestamp) -> Result<bool, StoreError> {
        let ended = sqlx::query("UPDATE browser_sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL")
            .bind(id.to_string())
            .bind(micros(now))
            .execute(self.writer())
            .await?;
        Ok(ended.rows_affected() == 1)
    }

    /// Ends a session because its person signed in again in the same browser: what was begun in it goes on in `successor`
    /// until that is signed out of. False if it was not live, or was somebody else's.
    pub async fn replace_browser_session(
        &self,
        id: BrowserSessionId,
        successor: BrowserSessionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let replaced = sqlx::query(
            "UPDATE browser_sessions SET ended_at = $3, replaced_by = $2 WHERE id = $1 AND ended_at IS NULL
                 AND user_id = (SELECT user_id FROM browser_sessions WHERE id = $2)",
        )
        .bind(id.to_string())
        .bind(successor.to_string())
        .bind(micros(now))
        .execute(self.writer())
        .await?;
        Ok(replaced.rows_affected() == 1)
    }

    /// Ends every session of a person, in all their identities; how many there were.
    pub async fn end_all_for_user(&self, user: UserId, now: Timestamp) -> Result<u64, StoreError> {
        let ended =
            sqlx::query(concat!("UPDATE browser_sessions SET ended_at = $2 WHERE ended_at IS NULL AND user_id IN ", identities_of!()))
                .bind(user.to_string())
                .bind(micros(now))
                .execute(self.writer())
                .await?;
        Ok(ended.rows_affected())
    }

    /// `last_used_at` only grows, so that a late writer or a clock that went back does not shorten a session.
    async fn touch_browser_session(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE browser_sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2 AND ended_at IS NULL")
            .bind(id)
            .bind(micros(now))
            .execute(self.writer())
            .await?;
        Ok(())
    }

    fn seal_idp_session(&self, row: &str, session: &IdpSession) -> Result<String, StoreError> {
        let json = serde_json::to_vec(session).map_err(|_| StoreError::Corrupt { what: "an identity provider session" })?;
        self.sealing_key().seal(&Place { column: IDP_SESSION, row }, &json)
    }

    fn opened(&self, row: SessionRow) -> Result<BrowserSession, StoreError> {
        let idp_session = match &row.idp_session_sealed {
            None => None,
            Some(sealed) => {
                let json = self.sealing_key().open(&Place { column: IDP_SESSION, row: &row.id }, sealed)?;
                Some(
                    serde_json::from_slice(json.expose())
                        .map_err(|_| StoreError::Corrupt { what: "a malformed identity provider session" })?,
                )
            }
        };
        Ok(BrowserSession {
            id: row.id.parse().map_err(|_| StoreError::Corrupt { what: "a malformed browser session id" })?,
            user: row.user_id.parse().map_err(|_| StoreError::Corrupt { what: "a malformed user id" })?,
            idp: row.idp,
            authn_instant: instant(row.authn_instant)?,
            acr: row.acr,
            idp_session,
            created_at: instant(row.created_at)?,
            last_used_at: instant(row.last_used_at)?,
            expires_at: instant(row.expires_at)?,
            idp_ends_at: optional_instant(row.idp_ends_at)?,
        })
    }
}

#[derive(FromRow)]
struct SessionRow {
    id: String,
    user_id: String,
    idp: String,
    authn_instant: i64,
    acr: Option<String>,
    idp_session_sealed: Option<String>,
    created_at: i64,
    last_used_at: i64,
    expires_at: i64,
    idp_ends_at: Option<i64>,
}
