//! Words that must not stand anywhere in the tree: paths of one machine, and addresses that only one network has.

use super::{Findings, Tree};

/// Each is written in two halves, so that this file does not find itself.
const FORBIDDEN: [(&str, &str); 3] = [
    (concat!("\"resol", "ved\":"), "lock files carry no download address"),
    (concat!("--index", "-url"), "an address that only one network has"),
    (concat!("/root/", ".cargo"), "a path of one machine"),
];
const MACHINE_PATH: &str = concat!("/wor", "k/");

/// Looks for them in every text file.
pub(super) fn forbidden(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for file in &tree.files {
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some((word, reason)) = FORBIDDEN.iter().find(|(word, _)| line.contains(word)) {
                findings.push(format!("{}:{number}: {word}: {reason}", file.path));
            }
            if has_machine_path(line) {
                findings.push(format!("{}:{number}: {MACHINE_PATH}: a path of one machine", file.path));
            }
        }
    }
    findings
}

/// The path at the start of a word; `.work/` and `https://example.com/work/` are something else.
fn has_machine_path(line: &str) -> bool {
    line.match_indices(MACHINE_PATH).any(|(at, _)| {
        let before = line.get(..at).and_then(|start| start.chars().next_back());
        before.is_none_or(|character| !character.is_alphanumeric() && !"._-/}$".contains(character))
    })
}

#[cfg(test)]
mod tests {
    use super::{MACHINE_PATH, has_machine_path};

    #[test]
    fn only_a_path_from_the_root_is_found() {
        for (line, expected) in
            [("{}x", true), ("see `{}x`", true), ("e2e/.{}x", false), ("https://example.com{}x", false), ("${here}{}", false)]
        {
            let path = if line.contains(".{}") { MACHINE_PATH.trim_start_matches('/') } else { MACHINE_PATH };
            assert_eq!(has_machine_path(&line.replace("{}", path)), expected, "{line}");
        }
    }
}
