//! `doorward saml key`: exchanges the key of the SAML service provider in the running gateway, step by step.

use std::process::ExitCode;

use anyhow::Context as _;
use http::Method;
use serde_json::{Value, json};

use super::admin::Target;
use crate::admin::SamlKeys;
use crate::keys::SamlKeyState;

/// The steps, in their order.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the keys: which one signs, which one is next.
    List(Args),
    /// Make the next key and publish it in the metadata; it decrypts and does not sign yet.
    Next(Args),
    /// Let the next key sign, when every identity provider knows it.
    Activate {
        #[command(flatten)]
        args: Args,
        /// Also within the first day of the key, when identity providers may not have fetched the metadata again.
        #[arg(long)]
        force: bool,
    },
    /// Take a key out of use that does not sign, when no identity provider encrypts to it any more.
    Retire {
        #[command(flatten)]
        args: Args,
        /// Its id, as `list` prints it.
        kid: String,
    },
}

/// Arguments of every step.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(args) => print(args, Method::GET, "/saml/keys", None),
        Command::Next(args) => print(args, Method::POST, "/saml/keys/next", None),
        Command::Activate { args, force } => print(args, Method::POST, "/saml/keys/activate", Some(&json!({ "force": force }))),
        Command::Retire { args, kid } => print(args, Method::POST, "/saml/keys/retire", Some(&json!({ "kid": kid }))),
    }
}

fn print(args: &Args, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<ExitCode> {
    let answer = args.target.call(method, path, body)?;
    if args.json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let keys: SamlKeys = serde_json::from_value(answer).context("the gateway is of another version than this command")?;
    for key in keys.keys {
        let state = match key.state {
            SamlKeyState::Current => "current   signs, decrypts",
            SamlKeyState::Next => "next      published, decrypts",
            SamlKeyState::Previous => "previous  decrypts only",
            SamlKeyState::Retired => "retired",
        };
        let ends = key.not_after.map_or_else(String::new, |end| format!(", ends {}", end.strftime("%Y-%m-%d")));
        println!("{}  {state}", key.kid);
        println!("    certificate SHA-256 {}, made {}{ends}", key.fingerprint, key.created_at.strftime("%Y-%m-%d %H:%M:%SZ"));
    }
    Ok(ExitCode::SUCCESS)
}
