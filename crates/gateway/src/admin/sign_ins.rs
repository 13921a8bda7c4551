//! Tests of a sign-in, and captures of failing ones: made, looked at and forgotten here; `login` fills them.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Capture, CaptureId, NewCapture, SignInTestId};

use super::error::AdminError;
use super::operator::Operator;
use super::record::Body;
use crate::app::{App, SharedApp};

/// How long the link of a test works, and its report is kept.
const TEST_LIFETIME: Duration = Duration::from_mins(10);
/// How long a capture waits.
const ARMED: Duration = Duration::from_mins(10);
/// How long a capture is kept.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// The longest name of a person.
const MAX_PERSON: usize = 320;

/// Why it is not done.
enum Refusal {
    IdpUnknown(String),
    TestUnknown,
    CaptureUnknown,
    PersonMissing,
}

impl Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::IdpUnknown(_) => "admin.idp_unknown",
            Self::TestUnknown => "admin.test_unknown",
            Self::CaptureUnknown => "admin.capture_unknown",
            Self::PersonMissing => "admin.person_missing",
        }
    }
}

impl From<Refusal> for AdminError {
    fn from(refusal: Refusal) -> Self {
        let (status, message) = match &refusal {
            Refusal::IdpUnknown(known) => (StatusCode::NOT_FOUND, format!("there is no such identity provider; there are: {known}")),
            Refusal::TestUnknown => (StatusCode::NOT_FOUND, "there is no such test, or its ten minutes are over".to_owned()),
            Refusal::CaptureUnknown => {
                (StatusCode::NOT_FOUND, "there is no such capture; `doorward idp capture list` shows all".to_owned())
            }
            Refusal::PersonMissing => (StatusCode::BAD_REQUEST, format!("name the person, in 1 to {MAX_PERSON} bytes")),
        };
        Self::refused(status, refusal.code(), message)
    }
}

/// `POST /sign-in-tests`
#[derive(Deserialize)]
pub(super) struct NewTest {
    idp: String,
}

/// The link is in the answer and nowhere else.
pub(super) async fn test(State(app): State<SharedApp>, Body(new): Body<NewTest>) -> Result<Json<Value>, AdminError> {
    known(&app, &new.idp)?;
    let now = app.clock.now();
    let expires_at = now.checked_add(TEST_LIFETIME).unwrap_or(now);
    let token = app.random.token().map_err(|_| AdminError::Crashed)?;
    let id = app.store.create_sign_in_test(&new.idp, &store::sha256(token.expose().as_bytes()), now, expires_at).await?;
    let link = app.config.public_url.join(&format!("/login/test?token={}", token.expose()));
    Ok(Json(json!({ "id": id, "link": link, "expires_at": expires_at })))
}

/// `GET /sign-in-tests/{id}`
pub(super) async fn test_report(State(app): State<SharedApp>, Path(id): Path<String>) -> Result<Json<Value>, AdminError> {
    let id: SignInTestId = id.parse().map_err(|_| Refusal::TestUnknown)?;
    let test = app.store.sign_in_test(id, app.clock.now()).await?.ok_or(Refusal::TestUnknown)?;
    Ok(Json(json!({ "id": test.id, "idp": test.idp, "expires_at": test.expires_at, "opened_at": test.opened_at, "report": test.report })))
}

/// `POST /captures`
#[derive(Deserialize)]
pub(super) struct NewWatch {
    person: String,
    idp: Option<String>,
}

pub(super) async fn capture(
    State(app): State<SharedApp>,
    Extension(operator): Extension<Operator>,
    Body(new): Body<NewWatch>,
) -> Result<Json<Value>, AdminError> {
    let person = new.person.trim();
    if person.is_empty() || person.len() > MAX_PERSON {
        return Err(Refusal::PersonMissing.into());
    }
    if let Some(idp) = &new.idp {
        known(&app, idp)?;
    }
    let now = app.clock.now();
    let asked_by = operator.name();
    let new = NewCapture {
        person,
        idp: new.idp.as_deref(),
        asked_by: &asked_by,
        armed_until: now.checked_add(ARMED).unwrap_or(now),
        expires_at: now.checked_add(KEPT).unwrap_or(now),
    };
    let id = app.store.create_capture(&new, now).await?;
    Ok(Json(json!({ "id": id, "armed_until": new.armed_until })))
}

/// `GET /captures`
pub(super) async fn captures(State(app): State<SharedApp>) -> Result<Json<Value>, AdminError> {
    let captures = app.store.captures(app.clock.now()).await?;
    Ok(Json(captures.iter().map(|capture| described(capture, None)).collect()))
}

/// `GET /captures/{id}`
pub(super) async fn captured(State(app): State<SharedApp>, Path(id): Path<String>) -> Result<Json<Value>, AdminError> {
    let id: CaptureId = id.parse().map_err(|_| Refusal::CaptureUnknown)?;
    let capture = app.store.capture(id, app.clock.now()).await?.ok_or(Refusal::CaptureUnknown)?;
    Ok(Json(described(&capture, capture.report.as_ref())))
}

/// `DELETE /captures/{id}`
pub(super) async fn forget(State(app): State<SharedApp>, Path(id): Path<String>) -> Result<Json<Value>, AdminError> {
    let id: CaptureId = id.parse().map_err(|_| Refusal::CaptureUnknown)?;
    if app.store.delete_capture(id).await? { Ok(Json(json!({ "id": id }))) } else { Err(Refusal::CaptureUnknown.into()) }
}

fn described(capture: &Capture, report: Option<&Value>) -> Value {
    json!({
        "id": capture.id,
        "person": capture.person,
        "idp": capture.idp,
        "asked_by": capture.asked_by,
        "created_at": capture.created_at,
        "armed_until": capture.armed_until,
        "caught_at": capture.caught_at,
        "expires_at": capture.expires_at,
        "code": capture.report.as_ref().and_then(|report| report.get("code")),
        "report": report,
    })
}

fn known(app: &App, idp: &str) -> Result<(), Refusal> {
    let runtime = app.runtime.load();
    let idps = &runtime.config.identity_providers;
    if idps.contains_key(idp) {
        return Ok(());
    }
    Err(Refusal::IdpUnknown(idps.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ")))
}
