use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{event, limits, open, records};
use crate::audit::Limits;

const FOLDER: &str = "DOORWARD_TEST_AUDIT_DIR";
const MARK: &str = "durable ";

/// Not a test of its own: the process that [`what_was_durable_survives_kill_9`] kills.
#[test]
#[ignore = "runs only as a child of what_was_durable_survives_kill_9"]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let writer = open(&dir, Limits { max_file_bytes: 20_000, ..limits() });
        let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(report_durable(writer.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

async fn report_durable(writer: crate::audit::Writer) {
    loop {
        let event = event("x");
        writer.record(&event).await.unwrap();
        writeln!(std::io::stdout(), "{MARK}{}", event.id).unwrap();
    }
}

#[test]
fn what_was_durable_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut promised = BTreeSet::new();
    for round in 0..12_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "audit::tests::killing::writes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut ids = lines.filter_map(|line| line.split_once(MARK).map(|(_, id)| id.to_owned()));
        promised.extend(ids.by_ref().take(1 + round * 37));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said before it died is promised too.
        promised.extend(ids);
    }
    open(dir.path(), limits());
    let kept: BTreeSet<String> = records(dir.path()).into_iter().map(|record| record.event.id).collect();
    let lost: Vec<_> = promised.difference(&kept).collect();
    assert!(promised.len() > 12 * 37 && lost.is_empty(), "{} promised, lost: {lost:?}", promised.len());
}
