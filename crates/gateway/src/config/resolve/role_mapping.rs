//! `role_mapping_files`: each is read like the configuration itself, with the places of its own problems.

use std::collections::BTreeMap;

use super::super::check;
use super::super::file::{FileRoleMapping, FileRoleNames, role_mapping_schema};
use super::super::ids::IdpId;
use super::super::path::{self, Positions};
use super::super::problem::{Problem, ProblemKind};
use super::super::tree;
use super::super::types::{Role, RoleMapping};
use super::{Origin, Resolver};

/// The largest file: enough for every group of a large directory.
const MAX_BYTES: u64 = 16 << 20;

impl Resolver<'_> {
    pub(super) fn role_mappings(&mut self, files: &[String], roles: &BTreeMap<String, Role>, idps: &[&str]) -> Vec<RoleMapping> {
        let mut mappings = Vec::new();
        for (number, name) in files.iter().enumerate() {
            let Some(text) = self.text_file(&path::index("role_mapping_files", number), name, MAX_BYTES) else { continue };
            let file = self.relative(name);
            let mut problems = Vec::new();
            let origin = Origin { file: Some(&file), base_dir: self.origin.base_dir, files: self.origin.files };
            mappings.extend(read(&text, name, origin, (roles, idps), &mut problems));
            let shown = file.display().to_string();
            self.problems.extend(problems.into_iter().map(|problem| Problem { file: Some(shown.clone()), ..problem }));
        }
        mappings
    }
}

/// One file; nothing in it is replaced: `${` may stand in the name of a group.
fn read(
    text: &str,
    name: &str,
    origin: Origin<'_>,
    (roles, idps): (&BTreeMap<String, Role>, &[&str]),
    problems: &mut Vec<Problem>,
) -> Option<RoleMapping> {
    let root = tree::parse(text).map_err(|problem| problems.push(problem)).ok()?;
    let fitting = check::check(&role_mapping_schema(), &root, problems);
    let positions = Positions::of(&root);
    let file: FileRoleMapping = serde_json::from_value(fitting).unwrap_or_default();
    let mut resolver = Resolver { origin, positions: &positions, problems };
    let identity_provider = resolver.whose(file.identity_provider.as_deref(), idps);
    let mut groups = BTreeMap::new();
    for (group, names) in file.groups {
        let at = path::key("groups", &group);
        if group == "*" {
            resolver.invalid(&at, "`*` is no group here; everybody who signed in is `groups: [\"*\"]` of a role in the configuration");
        }
        resolver.not_empty(&at, &group);
        let names: Vec<(String, String)> = match names {
            FileRoleNames::One(name) => vec![(at.clone(), name)],
            FileRoleNames::Several(names) => names.into_iter().enumerate().map(|(number, name)| (path::index(&at, number), name)).collect(),
        };
        if names.is_empty() {
            resolver.invalid(&at, "must name at least one role");
        }
        for (at, role) in &names {
            resolver.open_role(at, role, identity_provider.as_ref(), roles);
        }
        groups.insert(group, names.into_iter().map(|(_, name)| name).collect());
    }
    Some(RoleMapping { file: name.to_owned(), identity_provider: identity_provider?, groups })
}

impl Resolver<'_> {
    /// A group is unique at one identity provider only: an id or name of one must give nothing to people of another.
    fn whose(&mut self, name: Option<&str>, idps: &[&str]) -> Option<IdpId> {
        match (name, idps) {
            (Some(name), _) => {
                self.known_name("identity_provider", "identity provider", name, idps);
                IdpId::parse(name).ok()
            }
            (None, [only]) => IdpId::parse(only).ok(),
            (None, _) => {
                let message = "say whose groups these are: names and ids are not unique across identity providers";
                self.report(ProblemKind::MissingKey, "identity_provider", message);
                None
            }
        }
    }

    /// A role that exists, and that people of this identity provider may have.
    fn open_role(&mut self, at: &str, name: &str, idp: Option<&IdpId>, roles: &BTreeMap<String, Role>) {
        let names: Vec<&str> = roles.keys().map(String::as_str).collect();
        self.known_name(at, "role", name, &names);
        if let (Some(role), Some(idp)) = (roles.get(name), idp)
            && !role.identity_providers.is_empty()
            && !role.identity_providers.contains(idp)
        {
            let message =
                format!("the role {name} is not open to people of {idp}; add {idp} to its identity_providers in the configuration");
            self.invalid(at, message);
        }
    }
}
