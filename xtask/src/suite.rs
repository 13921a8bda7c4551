//! `cargo xtask test`: everything, in two lanes side by side, then what needs both.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::shell::{self, Job};
use crate::steps::Steps;
use crate::{differential, e2e, fuzz, install, smoke, tidy};

/// For each target: enough to run every input of its corpus, and to notice that the harness still works.
const FUZZ_SECONDS: u64 = 5;
const MINUTE: Duration = Duration::from_mins(1);

/// Runs all steps; gives whether nothing failed.
pub(crate) fn run(root: &Path) -> bool {
    let start = Instant::now();
    let steps = Steps::new(shell::logs(root));
    let (is_built, is_installed) = std::thread::scope(|scope| {
        let installs = scope.spawn(|| installs(root, &steps));
        (compile_and_test(root, &steps), installs.join().unwrap_or(false))
    });
    if is_built {
        steps.run("smoke of doorward dev", |_| smoke::run(root));
    } else {
        steps.skip("smoke of doorward dev", "no release build");
    }
    if is_built && is_installed {
        steps.run("e2e", |log| e2e::suites(root, &[], log));
    } else {
        steps.skip("e2e", "an install or the release build failed");
    }
    if is_installed {
        steps.run("differential test", |log| differential::compare(root, log, None, None));
        steps.run("fuzz targets", |log| fuzz::smoke(root, log, FUZZ_SECONDS));
    } else {
        steps.skip("differential test", "an install failed");
        steps.skip("fuzz targets", "an install failed");
    }
    steps.summary(start.elapsed())
}

/// The lane that waits for the network most of the time.
fn installs(root: &Path, steps: &Steps) -> bool {
    let debian = steps.run("install Debian packages", install::debian);
    let npm = steps.run("install npm packages", |log| install::npm(root, log));
    let python = steps.run("install Python packages", |log| install::python(root, log));
    let rust = steps.run("build the Rust clients", |log| install::rust_clients(root, log));
    debian && npm && python && rust
}

/// The lane that compiles. The quick checks come first. Gives whether the release build is there.
fn compile_and_test(root: &Path, steps: &Steps) -> bool {
    let cargo = |name: &str, minutes: u32, arguments: &[&str]| {
        steps.run(name, |log| shell::run(Job { command: shell::cargo(root, arguments), log, limit: MINUTE * minutes }))
    };
    steps.run("tidy", |_| {
        ensure!(tidy::run(root)?, "the rules of the house are broken");
        Ok(())
    });
    cargo("format", 2, &["fmt", "--all", "--check"]);
    cargo("clippy", 15, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
    if has_nextest(root) {
        cargo("tests", 20, &["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--no-tests=pass"]);
    } else {
        cargo("tests", 20, &["test", "--workspace", "--locked", "--no-fail-fast", "--lib", "--bins", "--tests"]);
    }
    cargo("documentation tests", 10, &["test", "--workspace", "--locked", "--doc", "--no-fail-fast"]);
    cargo("release build", 25, &["build", "--release", "--locked"])
}

fn has_nextest(root: &Path) -> bool {
    let mut ask: Command = shell::cargo(root, &["nextest", "--version"]);
    shell::succeeds(&mut ask)
}
