//! `${NAME}`, `${NAME:-default}` and `${file:path}` in text values.
//!
//! Replaced after the YAML is parsed, so that a value can never change the structure of the file. The replacement is
//! not looked at again. Messages never quote what was inserted.

use std::path::{Path, PathBuf};

use super::path;
use super::problem::{Problem, ProblemKind};
use super::sources::Files;
use super::tree::{Node, Value};

/// The largest file that `${file:…}` takes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Where replacements come from.
pub(super) struct Sources<'a> {
    /// Looks up an environment variable.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    /// The folder that relative paths start from.
    pub(super) base_dir: &'a Path,
    /// Takes note of what is read.
    pub(super) files: &'a Files,
}

/// Replaces in every text value below `node`.
pub(super) fn replace_all(node: &mut Node, at_path: &str, sources: &Sources<'_>, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Text { text, substituted } => match replace(text, sources) {
            Ok(None) => {}
            Ok(Some(replaced)) => {
                *text = replaced;
                *substituted = true;
            }
            Err(fault) => {
                problems.push(Problem {
                    kind: fault.kind(),
                    path: at_path.to_owned(),
                    file: None,
                    position: Some(node.at),
                    message: fault.to_string(),
                });
            }
        },
        Value::List(items) => {
            for (number, item) in items.iter_mut().enumerate() {
                replace_all(item, &path::index(at_path, number), sources, problems);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                replace_all(&mut entry.node, &path::key(at_path, &entry.key), sources, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Why a replacement is not possible.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("`${{` without `}}`; write `$${{` for the characters themselves")]
    Unclosed,
    #[error("{name:?} is not a variable name; write ${{NAME}}, ${{NAME:-default}} or ${{file:path}}")]
    Name { name: String },
    #[error("the environment variable {name} is not set; set it, or give a default: ${{{name}:-default}}")]
    Unset { name: String },
    #[error("cannot read the file {}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
}

impl Fault {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::Unclosed | Self::Name { .. } => ProblemKind::InvalidValue,
            Self::Unset { .. } => ProblemKind::UnsetVariable,
            Self::File { .. } => ProblemKind::FileUnreadable,
        }
    }
}

/// The text with its references replaced; `None` if it has none.
pub(super) fn replace(text: &str, sources: &Sources<'_>) -> Result<Option<String>, Fault> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            output.push_str(before);
            output.push_str("${");
            rest = after;
            continue;
        }
        output.push_str(before);
        let (reference, remaining) = after.split_once('}').ok_or(Fault::Unclosed)?;
        output.push_str(&look_up(reference, sources)?);
        rest = remaining;
    }
    output.push_str(rest);
    Ok(Some(output))
}

fn look_up(reference: &str, sources: &Sources<'_>) -> Result<String, Fault> {
    if let Some(file) = reference.strip_prefix("file:") {
        return read(&sources.base_dir.join(file), sources.files);
    }
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !starts_well || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Fault::Name { name: name.to_owned() });
    }
    // As in a shell, an empty variable counts as unset where there is a default.
    match ((sources.variable)(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Fault::Unset { name: name.to_owned() }),
    }
}

/// A small text file without the line break at its end.
fn read(path: &Path, files: &Files) -> Result<String, Fault> {
    let fault = |reason: String| Fault::File { path: path.to_owned(), reason };
    let bytes = files.read(path, MAX_FILE_BYTES).map_err(fault)?;
    let text = String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8 text".to_owned()))?;
    Ok(text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(&text).to_owned())
}
