//! `doorward reload`: the running gateway reads its configuration again, and says what became of it.

use std::process::ExitCode;

use http::Method;
use serde_json::Value;

use super::EXIT_CONFIG;
use super::admin::{CallError, Target};

/// Arguments of `doorward reload`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let answer = match args.target.call(Method::POST, "/reload", None) {
        Ok(answer) => answer,
        Err(error) => return not_asked(error),
    };
    let refused = answer.get("result").and_then(Value::as_str) == Some("refused");
    if args.json {
        println!("{answer:#}");
    } else {
        print(&answer);
    }
    Ok(if refused { ExitCode::from(EXIT_CONFIG) } else { ExitCode::SUCCESS })
}

/// A file with problems does not say where the gateway is, and the gateway would not take it: the problems are the answer.
fn not_asked(error: anyhow::Error) -> anyhow::Result<ExitCode> {
    let Some(CallError::Configuration(problems)) = error.downcast_ref::<CallError>() else { return Err(error) };
    for problem in problems {
        eprintln!("{problem}");
    }
    eprintln!("The gateway was not asked. Each code is explained in docs/errors/<code>.md.");
    Ok(ExitCode::from(EXIT_CONFIG))
}

fn print(answer: &Value) {
    let list = |key: &str| answer.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let words = |key: &str| list(key).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("result") {
        "reloaded" => {
            println!("The new configuration is in force.");
            println!("  changed:        {}", words("changed"));
            println!("  configuration:  {}", text("configuration"));
            println!("  policies:       {}", text("policies"));
            if !list("restart_needed").is_empty() {
                eprintln!("note: until a restart the old values hold of: {}", words("restart_needed"));
            }
        }
        "unchanged" => println!("Nothing has changed since the configuration in force was read."),
        _ => {
            for problem in list("problems") {
                eprintln!("{}", problem_line(problem));
            }
            eprintln!("The old configuration stays in force. Each code is explained in docs/errors/<code>.md.");
        }
    }
}

/// As `doorward config check` prints it.
fn problem_line(problem: &Value) -> String {
    let text = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| problem.get(key).and_then(Value::as_u64);
    let place = match (number("line"), number("column")) {
        (Some(line), Some(column)) => format!("{line}:{column}:"),
        _ => String::new(),
    };
    let file = if text("file").is_empty() { String::new() } else { format!("{}:", text("file")) };
    let path = if text("path").is_empty() { String::new() } else { format!("{}: ", text("path")) };
    let space = if file.is_empty() && place.is_empty() { "" } else { " " };
    format!("{file}{place}{space}{path}{} [{}]", text("message"), text("code"))
}
