//! Clients that registered themselves (RFC 7591). Clients of the configuration file are not here.

use jiff::Timestamp;
use sqlx::FromRow;

use crate::grants::parse_client_id;
use crate::hash::{column, from_column};
use crate::time::{instant, micros, optional_instant};
use crate::users::{json_list, list_from_json};
use crate::{ClientId, Hash, Store, StoreError};

/// A client that registers itself.
#[derive(Clone, Debug, PartialEq)]
pub struct NewClient {
    /// The id to give it: [`ClientId::generate`].
    pub id: ClientId,
    /// The name it gives itself: nobody has checked it.
    pub name: String,
    /// Where codes may go, validated.
    pub redirect_uris: Vec<String>,
    /// `token_endpoint_auth_method`.
    pub auth_method: String,
    /// SHA-256 of its secret, if it has one.
    pub secret_hash: Option<Hash>,
    /// The rest of its metadata, as it is answered to it.
    pub metadata: serde_json::Value,
    /// The address it came from: for quotas.
    pub registered_from: Option<String>,
    /// When the registration is void, if it is not used.
    pub expires_at: Option<Timestamp>,
}

/// A registered client.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// The name it gave itself: nobody has checked it.
    pub name: String,
    /// Where codes may go.
    pub redirect_uris: Vec<String>,
    /// `token_endpoint_auth_method`.
    pub auth_method: String,
    /// SHA-256 of its secret, if it has one.
    pub secret_hash: Option<Hash>,
    /// The rest of its metadata.
    pub metadata: serde_json::Value,
    /// When it registered.
    pub created_at: Timestamp,
    /// When a person last began to sign in with it.
    pub last_used_at: Timestamp,
    /// When the registration is void.
    pub expires_at: Option<Timestamp>,
}

impl Store {
    /// Remembers a registration.
    pub async fn insert_client(&self, new: &NewClient, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO clients (id, name, redirect_uris, auth_method, secret_hash, metadata_json, registered_from, created_at,
                 last_used_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
        )
        .bind(new.id.as_str())
        .bind(&new.name)
        .bind(json_list(&new.redirect_uris))
        .bind(&new.auth_method)
        .bind(new.secret_hash.as_ref().map(column))
        .bind(new.metadata.to_string())
        .bind(&new.registered_from)
        .bind(micros(now))
        .bind(new.expires_at.map(micros))
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// The registered client with this id, if its registration is not void.
    pub async fn client(&self, id: &ClientId, now: Timestamp) -> Result<Option<Client>, StoreError> {
        let row: Option<ClientRow> = sqlx::query_as("SELECT * FROM clients WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)")
            .bind(id.as_str())
            .bind(micros(now))
            .fetch_optional(self.reader())
            .await?;
        row.map(Client::try_from).transpose()
    }

    /// Notes that a client is in use and moves the end of its registration.
    pub async fn touch_client(&self, id: &ClientId, expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE clients SET last_used_at = $2, expires_at = $3 WHERE id = $1")
            .bind(id.as_str())
            .bind(micros(now))
            .bind(expires_at.map(micros))
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// How many clients registered from this address since `since`: for quotas.
    pub async fn clients_registered_since(&self, registered_from: &str, since: Timestamp) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM clients WHERE registered_from = $1 AND created_at >= $2")
            .bind(registered_from)
            .bind(micros(since))
            .fetch_one(self.reader())
            .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// How many clients are registered in all.
    pub async fn count_clients(&self) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM clients").fetch_one(self.reader()).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Forgets a registration; false if there was none. Its grants stay: revoke them with [`Store::revoke_grants_for`].
    pub async fn delete_client(&self, id: &ClientId) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM clients WHERE id = $1").bind(id.as_str()).execute(self.writer()).await?;
        Ok(deleted.rows_affected() == 1)
    }
}

#[derive(FromRow)]
struct ClientRow {
    id: String,
    name: String,
    redirect_uris: String,
    auth_method: String,
    secret_hash: Option<String>,
    metadata_json: String,
    created_at: i64,
    last_used_at: i64,
    expires_at: Option<i64>,
}

impl TryFrom<ClientRow> for Client {
    type Error = StoreError;

    fn try_from(row: ClientRow) -> Result<Self, StoreError> {
        let hash = |text: &str| from_column(text).ok_or(StoreError::Corrupt { what: "a malformed client secret hash" });
        Ok(Self {
            id: parse_client_id(&row.id)?,
            name: row.name,
            redirect_uris: list_from_json(&row.redirect_uris)?,
            auth_method: row.auth_method,
            secret_hash: row.secret_hash.as_deref().map(hash).transpose()?,
            metadata: serde_json::from_str(&row.metadata_json).map_err(|_| StoreError::Corrupt { what: "malformed client metadata" })?,
            created_at: instant(row.created_at)?,
            last_used_at: instant(row.last_used_at)?,
            expires_at: optional_instant(row.expires_at)?,
        })
    }
}
