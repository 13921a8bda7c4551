//! [`PolicySource`] to [`PolicySet`]: everything parsed, checked against the schema, sorted into slices.
//! All problems are collected.

mod cedar_files;
mod short_form;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_lc_rs::digest;
use cedar_policy::{Policy, PolicyId, PolicySet as CedarSet, ValidationMode, Validator};

use crate::problem::{PolicyProblem, PolicyProblemKind};
use crate::set::{Attributes, PolicySet, Slice};
use crate::source::PolicySource;
use crate::vocabulary::{ActionKind, Vocabulary};

/// One policy, and which slices it belongs to.
pub(crate) struct Placed {
    pub(crate) policy: Policy,
    pub(crate) actions: Vec<ActionKind>,
    /// `None`: every upstream.
    pub(crate) upstream: Option<String>,
    /// `None`: everybody.
    pub(crate) role: Option<String>,
    /// Where it was written.
    pub(crate) source: String,
    /// Names of attributes that it may read.
    pub(crate) reads: Reads,
}

/// What a policy may look at, judged by the names that appear in it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reads {
    pub(crate) annotations: bool,
    pub(crate) attributes: Attributes,
}

impl PolicySet {
    /// Compiles a policy set, or gives every problem.
    pub fn compile(source: &PolicySource) -> Result<Self, Vec<PolicyProblem>> {
        let vocabulary = Vocabulary::new().map_err(|error| vec![internal(error)])?;
        let mut problems = Vec::new();
        let mut placed = short_form::compile(source, &mut problems);
        validate_short_form(&vocabulary, &placed, &mut problems);
        cedar_files::compile(source, &vocabulary, &mut placed, &mut problems);
        let slices = if problems.is_empty() { slice(source, &placed, &mut problems) } else { HashMap::new() };
        if !problems.is_empty() {
            return Err(problems);
        }
        let looks = |placed: &&Placed| placed.reads.annotations && placed.actions.contains(&ActionKind::CallTool);
        let mut annotated: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
        for placed in placed.iter().filter(looks) {
            for upstream in placed.upstream.as_ref().map_or(source.upstreams.as_slice(), std::slice::from_ref) {
                annotated.entry(upstream.clone()).or_default().insert(placed.role.clone());
            }
        }
        let any = |pick: fn(&Attributes) -> bool| placed.iter().any(|placed| pick(&placed.reads.attributes));
        Ok(Self {
            annotated,
            attributes: Attributes {
                groups: any(|attributes| attributes.groups),
                scopes: any(|attributes| attributes.scopes),
                argument_names: any(|attributes| attributes.argument_names),
            },
            sources: placed.iter().map(|placed| (placed.policy.id().to_string(), placed.source.clone())).collect(),
            roles: source.roles.clone(),
            mapped: mapped(source),
            fingerprint: fingerprint(source),
            slices,
            vocabulary,
        })
    }
}

/// Several mappings of one identity provider are one.
fn mapped(source: &PolicySource) -> HashMap<String, HashMap<String, BTreeSet<String>>> {
    let mut mapped: HashMap<String, HashMap<String, BTreeSet<String>>> = HashMap::new();
    for mapping in &source.mappings {
        let groups = mapped.entry(mapping.idp.clone()).or_default();
        for (group, roles) in &mapping.groups {
            groups.entry(group.clone()).or_default().extend(roles.iter().cloned());
        }
    }
    mapped
}

/// The short form is made by us and fits by construction; that it does is checked all the same.
fn validate_short_form(vocabulary: &Vocabulary, placed: &[Placed], problems: &mut Vec<PolicyProblem>) {
    let numbered = placed.iter().enumerate().map(|(number, placed)| placed.policy.new_id(PolicyId::new(format!("{number}"))));
    match CedarSet::from_policies(numbered) {
        Ok(set) => {
            let result = Validator::new(vocabulary.schema.clone()).validate(&set, ValidationMode::Strict);
            problems.extend(result.validation_errors().map(|error| internal(error.to_string())));
        }
        Err(error) => problems.push(internal(error.to_string())),
    }
}

fn slice(source: &PolicySource, placed: &[Placed], problems: &mut Vec<PolicyProblem>) -> HashMap<String, BTreeMap<ActionKind, Slice>> {
    let empty = || ActionKind::ALL.into_iter().map(|kind| (kind, Slice::default())).collect::<BTreeMap<_, _>>();
    let mut slices: HashMap<_, _> = source.upstreams.iter().map(|name| (name.clone(), empty())).collect();
    for placed in placed {
        let here = slices.iter_mut().filter(|(name, _)| placed.upstream.as_ref().is_none_or(|upstream| upstream == *name));
        for (_, by_action) in here {
            for (_, slice) in by_action.iter_mut().filter(|(kind, _)| placed.actions.contains(kind)) {
                let set = match &placed.role {
                    Some(role) => slice.by_role.entry(role.clone()).or_default(),
                    None => &mut slice.common,
                };
                if let Err(error) = set.add(placed.policy.clone()) {
                    problems.push(internal(error.to_string()));
                }
            }
        }
    }
    slices
}

/// SHA-256 over the source, in hexadecimal.
fn fingerprint(source: &PolicySource) -> String {
    let text = serde_json::to_vec(source).unwrap_or_default();
    let mut output = String::with_capacity(64);
    for byte in digest::digest(&digest::SHA256, &text).as_ref() {
        let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16));
        output.extend(digits.into_iter().flatten());
    }
    output
}

/// A fault of ours: still a refusal to load, never a panic.
fn internal(message: String) -> PolicyProblem {
    PolicyProblem { kind: PolicyProblemKind::SchemaMismatch, file: None, position: None, message }
}

/// Ids that were given, to find a second use.
pub(crate) type Seen = BTreeSet<String>;
