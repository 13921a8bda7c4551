//! What documents say about the tree is true: paths exist, links lead somewhere, decisions are listed.

use std::path::Path;

use super::{File, Findings, Tree};

/// Paths in back-ticks of these documents must exist.
const CHECKED: [&str; 3] = ["ARCHITECTURE.md", "STYLE.md", "CONTRIBUTING.md"];

/// Every path in back-ticks of the documents above, and every relative link of every document.
pub(super) fn paths(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for document in tree.matching("", ".md") {
        if CHECKED.contains(&document.path.as_str()) {
            let missing = quoted(&document.text).filter(|word| is_path(tree, word)).filter(|path| !tree.has(path));
            findings.extend(missing.map(|path| format!("{}: `{path}` does not exist", document.path)));
        }
        let broken = links(&document.text).filter(|link| !leads_somewhere(tree, document, link));
        findings.extend(broken.map(|link| format!("{}: the link to {link} leads nowhere", document.path)));
    }
    findings
}

/// What stands between single back-ticks, outside of code blocks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2))
}

/// A word is a path of ours when it has a slash and begins with a folder or hidden folder of the root.
fn is_path(tree: &Tree, word: &str) -> bool {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
    let first = word.split('/').next().unwrap_or(word);
    is_plain && word.contains('/') && !first.is_empty() && (tree.has(first) || KNOWN_LATER.contains(&first))
}

/// Folders of the plan: a path in one of them is a path even while the folder is not there.
const KNOWN_LATER: [&str; 4] = ["bench", "fuzz", "deploy", "ui"];

/// The targets of inline links, without their fragments.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    let targets = prose.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:") && !target.contains(' '))
}

fn leads_somewhere(tree: &Tree, document: &File, link: &str) -> bool {
    let target = link.split('#').next().unwrap_or(link);
    let folder = Path::new(&document.path).parent().unwrap_or(Path::new(""));
    tree.root.join(folder).join(target).exists()
}

/// `docs/adr/README.md` names every decision, and numbers have no gaps.
pub(super) fn decisions(tree: &Tree) -> Findings {
    const INDEX: &str = "docs/adr/README.md";
    let Some(index) = tree.files.iter().find(|file| file.path == INDEX) else {
        return vec![format!("{INDEX}: is missing")];
    };
    let mut names: Vec<&str> =
        tree.matching("docs/adr/", ".md").filter(|file| file.path != INDEX).filter_map(|file| file.path.rsplit('/').next()).collect();
    names.sort_unstable();
    let mut findings = Findings::new();
    for (number, name) in (1..).zip(&names) {
        if !name.starts_with(&format!("{number:04}-")) {
            findings.push(format!("docs/adr/{name}: the next number is {number:04}"));
        }
        if !index.text.contains(&format!("]({name})")) {
            findings.push(format!("{INDEX}: does not list {name}"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{links, quoted};

    #[test]
    fn code_blocks_are_not_prose() {
        let text = "see `a/b.rs` and `c`\n```\n`d/e` [x](y)\n```\n[one](f/g.md#h) [two](https://example.com) [three](#four)";
        assert_eq!(quoted(text).collect::<Vec<_>>(), ["a/b.rs", "c"]);
        assert_eq!(links(text).collect::<Vec<_>>(), ["f/g.md#h"]);
    }
}
