//! `grants` and `denies` of the YAML form as Cedar policies.
//!
//! They are built as Cedar's JSON form, never as text, so that no name can end a string and begin a policy.

use cedar_policy::{Policy, PolicyId};
use serde_json::{Value, json};

use super::{Placed, Reads, internal};
use crate::problem::{PolicyProblem, PolicyProblemKind};
use crate::source::PolicySource;
use crate::vocabulary::ActionKind;

/// A grant or a deny, seen alike.
struct Rule<'a> {
    effect: &'static str,
    id: String,
    roles: &'a [String],
    upstreams: &'a [String],
    tools: &'a [String],
    resources: &'a [String],
    prompts: &'a [String],
    read_only: bool,
    source: String,
}

/// Compiles the short form.
pub(super) fn compile(source: &PolicySource, problems: &mut Vec<PolicyProblem>) -> Vec<Placed> {
    let grants = source.grants.iter().enumerate().map(|(number, grant)| Rule {
        effect: "permit",
        id: format!("grants[{number}]"),
        roles: &grant.roles,
        upstreams: &grant.upstreams,
        tools: &grant.tools,
        resources: &grant.resources,
        prompts: &grant.prompts,
        read_only: grant.read_only,
        source: grant.source.clone().unwrap_or_else(|| format!("grants[{number}]")),
    });
    let denies = source.denies.iter().enumerate().map(|(number, deny)| Rule {
        effect: "forbid",
        id: format!("denies[{number}]"),
        roles: &deny.roles,
        upstreams: &deny.upstreams,
        tools: &deny.tools,
        resources: &deny.resources,
        prompts: &deny.prompts,
        read_only: false,
        source: deny.source.clone().unwrap_or_else(|| format!("denies[{number}]")),
    });
    let mut placed = Vec::new();
    for rule in grants.chain(denies) {
        rule.references(source, problems);
        // `*` among names means all; naming some of them besides adds nothing.
        let upstreams: Vec<Option<&String>> = if rule.upstreams.iter().any(|name| name == "*") {
            vec![None]
        } else {
            rule.upstreams.iter().collect::<std::collections::BTreeSet<_>>().into_iter().map(Some).collect()
        };
        for role in rule.roles.iter().collect::<std::collections::BTreeSet<_>>() {
            for upstream in &upstreams {
                rule.place(role, *upstream, &mut placed, problems);
            }
        }
    }
    placed
}

impl Rule<'_> {
    /// A deny with a typing error would deny nothing: it must not load.
    fn references(&self, source: &PolicySource, problems: &mut Vec<PolicyProblem>) {
        let role = self.roles.iter().filter(|name| !source.roles.iter().any(|rule| rule.role == **name)).map(|name| ("role", name));
        let upstream = self.upstreams.iter().filter(|name| *name != "*" && !source.upstreams.contains(name)).map(|name| ("upstream", name));
        for (what, name) in role.chain(upstream) {
            let message = format!("{}: no {what} {name:?} is defined", self.id);
            problems.push(PolicyProblem { kind: PolicyProblemKind::UnknownEntity, file: None, position: None, message });
        }
    }

    /// The policies of this rule for one role at one upstream: one for each kind of thing it names, and for a grant
    /// the permission to connect.
    fn place(&self, role: &str, upstream: Option<&String>, placed: &mut Vec<Placed>, problems: &mut Vec<PolicyProblem>) {
        let lists = [
            (ActionKind::CallTool, "tools", self.tools),
            (ActionKind::ReadResource, "resources", self.resources),
            (ActionKind::GetPrompt, "prompts", self.prompts),
        ];
        let things = lists.into_iter().filter(|(_, _, patterns)| !patterns.is_empty());
        let mut policies: Vec<(ActionKind, String, Vec<Value>)> = things
            .map(|(kind, key, patterns)| {
                let read_only = self.read_only && kind == ActionKind::CallTool;
                let conditions = one_of(kind, patterns).into_iter().chain(read_only.then(says_read_only)).collect();
                (kind, format!("{}.{key}", self.id), conditions)
            })
            .collect();
        if self.effect == "permit" && !policies.is_empty() {
            policies.push((ActionKind::Connect, self.id.clone(), Vec::new()));
        }
        for (kind, id, conditions) in policies {
            let json = self.policy(kind, role, upstream, &conditions);
            match Policy::from_json(Some(PolicyId::new(&id)), json) {
                Ok(policy) => placed.push(Placed {
                    policy,
                    actions: vec![kind],
                    upstream: upstream.cloned(),
                    role: Some(role.to_owned()),
                    source: self.source.clone(),
                    reads: Reads { annotations: self.read_only && kind == ActionKind::CallTool, ..Reads::default() },
                }),
                Err(error) => problems.push(internal(format!("{id}: {error}"))),
            }
        }
    }

    fn policy(&self, kind: ActionKind, role: &str, upstream: Option<&String>, conditions: &[Value]) -> Value {
        let resource = match (kind, upstream) {
            (ActionKind::Connect, Some(upstream)) => json!({ "op": "==", "entity": entity("Upstream", upstream) }),
            (_, Some(upstream)) => {
                json!({ "op": "is", "entity_type": kind.resource_type(), "in": { "entity": entity("Upstream", upstream) } })
            }
            (_, None) => json!({ "op": "is", "entity_type": kind.resource_type() }),
        };
        let conditions: Vec<Value> = conditions.iter().map(|body| json!({ "kind": "when", "body": body })).collect();
        json!({
            "effect": self.effect,
            "principal": { "op": "in", "entity": entity("Role", role) },
            "action": { "op": "==", "entity": entity("Action", kind.id()) },
            "resource": resource,
            "conditions": conditions,
            "annotations": { "id": self.id, "source": self.source },
        })
    }
}

fn entity(type_name: &str, id: &str) -> Value {
    json!({ "type": type_name, "id": id })
}

fn attribute(name: &str) -> Value {
    json!({ ".": { "left": { "Var": "resource" }, "attr": name } })
}

/// `resource.name like "get_*" || …`; `None` where a pattern takes everything.
fn one_of(kind: ActionKind, patterns: &[String]) -> Option<Value> {
    if patterns.iter().any(|pattern| pattern == "*") {
        return None;
    }
    let name = if kind == ActionKind::ReadResource { "uri" } else { "name" };
    let likes = patterns.iter().map(|text| json!({ "like": { "left": attribute(name), "pattern": pattern(text) } }));
    likes.reduce(|left, right| json!({ "||": { "left": left, "right": right } }))
}

/// `*` is any characters; everything else stands for itself.
fn pattern(text: &str) -> Value {
    let mut parts = Vec::new();
    for (number, literal) in text.split('*').enumerate() {
        if number > 0 {
            parts.push(json!("Wildcard"));
        }
        if !literal.is_empty() {
            parts.push(json!({ "Literal": literal }));
        }
    }
    Value::Array(parts)
}

/// `resource has read_only && resource.read_only`: a tool that does not say is not read-only.
fn says_read_only() -> Value {
    let has = json!({ "has": { "left": { "Var": "resource" }, "attr": "read_only" } });
    json!({ "&&": { "left": has, "right": attribute("read_only") } })
}
