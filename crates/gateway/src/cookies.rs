//! The cookies of Doorward: one per sign-in under way, one per browser session, one that counts
//! starts, one that remembers the choice of the identity provider.
//!
//! `authserver` and `login` begin sign-ins, `login` moves them on, so the names and attributes stand here, once.
//! Invariants:
//! - `__Host-`, `Secure`, `HttpOnly`, `SameSite=Lax`, `Path=/`; only where the public URL is loopback `http` do the first two go.
//! - A name that comes twice with different values is no cookie at all: a sibling domain may have planted one of them.
//! - Values are compared by the store, as SHA-256.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use oauth::Secret;
use store::{AuthorizationRequestId, Hash};

use crate::config::PublicUrl;

/// How long a sign-in may take, and its cookie live.
pub const TRANSACTION_LIFETIME: Duration = Duration::from_mins(10);

/// 32 random bytes in base64url without padding.
const TOKEN_LENGTH: usize = 43;

/// One of Doorward's cookies, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// Binds a sign-in under way to the browser that began it. The name carries the id, so parallel sign-ins do not collide.
    Transaction(AuthorizationRequestId),
    /// The browser session.
    Session,
    /// When this browser was last sent to an identity provider, for the loop breaker.
    Starts,
    /// The id of the identity provider that the last sign-in of this browser ended well at, to be offered first.
    LastIdp,
}

impl Cookie {
    /// Its name.
    pub fn name(self, public_url: &PublicUrl) -> String {
        let prefix = prefix(public_url);
        match self {
            Self::Transaction(id) => {
                // The last digits of a UUID of version 7 are its random ones.
                let id = id.to_string();
                let short = id.get(id.len().saturating_sub(12)..).unwrap_or_default();
                format!("{}{short}", Self::request_prefix(public_url))
            }
            Self::Session => format!("{prefix}doorward-session"),
            Self::Starts => format!("{prefix}doorward-starts"),
            Self::LastIdp => format!("{prefix}doorward-idp"),
        }
    }

    fn request_prefix(public_url: &PublicUrl) -> String {
        format!("{}doorward-request-", prefix(public_url))
    }

    /// The `Set-Cookie` value that gives the browser this cookie. `value` must be cookie octets (base64url is).
    pub fn set(self, public_url: &PublicUrl, value: &Secret<String>, max_age: Duration) -> HeaderValue {
        self.header(public_url, value.expose(), max_age.as_secs())
    }

    /// The `Set-Cookie` value that takes this cookie from the browser.
    pub fn clear(self, public_url: &PublicUrl) -> HeaderValue {
        self.header(public_url, "", 0)
    }

    fn header(self, public_url: &PublicUrl, value: &str, seconds: u64) -> HeaderValue {
        header(&self.name(public_url), public_url, value, seconds)
    }

    /// The bearer value that the browser sent for this cookie: exactly one, of exactly the form that we give out.
    pub fn token(self, public_url: &PublicUrl, headers: &HeaderMap) -> Option<Secret<String>> {
        let well_formed = |value: &&str| value.len() == TOKEN_LENGTH && value.bytes().all(is_base64url);
        self.value(public_url, headers).filter(well_formed).map(|value| Secret::new(value.to_owned()))
    }

    /// The text that the browser sent for this cookie, if it sent exactly one.
    pub fn value<'h>(self, public_url: &PublicUrl, headers: &'h HeaderMap) -> Option<&'h str> {
        let name = self.name(public_url);
        let mut values = pairs(headers).filter(|(sent, _)| *sent == name).map(|(_, value)| value);
        let first = values.next()?;
        values.all(|value| value == first).then_some(first)
    }
}

fn prefix(public_url: &PublicUrl) -> &'static str {
    if public_url.is_https() { "__Host-" } else { "" }
}

fn header(name: &str, public_url: &PublicUrl, value: &str, seconds: u64) -> HeaderValue {
    let secure = if public_url.is_https() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut header = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

/// The `Set-Cookie` values that take every cookie of ours from the browser, as far as it sent them, but `kept`.
///
/// (`Clear-Site-Data` would take those of every other site under the same registrable domain as well.)
pub fn clear_all_but(kept: Cookie, public_url: &PublicUrl, headers: &HeaderMap) -> Vec<HeaderValue> {
    let kept = kept.name(public_url);
    let known = [Cookie::Session, Cookie::Starts, Cookie::LastIdp].map(|cookie| cookie.name(public_url));
    let prefix = Cookie::request_prefix(public_url);
    let of_request = |name: &str| name.strip_prefix(prefix.as_str()).is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_ours = |name: &&str| *name != kept && (known.iter().any(|known| known == name) || of_request(name));
    let mut ours: Vec<&str> = names(headers).into_iter().filter(is_ours).collect();
    ours.sort_unstable();
    ours.dedup();
    ours.into_iter().map(|name| header(name, public_url, "", 0)).collect()
}

/// The SHA-256 under which the store keeps a bearer value.
pub fn hash(value: &Secret<String>) -> Hash {
    store::sha256(value.expose().as_bytes())
}

/// The names of all cookies that the browser sent, for the page that explains a sign-in loop. Never the values.
pub fn names(headers: &HeaderMap) -> Vec<&str> {
    pairs(headers).map(|(name, _)| name).collect()
}

/// RFC 6265 section 5.4: pairs joined by `; `. Nothing is trimmed but that one space: a parser that trims more lets
/// `\u{a0}__Host-…` through, which the browser's prefix rule does not cover.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .map(|pair| pair.strip_prefix(' ').unwrap_or(pair))
        .filter_map(|pair| pair.split_once('='))
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests;
