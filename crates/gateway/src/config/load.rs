//! The whole way from text to [`Config`].

use std::path::Path;

use super::path::{self, Positions};
use super::problem::{Position, Problem, ProblemKind};
use super::resolve::{Origin, Resolver, resolve};
use super::sources::{Files, Sources};
use super::types::{Config, UpstreamChoice};
use super::{check, file, substitute, tree};

/// The largest configuration file.
const MAX_BYTES: u64 = 4 << 20;

/// What became of a configuration file, and every file that was looked at on the way.
#[derive(Debug)]
pub struct Loaded {
    /// The files, also those that could not be read.
    pub sources: Sources,
    /// The configuration, or every problem, in the order of the files.
    pub result: Result<Config, Vec<Problem>>,
}

/// Reads and checks a configuration file. The error lists every problem, in the order of the file.
pub fn load(file: &Path) -> Result<Config, Vec<Problem>> {
    load_noting(file).result
}

/// [`load`], and what was read: for whoever wants to know when to read again.
pub fn load_noting(file: &Path) -> Loaded {
    let files = Files::default();
    let mut result = load_through(file, &files);
    let sources = files.into_sources();
    if let Ok(config) = &mut result {
        config.sources = sources.clone();
    }
    Loaded { sources, result }
}

fn load_through(file: &Path, files: &Files) -> Result<Config, Vec<Problem>> {
    let unreadable = |reason: String| {
        let message = format!("cannot read the configuration: {reason}");
        let file = Some(file.display().to_string());
        vec![Problem { kind: ProblemKind::Unreadable, path: String::new(), file, position: None, message }]
    };
    let bytes = files.read(file, MAX_BYTES).map_err(|reason| {
        let advice = "; name another with --config, or let `doorward init` write a starting one";
        unreadable(format!("{reason}{}", if file.exists() { "" } else { advice }))
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|byte| **byte == b'\n').count();
        unreadable(format!("line {} is not UTF-8 text; save the file as UTF-8", line.saturating_add(1)))
    })?;
    let base_dir = file.parent().unwrap_or(Path::new(""));
    read(&text, &Origin { file: Some(file), base_dir, files }, &|name| std::env::var(name).ok())
}

impl Config {
    /// Checks a configuration that is given as text; relative paths start from `base_dir`.
    pub fn from_yaml(text: &str, base_dir: &Path) -> Result<Self, Vec<Problem>> {
        read(text, &Origin { file: None, base_dir, files: &Files::default() }, &|name| std::env::var(name).ok())
    }

    /// What the policy set is compiled from.
    pub fn policy_source(&self) -> policy::PolicySource {
        let names = |choice: &UpstreamChoice| match choice {
            UpstreamChoice::All => vec!["*".to_owned()],
            UpstreamChoice::Named(ids) => ids.iter().map(ToString::to_string).collect(),
        };
        let role = |(name, role): (&String, &super::types::Role)| policy::RoleRule {
            role: name.clone(),
            groups: role.groups.clone(),
            users: role.users.clone(),
            idps: role.identity_providers.iter().map(ToString::to_string).collect(),
        };
        let grant = |rule: &super::types::Rule| policy::Grant {
            roles: rule.roles.clone(),
            upstreams: names(&rule.upstreams),
            tools: rule.tools.clone(),
            resources: rule.resources.clone(),
            prompts: rule.prompts.clone(),
            read_only: rule.read_only,
            source: rule.source.clone(),
        };
        let deny = |rule: &super::types::Rule| policy::Deny {
            roles: rule.roles.clone(),
            upstreams: names(&rule.upstreams),
            tools: rule.tools.clone(),
            resources: rule.resources.clone(),
            prompts: rule.prompts.clone(),
            source: rule.source.clone(),
        };
        let mapping = |mapping: &super::types::RoleMapping| policy::GroupMapping {
            idp: mapping.identity_provider.to_string(),
            groups: mapping.groups.clone(),
        };
        policy::PolicySource {
            roles: self.roles.iter().map(role).collect(),
            mappings: self.role_mappings.iter().map(mapping).collect(),
            grants: self.grants.iter().map(grant).collect(),
            denies: self.denies.iter().map(deny).collect(),
            cedar: self.policy_files.iter().map(|file| policy::CedarFile { name: file.name.clone(), text: file.text.clone() }).collect(),
            upstreams: self.upstreams.keys().map(ToString::to_string).collect(),
        }
    }
}

/// Text to configuration; `variable` looks up the environment.
pub(super) fn read(text: &str, origin: &Origin<'_>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Config, Vec<Problem>> {
    let mut problems = Vec::new();
    let config = collect(text, origin, variable, &mut problems);
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        Some(_) | None => Err(settle(problems, origin)),
    }
}

fn collect(text: &str, origin: &Origin<'_>, variable: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<Problem>) -> Option<Config> {
    let mut root = tree::parse(text).map_err(|problem| problems.push(problem)).ok()?;
    substitute::replace_all(&mut root, "", &substitute::Sources { variable, base_dir: origin.base_dir, files: origin.files }, problems);
    let fitting = check::check(&file::schema(), &root, problems);
    let positions = Positions::of(&root);
    let file = serde_json::from_value(fitting).map_err(|error| problems.push(misfit(&error))).ok()?;
    let origin = Origin { file: origin.file, base_dir: origin.base_dir, files: origin.files };
    let config = resolve(file, &mut Resolver { origin, positions: &positions, problems })?;
    // References are already checked here, with better places; a policy set is compiled only from what is right.
    if problems.is_empty() {
        let faults = policy::PolicySet::compile(&config.policy_source()).err().unwrap_or_default();
        problems.extend(faults.into_iter().map(Problem::from));
    }
    Some(config)
}

impl From<policy::PolicyProblem> for Problem {
    /// A fault of a Cedar file, at its place in that file.
    fn from(problem: policy::PolicyProblem) -> Self {
        let kind = ProblemKind::Policy(problem.code());
        let position = problem.position.map(|(line, column)| Position { line, column });
        Self { kind, path: String::new(), file: problem.file, position, message: problem.message }
    }
}

/// The schema let something through that the types do not take: a fault of ours, but never a start.
fn misfit(error: &serde_json::Error) -> Problem {
    let message = format!("does not fit the configuration: {error}");
    Problem { kind: ProblemKind::WrongType, path: String::new(), file: None, position: None, message }
}

/// Drops what only follows from an earlier problem, names the file, and sorts by place.
fn settle(problems: Vec<Problem>, origin: &Origin<'_>) -> Vec<Problem> {
    let mut kept: Vec<Problem> = Vec::new();
    for mut problem in problems {
        problem.file = problem.file.or_else(|| origin.file.map(|file| file.display().to_string()));
        let follows = kept.iter().any(|earlier| {
            let covers = if earlier.kind == ProblemKind::WrongType {
                // A key that was left out because of its type is not also missing.
                let lacks = problem.kind == ProblemKind::ConflictingKeys && path::is_within(&earlier.path, &problem.path);
                lacks || path::is_within(&problem.path, &earlier.path)
            } else {
                problem.path == earlier.path
            };
            covers && !earlier.path.is_empty() && earlier.file == problem.file
        });
        if !follows {
            kept.push(problem);
        }
    }
    kept.sort_by(|left, right| (&left.file, left.position).cmp(&(&right.file, right.position)));
    kept
}

#[cfg(test)]
mod tests;
