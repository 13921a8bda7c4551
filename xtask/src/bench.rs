//! `cargo xtask bench [NAME]`: Doorward beside the same upstream without it. The load and the numbers are in `e2e/bench.mjs`.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::shell::{self, Job};
use crate::{e2e, install};

/// Builds, installs and measures; prints the ratios.
pub(crate) fn run(root: &Path, names: &[String]) -> Result<bool> {
    let logs = shell::logs(root);
    let limit = std::time::Duration::from_mins(30);
    shell::run(Job { command: shell::cargo(root, &["build", "--release", "--locked"]), log: &logs.join("release-build.log"), limit })?;
    install::npm(root, &logs.join("npm.log"))?;
    install::rust_clients(root, &logs.join("rust-clients.log"))?;
    let mut command = e2e::node(root);
    command.arg("bench.mjs").args(names).env("DOORWARD", e2e::binary(root));
    let status = command.status().context("node bench.mjs")?;
    ensure!(status.success(), "the benchmark failed: {status}");
    Ok(true)
}
