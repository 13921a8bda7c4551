//! Project chores: `cargo xtask test | tidy | e2e [NAME] | bench [NAME] | fuzz [TARGET] | differential`.
//!
//! `test` is the whole proof that a change is good, from a machine with nothing installed; the others are its parts, for one's own use.

mod bench;
mod differential;
mod e2e;
mod fuzz;
mod install;
mod shell;
mod smoke;
mod steps;
mod suite;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project chores of Doorward")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what is missing, then run every check and every test
    Test,
    /// Check the rules of the house: fences, sizes, paths, error pages, names
    Tidy,
    /// Run the end-to-end suites (all, or the ones named) against real identity providers and clients
    E2e {
        /// Suites to run; all when none is named
        names: Vec<String>,
    },
    /// Measure Doorward against the same upstream without it, and (`saml`) a response against a bare RSA verification
    Bench {
        /// Benchmarks to run; all when none is named
        names: Vec<String>,
    },
    /// Compare what the SAML crate accepts with libxmlsec, over thousands of changed documents
    Differential {
        /// Where the sequence of changes begins
        #[arg(long)]
        seed: Option<u64>,
        /// How many documents
        #[arg(long)]
        documents: Option<u64>,
    },
    /// Give hostile bytes to the parsers and checks, with AddressSanitizer
    Fuzz {
        /// Targets to run, one after the other; all when none is named
        targets: Vec<String>,
        /// How long each target runs
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Start `doorward dev`, ask it for a 401, stop it
    Smoke,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let root = root()?;
    match &arguments.chore {
        Chore::Test => Ok(suite::run(&root)),
        Chore::Tidy => tidy::run(&root),
        Chore::E2e { names } => e2e::run(&root, names),
        Chore::Bench { names } => bench::run(&root, names),
        Chore::Differential { seed, documents } => differential::run(&root, *seed, *documents),
        Chore::Fuzz { targets, seconds } => fuzz::run(&root, targets, *seconds),
        Chore::Smoke => smoke::run(&root).map(|()| true),
    }
}

/// The repository's root: the folder above this crate.
fn root() -> Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let mut root = PathBuf::from(manifest);
    root.pop();
    Ok(root)
}
