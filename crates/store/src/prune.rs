//! Forgetting what is over: in bounded batches, so that no write waits long behind it.
//!
//! Nothing is pruned that a check still needs: a code stays a day for its replay to be noticed, a refresh token stays
//! until it would have expired, an assertion id until the assertion itself is refused for its age.

use jiff::{SignedDuration, Timestamp};

use crate::time::micros;
use crate::{Store, StoreError};

/// Rows of one table that one call removes at most.
const BATCH: u32 = 500;
const NONE: SignedDuration = SignedDuration::ZERO;
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What one call removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Rows in all.
    pub rows: u64,
    /// Whether a table had more than one batch: call again.
    pub more: bool,
}

/// Each statement takes the instant before which a row is over, and the batch size. Tokens go before their grants.
const STATEMENTS: &[(&str, SignedDuration)] = &[
    ("DELETE FROM used_once WHERE (kind, key_hash) IN (SELECT kind, key_hash FROM used_once WHERE expires_at < $1 LIMIT $2)", HOUR),
    ("DELETE FROM authorization_requests WHERE id IN (SELECT id FROM authorization_requests WHERE expires_at < $1 LIMIT $2)", HOUR),
    ("DELETE FROM authorization_codes WHERE hash IN (SELECT hash FROM authorization_codes WHERE expires_at < $1 LIMIT $2)", DAY),
    ("DELETE FROM sign_outs WHERE state_hash IN (SELECT state_hash FROM sign_outs WHERE expires_at < $1 LIMIT $2)", HOUR),
    // A session over stays as long as a grant that was given in it: single logout finds the grant by it.
    (
        "DELETE FROM browser_sessions WHERE id IN (SELECT s.id FROM browser_sessions s WHERE s.expires_at < $1
             AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.session_id = s.id AND g.revoked_at IS NULL)
             AND NOT EXISTS (SELECT 1 FROM browser_sessions n WHERE n.id = s.replaced_by AND n.expires_at >= $1) LIMIT $2)",
        DAY,
    ),
    // As long as a client may refresh, or a browser may let one in, the identity provider may have to be asked.
    (
        "DELETE FROM idp_refreshes WHERE session_id IN (SELECT i.session_id FROM idp_refreshes i WHERE i.answered_at < $1
             AND NOT EXISTS (SELECT 1 FROM browser_sessions s WHERE s.id = i.session_id AND s.expires_at >= $1)
             AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.session_id = i.session_id AND g.revoked_at IS NULL) LIMIT $2)",
        DAY,
    ),
    ("DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens WHERE expires_at < $1 LIMIT $2)", HOUR),
    (
        "DELETE FROM grants WHERE id IN (SELECT g.id FROM grants g WHERE g.last_used_at < $1
             AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = g.id) LIMIT $2)",
        MONTH,
    ),
    ("DELETE FROM sign_in_tests WHERE id IN (SELECT id FROM sign_in_tests WHERE expires_at < $1 LIMIT $2)", NONE),
    ("DELETE FROM captures WHERE id IN (SELECT id FROM captures WHERE expires_at < $1 LIMIT $2)", NONE),
    // Consent is asked for again after a year.
    (
        "DELETE FROM consents WHERE (user_id, client_id, upstream, redirect_host) IN
             (SELECT user_id, client_id, upstream, redirect_host FROM consents WHERE given_at < $1 LIMIT $2)",
        YEAR,
    ),
    (
        "DELETE FROM step_up_demands WHERE (user_id, client_id, upstream, tool) IN
             (SELECT user_id, client_id, upstream, tool FROM step_up_demands WHERE expires_at < $1 LIMIT $2)",
        HOUR,
    ),
    ("DELETE FROM clients WHERE id IN (SELECT id FROM clients WHERE expires_at < $1 LIMIT $2)", HOUR),
];

impl Store {
    /// Removes what has been over for a while. Meant to be called every few minutes, and again at once while `more`.
    pub async fn prune(&self, now: Timestamp) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        for (statement, keep) in STATEMENTS {
            let before = now.checked_sub(*keep).unwrap_or(Timestamp::MIN);
            let removed = sqlx::query(*statement).bind(micros(before)).bind(BATCH).execute(self.writer()).await?.rows_affected();
            pruned.rows += removed;
            pruned.more |= removed == u64::from(BATCH);
        }
        Ok(pruned)
    }
}
