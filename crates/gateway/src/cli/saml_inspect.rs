//! `doorward saml inspect`: walks one SAML response through every check of a sign-in and says which passed.
//!
//! For administrators, instead of a web site that gets their assertions. Nothing leaves the machine. The checks are those
//! of `saml::verify_response`, in the same order; replay alone is left out, because only the running gateway remembers.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use saml::{Check, EntityId, Expected, IdpMetadata, Inspection, ServiceProvider, SpKey};
use serde_json::json;
use url::Url;

use crate::clock::Clock;

/// Exit status of wrong arguments, a file that cannot be read included.
const EXIT_USAGE: u8 = 2;

/// Arguments of `doorward saml inspect`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Metadata of the identity provider: an XML file
    #[arg(long, value_name = "FILE")]
    metadata: PathBuf,
    /// The response: a file with raw XML or base64, or - for standard input
    #[arg(long, value_name = "FILE")]
    response: PathBuf,
    /// The service provider's entity id, which the assertion must name as its audience
    #[arg(long, value_name = "ID")]
    sp_entity_id: String,
    /// The assertion consumer service URL, which the response must be meant for
    #[arg(long, value_name = "URL")]
    acs: String,
    /// The id of the request that the response must answer; without it InResponseTo is not compared
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// The service provider's private key for encrypted assertions: PKCS#8 as PEM, DER or base64
    #[arg(long, value_name = "FILE")]
    sp_key: Option<PathBuf>,
    /// Judge as of this instant, such as 2026-11-20T09:35:30Z, instead of now
    #[arg(long, value_name = "INSTANT")]
    now: Option<String>,
    /// Which identity provider, when the metadata describes several
    #[arg(long, value_name = "ID")]
    idp_entity_id: Option<String>,
    /// Print JSON: accepted, subject, code, checks
    #[arg(long)]
    json: bool,
}

/// Prints the inspection; exit status 0 accepted, 1 refused, 2 usage.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let inspection = match inspect(args, &Clock::System) {
        Ok(inspection) => inspection,
        Err(usage) => {
            writeln!(std::io::stderr(), "doorward saml inspect: {usage}")?;
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", as_json(&inspection))?;
    } else {
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        write!(out, "{}", as_text(&inspection, colour))?;
    }
    Ok(if inspection.accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An argument that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Usage {
    #[error("cannot read {}: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("--{argument} {value:?} is not {wanted}")]
    Invalid { argument: &'static str, value: String, wanted: &'static str },
    #[error("--sp-key {}: {fault}", .path.display())]
    Key { path: PathBuf, fault: saml::KeyError },
}

fn inspect(args: &Args, clock: &Clock) -> Result<Inspection, Usage> {
    let metadata = read(&args.metadata)?;
    let response = read(&args.response)?;
    let sp_entity_id = entity_id("sp-entity-id", &args.sp_entity_id)?;
    let wanted = args.idp_entity_id.as_deref().map(|id| entity_id("idp-entity-id", id)).transpose()?;
    let acs_url = Url::parse(&args.acs).map_err(|_| invalid("acs", &args.acs, "an absolute URL"))?;
    let now = match &args.now {
        Some(text) => text.parse::<Timestamp>().map_err(|_| invalid("now", text, "an instant such as 2026-11-20T09:35:30Z"))?,
        None => clock.now(),
    };
    let keys = args.sp_key.as_deref().map(read_key).transpose()?.into_iter().collect();
    let idp = match IdpMetadata::parse(&metadata, wanted.as_ref(), now) {
        Ok(idp) => idp,
        Err(error) => return Ok(refused_metadata(&error)),
    };
    let sp = ServiceProvider { entity_id: sp_entity_id, acs_url: acs_url.clone(), slo_url: None, keys };
    let expected = Expected::new(&idp, &sp, &acs_url, args.request_id.as_deref(), now);
    Ok(saml::inspect(&response, &expected))
}

/// Metadata that a sign-in could not use is the first check that fails.
fn refused_metadata(error: &saml::MetadataError) -> Inspection {
    let check = Check { name: "metadata", passed: false, detail: error.to_string(), code: Some(error.code()) };
    Inspection { accepted: false, subject: None, code: Some(error.code()), checks: vec![check] }
}

fn read(path: &Path) -> Result<Vec<u8>, Usage> {
    let mut bytes = Vec::new();
    let result = if path == Path::new("-") { std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes) } else { std::fs::read(path) };
    result.map_err(|error| Usage::Unreadable { path: path.to_owned(), reason: error.to_string() })
}

fn read_key(path: &Path) -> Result<SpKey, Usage> {
    SpKey::for_decryption(&key_der(&read(path)?)).map_err(|fault| Usage::Key { path: path.to_owned(), fault })
}

/// DER as it is, or the DER in PEM or base64; what is none of these is left to the key parser to refuse.
fn key_der(bytes: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).flat_map(str::split_ascii_whitespace).collect();
    STANDARD.decode(base64).unwrap_or_else(|_| bytes.to_vec())
}

fn entity_id(argument: &'static str, value: &str) -> Result<EntityId, Usage> {
    EntityId::parse(value).map_err(|_| invalid(argument, value, "an entity id"))
}

fn invalid(argument: &'static str, value: &str, wanted: &'static str) -> Usage {
    Usage::Invalid { argument, value: value.to_owned(), wanted }
}

fn as_json(inspection: &Inspection) -> serde_json::Value {
    let checks: Vec<_> = inspection
        .checks
        .iter()
        .map(|check| json!({ "name": check.name, "passed": check.passed, "detail": check.detail, "code": check.code }))
        .collect();
    json!({ "accepted": inspection.accepted, "subject": inspection.subject, "code": inspection.code, "checks": checks })
}

fn as_text(inspection: &Inspection, colour: bool) -> String {
    let paint = |good: bool, text: &str| match (colour, good) {
        (false, _) => text.to_owned(),
        (true, true) => format!("\x1b[32m{text}\x1b[0m"),
        (true, false) => format!("\x1b[31m{text}\x1b[0m"),
    };
    let width = inspection.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in &inspection.checks {
        let mark = paint(check.passed, if check.passed { "✓" } else { "✗" });
        let _ = writeln!(text, "{mark} {:width$}  {}", check.name, check.detail);
        if let Some(code) = check.code {
            let _ = writeln!(text, "  {:width$}  {code}, see docs/errors/{code}.md", "");
        }
    }
    text.push('\n');
    match (&inspection.subject, inspection.code) {
        (Some(subject), _) => {
            let _ = writeln!(text, "{}: {subject}", paint(true, "accepted"));
        }
        (None, code) => {
            let _ = writeln!(text, "{}: {}", paint(false, "refused"), code.unwrap_or("unknown"));
            if !inspection.checks.iter().any(|check| check.name == "attributes") {
                text.push_str("The checks after this one were not run: nothing is read that no verified signature covers.\n");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests;
