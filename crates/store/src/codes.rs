//! Authorization codes: redeemed once, by one statement.
//!
//! The first redemption consumes the code and makes its grant in one transaction. A second one finds the code consumed
//! and voids that grant (RFC 6749 section 4.1.2): whoever came first, one of the two was a thief. A code does not outlive
//! a sign-out: whose browser session has ended, or who is disabled, gets no grant from it.

use jiff::Timestamp;
use sqlx::{FromRow, Sqlite, Transaction};

use crate::grants::{SignInRow, insert_grant, parse_client_id, parse_grant_id, parse_session_id, parse_user_id};
use crate::hash::column;
use crate::time::micros;
use crate::users::{json_list, list_from_json};
use crate::{GrantId, Hash, NewGrant, RevokeReason, Store, StoreError, UserId};

/// A code to be issued.
#[derive(Clone, Debug)]
pub struct NewCode {
    /// SHA-256 of the code.
    pub hash: Hash,
    /// What its redemption grants.
    pub grant: NewGrant,
    /// The redirect URI of the request, which the redemption must repeat.
    pub redirect_uri: String,
    /// The PKCE S256 challenge.
    pub code_challenge: String,
    /// When it is void.
    pub expires_at: Timestamp,
}

/// What a redeemed code stands for. Check client, redirect URI and PKCE verifier now; if one is wrong, revoke `grant`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedeemedCode {
    /// The grant, in force since this redemption.
    pub grant: GrantId,
    /// Its contents.
    pub granted: NewGrant,
    /// The redirect URI of the request.
    pub redirect_uri: String,
    /// The PKCE S256 challenge.
    pub code_challenge: String,
}

/// What became of a redemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// The first and only one.
    Redeemed(Box<RedeemedCode>),
    /// The code was redeemed before. Its grant has been revoked.
    Replayed {
        /// The grant that is now void.
        grant: GrantId,
        /// Whose it was.
        user: UserId,
    },
    /// The person signed out, or was disabled, after the code was issued. It is used up and has granted nothing.
    Ended {
        /// Who it was.
        user: UserId,
    },
    /// The identity provider's session ended meanwhile. The code is used up and has granted nothing.
    IdpSessionEnded {
        /// Who it was.
        user: UserId,
        /// When that was.
        at: Timestamp,
    },
    /// There is no such code.
    Unknown,
    /// It came too late.
    Expired {
        /// Whose it was.
        user: UserId,
    },
}

impl Store {
    /// Remembers a code; the grant's id is chosen here.
    pub async fn insert_code(&self, new: &NewCode, now: Timestamp) -> Result<GrantId, StoreError> {
        let grant = GrantId::new();
        sqlx::query(
            "INSERT INTO authorization_codes (hash, grant_id, client_id, user_id, session_id, upstream, resource, scopes_json,
                 redirect_uri, code_challenge, created_at, expires_at, authn_instant, acr, ends_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(column(&new.hash))
        .bind(grant.to_string())
        .bind(new.grant.client.as_str())
        .bind(new.grant.user.to_string())
        .bind(new.grant.session.map(|session| session.to_string()))
        .bind(&new.grant.upstream)
        .bind(&new.grant.resource)
        .bind(json_list(&new.grant.scopes))
        .bind(&new.redirect_uri)
        .bind(&new.code_challenge)
        .bind(micros(now))
        .bind(micros(new.expires_at))
        .bind(new.grant.sign_in.authn_instant.map(micros))
        .bind(&new.grant.sign_in.acr)
        .bind(new.grant.sign_in.ends_at.map(micros))
        .execute(self.writer())
        .await?;
        Ok(grant)
    }

    /// Consumes the code with this hash, whoever presents it, and puts its grant in force.
    pub async fn redeem_code(&self, hash: &Hash, now: Timestamp) -> Result<Redemption, StoreError> {
        let mut transaction = self.write().await?;
        let consumed: Option<CodeRow> = sqlx::query_as(
            "UPDATE authorization_codes SET consumed_at = $2 WHERE hash = $1 AND consumed_at IS NULL AND expires_at > $2 RETURNING *",
        )
        .bind(column(hash))
        .bind(micros(now))
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(row) = consumed {
            let code = RedeemedCode::try_from(row)?;
            if let Some(at) = code.granted.sign_in.ends_at.filter(|end| *end <= now) {
                transaction.commit().await?;
                return Ok(Redemption::IdpSessionEnded { user: code.granted.user, at });
            }
            // In the transaction that makes the grant: a sign-out comes before it, or finds the grant and revokes it.
            if !may_still_grant(&mut transaction, &code.granted).await? {
                transaction.commit().await?;
                return Ok(Redemption::Ended { user: code.granted.user });
            }
            insert_grant(&mut transaction, code.grant, &code.granted, now).await?;
            transaction.commit().await?;
            return Ok(Redemption::Redeemed(Box::new(code)));
        }
        drop(transaction);
        self.explain_refused_code(hash, now).await
    }

    /// The code was not redeemable; says why, and voids the grant of one that came a second time.
    async fn explain_refused_code(&self, hash: &Hash, now: Timestamp) -> Result<Redemption, StoreError> {
        let row: Option<(String, String, Option<i64>)> =
            sqlx::query_as("SELECT grant_id, user_id, consumed_at FROM authorization_codes WHERE hash = $1")
                .bind(column(hash))
                .fetch_optional(self.writer())
                .await?;
        match row {
            None => Ok(Redemption::Unknown),
            Some((_, user, None)) => Ok(Redemption::Expired { user: parse_user_id(&user)? }),
            Some((grant, user, Some(_))) => {
                let grant = parse_grant_id(&grant)?;
                self.revoke_grant(grant, RevokeReason::CodeReplayed, now).await?;
                Ok(Redemption::Replayed { grant, user: parse_user_id(&user)? })
            }
        }
    }
}

/// Whether the person is not disabled and has not signed out of the session they allowed this in, or of the one that took
/// its place. A session that is merely over its time counts: a grant may outlive it.
async fn may_still_grant(transaction: &mut Transaction<'static, Sqlite>, granted: &NewGrant) -> Result<bool, StoreError> {
    let standing: Option<(i64,)> = sqlx::query_as(
        "WITH RECURSIVE line (id, replaced_by, ended_at) AS (
             SELECT id, replaced_by, ended_at FROM browser_sessions WHERE id = $2 AND user_id = $1
             UNION SELECT s.id, s.replaced_by, s.ended_at FROM browser_sessions s JOIN line ON s.id = line.replaced_by)
         SELECT 1 FROM users u WHERE u.id = $1 AND u.disabled_at IS NULL
             AND ($2 IS NULL OR EXISTS (SELECT 1 FROM line WHERE ended_at IS NULL))",
    )
    .bind(granted.user.to_string())
    .bind(granted.session.map(|session| session.to_string()))
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(standing.is_some())
}

#[derive(FromRow)]
struct CodeRow {
    grant_id: String,
    client_id: String,
    user_id: String,
    session_id: Option<String>,
    upstream: String,
    resource: String,
    scopes_json: String,
    redirect_uri: String,
    code_challenge: String,
    #[sqlx(flatten)]
    sign_in: SignInRow,
}

impl TryFrom<CodeRow> for RedeemedCode {
    type Error = StoreError;

    fn try_from(row: CodeRow) -> Result<Self, StoreError> {
        Ok(Self {
            grant: parse_grant_id(&row.grant_id)?,
            granted: NewGrant {
                client: parse_client_id(&row.client_id)?,
                user: parse_user_id(&row.user_id)?,
                session: parse_session_id(row.session_id.as_deref())?,
                upstream: row.upstream,
                resource: row.resource,
                scopes: list_from_json(&row.scopes_json)?,
                sign_in: row.sign_in.try_into()?,
            },
            redirect_uri: row.redirect_uri,
            code_challenge: row.code_challenge,
        })
    }
}
