//! `doorward config check|schema|show`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use saml::IdpMetadata;
use serde_json::json;

use super::{DEFAULT_CONFIG, EXIT_CONFIG};
use crate::app;
use crate::clock::Clock;
use crate::config::{self, Config, MasterKey, MetadataSource, Problem, Protocol, SamlIdp};

/// Check, describe or show the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration, without starting anything. All problems are listed; exit status 3 if there are any.
    Check(FileArgs),
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
    /// Print the values in force, defaults included, secrets hidden.
    Show(FileArgs),
}

#[derive(Debug, clap::Args)]
struct FileArgs {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `doorward config`.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Check(file) => check(file),
        Command::Schema => {
            println!("{}", serde_json::to_string_pretty(&config::schema())?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Show(file) => show(file),
    }
}

fn check(args: &FileArgs) -> anyhow::Result<ExitCode> {
    let result = config::load(&args.config);
    if args.json {
        let problems = result.as_ref().err().map_or(&[] as &[Problem], Vec::as_slice);
        println!("{}", serde_json::to_string_pretty(&json!({ "valid": result.is_ok(), "problems": problems }))?);
        return Ok(if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CONFIG) });
    }
    match result {
        Ok(config) => {
            println!("{}: valid. {}", args.config.display(), summary(&config));
            note_exposure(&config);
            note_master_key(&config);
            note_tls(&config);
            note_metadata(&config);
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => Ok(report(&args.config, &problems)),
    }
}

/// Plain HTTP is for this machine; a container has to listen on every address all the same, so this is no fault.
fn note_exposure(config: &Config) {
    if !config.public_url.is_https() && !config.listen.ip().is_loopback() {
        eprintln!("note: {} serves plain HTTP to the network; for this machine alone, listen on 127.0.0.1", config.listen);
    }
}

/// What stops a start, or should be known before one, but is not a fault of the file.
fn note_master_key(config: &Config) {
    if let Err(error) = config.master_key.read() {
        eprintln!("note: Doorward will not start yet: {error}");
    } else if let MasterKey::File(path) = &config.master_key
        && std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
    {
        eprintln!("note: {} can be read by others; chmod 600 makes it private", path.display());
    }
}

/// The files are there; whether they can be served is a second question.
fn note_tls(config: &Config) {
    if let Err(error) = app::tls_settings(config) {
        eprintln!("note: Doorward will not start yet: {error} [{}]", error.code());
    }
}

/// Metadata files are read when somebody signs in, so that one bad file does not stop the others; say it here.
fn note_metadata(config: &Config) {
    let now = Clock::System.now();
    for idp in config.identity_providers.values() {
        let Protocol::Saml(SamlIdp { metadata: MetadataSource::File(path), entity_id, metadata_signers, .. }) = &idp.protocol else {
            continue;
        };
        let Ok(xml) = std::fs::read(path) else { continue };
        let parsed = match metadata_signers {
            Some(signers) => IdpMetadata::parse_signed(&xml, entity_id.as_ref(), &signers.certificates, now),
            None => IdpMetadata::parse(&xml, entity_id.as_ref(), now),
        };
        if let Err(error) = parsed {
            eprintln!("note: nobody can sign in at {}: {}: {error} [{}]", idp.id, path.display(), error.code());
        }
    }
}

fn summary(config: &Config) -> String {
    format!(
        "{} identity provider(s), {} upstream(s), {} role(s), {} mapped group(s), {} grant(s), {} deny rule(s), {} policy file(s).",
        config.identity_providers.len(),
        config.upstreams.len(),
        config.roles.len(),
        config.role_mappings.iter().map(|mapping| mapping.groups.len()).sum::<usize>(),
        config.grants.len(),
        config.denies.len(),
        config.policy_files.len(),
    )
}

fn show(args: &FileArgs) -> anyhow::Result<ExitCode> {
    match config::load(&args.config) {
        Ok(config) if args.json => println!("{}", serde_json::to_string_pretty(&config.effective())?),
        Ok(config) => print!("{}", serde_saphyr::to_string(&config.effective())?),
        Err(problems) => return Ok(report(&args.config, &problems)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the problems of a configuration on standard error; gives exit status 3.
pub(super) fn report(file: &Path, problems: &[Problem]) -> ExitCode {
    for problem in problems {
        eprintln!("{problem}");
    }
    let count = problems.len();
    eprintln!("{}: {count} problem{}. Each code is explained in docs/errors/<code>.md.", file.display(), if count == 1 { "" } else { "s" });
    ExitCode::from(EXIT_CONFIG)
}
