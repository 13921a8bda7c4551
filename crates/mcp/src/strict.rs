//! One strict pass over a whole JSON body, before anything typed reads it.
//!
//! Two JSON readers can disagree about a body: on a duplicate member (first or last wins), on `Name` beside `name`
//! (some readers fold case, some fold U+017F to `s` and U+212A to `k`), on `"na\u006de"`, on a member with a NUL, on
//! nesting that one of them stops at. Every such body is refused here, so that the tool policy decided upon is the
//! tool the upstream runs.
//!
//! Duplicates, control characters and depth are checked everywhere. Disguised names are checked where the protocol
//! gives names a meaning (the envelope, `params`, `_meta`, `ref`, `notifications`): a tool's own arguments may be
//! called `Name`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How much one body may demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest body, in bytes.
    pub max_bytes: usize,
    /// The deepest nesting of arrays and objects.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 4 * 1024 * 1024, max_depth: 64 }
    }
}

/// Why a body is not one acceptable JSON-RPC message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than the limit.
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge {
        /// The limit that was passed.
        limit: usize,
    },
    /// Not one JSON document (RFC 8259).
    #[error("the body is not one JSON document: line {line}, column {column}")]
    InvalidJson {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// An array of messages: revision 2025-03-26 only, removed since, never accepted.
    #[error("batches are not accepted: send one message per request")]
    BatchNotSupported,
    /// The same member twice in one object, after unescaping.
    #[error("the member {member:?} stands twice in one object")]
    DuplicateMember {
        /// The member, shortened.
        member: String,
    },
    /// A member that another reader could take for one of the protocol's.
    #[error("the member {member:?} could be mistaken for a member of the protocol")]
    LookalikeMember {
        /// The member, shortened.
        member: String,
    },
    /// A member of the envelope that JSON-RPC 2.0 does not know.
    #[error("the message has an unknown member {member:?}")]
    UnknownMember {
        /// The member, shortened.
        member: String,
    },
    /// A control character in a member name.
    #[error("a member name contains a control character")]
    ControlCharacter,
    /// Nested deeper than the limit.
    #[error("the body is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit that was passed.
        limit: usize,
    },
    /// An object, but no JSON-RPC 2.0 request, notification or response.
    #[error("not a JSON-RPC 2.0 message: {0}")]
    NotJsonRpc(&'static str),
    /// The parameters that the method needs are missing or of the wrong type.
    #[error("invalid parameters: {0}")]
    InvalidParams(&'static str),
    /// A method, name or URI that is empty, too long, or holds invisible characters.
    #[error("invalid {0}: empty, too long, or with control or invisible characters")]
    InvalidName(&'static str),
    /// A resource URI that a reader who normalises it takes for another (RFC 3986 section 6.2.2).
    #[error("the URI is not in its normal form: it has dot segments, needless percent-encoding or a scheme in capitals")]
    AmbiguousUri,
}

impl FrameError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BodyTooLarge { .. } => "mcp.body_too_large",
            Self::InvalidJson { .. } => "mcp.invalid_json",
            Self::BatchNotSupported => "mcp.batch_not_supported",
            Self::DuplicateMember { .. } => "mcp.duplicate_member",
            Self::LookalikeMember { .. } => "mcp.lookalike_member",
            Self::UnknownMember { .. } => "mcp.unknown_member",
            Self::ControlCharacter => "mcp.control_character",
            Self::TooDeep { .. } => "mcp.too_deep",
            Self::NotJsonRpc(_) => "mcp.not_jsonrpc",
            Self::InvalidParams(_) => "mcp.invalid_params",
            Self::InvalidName(_) => "mcp.invalid_name",
            Self::AmbiguousUri => "mcp.ambiguous_uri",
        }
    }

    /// The JSON-RPC error code (JSON-RPC 2.0 section 5.1).
    pub fn json_rpc_code(&self) -> i64 {
        match self {
            Self::InvalidJson { .. } => -32700,
            Self::InvalidParams(_) | Self::InvalidName(_) | Self::AmbiguousUri => -32602,
            Self::BodyTooLarge { .. }
            | Self::BatchNotSupported
            | Self::DuplicateMember { .. }
            | Self::LookalikeMember { .. }
            | Self::UnknownMember { .. }
            | Self::ControlCharacter
            | Self::TooDeep { .. }
            | Self::NotJsonRpc(_) => -32600,
        }
    }
}

const ENVELOPE: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];
const PARAMS: &[&str] = &[
    "name",
    "uri",
    "arguments",
    "_meta",
    "cursor",
    "ref",
    "argument",
    "context",
    "level",
    "protocolVersion",
    "capabilities",
    "clientInfo",
    "task",
    "taskId",
    "requestId",
    "reason",
    "progressToken",
    "progress",
    "total",
    "message",
    "requestState",
    "inputResponses",
    "notifications",
];
const META: &[&str] = &[
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/logLevel",
    "io.modelcontextprotocol/related-task",
    "io.modelcontextprotocol/subscriptionId",
    "progressToken",
    "traceparent",
    "tracestate",
    "baggage",
];
const REFERENCE: &[&str] = &["type", "name", "uri"];
const NOTIFICATIONS: &[&str] = &["toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions"];

/// A member with this prefix is how one JSON library hides raw text inside a value; it has no other use.
const PRIVATE_PREFIX: &str = "$serde_json::private::";

/// What kind of object is being read: decides which names are protected in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Envelope,
    Params,
    Meta,
    Reference,
    Notifications,
    Free,
}

impl Place {
    fn protected(self) -> &'static [&'static str] {
        match self {
            Self::Envelope => ENVELOPE,
            Self::Params => PARAMS,
            Self::Meta => META,
            Self::Reference => REFERENCE,
            Self::Notifications => NOTIFICATIONS,
            Self::Free => &[],
        }
    }

    fn under(self, key: &str) -> Self {
        match (self, key) {
            (Self::Envelope, "params") => Self::Params,
            (Self::Params, "_meta") => Self::Meta,
            (Self::Params, "ref") => Self::Reference,
            (Self::Params, "notifications") => Self::Notifications,
            _ => Self::Free,
        }
    }
}

/// Scans a client's message: everything that [`FrameError`] lists up to the shape of the message itself.
pub(crate) fn check_message(body: &[u8], limits: &Limits) -> Result<(), FrameError> {
    if body.len() > limits.max_bytes {
        return Err(FrameError::BodyTooLarge { limit: limits.max_bytes });
    }
    match body.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
        Some(b'[') => return Err(FrameError::BatchNotSupported),
        Some(b'{') | None => {}
        Some(_) if serde_json::from_slice::<IgnoredAny>(body).is_ok() => return Err(FrameError::NotJsonRpc("the body is not an object")),
        Some(_) => {}
    }
    scan(body, limits.max_depth, Place::Envelope)
}

/// Scans an upstream's reply: duplicates, control characters in names and depth.
pub(crate) fn check_reply(body: &[u8], max_depth: usize) -> Result<(), FrameError> {
    scan(body, max_depth, Place::Free)
}

fn scan(body: &[u8], max_depth: usize, place: Place) -> Result<(), FrameError> {
    let context = Context { max_depth, fault: RefCell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let outcome = Check { context: &context, place, depth: 0 }.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => Err(context.fault.into_inner().unwrap_or(FrameError::InvalidJson { line: error.line(), column: error.column() })),
    }
}

struct Context {
    max_depth: usize,
    /// The typed fault behind the parser's error, which can only carry text.
    fault: RefCell<Option<FrameError>>,
}

impl Context {
    fn refuse<E: serde::de::Error>(&self, fault: FrameError) -> E {
        let error = E::custom(&fault);
        *self.fault.borrow_mut() = Some(fault);
        error
    }
}

#[derive(Clone, Copy)]
struct Check<'c> {
    context: &'c Context,
    place: Place,
    depth: usize,
}

impl Check<'_> {
    fn deeper<E: serde::de::Error>(self, place: Place) -> Result<Self, E> {
        if self.depth >= self.context.max_depth {
            return Err(self.context.refuse(FrameError::TooDeep { limit: self.context.max_depth }));
        }
        Ok(Self { context: self.context, place, depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let inner = self.deeper(Place::Free)?;
        while access.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let inner = self.deeper(Place::Free)?;
        let mut seen = Keys::default();
        while let Some(key) = access.next_key::<Key<'de>>()? {
            check_key(&key, self.place).map_err(|fault| self.context.refuse::<A::Error>(fault))?;
            let place = self.place.under(&key.text);
            if let Err(twice) = seen.insert(key.text) {
                return Err(self.context.refuse(FrameError::DuplicateMember { member: shorten(&twice).into_owned() }));
            }
            access.next_value_seed(Check { place, ..inner })?;
        }
        Ok(())
    }
}

fn check_key(key: &Key<'_>, place: Place) -> Result<(), FrameError> {
    if key.text.chars().any(char::is_control) {
        return Err(FrameError::ControlCharacter);
    }
    let text: &str = &key.text;
    let lookalike = || FrameError::LookalikeMember { member: shorten(text).into_owned() };
    if text.starts_with(PRIVATE_PREFIX) {
        return Err(lookalike());
    }
    if place == Place::Free {
        return Ok(());
    }
    // No member of the protocol has a letter outside ASCII, so nothing is lost by refusing those that could fold into one.
    if !text.is_ascii() {
        return Err(lookalike());
    }
    let known = place.protected();
    if known.contains(&text) {
        return if key.escaped { Err(lookalike()) } else { Ok(()) };
    }
    let trimmed = text.trim();
    if known.iter().any(|name| name.eq_ignore_ascii_case(trimmed)) {
        return Err(lookalike());
    }
    if place == Place::Envelope {
        return Err(FrameError::UnknownMember { member: shorten(text).into_owned() });
    }
    Ok(())
}

/// Whether a reader that folds case takes `text` for the protocol's `name`: some fold U+017F to `s` and U+212A to `k`.
pub(crate) fn is_disguised(text: &str, name: &str) -> bool {
    let fold = |character: char| match character {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    text != name && text.chars().map(fold).eq(name.chars().map(fold))
}

/// A hostile member name is quoted in errors and logs: at most 64 characters of it.
pub(crate) fn shorten(text: &str) -> Cow<'_, str> {
    if text.len() <= 64 { Cow::Borrowed(text) } else { Cow::Owned(text.chars().take(64).collect()) }
}

/// A member name, and whether it was written with escapes.
struct Key<'de> {
    text: Cow<'de, str>,
    escaped: bool,
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key { text: Cow::Borrowed(text), escaped: false })
    }

    fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key { text: Cow::Owned(text.to_owned()), escaped: true })
    }
}

/// The members of one object: a list while short, a set beyond that.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Keys<'de> {
    const FEW: usize = 16;

    /// Gives a member back that was there already.
    fn insert(&mut self, key: Cow<'de, str>) -> Result<(), Cow<'de, str>> {
        if self.few.contains(&key) || self.many.contains(&key) {
            return Err(key);
        }
        if self.few.len() < Self::FEW {
            self.few.push(key);
        } else {
            self.many.insert(key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
