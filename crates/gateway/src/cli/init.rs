//! `doorward init`: a starting configuration, the master key and the schema. Asks nothing, overwrites nothing.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use oauth::Secret;

use super::{DEFAULT_CONFIG, EXIT_CONFIG};
use crate::config::{self, Config, Problem, ProblemKind, PublicUrl, UpstreamId};
use crate::random::Random;

/// Write a starting configuration, a master key and the schema for editors.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to write to; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Where browsers and MCP clients will reach Doorward.
    #[arg(long, value_name = "URL", default_value = "https://mcp.example.com")]
    public_url: String,
    /// Sign-in by SAML: the URL or the file of the identity provider's metadata.
    #[arg(long, value_name = "URL|FILE", conflicts_with = "oidc_issuer")]
    idp_metadata: Option<String>,
    /// Sign-in by OpenID Connect: the issuer.
    #[arg(long, value_name = "URL")]
    oidc_issuer: Option<String>,
    /// The client id that the OpenID provider gave to Doorward.
    #[arg(long, value_name = "ID", default_value = "doorward")]
    oidc_client_id: String,
    /// An MCP server to put behind Doorward; may be given several times.
    #[arg(long = "upstream", value_name = "NAME=URL", value_parser = parse_upstream)]
    upstreams: Vec<(String, String)>,
    /// Overwrite doorward.yaml and its schema. An existing master key is kept even then: without it the data is lost.
    #[arg(long)]
    force: bool,
}

fn parse_upstream(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("write NAME=URL, such as crm=http://10.0.0.5:9000/mcp")?;
    Ok((name.to_owned(), url.to_owned()))
}

const SCHEMA_FILE: &str = "doorward.schema.json";
const KEY_FILE: &str = "master.key";

/// Runs `doorward init`.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config_file = args.dir.join(DEFAULT_CONFIG);
    let schema_file = args.dir.join(SCHEMA_FILE);
    let key_file = args.dir.join(KEY_FILE);
    let taken: Vec<&PathBuf> = [&config_file, &schema_file].into_iter().filter(|file| file.exists()).collect();
    if !args.force && !taken.is_empty() {
        for file in taken {
            eprintln!("{}", already_exists(file));
        }
        return Ok(ExitCode::FAILURE);
    }
    fs::create_dir_all(&args.dir).with_context(|| format!("cannot make the folder {}", args.dir.display()))?;
    let key_is_new = make_key(&key_file)?;
    let text = starting_file(args);
    // What does not pass our own check is never written.
    if let Err(problems) = Config::from_yaml(&text, &args.dir) {
        if key_is_new {
            fs::remove_file(&key_file)?;
        }
        for problem in &problems {
            let Problem { path, message, .. } = problem;
            eprintln!("doorward: nothing was written: {path}: {message} [{}]", problem.code());
        }
        return Ok(ExitCode::from(EXIT_CONFIG));
    }
    write(&config_file, &text, 0o644, args.force)?;
    write(&schema_file, &format!("{}\n", serde_json::to_string_pretty(&config::schema())?), 0o644, args.force)?;
    println!("wrote {}", config_file.display());
    println!("{} {} (keep a copy in a safe place: it seals the data)", if key_is_new { "wrote" } else { "kept" }, key_file.display());
    println!("wrote {}", schema_file.display());
    println!("\nNext: edit {0}, then\n  doorward config check --config {0}\n  doorward serve --config {0}", config_file.display());
    Ok(ExitCode::SUCCESS)
}

fn already_exists(file: &Path) -> Problem {
    Problem {
        kind: ProblemKind::AlreadyExists,
        path: String::new(),
        file: None,
        position: None,
        message: format!("{} is there already; --force overwrites it", file.display()),
    }
}

/// Makes the key if there is none. It can be read by this user only from the moment it exists.
fn make_key(file: &Path) -> anyhow::Result<bool> {
    if file.exists() {
        return Ok(false);
    }
    let key = Secret::new(Random.bytes::<32>()?);
    write(file, config::encode_master_key(&key).expose(), 0o600, false)?;
    Ok(true)
}

fn write(file: &Path, text: &str, mode: u32, overwrite: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).mode(mode).create(true).truncate(true);
    if !overwrite {
        options.create_new(true);
    }
    let mut output = options.open(file).with_context(|| format!("cannot write {}", file.display()))?;
    output.write_all(text.as_bytes()).and_then(|()| output.sync_all()).with_context(|| format!("cannot write {}", file.display()))
}

/// The text of the starting file. Values are written as JSON strings, which are YAML strings too.
fn starting_file(args: &Args) -> String {
    let example = [("example".to_owned(), "http://127.0.0.1:9000/mcp".to_owned())];
    let upstreams = if args.upstreams.is_empty() { &example[..] } else { &args.upstreams[..] };
    let mut upstream_lines = String::new();
    for (name, url) in upstreams {
        upstream_lines.push_str(&format_upstream(name, url));
    }
    let idp = identity_provider(args);
    let public_url = quote(&args.public_url);
    let listen = listen(&args.public_url);
    format!(
        "# yaml-language-server: $schema={SCHEMA_FILE}
# The configuration of Doorward. All keys: docs/reference/configuration.md. Check it: doorward config check

# Where browsers and MCP clients reach Doorward.
public_url: {public_url}
{listen}
master_key: ${{file:{KEY_FILE}}}

# Where people sign in. Tell the identity provider about Doorward:
{idp}
# The MCP servers behind Doorward: clients use {{public_url}}/NAME/mcp.
upstreams:
{upstream_lines}
# Who is who: a role for everybody in one of these groups. \"*\" is everybody who signed in.
roles:
  users: {{ groups: [\"*\"] }}

# Who may do what; everything else is refused. This lets everybody use tools that only read.
grants:
  - {{ role: users, upstream: \"*\", tools: [\"*\"], read_only: true }}
"
    )
}

/// For a loopback URL the very address that it names; otherwise what a load balancer in front expects, and TLS to switch on.
fn listen(public_url: &str) -> String {
    let local = PublicUrl::parse(public_url).ok().filter(|url| !url.is_https());
    let local = local.as_ref().and_then(|url| Some((url.url().host()?, url.url().port_or_known_default()?)));
    match local {
        Some((url::Host::Ipv6(address), port)) => format!("listen: \"[{address}]:{port}\""),
        Some((_, port)) => format!("listen: 127.0.0.1:{port}"),
        None => "# Plain HTTP for a proxy in front that ends TLS. Without one: listen: 0.0.0.0:443, and the two files in PEM.
listen: 0.0.0.0:8080
# tls: { certificate: tls/chain.pem, key: tls/key.pem }
# Database, audit trail; relative paths start from this file.
data_dir: data"
            .to_owned(),
    }
}

fn format_upstream(name: &str, url: &str) -> String {
    let name = if UpstreamId::parse(name).is_ok() { name.to_owned() } else { quote(name) };
    format!("  {name}: {{ url: {} }}\n", quote(url))
}

fn identity_provider(args: &Args) -> String {
    let callback = |path: &str| format!("{}{path}", args.public_url.trim_end_matches('/'));
    if let Some(issuer) = &args.oidc_issuer {
        return format!(
            "#   redirect URI: {}
identity_providers:
  corporate:
    oidc:
      issuer: {}
      client_id: {}
      # client_secret: ${{file:oidc-client-secret}}
      groups_claim: groups
",
            callback("/login/oidc/corporate/callback"),
            quote(issuer),
            quote(&args.oidc_client_id),
        );
    }
    let metadata = match &args.idp_metadata {
        Some(text) if text.starts_with("https://") || text.starts_with("http://") => format!("metadata: {}", quote(text)),
        // Given from where the command runs; paths in the file start from the file.
        Some(text) => {
            let file = std::path::absolute(text).unwrap_or_else(|_| PathBuf::from(text));
            format!("metadata_file: {}", quote(&file.display().to_string()))
        }
        None => format!("metadata: {}", quote("https://idp.example.com/saml/metadata")),
    };
    format!(
        "#   metadata: {}
#   ACS URL:  {}
identity_providers:
  corporate:
    saml:
      {metadata}
      groups_attribute: groups
",
        callback("/saml/metadata"),
        callback("/login/saml/corporate/acs"),
    )
}

/// A JSON string is a YAML string; `$` is doubled before a brace, so that nothing is replaced in it.
fn quote(text: &str) -> String {
    serde_json::Value::String(text.replace("${", "$${")).to_string()
}

#[cfg(test)]
mod tests;
