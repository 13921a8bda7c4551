//! How a key is named in a problem: `upstreams.crm.url`, `grants[0].tools[2]`.

use std::collections::BTreeMap;

use super::problem::Position;
use super::tree::{Node, Value};

/// Where every key and list item of a file stands, by its path.
#[derive(Debug, Default)]
pub(super) struct Positions(BTreeMap<String, Position>);

impl Positions {
    /// Walks a tree.
    pub(super) fn of(root: &Node) -> Self {
        let mut positions = Self::default();
        positions.visit(root, "");
        positions
    }

    /// The place of `path`, else of the nearest thing around it.
    pub(super) fn find(&self, path: &str) -> Option<Position> {
        let mut path = path;
        loop {
            if let Some(position) = self.0.get(path) {
                return Some(*position);
            }
            path = parent(path)?;
        }
    }

    fn visit(&mut self, node: &Node, path: &str) {
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let path = key(path, &entry.key);
                    self.0.insert(path.clone(), entry.at);
                    self.visit(&entry.node, &path);
                }
            }
            Value::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    let path = index(path, number);
                    self.0.insert(path.clone(), item.at);
                    self.visit(item, &path);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text { .. } => {}
        }
    }
}

/// The path of a key of `path`. A key with unusual characters is quoted.
pub(super) fn key(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let key = if plain { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The path of an item of the list at `path`.
pub(super) fn index(path: &str, number: usize) -> String {
    format!("{path}[{number}]")
}

/// The path around `path`, if there is one.
fn parent(path: &str) -> Option<&str> {
    path.rfind(['.', '[']).and_then(|end| path.get(..end))
}

/// Whether `path` is `outer` or lies within it.
pub(super) fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
