//! People. Created at their first sign-in, updated at every later one.
//!
//! A person's key is the configured identity provider, its issuer (entity id or issuer URL) and the subject it asserts:
//! never the e-mail address or the user name, which identity providers change and give to others.

use jiff::Timestamp;
use sqlx::FromRow;

use crate::time::{instant, micros, optional_instant};
use crate::{Store, StoreError, UserId};

/// What an identity provider said about a person at a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIdentity {
    /// The identity provider's id in the configuration.
    pub idp: String,
    /// Its SAML entity id or OpenID issuer.
    pub issuer: String,
    /// The identifier that it promises not to give to anyone else: NameID or `sub`.
    pub subject: String,
    /// The name people type.
    pub username: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Name for people to read.
    pub display_name: Option<String>,
    /// Groups at this sign-in; they replace those of the last one.
    pub groups: Vec<String>,
}

/// A person as the store knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Doorward's own identifier, never used again.
    pub id: UserId,
    /// The identity provider's id in the configuration.
    pub idp: String,
    /// Its SAML entity id or OpenID issuer.
    pub issuer: String,
    /// NameID or `sub`.
    pub subject: String,
    /// The name people type.
    pub username: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Name for people to read.
    pub display_name: Option<String>,
    /// Groups at the last sign-in.
    pub groups: Vec<String>,
    /// First sign-in.
    pub created_at: Timestamp,
    /// Last sign-in.
    pub last_seen_at: Timestamp,
    /// Since when the person is shut out, if they are.
    pub disabled_at: Option<Timestamp>,
    /// The first identity of the same person, where an administrator said so. It gives neither groups nor roles.
    pub linked_to: Option<UserId>,
}

impl User {
    /// The person, whichever of their identities this is.
    pub fn person(&self) -> UserId {
        self.linked_to.unwrap_or(self.id)
    }
}

/// Whether a sign-in was a person's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The person is new.
    Yes,
    /// The person was known.
    No,
}

impl Store {
    /// Creates the person at their first sign-in, or updates what the identity provider now says of them.
    ///
    /// A disabled person stays disabled: look at `disabled_at` before letting them in.
    pub async fn upsert_user(&self, identity: &NewIdentity, now: Timestamp) -> Result<(User, Created), StoreError> {
        let fresh = UserId::new();
        let row: UserRow = sqlx::query_as(
            "INSERT INTO users (id, idp, issuer, subject, username, email, display_name, groups_json, created_at, last_seen_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
             ON CONFLICT (idp, issuer, subject) DO UPDATE SET username = excluded.username, email = excluded.email,
                 display_name = excluded.display_name, groups_json = excluded.groups_json, last_seen_at = excluded.last_seen_at
             RETURNING *",
        )
        .bind(fresh.to_string())
        .bind(&identity.idp)
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .bind(&identity.username)
        .bind(&identity.email)
        .bind(&identity.display_name)
        .bind(json_list(&identity.groups))
        .bind(micros(now))
        .fetch_one(self.writer())
        .await?;
        let user = User::try_from(row)?;
        let created = if user.id == fresh { Created::Yes } else { Created::No };
        Ok((user, created))
    }

    /// The person with this id.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> =
            sqlx::query_as("SELECT * FROM users WHERE id = $1").bind(id.to_string()).fetch_optional(self.reader()).await?;
        row.map(User::try_from).transpose()
    }

    /// People by id, at most `limit`, after `after`.
    pub async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        let rows: Vec<UserRow> = sqlx::query_as("SELECT * FROM users WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(limit)
            .fetch_all(self.reader())
            .await?;
        rows.into_iter().map(User::try_from).collect()
    }

    /// People whose user name or e-mail address is `name`, whatever its case: there may be several.
    pub async fn find_users(&self, name: &str) -> Result<Vec<User>, StoreError> {
        let rows: Vec<UserRow> =
            sqlx::query_as("SELECT * FROM users WHERE lower(username) = lower($1) OR lower(email) = lower($1) ORDER BY id LIMIT 100")
                .bind(name)
                .fetch_all(self.reader())
                .await?;
        rows.into_iter().map(User::try_from).collect()
    }

    /// Shuts a person out with all their identities, or lets them in again. Their grants and browser sessions stop being live at once, and are
    /// ended for good: letting the person in again brings none of them back. `false` if there is no such person.
    pub async fn set_user_disabled(&self, id: UserId, disabled: bool, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let changed = sqlx::query(concat!("UPDATE users SET disabled_at = $2 WHERE id IN ", identities_of!()))
            .bind(id.to_string())
            .bind(disabled.then_some(micros(now)))
            .execute(&mut *transaction)
            .await?;
        if disabled {
            sqlx::query(concat!(
                "UPDATE grants SET revoked_at = $2, revoke_reason = 'user_disabled' WHERE revoked_at IS NULL AND user_id IN ",
                identities_of!()
            ))
            .bind(id.to_string())
            .bind(micros(now))
            .execute(&mut *transaction)
            .await?;
            sqlx::query(concat!("UPDATE browser_sessions SET ended_at = $2 WHERE ended_at IS NULL AND user_id IN ", identities_of!()))
                .bind(id.to_string())
                .bind(micros(now))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(changed.rows_affected() > 0)
    }
}

/// One row of `users`, as the database has it.
#[derive(FromRow)]
pub(crate) struct UserRow {
    id: String,
    idp: String,
    issuer: String,
    subject: String,
    username: Option<String>,
    email: Option<String>,
    display_name: Option<String>,
    groups_json: String,
    created_at: i64,
    last_seen_at: i64,
    disabled_at: Option<i64>,
    linked_to: Option<String>,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.parse().map_err(|_| StoreError::Corrupt { what: "a malformed user id" })?,
            idp: row.idp,
            issuer: row.issuer,
            subject: row.subject,
            username: row.username,
            email: row.email,
            display_name: row.display_name,
            groups: list_from_json(&row.groups_json)?,
            created_at: instant(row.created_at)?,
            last_seen_at: instant(row.last_seen_at)?,
            disabled_at: optional_instant(row.disabled_at)?,
            linked_to: row.linked_to.map(|id| id.parse().map_err(|_| StoreError::Corrupt { what: "a malformed user id" })).transpose()?,
        })
    }
}

/// A list of texts as a column value.
pub(crate) fn json_list(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}

/// The list that [`json_list`] wrote.
pub(crate) fn list_from_json(text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt { what: "a malformed list" })
}
