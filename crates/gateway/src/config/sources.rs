//! Which files a configuration was made from, and what was in them: so that a change of one of them can be seen.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

/// Reads files and takes note of each: also of those that are not there, for they may come.
#[derive(Default)]
pub(super) struct Files(RefCell<BTreeMap<PathBuf, Option<Digest>>>);

type Digest = [u8; digest::SHA256_OUTPUT_LEN];

impl Files {
    /// A whole file of at most `limit` bytes, or in words why not.
    pub(super) fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, String> {
        let bytes = read(path, limit);
        self.0.borrow_mut().insert(path.to_owned(), bytes.as_ref().ok().map(|bytes| digest_of(bytes)));
        bytes
    }

    pub(super) fn into_sources(self) -> Sources {
        Sources(self.0.into_inner())
    }
}

/// The limit holds for what is read, not for what the file system said before: a pipe has no size.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(format!("it is larger than {limit} bytes"));
    }
    Ok(bytes)
}

fn digest_of(bytes: &[u8]) -> Digest {
    let mut output = Digest::default();
    output.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    output
}

/// Files by path, each with a hash of what was in it; none if it could not be read.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<PathBuf, Option<Digest>>);

impl Sources {
    /// The files, in order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The files that came, went, or have another content than in `earlier`.
    pub fn changed_since<'a>(&'a self, earlier: &'a Self) -> Vec<&'a Path> {
        let new = self.0.iter().filter(|(path, digest)| earlier.0.get(*path) != Some(digest)).map(|(path, _)| path.as_path());
        let gone = earlier.0.keys().filter(|path| !self.0.contains_key(*path)).map(PathBuf::as_path);
        new.chain(gone).collect()
    }

    /// Whether the files are still what they were: reads them all.
    pub fn are_current(&self) -> bool {
        self.0.iter().all(|(path, digest)| read(path, MOST).ok().map(|bytes| digest_of(&bytes)) == *digest)
    }
}

/// No source is larger: the largest limit of all readers.
const MOST: u64 = 16 << 20;

impl fmt::Debug for Sources {
    /// The paths only: the hash of a short secret is nearly the secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
