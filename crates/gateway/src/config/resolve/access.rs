//! `roles`, `grants`, `denies` and `policy_files`.

use std::collections::{BTreeMap, BTreeSet};

use super::super::file::{FileDeny, FileGrant, FileRole};
use super::super::ids::UpstreamId;
use super::super::path;
use super::super::problem::ProblemKind;
use super::super::types::{PolicyFile, Role, Rule, UpstreamChoice};
use super::Resolver;

/// The largest Cedar file.
const MAX_POLICY_FILE_BYTES: u64 = 16 << 20;

impl Resolver<'_> {
    pub(super) fn roles(&mut self, file: BTreeMap<String, FileRole>, idps: &[&str]) -> BTreeMap<String, Role> {
        let mut roles = BTreeMap::new();
        for (name, role) in file {
            let at = path::key("roles", &name);
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
                self.invalid(&at, "a role is 1 to 64 letters, digits, dots, underscores and hyphens");
            }
            for (key, list) in [("groups", &role.groups), ("users", &role.users)] {
                for (number, entry) in list.iter().enumerate() {
                    self.not_empty(&path::index(&path::key(&at, key), number), entry);
                }
            }
            // A user name is unique at one identity provider only: bob here is not bob there.
            if !role.users.is_empty() && role.identity_providers.is_none() && idps.len() > 1 {
                self.report(
                    ProblemKind::MissingKey,
                    &path::key(&at, "identity_providers"),
                    "say whose users these are: names are not unique across identity providers",
                );
            }
            let idps_path = path::key(&at, "identity_providers");
            let identity_providers =
                role.identity_providers.map_or_else(BTreeSet::new, |list| self.idp_choice(&idps_path, Some(list), idps));
            roles.insert(name, Role { groups: role.groups, users: role.users, identity_providers });
        }
        roles
    }

    pub(super) fn grants(&mut self, file: Vec<FileGrant>, roles: &BTreeMap<String, Role>, upstreams: &[String]) -> Vec<Rule> {
        let read_only: Vec<bool> = file.iter().map(|grant| grant.read_only).collect();
        let parts = file.into_iter().map(|grant| Parts {
            role: grant.role,
            roles: grant.roles,
            upstream: grant.upstream,
            upstreams: grant.upstreams,
            lists: [grant.tools, grant.resources, grant.prompts],
        });
        let mut grants = self.rules("grants", parts, roles, upstreams);
        for (number, (rule, read_only)) in grants.iter_mut().zip(read_only).enumerate() {
            rule.read_only = read_only;
            if read_only && rule.tools.is_empty() {
                self.invalid(
                    &path::key(&path::index("grants", number), "read_only"),
                    "says something about tools, but no tools are granted here",
                );
            }
        }
        grants
    }

    pub(super) fn denies(&mut self, file: Vec<FileDeny>, roles: &BTreeMap<String, Role>, upstreams: &[String]) -> Vec<Rule> {
        let parts = file.into_iter().map(|deny| Parts {
            role: deny.role,
            roles: deny.roles,
            upstream: deny.upstream,
            upstreams: deny.upstreams,
            lists: [deny.tools, deny.resources, deny.prompts],
        });
        self.rules("denies", parts, roles, upstreams)
    }

    fn rules(
        &mut self,
        section: &str,
        parts: impl Iterator<Item = Parts>,
        roles: &BTreeMap<String, Role>,
        upstreams: &[String],
    ) -> Vec<Rule> {
        let role_names: Vec<&str> = roles.keys().map(String::as_str).collect();
        let upstream_names: Vec<&str> = upstreams.iter().map(String::as_str).collect();
        parts.enumerate().map(|(number, part)| self.rule(&path::index(section, number), part, &role_names, &upstream_names)).collect()
    }

    fn rule(&mut self, at: &str, parts: Parts, roles: &[&str], upstreams: &[&str]) -> Rule {
        let chosen_roles = self.one_or_several(at, ("role", parts.role), ("roles", parts.roles));
        for (path, name) in &chosen_roles {
            self.known_name(path, "role", name, roles);
        }
        let chosen = self.one_or_several(at, ("upstream", parts.upstream), ("upstreams", parts.upstreams));
        let all = chosen.iter().any(|(_, name)| name == "*");
        for (path, name) in chosen.iter().filter(|(_, name)| name != "*") {
            self.known_name(path, "upstream", name, upstreams);
        }
        let named = chosen.iter().filter_map(|(_, name)| UpstreamId::parse(name).ok()).collect();
        if parts.lists.iter().all(Vec::is_empty) {
            self.report(ProblemKind::ConflictingKeys, at, "needs at least one of tools, resources and prompts");
        }
        for (key, list) in ["tools", "resources", "prompts"].iter().zip(&parts.lists) {
            for (number, pattern) in list.iter().enumerate() {
                self.pattern(&path::index(&path::key(at, key), number), pattern);
            }
        }
        let [tools, resources, prompts] = parts.lists;
        Rule {
            roles: chosen_roles.into_iter().map(|(_, name)| name).collect(),
            upstreams: if all { UpstreamChoice::All } else { UpstreamChoice::Named(named) },
            tools,
            resources,
            prompts,
            read_only: false,
            source: self.source(at),
        }
    }

    /// The names of a singular and a plural key of which exactly one must be there, each with its path.
    fn one_or_several(&mut self, at: &str, one: (&str, Option<String>), several: (&str, Option<Vec<String>>)) -> Vec<(String, String)> {
        let several_path = path::key(at, several.0);
        match (one.1, several.1) {
            (Some(name), None) => vec![(path::key(at, one.0), name)],
            (None, Some(names)) if !names.is_empty() => {
                names.into_iter().enumerate().map(|(number, name)| (path::index(&several_path, number), name)).collect()
            }
            (None, Some(_)) => {
                self.invalid(&several_path, "must name at least one");
                Vec::new()
            }
            (Some(_), Some(_)) | (None, None) => {
                self.report(ProblemKind::ConflictingKeys, at, format!("needs exactly one of {} and {}", one.0, several.0));
                Vec::new()
            }
        }
    }

    fn pattern(&mut self, at: &str, pattern: &str) {
        if pattern.is_empty() || pattern.chars().any(char::is_control) {
            self.invalid(at, "a pattern is not empty and has no control characters; * stands for any characters");
        }
    }

    /// `doorward.yaml:31`: where a rule begins.
    fn source(&self, at: &str) -> Option<String> {
        let line = self.positions.find(at)?.line;
        let file = self.origin.file.and_then(|path| path.file_name()).map_or_else(|| "doorward.yaml".into(), |name| name.to_string_lossy());
        Some(format!("{file}:{line}"))
    }

    pub(super) fn policy_files(&mut self, files: &[String]) -> Vec<PolicyFile> {
        let mut read = Vec::new();
        for (number, name) in files.iter().enumerate() {
            let at = path::index("policy_files", number);
            let text = self.text_file(&at, name, MAX_POLICY_FILE_BYTES);
            read.extend(text.map(|text| PolicyFile { name: name.clone(), text }));
        }
        read
    }
}

/// What grants and denies have in common.
struct Parts {
    role: Option<String>,
    roles: Option<Vec<String>>,
    upstream: Option<String>,
    upstreams: Option<Vec<String>>,
    /// Tools, resources, prompts.
    lists: [Vec<String>; 3],
}
