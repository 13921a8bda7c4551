//! The one source of randomness of the gateway: the cryptographic provider's generator.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth::Secret;

/// The operating system's generator did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct RandomError;

impl RandomError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(self) -> &'static str {
        match self {
            Self => "login.random_unavailable",
        }
    }
}

/// Random bytes for identifiers, tokens and keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Random {
    /// `N` bytes from the cryptographic generator.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], RandomError> {
        let mut bytes = [0_u8; N];
        rand::fill(&mut bytes).map_err(|_| RandomError)?;
        Ok(bytes)
    }

    /// A fresh bearer value: 32 random bytes in base64url without padding, 43 characters.
    pub fn token(&self) -> Result<Secret<String>, RandomError> {
        Ok(Secret::new(URL_SAFE_NO_PAD.encode(self.bytes::<32>()?)))
    }
}
