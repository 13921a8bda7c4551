//! `doorward idp …`: setting up identity providers, one file per command.

mod guide;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print how to set up an identity provider, field by field, with the values of this deployment.
    Guide(guide::Args),
}

/// Runs `doorward idp`.
pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Guide(args) => guide::run(args),
    }
}
