//! `cargo xtask fuzz [TARGET] [--seconds N]`: libFuzzer with AddressSanitizer over the targets in `fuzz/`.
//!
//! The flags are those that cargo-fuzz sets. They are unstable, so the pinned stable compiler is told to accept them; the
//! product is never built so. Seeds come from the captures; what a run finds stays in `target/fuzz` for the next one.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::install;
use crate::shell::{self, Job};

/// The targets, each with the dictionary that fits it.
const TARGETS: [(&str, &str); 5] =
    [("saml_response", "xml"), ("saml_metadata", "xml"), ("saml_redirect", "xml"), ("id_token", "jwt"), ("logout_token", "jwt")];

const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const FLAGS: [&str; 7] = [
    "-Zsanitizer=address",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cforce-frame-pointers=yes",
];
const BUILD_LIMIT: Duration = Duration::from_mins(20);
/// More than any message may have, so that the limits are reached.
const LONGEST_INPUT: usize = 300_000;

/// Builds, then runs the targets named (all when none is), each for that long; prints one line for each.
pub(crate) fn run(root: &Path, names: &[String], seconds: u64) -> Result<bool> {
    for name in names {
        ensure!(
            TARGETS.iter().any(|(target, _)| target == name),
            "there is no target {name}: {}",
            TARGETS.map(|(name, _)| name).join(", ")
        );
    }
    let logs = shell::logs(root);
    install::debian(&logs.join("debian.log"))?;
    build(root, &logs.join("fuzz-build.log"))?;
    let mut passed = true;
    for (target, dictionary) in TARGETS.iter().filter(|(target, _)| names.is_empty() || names.iter().any(|name| name == target)) {
        let log = logs.join(format!("fuzz-{target}.log"));
        passed &= fuzz(root, target, dictionary, seconds, &log)?;
    }
    Ok(passed)
}

/// A few seconds of every target, for `cargo xtask test`. The log ends with what was counted.
pub(crate) fn smoke(root: &Path, log: &Path, seconds: u64) -> Result<()> {
    build(root, log)?;
    let mut failed = Vec::new();
    for (target, dictionary) in TARGETS {
        if !fuzz(root, target, dictionary, seconds, &log.with_file_name(format!("fuzz-{target}.log")))? {
            failed.push(target);
        }
    }
    let summary = format!("{} passed, {} failed\n", TARGETS.len().saturating_sub(failed.len()), failed.len());
    fs::write(log, summary)?;
    ensure!(failed.is_empty(), "fuzzing found a fault in {}", failed.join(", "));
    Ok(())
}

/// Builds every target and writes the seeds. A target folder of its own: nothing of it is of use to any other build.
fn build(root: &Path, log: &Path) -> Result<()> {
    let arguments = ["build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target", TRIPLE];
    let mut command = shell::cargo(root, &arguments);
    command.env("CARGO_TARGET_DIR", root.join("target/fuzz/build")).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS.join(" "));
    shell::run(Job { command, log, limit: BUILD_LIMIT }).with_context(|| shell::tail(log, 30))?;
    let mut seeds = Command::new(program(root, "seeds"));
    seeds.arg(root.join("target/fuzz/seeds"));
    shell::run(Job { command: seeds, log, limit: BUILD_LIMIT }).with_context(|| shell::tail(log, 30))
}

fn program(root: &Path, target: &str) -> PathBuf {
    root.join("target/fuzz/build").join(TRIPLE).join("release").join(target)
}

/// Runs one target; prints its line and, where it found a fault, the input and how to run it again.
fn fuzz(root: &Path, target: &str, dictionary: &str, seconds: u64, log: &Path) -> Result<bool> {
    let folder = |name: &str| root.join("target/fuzz").join(name).join(target);
    let (found, faults) = (folder("corpus"), folder("faults"));
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&faults)?;
    let mut command = Command::new(program(root, target));
    command.arg(&found).arg(folder("seeds"));
    command.arg(format!("-dict={}", root.join("fuzz").join(dictionary).with_extension("dict").display()));
    command.arg(format!("-artifact_prefix={}/", faults.display()));
    command.args([&format!("-max_total_time={seconds}"), &format!("-max_len={LONGEST_INPUT}")]);
    // One input may take a second even in this slow build; 2 GB is libFuzzer's usual limit.
    command.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-print_funcs=0"]);
    // Compared values as coverage: worth it for tokens. An XML parser compares single characters, and so many of them that
    // most of the time would go into counting.
    command.arg(format!("-use_value_profile={}", u8::from(dictionary != "xml")));
    let limit = Duration::from_secs(seconds.saturating_add(300));
    let result = shell::run(Job { command, log, limit });
    let text = fs::read_to_string(log)?;
    println!("{target:<14} {}", Figures::read(&text).line(seconds, result.is_ok()));
    let Err(error) = result else { return Ok(true) };
    println!("{error:#}\n{}", shell::tail(log, 40));
    if let Some(input) = text.lines().rev().find_map(|line| line.split_once("Test unit written to ").map(|(_, path)| path)) {
        println!("the input: {input}\nagain with: {} {input}", program(root, target).display());
    }
    Ok(false)
}

/// What libFuzzer says of a run.
#[derive(Default, Debug, PartialEq, Eq)]
struct Figures {
    executions: u64,
    /// Edges covered by the corpus when the fuzzing began.
    covered_before: u64,
    covered: u64,
    new_inputs: u64,
}

impl Figures {
    fn read(log: &str) -> Figures {
        let number_after = |line: &str, word: &str| {
            line.split_once(word).and_then(|(_, rest)| rest.split_whitespace().next()).and_then(|number| number.parse().ok())
        };
        let mut figures = Figures::default();
        for line in log.lines() {
            if let Some(covered) = number_after(line, " cov: ") {
                figures.covered = covered;
                if line.contains("INITED") {
                    figures.covered_before = covered;
                }
            }
            if let Some(executions) = number_after(line, "stat::number_of_executed_units:") {
                figures.executions = executions;
            }
            if let Some(inputs) = number_after(line, "stat::new_units_added:") {
                figures.new_inputs = inputs;
            }
        }
        figures
    }

    fn line(&self, seconds: u64, passed: bool) -> String {
        let new = self.covered.saturating_sub(self.covered_before);
        let mut line = String::new();
        let _ = write!(line, "{:>9} executions in {seconds} s, {} edges covered, ", self.executions, self.covered);
        let _ = write!(line, "{new} of them new, {} new inputs", self.new_inputs);
        line.push_str(if passed { ", no fault" } else { ", A FAULT" });
        line
    }
}

#[cfg(test)]
mod tests {
    use super::Figures;

    #[test]
    fn the_figures_of_a_run_are_read() {
        let log = "#23\tINITED cov: 2000 ft: 9000 corp: 21/140Kb exec/s: 0 rss: 90Mb\n\
                   #512\tNEW    cov: 2010 ft: 9100 corp: 22/141Kb lim: 4096 exec/s: 256 rss: 91Mb L: 10/20 MS: 1 CopyPart-\n\
                   #900\tDONE   cov: 2011 ft: 9101 corp: 23/141Kb lim: 4096 exec/s: 300 rss: 91Mb\n\
                   stat::number_of_executed_units: 900\nstat::average_exec_per_sec:     300\nstat::new_units_added:          2\n";
        let expected = Figures { executions: 900, covered_before: 2000, covered: 2011, new_inputs: 2 };
        assert_eq!(Figures::read(log), expected);
        assert_eq!(expected.line(3, true), "      900 executions in 3 s, 2011 edges covered, 11 of them new, 2 new inputs, no fault");
        assert_eq!(Figures::read("ERROR"), Figures::default());
    }
}
