//! Error codes and their pages: every code that a `code()` function gives has `docs/errors/<code>.md`, and every page is of a code.

use std::collections::BTreeMap;

use super::{File, Findings, Tree};

const NAMESPACES: [&str; 16] = [
    "graph",
    "saml",
    "oauth",
    "oidc",
    "mcp",
    "policy",
    "store",
    "login",
    "authserver",
    "proxy",
    "audit",
    "admin",
    "config",
    "edge",
    "outbound",
    "dev",
];
const PAGES: &str = "docs/errors/";

/// Compares the sources with the folder of pages, and each page with its shape.
pub(super) fn pages(tree: &Tree) -> Findings {
    let sources: Vec<&File> = tree.matching("crates/", ".rs").filter(|file| is_product(&file.path)).collect();
    let mut homes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in &sources {
        for body in code_functions(&file.text) {
            for code in codes(body) {
                homes.entry(code).or_default().push(&file.path);
            }
        }
    }
    let mut findings = Findings::new();
    for (code, files) in &homes {
        if files.len() > 1 {
            findings.push(format!("{}: `{code}` is written {} times, once is enough", files.join(", "), files.len()));
        }
        if !tree.has(&format!("{PAGES}{code}.md")) {
            findings.push(format!("{PAGES}{code}.md: is missing ({})", files.join(", ")));
        }
    }
    for page in tree.matching(PAGES, ".md").filter(|page| !page.path.ends_with("/README.md")) {
        let code = page.path.trim_start_matches(PAGES).trim_end_matches(".md");
        if !homes.contains_key(code) && !sources.iter().any(|file| codes(&file.text).any(|written| written == code)) {
            findings.push(format!("{}: no code of this name is in the sources", page.path));
        }
        findings.extend(shape(page, code));
    }
    findings
}

/// A page has its code as the title and the three sections.
fn shape(page: &File, code: &str) -> Option<String> {
    let title = format!("# {code}");
    let missing: Vec<&str> = [title.as_str(), "## Cause", "## How to check", "## How to fix"]
        .into_iter()
        .filter(|heading| {
            !page.text.lines().any(|line| line.trim_end() == *heading || line.trim_end() == heading.replace("# ", "# `") + "`")
        })
        .collect();
    (!missing.is_empty()).then(|| format!("{}: lacks {}", page.path, missing.join(", ")))
}

/// Not a test: neither a `tests` file or folder nor test data.
fn is_product(path: &str) -> bool {
    path.contains("/src/") && !path.ends_with("/tests.rs") && !path.contains("/tests/") && !path.ends_with("_tests.rs")
}

/// The bodies of all functions named `code`.
fn code_functions(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("fn code(").filter_map(|(at, _)| {
        let rest = text.get(at..)?;
        let open = rest.find('{')?;
        let mut depth = 0_usize;
        for (offset, byte) in rest.bytes().enumerate().skip(open) {
            match byte {
                b'{' => depth = depth.saturating_add(1),
                b'}' if depth == 1 => return rest.get(open..offset),
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    })
}

/// The string literals that are codes.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').filter(|word| {
        word.split_once('.').is_some_and(|(namespace, name)| {
            NAMESPACES.contains(&namespace)
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::pages;
    use crate::tidy::{File, Tree};

    const SOURCE: &str = "impl E { pub fn code(&self) -> &'static str { match self { Self::A { .. } => \"saml.a\", Self::B => \"saml.b\" } } }\nconst X: &str = \"saml.c\";";

    #[test]
    fn codes_and_pages_are_compared_both_ways() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let page = "# saml.x\n\nIt happened.\n\n## Cause\n\n## How to check\n\n## How to fix\n";
        let tree = Tree {
            root: "/nowhere".into(),
            files: vec![
                file("crates/saml/src/error.rs", SOURCE),
                file("crates/saml/src/error/tests.rs", "fn code() { \"saml.only_in_a_test\" }"),
                file("docs/errors/saml.c.md", &page.replace("saml.x", "saml.c")),
                file("docs/errors/saml.x.md", page),
                file("docs/errors/saml.b.md", "# saml.b\n"),
            ],
        };
        assert_eq!(
            pages(&tree),
            [
                "docs/errors/saml.a.md: is missing (crates/saml/src/error.rs)",
                "docs/errors/saml.b.md: is missing (crates/saml/src/error.rs)",
                "docs/errors/saml.x.md: no code of this name is in the sources",
                "docs/errors/saml.b.md: lacks ## Cause, ## How to check, ## How to fix",
            ]
        );
    }
}
