//! The two kinds of name that an administrator gives in the file, and that appear in URLs.

use std::borrow::Borrow;
use std::fmt;

use serde::Serialize;

/// Path segments of Doorward itself: no upstream may hide them.
const RESERVED: [&str; 12] =
    ["oauth", "login", "logout", "saml", "authorize", "token", "register", "api", "ui", "admin", "static", "healthz"];

/// A name that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `[a-z0-9][a-z0-9-]{0,62}`.
    #[error("a name is 1 to 63 of a-z, 0-9 and -, and starts with a letter or digit")]
    Characters,
    /// A path segment that Doorward uses itself.
    #[error("this name is reserved: it is a path of Doorward itself")]
    Reserved,
}

/// `[a-z0-9][a-z0-9-]{0,62}`: fits in a URL path, a host label and a file name.
fn check_characters(name: &str) -> Result<(), NameError> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if name.is_empty() || name.len() > 63 || name.starts_with('-') || !name.bytes().all(allowed) {
        return Err(NameError::Characters);
    }
    Ok(())
}

macro_rules! name {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(String);

        impl $name {
            /// The name as it stands in the configuration.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        // So that a map by id can be asked with the text of a URL path.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The id of an upstream: its path segment in `/{upstream}/mcp`.
    UpstreamId
}

name! {
    /// The id of an identity provider: its path segment in `/login/saml/{idp}/acs`.
    IdpId
}

impl UpstreamId {
    /// Reads an id; reserved names are refused.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        check_characters(name)?;
        if RESERVED.contains(&name) {
            return Err(NameError::Reserved);
        }
        Ok(Self(name.to_owned()))
    }
}

impl IdpId {
    /// Reads an id.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        check_characters(name)?;
        Ok(Self(name.to_owned()))
    }
}
