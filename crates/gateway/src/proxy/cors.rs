//! Browser pages as clients: which may speak to us, and what they may read.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::Exchange;
use super::error::ProxyError;
use super::headers::text;
use super::stream::{ResponseBody, empty};

const EXPOSED: &str = "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, X-Request-Id";
const ALLOWED_METHODS: &str = "POST, GET, DELETE, OPTIONS";
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, Last-Event-ID, traceparent, tracestate, baggage";

/// MCP transports, "Security & Endpoint": a present `Origin` that is not allowed is refused with 403, whatever follows.
pub(super) fn check_origin(headers: &HeaderMap, exchange: &Exchange) -> Result<Option<HeaderValue>, ProxyError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(None) };
    let shown = text(headers, &header::ORIGIN).ok_or(ProxyError::HeaderMalformed("Origin"))?;
    let config = exchange.config();
    let own_host = exchange.upstream.host.as_ref().is_some_and(|host| shown.strip_prefix("https://") == Some(host));
    if own_host || shown == config.public_url.issuer() || config.allowed_origins.iter().any(|allowed| allowed == shown) {
        Ok(Some(origin.clone()))
    } else {
        Err(ProxyError::OriginNotAllowed(shown.chars().take(128).collect()))
    }
}

/// The answer to a preflight (Fetch standard, "CORS-preflight request"), or `None` for a request that is none.
pub(super) fn preflight(head: &Parts) -> Option<Response<ResponseBody>> {
    if head.method != Method::OPTIONS {
        return None;
    }
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(ALLOWED_METHODS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(&head.headers));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    Some(response)
}

/// The fixed list, and the mirrored parameters that the page asks for: their names are the tools' own.
fn allowed_headers(headers: &HeaderMap) -> HeaderValue {
    let mut allowed = String::from(ALLOWED_HEADERS);
    let asked = text(headers, &header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    for name in asked.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| name.starts_with("mcp-param-")).take(32) {
        if HeaderName::from_bytes(name.as_bytes()).is_ok() {
            allowed.push_str(", ");
            allowed.push_str(&name);
        }
    }
    HeaderValue::from_str(&allowed).unwrap_or(HeaderValue::from_static(ALLOWED_HEADERS))
}

/// Lets the page of an allowed origin read the reply. Without credentials: cookies mean nothing here.
pub(super) fn expose(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}
