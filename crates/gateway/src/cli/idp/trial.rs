//! `doorward idp test` and `doorward idp capture`: tries the sign-in at an identity provider, and waits for failing ones. Both through
//! the running gateway.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::super::admin::Target;
use crate::audit::escape_invisible;

/// How often the gateway is asked whether somebody has finished the test.
const POLL: Duration = Duration::from_millis(700);

/// Arguments of `doorward idp test`.
#[derive(Debug, clap::Args)]
pub(in super::super) struct Test {
    /// The identity provider's id in the configuration.
    id: String,
    #[command(flatten)]
    target: Target,
    /// Print JSON: first the link, then the report, one object each.
    #[arg(long)]
    json: bool,
}

/// Commands of `doorward idp capture`.
#[derive(Debug, Subcommand)]
pub(in super::super) enum Capture {
    /// Wait ten minutes for the next failing sign-in of one person.
    Start {
        /// Their user name, NameID or e-mail address.
        #[arg(long, value_name = "NAME_OR_EMAIL")]
        user: String,
        /// Only at this identity provider.
        #[arg(long, value_name = "ID")]
        idp: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Show all, newest first.
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Show what one caught.
    Show {
        /// Its id, `cap_…`.
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Forget one.
    Delete {
        /// Its id, `cap_…`.
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

/// Which gateway, and how to print.
#[derive(Debug, clap::Args)]
pub(in super::super) struct Output {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn test(args: &Test) -> anyhow::Result<ExitCode> {
    let begun = args.target.call(Method::POST, "/sign-in-tests", Some(&json!({ "idp": args.id })))?;
    let id = text(&begun, "id").context("the gateway is of another version than this command")?;
    if args.json {
        println!("{begun:#}");
    } else {
        println!(
            "Open this link in a browser, within ten minutes, and sign in. It works once:\n\n  {}\n",
            text(&begun, "link").unwrap_or_default()
        );
        eprintln!("waiting …");
    }
    loop {
        thread::sleep(POLL);
        // After ten minutes the gateway says that there is no such test.
        let state = args.target.call(Method::GET, &format!("/sign-in-tests/{id}"), None)?;
        let Some(report) = state.get("report").filter(|report| report.is_object()) else { continue };
        if args.json {
            println!("{report:#}");
        } else {
            print_report(report);
        }
        let refused = report.get("code").is_some_and(Value::is_string);
        return Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
}

pub(super) fn capture(command: &Capture) -> anyhow::Result<ExitCode> {
    match command {
        Capture::Start { user, idp, output } => {
            let begun = output.target.call(Method::POST, "/captures", Some(&json!({ "person": user, "idp": idp })))?;
            let (id, until) = (text(&begun, "id").unwrap_or_default(), text(&begun, "armed_until").unwrap_or_default());
            print(output, &begun, || {
                println!("{id} waits until {until} for a failing sign-in of {}.\nThen: doorward idp capture show {id}", shown(user));
            });
        }
        Capture::List { output } => {
            let all = output.target.call(Method::GET, "/captures", None)?;
            print(output, &all, || all.as_array().into_iter().flatten().for_each(print_line));
        }
        Capture::Show { id, output } => {
            let one = output.target.call(Method::GET, &format!("/captures/{}", segment(id)), None)?;
            print(output, &one, || {
                print_line(&one);
                if let Some(report) = one.get("report").filter(|report| report.is_object()) {
                    println!();
                    print_report(report);
                }
            });
        }
        Capture::Delete { id, output } => {
            let gone = output.target.call(Method::DELETE, &format!("/captures/{}", segment(id)), None)?;
            print(output, &gone, || println!("{} is forgotten.", shown(id)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(output: &Output, json: &Value, words: impl FnOnce()) {
    if output.json {
        println!("{json:#}");
    } else {
        words();
    }
}

/// One capture on one line.
fn print_line(capture: &Value) {
    let field = |name: &str| text(capture, name).unwrap_or("-");
    let state = match text(capture, "code") {
        Some(code) => format!("caught {} at {}", code, field("caught_at")),
        None => format!("waits until {}", field("armed_until")),
    };
    println!("{}  {}  {}  {}  asked for by {}", field("id"), shown(field("person")), field("idp"), state, shown(field("asked_by")));
}

/// The words that the gateway put beside its report.
fn print_report(report: &Value) {
    for section in report.get("words").and_then(Value::as_array).into_iter().flatten() {
        println!("{}", text(section, "title").unwrap_or_default());
        let lines = section.get("lines").and_then(Value::as_array).into_iter().flatten();
        for line in lines.filter_map(Value::as_array) {
            let part = |number: usize| line.get(number).and_then(Value::as_str).map(shown).unwrap_or_default();
            println!("  {:<24} {}", part(0), part(1));
        }
        println!();
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// Text of an identity provider, on a terminal.
fn shown(text: &str) -> String {
    escape_invisible(text)
}

/// An id as a path has it; what is no id is found nowhere.
fn segment(id: &str) -> String {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') { id.to_owned() } else { "-".to_owned() }
}
