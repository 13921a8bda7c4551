//! Sign-ins under way: what `authserver` starts, `login` moves from stage to stage, and `authserver` finishes.
//!
//! A request is found by its id *and* the hash of a cookie of the browser that began it. Each move is a compare and
//! swap on `version`, so of two racing steps one wins. The stage is sealed: it holds the nonce and the PKCE verifier of
//! the leg to the identity provider.

use jiff::Timestamp;
use oauth::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::hash::{column, from_column};
use crate::seal::Place;
use crate::time::{instant, micros};
use crate::{AuthorizationRequestId, BrowserSessionId, Hash, SignInTestId, Store, StoreError, UserId};

/// What a sign-in is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Purpose {
    /// An MCP client wants tokens; the request carries its parameters.
    ClientAuthorization,
    /// A person wants to be signed in at Doorward itself.
    BrowserSignIn {
        /// The local path to go to afterwards.
        return_path: String,
    },
    /// An administrator tries the sign-in at one identity provider: nobody is signed in by it.
    SignInTest {
        /// The test that gets the report.
        test: SignInTestId,
        /// The identity provider's id in the configuration.
        idp: String,
    },
}

/// How far a sign-in is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// The person has yet to allow the client.
    Consent,
    /// The person has yet to choose an identity provider.
    ChooseIdp,
    /// The browser is at the identity provider.
    SignIn(SignInState),
    /// The person is known.
    SignedIn {
        /// Who.
        user: UserId,
        /// In which browser session.
        session: BrowserSessionId,
        /// What the sign-in was asked for; none where a session was there already.
        #[serde(default)]
        step_up: Option<StepUpAsked>,
    },
    /// The code was issued or the person was sent on: nothing more may happen.
    Completed,
    /// Refused, by the person or by a check: nothing more may happen.
    Denied {
        /// The stable code of the refusal.
        code: String,
    },
}

/// The leg to one identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInState {
    /// The identity provider's id in the configuration.
    pub idp: String,
    /// What the answer must match.
    pub protocol: SignInProtocol,
    /// Who probably signs in: the address that the person typed, or the client's `login_hint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// What was asked for beyond the identity provider's own settings.
    #[serde(default)]
    pub step_up: Option<StepUpAsked>,
}

/// A stronger or newer sign-in that the identity provider was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUpAsked {
    /// AuthnContext classes or `acr` values, any of which will do; empty: no wish.
    pub acr: Vec<String>,
    /// The greatest age of the sign-in, in seconds; 0: it must not answer from its own session.
    pub max_age: Option<u64>,
}

/// What the identity provider's answer must match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "snake_case")]
pub enum SignInProtocol {
    /// SAML: the answer's InResponseTo.
    Saml {
        /// The AuthnRequest's ID.
        request_id: String,
    },
    /// OpenID Connect.
    Oidc {
        /// SHA-256 of the `state` that was sent.
        state_hash: Hash,
        /// The `nonce` that the ID token must carry.
        #[serde(with = "secret_text")]
        nonce: Secret<String>,
        /// The PKCE verifier for the code's redemption.
        #[serde(with = "secret_text")]
        pkce_verifier: Secret<String>,
    },
}

/// A sign-in that begins.
#[derive(Clone, Debug)]
pub struct NewAuthorizationRequest {
    /// What it is for.
    pub purpose: Purpose,
    /// The client's validated parameters, where a client asks: `NewAuthorizationRequest::params_from` writes them.
    pub params: Option<serde_json::Value>,
    /// SHA-256 of the transaction cookie's value.
    pub browser_hash: Hash,
    /// Where to begin.
    pub stage: Stage,
    /// Where it was begun from: an IPv4 address, or an IPv6 network, in text.
    pub network: String,
    /// When it is void.
    pub expires_at: Timestamp,
}

impl NewAuthorizationRequest {
    /// Parameters as the store keeps them; [`AuthorizationRequest::params`] reads them back.
    pub fn params_from<P: Serialize>(params: &P) -> Result<Option<serde_json::Value>, StoreError> {
        serde_json::to_value(params).map(Some).map_err(|_| StoreError::Corrupt { what: "authorization parameters that are not JSON" })
    }
}

/// A sign-in under way.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Its id: the `req` of /login and the RelayState.
    pub id: AuthorizationRequestId,
    /// What it is for.
    pub purpose: Purpose,
    /// How far it is.
    pub stage: Stage,
    /// What [`Store::advance`] expects.
    pub version: i64,
    /// When it began.
    pub created_at: Timestamp,
    /// When it is void.
    pub expires_at: Timestamp,
    params: Option<serde_json::Value>,
}

impl AuthorizationRequest {
    /// The client's parameters, if a client asks.
    pub fn params<P: DeserializeOwned>(&self) -> Result<Option<P>, StoreError> {
        let read = |params: &serde_json::Value| P::deserialize(params);
        self.params.as_ref().map(read).transpose().map_err(|_| StoreError::Corrupt { what: "malformed authorization parameters" })
    }
}

/// What became of a look-up.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// It is there, alive, and this browser's.
    Found(Box<AuthorizationRequest>),
    /// There is none with this id.
    Unknown,
    /// Another browser began it, or the cookie is gone.
    WrongBrowser,
    /// It is over its time.
    Expired,
}

/// What became of a move to another stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// The request is in the new stage.
    Moved {
        /// Its version now.
        version: i64,
    },
    /// Another step was faster, or the request is void: load it again and look.
    Lost,
}

impl Store {
    /// Begins a sign-in.
    pub async fn create_authorization_request(
        &self,
        new: &NewAuthorizationRequest,
        now: Timestamp,
    ) -> Result<AuthorizationRequestId, StoreError> {
        let id = AuthorizationRequestId::new();
        let purpose = serde_json::to_string(&new.purpose).map_err(|_| StoreError::Corrupt { what: "a purpose that is not JSON" })?;
        sqlx::query(
            "INSERT INTO authorization_requests (id, browser_hash, purpose_json, params_json, stage_sealed, version, created_at, expires_at,
                 network)
             VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8)",
        )
        .bind(id.to_string())
        .bind(column(&new.browser_hash))
        .bind(purpose)
        .bind(new.params.as_ref().map(ToString::to_string))
        .bind(self.seal_stage(id, &new.stage)?)
        .bind(micros(now))
        .bind(micros(new.expires_at))
        .bind(&new.network)
        .execute(self.writer())
        .await?;
        Ok(id)
    }

    /// How many sign-ins were begun from this network since `since`, finished ones included: for quotas.
    pub async fn sign_ins_begun_since(&self, network: &str, since: Timestamp) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM authorization_requests WHERE network = $1 AND created_at >= $2")
            .bind(network)
            .bind(micros(since))
            .fetch_one(self.reader())
            .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The sign-in `id`, if the browser with this cookie hash began it.
    pub async fn load_authorization_request(
        &self,
        id: AuthorizationRequestId,
        browser_hash: &Hash,
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let row: Option<RequestRow> =
            sqlx::query_as("SELECT * FROM authorization_requests WHERE id = $1").bind(id.to_string()).fetch_optional(self.reader()).await?;
        let Some(row) = row else { return Ok(Loaded::Unknown) };
        // Both sides are SHA-256 of what was sent: how long a comparison takes tells nothing about the cookie.
        if from_column(&row.browser_hash).as_ref() != Some(browser_hash) {
            return Ok(Loaded::WrongBrowser);
        }
        if row.expires_at <= micros(now) {
            return Ok(Loaded::Expired);
        }
        Ok(Loaded::Found(Box::new(self.authorization_request(id, &row)?)))
    }

    /// Moves a sign-in to `stage`, if it is still at `expected_version` and alive.
    pub async fn advance(
        &self,
        id: AuthorizationRequestId,
        expected_version: i64,
        stage: &Stage,
        now: Timestamp,
    ) -> Result<Advanced, StoreError> {
        let moved: Option<(i64,)> = sqlx::query_as(
            "UPDATE authorization_requests SET stage_sealed = $3, version = version + 1
             WHERE id = $1 AND version = $2 AND expires_at > $4 RETURNING version",
        )
        .bind(id.to_string())
        .bind(expected_version)
        .bind(self.seal_stage(id, stage)?)
        .bind(micros(now))
        .fetch_optional(self.writer())
        .await?;
        Ok(moved.map_or(Advanced::Lost, |(version,)| Advanced::Moved { version }))
    }

    fn seal_stage(&self, id: AuthorizationRequestId, stage: &Stage) -> Result<String, StoreError> {
        let json = serde_json::to_vec(stage).map(Secret::new).map_err(|_| StoreError::Corrupt { what: "a stage that is not JSON" })?;
        self.sealing_key().seal(&Place { column: STAGE, row: &id.to_string() }, json.expose())
    }

    fn authorization_request(&self, id: AuthorizationRequestId, row: &RequestRow) -> Result<AuthorizationRequest, StoreError> {
        let malformed = |_| StoreError::Corrupt { what: "a malformed authorization request" };
        let stage = self.sealing_key().open(&Place { column: STAGE, row: &id.to_string() }, &row.stage_sealed)?;
        Ok(AuthorizationRequest {
            id,
            purpose: serde_json::from_str(&row.purpose_json).map_err(malformed)?,
            stage: serde_json::from_slice(stage.expose()).map_err(malformed)?,
            version: row.version,
            created_at: instant(row.created_at)?,
            expires_at: instant(row.expires_at)?,
            params: row.params_json.as_deref().map(serde_json::from_str).transpose().map_err(malformed)?,
        })
    }
}

const STAGE: &str = "authorization_requests.stage_sealed";

#[derive(FromRow)]
struct RequestRow {
    browser_hash: String,
    purpose_json: String,
    params_json: Option<String>,
    stage_sealed: String,
    version: i64,
    created_at: i64,
    expires_at: i64,
}

/// `Secret` does not serialise; inside a sealed stage it may, and only there.
mod secret_text {
    use oauth::Secret;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}
