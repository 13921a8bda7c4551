//! The tree against the schema: unknown keys, missing keys and wrong types, all of them.
//!
//! Gives back the part of the tree that fits, so that the next step can look at the rest of the file even if one
//! value is wrong. Only the parts of JSON Schema that [`super::file`] makes are understood.

use serde_json::{Map, Value as Json};

use super::path;
use super::problem::{Position, Problem, ProblemKind};
use super::tree::{Entry, Node, Value};

/// Checks `root` and gives back what fits.
pub(super) fn check(schema: &Json, root: &Node, problems: &mut Vec<Problem>) -> Json {
    let mut checker = Checker { definitions: schema.get("$defs"), problems };
    // A file without content is a mapping without keys.
    match (checker.shape(schema), &root.value) {
        (Shape::Struct(schema), Value::Null) => checker.structure(schema, &[], root.at, ""),
        (shape, _) => checker.value(shape, root, "").unwrap_or_else(|| Json::Object(Map::new())),
    }
}

/// What a schema asks for.
#[derive(Clone, Copy)]
enum Shape<'a> {
    /// A mapping with known keys; the whole schema.
    Struct(&'a Json),
    /// A mapping with free keys; the schema of its values.
    Mapping(&'a Json),
    /// A list; the schema of its items.
    List(&'a Json),
    /// One of some words; the whole schema.
    Words(&'a Json),
    /// Text; the whole schema.
    Text(&'a Json),
    /// Text, or a list of it; the schema of the items.
    TextOrList(&'a Json),
    Number,
    Bool,
}

struct Checker<'a> {
    definitions: Option<&'a Json>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Checker<'a> {
    /// Follows references and looks through `anyOf [X, null]`: a key without a value is a key that is not there.
    fn shape(&self, schema: &'a Json) -> Shape<'a> {
        if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
            let definition = self.definitions.and_then(|all| all.get(name.trim_start_matches("#/$defs/")));
            return definition.map_or(Shape::Text(schema), |definition| self.shape(definition));
        }
        if let Some(choices) = schema.get("anyOf").and_then(Json::as_array) {
            let items = choices.iter().find(|choice| type_of(choice) == "array").and_then(|choice| choice.get("items"));
            if let Some(items) = items.filter(|_| choices.iter().any(|choice| type_of(choice) == "string")) {
                return Shape::TextOrList(items);
            }
            let choice = choices.iter().find(|choice| choice.get("type").and_then(Json::as_str) != Some("null"));
            return choice.map_or(Shape::Text(schema), |choice| self.shape(choice));
        }
        if schema.get("oneOf").is_some() || schema.get("enum").is_some() {
            return Shape::Words(schema);
        }
        if schema.get("properties").is_some() {
            return Shape::Struct(schema);
        }
        match type_of(schema) {
            "object" => schema.get("additionalProperties").map_or(Shape::Struct(schema), Shape::Mapping),
            "array" => schema.get("items").map_or(Shape::Text(schema), Shape::List),
            "boolean" => Shape::Bool,
            "integer" => Shape::Number,
            _ => Shape::Text(schema),
        }
    }

    /// The part of `node` that fits; `None` where nothing does, so that the default takes its place.
    fn value(&mut self, shape: Shape<'a>, node: &Node, at: &str) -> Option<Json> {
        match (shape, &node.value) {
            (_, Value::Null) => None,
            (Shape::Struct(schema), Value::Map(entries)) => Some(self.structure(schema, entries, node.at, at)),
            (Shape::Mapping(schema), Value::Map(entries)) => Some(self.mapping(self.shape(schema), entries, at)),
            (Shape::List(schema) | Shape::TextOrList(schema), Value::List(items)) => Some(self.list(self.shape(schema), items, at)),
            (Shape::Words(schema), Value::Text { text, .. }) => self.word(schema, text, node.at, at),
            (Shape::Text(_) | Shape::TextOrList(_), Value::Text { text, .. }) => Some(Json::String(text.clone())),
            (Shape::Bool, Value::Bool(value)) => Some(Json::Bool(*value)),
            (Shape::Number, Value::Number(number)) if is_count(number) => Some(Json::Number(number.clone())),
            (Shape::Bool, Value::Text { text, substituted: true }) if text == "true" || text == "false" => Some(Json::Bool(text == "true")),
            (Shape::Number, Value::Text { text, substituted: true }) if text.parse::<u32>().is_ok() => {
                text.parse::<u32>().ok().map(Json::from)
            }
            (shape, value) => {
                self.wrong_type(shape, value, node.at, at);
                match shape {
                    // Empty rather than absent: its name stays known to those that refer to it.
                    Shape::Struct(_) | Shape::Mapping(_) => Some(Json::Object(Map::new())),
                    Shape::List(_) => Some(Json::Array(Vec::new())),
                    Shape::Words(_) | Shape::Text(_) | Shape::TextOrList(_) | Shape::Number | Shape::Bool => None,
                }
            }
        }
    }

    fn structure(&mut self, schema: &'a Json, entries: &[Entry], position: Position, at: &str) -> Json {
        let empty = Map::new();
        let known = schema.get("properties").and_then(Json::as_object).unwrap_or(&empty);
        let mut output = Map::new();
        for entry in entries {
            let path = path::key(at, &entry.key);
            let Some((name, property)) = schema.get("properties").and_then(Json::as_object).and_then(|all| all.get_key_value(&entry.key))
            else {
                let hint = nearest(&entry.key, known.keys().map(String::as_str));
                self.report(ProblemKind::UnknownKey, path, entry.at, hint);
                continue;
            };
            if let Some(value) = self.value(self.shape(property), &entry.node, &path) {
                output.insert(name.clone(), value);
            }
        }
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        for name in required {
            let present = entries.iter().any(|entry| entry.key == name && !matches!(entry.node.value, Value::Null));
            if !present {
                let example = known.get(name).and_then(example).map_or_else(String::new, |example| format!(", such as {example}"));
                self.report(ProblemKind::MissingKey, path::key(at, name), position, format!("this key is needed{example}"));
            }
        }
        Json::Object(output)
    }

    fn mapping(&mut self, shape: Shape<'a>, entries: &[Entry], at: &str) -> Json {
        let mut output = Map::new();
        for entry in entries {
            let path = path::key(at, &entry.key);
            let value = match (&entry.node.value, shape) {
                // `sales:` with nothing below is an empty role, not an absent one.
                (Value::Null, Shape::Struct(schema)) => Some(self.structure(schema, &[], entry.at, &path)),
                _ => self.value(shape, &entry.node, &path),
            };
            output.extend(value.map(|value| (entry.key.clone(), value)));
        }
        Json::Object(output)
    }

    fn list(&mut self, shape: Shape<'a>, items: &[Node], at: &str) -> Json {
        let mut output = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            let path = path::index(at, number);
            if matches!(item.value, Value::Null) {
                self.wrong_type(shape, &item.value, item.at, &path);
            }
            // A placeholder keeps the numbers of the items behind it right; its own problem is already told.
            let placeholder = || if matches!(shape, Shape::Struct(_)) { Json::Object(Map::new()) } else { Json::String(String::new()) };
            output.push(self.value(shape, item, &path).unwrap_or_else(placeholder));
        }
        Json::Array(output)
    }

    fn word(&mut self, schema: &Json, text: &str, position: Position, at: &str) -> Option<Json> {
        let words = words(schema);
        if words.contains(&text) {
            return Some(Json::String(text.to_owned()));
        }
        self.report(ProblemKind::InvalidValue, at.to_owned(), position, format!("must be one of: {}", words.join(", ")));
        None
    }

    fn wrong_type(&mut self, shape: Shape<'_>, found: &Value, position: Position, at: &str) {
        let found = match found {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) if matches!(shape, Shape::Number) => "negative, fractional or too large",
            Value::Number(_) => "a number",
            Value::Text { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        };
        let wanted = match shape {
            Shape::Struct(_) | Shape::Mapping(_) => "a mapping (key: value)".to_owned(),
            Shape::List(_) if found == "text" => "a list, such as [\"name\"]".to_owned(),
            Shape::List(_) => "a list".to_owned(),
            Shape::TextOrList(_) => "text, or a list such as [\"name\"]".to_owned(),
            Shape::Words(schema) => format!("one of: {}", words(schema).join(", ")),
            Shape::Text(schema) => {
                example(schema).map_or_else(|| "text, in quotes if need be".to_owned(), |example| format!("text such as {example}"))
            }
            Shape::Number => "a whole number".to_owned(),
            Shape::Bool => "true or false".to_owned(),
        };
        self.report(ProblemKind::WrongType, at.to_owned(), position, format!("must be {wanted}, but is {found}"));
    }

    fn report(&mut self, kind: ProblemKind, path: String, position: Position, message: String) {
        self.problems.push(Problem { kind, path, file: None, position: Some(position), message });
    }
}

/// What the counts of the file can hold.
fn is_count(number: &serde_json::Number) -> bool {
    number.as_u64().is_some_and(|number| u32::try_from(number).is_ok())
}

/// The type that is not `null`.
fn type_of(schema: &Json) -> &str {
    let one = schema.get("type").and_then(Json::as_str);
    let several = schema.get("type").and_then(Json::as_array);
    one.or_else(|| several?.iter().filter_map(Json::as_str).find(|name| *name != "null")).unwrap_or_default()
}

/// The first example of a schema, or its default, as YAML shows it.
fn example(schema: &Json) -> Option<String> {
    let example = schema.get("examples").and_then(Json::as_array).and_then(|all| all.first()).or_else(|| schema.get("default"))?;
    match example {
        Json::String(text) => Some(text.clone()),
        Json::Null => None,
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => Some(example.to_string()),
    }
}

/// The words of an `enum`, or of a `oneOf` of constants.
fn words(schema: &Json) -> Vec<&str> {
    let listed = schema.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let constants = schema.get("oneOf").and_then(Json::as_array).into_iter().flatten();
    let constants = constants.filter_map(|choice| choice.get("const").and_then(Json::as_str));
    listed.chain(constants).collect()
}

/// `unknown key; did you mean …?`, or all keys that would do.
fn nearest<'k>(key: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    let limit = key.chars().count().div_ceil(3);
    let best = known.clone().map(|candidate| (distance(key, candidate), candidate)).min();
    match best {
        Some((distance, candidate)) if distance <= limit => format!("unknown key; did you mean {candidate:?}?"),
        _ => format!("unknown key; known here: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// Edit distance in which a swap of two neighbours counts as one step (optimal string alignment).
pub(crate) fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous_left = None;
    for (row, left_char) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        let mut previous_right = None;
        for (column, right_char) in right.iter().copied().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best =
                (at(&last, column + 1) + 1).min(at(&current, column) + 1).min(at(&last, column) + usize::from(left_char != right_char));
            if previous_left == Some(right_char) && previous_right == Some(left_char) && column > 0 {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
            previous_right = Some(right_char);
        }
        before_last = std::mem::replace(&mut last, current);
        previous_left = Some(left_char);
    }
    last.last().copied().unwrap_or_default()
}
