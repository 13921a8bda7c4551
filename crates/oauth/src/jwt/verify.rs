//! The checks on a token that somebody else gives us.

use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Alg, ClaimFault, JwtError};
use crate::json;
use crate::jwks::{Jwk, JwkSet, MAX_KID_BYTES, Material};

/// The largest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Header parameters that name a key, a transformation or an obligation of their own (RFC 7515 section 4.1, RFC 7516,
/// RFC 7797). None of them is needed by any issuer we talk to; each has been an attack.
const REFUSED_PARAMETERS: [&str; 9] = ["crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc", "cty"];

/// How many audiences a token may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audiences {
    /// Ours and no other: a string, or a list of exactly one. For access tokens.
    One,
    /// Ours must be among them; the caller checks `azp` (OpenID Connect Core section 3.1.3.7). For ID tokens.
    Several,
}

/// What a token must be to be accepted. All of it is the caller's choice; nothing comes from the token.
#[derive(Debug, Clone, Copy)]
pub struct Accept<'a> {
    /// The accepted values of `typ`, without `application/`. Empty: absent or `JWT`.
    pub typ: &'a [&'a str],
    /// The accepted algorithms.
    pub algs: &'a [Alg],
    /// The `iss`, byte for byte.
    pub issuer: &'a str,
    /// The `aud` that must be there, byte for byte.
    pub audience: &'a str,
    /// Whether other audiences may stand beside it.
    pub audiences: Audiences,
    /// The current instant.
    pub now: Timestamp,
    /// How far the issuer's clock may be off.
    pub leeway: Duration,
}

/// The header of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The algorithm of the signature.
    pub alg: Alg,
    /// The id of the key that signed.
    pub kid: Option<String>,
    /// The type as written.
    pub typ: Option<String>,
}

/// A token whose signature, issuer, audience and times hold. Only [`verify`] makes one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// The header.
    pub header: Header,
    /// All claims. Prefer the typed getters.
    pub claims: Map<String, Value>,
}

impl Verified {
    /// A claim that must be a non-empty string.
    pub fn string(&self, name: &str) -> Result<&str, JwtError> {
        string(&self.claims, name)
    }

    /// A claim that must be a non-empty string where it is present.
    pub fn optional_string(&self, name: &str) -> Result<Option<&str>, JwtError> {
        if self.claims.contains_key(name) { string(&self.claims, name).map(Some) } else { Ok(None) }
    }

    /// A claim that must be an instant in whole seconds.
    pub fn instant(&self, name: &str) -> Result<Timestamp, JwtError> {
        instant(&self.claims, name)
    }

    /// A claim that must be an instant where it is present.
    pub fn optional_instant(&self, name: &str) -> Result<Option<Timestamp>, JwtError> {
        if self.claims.contains_key(name) { instant(&self.claims, name).map(Some) } else { Ok(None) }
    }

    /// The values of `aud`.
    pub fn audiences(&self) -> Result<Vec<String>, JwtError> {
        audiences(&self.claims)
    }
}

/// Checks a token against the issuer's keys and what the caller expects of it.
pub fn verify(token: &str, keys: &JwkSet, accept: &Accept<'_>) -> Result<Verified, JwtError> {
    // Size and form first: nothing is decoded of a text that cannot be a token.
    if token.len() > MAX_TOKEN_BYTES {
        return Err(JwtError::TooLarge);
    }
    let mut parts = token.split('.');
    let (Some(header_part), Some(claims_part), Some(signature_part), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(JwtError::Malformed);
    };
    let decode =
        |part: &str| if part.is_empty() { Err(JwtError::Malformed) } else { URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed) };
    let (header_bytes, claims_bytes, signature) = (decode(header_part)?, decode(claims_part)?, decode(signature_part)?);

    let header = read_header(&header_bytes, accept)?;
    let signed = token.strip_suffix(signature_part).and_then(|rest| rest.strip_suffix('.')).ok_or(JwtError::Malformed)?;
    check_signature(signed.as_bytes(), &signature, &header, keys)?;

    let claims = json::parse_object(&claims_bytes).map_err(|_| JwtError::ClaimsMalformed)?;
    check_claims(&claims, accept)?;
    Ok(Verified { header, claims })
}

/// What a token says of itself, checked by nothing: for the report of a refusal, never to decide by.
pub fn unverified_claims(token: &str) -> Option<serde_json::Map<String, Value>> {
    let claims = token.split('.').nth(1).filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
    json::parse_object(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn read_header(bytes: &[u8], accept: &Accept<'_>) -> Result<Header, JwtError> {
    let members = json::parse_object(bytes).map_err(|_| JwtError::HeaderMalformed)?;
    if let Some(refused) = REFUSED_PARAMETERS.into_iter().find(|name| members.contains_key(*name)) {
        return Err(JwtError::HeaderParameterRefused(refused));
    }
    let text = |name: &str| match members.get(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value.clone())),
        Some(_) => Err(JwtError::HeaderMalformed),
    };
    let alg = Alg::from_name(&text("alg")?.ok_or(JwtError::HeaderMalformed)?)
        .filter(|alg| accept.algs.contains(alg))
        .ok_or(JwtError::AlgorithmRefused)?;
    let typ = text("typ")?;
    check_type(typ.as_deref(), accept.typ)?;
    let kid = text("kid")?;
    if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
        return Err(JwtError::UnknownKey);
    }
    Ok(Header { alg, kid, typ })
}

/// RFC 7515 section 4.1.9: media types compare without case, and `application/` may be left out.
fn check_type(typ: Option<&str>, accepted: &[&str]) -> Result<(), JwtError> {
    let short = typ.map(|typ| {
        let lower = typ.to_ascii_lowercase();
        lower.strip_prefix("application/").map_or(lower.clone(), str::to_owned)
    });
    let fits = match &short {
        None => accepted.is_empty(),
        Some(short) if accepted.is_empty() => short == "jwt",
        Some(short) => accepted.iter().any(|accepted| accepted.eq_ignore_ascii_case(short)),
    };
    if fits { Ok(()) } else { Err(JwtError::TypeMismatch(typ.map(str::to_owned))) }
}

/// The `kid` is only ever compared. Without one, exactly one key of the set must fit (OpenID Connect Core 10.1).
fn check_signature(signed: &[u8], signature: &[u8], header: &Header, keys: &JwkSet) -> Result<(), JwtError> {
    let fitting = keys.keys().iter().filter(|key| key.fits(header.alg));
    let candidates: Vec<&Jwk> = match &header.kid {
        Some(kid) => fitting.filter(|key| key.kid() == Some(kid)).collect(),
        None => fitting.collect(),
    };
    match candidates.as_slice() {
        [] => Err(JwtError::UnknownKey),
        [_, _, ..] if header.kid.is_none() => Err(JwtError::UnknownKey),
        several => {
            if several.iter().any(|key| signature_holds(key, header.alg, signed, signature)) {
                Ok(())
            } else {
                Err(JwtError::SignatureInvalid)
            }
        }
    }
}

fn signature_holds(key: &Jwk, alg: Alg, signed: &[u8], signature: &[u8]) -> bool {
    let rsa = |parameters: &'static RsaParameters| match &key.material {
        Material::Rsa { modulus, exponent } => {
            RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, signed, signature).is_ok()
        }
        Material::P256 { .. } | Material::P384 { .. } | Material::Ed25519 { .. } => false,
    };
    match (alg, &key.material) {
        (Alg::Rs256, _) => rsa(&RSA_PKCS1_2048_8192_SHA256),
        (Alg::Rs384, _) => rsa(&RSA_PKCS1_2048_8192_SHA384),
        (Alg::Rs512, _) => rsa(&RSA_PKCS1_2048_8192_SHA512),
        (Alg::Ps256, _) => rsa(&RSA_PSS_2048_8192_SHA256),
        (Alg::Ps384, _) => rsa(&RSA_PSS_2048_8192_SHA384),
        (Alg::Ps512, _) => rsa(&RSA_PSS_2048_8192_SHA512),
        (Alg::Es256, Material::P256 { x, y }) => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(x, y)).verify(signed, signature).is_ok()
        }
        (Alg::Es384, Material::P384 { x, y }) => {
            UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point(x, y)).verify(signed, signature).is_ok()
        }
        (Alg::EdDsa, Material::Ed25519 { x }) => UnparsedPublicKey::new(&ED25519, x).verify(signed, signature).is_ok(),
        (Alg::Es256 | Alg::Es384 | Alg::EdDsa, _) => false,
    }
}

/// An uncompressed point, SEC 1 section 2.3.3.
fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

/// RFC 7519 section 4.1 and RFC 9068 section 4: `iss`, `aud`, `exp` and `iat` are required of every token we take.
fn check_claims(claims: &Map<String, Value>, accept: &Accept<'_>) -> Result<(), JwtError> {
    let issuer = string(claims, "iss")?;
    if issuer != accept.issuer {
        return Err(JwtError::IssuerMismatch(issuer.to_owned()));
    }
    let audiences = audiences(claims)?;
    let ours = match accept.audiences {
        Audiences::One => audiences.len() == 1 && audiences.iter().any(|audience| audience == accept.audience),
        Audiences::Several => audiences.iter().any(|audience| audience == accept.audience),
    };
    if !ours {
        return Err(JwtError::AudienceMismatch(audiences));
    }
    if claims.contains_key("sub") {
        string(claims, "sub")?;
    }
    // A sum that leaves the calendar saturates towards refusal: `exp` as it stands, `nbf` and `iat` as they stand.
    let later = |at: Timestamp| at.checked_add(accept.leeway).unwrap_or(at);
    let earlier = |at: Timestamp| at.checked_sub(accept.leeway).unwrap_or(at);
    if later(instant(claims, "exp")?) <= accept.now {
        return Err(JwtError::Expired);
    }
    if claims.contains_key("nbf") && earlier(instant(claims, "nbf")?) > accept.now {
        return Err(JwtError::NotYetValid);
    }
    if earlier(instant(claims, "iat")?) > accept.now {
        return Err(JwtError::NotYetValid);
    }
    Ok(())
}

fn string<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, JwtError> {
    match claims.get(name) {
        None => Err(fault(name, ClaimFault::Missing)),
        Some(Value::String(value)) if value.is_empty() => Err(fault(name, ClaimFault::OutOfRange)),
        Some(Value::String(value)) => Ok(value),
        Some(_) => Err(fault(name, ClaimFault::WrongType)),
    }
}

/// A NumericDate (RFC 7519 section 2), in whole seconds from 1970 to 9999. Fractions are refused: no issuer needs
/// them, and a float can be larger than any instant.
fn instant(claims: &Map<String, Value>, name: &str) -> Result<Timestamp, JwtError> {
    let number = match claims.get(name) {
        None => return Err(fault(name, ClaimFault::Missing)),
        Some(Value::Number(number)) => number,
        Some(_) => return Err(fault(name, ClaimFault::WrongType)),
    };
    if number.is_f64() {
        return Err(fault(name, ClaimFault::WrongType));
    }
    let seconds = number.as_i64().filter(|seconds| *seconds >= 0).ok_or_else(|| fault(name, ClaimFault::OutOfRange))?;
    Timestamp::from_second(seconds).map_err(|_| fault(name, ClaimFault::OutOfRange))
}

/// RFC 7519 section 4.1.3: one string, or a list of strings.
fn audiences(claims: &Map<String, Value>) -> Result<Vec<String>, JwtError> {
    let Some(Value::Array(listed)) = claims.get("aud") else { return Ok(vec![string(claims, "aud")?.to_owned()]) };
    if listed.is_empty() {
        return Err(fault("aud", ClaimFault::OutOfRange));
    }
    let strings: Option<Vec<String>> = listed.iter().map(|item| item.as_str().filter(|item| !item.is_empty()).map(str::to_owned)).collect();
    strings.ok_or_else(|| fault("aud", ClaimFault::WrongType))
}

fn fault(name: &str, fault: ClaimFault) -> JwtError {
    JwtError::ClaimInvalid { name: name.to_owned(), fault }
}
