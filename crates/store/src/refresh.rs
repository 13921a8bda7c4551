//! Refresh tokens: rotated at every use, hashed at rest, with a short grace for clients that race themselves.
//!
//! Only hashes are stored. The successor of a token is an HMAC of it under a key derived from the master key, so a client
//! that asks twice within the grace gets the same successor twice. The grace runs from the first use and is never
//! extended. After it, a used token that comes again voids the whole grant (RFC 9700 section 4.14.2).

use std::time::Duration;

use jiff::Timestamp;
use oauth::Secret;
use sqlx::{FromRow, Sqlite, Transaction};

use crate::grants::GrantRow;
use crate::hash::column;
use crate::time::{after, instant, micros, span};
use crate::{ClientId, Grant, GrantId, RevokeReason, Store, StoreError, sha256};

/// The first refresh token of a grant; later ones come from [`Store::rotate_refresh_token`].
#[derive(Clone, Debug)]
pub struct NewRefreshToken<'a> {
    /// The token: 32 random bytes in base64url.
    pub token: &'a Secret<String>,
    /// The family it begins.
    pub grant: GrantId,
    /// When it is void.
    pub expires_at: Timestamp,
}

/// A client that asks for new tokens.
#[derive(Clone, Copy, Debug)]
pub struct RotationRequest<'a> {
    /// The token as it came.
    pub presented: &'a Secret<String>,
    /// The client that authenticated itself, or named itself if it is public. A token of another client is unknown.
    pub client: &'a ClientId,
    /// How long the successor lives.
    pub lifetime: Duration,
    /// How long after its first use the same token gets the same successor.
    pub grace: Duration,
}

/// What became of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The token was used now.
    Rotated {
        /// The token to give out.
        successor: Secret<String>,
        /// When that is void.
        expires_at: Timestamp,
        /// The grant.
        grant: Box<Grant>,
    },
    /// The token was used a moment ago; the answer is the same.
    WithinGrace {
        /// The same token as the first time.
        successor: Secret<String>,
        /// When that is void.
        expires_at: Timestamp,
        /// The grant.
        grant: Box<Grant>,
    },
    /// The token was used before and came again: the grant has been revoked.
    Reused {
        /// The grant that is now void.
        grant: GrantId,
    },
    /// The grant was revoked, or its person disabled.
    Revoked {
        /// The void grant.
        grant: GrantId,
    },
    /// The identity provider's session that the grant was given in is over.
    IdpSessionEnded {
        /// Its grant.
        grant: GrantId,
        /// When that was.
        at: Timestamp,
    },
    /// The token is over its time.
    Expired {
        /// Its grant.
        grant: GrantId,
    },
    /// There is no such token, or it is another client's.
    Unknown,
}

impl Store {
    /// Remembers the first refresh token of a grant.
    pub async fn insert_refresh_token(&self, new: &NewRefreshToken<'_>, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO refresh_tokens (hash, grant_id, created_at, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(hash_column(new.token))
            .bind(new.grant.to_string())
            .bind(micros(now))
            .bind(micros(new.expires_at))
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Uses a refresh token: marks it, writes its successor, all in one transaction.
    pub async fn rotate_refresh_token(&self, request: &RotationRequest<'_>, now: Timestamp) -> Result<Rotation, StoreError> {
        let mut transaction = self.write().await?;
        let used: Option<(String,)> = sqlx::query_as(
            "UPDATE refresh_tokens SET rotated_at = $2
             WHERE hash = $1 AND rotated_at IS NULL AND expires_at > $2 AND grant_id IN (
                 SELECT g.id FROM grants g JOIN users u ON u.id = g.user_id
                 WHERE g.id = refresh_tokens.grant_id AND g.client_id = $3 AND g.revoked_at IS NULL AND u.disabled_at IS NULL
                     AND (g.ends_at IS NULL OR g.ends_at > $2))
             RETURNING grant_id",
        )
        .bind(hash_column(request.presented))
        .bind(micros(now))
        .bind(request.client.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((grant_id,)) = used else { return self.explain_unused(transaction, request, now).await };
        let successor = self.sealing_key().refresh_successor(request.presented);
        let grant: GrantRow = sqlx::query_as("UPDATE grants SET last_used_at = $2 WHERE id = $1 RETURNING *")
            .bind(&grant_id)
            .bind(micros(now))
            .fetch_one(&mut *transaction)
            .await?;
        let grant = Box::new(Grant::try_from(grant)?);
        let limit = after(now, request.lifetime);
        let expires_at = grant.sign_in.ends_at.map_or(limit, |end| end.min(limit));
        sqlx::query("INSERT INTO refresh_tokens (hash, grant_id, created_at, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(hash_column(&successor))
            .bind(&grant_id)
            .bind(micros(now))
            .bind(micros(expires_at))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Rotation::Rotated { successor, expires_at, grant })
    }

    /// The grant that a refresh token belongs to, if it is this client's: for revocation (RFC 7009). Changes nothing.
    pub async fn refresh_token_grant(&self, token: &Secret<String>, client: &ClientId) -> Result<Option<Grant>, StoreError> {
        let row: Option<GrantRow> =
            sqlx::query_as("SELECT g.* FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id WHERE t.hash = $1 AND g.client_id = $2")
                .bind(hash_column(token))
                .bind(client.as_str())
                .fetch_optional(self.reader())
                .await?;
        row.map(Grant::try_from).transpose()
    }

    /// The token was not usable; says why, in the same transaction, and voids the grant of one that was used before.
    async fn explain_unused(
        &self,
        mut transaction: Transaction<'static, Sqlite>,
        request: &RotationRequest<'_>,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let row: Option<TokenRow> = sqlx::query_as(
            "SELECT g.*, t.expires_at, t.rotated_at, u.disabled_at FROM refresh_tokens t
             JOIN grants g ON g.id = t.grant_id JOIN users u ON u.id = g.user_id
             WHERE t.hash = $1 AND g.client_id = $2",
        )
        .bind(hash_column(request.presented))
        .bind(request.client.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(Rotation::Unknown) };
        let grant = Grant::try_from(row.grant)?;
        if grant.revoked_at.is_some() || row.disabled_at.is_some() {
            return Ok(Rotation::Revoked { grant: grant.id });
        }
        if let Some(at) = grant.sign_in.ends_at.filter(|end| *end <= now) {
            return Ok(Rotation::IdpSessionEnded { grant: grant.id, at });
        }
        let Some(rotated_at) = row.rotated_at else { return Ok(Rotation::Expired { grant: grant.id }) };
        if micros(now) < rotated_at.saturating_add(span(request.grace)) {
            let successor = self.sealing_key().refresh_successor(request.presented);
            let (expires_at,): (i64,) = sqlx::query_as("SELECT expires_at FROM refresh_tokens WHERE hash = $1")
                .bind(hash_column(&successor))
                .fetch_one(&mut *transaction)
                .await?;
            return Ok(Rotation::WithinGrace { successor, expires_at: instant(expires_at)?, grant: Box::new(grant) });
        }
        drop(transaction);
        self.revoke_grant(grant.id, RevokeReason::RefreshTokenReused, now).await?;
        Ok(Rotation::Reused { grant: grant.id })
    }
}

fn hash_column(token: &Secret<String>) -> String {
    column(&sha256(token.expose().as_bytes()))
}

#[derive(FromRow)]
struct TokenRow {
    #[sqlx(flatten)]
    grant: GrantRow,
    rotated_at: Option<i64>,
    disabled_at: Option<i64>,
}
