//! Demands for a stronger or newer sign-in: left by a call that needed one, met by the next sign-in of that person for that
//! client and upstream, forgotten after a while if there is none.

use jiff::Timestamp;

use crate::time::micros;
use crate::{ClientId, Store, StoreError, UserId};

/// How many tools a demand names at most; a client that tries them all needs no more.
const MAX_TOOLS: i64 = 32;

/// Whose sign-in is not enough, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct StepUpDemand<'a> {
    /// The person.
    pub user: UserId,
    /// The client that called.
    pub client: &'a ClientId,
    /// The upstream that it called.
    pub upstream: &'a str,
}

impl Store {
    /// Remembers that a sign-in good enough for `tool` is wanted (none: for any request to the upstream), until `expires_at`.
    pub async fn demand_step_up(
        &self,
        demand: &StepUpDemand<'_>,
        tool: Option<&str>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // What is over waits to be pruned, and takes nobody's place; nor does the demand itself, if it is there.
        sqlx::query(
            "INSERT INTO step_up_demands (user_id, client_id, upstream, tool, expires_at)
             SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM step_up_demands
                 WHERE user_id = $1 AND client_id = $2 AND upstream = $3 AND tool <> $4 AND expires_at > $7) < $6
             ON CONFLICT (user_id, client_id, upstream, tool) DO UPDATE SET expires_at = excluded.expires_at",
        )
        .bind(demand.user.to_string())
        .bind(demand.client.as_str())
        .bind(demand.upstream)
        .bind(tool.unwrap_or_default())
        .bind(micros(expires_at))
        .bind(MAX_TOOLS)
        .bind(micros(now))
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// The tools that a better sign-in is wanted for; none if none is wanted. An empty name stands for any request.
    pub async fn step_up_demand(&self, demand: &StepUpDemand<'_>, now: Timestamp) -> Result<Option<Vec<String>>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT tool FROM step_up_demands WHERE user_id = $1 AND client_id = $2 AND upstream = $3 AND expires_at > $4 ORDER BY tool",
        )
        .bind(demand.user.to_string())
        .bind(demand.client.as_str())
        .bind(demand.upstream)
        .bind(micros(now))
        .fetch_all(self.reader())
        .await?;
        Ok((!rows.is_empty()).then(|| rows.into_iter().map(|(tool,)| tool).collect()))
    }

    /// Forgets a demand that was met.
    pub async fn settle_step_up(&self, demand: &StepUpDemand<'_>) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM step_up_demands WHERE user_id = $1 AND client_id = $2 AND upstream = $3")
            .bind(demand.user.to_string())
            .bind(demand.client.as_str())
            .bind(demand.upstream)
            .execute(self.writer())
            .await?;
        Ok(())
    }
}
