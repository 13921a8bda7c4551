//! Resource indicators, RFC 8707, and the tolerance that clients in the field need.
//!
//! A token has exactly one audience: the canonical URI of one upstream. Clients write that URI in several ways; a
//! request is matched to the one upstream it can mean, or refused. What is minted is always the canonical form.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::scope::ScopeSet;

const MAX_URI_BYTES: usize = 2048;

/// Why a `resource` parameter was refused; on the wire always `invalid_target`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// More than one `resource`: a token for two upstreams does not exist.
    #[error("more than one resource was requested")]
    Repeated,
    /// Not an absolute `http` or `https` URI without fragment and user information.
    #[error("the resource is not an absolute http or https URI without fragment")]
    Malformed,
    /// No upstream has this URI.
    #[error("no MCP server behind this gateway has the requested resource URI")]
    Unknown,
    /// No `resource`, or only an origin, and more than one upstream it could mean.
    #[error("the request does not say which of several MCP servers it is for")]
    Ambiguous,
}

impl ResourceError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Repeated => "oauth.resource_repeated",
            Self::Malformed => "oauth.resource_malformed",
            Self::Unknown => "oauth.resource_unknown",
            Self::Ambiguous => "oauth.resource_ambiguous",
        }
    }
}

/// The canonical URI of a protected resource: lower-case scheme and host, no default port, no trailing slash, no
/// query, no fragment. The audience of tokens, compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceUri(String);

impl ResourceUri {
    /// Reads a URI and makes it canonical; a query is dropped.
    pub fn parse(text: &str) -> Result<Self, ResourceError> {
        let plain = text.len() <= MAX_URI_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let mut url = Url::parse(text).ok().filter(|_| plain).ok_or(ResourceError::Malformed)?;
        let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !bare || !text.contains("://") {
            return Err(ResourceError::Malformed);
        }
        url.set_query(None);
        let canonical = url.as_str();
        Ok(Self(canonical.strip_suffix('/').unwrap_or(canonical).to_owned()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port, without a slash at the end.
    fn origin(&self) -> &str {
        let authority = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0.get(authority..).and_then(|rest| rest.find('/')).map_or(self.0.len(), |at| authority + at);
        self.0.get(..end).unwrap_or(&self.0)
    }
}

impl TryFrom<String> for ResourceUri {
    type Error = ResourceError;

    fn try_from(text: String) -> Result<Self, ResourceError> {
        Self::parse(&text)
    }
}

impl From<ResourceUri> for String {
    fn from(uri: ResourceUri) -> Self {
        uri.0
    }
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One upstream as OAuth sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedResource {
    /// The upstream's id in the configuration.
    pub upstream: String,
    /// Its canonical URI.
    pub uri: ResourceUri,
    /// The scopes that exist at it.
    pub scopes: ScopeSet,
}

/// The one protected resource that a request means.
///
/// Equal after canonicalisation wins. A bare origin (some clients send nothing else) counts if exactly one resource
/// lives at that origin. No resource at all (clients of 2025-03-26) counts if there is exactly one in total.
pub fn select<'a>(requested: Option<&str>, protected: &'a [ProtectedResource]) -> Result<&'a ProtectedResource, ResourceError> {
    let Some(requested) = requested else { return only(protected.iter()) };
    let requested = ResourceUri::parse(requested)?;
    if let Some(exact) = protected.iter().find(|resource| resource.uri == requested) {
        return Ok(exact);
    }
    if requested.as_str() == requested.origin() {
        return only(protected.iter().filter(|resource| resource.uri.origin() == requested.origin()));
    }
    Err(ResourceError::Unknown)
}

/// Whether a `resource` at the token endpoint means the resource the grant is for (RFC 8707 section 2.2).
pub fn means(requested: &str, granted: &ResourceUri, protected: &[ProtectedResource]) -> Result<(), ResourceError> {
    if ResourceUri::parse(requested)? == *granted {
        return Ok(());
    }
    let selected = select(Some(requested), protected)?;
    if selected.uri == *granted { Ok(()) } else { Err(ResourceError::Unknown) }
}

fn only<'a>(mut candidates: impl Iterator<Item = &'a ProtectedResource>) -> Result<&'a ProtectedResource, ResourceError> {
    match (candidates.next(), candidates.next()) {
        (Some(single), None) => Ok(single),
        (None, _) => Err(ResourceError::Unknown),
        (Some(_), Some(_)) => Err(ResourceError::Ambiguous),
    }
}

#[cfg(test)]
mod tests {
    use super::{ProtectedResource, ResourceError, ResourceUri, means, select};

    fn protected(uris: &[&str]) -> Vec<ProtectedResource> {
        let resource = |uri: &&str| ProtectedResource {
            upstream: (*uri).to_owned(),
            uri: ResourceUri::parse(uri).unwrap(),
            scopes: "mcp".parse().unwrap(),
        };
        uris.iter().map(resource).collect()
    }

    #[test]
    fn tolerance() {
        let several = ["https://mcp.example.com/crm/mcp", "https://mcp.example.com/wiki/mcp", "https://tickets.example.com/mcp"];
        let crm = several[0];
        let cases = [
            (Some("https://mcp.example.com/crm/mcp"), Ok(crm)),
            (Some("https://mcp.example.com/crm/mcp/"), Ok(crm)),
            (Some("HTTPS://MCP.Example.com/crm/mcp"), Ok(crm)),
            (Some("https://mcp.example.com:443/crm/mcp"), Ok(crm)),
            (Some("https://mcp.example.com/crm/mcp?session=1"), Ok(crm)),
            (Some("https://mcp.example.com/crm/mcp//"), Err(ResourceError::Unknown)),
            (Some("https://mcp.example.com/CRM/mcp"), Err(ResourceError::Unknown)),
            (Some("https://mcp.example.com/crm"), Err(ResourceError::Unknown)),
            (Some("https://mcp.example.com/crm/mcp/tools"), Err(ResourceError::Unknown)),
            (Some("http://mcp.example.com/crm/mcp"), Err(ResourceError::Unknown)),
            (Some("https://mcp.example.com:8443/crm/mcp"), Err(ResourceError::Unknown)),
            (Some("https://mcp.example.com/"), Err(ResourceError::Ambiguous)),
            (Some("https://tickets.example.com/"), Ok(several[2])),
            (Some("https://tickets.example.com"), Ok(several[2])),
            (Some("https://evil.example.com/"), Err(ResourceError::Unknown)),
            (Some("https://mcp.example.com.evil/crm/mcp"), Err(ResourceError::Unknown)),
            (Some("https://user@mcp.example.com/crm/mcp"), Err(ResourceError::Malformed)),
            (Some("https://mcp.example.com/crm/mcp#x"), Err(ResourceError::Malformed)),
            (Some("/crm/mcp"), Err(ResourceError::Malformed)),
            (Some("urn:mcp:crm"), Err(ResourceError::Malformed)),
            (Some("https:mcp.example.com/crm/mcp"), Err(ResourceError::Malformed)),
            (Some("https://mcp.example.com\\crm\\mcp"), Err(ResourceError::Malformed)),
            (Some(""), Err(ResourceError::Malformed)),
            (None, Err(ResourceError::Ambiguous)),
        ];
        let protected = protected(&several);
        for (requested, expected) in cases {
            assert_eq!(select(requested, &protected).map(|found| found.upstream.as_str()), expected, "{requested:?}");
        }
    }

    #[test]
    fn one_upstream_needs_no_resource() {
        let single = protected(&["http://127.0.0.1:8080/demo/mcp"]);
        for requested in [None, Some("http://127.0.0.1:8080"), Some("http://127.0.0.1:8080/"), Some("http://127.0.0.1:8080/demo/mcp")] {
            assert!(select(requested, &single).is_ok(), "{requested:?}");
        }
        assert_eq!(select(Some("http://127.0.0.1:8081/"), &single), Err(ResourceError::Unknown));
        assert_eq!(select(None, &[]), Err(ResourceError::Unknown));
    }

    #[test]
    fn the_token_endpoint_keeps_the_resource() {
        let protected = protected(&["https://a.example/x/mcp", "https://a.example/y/mcp"]);
        let granted = ResourceUri::parse("https://a.example/x/mcp").unwrap();
        assert_eq!(means("https://a.example/x/mcp/", &granted, &protected), Ok(()));
        assert_eq!(means("https://a.example/y/mcp", &granted, &protected), Err(ResourceError::Unknown));
        assert_eq!(means("https://a.example/", &granted, &protected), Err(ResourceError::Ambiguous));
    }
}
