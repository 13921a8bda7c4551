//! A decision in words: which policy decided, and what would have to be different.

use std::collections::BTreeSet;

use crate::decide::decide;
use crate::request::{Action, Request, ToolAnnotations};
use crate::set::PolicySet;

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it is permitted.
    pub permitted: bool,
    /// The code of the denial.
    pub code: Option<&'static str>,
    /// One sentence.
    pub reason: String,
    /// The deciding policies, each with the place it was written at.
    pub policies: Vec<(String, Option<String>)>,
    /// Groups of the person that are almost one that would give another role: the usual reason why a role is missing.
    pub near_groups: Vec<NearGroup>,
    /// Whether the person's groups are ids where names are configured, or the other way round.
    pub group_forms: Option<GroupForms>,
    /// Single changes that would turn a default deny into a permit.
    pub would: Vec<Would>,
}

/// A group that differs from one of a role only in case, blanks or slashes at its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearGroup {
    /// What the identity provider sent.
    pub sent: String,
    /// What the role asks for.
    pub wanted: String,
    /// The role.
    pub role: String,
}

/// What the groups of a person and those of the roles are, where no group can ever fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupForms {
    /// The identity provider sends object ids, the roles name groups.
    IdsForNames,
    /// The identity provider sends names, the roles have object ids.
    NamesForIds,
}

/// A change after which the request would be permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Would {
    /// If the person had this role.
    Role {
        /// The role.
        role: String,
        /// The policies that would permit it.
        policies: Vec<String>,
    },
    /// If the tool were annotated as read-only.
    ReadOnly {
        /// The policies that would permit it.
        policies: Vec<String>,
    },
}

/// Explains a decision: asks [`decide`], and for a denial asks again with one thing changed at a time.
pub fn explain(set: &PolicySet, request: &Request<'_>) -> Explanation {
    let with_source = |ids: &[String]| ids.iter().map(|id| (id.clone(), set.source(id).map(str::to_owned))).collect();
    match decide(set, request, ()) {
        Ok(permit) => {
            let reason = format!("permitted by {}", permit.policies().join(", "));
            let policies = with_source(permit.policies());
            Explanation { permitted: true, code: None, reason, policies, near_groups: Vec::new(), group_forms: None, would: Vec::new() }
        }
        Err(denial) => {
            let (code, policies) = (Some(denial.code()), with_source(&denial.policies));
            let (near_groups, would) = (near_groups(set, request), changes(set, request));
            let group_forms = group_forms(set, request);
            Explanation { permitted: false, code, policies, reason: denial.reason, near_groups, group_forms, would }
        }
    }
}

fn near_groups(set: &PolicySet, request: &Request<'_>) -> Vec<NearGroup> {
    let plain = |group: &str| group.trim().trim_matches('/').to_lowercase();
    let mut near = Vec::new();
    for rule in set.roles.iter().filter(|rule| !request.roles.contains(&rule.role)) {
        for wanted in rule.groups.iter().filter(|wanted| !request.groups.contains(wanted)) {
            let alike = request.groups.iter().filter(|group| plain(group) == plain(wanted));
            near.extend(alike.map(|group| NearGroup { sent: group.clone(), wanted: wanted.clone(), role: rule.role.clone() }));
        }
    }
    let mapping = set.mapped.get(request.idp).into_iter().flatten();
    for (wanted, roles) in mapping.filter(|(wanted, _)| !request.groups.contains(wanted)) {
        for group in request.groups.iter().filter(|group| plain(group) == plain(wanted)) {
            let missing = roles.iter().filter(|role| !request.roles.contains(*role));
            near.extend(missing.map(|role| NearGroup { sent: group.clone(), wanted: wanted.clone(), role: role.clone() }));
        }
    }
    near.sort_by(|left, right| (&left.role, &left.wanted, &left.sent).cmp(&(&right.role, &right.wanted, &right.sent)));
    near
}

/// All groups of the person of one form, all that could give a role at this identity provider of the other.
fn group_forms(set: &PolicySet, request: &Request<'_>) -> Option<GroupForms> {
    let here = set.roles.iter().filter(|rule| rule.idps.is_empty() || rule.idps.iter().any(|idp| idp == request.idp));
    let in_roles = here.flat_map(|rule| &rule.groups).filter(|group| *group != "*");
    let wanted: Vec<&String> = in_roles.chain(set.mapped.get(request.idp).into_iter().flat_map(|groups| groups.keys())).collect();
    if wanted.is_empty() || request.groups.is_empty() {
        return None;
    }
    let sent_ids = request.groups.iter().filter(|group| is_object_id(group)).count();
    let wanted_ids = wanted.iter().filter(|group| is_object_id(group)).count();
    if sent_ids == request.groups.len() && wanted_ids == 0 {
        Some(GroupForms::IdsForNames)
    } else if sent_ids == 0 && wanted_ids == wanted.len() {
        Some(GroupForms::NamesForIds)
    } else {
        None
    }
}

/// A UUID (RFC 9562), as directories number their groups.
fn is_object_id(group: &str) -> bool {
    let parts: Vec<&str> = group.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn changes(set: &PolicySet, request: &Request<'_>) -> Vec<Would> {
    let mut would = Vec::new();
    let permits = |request: &Request<'_>| decide(set, request, ()).ok().map(|permit| permit.policies().to_vec());
    let others: BTreeSet<&String> = set.roles.iter().map(|rule| &rule.role).filter(|role| !request.roles.contains(*role)).collect();
    for role in others {
        let mut roles = request.roles.clone();
        roles.insert(role.clone());
        if let Some(policies) = permits(&Request { roles: &roles, ..request.clone() }) {
            would.push(Would::Role { role: role.clone(), policies });
        }
    }
    if let Action::CallTool { name, annotations, arguments } = request.action
        && annotations.read_only != Some(true)
    {
        let annotations = ToolAnnotations { read_only: Some(true), ..annotations };
        let action = Action::CallTool { name, annotations, arguments };
        if let Some(policies) = permits(&Request { action, ..request.clone() }) {
            would.push(Would::ReadOnly { policies });
        }
    }
    would
}
