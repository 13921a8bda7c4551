//! YAML text to a tree in which every key and value knows its line and column.
//!
//! The parser deserialises straight into types and stops at the first fault; going through this tree is what lets
//! every problem be reported at once, and at its place.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{Location, Spanned};

use super::problem::{Position, Problem, ProblemKind};

/// One value and where it starts.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
}

/// The value of a [`Node`].
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text {
        text: String,
        /// Whether `${…}` was replaced in it: then it may hold a secret, and may stand for a number or truth value.
        substituted: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) node: Node,
}

/// How much anchors may multiply: plenty for shared settings, little for a file made to exhaust memory.
const MAX_REPLAYED_EVENTS: usize = 20_000;

/// Reads one YAML document. Duplicate keys, further documents and unclosed text are syntax problems.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPLAYED_EVENTS },
    };
    serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|error| {
        let position = error.location().map(position_of).or_else(|| first_position(text));
        let error = error.without_snippet();
        if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = error {
            return syntax(position, format!("the key {key:?} stands here a second time"));
        }
        let message = error.to_string();
        // The position is a field of the problem; the parser's own mention of it would stand there twice.
        let message = message.split(" at line ").next().unwrap_or(&message).trim();
        let hint = position.and_then(|at| hint(text, at)).unwrap_or_default();
        syntax(position, format!("not readable as YAML: {message}{hint}"))
    })
}

/// `{ key: ${NAME} }`: to YAML the inner braces are a mapping of their own, and its message does not say so.
fn hint(text: &str, at: Position) -> Option<&'static str> {
    let line = text.lines().nth(usize::try_from(at.line.checked_sub(1)?).ok()?)?;
    let unquoted = line.split('"').step_by(2).any(|part| part.contains("${"));
    (line.contains('{') && unquoted).then_some("; inside { } write \"${NAME}\" in quotes")
}

fn syntax(position: Option<Position>, message: String) -> Problem {
    Problem { kind: ProblemKind::Syntax, path: String::new(), file: None, position, message }
}

fn first_position(text: &str) -> Option<Position> {
    text.is_empty().then_some(Position { line: 1, column: 1 })
}

fn position_of(location: Location) -> Position {
    Position { line: location.line(), column: location.column() }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { at: position_of(spanned.referenced), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text { text: value.to_owned(), substituted: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            map.push(Entry { at: position_of(key.referenced), key: key.value, node: entries.next_value()? });
        }
        Ok(Value::Map(map))
    }
}
