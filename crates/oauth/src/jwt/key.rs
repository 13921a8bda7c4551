//! Private signature keys: ES256 for what Doorward issues, RS256 for peers that know nothing else.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};

use super::{Alg, JwtError};
use crate::Secret;
use crate::jwks::{Jwk, Material};

/// A private key that signs tokens. Its id is its RFC 7638 thumbprint, so the id cannot name another key.
pub struct SigningKey {
    pair: Pair,
    public: Jwk,
    kid: String,
}

enum Pair {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl SigningKey {
    /// Makes a new P-256 key, as PKCS#8.
    pub fn generate_pkcs8() -> Result<Secret<Vec<u8>>, JwtError> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).map_err(|_| JwtError::KeyUnusable)?;
        Ok(Secret::new(document.as_ref().to_vec()))
    }

    /// Makes a new RSA key of 2048 bits, as PKCS#8.
    pub fn generate_rsa_pkcs8() -> Result<Secret<Vec<u8>>, JwtError> {
        let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(|_| JwtError::KeyUnusable)?;
        let document = pair.as_der().map_err(|_| JwtError::KeyUnusable)?;
        Ok(Secret::new(document.as_ref().to_vec()))
    }

    /// Reads a P-256 or RSA key from PKCS#8.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, JwtError> {
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            // An uncompressed point, SEC 1 section 2.3.3: 0x04, then x and y of 32 bytes each.
            let point = pair.public_key().as_ref().strip_prefix(&[4]).filter(|point| point.len() == 64).ok_or(JwtError::KeyUnusable)?;
            let (x, y) = point.split_at(32);
            let material = Material::P256 { x: x.to_vec(), y: y.to_vec() };
            return Ok(Self::new(Pair::Es256(pair), Alg::Es256, material));
        }
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| JwtError::KeyUnusable)?;
        let (modulus, exponent) = rsa_numbers(pair.public_key().as_ref()).ok_or(JwtError::KeyUnusable)?;
        let material = Material::Rsa { modulus, exponent };
        Ok(Self::new(Pair::Rs256(pair), Alg::Rs256, material))
    }

    /// The key's id: its RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm it signs with.
    pub fn alg(&self) -> Alg {
        match self.pair {
            Pair::Es256(_) => Alg::Es256,
            Pair::Rs256(_) => Alg::Rs256,
        }
    }

    /// The public half, to publish.
    pub fn public_jwk(&self) -> Jwk {
        self.public.clone()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JwtError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Es256(pair) => {
                pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(|_| JwtError::SigningFailed)
            }
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(|_| JwtError::SigningFailed)?;
                Ok(signature)
            }
        }
    }

    fn new(pair: Pair, alg: Alg, material: Material) -> Self {
        let mut public = Jwk { kid: None, alg: Some(alg), material };
        let kid = public.thumbprint();
        public.kid = Some(kid.clone());
        Self { pair, public, kid }
    }
}

/// The two numbers of an `RSAPublicKey` (RFC 8017 appendix A.1.1) as the provider writes it: a sequence of two integers.
fn rsa_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (sequence, _) = der_value(der, 0x30)?;
    let (modulus, rest) = der_value(sequence, 0x02)?;
    let (exponent, _) = der_value(rest, 0x02)?;
    let unsigned = |bytes: &[u8]| bytes.strip_prefix(&[0]).unwrap_or(bytes).to_vec();
    Some((unsigned(modulus), unsigned(exponent)))
}

/// The contents of the DER value with `tag` at the start of `input`, and what follows it. Lengths of up to 64 KiB.
fn der_value(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = input.split_first().filter(|(first, _)| **first == tag).and_then(|(_, rest)| rest.split_first())?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => rest.split_first().map(|(low, rest)| (usize::from(*low), rest))?,
        0x82 => rest.split_first_chunk::<2>().map(|(bytes, rest)| (usize::from(u16::from_be_bytes(*bytes)), rest))?,
        _ => return None,
    };
    rest.split_at_checked(length)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
