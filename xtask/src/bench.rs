//! `cargo xtask bench [NAME]`: Doorward beside the same upstream without it. The load and the numbers are in `e2e/bench.mjs`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::shell::{self, Job};
use crate::{e2e, install};

const LIMIT: Duration = Duration::from_mins(30);

/// Builds, installs and measures; prints the ratios.
pub(crate) fn run(root: &Path, names: &[String]) -> Result<bool> {
    let logs = shell::logs(root);
    shell::run(Job {
        command: shell::cargo(root, &["build", "--release", "--locked"]),
        log: &logs.join("release-build.log"),
        limit: LIMIT,
    })?;
    install::debian(&logs.join("debian.log"))?;
    install::npm(root, &logs.join("npm.log"))?;
    let mut fixture = install::rust_clients_build(root);
    fixture.arg("--release");
    shell::run(Job { command: fixture, log: &logs.join("rust-clients.log"), limit: LIMIT })?;
    let mut command = e2e::node(root);
    command.arg("bench.mjs").args(names).env("DOORWARD", e2e::binary(root)).env("E2E_RUST_PROFILE", "release");
    let status = command.status().context("node bench.mjs")?;
    ensure!(status.success(), "the benchmark failed: {status}");
    Ok(true)
}
