//! The name of a SAML party.

use std::fmt;

/// An entity identifier: the URI that names an identity provider or a service provider (SAML core 8.3.6).
///
/// Never empty, at most 1,024 characters, no white space or control characters. Compared byte by byte, as SAML demands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(String);

/// The text is not an entity identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entity id is a URI of 1 to 1024 characters without white space")]
pub struct InvalidEntityId;

impl EntityId {
    /// Takes the text of an `entityID` or an `Issuer`; gives the identifier if it can be one.
    pub fn parse(text: &str) -> Result<EntityId, InvalidEntityId> {
        let length = text.chars().count();
        if length == 0 || length > 1024 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(InvalidEntityId);
        }
        Ok(EntityId(text.to_owned()))
    }

    /// The identifier as text, exactly as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for EntityId {
    type Err = InvalidEntityId;

    fn from_str(text: &str) -> Result<EntityId, InvalidEntityId> {
        EntityId::parse(text)
    }
}
