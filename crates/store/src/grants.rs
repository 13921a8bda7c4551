//! Grants: what one person allowed one client at one upstream. A grant is the family of its refresh tokens and the
//! thing that every access token names (`gid`), so revoking it ends them all at once.

use jiff::Timestamp;
use sqlx::{FromRow, Sqlite, Transaction};

use crate::time::{instant, micros, optional_instant};
use crate::users::{UserRow, json_list, list_from_json};
use crate::{BrowserSessionId, ClientId, GrantId, Store, StoreError, User, UserId};

/// The sign-in that something was allowed in. What is allowed later in the same browser session has the same one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInContext {
    /// When the identity provider authenticated the person.
    pub authn_instant: Option<Timestamp>,
    /// How: SAML AuthnContextClassRef or OpenID `acr`.
    pub acr: Option<String>,
    /// When the identity provider's session ends (SAML SessionNotOnOrAfter): nothing that was allowed in it is good after that.
    pub ends_at: Option<Timestamp>,
}

/// A grant to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    /// To which client.
    pub client: ClientId,
    /// By whom.
    pub user: UserId,
    /// In which browser session, so that a sign-out can end it.
    pub session: Option<BrowserSessionId>,
    /// At which upstream.
    pub upstream: String,
    /// The canonical resource: the audience of its access tokens.
    pub resource: String,
    /// What for.
    pub scopes: Vec<String>,
    /// The sign-in it is given in.
    pub sign_in: SignInContext,
}

/// What one person allowed one client at one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id: the `gid` of access tokens.
    pub id: GrantId,
    /// To which client.
    pub client: ClientId,
    /// By whom.
    pub user: UserId,
    /// In which browser session.
    pub session: Option<BrowserSessionId>,
    /// At which upstream.
    pub upstream: String,
    /// The audience of its access tokens.
    pub resource: String,
    /// What for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a token was last issued under it.
    pub last_used_at: Timestamp,
    /// Since when it is void, if it is.
    pub revoked_at: Option<Timestamp>,
    /// The sign-in it was given in.
    pub sign_in: SignInContext,
}

/// A grant that is in force, with the person as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveGrant {
    /// The grant.
    pub grant: Grant,
    /// The person, with the groups of their last sign-in.
    pub user: User,
    /// The name that a self-registered client gave itself: nobody has checked it.
    pub client_name: Option<String>,
}

/// Whose grants are meant.
#[derive(Clone, Copy, Debug)]
pub enum GrantsOf<'a> {
    /// All that a person gave, in all their identities.
    User(UserId),
    /// All that a client was given.
    Client(&'a ClientId),
    /// All that were given in a browser session, or in one whose place it took.
    Session(BrowserSessionId),
    /// All there are.
    Everybody,
}

/// Why a grant is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeReason {
    /// The client revoked a token (RFC 7009).
    Client,
    /// The person signed out or took it back.
    User,
    /// An administrator did.
    Administrator,
    /// An authorization code came a second time (RFC 6749 section 4.1.2).
    CodeReplayed,
    /// The code was redeemed by someone who could not prove it to be theirs.
    CodeMisused,
    /// A rotated refresh token came again after its grace (RFC 9700 section 4.14.2).
    RefreshTokenReused,
    /// The identity provider ended the session in which it was given (single logout).
    IdentityProvider,
}

impl RevokeReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::User => "user",
            Self::Administrator => "administrator",
            Self::CodeReplayed => "code_replayed",
            Self::CodeMisused => "code_misused",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::IdentityProvider => "identity_provider",
        }
    }
}

impl Store {
    /// Makes a grant outside the authorization code flow. A code's grant is made by [`Store::redeem_code`].
    pub async fn create_grant(&self, new: &NewGrant, now: Timestamp) -> Result<GrantId, StoreError> {
        let id = GrantId::new();
        let mut transaction = self.write().await?;
        insert_grant(&mut transaction, id, new, now).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// The grant with this id, live or not.
    pub async fn grant(&self, id: GrantId) -> Result<Option<Grant>, StoreError> {
        let row: Option<GrantRow> =
            sqlx::query_as("SELECT * FROM grants WHERE id = $1").bind(id.to_string()).fetch_optional(self.reader()).await?;
        row.map(Grant::try_from).transpose()
    }

    /// Whether tokens of this grant are to be honoured: it exists, is neither revoked nor over, and its person is not disabled.
    pub async fn grant_is_live(&self, id: GrantId, now: Timestamp) -> Result<bool, StoreError> {
        let live: Option<(i64,)> = sqlx::query_as(
            "SELECT 1 FROM grants g JOIN users u ON u.id = g.user_id
             WHERE g.id = $1 AND g.revoked_at IS NULL AND (g.ends_at IS NULL OR g.ends_at > $2) AND u.disabled_at IS NULL",
        )
        .bind(id.to_string())
        .bind(micros(now))
        .fetch_optional(self.reader())
        .await?;
        Ok(live.is_some())
    }

    /// [`Store::grant_is_live`] with what a call needs to know: the grant and its person, if it is live.
    pub async fn live_grant(&self, id: GrantId, now: Timestamp) -> Result<Option<LiveGrant>, StoreError> {
        let row: Option<LiveRow> = sqlx::query_as(
            "SELECT g.client_id, g.session_id, g.upstream, g.resource, g.scopes_json, g.created_at AS grant_created_at, g.last_used_at,
                    g.authn_instant, g.acr, g.ends_at, c.name AS client_name, u.*
             FROM grants g JOIN users u ON u.id = g.user_id LEFT JOIN clients c ON c.id = g.client_id
             WHERE g.id = $1 AND g.revoked_at IS NULL AND (g.ends_at IS NULL OR g.ends_at > $2) AND u.disabled_at IS NULL",
        )
        .bind(id.to_string())
        .bind(micros(now))
        .fetch_optional(self.reader())
        .await?;
        row.map(|row| row.live(id)).transpose()
    }

    /// Voids one grant, and with it every token under it; false if it was not in force.
    pub async fn revoke_grant(&self, id: GrantId, reason: RevokeReason, now: Timestamp) -> Result<bool, StoreError> {
        let revoked = sqlx::query("UPDATE grants SET revoked_at = $2, revoke_reason = $3 WHERE id = $1 AND revoked_at IS NULL")
            .bind(id.to_string())
            .bind(micros(now))
            .bind(reason.as_str())
            .execute(self.writer())
            .await?;
        Ok(revoked.rows_affected() == 1)
    }

    /// Voids all grants of a person, a client or a browser session, and the codes that would become such; which grants they were.
    pub async fn revoke_grants_for(&self, of: GrantsOf<'_>, reason: RevokeReason, now: Timestamp) -> Result<Vec<GrantId>, StoreError> {
        let (codes, grants, key) = match of {
            GrantsOf::User(user) => (
                concat!(
                    "UPDATE authorization_codes SET expires_at = $2 WHERE consumed_at IS NULL AND expires_at > $2 AND user_id IN ",
                    identities_of!()
                ),
                concat!(
                    "UPDATE grants SET revoked_at = $2, revoke_reason = $3 WHERE revoked_at IS NULL AND user_id IN ",
                    identities_of!(),
                    " RETURNING id"
                ),
                user.to_string(),
            ),
            GrantsOf::Client(client) => (
                "UPDATE authorization_codes SET expires_at = $2 WHERE client_id = $1 AND consumed_at IS NULL AND expires_at > $2",
                "UPDATE grants SET revoked_at = $2, revoke_reason = $3 WHERE client_id = $1 AND revoked_at IS NULL RETURNING id",
                client.to_string(),
            ),
            GrantsOf::Session(session) => (
                "WITH RECURSIVE line (id) AS (SELECT $1 UNION SELECT s.id FROM browser_sessions s JOIN line l ON s.replaced_by = l.id)
                 UPDATE authorization_codes SET expires_at = $2
                 WHERE session_id IN (SELECT id FROM line) AND consumed_at IS NULL AND expires_at > $2",
                "WITH RECURSIVE line (id) AS (SELECT $1 UNION SELECT s.id FROM browser_sessions s JOIN line l ON s.replaced_by = l.id)
                 UPDATE grants SET revoked_at = $2, revoke_reason = $3
                 WHERE session_id IN (SELECT id FROM line) AND revoked_at IS NULL RETURNING id",
                session.to_string(),
            ),
            // The key is bound all the same.
            GrantsOf::Everybody => (
                "UPDATE authorization_codes SET expires_at = $2 WHERE $1 = '' AND consumed_at IS NULL AND expires_at > $2",
                "UPDATE grants SET revoked_at = $2, revoke_reason = $3 WHERE $1 = '' AND revoked_at IS NULL RETURNING id",
                String::new(),
            ),
        };
        let mut transaction = self.write().await?;
        sqlx::query(codes).bind(&key).bind(micros(now)).execute(&mut *transaction).await?;
        let rows: Vec<(String,)> =
            sqlx::query_as(grants).bind(&key).bind(micros(now)).bind(reason.as_str()).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        rows.iter().map(|(id,)| parse_grant_id(id)).collect()
    }

    /// What a person has granted and not taken back, newest first.
    pub async fn list_grants(&self, user: UserId) -> Result<Vec<Grant>, StoreError> {
        let rows: Vec<GrantRow> = sqlx::query_as("SELECT * FROM grants WHERE user_id = $1 AND revoked_at IS NULL ORDER BY id DESC")
            .bind(user.to_string())
            .fetch_all(self.reader())
            .await?;
        rows.into_iter().map(Grant::try_from).collect()
    }
}

/// Writes a grant inside the transaction that decided it.
pub(crate) async fn insert_grant(
    transaction: &mut Transaction<'static, Sqlite>,
    id: GrantId,
    new: &NewGrant,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO grants (id, client_id, user_id, session_id, upstream, resource, scopes_json, created_at, last_used_at,
             authn_instant, acr, ends_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11)",
    )
    .bind(id.to_string())
    .bind(new.client.as_str())
    .bind(new.user.to_string())
    .bind(new.session.map(|session| session.to_string()))
    .bind(&new.upstream)
    .bind(&new.resource)
    .bind(json_list(&new.scopes))
    .bind(micros(now))
    .bind(new.sign_in.authn_instant.map(micros))
    .bind(&new.sign_in.acr)
    .bind(new.sign_in.ends_at.map(micros))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

pub(crate) fn parse_grant_id(text: &str) -> Result<GrantId, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what: "a malformed grant id" })
}

pub(crate) fn parse_user_id(text: &str) -> Result<UserId, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what: "a malformed user id" })
}

pub(crate) fn parse_session_id(text: Option<&str>) -> Result<Option<BrowserSessionId>, StoreError> {
    text.map(str::parse).transpose().map_err(|_| StoreError::Corrupt { what: "a malformed browser session id" })
}

pub(crate) fn parse_client_id(text: &str) -> Result<ClientId, StoreError> {
    ClientId::parse(text).map_err(|_| StoreError::Corrupt { what: "a malformed client id" })
}

/// One row of `grants`, as the database has it.
#[derive(FromRow)]
pub(crate) struct GrantRow {
    id: String,
    client_id: String,
    user_id: String,
    session_id: Option<String>,
    upstream: String,
    resource: String,
    scopes_json: String,
    created_at: i64,
    last_used_at: i64,
    revoked_at: Option<i64>,
    #[sqlx(flatten)]
    sign_in: SignInRow,
}

/// The columns of a [`SignInContext`].
#[derive(FromRow)]
pub(crate) struct SignInRow {
    authn_instant: Option<i64>,
    acr: Option<String>,
    ends_at: Option<i64>,
}

impl TryFrom<SignInRow> for SignInContext {
    type Error = StoreError;

    fn try_from(row: SignInRow) -> Result<Self, StoreError> {
        Ok(Self { authn_instant: optional_instant(row.authn_instant)?, acr: row.acr, ends_at: optional_instant(row.ends_at)? })
    }
}

impl TryFrom<GrantRow> for Grant {
    type Error = StoreError;

    fn try_from(row: GrantRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse_grant_id(&row.id)?,
            client: parse_client_id(&row.client_id)?,
            user: parse_user_id(&row.user_id)?,
            session: parse_session_id(row.session_id.as_deref())?,
            upstream: row.upstream,
            resource: row.resource,
            scopes: list_from_json(&row.scopes_json)?,
            created_at: instant(row.created_at)?,
            last_used_at: instant(row.last_used_at)?,
            revoked_at: optional_instant(row.revoked_at)?,
            sign_in: row.sign_in.try_into()?,
        })
    }
}

#[derive(FromRow)]
struct LiveRow {
    client_id: String,
    session_id: Option<String>,
    upstream: String,
    resource: String,
    scopes_json: String,
    grant_created_at: i64,
    last_used_at: i64,
    client_name: Option<String>,
    #[sqlx(flatten)]
    sign_in: SignInRow,
    #[sqlx(flatten)]
    user: UserRow,
}

impl LiveRow {
    fn live(self, id: GrantId) -> Result<LiveGrant, StoreError> {
        let user = User::try_from(self.user)?;
        let grant = Grant {
            id,
            client: parse_client_id(&self.client_id)?,
            user: user.id,
            session: parse_session_id(self.session_id.as_deref())?,
            upstream: self.upstream,
            resource: self.resource,
            scopes: list_from_json(&self.scopes_json)?,
            created_at: instant(self.grant_created_at)?,
            last_used_at: instant(self.last_used_at)?,
            revoked_at: None,
            sign_in: self.sign_in.try_into()?,
        };
        Ok(LiveGrant { grant, user, client_name: self.client_name })
    }
}
