//! A compiled policy set: prepared so that a decision looks only at the policies that can matter to it.
//!
//! For each upstream and action there is one slice; in it, the policies whose scope is one role stand under that role.
//! Cedar evaluates each policy by itself, so deciding over the parts and joining the answers is deciding over the whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::PolicySet as CedarSet;

use crate::source::RoleRule;
use crate::vocabulary::{ActionKind, Vocabulary};

/// Policies that were checked against the schema, and who has which role.
#[derive(Clone, Debug)]
pub struct PolicySet {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) roles: Vec<RoleRule>,
    /// Roles by identity provider and group.
    pub(crate) mapped: HashMap<String, HashMap<String, BTreeSet<String>>>,
    pub(crate) slices: HashMap<String, BTreeMap<ActionKind, Slice>>,
    /// Where each policy was written, by its id.
    pub(crate) sources: BTreeMap<String, String>,
    /// By upstream: whom the policies are about that look at annotations; `None` is everybody.
    pub(crate) annotated: BTreeMap<String, BTreeSet<Option<String>>>,
    pub(crate) attributes: Attributes,
    pub(crate) fingerprint: String,
}

/// The policies about one action at one upstream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slice {
    /// Those about everybody, or whose scope is not one role.
    pub(crate) common: CedarSet,
    /// Those whose scope is `principal in Role::"…"`.
    pub(crate) by_role: HashMap<String, CedarSet>,
}

/// Costly attributes that are given to Cedar only if some policy reads them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) groups: bool,
    pub(crate) scopes: bool,
    pub(crate) argument_names: bool,
}

impl PolicySet {
    /// The roles of a person: those with one of their groups or with their name, at that identity provider, and those that
    /// a mapping of that identity provider gives for a group, as far as the role is open to it.
    /// Groups and user names are compared exactly, e-mail addresses without regard to ASCII case.
    pub fn roles(&self, groups: &[String], username: Option<&str>, email: Option<&str>, idp: &str) -> BTreeSet<String> {
        let is_person = |entry: &String| {
            username == Some(entry.as_str()) || email.is_some_and(|email| email.eq_ignore_ascii_case(entry) && entry.contains('@'))
        };
        let mapping = self.mapped.get(idp);
        let mapped: BTreeSet<&str> = groups.iter().filter_map(|group| mapping?.get(group)).flatten().map(String::as_str).collect();
        let has = |rule: &&RoleRule| {
            let here = rule.idps.is_empty() || rule.idps.iter().any(|name| name == idp);
            here && (mapped.contains(rule.role.as_str())
                || rule.groups.iter().any(|group| group == "*" || groups.contains(group))
                || rule.users.iter().any(is_person))
        };
        self.roles.iter().filter(has).map(|rule| rule.role.clone()).collect()
    }

    /// A hash of everything the set was made from: two sets with one fingerprint decide alike.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Where a policy was written, such as `doorward.yaml:31`, by the id that decisions name.
    pub fn source(&self, policy: &str) -> Option<&str> {
        self.sources.get(policy).map(String::as_str)
    }

    /// The ids of all policies, in order.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }
}

/// Whether decisions about tools of this upstream, for somebody with these roles, may depend on the tools' annotations, so that
/// the caller must know them first.
pub fn needs_annotations(set: &PolicySet, upstream: &str, roles: &BTreeSet<String>) -> bool {
    let concerns = |role: &Option<String>| role.as_ref().is_none_or(|role| roles.contains(role));
    set.annotated.get(upstream).is_some_and(|whom| whom.iter().any(concerns))
}

/// Whether some policy looks at the arguments of a tool call, so that the caller must read them first.
pub fn reads_arguments(set: &PolicySet) -> bool {
    set.attributes.argument_names
}

#[cfg(test)]
mod tests;
