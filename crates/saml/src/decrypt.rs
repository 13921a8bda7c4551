//! Encrypted assertions (SAML core 2.3.4, XML encryption 1.1): RSA-OAEP around AES-GCM, or AES-CBC inside a signed Response.
//!
//! Invariants: every failure after the shape was found good is the one [`ResponseError::Decryption`]; CBC ciphertext is
//! touched only after the signature of the Response that carries it verified, so nobody can use us as a padding oracle.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm};

use crate::encoding::decode_base64;
use crate::error::ResponseError;
use crate::keys::SpKey;
use crate::names::{self, DS, XENC, XENC11};
use crate::xml::{Node, printable};

/// More encrypted keys than this are not tried: each costs a private-key operation per key of ours.
const MOST_ENCRYPTED_KEYS: usize = 4;

/// A decrypted assertion, still bytes.
pub(crate) struct Plaintext {
    bytes: Vec<u8>,
    content: Content,
}

impl Plaintext {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// With CBC a wrong key yields garbage instead of an error; what garbage it is must not be told.
    pub(crate) fn uniform(&self, error: ResponseError) -> ResponseError {
        if self.content.is_cbc() { ResponseError::Decryption } else { error }
    }

    pub(crate) fn describe(&self) -> String {
        format!("decrypted with {}", self.content.label())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Gcm128,
    Gcm256,
    Cbc128,
    Cbc256,
}

impl Content {
    fn is_cbc(self) -> bool {
        matches!(self, Content::Cbc128 | Content::Cbc256)
    }

    fn key_len(self) -> usize {
        match self {
            Content::Gcm128 | Content::Cbc128 => 16,
            Content::Gcm256 | Content::Cbc256 => 32,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Content::Gcm128 => "AES-128-GCM",
            Content::Gcm256 => "AES-256-GCM",
            Content::Cbc128 => "AES-128-CBC",
            Content::Cbc256 => "AES-256-CBC",
        }
    }
}

/// A key of one session, wrapped for us.
struct WrappedKey {
    algorithm: &'static OaepAlgorithm,
    ciphertext: Vec<u8>,
}

/// Decrypts an `EncryptedAssertion`; `response_verified` says whether a verified signature of the Response covers it.
pub(crate) fn decrypt(encrypted: Node<'_>, response_verified: bool, keys: &[SpKey]) -> Result<Plaintext, ResponseError> {
    let children = encrypted.only_elements()?;
    let Some((data, siblings)) = children.split_first().filter(|(data, _)| data.is(XENC, "EncryptedData")) else {
        return malformed("EncryptedAssertion does not begin with EncryptedData");
    };
    let (content, inner_keys, ciphertext) = read_data(*data)?;
    if siblings.iter().any(|key| !key.is(XENC, "EncryptedKey")) {
        return malformed("EncryptedAssertion holds more than EncryptedData and EncryptedKey");
    }
    let wrapped: Vec<_> = inner_keys.into_iter().chain(siblings.iter().copied()).collect();
    if wrapped.is_empty() || wrapped.len() > MOST_ENCRYPTED_KEYS {
        return malformed("there is no EncryptedKey, or there are too many");
    }
    let wrapped = wrapped.into_iter().map(read_key).collect::<Result<Vec<_>, _>>()?;
    if content.is_cbc() && !response_verified {
        return Err(ResponseError::CbcUnsigned);
    }
    if keys.is_empty() {
        return Err(ResponseError::NoDecryptionKey);
    }
    let bytes = wrapped.iter().flat_map(|key| keys.iter().map(move |own| (key, own))).find_map(|(key, own)| {
        let session = unwrap(key, own)?;
        if session.len() == content.key_len() { open(content, &session, &ciphertext) } else { None }
    });
    Ok(Plaintext { bytes: bytes.ok_or(ResponseError::Decryption)?, content })
}

/// XML encryption 3.1: `EncryptionMethod`, `KeyInfo`, `CipherData`.
fn read_data(data: Node<'_>) -> Result<(Content, Vec<Node<'_>>, Vec<u8>), ResponseError> {
    if data.attribute("Type").is_some_and(|kind| kind != names::ENC_ELEMENT) {
        return malformed("EncryptedData does not hold an element");
    }
    let children = data.only_elements()?;
    let (method, key_info, cipher_data) = match children.as_slice() {
        [method, data] => (*method, None, *data),
        [method, info, data] if info.is(DS, "KeyInfo") => (*method, Some(*info), *data),
        _ => return malformed("EncryptedData does not hold EncryptionMethod, KeyInfo and CipherData"),
    };
    let content = match algorithm_of(method)? {
        names::AES128_GCM => Content::Gcm128,
        names::AES256_GCM => Content::Gcm256,
        names::AES128_CBC => Content::Cbc128,
        names::AES256_CBC => Content::Cbc256,
        other => return Err(ResponseError::EncryptionAlgorithm { algorithm: printable(other, 120) }),
    };
    let keys = key_info.map(|info| info.children_named(XENC, "EncryptedKey").collect()).unwrap_or_default();
    Ok((content, keys, cipher_value(cipher_data)?))
}

/// XML encryption 3.5.1. Whose key it is supposed to be (`Recipient`, `KeyInfo`) is not looked at: ours are tried.
fn read_key(key: Node<'_>) -> Result<WrappedKey, ResponseError> {
    let children = key.only_elements()?;
    let Some((method, rest)) = children.split_first() else { return malformed("EncryptedKey is empty") };
    let mut data = rest.iter().filter(|node| node.is(XENC, "CipherData"));
    let (Some(data), None) = (data.next(), data.next()) else { return malformed("EncryptedKey does not hold one CipherData") };
    let algorithm = algorithm_of(*method)?;
    let (mut digest, mut mask) = (names::DIGEST_SHA1, names::MGF1_SHA1);
    for parameter in method.only_elements()? {
        if parameter.is(DS, "DigestMethod") {
            digest = parameter.attribute("Algorithm").unwrap_or_default();
        } else if parameter.is(XENC11, "MGF") && algorithm == names::RSA_OAEP {
            mask = parameter.attribute("Algorithm").unwrap_or_default();
        } else if !parameter.is(XENC, "KeySize") {
            return malformed("the key transport has unknown parameters");
        }
    }
    let known = algorithm == names::RSA_OAEP_MGF1P || algorithm == names::RSA_OAEP;
    let algorithm = match (digest, mask) {
        (names::DIGEST_SHA1, names::MGF1_SHA1) if known => &OAEP_SHA1_MGF1SHA1,
        (names::DIGEST_SHA256, names::MGF1_SHA256) if known => &OAEP_SHA256_MGF1SHA256,
        _ => {
            let algorithm = format!("{} with {} and {}", printable(algorithm, 120), printable(digest, 120), printable(mask, 120));
            return Err(ResponseError::EncryptionAlgorithm { algorithm });
        }
    };
    Ok(WrappedKey { algorithm, ciphertext: cipher_value(*data)? })
}

fn algorithm_of(method: Node<'_>) -> Result<&str, ResponseError> {
    if !method.is(XENC, "EncryptionMethod") {
        return malformed("EncryptionMethod is missing");
    }
    Ok(method.attribute("Algorithm").unwrap_or_default())
}

/// The bytes of a `CipherData`; a `CipherReference` would make us fetch something.
fn cipher_value(data: Node<'_>) -> Result<Vec<u8>, ResponseError> {
    let value = match data.only_elements()?.as_slice() {
        [value] if data.is(XENC, "CipherData") && value.is(XENC, "CipherValue") => *value,
        _ => return malformed("CipherData does not hold one CipherValue"),
    };
    decode_base64(value.text()?.as_bytes()).ok_or(ResponseError::EncryptionMalformed { detail: "CipherValue is not base64" })
}

fn unwrap(key: &WrappedKey, own: &SpKey) -> Option<Vec<u8>> {
    let mut buffer = vec![0; own.decryption().min_output_size()];
    own.decryption().decrypt(key.algorithm, &key.ciphertext, &mut buffer, None).ok().map(|session| session.to_vec())
}

fn open(content: Content, key: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    match content {
        Content::Gcm128 => open_gcm(&aead::AES_128_GCM, key, ciphertext),
        Content::Gcm256 => open_gcm(&aead::AES_256_GCM, key, ciphertext),
        Content::Cbc128 => open_cbc(&cipher::AES_128, key, ciphertext),
        Content::Cbc256 => open_cbc(&cipher::AES_256, key, ciphertext),
    }
}

/// XML encryption 5.2.4: 96 bits of nonce, the ciphertext, 128 bits of tag.
fn open_gcm(algorithm: &'static aead::Algorithm, key: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = ciphertext.split_at_checked(12)?;
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
    let mut sealed = sealed.to_vec();
    let length = key.open_in_place(Nonce::try_assume_unique_for_key(nonce).ok()?, Aad::empty(), &mut sealed).ok()?.len();
    sealed.truncate(length);
    Some(sealed)
}

/// XML encryption 5.2.2: a block of initialization vector, then whole blocks; the last byte says how many bytes to drop
/// and the others of the padding may be anything (ISO 10126).
fn open_cbc(algorithm: &'static cipher::Algorithm, key: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let (iv, blocks) = ciphertext.split_first_chunk::<16>()?;
    let mut blocks = blocks.to_vec();
    let key = DecryptingKey::cbc(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
    let plain = key.decrypt(&mut blocks, DecryptionContext::Iv128(FixedLength::from(iv))).ok()?;
    let padding = usize::from(*plain.last()?);
    let length = plain.len().checked_sub(padding).filter(|_| (1..=16).contains(&padding))?;
    blocks.truncate(length);
    Some(blocks)
}

fn malformed<T>(detail: &'static str) -> Result<T, ResponseError> {
    Err(ResponseError::EncryptionMalformed { detail })
}
