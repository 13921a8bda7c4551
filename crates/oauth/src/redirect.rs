//! Redirect URIs of MCP clients: which may be registered, and when a requested one is a registered one.
//!
//! Only text that a URL parser leaves unchanged is taken, so that no browser can read another target out of it than
//! the one that was checked: no dot segments, no odd hosts, no control characters, no default ports.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

const MAX_URI_BYTES: usize = 2048;

/// Private-use schemes of editors and agents that do not follow the reverse-domain form of RFC 8252 section 7.1.
/// Every scheme that a browser itself acts on (`javascript`, `data`, `file`, …) stays outside.
const KNOWN_PRIVATE_SCHEMES: [&str; 12] =
    ["claude", "cline", "cursor", "goose", "jetbrains", "kiro", "raycast", "vscode", "vscode-insiders", "vscodium", "windsurf", "zed"];

/// Why a redirect URI was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// Not an absolute URI, too long, or text that a URL parser would change.
    #[error("not an absolute URI in its normal form")]
    Malformed,
    /// A scheme that is neither `https`, `http` nor a known private one.
    #[error("the scheme is not allowed")]
    SchemeRefused,
    /// `http` to another machine.
    #[error("http is allowed for 127.0.0.1, [::1] and localhost only")]
    NotLoopback,
    /// A fragment (RFC 6749 section 3.1.2) or user information.
    #[error("a fragment or user information is not allowed")]
    ForbiddenPart,
    /// A wildcard in the host.
    #[error("wildcards are not allowed")]
    Wildcard,
}

impl RedirectError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "oauth.redirect_uri_malformed",
            Self::SchemeRefused => "oauth.redirect_uri_scheme_refused",
            Self::NotLoopback => "oauth.redirect_uri_not_loopback",
            Self::ForbiddenPart => "oauth.redirect_uri_forbidden_part",
            Self::Wildcard => "oauth.redirect_uri_wildcard",
        }
    }
}

/// Where a redirect URI leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectKind {
    /// A web site.
    Https,
    /// A program that listens on this computer (RFC 8252 section 7.3).
    Loopback,
    /// A program that owns a URI scheme (RFC 8252 section 7.1).
    PrivateScheme,
}

/// A redirect URI that may be sent to: `https`, loopback `http`, or a private scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri {
    text: String,
    url: Url,
    kind: RedirectKind,
}

impl RedirectUri {
    /// Reads a redirect URI and checks the rules of this module.
    pub fn parse(text: &str) -> Result<Self, RedirectError> {
        let plain = !text.is_empty() && text.len() <= MAX_URI_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
        let url = Url::parse(text).ok().filter(|_| plain).ok_or(RedirectError::Malformed)?;
        // The scheme before the form: `javascript:…` is named as what it is.
        let kind = kind(&url)?;
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(RedirectError::ForbiddenPart);
        }
        if url.host_str().is_some_and(|host| host.contains('*')) {
            return Err(RedirectError::Wildcard);
        }
        // An absent path is the one difference from the normal form that clients really write.
        let normal = url.as_str() == text || (url.path() == "/" && url.query().is_none() && url.as_str().strip_suffix('/') == Some(text));
        let dotted = url.path().split('/').any(|segment| matches!(segment, "." | ".."));
        if !normal || dotted || text.contains('\\') || !is_host_name(&url) {
            return Err(RedirectError::Malformed);
        }
        if kind == RedirectKind::PrivateScheme && url.host_str().is_none_or(str::is_empty) && url.path().trim_start_matches('/').is_empty()
        {
            return Err(RedirectError::Malformed);
        }
        Ok(Self { text: text.to_owned(), url, kind })
    }

    /// Whether `requested` is this registered URI: byte for byte, except that the port of a loopback URI is the
    /// client's choice at each start (RFC 8252 section 7.3).
    pub fn allows(&self, requested: &Self) -> bool {
        if self.text == requested.text {
            return true;
        }
        self.kind == RedirectKind::Loopback
            && requested.kind == RedirectKind::Loopback
            && self.url.host() == requested.url.host()
            && self.url.path() == requested.url.path()
            && self.url.query() == requested.url.query()
    }

    /// The URI as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it leads.
    pub fn kind(&self) -> RedirectKind {
        self.kind
    }

    /// What a person should read before consenting: the host of a web site, the name of the loopback host, or the
    /// scheme and host of a program. Never the port of a loopback URI, so that a remembered consent outlives it.
    pub fn host_display(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match (self.kind, self.url.port()) {
            (RedirectKind::Https, Some(port)) => format!("{host}:{port}"),
            (RedirectKind::Https, None) | (RedirectKind::Loopback, _) => host.to_owned(),
            (RedirectKind::PrivateScheme, _) => format!("{}://{host}", self.url.scheme()),
        }
    }

    /// This URI with `parameters` added to its query, which stays in front (RFC 6749 section 4.1.2).
    pub fn with_parameters(&self, parameters: &[(&str, &str)]) -> String {
        let mut url = self.url.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        url.into()
    }
}

/// A URL parser takes `https://a;b/`; in a page's policy or in a list such a host would be read as more than a name.
fn is_host_name(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => true,
    }
}

fn kind(url: &Url) -> Result<RedirectKind, RedirectError> {
    match url.scheme() {
        "https" => Ok(RedirectKind::Https),
        "http" => {
            let loopback = match url.host() {
                Some(Host::Domain(name)) => name == "localhost",
                Some(Host::Ipv4(address)) => address.octets() == [127, 0, 0, 1],
                Some(Host::Ipv6(address)) => address.is_loopback(),
                None => false,
            };
            if loopback { Ok(RedirectKind::Loopback) } else { Err(RedirectError::NotLoopback) }
        }
        private if private.contains('.') || KNOWN_PRIVATE_SCHEMES.contains(&private) => Ok(RedirectKind::PrivateScheme),
        _ => Err(RedirectError::SchemeRefused),
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = RedirectError;

    fn try_from(text: String) -> Result<Self, RedirectError> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.text
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
