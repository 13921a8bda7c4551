//! What every request passes: the record of an act before it begins, and JSON errors after it ended.
//!
//! Recorded is the path with the names in the body, so a body carries names and choices, never a secret. What the act then
//! changed is recorded by its area, with the same request id ([`Operator::event`]).

use axum::body::{self, Body as HttpBody, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{AdminError, RefusalCode};
use super::operator::Operator;
use crate::app::{App, SharedApp};
use crate::audit::{Event, Kind};

/// The largest body of a request.
const MAX_BODY: usize = 64 * 1024;
/// The largest text of an error that a part of the framework wrote.
const MAX_REASON: usize = 4 * 1024;

/// The JSON body of a request.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = AdminError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AdminError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|error| AdminError::Malformed(error.to_string()))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| AdminError::Malformed(error.to_string()))
    }
}

/// Records the act, lets the handler do it, and records that it failed, if it did.
pub(super) async fn around(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    match attempt(&app, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn attempt(app: &App, request: Request, next: Next) -> Result<Response, AdminError> {
    let (parts, body) = request.into_parts();
    let body = body::to_bytes(body, MAX_BODY).await.map_err(|_| AdminError::BodyTooLarge(MAX_BODY))?;
    let operator = parts.extensions.get::<Operator>().cloned().ok_or(AdminError::PeerRefused("unknown".to_owned()))?;
    let act = (parts.method != Method::GET).then(|| event(app, &operator, &parts.method, parts.uri.path(), &body));
    if let Some(act) = &act {
        app.audit.record(act).await?;
    }
    let response = in_json(next.run(Request::from_parts(parts, HttpBody::from(body))).await).await;
    if let Some(act) = act.filter(|_| !response.status().is_success()) {
        let mut failed = Event { kind: Kind::AdminActFailed, ..operator.event(Kind::AdminActFailed, app.clock.now()) };
        failed.method = act.method;
        failed.name = act.name;
        failed.call = Some(act.id);
        failed.status = Some(response.status().as_u16());
        failed.code = response.extensions().get::<RefusalCode>().map(|code| code.0.to_owned());
        app.audit.record(failed).await?;
    }
    Ok(response)
}

/// Who asks for what, with the texts, numbers and switches of the body's first level.
fn event(app: &App, operator: &Operator, method: &Method, path: &str, body: &[u8]) -> Event {
    let mut event = operator.event(Kind::AdminAct, app.clock.now());
    event.method = Some(method.to_string());
    event.name = Some(path.to_owned());
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return event };
    for (key, value) in fields {
        let text = match value {
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        event = event.with_detail(&format!("asked_{key}"), text);
    }
    event
}

/// What the framework refuses by itself is plain text; here everything is JSON.
async fn in_json(response: Response) -> Response {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if response.status().is_success() || is_json {
        return response;
    }
    let status = response.status();
    let text = body::to_bytes(response.into_body(), MAX_REASON).await.unwrap_or_default();
    let reason = String::from_utf8_lossy(&text).into_owned();
    let mut response = AdminError::Malformed(reason).into_response();
    *response.status_mut() = if status.is_client_error() { status } else { StatusCode::BAD_REQUEST };
    response
}
