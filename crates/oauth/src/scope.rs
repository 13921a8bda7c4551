//! Scopes, RFC 6749 section 3.3.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest scope parameter that is read.
const MAX_SCOPES: usize = 64;
const MAX_SCOPE_BYTES: usize = 256;

/// Why a scope was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Empty, too long, or a character outside the grammar.
    #[error("the scope is malformed")]
    Malformed,
    /// More than 64 scopes.
    #[error("too many scopes")]
    TooMany,
    /// None of the requested scopes exists at the requested resource.
    #[error("none of the requested scopes is known at this resource")]
    Unknown,
    /// A refresh request asks for more than the grant holds (RFC 6749 section 6).
    #[error("the requested scope is wider than what was granted")]
    Wider,
}

impl ScopeError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "oauth.scope_malformed",
            Self::TooMany => "oauth.scope_too_many",
            Self::Unknown => "oauth.scope_unknown",
            Self::Wider => "oauth.scope_wider",
        }
    }
}

/// One scope: printable ASCII without space, quote and backslash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(String);

impl Scope {
    /// The scope as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeError;

    fn try_from(value: String) -> Result<Self, ScopeError> {
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let fits = !value.is_empty() && value.len() <= MAX_SCOPE_BYTES && value.bytes().all(allowed);
        if fits { Ok(Self(value)) } else { Err(ScopeError::Malformed) }
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Scopes without order or repetition; written space-separated, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// Whether there is no scope.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `scope` is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|own| own.as_str() == scope)
    }

    /// Whether every scope of this set is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The scopes that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The scopes, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeError;

    /// Reads a space-separated list. The empty text is the empty set.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let scopes = text
            .split(' ')
            .filter(|part| !part.is_empty())
            .map(|part| Scope::try_from(part.to_owned()))
            .collect::<Result<BTreeSet<_>, _>>()?;
        if scopes.len() > MAX_SCOPES { Err(ScopeError::TooMany) } else { Ok(Self(scopes)) }
    }
}

impl TryFrom<String> for ScopeSet {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Self, ScopeError> {
        text.parse()
    }
}

impl From<ScopeSet> for String {
    fn from(scopes: ScopeSet) -> Self {
        scopes.to_string()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            formatter.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

/// The scopes an authorization request gets: those it asks for that exist at the resource; all of them when it asks
/// for none (RFC 6749 section 3.3) or only for `offline_access`, which every grant implies here.
pub fn grantable(requested: Option<&str>, available: &ScopeSet) -> Result<ScopeSet, ScopeError> {
    let requested: ScopeSet = requested.unwrap_or_default().parse()?;
    if requested.iter().all(|scope| scope.as_str() == "offline_access") {
        return Ok(available.clone());
    }
    let granted = requested.intersection(available);
    if granted.is_empty() { Err(ScopeError::Unknown) } else { Ok(granted) }
}

/// The scopes a refresh request gets: those of the grant, or fewer, never more (RFC 6749 section 6).
pub fn narrowed(requested: Option<&str>, granted: &ScopeSet) -> Result<ScopeSet, ScopeError> {
    let mut requested: ScopeSet = requested.unwrap_or_default().parse()?;
    requested.0.retain(|scope| scope.as_str() != "offline_access");
    if requested.is_empty() {
        Ok(granted.clone())
    } else if requested.is_subset(granted) {
        Ok(requested)
    } else {
        Err(ScopeError::Wider)
    }
}

#[cfg(test)]
mod tests {
    use super::{ScopeError, ScopeSet, grantable, narrowed};

    #[test]
    fn sets_are_sorted_and_strict() {
        let cases = [
            ("mcp", Ok("mcp")),
            ("", Ok("")),
            ("b a b", Ok("a b")),
            (" a  b ", Ok("a b")),
            ("a\tb", Err(ScopeError::Malformed)),
            ("a\"b", Err(ScopeError::Malformed)),
            ("a\\b", Err(ScopeError::Malformed)),
            ("é", Err(ScopeError::Malformed)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<ScopeSet>().map(|set| set.to_string()), expected.map(str::to_owned), "{text:?}");
        }
        let many: Vec<String> = (0..65).map(|index| format!("s{index}")).collect();
        assert_eq!(many.join(" ").parse::<ScopeSet>(), Err(ScopeError::TooMany));
        assert_eq!("x".repeat(257).parse::<ScopeSet>(), Err(ScopeError::Malformed));
    }

    #[test]
    fn grants_never_exceed_what_exists() {
        let available: ScopeSet = "mcp read".parse().unwrap();
        let cases = [
            (None, Ok("mcp read")),
            (Some(""), Ok("mcp read")),
            (Some("offline_access"), Ok("mcp read")),
            (Some("mcp"), Ok("mcp")),
            (Some("mcp admin openid"), Ok("mcp")),
            (Some("admin"), Err(ScopeError::Unknown)),
            (Some("MCP"), Err(ScopeError::Unknown)),
        ];
        for (requested, expected) in cases {
            assert_eq!(grantable(requested, &available).map(|set| set.to_string()), expected.map(str::to_owned), "{requested:?}");
        }
    }

    #[test]
    fn refresh_narrows_only() {
        let granted: ScopeSet = "mcp read".parse().unwrap();
        let cases = [
            (None, Ok("mcp read")),
            (Some("read"), Ok("read")),
            (Some("read offline_access"), Ok("read")),
            (Some("read admin"), Err(ScopeError::Wider)),
        ];
        for (requested, expected) in cases {
            assert_eq!(narrowed(requested, &granted).map(|set| set.to_string()), expected.map(str::to_owned), "{requested:?}");
        }
    }
}
