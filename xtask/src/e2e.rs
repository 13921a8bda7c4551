//! `cargo xtask e2e [NAME]`: prepares the counterparts and the release build, then hands over to `e2e/run.mjs`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::install;
use crate::shell::{self, Job};
use crate::steps::Steps;

const LIMIT: Duration = Duration::from_mins(20);

/// Installs what is missing, builds the release binary and runs the suites; prints their table.
pub(crate) fn run(root: &Path, names: &[String]) -> Result<bool> {
    let start = Instant::now();
    let steps = Steps::new(shell::logs(root));
    let is_ready = std::thread::scope(|scope| {
        let build = scope.spawn(|| {
            let release =
                |log: &Path| shell::run(Job { command: shell::cargo(root, &["build", "--release", "--locked"]), log, limit: LIMIT });
            steps.run("release build", release)
        });
        let installs = [
            steps.run("install Debian packages", install::debian),
            steps.run("install npm packages", |log| install::npm(root, log)),
            steps.run("install Python packages", |log| install::python(root, log)),
            steps.run("build the Rust clients", |log| install::rust_clients(root, log)),
        ];
        installs.iter().all(|passed| *passed) && build.join().unwrap_or(false)
    });
    if is_ready {
        let log = shell::logs(root).join("e2e.log");
        let result = suites(root, names, &log);
        println!("{}", shell::tail(&log, 400));
        return result.map(|()| true);
    }
    Ok(steps.summary(start.elapsed()))
}

/// Runs the suites named (all when none is) with Node 22; everything must be installed and built.
pub(crate) fn suites(root: &Path, names: &[String], log: &Path) -> Result<()> {
    let mut command = node(root);
    command.arg("run.mjs").args(names).env("DOORWARD", binary(root));
    shell::run(Job { command, log, limit: LIMIT })
}

/// Node 22 from the npm packages, in `e2e/`.
pub(crate) fn node(root: &Path) -> Command {
    let mut command = Command::new(root.join("e2e/node_modules/.bin/node"));
    command.current_dir(root.join("e2e"));
    command
}

/// The release binary.
pub(crate) fn binary(root: &Path) -> PathBuf {
    root.join("target/release/doorward")
}
