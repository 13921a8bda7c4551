//! Things that may be seen once, whoever sees them first: SAML assertions (SAML profiles section 4.1.4.5), `jti` values.

use jiff::Timestamp;
use sqlx::SqliteExecutor;

use crate::hash::column;
use crate::time::micros;
use crate::{Store, StoreError, sha256};

/// What kind of thing is seen once; the same key under two kinds is two things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnceKind {
    /// A SAML assertion: issuer and assertion id.
    SamlAssertion,
    /// The `jti` of a JWT: issuer and `jti`.
    Jti,
    /// A SAML LogoutRequest: issuer and request id.
    SamlLogoutRequest,
}

impl OnceKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::SamlAssertion => "saml_assertion",
            Self::Jti => "jti",
            Self::SamlLogoutRequest => "saml_logout_request",
        }
    }
}

/// One thing that may be seen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once<'a> {
    /// What kind of thing.
    pub kind: OnceKind,
    /// Which.
    pub key: &'a str,
    /// The last instant at which the thing itself would still be accepted, skew included.
    pub expires_at: Timestamp,
}

impl Once<'_> {
    /// True the first time.
    pub(crate) async fn consume(&self, executor: impl SqliteExecutor<'_>, now: Timestamp) -> Result<bool, StoreError> {
        let inserted = sqlx::query(
            "INSERT INTO used_once (kind, key_hash, used_at, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT (kind, key_hash) DO NOTHING",
        )
        .bind(self.kind.as_str())
        .bind(column(&sha256(self.key.as_bytes())))
        .bind(micros(now))
        .bind(micros(self.expires_at))
        .execute(executor)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }
}

impl Store {
    /// True the first time `(kind, key)` is seen, false ever after, until `expires_at` has passed and the row is pruned:
    /// so `expires_at` is the last instant at which the thing itself would still be accepted, skew included.
    pub async fn consume_once(&self, kind: OnceKind, key: &str, expires_at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        Once { kind, key, expires_at }.consume(self.writer(), now).await
    }
}
