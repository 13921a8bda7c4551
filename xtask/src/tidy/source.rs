//! Sizes and names of source files.

use super::{Findings, Tree};

const LINES_AT_MOST: usize = 500;
const SOURCE: [&str; 5] = [".rs", ".mjs", ".py", ".php", ".html"];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = ["common", "helper", "helpers", "manager", "misc", "util", "utils"];

/// No source file is longer than 500 lines. Functions are measured by clippy.
pub(super) fn sizes(tree: &Tree) -> Findings {
    let sources = tree.files.iter().filter(|file| SOURCE.iter().any(|end| file.path.ends_with(end)));
    let lengths = sources.map(|file| (&file.path, file.text.lines().count()));
    lengths
        .filter(|(_, lines)| *lines > LINES_AT_MOST)
        .map(|(path, lines)| format!("{path}: {lines} lines, at most {LINES_AT_MOST}"))
        .collect()
}

/// No module is named after nothing.
pub(super) fn module_names(tree: &Tree) -> Findings {
    let modules = tree.matching("", ".rs").filter(|file| file.path.contains("/src/"));
    let is_empty_name =
        |path: &str| path.trim_end_matches(".rs").split('/').skip_while(|part| *part != "src").any(|part| EMPTY_NAMES.contains(&part));
    modules.filter(|file| is_empty_name(&file.path)).map(|file| format!("{}: name the module after what it owns", file.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::{module_names, sizes};
    use crate::tidy::{File, Tree};

    fn tree(path: &str, lines: usize) -> Tree {
        Tree { root: "/nowhere".into(), files: vec![File { path: path.to_owned(), text: "x\n".repeat(lines) }] }
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(sizes(&tree("crates/a/src/lib.rs", 500)).is_empty());
        assert_eq!(sizes(&tree("crates/a/src/lib.rs", 501)), ["crates/a/src/lib.rs: 501 lines, at most 500"]);
    }

    #[test]
    fn an_empty_name_is_found_as_file_and_as_folder() {
        for path in ["crates/a/src/util.rs", "crates/a/src/common/mod.rs"] {
            assert_eq!(module_names(&tree(path, 1)).len(), 1, "{path}");
        }
        assert!(module_names(&tree("crates/a/tests/common/mod.rs", 1)).is_empty());
    }
}
