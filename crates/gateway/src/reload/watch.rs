//! Looks at the files of the configuration every second and has them read again when one has changed.
//!
//! Asking is slower than being told by the kernel, but it is right everywhere: over NFS, through the symbolic links of a
//! Kubernetes volume (`..data` is exchanged, the watched names stay), when a folder is replaced, and for files that are not there yet.
//! A round is one `stat` per file. What changed has to stay the same for one more round, so that a file is not read half written.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use super::{Trigger, log_failure, reload_alone};
use crate::app::App;
use crate::config::Sources;

const ROUND: Duration = Duration::from_secs(1);
/// In each such round the files are read and compared: for file systems whose times are coarse or kept back.
const WHOLE_ROUND: u32 = 30;

/// Which file stands behind each name, and when it was last written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamps(BTreeMap<PathBuf, Option<Stamp>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    written: (i64, i64),
    /// Set by the kernel alone: also when a tool sets the time of the last write back.
    changed: (i64, i64),
}

impl Stamps {
    /// As the files are now, through every symbolic link.
    pub(super) fn of(sources: &Sources) -> Self {
        Self(sources.paths().map(|path| (path.to_owned(), stamp(path))).collect())
    }

    /// Whether the files that both know are the same.
    pub(super) fn agree_with(&self, other: &Self) -> bool {
        self.0.iter().all(|(path, stamp)| other.0.get(path).is_none_or(|others| others == stamp))
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let file = std::fs::metadata(path).ok()?;
    let (written, changed) = ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
    Some(Stamp { device: file.dev(), inode: file.ino(), size: file.size(), written, changed })
}

/// Watches until the application is gone.
pub(super) async fn watch(app: Weak<App>) {
    let mut last = None;
    let mut number: u32 = 0;
    loop {
        tokio::time::sleep(ROUND).await;
        let Some(app) = app.upgrade() else { return };
        number = number.wrapping_add(1);
        last = round(&app, last, number.is_multiple_of(WHOLE_ROUND)).await;
    }
}

/// One look. Gives a change that has to prove in the next round that it is over.
async fn round(app: &App, last: Option<Stamps>, read: bool) -> Option<Stamps> {
    let seen = app.reload.0.lock().await;
    let (sources, taken) = (seen.sources.clone(), seen.stamps.clone());
    let look = move || {
        let stamps = Stamps::of(&sources);
        let changed = stamps != taken || (read && !sources.are_current());
        (stamps, changed)
    };
    // A panic there is a fault of ours; the next round looks again.
    let (stamps, changed) = tokio::task::spawn_blocking(look).await.ok()?;
    match last {
        _ if !changed && last.is_none() => None,
        Some(last) if last == stamps => {
            log_failure(reload_alone(app, &Trigger::Watch, seen).await);
            None
        }
        Some(_) | None => Some(stamps),
    }
}

#[cfg(test)]
mod tests;
