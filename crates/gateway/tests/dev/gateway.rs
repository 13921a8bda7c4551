//! `doorward dev` as a child process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

/// A running `doorward dev`; ends with this value.
pub(crate) struct Gateway {
    child: Child,
    report: Value,
}

impl Gateway {
    /// Starts it on free ports and waits for its report.
    pub(crate) async fn start() -> Self {
        let start = || {
            let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
                .args(["dev", "--port", "0", "--json"])
                .env("DOORWARD_LOG", "error")
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let report = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            Self { child, report }
        };
        tokio::task::spawn_blocking(start).await.unwrap()
    }

    /// A URL of the gateway.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.report["public_url"].as_str().unwrap())
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        Path::new(self.report["data_dir"].as_str().unwrap()).to_owned()
    }

    /// Everything in the audit journal.
    pub(crate) fn audit(&self) -> String {
        let files = std::fs::read_dir(self.report["audit_dir"].as_str().unwrap()).unwrap();
        files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok()).collect()
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&mut self) -> ExitStatus {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Asked to stop and not killed, so that it removes its temporary folder.
        drop(Command::new("kill").args(["-INT", &self.child.id().to_string()]).stderr(Stdio::null()).status());
        drop(self.child.wait());
    }
}
