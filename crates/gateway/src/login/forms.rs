//! What the pages of the sign-in send back, read strictly: one value per field, from our own page, in this browser.

use aws_lc_rs::hmac;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use oauth::Secret;

use crate::config::PublicUrl;

use super::error::LoginError;

/// The fields of a posted form.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads an `application/x-www-form-urlencoded` body.
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, LoginError> {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(LoginError::FormMalformed("it is not a form"));
        }
        Ok(Self(url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()))
    }

    /// Reads a query string by the same rules.
    pub(super) fn query(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// A field that may be absent; twice is once too often.
    pub(super) fn optional(&self, name: &str) -> Result<Option<&str>, LoginError> {
        let mut values = self.0.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(LoginError::FormMalformed("a field stands twice"));
        }
        Ok(first)
    }

    /// A field that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, LoginError> {
        self.optional(name)?.ok_or(LoginError::FormMalformed("a field is missing"))
    }
}

/// Where a navigation came from (Fetch Metadata, `Sec-Fetch-Site`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Initiator {
    /// The person: typed, a bookmark, or opened by a program on this computer.
    Person,
    /// A page of ours.
    SameOrigin,
    /// A page of somebody else.
    Other,
    /// The browser does not say.
    Unknown,
}

impl Initiator {
    /// Reads the header; every redirect on the way counts, as browsers compute it.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            Some(b"none") => Self::Person,
            Some(b"same-origin") => Self::SameOrigin,
            Some(_) => Self::Other,
            None => Self::Unknown,
        }
    }
}

/// Refuses a form that another site sent. The CSRF token decides; this catches the attempt before anything is read.
///
/// `Origin: null` is ours: with `Referrer-Policy: no-referrer` browsers send it for forms of our own pages.
pub(super) fn require_own_page(headers: &HeaderMap, public_url: &PublicUrl) -> Result<(), LoginError> {
    let own_origin = headers.get(ORIGIN).is_none_or(|origin| origin == "null" || origin == public_url.issuer());
    match Initiator::of(headers) {
        Initiator::Other => Err(LoginError::CrossSiteForm),
        _ if !own_origin => Err(LoginError::CrossSiteForm),
        Initiator::Person | Initiator::SameOrigin | Initiator::Unknown => Ok(()),
    }
}

/// The proof that a form comes from a page given to the browser that holds `cookie`: an HMAC keyed with the cookie.
/// The same page loaded twice carries the same proof, so neither copy goes stale.
pub(super) fn csrf_token(cookie: &Secret<String>, form: &str, about: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&key(cookie), message(form, about).as_bytes()))
}

/// Checks what [`csrf_token`] made, in constant time.
pub(super) fn check_csrf(received: &str, cookie: &Secret<String>, form: &str, about: &str) -> Result<(), LoginError> {
    let received = URL_SAFE_NO_PAD.decode(received).map_err(|_| LoginError::CsrfMismatch)?;
    hmac::verify(&key(cookie), message(form, about).as_bytes(), &received).map_err(|_| LoginError::CsrfMismatch)
}

fn key(cookie: &Secret<String>) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, cookie.expose().as_bytes())
}

fn message(form: &str, about: &str) -> String {
    format!("doorward form\n{form}\n{about}")
}

/// A redirect by GET. Never the answer to a form of ours: see [`crate::pages::continue_to`].
pub(super) fn see_other(target: &str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    // Targets are paths of ours or serialised URLs; one that is not a header value goes to the start page.
    let location = HeaderValue::from_str(target).unwrap_or_else(|_| HeaderValue::from_static("/"));
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Adds a `Set-Cookie` to a reply.
pub(super) fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}

#[cfg(test)]
mod tests;
