//! `doorward policy check|explain`.

use std::path::PathBuf;
use std::process::ExitCode;

use ::policy::{self as engine, Action, Explanation, GroupForms, PolicySet, Request, ToolAnnotations, Would};
use anyhow::bail;
use clap::Subcommand;
use serde_json::{Value, json};

use super::DEFAULT_CONFIG;
use super::config::report;
use super::failure::Usage;
use crate::config::{self, Config};

/// Check the policies, or explain a decision.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check every policy against the schema; list where each one was written.
    Check {
        /// The configuration file.
        #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
        config: PathBuf,
    },
    /// Say whether a person may do something, which rule decides, and what is missing if not. Exit status 1: denied.
    Explain(Box<ExplainArgs>),
}

#[derive(Debug, clap::Args)]
struct ExplainArgs {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// The person's groups, with commas between them.
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    user_groups: Vec<String>,
    /// The person's user name.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The person's e-mail address.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The identity provider they signed in at; without it, the only one.
    #[arg(long, value_name = "ID")]
    idp: Option<String>,
    /// The upstream.
    #[arg(long, value_name = "ID")]
    upstream: String,
    #[command(flatten)]
    subject: Subject,
    /// The tool's annotation readOnlyHint; without it, the tool does not say.
    #[arg(long, value_name = "BOOL", requires = "tool")]
    read_only: Option<bool>,
    /// The tool's annotation destructiveHint; without it, the tool does not say.
    #[arg(long, value_name = "BOOL", requires = "tool")]
    destructive: Option<bool>,
    /// The `client_id` of the MCP client.
    #[arg(long, value_name = "ID", default_value = "any")]
    client: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Subject {
    /// The tool to call.
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// The resource to read.
    #[arg(long, value_name = "URI")]
    resource: Option<String>,
    /// The prompt to get.
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,
}

/// Runs `doorward policy`.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let file = match &args.command {
        Command::Check { config } => config,
        Command::Explain(explain) => &explain.config,
    };
    let config = match config::load(file) {
        Ok(config) => config,
        Err(problems) => return Ok(report(file, &problems)),
    };
    let set = match PolicySet::compile(&config.policy_source()) {
        Ok(set) => set,
        Err(problems) => bail!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    match &args.command {
        Command::Check { .. } => {
            for id in set.policies() {
                println!("{id}\t{}", set.source(id).unwrap_or_default());
            }
            eprintln!("{} policies are valid; fingerprint {}", set.policies().count(), set.fingerprint());
            Ok(ExitCode::SUCCESS)
        }
        Command::Explain(args) => explain(args, &config, &set),
    }
}

fn unknown(what: &str, name: &str, known: impl Iterator<Item: ToString>) -> anyhow::Error {
    let known = known.map(|name| name.to_string()).collect::<Vec<_>>().join(", ");
    Usage(format!("no {what} {name:?} is defined; there are: {known}")).into()
}

fn explain(args: &ExplainArgs, config: &Config, set: &PolicySet) -> anyhow::Result<ExitCode> {
    if !config.upstreams.contains_key(args.upstream.as_str()) {
        return Err(unknown("upstream", &args.upstream, config.upstreams.keys()));
    }
    let only = config.identity_providers.keys().next().filter(|_| config.identity_providers.len() == 1);
    let idp = match (&args.idp, only) {
        (Some(idp), _) if config.identity_providers.contains_key(idp.as_str()) => idp.as_str(),
        (Some(idp), _) => return Err(unknown("identity provider", idp, config.identity_providers.keys())),
        (None, Some(only)) => only.as_str(),
        (None, None) => return Err(Usage("there are several identity providers: say which one with --idp".to_owned()).into()),
    };
    let roles = set.roles(&args.user_groups, args.username.as_deref(), args.email.as_deref(), idp);
    let request = Request {
        user: "usr_explained",
        idp,
        username: args.username.as_deref(),
        email: args.email.as_deref(),
        groups: &args.user_groups,
        roles: &roles,
        client: &args.client,
        scopes: &[],
        upstream: &args.upstream,
        action: action(args),
    };
    let explanation = engine::explain(set, &request);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&as_json(&explanation, &request))?);
    } else {
        print(&explanation, &request);
    }
    Ok(if explanation.permitted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn action(args: &ExplainArgs) -> Action<'_> {
    let annotations = ToolAnnotations { read_only: args.read_only, destructive: args.destructive };
    match (&args.subject.tool, &args.subject.resource, &args.subject.prompt) {
        (Some(name), _, _) => Action::CallTool { name, annotations, arguments: None },
        (None, Some(uri), _) => Action::ReadResource { uri },
        (None, None, Some(name)) => Action::GetPrompt { name },
        (None, None, None) => Action::Connect,
    }
}

fn print(explanation: &Explanation, request: &Request<'_>) {
    let roles: Vec<&str> = request.roles.iter().map(String::as_str).collect();
    println!("{}", if explanation.permitted { "permitted" } else { "denied" });
    println!("  roles:  {}", if roles.is_empty() { "none".to_owned() } else { roles.join(", ") });
    println!("  reason: {}", explanation.reason);
    if let Some(code) = explanation.code {
        println!("  code:   {code}");
    }
    for (id, source) in &explanation.policies {
        println!("  by:     {id} ({})", source.as_deref().unwrap_or("?"));
    }
    for near in &explanation.near_groups {
        println!("  group {:?} was given, the role {} is for {:?}", near.sent, near.role, near.wanted);
    }
    if let Some(forms) = explanation.group_forms {
        println!("  {}", words_of(forms));
    }
    for would in &explanation.would {
        let (change, policies) = match would {
            Would::Role { role, policies } => (format!("to the role {role}"), policies),
            Would::ReadOnly { policies } => ("if the tool said readOnlyHint: true".to_owned(), policies),
        };
        println!("  would be permitted {change}, by {}", policies.join(", "));
    }
}

/// What to do where no group can ever fit.
fn words_of(forms: GroupForms) -> &'static str {
    match forms {
        GroupForms::IdsForNames => {
            "the groups are object ids, the roles name groups: map the ids to roles in a file of role_mapping_files, or let the identity provider send names"
        }
        GroupForms::NamesForIds => "the groups are names, the roles have object ids: write the names that the identity provider sends",
    }
}

fn as_json(explanation: &Explanation, request: &Request<'_>) -> Value {
    let policies: Vec<Value> = explanation.policies.iter().map(|(id, source)| json!({ "id": id, "source": source })).collect();
    let would: Vec<Value> = explanation
        .would
        .iter()
        .map(|would| match would {
            Would::Role { role, policies } => json!({ "role": role, "policies": policies }),
            Would::ReadOnly { policies } => json!({ "read_only": true, "policies": policies }),
        })
        .collect();
    let near_groups: Vec<Value> =
        explanation.near_groups.iter().map(|near| json!({ "sent": near.sent, "wanted": near.wanted, "role": near.role })).collect();
    json!({
        "permitted": explanation.permitted,
        "code": explanation.code,
        "reason": explanation.reason,
        "roles": request.roles,
        "policies": policies,
        "near_groups": near_groups,
        "group_forms": explanation.group_forms.map(words_of),
        "would_be_permitted": would,
    })
}

#[cfg(test)]
mod tests;
