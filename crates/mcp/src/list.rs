//! Cuts the reply to a list request down to what policy shows.
//!
//! The reply is taken apart only as far as the list: every item, every vendor member and every number that stays is
//! the text the upstream wrote, in its order. A reply that could be read in two ways is refused.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::message::{is_name, is_uri};
use crate::strict::{FrameError, check_reply, is_disguised, shorten};

/// The deepest nesting of an upstream's reply; schemas nest deeper than arguments do.
const MAX_REPLY_DEPTH: usize = 100;

/// The `cacheScope` of what depends on who asks.
const PRIVATE: &str = "\"private\"";

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// `result.tools`
    Tools,
    /// `result.resources`
    Resources,
    /// `result.resourceTemplates`
    ResourceTemplates,
    /// `result.prompts`
    Prompts,
    /// `result.tasks`, 2025-11-25
    Tasks,
}

impl ListKind {
    const ALL: [Self; 5] = [Self::Tools, Self::Resources, Self::ResourceTemplates, Self::Prompts, Self::Tasks];

    /// The member of `result` that holds the list.
    pub fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
            Self::Prompts => "prompts",
            Self::Tasks => "tasks",
        }
    }

    /// The member of an item that identifies it in a call.
    fn key(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::ResourceTemplates => "uriTemplate",
            Self::Tasks => "taskId",
        }
    }

    /// Whether a call could name an item by this key.
    fn takes(self, key: &str) -> bool {
        match self {
            Self::Tools | Self::Prompts | Self::Tasks => is_name(key),
            Self::Resources | Self::ResourceTemplates => is_uri(key),
        }
    }
}

/// What a tool says of itself (`annotations`, since 2025-03-26). Wrong types count as absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToolAnnotations {
    /// `readOnlyHint`
    pub read_only: Option<bool>,
    /// `destructiveHint`
    pub destructive: Option<bool>,
}

/// One item of a list, as far as a decision needs it.
#[derive(Debug)]
pub struct Item<'a> {
    /// Which list it stands in.
    pub kind: ListKind,
    /// Tool or prompt name, resource URI, URI template or task id.
    pub key: Cow<'a, str>,
    /// Of a tool; empty for everything else.
    pub annotations: ToolAnnotations,
}

/// A reply after filtering.
#[derive(Debug, PartialEq, Eq)]
pub enum Filtered {
    /// No list in it (an error, a notification, another result): pass the bytes on.
    NoList,
    /// Lists were found; this is the reply to send.
    Lists {
        /// The new reply.
        body: Vec<u8>,
        /// How many items stayed.
        kept: usize,
        /// How many items went.
        hidden: usize,
    },
}

/// Why an upstream's reply cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// Not JSON, or JSON that two readers could understand differently.
    #[error("the upstream's reply is not unambiguous JSON: {0}")]
    Ambiguous(FrameError),
    /// A list that is not an array.
    #[error("the upstream's reply has a {0} that is not a list")]
    NotAList(&'static str),
}

/// Makes a reply private that calls itself public, and leaves every other byte: what one person may read is not for a
/// cache that others share. `None` if there is nothing to change.
pub fn make_private(reply: &[u8]) -> Result<Option<Vec<u8>>, ReplyError> {
    check_reply(reply, MAX_REPLY_DEPTH).map_err(ReplyError::Ambiguous)?;
    let Some(envelope) = std::str::from_utf8(reply).ok().and_then(|text| Members::parse(text).ok()) else { return Ok(None) };
    envelope.refuse_disguised(&["result"])?;
    let Some(result) = envelope.value("result").and_then(|raw| Members::parse(raw.get()).ok()) else { return Ok(None) };
    result.refuse_disguised(&["cacheScope"])?;
    if result.value("cacheScope").is_none_or(|scope| scope.get() == PRIVATE) {
        return Ok(None);
    }
    let members = result.0.iter().map(|(name, raw)| (name.as_ref(), if name == "cacheScope" { PRIVATE } else { raw.get() }));
    Ok(Some(envelope.with_result(&write(members)).into_bytes()))
}

/// Filters every list in `reply`: `keep` is asked per item. `private` adds `cacheScope` where the reply has none
/// (the modern era requires it); a `cacheScope` that is there becomes `private` in any case.
pub fn filter_lists(reply: &[u8], private: bool, keep: &mut dyn FnMut(&Item<'_>) -> bool) -> Result<Filtered, ReplyError> {
    check_reply(reply, MAX_REPLY_DEPTH).map_err(ReplyError::Ambiguous)?;
    let unreadable = || ReplyError::Ambiguous(FrameError::NotJsonRpc("the reply is not an object"));
    let text = std::str::from_utf8(reply).map_err(|_| unreadable())?;
    let envelope = Members::parse(text).map_err(|_| unreadable())?;
    envelope.refuse_disguised(&["result"])?;
    let Some(result) = envelope.value("result").and_then(|raw| Members::parse(raw.get()).ok()) else {
        return Ok(Filtered::NoList);
    };
    result.refuse_disguised(&ListKind::ALL.map(ListKind::member))?;
    result.refuse_disguised(&["cacheScope"])?;
    let mut counts = (0, 0);
    let mut out = Vec::with_capacity(result.0.len() + 1);
    let mut found = false;
    let mut scoped = false;
    for (name, raw) in &result.0 {
        let value = match ListKind::ALL.into_iter().find(|kind| kind.member() == name) {
            Some(kind) => {
                found = true;
                filter_items(raw, kind, keep, &mut counts)?
            }
            None if name == "cacheScope" => {
                scoped = true;
                PRIVATE.to_owned()
            }
            None => raw.get().to_owned(),
        };
        out.push((name.as_ref(), value));
    }
    if !found {
        return Ok(Filtered::NoList);
    }
    if private && !scoped {
        out.push(("cacheScope", PRIVATE.to_owned()));
    }
    let result = write(out.iter().map(|(name, value)| (*name, value.as_str())));
    Ok(Filtered::Lists { body: envelope.with_result(&result).into_bytes(), kept: counts.0, hidden: counts.1 })
}

fn filter_items(
    raw: &RawValue,
    kind: ListKind,
    keep: &mut dyn FnMut(&Item<'_>) -> bool,
    counts: &mut (usize, usize),
) -> Result<String, ReplyError> {
    let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| ReplyError::NotAList(kind.member()))?;
    let mut kept = Vec::with_capacity(items.len());
    for raw in items {
        // An item without a readable key cannot be decided upon, and could not be called either.
        if item(raw, kind).is_some_and(|item| keep(&item)) {
            kept.push(raw.get());
            counts.0 += 1;
        } else {
            counts.1 += 1;
        }
    }
    Ok(format!("[{}]", kept.join(",")))
}

fn item(raw: &RawValue, kind: ListKind) -> Option<Item<'_>> {
    let members = Members::parse(raw.get()).ok()?;
    // `Name` beside `name` would let a case-folding client call a tool that was never decided upon.
    if members.names().any(|name| is_disguised(name, kind.key())) {
        return None;
    }
    let key: String = serde_json::from_str(members.value(kind.key())?.get()).ok().filter(|key: &String| kind.takes(key))?;
    let annotations = match kind {
        ListKind::Tools => members.value("annotations").map_or_else(ToolAnnotations::default, annotations),
        ListKind::Resources | ListKind::ResourceTemplates | ListKind::Prompts | ListKind::Tasks => ToolAnnotations::default(),
    };
    Some(Item { kind, key: Cow::Owned(key), annotations })
}

fn annotations(raw: &RawValue) -> ToolAnnotations {
    let Ok(members) = Members::parse(raw.get()) else { return ToolAnnotations::default() };
    let hint = |name: &str| members.value(name).and_then(|raw| serde_json::from_str::<bool>(raw.get()).ok());
    ToolAnnotations { read_only: hint("readOnlyHint"), destructive: hint("destructiveHint") }
}

fn write<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("{");
    for (index, (name, value)) in members.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::Value::from(name).to_string());
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    out
}

/// The members of one object in their order, values as text.
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    pub(crate) fn value(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| *value)
    }

    /// The same object with another `result`.
    fn with_result(&self, result: &str) -> String {
        write(self.0.iter().map(|(name, raw)| (name.as_ref(), if name == "result" { result } else { raw.get() })))
    }

    /// A member that some reader takes for one of these would be read past the filter.
    fn refuse_disguised(&self, protected: &[&str]) -> Result<(), ReplyError> {
        match self.names().find(|name| protected.iter().any(|member| is_disguised(name, member))) {
            None => Ok(()),
            Some(member) => Err(ReplyError::Ambiguous(FrameError::LookalikeMember { member: shorten(member).into_owned() })),
        }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::with_capacity(access.size_hint().unwrap_or(8));
        while let Some(name) = access.next_key::<Name<'de>>()? {
            members.push((name.0, access.next_value()?));
        }
        Ok(Members(members))
    }
}

/// A member name that borrows where it can.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;
