//! The parameters of a request: form-encoded, each at most once (RFC 6749 section 3.1).

use std::collections::BTreeMap;
use std::fmt;

/// The largest query or form that is read.
pub const MAX_FORM_BYTES: usize = 16 * 1024;
const MAX_PARAMETERS: usize = 64;

/// Why the parameters of a request could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// More than [`MAX_FORM_BYTES`], or more than 64 parameters.
    #[error("the request has too many or too large parameters")]
    TooLarge,
    /// Not valid UTF-8 after decoding, or a control character in a value.
    #[error("a parameter of the request is not plain text")]
    NotText,
}

impl ParametersError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "oauth.parameters_too_large",
            Self::NotText => "oauth.parameters_not_text",
        }
    }
}

/// Decoded parameters. A repeated one is remembered as such and has no value: two readers would pick different ones.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Parameters(BTreeMap<String, Occurrence>);

#[derive(Clone, PartialEq, Eq)]
enum Occurrence {
    Once(String),
    Repeated,
}

impl Parameters {
    /// Decodes a query string or a form body.
    pub fn parse(encoded: &[u8]) -> Result<Self, ParametersError> {
        if encoded.len() > MAX_FORM_BYTES {
            return Err(ParametersError::TooLarge);
        }
        let mut parameters = BTreeMap::new();
        for (index, (name, value)) in url::form_urlencoded::parse(encoded).enumerate() {
            if index >= MAX_PARAMETERS {
                return Err(ParametersError::TooLarge);
            }
            // The decoder puts U+FFFD where the bytes are not UTF-8.
            if name.chars().chain(value.chars()).any(|character| character.is_control() || character == '\u{fffd}') {
                return Err(ParametersError::NotText);
            }
            parameters
                .entry(name.into_owned())
                .and_modify(|occurrence| *occurrence = Occurrence::Repeated)
                .or_insert_with(|| Occurrence::Once(value.into_owned()));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter that was sent once. A parameter without a value counts as omitted (RFC 6749 section 3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Occurrence::Once(value)) if !value.is_empty() => Some(value),
            Some(Occurrence::Once(_) | Occurrence::Repeated) | None => None,
        }
    }

    /// Whether a parameter was sent more than once.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Occurrence::Repeated)
    }

    /// The first parameter in alphabetical order that was sent more than once.
    pub fn repeated(&self) -> Option<&str> {
        self.0.iter().find(|(_, occurrence)| **occurrence == Occurrence::Repeated).map(|(name, _)| name.as_str())
    }
}

/// Names only: among the values are codes, tokens and secrets.
impl fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_FORM_BYTES, Parameters, ParametersError};

    #[test]
    fn decoding() {
        let parameters = Parameters::parse(b"a=1&b=&c=x+y%26&a=2&%63=z&d").unwrap();
        assert_eq!(parameters.get("a"), None);
        assert!(parameters.is_repeated("a") && parameters.is_repeated("c"));
        assert_eq!(parameters.get("b"), None);
        assert_eq!(parameters.get("d"), None);
        assert_eq!(parameters.repeated(), Some("a"));
        assert_eq!(Parameters::parse(b"s=x+y%26").unwrap().get("s"), Some("x y&"));
    }

    #[test]
    fn values_are_not_printed() {
        assert_eq!(format!("{:?}", Parameters::parse(b"client_secret=hunter2").unwrap()), r#"{"client_secret"}"#);
    }

    #[test]
    fn limits() {
        assert_eq!(Parameters::parse(&vec![b'a'; MAX_FORM_BYTES + 1]), Err(ParametersError::TooLarge));
        assert_eq!(Parameters::parse("a&".repeat(65).as_bytes()), Err(ParametersError::TooLarge));
        for bad in [&b"a=%00"[..], b"a=%ff", b"a=x%0d%0ay", b"%1b=1"] {
            assert_eq!(Parameters::parse(bad), Err(ParametersError::NotText), "{bad:?}");
        }
    }
}
