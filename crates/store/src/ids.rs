//! Typed identifiers. Printed with a prefix that says what they name, parsed strictly, never used again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A text is not an identifier of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} identifier")]
pub struct InvalidId {
    /// What the text should have named.
    pub kind: &'static str,
}

/// Declares identifiers that are a UUID of version 7 behind a prefix: `usr_` and 32 lower-case hexadecimal digits.
macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier that has never been used.
            #[expect(clippy::new_without_default, reason = "a default would hide that this draws randomness")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let digits = text.strip_prefix($prefix).ok_or(InvalidId { kind: $kind })?;
                parse_digits(digits).map(Self).ok_or(InvalidId { kind: $kind })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

typed_ids! {
    /// A person, as one identity provider knows them.
    UserId, "usr_", "user";
    /// What a person allowed one client at one upstream: a family of tokens.
    GrantId, "gnt_", "grant";
    /// A browser that is signed in at Doorward.
    BrowserSessionId, "bse_", "browser session";
    /// A sign-in under way.
    AuthorizationRequestId, "arq_", "authorization request";
    /// A sign-in that an administrator tries.
    SignInTestId, "tst_", "test";
    /// A watch for a failing sign-in.
    CaptureId, "cap_", "capture";
}

/// Exactly one spelling per identifier: 32 lower-case hexadecimal digits, no hyphens.
fn parse_digits(digits: &str) -> Option<Uuid> {
    let canonical = digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if canonical { Uuid::try_parse(digits).ok() } else { None }
}

/// An OAuth client identifier (RFC 6749 section 2.2 and appendix A.1): 1 to 512 printable ASCII characters without spaces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// The longest client identifier that is accepted.
    pub const MAX_LENGTH: usize = 512;

    /// Takes a client identifier as it came from a request or the configuration.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let valid = (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidId { kind: "client" }) }
    }

    /// A new identifier for a dynamic registration: `cli_` and 32 hexadecimal digits.
    pub fn generate() -> Self {
        Self(format!("cli_{}", Uuid::now_v7().simple()))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for ClientId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text)
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientId, GrantId, UserId};

    #[test]
    fn identifiers_have_one_spelling() {
        let id = UserId::new();
        assert_eq!(id.to_string().parse::<UserId>(), Ok(id));
        let text = id.to_string();
        for wrong in [
            text.to_uppercase(),
            text.replace("usr_", "gnt_"),
            format!("{text} "),
            text.trim_end_matches(|digit: char| digit.is_ascii_hexdigit()).to_owned(),
            String::new(),
            "usr_".to_owned(),
        ] {
            assert!(wrong.parse::<UserId>().is_err(), "{wrong}");
        }
        assert!(text.parse::<GrantId>().is_err());
    }

    #[test]
    fn client_identifiers_are_printable_ascii() {
        for (text, valid) in
            [("cli_1", true), ("https://client.example/meta", true), ("", false), ("a b", false), ("a\n", false), ("ä", false)]
        {
            assert_eq!(ClientId::parse(text).is_ok(), valid, "{text:?}");
        }
        assert!(ClientId::parse(&"a".repeat(513)).is_err());
    }
}
