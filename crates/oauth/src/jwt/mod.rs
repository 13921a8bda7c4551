//! JSON Web Tokens, RFC 7519, as compact JWS, RFC 7515: made and checked here and nowhere else.
//!
//! A token is refused at the first rule it breaks, in this order: size, form, header, algorithm, type, key,
//! signature, claims. Invariants: nothing of the payload is looked at before the signature holds; the algorithm is
//! the caller's choice and the key's, never the token's alone; a claim of the wrong type is a fault, not an absence;
//! encrypted and nested tokens, `crit` and keys carried in the header do not exist here.
//!
//! The signatures are aws-lc-rs's; the envelope is ours, because general libraries leave checks open that decide who
//! a person is (a missing `aud`, an `iss` that is an array, a repeated claim).

mod key;
mod verify;

pub use key::SigningKey;
pub use verify::{Accept, Audiences, Header, MAX_TOKEN_BYTES, Verified, unverified_claims, verify};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;

/// A signature algorithm of RFC 7518 section 3.1 or RFC 8037. `none` and the HMAC family are not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Alg {
    /// Every algorithm that can be verified.
    pub const ALL: [Self; 9] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Ps384, Self::Ps512, Self::Es256, Self::Es384, Self::EdDsa];

    /// The algorithm of a name in the registry; names are case-sensitive.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa); // RFC 9864 names the curve
        }
        Self::ALL.into_iter().find(|alg| alg.name() == name)
    }

    /// The name in the registry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// How a claim is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimFault {
    /// The claim is required and absent.
    Missing,
    /// The claim is there with a value of another JSON type (null, a fraction, a list, …).
    WrongType,
    /// The type is right, the value is not possible (an empty string, an instant out of range).
    OutOfRange,
}

/// Why a token was refused, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is larger than {MAX_TOKEN_BYTES} bytes")]
    TooLarge,
    /// Not three base64url parts with two dots.
    #[error("not a signed token in compact form")]
    Malformed,
    /// The header is not a JSON object without repeated members, or a member has the wrong type.
    #[error("the token's header is malformed")]
    HeaderMalformed,
    /// The header holds a parameter that could change what is verified or with which key.
    #[error("the token's header parameter {0} is not allowed")]
    HeaderParameterRefused(&'static str),
    /// The algorithm is unknown, `none`, symmetric, or not among those the caller accepts.
    #[error("the token's algorithm is not accepted")]
    AlgorithmRefused,
    /// The `typ` is another one than this use of the token needs.
    #[error("the token is of another type: {0:?}")]
    TypeMismatch(Option<String>),
    /// No key of the set has this id and fits the algorithm. The set may be stale.
    #[error("no key of the issuer fits the token")]
    UnknownKey,
    /// The signature is not the key's over this header and payload.
    #[error("the token's signature is not valid")]
    SignatureInvalid,
    /// The payload is not a JSON object without repeated members.
    #[error("the token's claims are not one JSON object without repeated members")]
    ClaimsMalformed,
    /// A claim is missing or wrong.
    #[error("the token's claim {name} is wrong: {fault:?}")]
    ClaimInvalid {
        /// The claim's name.
        name: String,
        /// What is wrong with it.
        fault: ClaimFault,
    },
    /// The issuer is another one than expected.
    #[error("the token's issuer is `{0}`, which is not the expected one")]
    IssuerMismatch(String),
    /// The token is meant for somebody else.
    #[error("the token's audience is {0:?}, and the expected one is not among them")]
    AudienceMismatch(Vec<String>),
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A private key could not be made or read.
    #[error("the signing key is not usable")]
    KeyUnusable,
    /// The claims could not be written or signed.
    #[error("the token could not be signed")]
    SigningFailed,
}

impl JwtError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "oauth.jwt_too_large",
            Self::Malformed => "oauth.jwt_malformed",
            Self::HeaderMalformed => "oauth.jwt_header_malformed",
            Self::HeaderParameterRefused(_) => "oauth.jwt_header_parameter_refused",
            Self::AlgorithmRefused => "oauth.jwt_algorithm_refused",
            Self::TypeMismatch(_) => "oauth.jwt_type_mismatch",
            Self::UnknownKey => "oauth.jwt_unknown_key",
            Self::SignatureInvalid => "oauth.jwt_signature_invalid",
            Self::ClaimsMalformed => "oauth.jwt_claims_malformed",
            Self::ClaimInvalid { .. } => "oauth.jwt_claim_invalid",
            Self::IssuerMismatch(_) => "oauth.jwt_issuer_mismatch",
            Self::AudienceMismatch(_) => "oauth.jwt_audience_mismatch",
            Self::Expired => "oauth.jwt_expired",
            Self::NotYetValid => "oauth.jwt_not_yet_valid",
            Self::KeyUnusable => "oauth.jwt_key_unusable",
            Self::SigningFailed => "oauth.jwt_signing_failed",
        }
    }
}

/// Signs `claims` with `key` as a compact JWS whose header holds `alg`, `typ` and `kid` only.
pub fn sign<C: Serialize>(key: &SigningKey, typ: &str, claims: &C) -> Result<String, JwtError> {
    let header = json!({ "alg": key.alg().name(), "typ": typ, "kid": key.kid() }).to_string();
    let payload = serde_json::to_vec(claims).map_err(|_| JwtError::SigningFailed)?;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())?);
    Ok(format!("{signed}.{signature}"))
}

#[cfg(test)]
pub(crate) mod tests;
