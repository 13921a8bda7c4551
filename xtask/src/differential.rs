//! `cargo xtask differential`: thousands of changed documents, judged by `saml` and by libxmlsec (Python's `xmlsec`). The
//! documents and the comparison are in `crates/saml/tests/suite/differential`.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::install;
use crate::shell::{self, Job};

const LIMIT: Duration = Duration::from_mins(20);

/// Installs Python's packages, runs the comparison and prints its counts.
pub(crate) fn run(root: &Path, seed: Option<u64>, documents: Option<u64>) -> Result<bool> {
    let logs = shell::logs(root);
    install::debian(&logs.join("debian.log"))?;
    install::python(root, &logs.join("python.log"))?;
    let log = logs.join("differential.log");
    let result = compare(root, &log, seed, documents);
    println!("{}", shell::tail(&log, 60));
    result.map(|()| true)
}

/// Everything must be installed.
pub(crate) fn compare(root: &Path, log: &Path, seed: Option<u64>, documents: Option<u64>) -> Result<()> {
    let mut command = shell::cargo(root, &["test", "--quiet", "--locked", "-p", "saml", "--test", "suite", "--"]);
    command.args(["--ignored", "--exact", "--nocapture", "differential::libxmlsec_holds_valid_whatever_we_accept"]);
    command.env("DOORWARD_PYTHON", root.join("e2e/.work/venv/bin/python"));
    for (name, value) in [("DOORWARD_SEED", seed), ("DOORWARD_DOCUMENTS", documents)] {
        if let Some(value) = value {
            command.env(name, value.to_string());
        }
    }
    shell::run(Job { command, log, limit: LIMIT })
}
