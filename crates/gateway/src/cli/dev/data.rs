//! The data folder of a development run: given and kept, or temporary and removed.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::random::Random;

/// The configuration that the run was started with.
const CONFIG: &str = "dev.yaml";
/// The key that seals the other keys.
const MASTER_KEY: &str = "master.key";

/// The folder; a temporary one goes with this value.
pub(super) struct DataDir {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl DataDir {
    /// Opens or makes the folder, readable by its owner only, with a master key in it.
    pub(super) fn open(given: Option<&Path>, random: Random) -> anyhow::Result<Self> {
        let data = if let Some(given) = given {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(given)
                .with_context(|| format!("cannot make the folder {}", given.display()))?;
            let path = given.canonicalize().with_context(|| format!("cannot read the folder {}", given.display()))?;
            Self { path, temporary: None }
        } else {
            let temporary = tempfile::Builder::new().prefix("doorward-dev-").tempdir().context("cannot make a temporary folder")?;
            Self { path: temporary.path().to_owned(), temporary: Some(temporary) }
        };
        data.make_master_key(random)?;
        Ok(data)
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it goes away with the run.
    pub(super) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Where [`DataDir::keep_config`] writes.
    pub(super) fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// Writes the configuration of this run, for `doorward audit` and for reading.
    pub(super) fn keep_config(&self, yaml: &str) -> anyhow::Result<()> {
        let path = self.config();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.write_all(yaml.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// A folder that was used before has a key, and it stays: the database is sealed with it.
    fn make_master_key(&self, random: Random) -> anyhow::Result<()> {
        let path = self.path.join(MASTER_KEY);
        let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", path.display())),
        };
        let key = oauth::Secret::new(random.bytes::<32>()?);
        let text = oauth::Secret::new(format!("{}\n", STANDARD.encode(key.expose())));
        file.write_all(text.expose().as_bytes()).with_context(|| format!("cannot write {}", path.display()))
    }
}
