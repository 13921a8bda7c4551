//! Single logout: what ends when an identity provider says that a session of its own has ended, and the sign-outs of people
//! who are at their identity provider at the moment.
//!
//! A browser session carries keyed hashes of the identifiers that single logout names, so that it can be found although the
//! identifiers lie sealed. With a session of the identity provider end all browser sessions that rest on it, and every grant
//! that was given in one of them, also when the browser has signed out here long ago: whoever ended the session at the
//! identity provider ended what it allowed.

use jiff::Timestamp;
use sqlx::{FromRow, Sqlite, Transaction};

use crate::grants::parse_grant_id;
use crate::hash::column;
use crate::time::micros;
use crate::users::UserRow;
use crate::{GrantId, Hash, IdpSession, Once, RevokeReason, Store, StoreError, User};

/// Which sessions an identity provider has ended.
#[derive(Clone, Copy, Debug)]
pub enum EndedAtIdp<'a> {
    /// SAML: those of a NameID; of several sessions only the ones with these indexes, if there are any.
    Saml {
        /// The NameID.
        name_id: &'a str,
        /// Its format, if one is given.
        format: Option<&'a str>,
        /// The `SessionIndex` values.
        session_indexes: &'a [String],
    },
    /// OpenID: the session with this `sid`, of this person if one is named.
    OpenIdSession {
        /// The `sid`.
        sid: &'a str,
        /// The `sub`.
        subject: Option<&'a str>,
    },
    /// OpenID: all of a person.
    OpenIdSubject {
        /// The `sub`.
        subject: &'a str,
    },
}

/// What ended for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedFor {
    /// The person.
    pub user: User,
    /// How many browser sessions, of those that were live.
    pub sessions: u64,
    /// The grants.
    pub grants: Vec<GrantId>,
}

/// A person goes to the identity provider to sign out there as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOut {
    /// Which identity provider.
    pub idp: String,
    /// The id of our LogoutRequest; none for OpenID.
    pub request_id: Option<String>,
    /// Whether everything of the person was ended here.
    pub everywhere: bool,
}

const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

impl Store {
    /// Ends what rests on sessions that an identity provider has ended; says for whom. Nobody found is no failure, for the
    /// session may be over here already. The message is used up with it or not at all, so that one that came to nothing can be
    /// sent again; `None`: it was used before.
    pub async fn end_idp_sessions(
        &self,
        idp: &str,
        ended: EndedAtIdp<'_>,
        message: &Once<'_>,
        now: Timestamp,
    ) -> Result<Option<Vec<EndedFor>>, StoreError> {
        const BY_SUBJECT: &str = "SELECT id, user_id, idp_subject_hash, idp_session_hash FROM browser_sessions WHERE idp_subject_hash = $1";
        const BY_SESSION: &str = "SELECT id, user_id, idp_subject_hash, idp_session_hash FROM browser_sessions WHERE idp_session_hash = $1";
        let (select, key) = match ended {
            EndedAtIdp::Saml { name_id, format, .. } => (BY_SUBJECT, self.name_id_hash(idp, name_id, format)),
            EndedAtIdp::OpenIdSession { sid, .. } => (BY_SESSION, self.sid_hash(idp, sid)),
            EndedAtIdp::OpenIdSubject { subject } => (BY_SUBJECT, self.subject_hash(idp, subject)),
        };
        let mut transaction = self.write().await?;
        if !message.consume(&mut *transaction, now).await? {
            return Ok(None);
        }
        let mut rows: Vec<FoundRow> = sqlx::query_as(select).bind(&key).fetch_all(&mut *transaction).await?;
        rows.retain(|row| self.is_meant(idp, ended, row));
        rows.sort_by(|left, right| left.user_id.cmp(&right.user_id));
        let mut all = Vec::new();
        for of_one in rows.chunk_by(|left, right| left.user_id == right.user_id) {
            let Some(first) = of_one.first() else { continue };
            let user: UserRow =
                sqlx::query_as("SELECT * FROM users WHERE id = $1").bind(&first.user_id).fetch_one(&mut *transaction).await?;
            let mut ended = EndedFor { user: User::try_from(user)?, sessions: 0, grants: Vec::new() };
            for row in of_one {
                end_one(&mut transaction, &row.id, now, &mut ended).await?;
            }
            all.push(ended);
        }
        transaction.commit().await?;
        Ok(Some(all))
    }

    /// Remembers a sign-out that goes on at the identity provider; `state_hash` is the SHA-256 of the value that comes back.
    pub async fn begin_sign_out(&self, state_hash: &Hash, sign_out: &SignOut, expires_at: Timestamp) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO sign_outs (state_hash, idp, request_id, everywhere, expires_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(column(state_hash))
            .bind(&sign_out.idp)
            .bind(&sign_out.request_id)
            .bind(i64::from(sign_out.everywhere))
            .bind(micros(expires_at))
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Takes a sign-out that comes back, once.
    pub async fn take_sign_out(&self, state_hash: &Hash, now: Timestamp) -> Result<Option<SignOut>, StoreError> {
        let row: Option<SignOutRow> =
            sqlx::query_as("DELETE FROM sign_outs WHERE state_hash = $1 AND expires_at > $2 RETURNING idp, request_id, everywhere")
                .bind(column(state_hash))
                .bind(micros(now))
                .fetch_optional(self.writer())
                .await?;
        Ok(row.map(|row| SignOut { idp: row.idp, request_id: row.request_id, everywhere: row.everywhere != 0 }))
    }

    /// The two hashes by which a new browser session will be found: of the person at the identity provider, of its session.
    pub(crate) fn idp_session_hashes(&self, idp: &str, session: &IdpSession) -> (Option<String>, Option<String>) {
        let name_id = session.name_id.as_deref().map(|name_id| self.name_id_hash(idp, name_id, session.name_id_format.as_deref()));
        let subject = name_id.or_else(|| session.subject.as_deref().map(|subject| self.subject_hash(idp, subject)));
        let index = session.session_index.as_deref().map(|index| self.index_hash(idp, index));
        (subject, index.or_else(|| session.sid.as_deref().map(|sid| self.sid_hash(idp, sid))))
    }

    /// What the select did not judge. A session without an index is one of the person's whatever index is named: better one
    /// sign-in too many than a session that outlives its end.
    fn is_meant(&self, idp: &str, ended: EndedAtIdp<'_>, row: &FoundRow) -> bool {
        match ended {
            EndedAtIdp::Saml { session_indexes, .. } => match &row.idp_session_hash {
                Some(hash) if !session_indexes.is_empty() => session_indexes.iter().any(|index| self.index_hash(idp, index) == *hash),
                Some(_) | None => true,
            },
            EndedAtIdp::OpenIdSession { subject: Some(subject), .. } => {
                row.idp_subject_hash.as_ref().is_none_or(|hash| *hash == self.subject_hash(idp, subject))
            }
            EndedAtIdp::OpenIdSession { subject: None, .. } | EndedAtIdp::OpenIdSubject { .. } => true,
        }
    }

    /// SAML core 8.3.1: no format is the unspecified one.
    fn name_id_hash(&self, idp: &str, name_id: &str, format: Option<&str>) -> String {
        self.sealing_key().lookup(&["saml name id", idp, format.unwrap_or(UNSPECIFIED), name_id])
    }

    fn index_hash(&self, idp: &str, index: &str) -> String {
        self.sealing_key().lookup(&["saml session index", idp, index])
    }

    fn subject_hash(&self, idp: &str, subject: &str) -> String {
        self.sealing_key().lookup(&["openid sub", idp, subject])
    }

    fn sid_hash(&self, idp: &str, sid: &str) -> String {
        self.sealing_key().lookup(&["openid sid", idp, sid])
    }
}

/// Ends one browser session, the codes that were begun in it and the grants that were given in it.
async fn end_one(transaction: &mut Transaction<'static, Sqlite>, id: &str, now: Timestamp, ended: &mut EndedFor) -> Result<(), StoreError> {
    let live = sqlx::query("UPDATE browser_sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL");
    ended.sessions += live.bind(id).bind(micros(now)).execute(&mut **transaction).await?.rows_affected();
    // A session that a newer one of the same browser replaced lives on for the codes that were begun in it. Not this one.
    let replaced = sqlx::query("UPDATE browser_sessions SET replaced_by = NULL WHERE id = $1");
    replaced.bind(id).execute(&mut **transaction).await?;
    let codes =
        sqlx::query("UPDATE authorization_codes SET expires_at = $2 WHERE session_id = $1 AND consumed_at IS NULL AND expires_at > $2");
    codes.bind(id).bind(micros(now)).execute(&mut **transaction).await?;
    let grants: Vec<(String,)> =
        sqlx::query_as("UPDATE grants SET revoked_at = $2, revoke_reason = $3 WHERE session_id = $1 AND revoked_at IS NULL RETURNING id")
            .bind(id)
            .bind(micros(now))
            .bind(RevokeReason::IdentityProvider.as_str())
            .fetch_all(&mut **transaction)
            .await?;
    for (grant,) in grants {
        ended.grants.push(parse_grant_id(&grant)?);
    }
    Ok(())
}

#[derive(FromRow)]
struct FoundRow {
    id: String,
    user_id: String,
    idp_subject_hash: Option<String>,
    idp_session_hash: Option<String>,
}

#[derive(FromRow)]
struct SignOutRow {
    idp: String,
    request_id: Option<String>,
    everywhere: i64,
}
