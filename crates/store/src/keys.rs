//! Signing keys: sealed PKCS#8, with what the key ring needs to rotate them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use oauth::Secret;
use sqlx::FromRow;

use crate::seal::Place;
use crate::time::{instant, micros, optional_instant};
use crate::{Store, StoreError};

const PKCS8: &str = "signing_keys.pkcs8_sealed";

/// A key to be kept.
#[derive(Clone, Debug)]
pub struct NewSigningKey<'a> {
    /// What it signs: `access_token`, `upstream_identity`, `saml_sp`.
    pub purpose: &'a str,
    /// Its key id, unique within the purpose.
    pub kid: &'a str,
    /// The private key, PKCS#8 DER.
    pub pkcs8: &'a Secret<Vec<u8>>,
    /// Its X.509 certificate, DER, where the purpose needs one.
    pub certificate: Option<&'a [u8]>,
    /// From when it signs; it is published before.
    pub active_from: Timestamp,
}

/// A key as it was kept.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// What it signs.
    pub purpose: String,
    /// Its key id.
    pub kid: String,
    /// The private key, PKCS#8 DER.
    pub pkcs8: Secret<Vec<u8>>,
    /// Its X.509 certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it signs.
    pub active_from: Timestamp,
    /// Since when it no longer signs.
    pub retired_at: Option<Timestamp>,
}

impl Store {
    /// Keeps a key. False, and nothing kept, if there is one with this purpose and id.
    pub async fn insert_signing_key(&self, new: &NewSigningKey<'_>, now: Timestamp) -> Result<bool, StoreError> {
        self.insert_key(
            "INSERT INTO signing_keys (purpose, kid, pkcs8_sealed, certificate, created_at, active_from)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (purpose, kid) DO NOTHING",
            new,
            now,
        )
        .await
    }

    /// Keeps the first key of a purpose. False, and nothing kept, if the purpose has one: of two processes that start at
    /// once, one makes the key and the other reads it.
    pub async fn insert_first_signing_key(&self, new: &NewSigningKey<'_>, now: Timestamp) -> Result<bool, StoreError> {
        self.insert_key(
            "INSERT INTO signing_keys (purpose, kid, pkcs8_sealed, certificate, created_at, active_from)
             SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE purpose = $1)",
            new,
            now,
        )
        .await
    }

    /// All keys of a purpose, the earliest first, retired ones too.
    pub async fn signing_keys(&self, purpose: &str) -> Result<Vec<StoredKey>, StoreError> {
        let rows: Vec<KeyRow> = sqlx::query_as("SELECT * FROM signing_keys WHERE purpose = $1 ORDER BY active_from, kid")
            .bind(purpose)
            .fetch_all(self.reader())
            .await?;
        rows.into_iter().map(|row| self.stored_key(row)).collect()
    }

    /// Lets a key sign from now on that was to sign later. False if it signs already or is out of use.
    pub async fn activate_signing_key(&self, purpose: &str, kid: &str, now: Timestamp) -> Result<bool, StoreError> {
        let activated = sqlx::query(
            "UPDATE signing_keys SET active_from = $3 WHERE purpose = $1 AND kid = $2 AND retired_at IS NULL AND active_from > $3",
        )
        .bind(purpose)
        .bind(kid)
        .bind(micros(now))
        .execute(self.writer())
        .await?;
        Ok(activated.rows_affected() == 1)
    }

    /// Takes a key out of use; it is still published until it is deleted. False if it was not in use.
    pub async fn retire_signing_key(&self, purpose: &str, kid: &str, now: Timestamp) -> Result<bool, StoreError> {
        let retired = sqlx::query("UPDATE signing_keys SET retired_at = $3 WHERE purpose = $1 AND kid = $2 AND retired_at IS NULL")
            .bind(purpose)
            .bind(kid)
            .bind(micros(now))
            .execute(self.writer())
            .await?;
        Ok(retired.rows_affected() == 1)
    }

    /// Forgets a retired key. False if there is none, or if it is in use.
    pub async fn delete_signing_key(&self, purpose: &str, kid: &str) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM signing_keys WHERE purpose = $1 AND kid = $2 AND retired_at IS NOT NULL")
            .bind(purpose)
            .bind(kid)
            .execute(self.writer())
            .await?;
        Ok(deleted.rows_affected() == 1)
    }

    async fn insert_key(&self, statement: &'static str, new: &NewSigningKey<'_>, now: Timestamp) -> Result<bool, StoreError> {
        let sealed = self.sealing_key().seal(&Place { column: PKCS8, row: &row_id(new.purpose, new.kid) }, new.pkcs8.expose())?;
        let inserted = sqlx::query(statement)
            .bind(new.purpose)
            .bind(new.kid)
            .bind(sealed)
            .bind(new.certificate.map(|der| URL_SAFE_NO_PAD.encode(der)))
            .bind(micros(now))
            .bind(micros(new.active_from))
            .execute(self.writer())
            .await?;
        Ok(inserted.rows_affected() == 1)
    }

    fn stored_key(&self, row: KeyRow) -> Result<StoredKey, StoreError> {
        let certificate = |text: &String| URL_SAFE_NO_PAD.decode(text);
        Ok(StoredKey {
            pkcs8: self.sealing_key().open(&Place { column: PKCS8, row: &row_id(&row.purpose, &row.kid) }, &row.pkcs8_sealed)?,
            certificate: row
                .certificate
                .as_ref()
                .map(certificate)
                .transpose()
                .map_err(|_| StoreError::Corrupt { what: "a malformed certificate" })?,
            created_at: instant(row.created_at)?,
            active_from: instant(row.active_from)?,
            retired_at: optional_instant(row.retired_at)?,
            purpose: row.purpose,
            kid: row.kid,
        })
    }
}

/// The two parts of the key cannot be confused: a purpose holds no 0x1f.
fn row_id(purpose: &str, kid: &str) -> String {
    format!("{purpose}\u{1f}{kid}")
}

#[derive(FromRow)]
struct KeyRow {
    purpose: String,
    kid: String,
    pkcs8_sealed: String,
    certificate: Option<String>,
    created_at: i64,
    active_from: i64,
    retired_at: Option<i64>,
}
