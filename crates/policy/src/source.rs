//! What a policy set is made from: the parsed short form of `doorward.yaml`, and Cedar files as text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that goes into one policy set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySource {
    /// Who has which role.
    pub roles: Vec<RoleRule>,
    /// Groups of one identity provider each, by the roles that they give.
    pub mappings: Vec<GroupMapping>,
    /// What roles may do.
    pub grants: Vec<Grant>,
    /// What roles may not do, whatever the grants say.
    pub denies: Vec<Deny>,
    /// Full Cedar policies.
    pub cedar: Vec<CedarFile>,
    /// Every upstream there is. A policy can name no other.
    pub upstreams: Vec<String>,
}

/// A role, and who has it: one of `groups` or `users` fits, and the sign-in came from one of `idps`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleRule {
    /// The name of the role.
    pub role: String,
    /// Group names, compared exactly; `*` is everybody who signed in.
    pub groups: Vec<String>,
    /// User names or e-mail addresses.
    pub users: Vec<String>,
    /// Identity providers; empty: all of them.
    pub idps: Vec<String>,
}

/// Roles by group, for people of one identity provider: the same group of another one gives nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupMapping {
    /// The identity provider.
    pub idp: String,
    /// Roles by group, compared exactly: a name, or an id.
    pub groups: BTreeMap<String, Vec<String>>,
}

/// One entry of `grants`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grant {
    /// The roles that get it.
    pub roles: Vec<String>,
    /// The upstreams it is for; `*` is all of them.
    pub upstreams: Vec<String>,
    /// Patterns of tool names; `*` stands for any characters, everything else for itself.
    pub tools: Vec<String>,
    /// Patterns of resource URIs.
    pub resources: Vec<String>,
    /// Patterns of prompt names.
    pub prompts: Vec<String>,
    /// Only tools whose annotations say `readOnlyHint: true`.
    pub read_only: bool,
    /// Where it was written, such as `doorward.yaml:31`.
    pub source: Option<String>,
}

/// One entry of `denies`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deny {
    /// The roles it hits.
    pub roles: Vec<String>,
    /// The upstreams it is for; `*` is all of them.
    pub upstreams: Vec<String>,
    /// Patterns of tool names.
    pub tools: Vec<String>,
    /// Patterns of resource URIs.
    pub resources: Vec<String>,
    /// Patterns of prompt names.
    pub prompts: Vec<String>,
    /// Where it was written.
    pub source: Option<String>,
}

/// A Cedar file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CedarFile {
    /// Its path, as messages show it.
    pub name: String,
    /// Its text.
    pub text: String,
}
