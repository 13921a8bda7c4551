//! `doorward idp …`: setting up identity providers and trying them, one file per command.

mod guide;
mod trial;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print how to set up an identity provider, field by field, with the values of this deployment.
    Guide(guide::Args),
    /// Try the sign-in at one identity provider: print a one-time link, wait, and show what was received and what it gives.
    Test(trial::Test),
    /// Keep the next failing sign-in of one person, masked, on this machine.
    #[command(subcommand)]
    Capture(trial::Capture),
}

/// Runs `doorward idp`.
pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Guide(args) => guide::run(args),
        Command::Test(args) => trial::test(args),
        Command::Capture(command) => trial::capture(command),
    }
}
