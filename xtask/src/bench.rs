//! `cargo xtask bench [NAME]`: Doorward beside the same upstream without it, where the load and the numbers are in
//! `e2e/bench.mjs`; and `saml`, what a response costs beside a bare RSA verification (`crates/saml/tests/suite/timing.rs`).

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::shell::{self, Job};
use crate::{e2e, install};

const LIMIT: Duration = Duration::from_mins(30);
const SAML_TABLE: &str = "docs/reference/saml-performance.md";

/// Builds, installs and measures; prints the ratios.
pub(crate) fn run(root: &Path, names: &[String]) -> Result<bool> {
    if names.is_empty() || names.iter().any(|name| name == "saml") {
        saml(root)?;
    }
    let others: Vec<&String> = names.iter().filter(|name| *name != "saml").collect();
    if names.is_empty() || !others.is_empty() {
        against_upstream(root, &others)?;
    }
    Ok(true)
}

fn against_upstream(root: &Path, names: &[&String]) -> Result<()> {
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
    Ok(())
}

/// Measures with the release profile, prints the tables and writes them down. What is above its bound fails.
fn saml(root: &Path) -> Result<()> {
    let log = shell::logs(root).join("bench-saml.log");
    let arguments = ["test", "--quiet", "--release", "--locked", "-p", "saml", "--test", "suite", "--"];
    let mut command = shell::cargo(root, &arguments);
    command.args(["--ignored", "--exact", "--nocapture", "timing::costs"]);
    let result = shell::run(Job { command, log: &log, limit: LIMIT });
    let text = fs::read_to_string(&log)?;
    let tables = tables(&text);
    println!("{tables}");
    result.with_context(|| shell::tail(&log, 10))?;
    fs::write(root.join(SAML_TABLE), page(&tables)).context(SAML_TABLE)
}

/// The lines of the tables, with an empty line between two.
fn tables(log: &str) -> String {
    let mut out = String::new();
    for line in log.lines() {
        if line.starts_with('|') {
            out.push_str(line);
            out.push('\n');
        } else if out.ends_with("|\n") {
            out.push('\n');
        }
    }
    out.trim_end().to_owned()
}

fn page(tables: &str) -> String {
    format!(
        "# What a SAML response costs\n\n\
         Written by `cargo xtask bench saml`, all numbers from one run. A captured response of 4.8 KB may cost three times a bare RSA-2048 verification, \
         a hostile one near the limit of 256 KB at most 20 ms; above that the command fails. Of a hostile response the least of 41 runs counts, \
         because the others share the processor with whatever else runs.\n\n{tables}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::tables;

    #[test]
    fn tables_are_found_between_other_lines() {
        let log = "\nrunning 1 test\n| a | b |\n|---|---|\n\n| c |\n|---|\ntest timing::costs ... ok\n";
        assert_eq!(tables(log), "| a | b |\n|---|---|\n\n| c |\n|---|");
    }
}
