//! Public keys of identity providers, private keys of the service provider.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{self, KeyPair, ParsedPublicKey, RsaKeyPair};
use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::encoding::decode_base64;
use crate::error::{KeyError, MetadataError};
use crate::names;
use crate::xml::printable;

/// A certificate whose key may sign for an identity provider. Only the key counts: metadata pins it, so names and chains of
/// the certificate are not looked at (SAML V2.0 Metadata Interoperability Profile, section 2.6.1), and its dates only to warn,
/// or where the administrator wants it ([`crate::Expected::refuse_expired_certificates`]).
#[derive(Clone)]
pub struct SigningCertificate {
    der: Vec<u8>,
    public_key: Vec<u8>,
    subject: String,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    key: VerificationKey,
}

/// A longer subject is cut: it is for people to read, and nothing is decided by it.
const LONGEST_SUBJECT: usize = 200;

#[derive(Clone)]
enum VerificationKey {
    Rsa {
        sha256: Arc<ParsedPublicKey>,
        sha384: Arc<ParsedPublicKey>,
        sha512: Arc<ParsedPublicKey>,
    },
    /// A key that fits one algorithm, named by its URI.
    Ecdsa {
        algorithm: &'static str,
        key: Arc<ParsedPublicKey>,
    },
}

impl SigningCertificate {
    /// Takes an X.509 certificate in DER; gives `None` if its key is of a kind or size that is not accepted.
    pub fn from_der(der: &[u8]) -> Result<Option<SigningCertificate>, MetadataError> {
        let certificate = parse_certificate(der).ok_or(MetadataError::CertificateInvalid)?;
        let bytes = certificate.public_key().subject_public_key.data.as_ref();
        let key = match certificate.public_key().parsed().map_err(|_| MetadataError::CertificateInvalid)? {
            PublicKey::RSA(rsa) if (2048..=8192).contains(&modulus_bits(rsa.modulus)) => VerificationKey::rsa(bytes),
            PublicKey::EC(point) => VerificationKey::ecdsa(point.data()),
            PublicKey::RSA(_) | PublicKey::DSA(_) | PublicKey::GostR3410(_) | PublicKey::GostR3410_2012(_) | PublicKey::Unknown(_) => None,
        };
        let instant = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
        let (not_before, not_after) = (instant(certificate.validity().not_before), instant(certificate.validity().not_after));
        let subject = printable(&certificate.subject().to_string(), LONGEST_SUBJECT);
        Ok(key.map(|key| SigningCertificate { der: der.to_vec(), public_key: bytes.to_vec(), subject, not_before, not_after, key }))
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 fingerprint in lower-case hex, as administrators compare it.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.der)
    }

    /// Subject and fingerprint, for people who look for it among others.
    pub fn describe(&self) -> String {
        let subject = if self.subject.is_empty() { "without a subject" } else { &self.subject };
        format!("{subject}, SHA-256 {}", self.fingerprint())
    }

    /// The certificates of a PEM file; what is in it beside certificates is passed over.
    pub fn from_pem(pem: &str) -> Result<Vec<SigningCertificate>, MetadataError> {
        let mut certificates = Vec::new();
        for part in pem.split("-----BEGIN CERTIFICATE-----").skip(1) {
            let (body, _) = part.split_once("-----END CERTIFICATE-----").ok_or(MetadataError::CertificateInvalid)?;
            let der = decode_base64(body.as_bytes()).ok_or(MetadataError::CertificateInvalid)?;
            certificates.extend(SigningCertificate::from_der(&der)?);
        }
        if certificates.is_empty() { Err(MetadataError::NoSigningKey) } else { Ok(certificates) }
    }

    /// When the certificate says that it begins.
    pub fn not_before(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// Whether the present is within the dates of the certificate.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|begin| begin <= now) && self.not_after.is_none_or(|end| now <= end)
    }

    /// Whether both carry the same public key: a certificate may be renewed without a new key.
    pub fn has_key_of(&self, other: &SigningCertificate) -> bool {
        self.public_key == other.public_key
    }

    /// When the certificate says that it ends.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }

    /// Whether `signature` is this key's signature of `message` by the algorithm of that URI.
    pub(crate) fn verifies(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let key = match &self.key {
            VerificationKey::Rsa { sha256, .. } if algorithm == names::RSA_SHA256 => sha256,
            VerificationKey::Rsa { sha384, .. } if algorithm == names::RSA_SHA384 => sha384,
            VerificationKey::Rsa { sha512, .. } if algorithm == names::RSA_SHA512 => sha512,
            VerificationKey::Ecdsa { algorithm: own, key } if algorithm == *own => key,
            VerificationKey::Rsa { .. } | VerificationKey::Ecdsa { .. } => return false,
        };
        key.verify_sig(message, signature).is_ok()
    }
}

impl VerificationKey {
    fn rsa(pkcs1: &[u8]) -> Option<VerificationKey> {
        let parse = |parameters: &'static signature::RsaParameters| ParsedPublicKey::new(parameters, pkcs1).ok().map(Arc::new);
        Some(VerificationKey::Rsa {
            sha256: parse(&signature::RSA_PKCS1_2048_8192_SHA256)?,
            sha384: parse(&signature::RSA_PKCS1_2048_8192_SHA384)?,
            sha512: parse(&signature::RSA_PKCS1_2048_8192_SHA512)?,
        })
    }

    /// An uncompressed point; its length says the curve, and the curve fixes the digest.
    fn ecdsa(point: &[u8]) -> Option<VerificationKey> {
        let (algorithm, parameters): (&'static str, &'static signature::EcdsaVerificationAlgorithm) = match point.len() {
            65 => (names::ECDSA_SHA256, &signature::ECDSA_P256_SHA256_FIXED),
            97 => (names::ECDSA_SHA384, &signature::ECDSA_P384_SHA384_FIXED),
            133 => (names::ECDSA_SHA512, &signature::ECDSA_P521_SHA512_FIXED),
            _ => return None,
        };
        ParsedPublicKey::new(parameters, point).ok().map(|key| VerificationKey::Ecdsa { algorithm, key: Arc::new(key) })
    }
}

impl PartialEq for SigningCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for SigningCertificate {}

impl fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningCertificate(sha256:{})", self.fingerprint())
    }
}

/// An RSA key of the service provider: signs requests, decrypts assertions. Cheap to clone; never printed.
#[derive(Clone)]
pub struct SpKey {
    signing: Arc<RsaKeyPair>,
    decryption: Arc<OaepPrivateDecryptingKey>,
    certificate: Option<Arc<[u8]>>,
    not_after: Option<Timestamp>,
}

impl SpKey {
    /// Takes an RSA private key as PKCS#8 DER and the X.509 certificate (DER) that publishes it.
    pub fn from_pkcs8(der: &[u8], certificate_der: Vec<u8>) -> Result<SpKey, KeyError> {
        let mut key = SpKey::for_decryption(der)?;
        let certificate = parse_certificate(&certificate_der).ok_or(KeyError::CertificateInvalid)?;
        if certificate.public_key().subject_public_key.data.as_ref() != key.signing.public_key().as_ref() {
            return Err(KeyError::CertificateMismatch);
        }
        key.not_after = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok();
        key.certificate = Some(certificate_der.into());
        Ok(key)
    }

    /// The same key without its certificate: it decrypts what is still sent to it, and is published no more.
    #[must_use]
    pub fn decrypting_only(&self) -> SpKey {
        SpKey { certificate: None, not_after: None, ..self.clone() }
    }

    /// When the certificate ends.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }

    /// The SHA-256 fingerprint of the certificate in lower-case hex, if the key has one.
    pub fn fingerprint(&self) -> Option<String> {
        self.certificate_der().map(fingerprint)
    }

    /// Takes an RSA private key as PKCS#8 DER; the key decrypts but neither signs nor appears in metadata.
    pub fn for_decryption(der: &[u8]) -> Result<SpKey, KeyError> {
        let signing = RsaKeyPair::from_pkcs8(der).map_err(|_| KeyError::KeyInvalid)?;
        let decryption = PrivateDecryptingKey::from_pkcs8(der).and_then(|key| OaepPrivateDecryptingKey::new(key).map_err(Into::into));
        let decryption = decryption.map_err(|_| KeyError::KeyInvalid)?;
        Ok(SpKey { signing: Arc::new(signing), decryption: Arc::new(decryption), certificate: None, not_after: None })
    }

    /// The certificate in DER, if the key has one.
    pub fn certificate_der(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }

    pub(crate) fn signing(&self) -> &RsaKeyPair {
        &self.signing
    }

    pub(crate) fn decryption(&self) -> &OaepPrivateDecryptingKey {
        &self.decryption
    }
}

impl fmt::Debug for SpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpKey(…)")
    }
}

fn parse_certificate(der: &[u8]) -> Option<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Some(certificate),
        Ok(_) | Err(_) => None,
    }
}

fn modulus_bits(modulus: &[u8]) -> usize {
    let significant = modulus.iter().position(|byte| *byte != 0).and_then(|at| modulus.get(at..)).unwrap_or_default();
    significant.first().map_or(0, |top| significant.len() * 8 - top.leading_zeros() as usize)
}

/// The SHA-256 fingerprint of a certificate in lower-case hex.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    hex(digest(&SHA256, der).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
