//! `doorward idp guide [NAME]`: the pages of `docs/guide/idp`, with the addresses of a deployment in them.
//!
//! The pages are the one source: what stands there as `<public_url>` and `<id>` is replaced, and what is about the protocol that
//! the identity provider is not configured with is left out. Nothing else differs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::super::{DEFAULT_CONFIG, EXIT_USAGE, config as config_command};
use crate::config::{self, Config, IdpId, Protocol};

/// Every guide: its name, what it is about, its page.
const GUIDES: [(&str, &str, &str); 8] = [
    ("okta", "Okta", include_str!("../../../../../docs/guide/idp/okta.md")),
    ("entra", "Microsoft Entra ID", include_str!("../../../../../docs/guide/idp/entra.md")),
    ("ping", "PingOne and PingFederate", include_str!("../../../../../docs/guide/idp/ping.md")),
    ("google", "Google Workspace", include_str!("../../../../../docs/guide/idp/google.md")),
    ("keycloak", "Keycloak", include_str!("../../../../../docs/guide/idp/keycloak.md")),
    ("adfs", "AD FS", include_str!("../../../../../docs/guide/idp/adfs.md")),
    ("shibboleth", "Shibboleth IdP", include_str!("../../../../../docs/guide/idp/shibboleth.md")),
    ("simplesamlphp", "SimpleSAMLphp", include_str!("../../../../../docs/guide/idp/simplesamlphp.md")),
];

/// The headings of what belongs to one protocol only.
const SAML_PART: &str = "## SAML 2.0";
const OIDC_PART: &str = "## OpenID Connect";

/// Arguments of `doorward idp guide`.
#[derive(Debug, clap::Args)]
pub(in super::super) struct Args {
    /// Which identity provider; without it, all names are listed
    name: Option<String>,
    /// The id that it has, or will have, in the configuration; without it, the guide's name
    #[arg(long, value_name = "ID", value_parser = IdpId::parse)]
    idp: Option<IdpId>,
    /// The configuration file; without it, doorward.yaml if there is one
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs `doorward idp guide`.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let Some(name) = args.name.as_deref() else {
        for (name, title, _) in GUIDES {
            writeln!(out, "{name:<14} {title}")?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some((name, _, page)) = GUIDES.into_iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)) else {
        eprintln!("doorward idp guide: there is no guide {name:?}{}", nearest(name));
        return Ok(ExitCode::from(EXIT_USAGE));
    };
    let file = args.config.clone().or_else(|| Some(PathBuf::from(DEFAULT_CONFIG)).filter(|file| file.exists()));
    let config = match file.as_deref().map(|file| (file, config::load(file))) {
        None => {
            eprintln!("note: no {DEFAULT_CONFIG} here; <public_url> stands for the address of Doorward. Name the file with --config.");
            None
        }
        Some((_, Ok(config))) => Some(config),
        Some((file, Err(problems))) => return Ok(config_command::report(file, &problems)),
    };
    let id = args.idp.as_ref().map_or(name, IdpId::as_str);
    if let (Some(config), Some(file)) = (&config, &file) {
        note_configured(config, file, id);
    }
    write!(out, "{}", render(page, id, config.as_ref()))?;
    Ok(ExitCode::SUCCESS)
}

fn note_configured(config: &Config, file: &Path, id: &str) {
    if !config.identity_providers.contains_key(id) {
        eprintln!("note: {} has no identity provider {id:?} yet; if it gets another id, name it with --idp.", file.display());
    }
}

/// The page for a deployment; without a configuration, what stands for the address stays.
fn render(page: &str, id: &str, config: Option<&Config>) -> String {
    let protocol = config.and_then(|config| config.identity_providers.get(id)).map(|idp| &idp.protocol);
    let text = match protocol {
        Some(Protocol::Saml(_)) => without(page, OIDC_PART),
        Some(Protocol::Oidc(_)) => without(page, SAML_PART),
        None => page.to_owned(),
    };
    let text = text.replace("<id>", id);
    config.map_or(text.clone(), |config| text.replace("<public_url>", config.public_url.issuer()))
}

/// The page without one part: from its heading to the next of the same rank. A page that has nothing else on protocols stays whole.
fn without(page: &str, heading: &str) -> String {
    let other = if heading == SAML_PART { OIDC_PART } else { SAML_PART };
    if !page.lines().any(|line| line == other) {
        return page.to_owned();
    }
    let mut is_inside = false;
    let kept = page.split_inclusive('\n').filter(|line| {
        if line.starts_with("## ") {
            is_inside = line.trim_end() == heading;
        }
        !is_inside
    });
    kept.collect()
}

/// `; did you mean …?`, or all names.
fn nearest(name: &str) -> String {
    let wanted = name.to_ascii_lowercase();
    let near = GUIDES.into_iter().map(|(known, ..)| (config::distance(&wanted, known), known)).min();
    match near {
        Some((distance, known)) if distance <= wanted.chars().count().div_ceil(3) => format!("; did you mean {known:?}?"),
        Some(_) | None => format!("; there are: {}", GUIDES.map(|(known, ..)| known).join(", ")),
    }
}

#[cfg(test)]
mod tests;
