//! The keys of the SAML service provider: `GET /saml/keys`, `POST /saml/keys/{next,activate,retire}`.
//!
//! Every act answers with the list as it is afterwards.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{AdminError, Body, Operator};
use crate::app::{App, SharedApp};
use crate::audit::Kind;
use crate::keys::{SamlKey, SamlKeyError};

/// The body of an answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SamlKeys {
    /// Every key, the current one first.
    pub(crate) keys: Vec<SamlKey>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Activation {
    /// Within the first day of the key.
    #[serde(default)]
    force: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retirement {
    kid: String,
}

pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/saml/keys", get(list))
        .route("/saml/keys/next", post(next))
        .route("/saml/keys/activate", post(activate))
        .route("/saml/keys/retire", post(retire))
}

async fn list(State(app): State<SharedApp>) -> Result<Json<SamlKeys>, AdminError> {
    keys(&app).await
}

async fn next(State(app): State<SharedApp>, Extension(operator): Extension<Operator>) -> Result<Json<SamlKeys>, AdminError> {
    app.keys.next_saml_key(app.clock.now()).await?;
    changed(&app, &operator, "next", None).await
}

async fn activate(
    State(app): State<SharedApp>,
    Extension(operator): Extension<Operator>,
    Body(asked): Body<Activation>,
) -> Result<Json<SamlKeys>, AdminError> {
    let kid = app.keys.activate_saml_key(asked.force, app.clock.now()).await?;
    changed(&app, &operator, "activate", Some(&kid)).await
}

async fn retire(
    State(app): State<SharedApp>,
    Extension(operator): Extension<Operator>,
    Body(asked): Body<Retirement>,
) -> Result<Json<SamlKeys>, AdminError> {
    app.keys.retire_saml_key(&asked.kid, app.clock.now()).await?;
    changed(&app, &operator, "retire", Some(&asked.kid)).await
}

/// Records what changed; the act itself is on record already.
async fn changed(app: &App, operator: &Operator, act: &str, kid: Option<&str>) -> Result<Json<SamlKeys>, AdminError> {
    let keys = keys(app).await?;
    let mut event = operator.event(Kind::SamlKeyChanged, app.clock.now()).with_detail("act", act);
    if let Some(kid) = kid {
        event = event.with_detail("kid", kid);
    }
    if let Some(current) = keys.0.keys.first() {
        event = event.with_detail("current_fingerprint", current.fingerprint.as_str());
    }
    app.audit.record(event).await?;
    Ok(keys)
}

async fn keys(app: &App) -> Result<Json<SamlKeys>, AdminError> {
    Ok(Json(SamlKeys { keys: app.keys.saml_keys().await.map_err(SamlKeyError::from)? }))
}

impl From<SamlKeyError> for AdminError {
    fn from(error: SamlKeyError) -> Self {
        let status = match &error {
            SamlKeyError::Keyring(_) => StatusCode::SERVICE_UNAVAILABLE,
            SamlKeyError::Unknown(_) => StatusCode::NOT_FOUND,
            SamlKeyError::NextExists(_) | SamlKeyError::NoNext | SamlKeyError::TooYoung(_) | SamlKeyError::InUse(_) => StatusCode::CONFLICT,
        };
        Self::refused(status, error.code(), error.to_string())
    }
}
