//! `doorward user list|link|unlink|disable|enable`: identities, and which of them are one person.

use std::process::ExitCode;

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::admin::Target;
use super::columns::table;
use super::session::{minute, text};

/// Arguments of `doorward user`.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List everybody who has signed in, one line for each identity.
    List(List),
    /// Say that two identities are one person: for the audit trail and for ending everything. Gives no groups and no roles.
    Link(Link),
    /// Take a link back.
    Unlink(One),
    /// Shut a person out, in all identities: sessions and tokens end at once.
    Disable(One),
    /// Let a person in again; they sign in anew.
    Enable(One),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Link {
    #[command(flatten)]
    target: Target,
    /// The first identity: usr_…
    #[arg(value_name = "PRIMARY_ID")]
    primary: String,
    /// The identity that is the same person's: usr_…
    #[arg(value_name = "OTHER_ID")]
    other: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct One {
    #[command(flatten)]
    target: Target,
    /// The identity: usr_…
    #[arg(value_name = "ID")]
    id: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (answer, json) = match &args.command {
        Command::List(args) => (args.target.call(Method::GET, "/users", None)?, args.json),
        Command::Link(args) => {
            let body = json!({ "primary": args.primary, "other": args.other });
            (args.target.call(Method::POST, "/users/link", Some(&body))?, args.json)
        }
        Command::Unlink(one) => one.call("/users/unlink")?,
        Command::Disable(one) => one.call("/users/disable")?,
        Command::Enable(one) => one.call("/users/enable")?,
    };
    if json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let users = answer.get("users").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if users.is_empty() {
        eprintln!("Nobody has signed in yet.");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<[String; 7]> = users.iter().map(row).collect();
    print!("{}", table(["ID", "IDP", "USER NAME", "E-MAIL", "LAST SIGN-IN", "SAME PERSON AS", "DISABLED"], &rows));
    Ok(ExitCode::SUCCESS)
}

impl One {
    fn call(&self, path: &str) -> anyhow::Result<(Value, bool)> {
        Ok((self.target.call(Method::POST, path, Some(&json!({ "user": self.id })))?, self.json))
    }
}

fn row(user: &Value) -> [String; 7] {
    let name = user.get("username").filter(|name| !name.is_null()).or_else(|| user.get("subject"));
    [
        text(user.get("id")),
        text(user.get("idp")),
        text(name),
        text(user.get("email")),
        minute(user.get("last_seen")),
        text(user.get("linked_to")),
        minute(user.get("disabled")),
    ]
}
