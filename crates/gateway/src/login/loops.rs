//! The loop breaker: a browser that is sent to the same identity provider for the same destination for the third time
//! within a minute gets a page instead of a redirect.
//!
//! The count lives in a cookie of its own and needs no proof: who forges it stops nobody but themselves. (A browser
//! without cookies cannot loop here: its first step ends at the page `login.cookie_missing`.)

use std::time::Duration;

use http::header::HOST;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use oauth::Secret;

use crate::config::PublicUrl;
use crate::cookies::{self, Cookie};

use super::error::LoginError;

const WINDOW_SECONDS: i64 = 60;
const STARTS_ALLOWED: usize = 2;
const ENTRIES_KEPT: usize = 8;

/// Counts a start towards `destination`; gives the cookie to set, or the refusal.
pub(super) fn count_start(
    headers: &HeaderMap,
    public_url: &PublicUrl,
    destination: &str,
    now: Timestamp,
) -> Result<HeaderValue, LoginError> {
    let second = now.as_second();
    let key = short_hash(destination);
    let mut recent: Vec<(String, i64)> = Cookie::Starts
        .value(public_url, headers)
        .map(parse)
        .unwrap_or_default()
        .into_iter()
        .filter(|(_, at)| (0..WINDOW_SECONDS).contains(&second.saturating_sub(*at)))
        .collect();
    if recent.iter().filter(|(known, _)| *known == key).count() >= STARTS_ALLOWED {
        return Err(LoginError::LoopDetected { evidence: evidence(headers, public_url) });
    }
    recent.push((key, second));
    let from = recent.len().saturating_sub(ENTRIES_KEPT);
    let text = recent.iter().skip(from).map(|(key, at)| format!("{key}_{at}")).collect::<Vec<_>>().join("-");
    Ok(Cookie::Starts.set(public_url, &Secret::new(text), Duration::from_mins(1)))
}

/// `key_second-key_second`; whatever else stands there is passed over.
fn parse(value: &str) -> Vec<(String, i64)> {
    value
        .split('-')
        .take(ENTRIES_KEPT)
        .filter_map(|entry| entry.split_once('_'))
        .filter_map(|(key, at)| Some((key.to_owned(), at.parse().ok()?)))
        .collect()
}

fn short_hash(text: &str) -> String {
    use std::fmt::Write as _;
    store::sha256(text.as_bytes()).iter().take(6).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What an administrator needs first: which cookies came back, and which host the browser believes it talks to.
fn evidence(headers: &HeaderMap, public_url: &PublicUrl) -> String {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or("none");
    let mut names = cookies::names(headers);
    names.retain(|name| name.contains("doorward"));
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("cookies received: {names}; host: {host}; public_url: {public_url}")
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    #[test]
    fn the_third_start_within_a_minute_is_refused() {
        let public_url = PublicUrl::parse("https://mcp.example.com").unwrap();
        let mut headers = HeaderMap::new();
        // (second, destination, allowed)
        let steps = [
            (0, "a", true),
            (5, "a", true),
            (6, "b", true),
            (10, "a", false),
            (59, "a", false),
            (61, "a", true),
            (62, "a", false),
            (66, "a", true),
        ];
        for (second, destination, allowed) in steps {
            let now = Timestamp::from_second(1_800_000_000 + second).unwrap();
            let outcome = count_start(&headers, &public_url, destination, now);
            assert_eq!(outcome.is_ok(), allowed, "{second} {destination}");
            if let Ok(cookie) = outcome {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
                headers.insert(COOKIE, pair.parse().unwrap());
            }
        }
    }

    #[test]
    fn a_forged_cookie_is_passed_over() {
        let public_url = PublicUrl::parse("https://mcp.example.com").unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        for value in ["", "x", "_", "a_b-c_d", "-----", "a_99999999999999999999"] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, format!("__Host-doorward-starts={value}").parse().unwrap());
            assert!(count_start(&headers, &public_url, "a", now).is_ok(), "{value}");
        }
    }
}
