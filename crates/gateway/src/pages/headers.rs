//! The reply around a page: status, content type, and the headers that keep it from being framed, cached or scripted.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use url::{Host, Url};

use super::{STYLE, SUBMIT_SCRIPT};

static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| hash_source(STYLE));
static SCRIPT_SOURCE: LazyLock<String> = LazyLock::new(|| hash_source(SUBMIT_SCRIPT));

/// CSP level 3 section 2.3.1, `hash-source`.
fn hash_source(content: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(digest::digest(&digest::SHA256, content.as_bytes())))
}

/// What a page may do beyond showing text.
pub(super) struct Policy {
    submit_script: bool,
    form_action: Vec<String>,
}

impl Policy {
    /// No script; forms only to ourselves.
    pub(super) fn plain() -> Self {
        Self { submit_script: false, form_action: Vec::new() }
    }

    /// Allows the one script that submits the form.
    pub(super) fn with_submit_script(mut self) -> Self {
        self.submit_script = true;
        self
    }

    /// Allows forms (and the redirects that follow them) to go to `source` as well.
    pub(super) fn form_to(mut self, source: Option<String>) -> Self {
        self.form_action.extend(source);
        self
    }

    fn header(&self) -> String {
        let script = if self.submit_script { SCRIPT_SOURCE.as_str() } else { "'none'" };
        let mut value = format!(
            "default-src 'none'; style-src {}; script-src {script}; img-src data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
            STYLE_SOURCE.as_str()
        );
        for source in &self.form_action {
            value.push(' ');
            value.push_str(source);
        }
        value
    }
}

/// The CSP source expression for the origin of `uri`: `https://host:port`, or the bare scheme where CSP has no way to
/// write the host (IPv6 addresses, private schemes such as `cursor:`).
///
/// Takes an already validated URI; gives none for one that does not parse.
pub fn form_action_source(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let scheme = url.scheme();
    match url.host() {
        Some(Host::Domain(_) | Host::Ipv4(_)) if matches!(scheme, "http" | "https") => {
            let source = url.origin().ascii_serialization();
            // A host may hold bytes that would end the directive; such a host is refused long before, and never written here.
            source.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/.-_".contains(&byte)).then_some(source)
        }
        Some(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) | None => Some(format!("{scheme}:")),
    }
}

/// The reply for a rendered page.
pub(super) fn reply(status: StatusCode, html: Result<String, askama::Error>, policy: &Policy) -> Response {
    // Rendering into a string fails only if a `Display` implementation does, and ours are strings and numbers.
    let (status, html) = html.map_or_else(|_| (StatusCode::INTERNAL_SERVER_ERROR, String::new()), |html| (status, html));
    let mut response = Response::new(axum::body::Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 6] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // The sources are ASCII by construction; a value that is not must close the page, not open it.
    let policy =
        HeaderValue::from_str(&policy.header()).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}
