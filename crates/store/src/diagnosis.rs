//! What helps administrators to see why a sign-in fails: tests that they start, and captures of failing sign-ins.
//!
//! A report holds what an identity provider says of a person, so it is sealed. The link of a test is a bearer value: it works
//! once, and only its SHA-256 is kept. A capture catches once.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::FromRow;

use crate::hash::column;
use crate::seal::Place;
use crate::time::{instant, micros};
use crate::{CaptureId, Hash, SignInTestId, Store, StoreError};

const TEST_REPORT: &str = "sign_in_tests.report_sealed";
const CAPTURE_REPORT: &str = "captures.report_sealed";

/// A sign-in that an administrator tries.
#[derive(Clone, Debug, PartialEq)]
pub struct SignInTest {
    /// Its id.
    pub id: SignInTestId,
    /// The identity provider's id in the configuration.
    pub idp: String,
    /// Until when it can be opened, finished and looked at.
    pub expires_at: Timestamp,
    /// When its link was used.
    pub opened_at: Option<Timestamp>,
    /// What came of it.
    pub report: Option<Value>,
}

/// A watch for the next failing sign-in of one person, and what it caught.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// Its id.
    pub id: CaptureId,
    /// Name or e-mail address, as the administrator gave it.
    pub person: String,
    /// Only at this identity provider.
    pub idp: Option<String>,
    /// The operating system user who asked.
    pub asked_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when it waits.
    pub armed_until: Timestamp,
    /// When it caught one.
    pub caught_at: Option<Timestamp>,
    /// When it is forgotten.
    pub expires_at: Timestamp,
    /// What it caught.
    pub report: Option<Value>,
}

/// A watch that begins.
#[derive(Clone, Debug)]
pub struct NewCapture<'a> {
    /// Name or e-mail address.
    pub person: &'a str,
    /// Only at this identity provider.
    pub idp: Option<&'a str>,
    /// The operating system user who asks.
    pub asked_by: &'a str,
    /// Until when it waits.
    pub armed_until: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

impl Store {
    /// Remembers a test whose link has this hash.
    pub async fn create_sign_in_test(
        &self,
        idp: &str,
        token_hash: &Hash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<SignInTestId, StoreError> {
        let id = SignInTestId::new();
        sqlx::query("INSERT INTO sign_in_tests (id, idp, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(id.to_string())
            .bind(idp)
            .bind(column(token_hash))
            .bind(micros(now))
            .bind(micros(expires_at))
            .execute(self.writer())
            .await?;
        Ok(id)
    }

    /// The test whose link this is, if the link still works. Using it is [`Store::open_sign_in_test`].
    pub async fn find_sign_in_test(&self, token_hash: &Hash, now: Timestamp) -> Result<Option<SignInTest>, StoreError> {
        let row: Option<TestRow> =
            sqlx::query_as("SELECT * FROM sign_in_tests WHERE token_hash = $1 AND expires_at > $2 AND opened_at IS NULL")
                .bind(column(token_hash))
                .bind(micros(now))
                .fetch_optional(self.reader())
                .await?;
        row.map(|row| self.test(row)).transpose()
    }

    /// Uses the link: once.
    pub async fn open_sign_in_test(&self, token_hash: &Hash, now: Timestamp) -> Result<Option<SignInTest>, StoreError> {
        let row: Option<TestRow> = sqlx::query_as(
            "UPDATE sign_in_tests SET opened_at = $2 WHERE token_hash = $1 AND expires_at > $2 AND opened_at IS NULL RETURNING *",
        )
        .bind(column(token_hash))
        .bind(micros(now))
        .fetch_optional(self.writer())
        .await?;
        row.map(|row| self.test(row)).transpose()
    }

    /// Keeps what came of a test; false if something had come of it before, or it is over.
    pub async fn finish_sign_in_test(&self, id: SignInTestId, report: &Value, now: Timestamp) -> Result<bool, StoreError> {
        let sealed = self.seal_report(TEST_REPORT, &id.to_string(), report)?;
        let kept = sqlx::query("UPDATE sign_in_tests SET report_sealed = $2 WHERE id = $1 AND report_sealed IS NULL AND expires_at > $3")
            .bind(id.to_string())
            .bind(sealed)
            .bind(micros(now))
            .execute(self.writer())
            .await?;
        Ok(kept.rows_affected() == 1)
    }

    /// A test that is not over yet.
    pub async fn sign_in_test(&self, id: SignInTestId, now: Timestamp) -> Result<Option<SignInTest>, StoreError> {
        let row: Option<TestRow> = sqlx::query_as("SELECT * FROM sign_in_tests WHERE id = $1 AND expires_at > $2")
            .bind(id.to_string())
            .bind(micros(now))
            .fetch_optional(self.reader())
            .await?;
        row.map(|row| self.test(row)).transpose()
    }

    /// Begins to wait for a failing sign-in.
    pub async fn create_capture(&self, new: &NewCapture<'_>, now: Timestamp) -> Result<CaptureId, StoreError> {
        let id = CaptureId::new();
        sqlx::query(
            "INSERT INTO captures (id, person, idp, asked_by, created_at, armed_until, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id.to_string())
        .bind(new.person)
        .bind(new.idp)
        .bind(new.asked_by)
        .bind(micros(now))
        .bind(micros(new.armed_until))
        .bind(micros(new.expires_at))
        .execute(self.writer())
        .await?;
        Ok(id)
    }

    /// Those that wait now.
    pub async fn armed_captures(&self, now: Timestamp) -> Result<Vec<Capture>, StoreError> {
        let rows: Vec<CaptureRow> = sqlx::query_as("SELECT * FROM captures WHERE armed_until > $1 AND caught_at IS NULL ORDER BY id")
            .bind(micros(now))
            .fetch_all(self.reader())
            .await?;
        rows.into_iter().map(|row| self.capture_of(row)).collect()
    }

    /// Keeps what was caught; false if something was caught before, or the wait is over.
    pub async fn fill_capture(&self, id: CaptureId, report: &Value, now: Timestamp) -> Result<bool, StoreError> {
        let sealed = self.seal_report(CAPTURE_REPORT, &id.to_string(), report)?;
        let filled =
            sqlx::query("UPDATE captures SET caught_at = $2, report_sealed = $3 WHERE id = $1 AND caught_at IS NULL AND armed_until > $2")
                .bind(id.to_string())
                .bind(micros(now))
                .bind(sealed)
                .execute(self.writer())
                .await?;
        Ok(filled.rows_affected() == 1)
    }

    /// All of them, newest first.
    pub async fn captures(&self, now: Timestamp) -> Result<Vec<Capture>, StoreError> {
        let rows: Vec<CaptureRow> = sqlx::query_as("SELECT * FROM captures WHERE expires_at > $1 ORDER BY id DESC LIMIT 1000")
            .bind(micros(now))
            .fetch_all(self.reader())
            .await?;
        rows.into_iter().map(|row| self.capture_of(row)).collect()
    }

    /// One of them.
    pub async fn capture(&self, id: CaptureId, now: Timestamp) -> Result<Option<Capture>, StoreError> {
        let row: Option<CaptureRow> = sqlx::query_as("SELECT * FROM captures WHERE id = $1 AND expires_at > $2")
            .bind(id.to_string())
            .bind(micros(now))
            .fetch_optional(self.reader())
            .await?;
        row.map(|row| self.capture_of(row)).transpose()
    }

    /// Forgets one, caught or not; false if there is none.
    pub async fn delete_capture(&self, id: CaptureId) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM captures WHERE id = $1").bind(id.to_string()).execute(self.writer()).await?;
        Ok(deleted.rows_affected() == 1)
    }

    fn seal_report(&self, column: &'static str, row: &str, report: &Value) -> Result<String, StoreError> {
        self.sealing_key().seal(&Place { column, row }, report.to_string().as_bytes())
    }

    fn open_report(&self, column: &'static str, row: &str, sealed: Option<&str>) -> Result<Option<Value>, StoreError> {
        let Some(sealed) = sealed else { return Ok(None) };
        let report = self.sealing_key().open(&Place { column, row }, sealed)?;
        serde_json::from_slice(report.expose()).map(Some).map_err(|_| StoreError::Corrupt { what: "a malformed report" })
    }

    fn test(&self, row: TestRow) -> Result<SignInTest, StoreError> {
        Ok(SignInTest {
            report: self.open_report(TEST_REPORT, &row.id, row.report_sealed.as_deref())?,
            id: row.id.parse().map_err(|_| StoreError::Corrupt { what: "a malformed test id" })?,
            idp: row.idp,
            expires_at: instant(row.expires_at)?,
            opened_at: row.opened_at.map(instant).transpose()?,
        })
    }

    fn capture_of(&self, row: CaptureRow) -> Result<Capture, StoreError> {
        Ok(Capture {
            report: self.open_report(CAPTURE_REPORT, &row.id, row.report_sealed.as_deref())?,
            id: row.id.parse().map_err(|_| StoreError::Corrupt { what: "a malformed capture id" })?,
            person: row.person,
            idp: row.idp,
            asked_by: row.asked_by,
            created_at: instant(row.created_at)?,
            armed_until: instant(row.armed_until)?,
            caught_at: row.caught_at.map(instant).transpose()?,
            expires_at: instant(row.expires_at)?,
        })
    }
}

#[derive(FromRow)]
struct TestRow {
    id: String,
    idp: String,
    expires_at: i64,
    opened_at: Option<i64>,
    report_sealed: Option<String>,
}

#[derive(FromRow)]
struct CaptureRow {
    id: String,
    person: String,
    idp: Option<String>,
    asked_by: String,
    created_at: i64,
    armed_until: i64,
    caught_at: Option<i64>,
    expires_at: i64,
    report_sealed: Option<String>,
}
