//! `doorward status`: what runs here.

use std::process::ExitCode;

use anyhow::Context as _;
use http::Method;

use super::admin::Target;
use crate::admin::Status;

/// Arguments of `doorward status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let answer = args.target.call(Method::GET, "/status", None)?;
    if args.json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let status: Status = serde_json::from_value(answer).context("the gateway is of another version than this command")?;
    println!("doorward {} is running since {} (process {})", status.version, status.started.strftime("%Y-%m-%d %H:%M:%SZ"), status.pid);
    println!("  public_url:     {}", status.public_url);
    println!("  file:           {}", status.file.as_deref().unwrap_or("(given as text)"));
    println!("  configuration:  {}", status.configuration);
    println!("  policies:       {}", status.policies);
    Ok(ExitCode::SUCCESS)
}
