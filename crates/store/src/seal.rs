//! Sealing: secrets that must be read back lie in the database under AES-256-GCM.
//!
//! The 32-byte master key is never used itself: HKDF-SHA-256 derives one key to seal with, one to derive refresh token
//! successors with, and the key id. The associated data is table, column and row id, so a sealed value copied to another
//! row does not open. A canary row tells at start whether the master key is the one the database was sealed under.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth::Secret;

use crate::StoreError;

const NONCE_LENGTH: usize = 12;
const FORMAT: &str = "s1";

/// The master key, taken apart into the keys that are really used.
pub struct SealingKey {
    aead: RandomizedNonceKey,
    successor: hmac::Key,
    lookup: hmac::Key,
    key_id: String,
}

impl SealingKey {
    /// Derives the working keys from the 32 bytes of the master key.
    ///
    /// # Errors
    /// Only if the cryptographic library refuses, which it does not for keys of this length.
    pub fn from_master_key(master_key: &Secret<[u8; 32]>) -> Result<Self, StoreError> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"doorward/store");
        let prk = salt.extract(master_key.expose());
        let derive = |label: &[u8]| -> Result<Secret<[u8; 32]>, StoreError> {
            let mut bytes = [0_u8; 32];
            let info = [label];
            let okm = prk.expand(&info, hkdf::HKDF_SHA256).map_err(|_| REFUSED)?;
            okm.fill(&mut bytes).map_err(|_| REFUSED)?;
            Ok(Secret::new(bytes))
        };
        let key_id = derive(b"key id v1")?;
        let short_id = key_id.expose().first_chunk::<9>().ok_or(REFUSED)?;
        Ok(Self {
            aead: RandomizedNonceKey::new(&AES_256_GCM, derive(b"seal v1")?.expose()).map_err(|_| REFUSED)?,
            successor: hmac::Key::new(hmac::HMAC_SHA256, derive(b"refresh token successor v1")?.expose()),
            lookup: hmac::Key::new(hmac::HMAC_SHA256, derive(b"lookup v1")?.expose()),
            key_id: URL_SAFE_NO_PAD.encode(short_id),
        })
    }

    /// Names the key without telling anything about it.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Seals `plaintext` for one column of one row: `s1.<key id>.<nonce and ciphertext in base64url>`.
    pub(crate) fn seal(&self, place: &Place<'_>, plaintext: &[u8]) -> Result<String, StoreError> {
        let mut bytes = plaintext.to_vec();
        let nonce = self.aead.seal_in_place_append_tag(Aad::from(place.associated_data()), &mut bytes).map_err(|_| REFUSED)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut bytes);
        Ok(format!("{FORMAT}.{}.{}", self.key_id, URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Opens what [`SealingKey::seal`] made for the same place.
    pub(crate) fn open(&self, place: &Place<'_>, sealed: &str) -> Result<Secret<Vec<u8>>, StoreError> {
        self.try_open(place, sealed).ok_or(StoreError::Sealed { what: place.column })
    }

    fn try_open(&self, place: &Place<'_>, sealed: &str) -> Option<Secret<Vec<u8>>> {
        let body = sealed.strip_prefix(FORMAT)?.strip_prefix('.')?.strip_prefix(self.key_id.as_str())?.strip_prefix('.')?;
        let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_LENGTH)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut buffer = ciphertext.to_vec();
        let plaintext = self.aead.open_in_place(nonce, Aad::from(place.associated_data()), &mut buffer).ok()?.to_vec();
        Some(Secret::new(plaintext))
    }

    /// The one successor of a refresh token. Deterministic, so that a client which races itself gets the same answer
    /// twice although no refresh token is stored; not to be found without the master key.
    pub(crate) fn refresh_successor(&self, predecessor: &Secret<String>) -> Secret<String> {
        let tag = hmac::sign(&self.successor, predecessor.expose().as_bytes());
        Secret::new(URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// A keyed hash by which a sealed value can be found again, and without the master key not even guessed. No two lists of
    /// parts share their message: each part goes in with its length before it.
    pub(crate) fn lookup(&self, parts: &[&str]) -> String {
        let message: Vec<u8> = parts.iter().flat_map(|part| [&part.len().to_be_bytes()[..], part.as_bytes()].concat()).collect();
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.lookup, &message).as_ref())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealingKey({})", self.key_id)
    }
}

/// Where a sealed value belongs.
pub(crate) struct Place<'a> {
    /// `table.column`.
    pub(crate) column: &'static str,
    /// The row's key.
    pub(crate) row: &'a str,
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        // A column name holds no 0x1f, so no two places share their associated data.
        [self.column.as_bytes(), &[0x1f], self.row.as_bytes()].concat()
    }
}

const REFUSED: StoreError = StoreError::Sealed { what: "the cryptographic library" };

#[cfg(test)]
mod tests {
    use oauth::Secret;

    use super::{Place, SealingKey};

    fn key(byte: u8) -> SealingKey {
        SealingKey::from_master_key(&Secret::new([byte; 32])).unwrap()
    }

    #[test]
    fn opens_only_in_its_place_and_under_its_key() {
        let place = Place { column: "keys.pkcs8", row: "a" };
        let sealed = key(1).seal(&place, b"secret").unwrap();
        assert_eq!(key(1).open(&place, &sealed).unwrap().expose(), b"secret");
        assert_ne!(sealed, key(1).seal(&place, b"secret").unwrap(), "nonces are fresh");
        for (opener, column, row) in [(2, "keys.pkcs8", "a"), (1, "keys.pkcs8", "b"), (1, "keys.other", "a")] {
            let error = key(opener).open(&Place { column, row }, &sealed).unwrap_err();
            assert_eq!(error.code(), "store.sealed_value_unreadable");
        }
    }

    #[test]
    fn lookups_differ_by_every_part_and_by_key() {
        let hash = key(1).lookup(&["a", "bc"]);
        assert_eq!(hash, key(1).lookup(&["a", "bc"]));
        for other in [key(2).lookup(&["a", "bc"]), key(1).lookup(&["ab", "c"]), key(1).lookup(&["a", "b", "c"]), key(1).lookup(&["abc"])] {
            assert_ne!(hash, other);
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let place = Place { column: "keys.pkcs8", row: "a" };
        let sealed = key(1).seal(&place, b"secret").unwrap();
        for index in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'Q' } else { b'A' };
            assert!(key(1).open(&place, &String::from_utf8(bytes).unwrap()).is_err(), "{index}");
            assert!(key(1).open(&place, sealed.get(..index).unwrap()).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn successors_differ_by_token_and_by_key() {
        let token = Secret::new("token".to_owned());
        let successor = key(1).refresh_successor(&token);
        assert_eq!(successor, key(1).refresh_successor(&token));
        assert_ne!(successor, key(2).refresh_successor(&token));
        assert_ne!(successor, key(1).refresh_successor(&successor));
        assert_eq!(successor.expose().len(), 43);
    }
}
