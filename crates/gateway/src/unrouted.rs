//! Requests that no route takes: a page for people, a line of JSON for programs, never an empty reply. And the page for
//! people who open the address of an MCP server, which answers programs only.

use axum::Extension;
use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use serde_json::json;

use crate::pages::{self, ErrorPage};
use crate::proxy;
use crate::request_id::RequestContext;

/// Why no route took a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Unrouted {
    /// RFC 9110 section 15.5.5.
    #[error("nothing is served at this path")]
    Path,
    /// RFC 9110 section 15.5.6; `Allow` names the methods.
    #[error("this path does not take this method")]
    Method,
}

impl Unrouted {
    /// The stable code, explained in `docs/errors/`.
    fn code(self) -> &'static str {
        match self {
            Self::Path => "edge.path_unknown",
            Self::Method => "edge.method_not_allowed",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

/// The answer where there is no such path.
pub(crate) async fn path(Extension(context): Extension<RequestContext>, uri: Uri, headers: HeaderMap) -> Response {
    answer(Unrouted::Path, &uri, &headers, &context)
}

/// The answer where there is the path, but not for this method.
pub(crate) async fn method(Extension(context): Extension<RequestContext>, uri: Uri, headers: HeaderMap) -> Response {
    answer(Unrouted::Method, &uri, &headers, &context)
}

fn answer(fault: Unrouted, uri: &Uri, headers: &HeaderMap, context: &RequestContext) -> Response {
    let (request_id, path) = (&context.request_id, uri.path());
    tracing::info!(request_id, peer = %context.peer, path, code = fault.code(), "request refused");
    if !is_browser(headers) {
        return json(fault, context);
    }
    let (title, what_happened, who_can_mend) = match fault {
        Unrouted::Path => (
            "There is nothing here",
            "Doorward serves no page and no MCP server at this address.",
            "You can mend it: compare the address with the one you were given, letter by letter. If it is the same, your Doorward \
             administrator can say which servers there are.",
        ),
        Unrouted::Method => (
            "This address is not for reading",
            "Programs send data to this address. It has no page to show.",
            "You can mend it: go back to the program that sent you here and begin again.",
        ),
    };
    pages::error_page(ErrorPage {
        status: fault.status(),
        title,
        what_happened,
        who_can_mend,
        exact_value: Some(uri.path()),
        code: fault.code(),
        request_id: &context.request_id,
        retry: None,
    })
}

fn is_browser(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// Whether a person opened an address in a browser: no MCP client asks for HTML.
pub(crate) fn is_opened_by_person<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET && is_browser(request.headers()) && !request.headers().contains_key(AUTHORIZATION)
}

/// The 401 of an MCP server with a page in place of its JSON; status and challenge stay.
pub(crate) fn mcp_address(refusal: Response, resource: &str, request_id: &str) -> Response {
    if refusal.status() != StatusCode::UNAUTHORIZED {
        return refusal;
    }
    let mut page = pages::error_page(ErrorPage {
        status: StatusCode::UNAUTHORIZED,
        title: "This is the address of an MCP server",
        what_happened: "It answers programs, not browsers.",
        who_can_mend: "Nothing is broken: add the address below to your MCP client. The client opens the sign-in by itself.",
        exact_value: Some(resource),
        code: proxy::token_missing(),
        request_id,
        retry: None,
    });
    if let Some(challenge) = refusal.headers().get(WWW_AUTHENTICATE) {
        page.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone());
    }
    page
}

/// In the form of RFC 6749 section 5.2, which MCP clients that look for an authorization server can read.
fn json(fault: Unrouted, context: &RequestContext) -> Response {
    let error = if fault == Unrouted::Path { "not_found" } else { "invalid_request" };
    let body = json!({ "error": error, "error_description": format!("{fault} [{}, {}]", fault.code(), context.request_id) });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = fault.status();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
