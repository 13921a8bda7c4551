//! The journal's files: `audit-<first sequence number>.jsonl`, append-only, in a folder that one process writes.
//!
//! A line is the event's JSON with two fields in front: `seq`, which has no gaps over all files, and `prev`, the SHA-256
//! (base64url) of the line before, null on the very first. A batch is written and synced as a whole; only then does the
//! journal's state move. What a crash leaves of a batch is handled at the next opening: whole lines stay, a torn end is
//! moved to a `.torn` file beside the journal.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::AuditError;

const LOCK_FILE: &str = "journal.lock";
/// How much of a file's end is first looked at for its last whole line.
const TAIL: u64 = 256 * 1024;

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    max_file_bytes: u64,
    state: State,
    _lock: File,
}

/// Where the journal stands on the disk: moves only after a batch is durable.
#[derive(Debug)]
struct State {
    file: File,
    path: PathBuf,
    /// Bytes of `file` that are known to be durable.
    durable: u64,
    head: Head,
}

/// The end of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Head {
    /// The number of the next line.
    next_seq: u64,
    /// The hash of the last line.
    prev: Option<String>,
}

/// What opening found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Opened {
    /// Bytes of a torn end that were moved aside.
    pub(super) torn_bytes: u64,
}

impl Journal {
    /// Opens the journal in `dir` for writing, mends a torn end, and keeps every other process out.
    pub(super) fn open(dir: &Path, max_file_bytes: u64) -> Result<(Self, Opened), AuditError> {
        let failed = |source: io::Error| AuditError::Open { dir: dir.to_owned(), source: Arc::new(source) };
        create_private_dir(dir).map_err(failed)?;
        let lock = private_file().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE)).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => AuditError::Locked { dir: dir.to_owned() },
            TryLockError::Error(source) => failed(source),
        })?;
        let (state, opened) = State::open(dir).map_err(failed)?;
        Ok((Self { dir: dir.to_owned(), max_file_bytes, state, _lock: lock }, opened))
    }

    /// Writes the events as one batch and syncs it. On an error nothing of the batch counts and the journal needs
    /// [`Journal::recover`]: the state of a file whose write or sync failed is not known.
    pub(super) fn commit<'a>(&mut self, events: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let mut head = self.state.head.clone();
        let mut batch = String::new();
        for event in events {
            head.push_line(event, &mut batch);
        }
        let size = batch.len() as u64;
        if self.state.durable > 0 && self.state.durable.saturating_add(size) > self.max_file_bytes {
            self.state.rotate(&self.dir)?;
        }
        self.state.file.write_all(batch.as_bytes())?;
        self.state.file.sync_data()?;
        self.state.durable += size;
        self.state.head = head;
        Ok(())
    }

    /// After a failed [`Journal::commit`]: cuts off what the failed batch left, and opens the journal anew.
    pub(super) fn recover(&mut self) -> io::Result<Opened> {
        match OpenOptions::new().write(true).open(&self.state.path) {
            Ok(file) => {
                file.set_len(self.state.durable)?;
                file.sync_all()?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.state.durable == 0 => {}
            Err(error) => return Err(error),
        }
        let (state, opened) = State::open(&self.dir)?;
        if state.head != self.state.head {
            return Err(io::Error::other("the journal changed behind the writer's back"));
        }
        self.state = state;
        Ok(opened)
    }
}

impl State {
    /// Finds the end of the chain and begins a new file there, so that a mended file is never written again.
    fn open(dir: &Path) -> io::Result<(Self, Opened)> {
        let mut opened = Opened::default();
        let mut head = Head::default();
        for path in files(dir)?.iter().rev() {
            let found = mend(path)?;
            opened.torn_bytes += found.torn_bytes;
            if let Some(end) = found.head {
                head = end;
                break;
            }
        }
        head.next_seq = head.next_seq.max(1);
        let mut state = Self::create(dir, head)?;
        state.durable = state.file.metadata()?.len();
        Ok((state, opened))
    }

    fn rotate(&mut self, dir: &Path) -> io::Result<()> {
        *self = Self::create(dir, self.head.clone())?;
        Ok(())
    }

    /// The file is new, or the empty one of an opening that wrote nothing: its name says which line comes first.
    fn create(dir: &Path, head: Head) -> io::Result<Self> {
        let path = dir.join(format!("audit-{:020}.jsonl", head.next_seq));
        let file = private_file().create(true).append(true).open(&path)?;
        File::open(dir)?.sync_all()?;
        Ok(Self { file, path, durable: 0, head })
    }
}

impl Head {
    /// Appends the line of one event to `batch` and becomes the head behind it. `event` is a JSON object.
    fn push_line(&mut self, event: &str, batch: &mut String) {
        let prev = self.prev.as_ref().map_or_else(|| "null".to_owned(), |hash| format!("\"{hash}\""));
        let fields = event.strip_prefix('{').unwrap_or(event);
        let line = format!("{{\"seq\":{},\"prev\":{prev},{fields}", self.next_seq);
        self.prev = Some(line_hash(line.as_bytes()));
        self.next_seq += 1;
        batch.push_str(&line);
        batch.push('\n');
    }
}

/// The SHA-256 of a line without its line end, as the next line's `prev` has it.
pub(super) fn line_hash(line: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, line).as_ref())
}

/// The journal's files, oldest first. The names sort by their first sequence number.
pub(super) fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_prefix("audit-").and_then(|rest| rest.strip_suffix(".jsonl")).is_some_and(is_sequence_number) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_sequence_number(text: &str) -> bool {
    text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The end of one file.
struct FileEnd {
    head: Option<Head>,
    torn_bytes: u64,
}

/// Finds the last whole line of a file; bytes behind it are moved to a `.torn` file before they are cut off.
fn mend(path: &Path) -> io::Result<FileEnd> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut tail = TAIL;
    loop {
        let start = length.saturating_sub(tail);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        (&file).take(length - start).read_to_end(&mut bytes)?;
        let last = last_whole_line(&bytes, start == 0);
        if last.is_none() && start > 0 {
            tail = tail.saturating_mul(4);
            continue;
        }
        let whole = last.as_ref().map_or(0, |(end, _)| start + *end as u64);
        if whole < length {
            let torn = bytes.get(last.as_ref().map_or(0, |(end, _)| *end)..).unwrap_or_default();
            set_aside(path, torn)?;
            cut(path, whole)?;
        }
        return Ok(FileEnd { head: last.map(|(_, head)| head), torn_bytes: length - whole });
    }
}

/// The end of the last line that is one of ours, and the head behind it. The first line counts only if it is known to
/// be whole.
fn last_whole_line(bytes: &[u8], from_start: bool) -> Option<(usize, Head)> {
    let mut end = bytes.iter().rposition(|byte| *byte == b'\n').map(|index| index + 1)?;
    loop {
        let body = bytes.get(..end - 1)?;
        let begin = body.iter().rposition(|byte| *byte == b'\n').map(|index| index + 1);
        if begin.is_none() && !from_start {
            return None;
        }
        let line = body.get(begin.unwrap_or(0)..)?;
        if let Ok(numbered) = serde_json::from_slice::<Numbered>(line) {
            let head = Head { next_seq: numbered.seq + 1, prev: Some(line_hash(line)) };
            return Some((end, head));
        }
        end = begin?;
    }
}

/// What tells a line of the journal from torn bytes.
#[derive(Deserialize)]
struct Numbered {
    seq: u64,
    #[serde(rename = "id")]
    _id: String,
}

/// Keeps torn bytes beside the journal; several openings add up in one file.
fn set_aside(path: &Path, torn: &[u8]) -> io::Result<()> {
    let mut aside = private_file().create(true).append(true).open(path.with_extension("jsonl.torn"))?;
    aside.write_all(torn)?;
    aside.write_all(b"\n")?;
    aside.sync_all()
}

fn cut(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_all()
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn create_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}
