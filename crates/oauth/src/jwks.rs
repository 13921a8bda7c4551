//! JSON Web Keys, RFC 7517 and RFC 7518 section 6: public signature keys only.
//!
//! A key of a kind or purpose that is not ours to use is left out (RFC 7517 section 5), so a set with foreign keys
//! still works; a set without one usable key is refused. Symmetric keys never become a [`Jwk`]: no public value can
//! be mistaken for an HMAC secret.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use crate::json;
use crate::jwt::Alg;

/// The largest key set that is read.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;
/// The longest `kid` that is looked up.
pub const MAX_KID_BYTES: usize = 128;
const MAX_KEYS: usize = 100;

/// Why a key set was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Larger than [`MAX_JWKS_BYTES`], or more than 100 keys.
    #[error("the key set is too large")]
    TooLarge,
    /// Not a JSON object with an array `keys` of objects.
    #[error("the document is not a JSON Web Key Set")]
    Malformed,
    /// No key in the set can verify a signature of a supported algorithm.
    #[error("the key set holds no usable signature key")]
    NoUsableKey,
}

impl JwksError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "oauth.jwks_too_large",
            Self::Malformed => "oauth.jwks_malformed",
            Self::NoUsableKey => "oauth.jwks_no_usable_key",
        }
    }
}

/// The public half of a signature key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    pub(crate) kid: Option<String>,
    pub(crate) alg: Option<Alg>,
    pub(crate) material: Material,
}

/// The numbers of a public key, big endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256 { x: Vec<u8>, y: Vec<u8> },
    P384 { x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

impl Jwk {
    /// The key id, where the key has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether this key may verify a signature of `alg`: by its kind, and by its own `alg` where it names one.
    pub fn fits(&self, alg: Alg) -> bool {
        let kind = match self.material {
            Material::Rsa { .. } => matches!(alg, Alg::Rs256 | Alg::Rs384 | Alg::Rs512 | Alg::Ps256 | Alg::Ps384 | Alg::Ps512),
            Material::P256 { .. } => alg == Alg::Es256,
            Material::P384 { .. } => alg == Alg::Es384,
            Material::Ed25519 { .. } => alg == Alg::EdDsa,
        };
        kind && self.alg.is_none_or(|own| own == alg)
    }

    /// The RFC 7638 thumbprint in base64url: the SHA-256 of the required members in lexical order.
    pub fn thumbprint(&self) -> String {
        let members = self.material_members();
        let mut names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let mut canonical = Map::new();
        for name in names {
            if let Some((_, value)) = members.iter().find(|(member, _)| *member == name) {
                canonical.insert(name.to_owned(), Value::String(value.clone()));
            }
        }
        URL_SAFE_NO_PAD.encode(digest(&SHA256, Value::Object(canonical).to_string().as_bytes()))
    }

    /// Reads one key. `None`: a key that is not ours to use (another kind, another purpose, malformed numbers).
    fn read(members: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let number = |name: &str| text(name).and_then(|value| URL_SAFE_NO_PAD.decode(value).ok());
        let sized = |name: &str, length: usize| number(name).filter(|bytes| bytes.len() == length);
        if members.get("use").is_some_and(|purpose| purpose.as_str() != Some("sig")) {
            return None;
        }
        if let Some(operations) = members.get("key_ops") {
            operations.as_array()?.iter().any(|operation| operation.as_str() == Some("verify")).then_some(())?;
        }
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => Material::Rsa {
                modulus: number("n").filter(|n| (256..=1025).contains(&n.len()))?,
                exponent: number("e").filter(|e| (1..=8).contains(&e.len()))?,
            },
            ("EC", Some("P-256")) => Material::P256 { x: sized("x", 32)?, y: sized("y", 32)? },
            ("EC", Some("P-384")) => Material::P384 { x: sized("x", 48)?, y: sized("y", 48)? },
            ("OKP", Some("Ed25519")) => Material::Ed25519 { x: sized("x", 32)? },
            _ => return None,
        };
        let alg = match members.get("alg") {
            None => None,
            Some(name) => Some(Alg::from_name(name.as_str()?)?),
        };
        let kid = match members.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().filter(|kid| !kid.is_empty() && kid.len() <= MAX_KID_BYTES)?.to_owned()),
        };
        Some(Self { kid, alg, material })
    }

    fn material_members(&self) -> Vec<(&'static str, String)> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.material {
            Material::Rsa { modulus, exponent } => vec![("kty", "RSA".to_owned()), ("n", encode(modulus)), ("e", encode(exponent))],
            Material::P256 { x, y } => vec![("kty", "EC".to_owned()), ("crv", "P-256".to_owned()), ("x", encode(x)), ("y", encode(y))],
            Material::P384 { x, y } => vec![("kty", "EC".to_owned()), ("crv", "P-384".to_owned()), ("x", encode(x)), ("y", encode(y))],
            Material::Ed25519 { x } => vec![("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), ("x", encode(x))],
        }
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.material_members() {
            map.serialize_entry(name, &value)?;
        }
        map.serialize_entry("use", "sig")?;
        if let Some(alg) = self.alg {
            map.serialize_entry("alg", alg.name())?;
        }
        if let Some(kid) = &self.kid {
            map.serialize_entry("kid", kid)?;
        }
        map.end()
    }
}

/// A set of public keys: an issuer's, or our own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

impl JwkSet {
    /// Reads a key set document (RFC 7517 section 5) and keeps its usable keys.
    pub fn parse(document: &[u8]) -> Result<Self, JwksError> {
        if document.len() > MAX_JWKS_BYTES {
            return Err(JwksError::TooLarge);
        }
        let members = json::parse_object(document).map_err(|_| JwksError::Malformed)?;
        let listed = members.get("keys").and_then(Value::as_array).ok_or(JwksError::Malformed)?;
        if listed.len() > MAX_KEYS {
            return Err(JwksError::TooLarge);
        }
        let mut keys = Vec::new();
        for key in listed {
            keys.extend(Jwk::read(key.as_object().ok_or(JwksError::Malformed)?));
        }
        if keys.is_empty() { Err(JwksError::NoUsableKey) } else { Ok(Self { keys }) }
    }

    /// A set of keys that are already known to be good.
    pub fn new(keys: Vec<Jwk>) -> Self {
        Self { keys }
    }

    /// The keys, in the order of the document.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The document that publishes this set.
    pub fn to_json(&self) -> String {
        json!({ "keys": self.keys }).to_string()
    }
}

#[cfg(test)]
mod tests;
