//! What an upstream learns about the person: plain headers, and a signed JWT that is for this one upstream.
//!
//! Set last, on a header map that holds nothing a client could have named so (see [`super::headers`]).

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use oauth::jwt;
use serde::Serialize;

use super::authenticate::Caller;
use super::error::ProxyError;
use crate::keys::Keyring;

/// The `typ` of the identity JWT.
const TYPE: &str = "doorward-identity+jwt";
/// How long it is valid: long enough for clocks that differ a little, too short to be worth stealing.
const LIFETIME: Duration = Duration::from_mins(1);

const USER: HeaderName = HeaderName::from_static("x-auth-request-user");
const EMAIL: HeaderName = HeaderName::from_static("x-auth-request-email");
const GROUPS: HeaderName = HeaderName::from_static("x-auth-request-groups");
const PREFERRED_USERNAME: HeaderName = HeaderName::from_static("x-auth-request-preferred-username");
const IDENTITY: HeaderName = HeaderName::from_static("x-doorward-identity");

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    groups: &'a [String],
    roles: Vec<&'a str>,
    scope: String,
    client_id: &'a str,
    txn: &'a str,
    iat: i64,
    exp: i64,
}

/// Who speaks to whom, and about which request.
pub(super) struct Introduction<'a> {
    /// The person.
    pub(super) caller: &'a Caller,
    /// The issuer of Doorward.
    pub(super) issuer: &'a str,
    /// The upstream's address as configured.
    pub(super) upstream_url: &'a str,
    /// The correlation id.
    pub(super) transaction: &'a str,
}

/// Adds the identity headers; nothing a client sent may be among `headers` under these names.
pub(super) fn introduce(
    headers: &mut HeaderMap,
    introduction: &Introduction<'_>,
    keys: &Keyring,
    now: Timestamp,
) -> Result<(), ProxyError> {
    let caller = introduction.caller;
    let user = caller.user_text();
    let claims = Claims {
        iss: introduction.issuer,
        aud: introduction.upstream_url,
        sub: user,
        email: caller.email(),
        preferred_username: caller.username(),
        name: caller.display_name(),
        groups: caller.groups(),
        roles: caller.roles().iter().map(String::as_str).collect(),
        scope: caller.scopes().join(" "),
        client_id: caller.client(),
        txn: introduction.transaction,
        iat: now.as_second(),
        exp: now.as_second().saturating_add_unsigned(LIFETIME.as_secs()),
    };
    let unsigned = ProxyError::Internal("the identity could not be signed");
    let Ok(token) = keys.upstream_identity_key(now).map_err(drop).and_then(|key| jwt::sign(&key, TYPE, &claims).map_err(drop)) else {
        return Err(unsigned);
    };
    set(headers, IDENTITY, &token)?;
    set(headers, USER, &encode(user, false))?;
    for (name, value) in [(EMAIL, caller.email()), (PREFERRED_USERNAME, caller.username())] {
        if let Some(value) = value {
            set(headers, name, &encode(value, false))?;
        }
    }
    let groups: Vec<String> = caller.groups().iter().map(|group| encode(group, true)).collect();
    set(headers, GROUPS, &groups.join(","))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), ProxyError> {
    let value = HeaderValue::from_str(value).map_err(|_| ProxyError::Internal("an identity header could not be written"))?;
    headers.insert(name, value);
    Ok(())
}

/// Percent-encodes what a header cannot carry: `%` itself, control characters, everything outside ASCII, white space at
/// the ends; in a list the comma too, so that a group named `a,b` stays one group.
fn encode(value: &str, in_list: bool) -> String {
    let last = value.len().saturating_sub(1);
    let mut out = String::with_capacity(value.len());
    for (index, byte) in value.bytes().enumerate() {
        let edge = byte == b' ' && (index == 0 || index == last);
        if byte == b'%' || !(b' '..=b'~').contains(&byte) || edge || (in_list && byte == b',') {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn values_that_a_header_cannot_carry_are_percent_encoded() {
        let cases = [
            ("alice@example.com", false, "alice@example.com"),
            ("Müller", false, "M%C3%BCller"),
            ("100%", false, "100%25"),
            ("a,b", false, "a,b"),
            ("a,b", true, "a%2Cb"),
            ("two words", true, "two words"),
            (" edge ", true, "%20edge%20"),
            ("evil\r\nX-Auth-Request-User: admin", false, "evil%0D%0AX-Auth-Request-User: admin"),
            ("", false, ""),
        ];
        for (value, in_list, expected) in cases {
            assert_eq!(encode(value, in_list), expected, "{value:?}");
        }
    }
}
