//! Full Cedar files: parsed, checked against the schema, each policy placed by its scope.

use std::str::FromStr as _;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicyId, PolicySet as CedarSet, PrincipalConstraint, ResourceConstraint};
use cedar_policy::{ValidationMode, Validator};

use super::{Placed, Reads, Seen};
use crate::problem::{PolicyProblem, PolicyProblemKind};
use crate::set::Attributes;
use crate::source::{CedarFile, PolicySource};
use crate::vocabulary::{ActionKind, Vocabulary};

/// Adds the policies of all files to `placed`.
pub(super) fn compile(source: &PolicySource, vocabulary: &Vocabulary, placed: &mut Vec<Placed>, problems: &mut Vec<PolicyProblem>) {
    let mut seen = Seen::new();
    for file in &source.cedar {
        let mut reader = Reader { source, file, problems };
        let set = match CedarSet::from_str(&file.text) {
            Ok(set) => set,
            Err(errors) => {
                for error in errors.iter() {
                    reader.cedar_problem(PolicyProblemKind::Syntax, &DetailedError::from(error));
                }
                continue;
            }
        };
        let result = Validator::new(vocabulary.schema.clone()).validate(&set, ValidationMode::Strict);
        for error in result.validation_errors() {
            reader.cedar_problem(PolicyProblemKind::SchemaMismatch, &DetailedError::from(error));
        }
        reader.templates(&set);
        placed.extend(reader.policies(&set, &mut seen));
    }
}

struct Reader<'a> {
    source: &'a PolicySource,
    file: &'a CedarFile,
    problems: &'a mut Vec<PolicyProblem>,
}

impl Reader<'_> {
    fn report(&mut self, kind: PolicyProblemKind, offset: Option<usize>, message: String) {
        let position = offset.map(|offset| line_and_column(&self.file.text, offset));
        self.problems.push(PolicyProblem { kind, file: Some(self.file.name.clone()), position, message });
    }

    fn cedar_problem(&mut self, kind: PolicyProblemKind, error: &DetailedError) {
        let offset = error.source_locations.first().map(|label| label.loc.start);
        // The parser's own number of the policy means nothing to the reader; the place does.
        let message = error.message.split_once("`, ").filter(|(prefix, _)| prefix.starts_with("for policy `"));
        let message = message.map_or(error.message.as_str(), |(_, rest)| rest);
        let help = error.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
        self.report(kind, offset, format!("{message}{help}"));
    }

    fn templates(&mut self, set: &CedarSet) {
        for template in set.templates() {
            let offset = self.file.text.find(&template.to_string());
            self.report(
                PolicyProblemKind::Template,
                offset,
                "a template (?principal, ?resource) has no effect here; write a policy".to_owned(),
            );
        }
    }

    /// The policies in the order of the text, each under its `@id`, or else under `file:line`.
    fn policies(&mut self, set: &CedarSet, seen: &mut Seen) -> Vec<Placed> {
        let mut cursor = 0;
        let mut placed = Vec::new();
        // The parser numbers all statements in the order of the text; templates leave gaps.
        for number in 0..set.num_of_policies() + set.num_of_templates() {
            let Some(policy) = set.policy(&PolicyId::new(format!("policy{number}"))) else { continue };
            let text = policy.to_cedar().unwrap_or_default();
            let start = self.file.text.get(cursor..).and_then(|rest| rest.find(&text)).map(|found| cursor + found);
            cursor = start.map_or(cursor, |start| start + text.len());
            let line = start.map_or(1, |start| line_and_column(&self.file.text, start).0);
            let source = format!("{}:{line}", self.file.name);
            let id = policy.annotation("id").map_or_else(|| source.clone(), str::to_owned);
            if id.is_empty() || id.starts_with("grants[") || id.starts_with("denies[") || !seen.insert(id.clone()) {
                self.report(PolicyProblemKind::DuplicateId, start, format!("the id {id:?} is taken; give the policy another @id(\"…\")"));
            }
            self.entities(policy, start);
            placed.push(place(policy.new_id(PolicyId::new(&id)), source));
        }
        placed
    }

    /// A role or upstream that does not exist would never match: a forbid with a typing error must not load.
    fn entities(&mut self, policy: &Policy, start: Option<usize>) {
        for literal in policy.entity_literals() {
            let id = literal.id().unescaped().to_owned();
            let type_name = literal.type_name().to_string();
            let known = match type_name.as_str() {
                "Role" => self.source.roles.iter().any(|rule| rule.role == id),
                "Upstream" => self.source.upstreams.contains(&id),
                "Tool" | "Resource" | "Prompt" => {
                    id.split_once('/').is_some_and(|(name, _)| self.source.upstreams.iter().any(|upstream| upstream == name))
                }
                _ => true,
            };
            if !known {
                let offset = start.map(|start| {
                    let quoted = format!("\"{id}\"");
                    self.file.text.get(start..).and_then(|rest| rest.find(&quoted)).map_or(start, |found| start + found)
                });
                let hint = if matches!(type_name.as_str(), "Tool" | "Resource" | "Prompt") { "; such an id is UPSTREAM/NAME" } else { "" };
                self.report(
                    PolicyProblemKind::UnknownEntity,
                    offset,
                    format!("{type_name}::{id:?} is not defined in the configuration{hint}"),
                );
            }
        }
    }
}

/// Which slices a policy belongs to, by its scope. Whatever the scope leaves open is everywhere.
fn place(policy: Policy, source: String) -> Placed {
    let actions = match policy.action_constraint() {
        ActionConstraint::Any => ActionKind::ALL.to_vec(),
        ActionConstraint::Eq(action) => kinds(&[action]),
        ActionConstraint::In(actions) => kinds(&actions),
    };
    let upstream = match policy.resource_constraint() {
        ResourceConstraint::Eq(resource) | ResourceConstraint::In(resource) | ResourceConstraint::IsIn(_, resource) => {
            upstream_of(&resource)
        }
        ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
    };
    let role = match policy.principal_constraint() {
        PrincipalConstraint::In(principal) | PrincipalConstraint::IsIn(_, principal) if principal.type_name().to_string() == "Role" => {
            Some(principal.id().unescaped().to_owned())
        }
        PrincipalConstraint::Any
        | PrincipalConstraint::In(_)
        | PrincipalConstraint::Eq(_)
        | PrincipalConstraint::Is(_)
        | PrincipalConstraint::IsIn(..) => None,
    };
    let reads = reads(&policy);
    Placed { policy, actions, upstream, role, source, reads }
}

fn kinds(actions: &[EntityUid]) -> Vec<ActionKind> {
    ActionKind::ALL.into_iter().filter(|kind| actions.iter().any(|action| action.id().unescaped() == kind.id())).collect()
}

/// `Upstream::"crm"` itself, or the upstream that `Tool::"crm/…"` lies in.
fn upstream_of(resource: &EntityUid) -> Option<String> {
    let id = resource.id().unescaped();
    if resource.type_name().to_string() == "Upstream" {
        return Some(id.to_owned());
    }
    id.split_once('/').map(|(upstream, _)| upstream.to_owned())
}

/// By name only, so rather too much than too little; what cannot be printed is taken to read everything.
fn reads(policy: &Policy) -> Reads {
    let text = policy.to_json().map(|json| json.to_string());
    let mentions = |name: &str| text.as_ref().map_or(true, |text| text.contains(name));
    Reads {
        annotations: mentions("read_only") || mentions("destructive"),
        attributes: Attributes { groups: mentions("groups"), scopes: mentions("scopes"), argument_names: mentions("argument_names") },
    }
}

/// Line and column of a byte, from 1; the column counts characters.
fn line_and_column(text: &str, offset: usize) -> (u64, u64) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u64::try_from(line).unwrap_or(u64::MAX), u64::try_from(column).unwrap_or(u64::MAX))
}
