//! Remembered consent: per person, client, upstream and redirect host, for a set of scopes.

use jiff::Timestamp;

use crate::time::micros;
use crate::users::{json_list, list_from_json};
use crate::{ClientId, Store, StoreError, UserId};

/// What a person agreed to, or is asked to.
#[derive(Clone, Copy, Debug)]
pub struct Consent<'a> {
    /// Who.
    pub user: UserId,
    /// To which client.
    pub client: &'a ClientId,
    /// At which upstream.
    pub upstream: &'a str,
    /// Where the client's code goes: its host, or the whole URI where it has none.
    pub redirect_host: &'a str,
    /// What for.
    pub scopes: &'a [String],
}

impl Store {
    /// Remembers a consent; it replaces an earlier one for the same person, client, upstream and redirect host.
    pub async fn remember_consent(&self, consent: &Consent<'_>, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO consents (user_id, client_id, upstream, redirect_host, scopes_json, given_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (user_id, client_id, upstream, redirect_host)
             DO UPDATE SET scopes_json = excluded.scopes_json, given_at = excluded.given_at",
        )
        .bind(consent.user.to_string())
        .bind(consent.client.as_str())
        .bind(consent.upstream)
        .bind(consent.redirect_host)
        .bind(json_list(consent.scopes))
        .bind(micros(now))
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// Whether the person agreed to at least these scopes, for this client, upstream and redirect host.
    pub async fn consent_covers(&self, asked: &Consent<'_>) -> Result<bool, StoreError> {
        let row: Option<(String,)> = sqlx::query_as(
            "SELECT scopes_json FROM consents WHERE user_id = $1 AND client_id = $2 AND upstream = $3 AND redirect_host = $4",
        )
        .bind(asked.user.to_string())
        .bind(asked.client.as_str())
        .bind(asked.upstream)
        .bind(asked.redirect_host)
        .fetch_optional(self.reader())
        .await?;
        let Some((scopes,)) = row else { return Ok(false) };
        let given = list_from_json(&scopes)?;
        Ok(asked.scopes.iter().all(|scope| given.contains(scope)))
    }

    /// Forgets what a person agreed to, for one client or for all; how many consents there were.
    pub async fn forget_consents(&self, user: UserId, client: Option<&ClientId>) -> Result<u64, StoreError> {
        let user = user.to_string();
        let query = match client {
            Some(client) => sqlx::query("DELETE FROM consents WHERE user_id = $1 AND client_id = $2").bind(user).bind(client.as_str()),
            None => sqlx::query(concat!("DELETE FROM consents WHERE user_id IN ", identities_of!())).bind(user),
        };
        Ok(query.execute(self.writer()).await?.rows_affected())
    }
}
