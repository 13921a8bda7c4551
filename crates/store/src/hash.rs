//! SHA-256 of bearer values: what is stored in their place.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The SHA-256 of a bearer value.
pub type Hash = [u8; 32];

/// The SHA-256 of `value`, exactly as the bearer sent it: a changed, shortened or lengthened value has another hash.
pub fn sha256(value: &[u8]) -> Hash {
    let mut hash = [0_u8; 32];
    hash.copy_from_slice(digest(&SHA256, value).as_ref());
    hash
}

/// How a hash stands in the database.
pub(crate) fn column(hash: &Hash) -> String {
    URL_SAFE_NO_PAD.encode(hash)
}

/// The hash that [`column`] wrote.
pub(crate) fn from_column(text: &str) -> Option<Hash> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}
