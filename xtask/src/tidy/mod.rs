//! `cargo xtask tidy`: the rules of the house that no compiler checks.
//!
//! Each rule reads the tree and gives what it found wrong, as lines that begin with the path. All rules run, all findings are printed.

mod documents;
mod errors;
mod fences;
mod source;
mod surfaces;
mod words;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::shell;

/// What a rule found wrong; empty when all is well.
pub(crate) type Findings = Vec<String>;

/// The files of the tree with their text, read once.
pub(crate) struct Tree {
    root: PathBuf,
    files: Vec<File>,
}

/// One text file.
pub(crate) struct File {
    /// From the repository's root, with `/`.
    pub(crate) path: String,
    /// The whole file.
    pub(crate) text: String,
}

impl Tree {
    /// Every file of the tree, as far as it is text.
    fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for path in tracked(root).map_or_else(|_| walk(root), Ok)? {
            if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
                files.push(File { path, text });
            }
        }
        Ok(Self { root: root.to_owned(), files })
    }

    /// The files whose path begins and ends so.
    fn matching<'a>(&'a self, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.starts_with(start) && file.path.ends_with(end))
    }

    /// Whether a file or a folder is there.
    fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }
}

/// What git knows or would add.
fn tracked(root: &Path) -> Result<Vec<String>> {
    let mut list = Command::new("git");
    list.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let names = shell::output(&mut list)?;
    Ok(names.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// The same for a tree without git: everything but what is built, installed or hidden.
fn walk(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_left_out = ["target", "node_modules", ".work", ".git"].contains(&name.as_str());
            if entry.file_type()?.is_dir() {
                folders.extend((!is_left_out).then_some(path));
            } else {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    Ok(found)
}

/// Runs all rules; prints what they found, and for each rule whether it holds.
pub(crate) fn run(root: &Path) -> Result<bool> {
    let tree = Tree::read(root)?;
    let rules = [
        ("crates depend on their list only", fences::dependencies(&tree)),
        ("forbidden crates stay out of the binary", fences::product_tree(root)?),
        ("surfaces do not know each other", surfaces::imports(&tree)),
        ("files are small", source::sizes(&tree)),
        ("modules have real names", source::module_names(&tree)),
        ("paths in documents exist", documents::paths(&tree)),
        ("the index of decisions is complete", documents::decisions(&tree)),
        ("every error code has a page, every page a code", errors::pages(&tree)),
        ("nothing of one machine is in the tree", words::forbidden(&tree)),
    ];
    let mut holds = true;
    for (rule, findings) in rules {
        println!("tidy  {} {rule}", if findings.is_empty() { "ok  " } else { "FAIL" });
        for finding in &findings {
            println!("      {finding}");
        }
        holds &= findings.is_empty();
    }
    Ok(holds)
}
