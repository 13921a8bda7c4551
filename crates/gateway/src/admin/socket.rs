//! The socket's file: made with mode 0600 before anybody can connect, removed at the stop.
//!
//! A process that was killed leaves the file behind. It is removed at the next start, if it is a socket and nobody answers
//! on it; anything else of that name is left alone and stops the start.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use super::error::SocketError;

/// The socket's name in the data folder.
pub const SOCKET_FILE: &str = "admin.sock";

/// `sun_path` without its final zero: 108 bytes on Linux, 104 on macOS and the BSDs.
const MAX_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 16;
/// Only its owner may connect.
const MODE: u32 = 0o600;

/// Where the socket of a data folder is.
pub fn path_in(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET_FILE)
}

/// A socket that listens, and its file. Dropped, it removes the file, if that is still its own.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    pub(super) path: PathBuf,
    /// Device and inode: what another process put in its place is not ours to remove.
    identity: (u64, u64),
}

impl Socket {
    /// Makes the file and listens on it.
    pub(super) async fn open(data_dir: &Path) -> Result<Self, SocketError> {
        let path = path_in(data_dir);
        let bytes = path.as_os_str().as_bytes().len();
        if bytes > MAX_PATH {
            return Err(SocketError::PathTooLong { path, bytes, max: MAX_PATH });
        }
        remove_stale(&path).await?;
        let failed = |source| SocketError::Open { path: path.clone(), source };
        let socket = UnixSocket::new_stream().map_err(failed)?;
        socket.bind(&path).map_err(failed)?;
        // Between bind and listen a connection is refused, so nobody gets in before the mode is set.
        fs::set_permissions(&path, fs::Permissions::from_mode(MODE)).map_err(failed)?;
        let identity = identity(&path).map_err(failed)?;
        let listener = socket.listen(BACKLOG).map_err(failed)?;
        Ok(Self { listener, path, identity })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the admin socket cannot be removed");
        }
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Removes what a process that is gone left behind. The audit journal's lock has already kept a second Doorward away.
async fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let failed = |source| SocketError::Open { path: path.to_owned(), source };
    let file = match fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !file.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(SocketError::InUse { path: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}
