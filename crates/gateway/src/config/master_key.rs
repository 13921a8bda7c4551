//! The key that seals every other key: 32 bytes in base64, given in the file or kept beside the data.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth::Secret;

/// Where the master key is.
#[derive(Clone, Debug)]
pub enum MasterKey {
    /// Given by `master_key`, checked.
    Given(Secret<[u8; 32]>),
    /// In this file, `master.key` in the data folder; read when Doorward starts.
    File(PathBuf),
}

/// Why there is no usable master key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read.
    #[error("cannot read {path}: {reason}; `doorward init` makes a master key")]
    Unreadable {
        /// The file.
        path: String,
        /// The operating system's words.
        reason: String,
    },
    /// Not 32 bytes in base64.
    #[error("not 32 bytes in base64; `doorward init` makes a master key")]
    Malformed,
}

impl MasterKey {
    /// The key itself.
    pub fn read(&self) -> Result<Secret<[u8; 32]>, MasterKeyError> {
        match self {
            Self::Given(key) => Ok(key.clone()),
            Self::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| MasterKeyError::Unreadable { path: path.display().to_string(), reason: error.to_string() })?;
                decode(&Secret::new(text))
            }
        }
    }
}

/// 32 bytes in base64, white space around it ignored.
pub(super) fn decode(text: &Secret<String>) -> Result<Secret<[u8; 32]>, MasterKeyError> {
    let bytes = Secret::new(STANDARD.decode(text.expose().trim()).map_err(|_| MasterKeyError::Malformed)?);
    let key: [u8; 32] = bytes.expose().as_slice().try_into().map_err(|_| MasterKeyError::Malformed)?;
    Ok(Secret::new(key))
}

/// The file form of a key.
pub(crate) fn encode(key: &Secret<[u8; 32]>) -> Secret<String> {
    Secret::new(format!("{}\n", STANDARD.encode(key.expose())))
}
