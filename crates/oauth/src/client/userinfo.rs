//! The userinfo answer (OpenID Connect Core 1.0 section 5.3): more claims about the person whom the ID token names.

use serde_json::{Map, Value};

use crate::json;

/// Why a userinfo answer is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserinfoError {
    /// Not status 200 with one JSON object without duplicate keys.
    #[error("the userinfo answer (status {status}) cannot be read: {detail}")]
    Malformed {
        /// The HTTP status.
        status: u16,
        /// Where and why.
        detail: String,
    },
    /// The answer is a signed or encrypted token (section 5.3.2), which is configured at the IdP and not needed over TLS.
    #[error("the userinfo answer is a signed token, not JSON")]
    Signed,
    /// The claims are about somebody else (section 5.3.2: `sub` must be verified to match exactly).
    #[error("the userinfo answer is about `{received}`, the ID token about `{expected}`")]
    SubjectMismatch {
        /// The ID token's `sub`.
        expected: String,
        /// The answer's `sub`; empty if it has none.
        received: String,
    },
}

impl UserinfoError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "oidc.userinfo_malformed",
            Self::Signed => "oidc.userinfo_signed",
            Self::SubjectMismatch { .. } => "oidc.userinfo_subject_mismatch",
        }
    }
}

/// Reads the userinfo answer about `subject`.
pub fn parse_userinfo(status: u16, body: &[u8], subject: &str) -> Result<Map<String, Value>, UserinfoError> {
    if status != 200 {
        return Err(UserinfoError::Malformed { status, detail: "the status is not 200".to_owned() });
    }
    // Base64url of `{"`: a compact JWS or JWE, whatever the content type says.
    if body.starts_with(b"eyJ") {
        return Err(UserinfoError::Signed);
    }
    let claims = json::parse_object(body).map_err(|error| UserinfoError::Malformed { status, detail: error.to_string() })?;
    let received = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    if received != subject {
        return Err(UserinfoError::SubjectMismatch { expected: subject.to_owned(), received: received.to_owned() });
    }
    Ok(claims)
}

#[cfg(test)]
mod tests;
