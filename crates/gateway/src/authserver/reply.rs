//! Replies of the authorization server: JSON that is never cached, redirects, and errors in all three forms.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use oauth::server::authorize::description_text;
use oauth::server::token::TokenRequestError;
use serde::Serialize;
use serde_json::json;

use super::error::{Error, Mender};
use crate::pages::{self, ErrorPage};
use crate::request_id::RequestContext;

/// How long a client may keep a discovery document or a key set: far shorter than a key is published before it signs.
const DOCUMENT_CACHE: &str = "public, max-age=300";

/// A JSON reply that nobody may keep (RFC 6749 section 5.1).
pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let mut response = document(status, body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// A public JSON document.
pub(super) fn document<T: Serialize>(status: StatusCode, body: &T) -> Response {
    // Our own types serialise; should one not, the reply is an error and empty.
    let (status, body) = serde_json::to_vec(body).map_or((StatusCode::INTERNAL_SERVER_ERROR, Vec::new()), |body| (status, body));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(DOCUMENT_CACHE));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Browser clients read these replies; no cookie is ever looked at behind them, so any origin may.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("WWW-Authenticate, X-Request-Id"));
    response
}

/// The answer to a browser's question before it sends a request from another origin, for every endpoint that answers
/// [`json`] or [`document`].
pub async fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Authorization, Content-Type, MCP-Protocol-Version"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    response
}

/// A redirect of the browser, with cookies to set or clear.
pub(super) fn redirect(location: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    // A URL of the `url` crate is ASCII without control characters; anything else is no redirect.
    let Ok(location) = HeaderValue::from_str(location) else {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    *response.status_mut() = StatusCode::FOUND;
    response
}

/// An error as JSON (RFC 6749 section 5.2).
pub(super) fn error_json(error: &Error, context: &RequestContext) -> Response {
    let answer = error.answer();
    let description = description_text(&format!("{} [{}, {}]", error.public_text(), error.code(), context.request_id));
    let mut response = json(answer.status, &json!({ "error": answer.oauth_error, "error_description": description }));
    let by_header =
        matches!(error, Error::ClientAuthentication { by_header: true } | Error::TokenRequest(TokenRequestError::AuthorizationMalformed));
    if by_header {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"doorward\""));
    }
    if matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
    }
    response
}

/// An error as a page, where no client may or can be told.
pub(super) fn error_page(error: &Error, exact_value: Option<&str>, context: &RequestContext) -> Response {
    let answer = error.answer();
    let (title, who_can_mend) = match answer.mender {
        Mender::Client => (
            "This request is not valid",
            "The application that sent you here made a request that Doorward does not accept. Remove the server from the application and add \
             it again; if that does not help, tell the maker of the application.",
        ),
        Mender::Person => ("This sign-in cannot be continued", "Go back to your application and begin the sign-in again."),
        Mender::Administrator => {
            ("Access is not possible", "Doorward's administrator can change this. Tell them the code and the request id below.")
        }
        Mender::Operator => {
            ("Doorward has a problem", "Try again in a minute. If it stays, tell Doorward's administrator the request id below.")
        }
    };
    pages::error_page(ErrorPage {
        status: answer.status,
        title,
        what_happened: &sentence(&error.public_text()),
        who_can_mend,
        exact_value,
        code: error.code(),
        request_id: &context.request_id,
        retry: None,
    })
}

/// `the client is …` as a sentence; the name of a parameter stays as it is.
fn sentence(text: &str) -> String {
    if text.split_whitespace().next().is_some_and(|word| word.contains('_')) {
        return format!("{text}.");
    }
    let mut characters = text.chars();
    characters.next().map(|first| format!("{}{}.", first.to_uppercase(), characters.as_str())).unwrap_or_default()
}
