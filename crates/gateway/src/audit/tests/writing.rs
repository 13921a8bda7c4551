use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{event, limits, open, records};
use crate::audit::{AuditError, Kind, Limits, Writer, journal};
use crate::clock::Clock;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_tasks_get_gapless_durable_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path(), Limits { max_file_bytes: 100_000, ..limits() });
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let writer = writer.clone();
            tokio::spawn(async move {
                for number in 0..40 {
                    let name = format!("{task}/{number}");
                    writer.record(event(&name)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // The writer is still open: what was durable is readable by others.
    let records = records(dir.path());
    let names: BTreeSet<String> = records.iter().filter_map(|record| record.event.name.clone()).collect();
    assert_eq!(names.len(), 64 * 40);
    assert_eq!(records.len(), 64 * 40 + 1);
    assert!(journal::files(dir.path()).unwrap().len() > 3, "files rotate");
}

#[tokio::test]
async fn a_kill_at_any_byte_loses_nothing_that_was_whole() {
    let template = tempfile::tempdir().unwrap();
    let writer = open(template.path(), limits());
    for name in ["a", "b"] {
        writer.record(event(name)).await.unwrap();
    }
    writer.close().await;
    let path = journal::files(template.path()).unwrap().remove(0);
    let bytes = fs::read(&path).unwrap();
    let last_line = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in last_line..=bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(path.file_name().unwrap());
        fs::write(&file, &bytes[..cut]).unwrap();
        let writer = open(dir.path(), limits());
        writer.record(event("after")).await.unwrap();
        writer.close().await;
        let records = records(dir.path());
        let whole = if cut == bytes.len() { 3 } else { 2 };
        assert_eq!(records.len(), whole + 2, "cut at {cut}");
        let torn = cut - if cut == bytes.len() { bytes.len() } else { last_line };
        let said = records[whole].event.detail.get("torn_bytes").map_or(0, |count| count.parse().unwrap());
        assert_eq!(said, torn);
        let aside = fs::read(file.with_extension("jsonl.torn")).unwrap_or_default();
        assert_eq!(aside.strip_suffix(b"\n").unwrap_or_default(), &bytes[last_line..last_line + torn]);
    }
}

#[tokio::test]
async fn blocks_of_zeros_after_a_power_cut_are_moved_aside() {
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path(), limits());
    writer.record(event("a")).await.unwrap();
    writer.close().await;
    let path = journal::files(dir.path()).unwrap().remove(0);
    let junk = [vec![0_u8; 300_000], b"\n{\"seq\":\n\n".to_vec()].concat();
    OpenOptions::new().append(true).open(&path).unwrap().write_all(&junk).unwrap();
    open(dir.path(), limits()).close().await;
    let records = records(dir.path());
    assert_eq!(records.len(), 3);
    assert_eq!(records[2].event.detail["torn_bytes"], junk.len().to_string());
}

#[tokio::test]
async fn a_file_that_a_crash_left_empty_is_used() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), limits()).close().await;
    fs::write(dir.path().join(format!("audit-{:020}.jsonl", 2)), b"").unwrap();
    for name in ["notes.txt", "audit-2.jsonl", "audit-00000000000000000009.jsonl.gz"] {
        fs::write(dir.path().join(name), b"no journal file").unwrap();
    }
    open(dir.path(), limits()).close().await;
    open(dir.path(), limits()).close().await;
    assert_eq!(records(dir.path()).len(), 3);
    assert_eq!(journal::files(dir.path()).unwrap().len(), 3);
}

/// Every batch begins a new file, whose name is known beforehand: there the test puts something that fails.
fn file_two(dir: &tempfile::TempDir) -> (Limits, PathBuf) {
    (Limits { max_file_bytes: 1, ..limits() }, dir.path().join(format!("audit-{:020}.jsonl", 2)))
}

#[tokio::test]
async fn a_full_disk_refuses_everything_until_the_journal_is_open_again() {
    let dir = tempfile::tempdir().unwrap();
    let (limits, second) = file_two(&dir);
    let writer = open(dir.path(), limits);
    symlink("/dev/full", &second).unwrap();

    let error = writer.record(event("lost to the caller's knowledge")).await.unwrap_err();
    assert_eq!(error.code(), "audit.unwritable");
    assert!(error.to_string().contains("No space left"), "{error}");
    assert!(!writer.is_writable());
    let refused = writer.append(event("refused at once")).map(drop).unwrap_err();
    assert_eq!(refused.code(), "audit.unwritable");
    assert_eq!(writer.reopen().await.unwrap_err().code(), "audit.unwritable");

    fs::remove_file(&second).unwrap();
    writer.reopen().await.unwrap();
    assert!(writer.is_writable());
    writer.record(event("kept")).await.unwrap();
    let recovered = records(dir.path())[1].event.detail.clone();
    assert!(recovered["failure"].contains("No space left"), "the first reason, not that of a failed retry");
    assert_eq!(recovered["events_refused"], "2");
    let told: Vec<_> = records(dir.path()).into_iter().map(|record| (record.event.kind, record.event.name)).collect();
    assert_eq!(told, [(Kind::JournalOpened, None), (Kind::JournalRecovered, None), (Kind::Call, Some("kept".to_owned()))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_does_not_answer_fills_the_queue_and_drops_nothing_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let (limits, second) = file_two(&dir);
    let writer = open(dir.path(), Limits { queue: 8, ..limits });
    // Opening a FIFO for writing waits for a reader: the disk that hangs.
    assert!(Command::new("mkfifo").arg(&second).status().unwrap().success());
    let mut tickets = Vec::new();
    let refused = loop {
        match writer.append(event("waits")) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => break error,
        }
        assert!(tickets.len() < 1000);
    };
    assert_eq!(refused.code(), "audit.queue_full");
    assert!(tickets.len() >= 8);
    // The reader comes; the write succeeds, but a FIFO cannot be synced: so nothing was durable.
    let reader = std::thread::spawn(move || fs::read(second).map(|bytes| bytes.len()));
    for ticket in tickets {
        assert_eq!(ticket.durable().await.unwrap_err().code(), "audit.unwritable");
    }
    drop(writer);
    reader.join().unwrap().unwrap();
}

#[tokio::test]
async fn one_process_writes_and_nobody_else_reads() {
    let dir = tempfile::tempdir().unwrap();
    let journal_dir = dir.path().join("audit");
    let writer = open(&journal_dir, limits());
    let second = Writer::open(&journal_dir, limits(), Clock::default()).unwrap_err();
    assert_eq!(second.code(), "audit.locked");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&journal_dir), 0o700);
    for entry in fs::read_dir(&journal_dir).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    writer.close().await;
    assert_eq!(writer.append(event("late")).map(drop).unwrap_err().code(), "audit.closed");
    open(&journal_dir, limits()).close().await;
}

#[test]
fn a_folder_that_cannot_be_made_stops_the_start() {
    let error = Writer::open("/dev/null/audit".as_ref(), limits(), Clock::default()).unwrap_err();
    assert!(matches!(error, AuditError::Open { .. }));
    assert_eq!(error.code(), "audit.open_failed");
}

#[tokio::test]
async fn an_event_that_nobody_waits_for_goes_with_the_next_one_or_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let names = || records(dir.path()).into_iter().filter_map(|record| record.event.name).collect::<Vec<_>>();
    let writer = open(dir.path(), Limits { linger: Duration::from_hours(1), ..limits() });
    drop(writer.append(event("left alone")).unwrap());
    writer.record(event("waited for")).await.unwrap();
    assert_eq!(names(), ["left alone", "waited for"]);
    drop(writer.append(event("last")).unwrap());
    writer.close().await;
    assert_eq!(names(), ["left alone", "waited for", "last"]);
}

#[tokio::test]
async fn an_event_that_nobody_waits_for_is_written_without_company_too() {
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path(), limits());
    drop(writer.append(event("alone")).unwrap());
    let deadline = Instant::now() + Duration::from_secs(10);
    while records(dir.path()).len() < 2 {
        assert!(Instant::now() < deadline, "the event was not written");
        tokio::task::yield_now().await;
    }
}
