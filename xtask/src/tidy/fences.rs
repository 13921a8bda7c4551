//! Which crate may depend on what: the complete list of siblings, and the crates that only one place may name.

use std::path::Path;

use anyhow::Result;

use super::{Findings, Tree};
use crate::shell;

/// Every crate with all the siblings it may have. A crate that is not here is a finding.
const SIBLINGS: [(&str, &[&str]); 8] = [
    ("crates/saml", &[]),
    ("crates/oauth", &[]),
    ("crates/mcp", &[]),
    ("crates/policy", &[]),
    ("crates/store", &["oauth"]),
    ("crates/devkit", &["saml", "oauth", "mcp"]),
    ("crates/gateway", &["saml", "oauth", "mcp", "policy", "store", "devkit"]),
    ("xtask", &[]),
];

/// Dependencies that only the named crates may have, with the reason.
const FENCES: [(&str, &[&str], &str); 10] = [
    ("uppsala", &["crates/saml"], "XML is read in one place"),
    ("bergshamra-c14n", &["crates/saml"], "XML is read in one place"),
    ("cedar-policy", &["crates/policy"], "only policy decides"),
    ("sqlx", &["crates/store"], "only store writes SQL"),
    ("hyper", &["crates/gateway"], "the pure crates do not know sockets"),
    ("hyper-util", &["crates/gateway"], "the pure crates do not know sockets"),
    ("hyper-rustls", &["crates/gateway"], "only the gateway opens connections"),
    ("axum", &["crates/gateway", "crates/devkit"], "the pure crates do not know sockets"),
    ("rmcp", &["crates/devkit"], "the product does not link the SDK's protocol code into its decisions"),
    ("tokio", &["crates/store", "crates/devkit", "crates/gateway"], "the pure crates do no I/O"),
];

/// What must never be linked into the binary.
const BANNED: [&str; 5] = ["ring", "rsa", "openssl", "openssl-sys", "native-tls"];

/// Reads every manifest of the workspace.
pub(super) fn dependencies(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for manifest in
        tree.files.iter().filter(|file| file.path.ends_with("Cargo.toml") && file.path != "Cargo.toml" && !file.path.starts_with("e2e/"))
    {
        let folder = manifest.path.trim_end_matches("/Cargo.toml");
        let Some((_, allowed)) = SIBLINGS.iter().find(|(name, _)| *name == folder) else {
            if !folder.starts_with("fuzz") {
                findings.push(format!("{}: not in the list of crates (xtask/src/tidy/fences.rs)", manifest.path));
            }
            continue;
        };
        for Dependency { name, is_own_version } in declared(&manifest.text) {
            let is_sibling = SIBLINGS.iter().any(|(other, _)| other.rsplit('/').next() == Some(name));
            if is_sibling && !allowed.contains(&name) {
                findings.push(format!("{}: `{name}` is not among its siblings", manifest.path));
            }
            if is_own_version {
                findings.push(format!("{}: `{name}` names a version; versions stand in the workspace table", manifest.path));
            }
            if let Some((_, _, reason)) = FENCES.iter().find(|(fenced, homes, _)| *fenced == name && !homes.contains(&folder)) {
                findings.push(format!("{}: `{name}` is fenced: {reason}", manifest.path));
            }
        }
    }
    findings
}

struct Dependency<'a> {
    name: &'a str,
    is_own_version: bool,
}

/// The entries of every `[…dependencies]` table of a manifest.
fn declared(manifest: &str) -> impl Iterator<Item = Dependency<'_>> {
    let mut is_inside = false;
    manifest.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with('[') {
            is_inside = line.trim_end_matches(']').ends_with("dependencies");
            return None;
        }
        let (key, value) = line.split_once('=').filter(|_| is_inside && !line.starts_with('#'))?;
        let name = key.split('.').next().unwrap_or(key).trim();
        let is_from_workspace = key.trim().ends_with(".workspace") || value.contains("workspace = true");
        Some(Dependency { name, is_own_version: !is_from_workspace })
    })
}

/// Asks cargo what the binary is really made of.
pub(super) fn product_tree(root: &Path) -> Result<Findings> {
    let arguments = ["tree", "--locked", "--edges", "normal", "--package", "gateway", "--prefix", "none", "--format", "{p}"];
    let listed = shell::output(&mut shell::cargo(root, &arguments))?;
    Ok(banned_in(&listed))
}

fn banned_in(listed: &str) -> Findings {
    let mut found: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).filter(|name| BANNED.contains(name)).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|name| format!("Cargo.lock: `{name}` is in the binary (`cargo tree -i {name}` says why)")).collect()
}

#[cfg(test)]
mod tests {
    use super::{banned_in, dependencies};
    use crate::tidy::{File, Tree};

    fn findings(path: &str, manifest: &str) -> Vec<String> {
        let file = File { path: path.to_owned(), text: manifest.to_owned() };
        dependencies(&Tree { root: "/nowhere".into(), files: vec![file] })
    }

    #[test]
    fn a_sibling_that_is_not_listed_is_found() {
        let found = findings("crates/saml/Cargo.toml", "[dependencies]\noauth.workspace = true\nurl.workspace = true\n");
        assert_eq!(found, ["crates/saml/Cargo.toml: `oauth` is not among its siblings"]);
    }

    #[test]
    fn a_fenced_dependency_is_found_also_for_tests() {
        let found = findings("crates/gateway/Cargo.toml", "[dev-dependencies]\nsqlx = { workspace = true }\n");
        assert_eq!(found, ["crates/gateway/Cargo.toml: `sqlx` is fenced: only store writes SQL"]);
    }

    #[test]
    fn an_own_version_is_found() {
        let found = findings("crates/mcp/Cargo.toml", "[package]\nversion = \"1\"\n[dependencies]\nbytes = \"1\"\n");
        assert_eq!(found, ["crates/mcp/Cargo.toml: `bytes` names a version; versions stand in the workspace table"]);
    }

    #[test]
    fn a_banned_crate_is_found_once() {
        let found = banned_in("gateway v0.1.0\nring v0.17.0\nring v0.17.0 (*)\nstring v1.0.0");
        assert_eq!(found, ["Cargo.lock: `ring` is in the binary (`cargo tree -i ring` says why)"]);
    }
}
