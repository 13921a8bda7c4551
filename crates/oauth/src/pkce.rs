//! Proof Key for Code Exchange, RFC 7636, method `S256` only (OAuth 2.1 section 7.5.2; MCP requires it).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Why a challenge or a verifier was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PkceError {
    /// No `code_challenge` was sent.
    #[error("code_challenge is missing: PKCE is required of every client")]
    ChallengeMissing,
    /// `code_challenge_method` is absent (which means `plain`), `plain` or unknown.
    #[error("code_challenge_method must be S256")]
    MethodRefused,
    /// The challenge is not 32 bytes in base64url without padding.
    #[error("code_challenge is not a SHA-256 value in base64url")]
    ChallengeMalformed,
    /// No `code_verifier` was sent.
    #[error("code_verifier is missing")]
    VerifierMissing,
    /// The verifier is not 43 to 128 unreserved characters.
    #[error("code_verifier must be 43 to 128 unreserved characters")]
    VerifierMalformed,
    /// The verifier is well-formed but is not the one behind the challenge.
    #[error("code_verifier does not match the code_challenge of the authorization request")]
    VerifierMismatch,
}

impl PkceError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ChallengeMissing => "oauth.pkce_challenge_missing",
            Self::MethodRefused => "oauth.pkce_method_refused",
            Self::ChallengeMalformed => "oauth.pkce_challenge_malformed",
            Self::VerifierMissing => "oauth.pkce_verifier_missing",
            Self::VerifierMalformed => "oauth.pkce_verifier_malformed",
            Self::VerifierMismatch => "oauth.pkce_verifier_mismatch",
        }
    }
}

/// A `code_challenge` of method `S256`: the SHA-256 of a verifier, in base64url (RFC 7636 section 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads the two parameters of an authorization request (RFC 7636 section 4.3). An absent method would mean
    /// `plain` and is refused like it.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, PkceError> {
        let challenge = challenge.filter(|value| !value.is_empty()).ok_or(PkceError::ChallengeMissing)?;
        if method != Some("S256") {
            return Err(PkceError::MethodRefused);
        }
        Self::try_from(challenge.to_owned())
    }

    /// The challenge that belongs to a verifier: what a client sends.
    pub fn of_verifier(verifier: &str) -> Result<Self, PkceError> {
        check_verifier(verifier)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))))
    }

    /// Checks the `code_verifier` of a token request against this challenge (RFC 7636 section 4.6).
    pub fn verify(&self, verifier: Option<&str>) -> Result<(), PkceError> {
        let verifier = verifier.ok_or(PkceError::VerifierMissing)?;
        let computed = Self::of_verifier(verifier)?;
        if Secret::new(computed.0).equals(self.0.as_bytes()) { Ok(()) } else { Err(PkceError::VerifierMismatch) }
    }

    /// The value of the `code_challenge` parameter.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CodeChallenge {
    type Error = PkceError;

    fn try_from(value: String) -> Result<Self, PkceError> {
        match URL_SAFE_NO_PAD.decode(&value) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(value)),
            Ok(_) | Err(_) => Err(PkceError::ChallengeMalformed),
        }
    }
}

impl From<CodeChallenge> for String {
    fn from(challenge: CodeChallenge) -> Self {
        challenge.0
    }
}

/// A fresh verifier from 32 random bytes: 43 characters (RFC 7636 section 4.1).
pub fn verifier(random: [u8; 32]) -> Secret<String> {
    Secret::new(URL_SAFE_NO_PAD.encode(random))
}

/// RFC 7636 section 4.1: 43 to 128 characters of the unreserved set.
fn check_verifier(verifier: &str) -> Result<(), PkceError> {
    if verifier.is_empty() {
        return Err(PkceError::VerifierMissing);
    }
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved) { Ok(()) } else { Err(PkceError::VerifierMalformed) }
}

#[cfg(test)]
mod tests {
    use super::{CodeChallenge, PkceError, verifier};

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn challenges() {
        let padded = format!("{CHALLENGE}=");
        let cases = [
            (Some(CHALLENGE), Some("S256"), Ok(())),
            (None, Some("S256"), Err(PkceError::ChallengeMissing)),
            (Some(""), Some("S256"), Err(PkceError::ChallengeMissing)),
            (None, None, Err(PkceError::ChallengeMissing)),
            (Some(CHALLENGE), None, Err(PkceError::MethodRefused)),
            (Some(CHALLENGE), Some("plain"), Err(PkceError::MethodRefused)),
            (Some(CHALLENGE), Some("s256"), Err(PkceError::MethodRefused)),
            (Some(CHALLENGE), Some(""), Err(PkceError::MethodRefused)),
            (Some(padded.as_str()), Some("S256"), Err(PkceError::ChallengeMalformed)),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw"), Some("S256"), Err(PkceError::ChallengeMalformed)),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), Some("S256"), Err(PkceError::ChallengeMalformed)),
        ];
        for (challenge, method, expected) in cases {
            assert_eq!(CodeChallenge::parse(challenge, method).map(drop), expected, "{challenge:?} {method:?}");
        }
    }

    #[test]
    fn verifiers() {
        let challenge = CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
        let (short, shortest, longest, long) = ("a".repeat(42), "a".repeat(43), "a".repeat(128), "a".repeat(129));
        let cases = [
            (Some(VERIFIER), Ok(())),
            (None, Err(PkceError::VerifierMissing)),
            (Some(""), Err(PkceError::VerifierMissing)),
            (Some(CHALLENGE), Err(PkceError::VerifierMismatch)),
            (Some(short.as_str()), Err(PkceError::VerifierMalformed)),
            (Some(shortest.as_str()), Err(PkceError::VerifierMismatch)),
            (Some(longest.as_str()), Err(PkceError::VerifierMismatch)),
            (Some(long.as_str()), Err(PkceError::VerifierMalformed)),
            (Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX+"), Err(PkceError::VerifierMalformed)),
            (Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\n"), Err(PkceError::VerifierMalformed)),
        ];
        for (sent, expected) in cases {
            assert_eq!(challenge.verify(sent), expected, "{sent:?}");
        }
    }

    #[test]
    fn made_verifiers_match_their_challenge() {
        let made = verifier([7; 32]);
        assert_eq!(CodeChallenge::of_verifier(made.expose()).unwrap().verify(Some(made.expose())), Ok(()));
    }
}
