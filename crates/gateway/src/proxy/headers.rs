//! Which headers pass, in both directions.
//!
//! Both lists name what passes, not what is dropped: a header that nobody thought of does not pass. So a client's
//! `Authorization`, `Cookie`, `Forwarded`, `X-Forwarded-*`, `X-Auth-Request-*` and every other spelling of an identity
//! never reach an upstream, and an upstream's `Set-Cookie`, `WWW-Authenticate` and `Server` never reach a client.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use mcp::StandardHeaders;

use super::error::ProxyError;

/// `Mcp-Session-Id`, up to 2025-11-25.
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// `MCP-Protocol-Version`, since 2025-06-18.
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Last-Event-ID`, up to 2025-11-25.
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Headers that Doorward decides upon, or an upstream might: at most one of each.
const SINGLE: [(HeaderName, &str); 10] = [
    (header::ORIGIN, "Origin"),
    (header::CONTENT_TYPE, "Content-Type"),
    (SESSION_ID, "Mcp-Session-Id"),
    (PROTOCOL_VERSION, "MCP-Protocol-Version"),
    (METHOD, "Mcp-Method"),
    (NAME, "Mcp-Name"),
    (LAST_EVENT_ID, "Last-Event-ID"),
    (HeaderName::from_static("traceparent"), "traceparent"),
    (header::USER_AGENT, "User-Agent"),
    (header::CONTENT_ENCODING, "Content-Encoding"),
];

/// Headers of a client that an upstream gets. `Content-Type` and the session are set anew, from what was understood;
/// `Last-Event-ID` goes with a GET alone, whose stream is filtered like what it may replay.
const FORWARDED: [HeaderName; 8] = [
    header::ACCEPT,
    header::USER_AGENT,
    PROTOCOL_VERSION,
    METHOD,
    NAME,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("baggage"),
];

/// Parameters that a tool wants mirrored (2026-07-28, "Custom Headers from Tool Parameters"): intermediaries must
/// forward those they do not know.
const PARAM_PREFIX: &str = "mcp-param-";

/// Headers of an upstream that a client gets. `Content-Length` follows from the body, `Cache-Control` is Doorward's.
const RETURNED: [HeaderName; 4] = [header::CONTENT_TYPE, header::RETRY_AFTER, header::ALLOW, PROTOCOL_VERSION];

/// Refuses headers that two readers could understand differently.
pub(super) fn check(headers: &HeaderMap) -> Result<(), ProxyError> {
    for (name, shown) in &SINGLE {
        let mut values = headers.get_all(name).iter();
        if values.next().is_some_and(|value| value.to_str().is_err()) {
            return Err(ProxyError::HeaderMalformed(shown));
        }
        if values.next().is_some() {
            return Err(ProxyError::HeaderDuplicated(shown));
        }
    }
    for value in headers.get_all(header::CONNECTION) {
        let options = value.to_str().map_err(|_| ProxyError::ConnectionHeader)?;
        let harmless = |option: &str| ["", "close", "keep-alive", "te"].iter().any(|known| option.trim().eq_ignore_ascii_case(known));
        if !options.split(',').all(harmless) {
            return Err(ProxyError::ConnectionHeader);
        }
    }
    check_parameters(headers)
}

/// Two mirrored parameters that a folding reader would take for one are refused.
fn check_parameters(headers: &HeaderMap) -> Result<(), ProxyError> {
    let mut folded: Vec<String> = headers.keys().filter(|name| is_parameter(name)).map(|name| name.as_str().replace('_', "-")).collect();
    folded.sort_unstable();
    let twins = folded.windows(2).any(|pair| matches!(pair, [first, second] if first == second));
    let repeated = headers.keys().any(|name| is_parameter(name) && headers.get_all(name).iter().nth(1).is_some());
    if twins || repeated { Err(ProxyError::HeaderDuplicated("Mcp-Param-*")) } else { Ok(()) }
}

fn is_parameter(name: &HeaderName) -> bool {
    name.as_str().starts_with(PARAM_PREFIX)
}

/// The text of a header that [`check`] passed.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The headers that mirror the body.
pub(super) fn standard(headers: &HeaderMap) -> StandardHeaders<'_> {
    StandardHeaders { protocol_version: text(headers, &PROTOCOL_VERSION), method: text(headers, &METHOD), name: text(headers, &NAME) }
}

/// What of a client's headers goes on to the upstream.
pub(super) fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(16);
    for name in &FORWARDED {
        for value in headers.get_all(name) {
            kept.append(name.clone(), value.clone());
        }
    }
    for (name, value) in headers.iter().filter(|(name, _)| is_parameter(name)) {
        kept.append(name.clone(), value.clone());
    }
    kept
}

/// The headers of a `tools/list` that Doorward asks in the name of a call with these headers.
pub(super) fn for_listing(of_call: &HeaderMap, era: mcp::Era) -> HeaderMap {
    let mut headers: HeaderMap =
        of_call.iter().filter(|(name, _)| !is_parameter(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    headers.remove(&NAME);
    headers.remove(&METHOD);
    if era == mcp::Era::Modern {
        headers.insert(METHOD, HeaderValue::from_static("tools/list"));
    }
    headers
}

/// What of an upstream's headers goes back to the client.
pub(super) fn returned(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(8);
    for name in &RETURNED {
        if let Some(value) = headers.get(name) {
            kept.insert(name.clone(), value.clone());
        }
    }
    kept
}

/// Whether a `Content-Type` is `application/json`, in UTF-8 if it says.
pub(super) fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';');
    let essence = parts.next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"));
    essence && parts.all(|parameter| parameter.trim().is_empty() || is_utf8(parameter))
}

fn is_utf8(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset") && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    })
}

/// Whether a `Content-Type` is `text/event-stream`.
pub(super) fn is_event_stream(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/event-stream"))
}

#[cfg(test)]
mod tests;
