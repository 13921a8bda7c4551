//! `doorward session list|end`: who is signed in, which programs have tokens, and an end to it.

use std::process::ExitCode;

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::admin::Target;
use super::columns::table;
use super::failure::Usage;

/// Arguments of `doorward session`.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List browser sessions, and the programs that have tokens.
    List(List),
    /// End a session with its tokens, one program's tokens, all of a person, or everything. Takes effect at once.
    End(End),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    target: Target,
    /// Only those of this person: user id, user name or e-mail address.
    #[arg(short, long, value_name = "NAME")]
    user: Option<String>,
    /// At most so many of each kind.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = false, args = ["id", "user", "all"])]
struct End {
    #[command(flatten)]
    target: Target,
    /// A browser session (bse_…), which ends with its tokens, or one program's tokens (gnt_…).
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Everything of this person: user id, user name or e-mail address.
    #[arg(short, long, value_name = "NAME")]
    user: Option<String>,
    /// Everything of everybody; needs --yes.
    #[arg(long)]
    all: bool,
    /// Yes, everybody.
    #[arg(long, requires = "all")]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::List(args) => list(args),
        Command::End(args) => end(args),
    }
}

fn list(args: &List) -> anyhow::Result<ExitCode> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &args.limit.to_string());
    if let Some(user) = &args.user {
        query.append_pair("user", user);
    }
    let answer = args.target.call(Method::GET, &format!("/sessions?{}", query.finish()), None)?;
    if args.json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<[String; 7]> = rows(&answer, "sessions", browser).chain(rows(&answer, "grants", program)).collect();
    if rows.is_empty() {
        eprintln!("Nobody is signed in, and no program has tokens.");
        return Ok(ExitCode::SUCCESS);
    }
    print!("{}", table(["KIND", "ID", "PERSON", "WHAT", "SINCE", "LAST USED", "ENDS"], &rows));
    if answer.get("more").and_then(Value::as_bool) == Some(true) {
        eprintln!("There are more than {}: see --limit and --user.", args.limit);
    }
    Ok(ExitCode::SUCCESS)
}

fn rows<'a>(answer: &'a Value, key: &str, row: fn(&Value) -> [String; 7]) -> impl Iterator<Item = [String; 7]> + 'a {
    answer.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter().map(row)
}

fn browser(value: &Value) -> [String; 7] {
    row(value, "browser", "signed in".to_owned())
}

fn program(value: &Value) -> [String; 7] {
    let client = value.get("client_name").and_then(Value::as_str).or_else(|| value.get("client").and_then(Value::as_str));
    let upstream = text(value.get("upstream"));
    row(value, "program", format!("{} at {upstream}", client.unwrap_or_default()))
}

fn row(value: &Value, kind: &str, what: String) -> [String; 7] {
    let who = value.get("user");
    let of = |key: &str| who.and_then(|who| who.get(key)).and_then(Value::as_str);
    let name = of("username").or_else(|| of("email")).or_else(|| of("subject")).unwrap_or_default();
    let person = format!("{name} ({})", of("idp").unwrap_or_default());
    [
        kind.to_owned(),
        text(value.get("id")),
        person,
        what,
        minute(value.get("created")),
        minute(value.get("last_used")),
        minute(value.get("ends")),
    ]
}

/// A text, or nothing.
pub(super) fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// An instant to the minute, in UTC.
pub(super) fn minute(value: Option<&Value>) -> String {
    let instant = value.and_then(Value::as_str).and_then(|text| text.parse::<jiff::Timestamp>().ok());
    instant.map(|instant| instant.strftime("%Y-%m-%d %H:%MZ").to_string()).unwrap_or_default()
}

fn end(args: &End) -> anyhow::Result<ExitCode> {
    let body = match (&args.id, &args.user) {
        (Some(id), _) => json!({ "session": id }),
        (None, Some(user)) => json!({ "user": user }),
        (None, None) if args.yes => json!({ "all": true }),
        (None, None) => {
            return Err(Usage("--all signs everybody out and takes all tokens; say --all --yes if you mean it".to_owned()).into());
        }
    };
    let answer = args.target.call(Method::POST, "/sessions/end", Some(&body))?;
    if args.json {
        println!("{answer:#}");
    } else {
        let count = |key: &str| answer.get(key).and_then(Value::as_u64).unwrap_or_default();
        println!("ended: {} browser sessions, tokens of {} programs", count("sessions"), count("grants"));
    }
    Ok(ExitCode::SUCCESS)
}
