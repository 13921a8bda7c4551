//! `POST /reload`: the configuration is read again, and the problems come back to whoever asked.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use serde_json::Value;

use super::error::AdminError;
use super::operator::Operator;
use crate::app::SharedApp;
use crate::reload::{self, ReloadError, Trigger};

/// A configuration with problems is an answer, not a failure of the request: the gateway did what was asked.
pub(super) async fn post(State(app): State<SharedApp>, Extension(operator): Extension<Operator>) -> Result<Json<Value>, AdminError> {
    let trigger = Trigger::Command { operator: operator.name(), request_id: operator.request_id.clone() };
    match reload::reload(&app, &trigger).await {
        Ok(report) => Ok(Json(report.to_json())),
        Err(ReloadError::Audit(error)) => Err(AdminError::Audit(error)),
        Err(error @ ReloadError::NoFile) => Err(AdminError::refused(StatusCode::CONFLICT, error.code(), error.to_string())),
    }
}
