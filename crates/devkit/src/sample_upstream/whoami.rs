//! Shows what a request carried about its caller.

use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// What Doorward says about a caller, as this upstream received it.
///
/// The claims of the identity JWT are shown, not verified: a real upstream checks the signature against
/// `/.well-known/doorward/jwks.json` before it believes them.
pub(super) fn describe(parts: &Parts) -> Value {
    let mut identity = Map::new();
    for (name, value) in &parts.headers {
        let name = name.as_str();
        if name.starts_with("x-auth-request-") || name.starts_with("x-doorward-") {
            identity.insert(name.to_owned(), Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned()));
        }
    }
    let claims = identity.get("x-doorward-identity").and_then(Value::as_str).and_then(claims_of);
    json!({
        "headers": identity,
        "identity_claims": claims,
        "received_authorization": parts.headers.contains_key("authorization"),
        "received_cookie": parts.headers.contains_key("cookie"),
    })
}

/// The payload of a JWT, read without verification.
fn claims_of(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
