//! The command line: thin, one file per command. `anyhow` lives only here and in `config`.
//!
//! Data goes to standard output, everything else to standard error. Exit status: 0 done, 1 failed or refused, 2 usage,
//! 3 configuration invalid, 4 unreachable.

mod admin;
mod audit;
mod columns;
mod config;
mod dev;
mod failure;
mod idp;
mod init;
mod logging;
mod policy;
mod reload;
mod saml_inspect;
mod saml_key;
mod serve;
mod session;
mod status;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The configuration file that commands use when none is named.
pub const DEFAULT_CONFIG: &str = "doorward.yaml";

/// Exit status of wrong arguments.
pub const EXIT_USAGE: u8 = 2;

/// Exit status of an invalid configuration.
pub const EXIT_CONFIG: u8 = 3;

/// Exit status when the gateway, or another server, cannot be reached.
pub const EXIT_UNREACHABLE: u8 = 4;

/// What `--help` says about the exit status.
const EXIT_HELP: &str = "Exit status: 0 done, 1 failed or refused, 2 wrong arguments, 3 configuration invalid, 4 unreachable.
Codes in square brackets, such as [config.unknown_key], are explained in docs/errors.";

/// Enterprise single sign-on for MCP servers.
///
/// People sign in through your identity provider (SAML 2.0 or OpenID Connect), MCP clients connect with OAuth 2.1, and
/// every call is allowed or refused by group and role, and recorded in the name of a person.
///
/// Try it: `doorward dev`. Set it up: `doorward init`, then `doorward config check`, then `doorward serve`.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Args),
    /// Ask the running gateway how it is.
    Status(status::Args),
    /// Let the running gateway read its configuration again. Exit status 3: it has problems, and the old one stays.
    Reload(reload::Args),
    /// List and end browser sessions and the tokens of programs.
    Session(session::Args),
    /// List people, link their identities, shut them out.
    User(user::Args),
    /// Write a starting configuration, a master key and the schema for editors.
    Init(init::Args),
    /// Check, describe or show the configuration.
    Config(config::Args),
    /// Check the policies, or explain a decision.
    Policy(policy::Args),
    /// Try everything on this machine: two identity providers, two MCP servers, the gateway.
    Dev(dev::Args),
    /// Read the audit trail.
    Audit(audit::Args),
    /// Identity providers: how to set each up, try a sign-in, catch a failing one.
    #[command(subcommand)]
    Idp(idp::Command),
    /// SAML: look into what an identity provider sends.
    #[command(subcommand)]
    Saml(SamlCommand),
}

#[derive(Debug, Subcommand)]
enum SamlCommand {
    /// Walk one response through every check of a sign-in.
    Inspect(saml_inspect::Args),
    /// Exchange the key of the service provider: next, activate, retire.
    #[command(subcommand)]
    Key(saml_key::Command),
}

/// Reads the arguments and runs the command they name.
pub fn main() -> ExitCode {
    crate::listener::tls::install_provider();
    match run(Arguments::parse().command) {
        Ok(status) => status,
        Err(error) => failure::report(&error),
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Session(args) => session::run(&args),
        Command::User(args) => user::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Idp(command) => idp::run(&command),
        Command::Saml(SamlCommand::Inspect(args)) => saml_inspect::run(&args),
        Command::Saml(SamlCommand::Key(command)) => saml_key::run(&command),
    }
}
