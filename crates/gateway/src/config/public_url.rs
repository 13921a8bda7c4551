//! The address of Doorward itself.

use std::fmt;

use url::{Host, Url};

/// Where browsers and MCP clients reach Doorward: an origin, https, or http on loopback for a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    url: Url,
    // Without the trailing slash: this text is the issuer, byte-identical wherever it appears.
    issuer: String,
}

/// Why a public URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// Not an absolute URL with a host.
    #[error("not an absolute URL; write one such as https://mcp.example.com")]
    NotAUrl,
    /// Another scheme, or http beyond loopback.
    #[error("must begin with https://; http:// is allowed only for localhost, 127.0.0.1 and [::1]")]
    NotSecure,
    /// More than scheme, host and port.
    #[error("must be only scheme, host and port: no path, query, fragment, user name or password")]
    NotAnOrigin,
}

impl PublicUrl {
    /// Reads a public URL.
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let url = Url::parse(text).map_err(|_| PublicUrlError::NotAUrl)?;
        if !url.has_host() {
            return Err(PublicUrlError::NotAUrl);
        }
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            return Err(PublicUrlError::NotSecure);
        }
        let origin_only = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !origin_only || !url.username().is_empty() || url.password().is_some() {
            return Err(PublicUrlError::NotAnOrigin);
        }
        let issuer = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, issuer })
    }

    /// The issuer identifier (RFC 8414 section 2): the URL without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The parsed URL; its path is `/`.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The absolute URL of a path of ours; `path` begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// Whether browsers reach us by https: then cookies are `Secure` and carry the `__Host-` prefix.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.issuer)
    }
}

/// Whether a URL names this machine: `localhost` (RFC 8252 section 8.3) or a loopback address.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
