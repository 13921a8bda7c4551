//! One JSON-RPC message of a client, read without copying: the bytes stay as they came.
//!
//! [`parse`] is the only way to a [`Message`]; it runs the strict scan first. Parameters that a decision needs are
//! decoded and checked here per method, everything else stays raw.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_json::value::RawValue;

use crate::method::Method;
use crate::strict::{FrameError, Limits, check_message};
use crate::uri::has_one_reading;

/// The longest method name, tool name, prompt name or task id.
const MAX_NAME: usize = 256;
/// The longest resource URI.
const MAX_URI: usize = 8 * 1024;
/// How many resources one request may subscribe to, and how long their URIs may be together: each is decided upon.
const MAX_SUBSCRIPTIONS: usize = 100;
const MAX_SUBSCRIPTION_BYTES: usize = 64 * 1024;
/// The longest request id.
const MAX_ID: usize = 256;

/// What a client sent.
#[derive(Debug)]
pub enum Message<'a> {
    /// Expects a reply.
    Request(Request<'a>),
    /// Expects none.
    Notification(Notification<'a>),
    /// Answers a request of the server (sampling, elicitation, roots; up to 2025-11-25).
    Response(Response<'a>),
}

/// A request: an id and a call.
#[derive(Debug)]
pub struct Request<'a> {
    /// The id, raw.
    pub id: Id<'a>,
    /// What is asked.
    pub call: Call<'a>,
}

/// A notification: a call without an id.
#[derive(Debug)]
pub struct Notification<'a> {
    /// What is told.
    pub call: Call<'a>,
}

/// An answer to a request that the server made.
#[derive(Debug)]
pub struct Response<'a> {
    /// The server's id, raw.
    pub id: Id<'a>,
    /// Whether it carries `error` and not `result`.
    pub is_error: bool,
}

/// A request id as its JSON text: a string or an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    fn new(raw: &'a RawValue) -> Result<Self, FrameError> {
        let text = raw.get();
        let integer = text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
        if text.len() > MAX_ID || !(integer || text.starts_with('"')) {
            return Err(FrameError::NotJsonRpc("id must be a string or an integer"));
        }
        Ok(Self(text))
    }

    /// Takes back what [`Id::as_json`] gave.
    pub fn from_json(text: &'a str) -> Self {
        Self(text)
    }

    /// The id as JSON text.
    pub fn as_json(&self) -> &'a str {
        self.0
    }
}

/// Method and parameters of a request or notification.
#[derive(Debug)]
pub struct Call<'a> {
    /// The method as written.
    pub method_name: Cow<'a, str>,
    /// Its row in the table, or `None`: then it is not to be forwarded.
    pub method: Option<Method>,
    /// What the decision needs of the parameters.
    pub params: Params<'a>,
}

/// The decoded part of `params`.
#[derive(Debug, Default)]
pub struct Params<'a> {
    /// `name` of `tools/call` and `prompts/get`.
    pub name: Option<Cow<'a, str>>,
    /// `uri` of `resources/read`, `subscribe`, `unsubscribe`.
    pub uri: Option<Cow<'a, str>>,
    /// `taskId` of `tasks/get`, `result`, `cancel`, `update`.
    pub task_id: Option<Cow<'a, str>>,
    /// `arguments` of `tools/call` and `prompts/get`: an object, raw.
    pub arguments: Option<&'a RawValue>,
    /// `ref` of `completion/complete`.
    pub reference: Option<Reference<'a>>,
    /// `notifications.resourceSubscriptions` of `subscriptions/listen`.
    pub resource_subscriptions: Vec<String>,
    /// Whether the request asks to run as a task (`task`, 2025-11-25).
    pub as_task: bool,
    /// The parts of `_meta` that Doorward reads.
    pub meta: Meta,
    /// `protocolVersion` of `initialize`.
    pub protocol_version: Option<String>,
    /// `clientInfo.name` of `initialize` or `_meta`: self-reported, for the log only.
    pub client_info_name: Option<String>,
}

/// The parts of `params._meta` that Doorward reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// `io.modelcontextprotocol/protocolVersion`: present in the modern era.
    pub protocol_version: Option<String>,
    /// `io.modelcontextprotocol/clientCapabilities`, as JSON text.
    pub client_capabilities: Option<String>,
    /// `io.modelcontextprotocol/clientInfo`, as JSON text.
    pub client_info: Option<String>,
}

/// What a completion is asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// `ref/prompt`
    Prompt(Cow<'a, str>),
    /// `ref/resource`
    Resource(Cow<'a, str>),
}

impl Call<'_> {
    /// The tool, prompt, resource or task the call is about, where there is one.
    pub fn target(&self) -> Option<&str> {
        let params = &self.params;
        let reference = params.reference.as_ref().map(|reference| match reference {
            Reference::Prompt(name) | Reference::Resource(name) => name.as_ref(),
        });
        params.name.as_deref().or(params.uri.as_deref()).or(params.task_id.as_deref()).or(reference)
    }

    /// The names of the arguments in their order, at most `most` of them, each at most 128 characters.
    pub fn argument_names(&self, most: usize) -> Vec<String> {
        let Some(raw) = self.params.arguments else { return Vec::new() };
        let Ok(members) = crate::list::Members::parse(raw.get()) else { return Vec::new() };
        members.names().take(most).map(|name| name.chars().take(128).collect()).collect()
    }

    /// The arguments as a map, for policies that look into them.
    pub fn arguments_map(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        self.params.arguments.and_then(|raw| serde_json::from_str(raw.get()).ok())
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default, borrow, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawParams<'a> {
    #[serde(default, borrow, deserialize_with = "present")]
    name: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    uri: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    task_id: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    arguments: Option<&'a RawValue>,
    #[serde(default, borrow, rename = "ref", deserialize_with = "present")]
    reference: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    notifications: Option<&'a RawValue>,
    #[serde(default)]
    task: Option<IgnoredAny>,
    #[serde(default, borrow, rename = "_meta", deserialize_with = "present")]
    meta: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    protocol_version: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    client_info: Option<&'a RawValue>,
}

/// Keeps a `null` apart from an absent member.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads one message: the strict scan, then the shape of JSON-RPC 2.0, then the parameters of its method.
pub fn parse<'a>(body: &'a [u8], limits: &Limits) -> Result<Message<'a>, FrameError> {
    check_message(body, limits)?;
    let envelope: Envelope<'a> =
        serde_json::from_slice(body).map_err(|error| FrameError::InvalidJson { line: error.line(), column: error.column() })?;
    if envelope.jsonrpc.map(RawValue::get) != Some("\"2.0\"") {
        return Err(FrameError::NotJsonRpc("jsonrpc must be \"2.0\""));
    }
    let Some(method) = envelope.method else { return response(&envelope) };
    if envelope.result.is_some() || envelope.error.is_some() {
        return Err(FrameError::NotJsonRpc("a request has neither result nor error"));
    }
    let method_name = name(method, "method", MAX_NAME)?;
    let row = Method::named(&method_name, envelope.id.is_none());
    let params = match envelope.params {
        Some(raw) => raw_params(raw, row)?,
        None => checked(Params::default(), row)?,
    };
    let call = Call { method_name, method: row, params };
    match envelope.id {
        Some(id) => Ok(Message::Request(Request { id: Id::new(id)?, call })),
        None => Ok(Message::Notification(Notification { call })),
    }
}

fn response<'a>(envelope: &Envelope<'a>) -> Result<Message<'a>, FrameError> {
    let (Some(id), None) = (envelope.id, envelope.params) else {
        return Err(FrameError::NotJsonRpc("neither a request nor a response"));
    };
    let is_error = match (envelope.result, envelope.error) {
        (Some(_), None) => false,
        (None, Some(_)) => true,
        _ => return Err(FrameError::NotJsonRpc("a response has either result or error")),
    };
    Ok(Message::Response(Response { id: Id::new(id)?, is_error }))
}

fn raw_params<'a>(raw: &'a RawValue, method: Option<Method>) -> Result<Params<'a>, FrameError> {
    if !is_object(raw) {
        return Err(FrameError::InvalidParams("params must be an object"));
    }
    let fields: RawParams<'a> = serde_json::from_str(raw.get()).map_err(|_| FrameError::InvalidParams("params must be an object"))?;
    let mut params = Params { as_task: fields.task.is_some(), ..Params::default() };
    if let Some(meta) = fields.meta {
        params.meta = read_meta(meta)?;
    }
    // Of a method outside the table nothing else has a meaning; its era says how to refuse it.
    let Some(method) = method else { return Ok(params) };
    match method {
        Method::CallTool | Method::GetPrompt => {
            params.name = fields.name.map(|raw| name(raw, "name", MAX_NAME)).transpose()?;
            params.arguments = fields.arguments.filter(|raw| raw.get() != "null");
        }
        Method::ReadResource | Method::SubscribeResource | Method::UnsubscribeResource => {
            params.uri = fields.uri.map(uri).transpose()?;
        }
        Method::Complete => params.reference = fields.reference.map(read_reference).transpose()?,
        Method::Listen => params.resource_subscriptions = fields.notifications.map_or(Ok(Vec::new()), read_subscriptions)?,
        Method::Initialize => {
            params.protocol_version =
                fields.protocol_version.map(|raw| name(raw, "protocolVersion", MAX_NAME)).transpose()?.map(Cow::into_owned);
        }
        Method::GetTask | Method::GetTaskResult | Method::CancelTask | Method::UpdateTask => {
            params.task_id = fields.task_id.map(|raw| name(raw, "taskId", MAX_NAME)).transpose()?;
        }
        Method::Ping
        | Method::Discover
        | Method::ListTools
        | Method::ListResources
        | Method::ListResourceTemplates
        | Method::ListPrompts
        | Method::SetLogLevel
        | Method::ListTasks
        | Method::Initialized
        | Method::Cancelled
        | Method::Progress
        | Method::RootsListChanged
        | Method::TaskStatus => {}
    }
    params.client_info_name = client_name(fields.client_info.map(RawValue::get).or(params.meta.client_info.as_deref()));
    checked(params, Some(method))
}

/// What each method cannot do without.
fn checked(params: Params<'_>, method: Option<Method>) -> Result<Params<'_>, FrameError> {
    let Some(method) = method else { return Ok(params) };
    if matches!(method, Method::CallTool | Method::GetPrompt) {
        if params.name.is_none() {
            return Err(FrameError::InvalidParams("name is missing"));
        }
        if params.arguments.is_some_and(|raw| !is_object(raw)) {
            return Err(FrameError::InvalidParams("arguments must be an object"));
        }
    }
    // 2026-07-28 has no resources/subscribe: there the upstream says that it does not know the method.
    let is_removed = params.meta.protocol_version.is_some() && matches!(method, Method::SubscribeResource | Method::UnsubscribeResource);
    let needs_uri = matches!(method, Method::ReadResource | Method::SubscribeResource | Method::UnsubscribeResource);
    if needs_uri && !is_removed && params.uri.is_none() {
        return Err(FrameError::InvalidParams("uri is missing"));
    }
    if method == Method::Complete && params.reference.is_none() {
        return Err(FrameError::InvalidParams("ref is missing"));
    }
    if method.names_task() && params.task_id.is_none() {
        return Err(FrameError::InvalidParams("taskId is missing"));
    }
    Ok(params)
}

fn read_meta(raw: &RawValue) -> Result<Meta, FrameError> {
    #[derive(Deserialize)]
    struct RawMeta<'a> {
        #[serde(default, borrow, rename = "io.modelcontextprotocol/protocolVersion", deserialize_with = "present")]
        protocol_version: Option<&'a RawValue>,
        #[serde(default, borrow, rename = "io.modelcontextprotocol/clientCapabilities", deserialize_with = "present")]
        client_capabilities: Option<&'a RawValue>,
        #[serde(default, borrow, rename = "io.modelcontextprotocol/clientInfo", deserialize_with = "present")]
        client_info: Option<&'a RawValue>,
    }
    if !is_object(raw) {
        return Err(FrameError::InvalidParams("_meta must be an object"));
    }
    let fields: RawMeta<'_> = serde_json::from_str(raw.get()).map_err(|_| FrameError::InvalidParams("_meta must be an object"))?;
    Ok(Meta {
        protocol_version: fields.protocol_version.map(|raw| name(raw, "protocol version", MAX_NAME)).transpose()?.map(Cow::into_owned),
        client_capabilities: fields.client_capabilities.map(|raw| raw.get().to_owned()),
        client_info: fields.client_info.map(|raw| raw.get().to_owned()),
    })
}

fn read_reference(raw: &RawValue) -> Result<Reference<'_>, FrameError> {
    #[derive(Deserialize)]
    struct RawReference<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
        #[serde(default, borrow)]
        name: Option<&'a RawValue>,
        #[serde(default, borrow)]
        uri: Option<&'a RawValue>,
    }
    let wrong = FrameError::InvalidParams("ref must name a prompt or a resource");
    if !is_object(raw) {
        return Err(wrong);
    }
    let fields: RawReference<'_> = serde_json::from_str(raw.get()).map_err(|_| wrong.clone())?;
    match (fields.kind.as_ref(), fields.name, fields.uri) {
        ("ref/prompt", Some(prompt), None) => name(prompt, "name", MAX_NAME).map(Reference::Prompt),
        ("ref/resource", None, Some(template)) => uri(template).map(Reference::Resource),
        _ => Err(wrong),
    }
}

fn read_subscriptions(raw: &RawValue) -> Result<Vec<String>, FrameError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Filter<'a> {
        #[serde(default, borrow)]
        resource_subscriptions: Option<Vec<&'a RawValue>>,
    }
    let wrong = FrameError::InvalidParams("notifications must be an object");
    if !is_object(raw) {
        return Err(wrong);
    }
    let filter: Filter<'_> = serde_json::from_str(raw.get()).map_err(|_| wrong)?;
    let uris = filter.resource_subscriptions.unwrap_or_default();
    if uris.len() > MAX_SUBSCRIPTIONS || uris.iter().map(|raw| raw.get().len()).sum::<usize>() > MAX_SUBSCRIPTION_BYTES {
        return Err(FrameError::InvalidParams("too many resourceSubscriptions, or too long ones"));
    }
    uris.into_iter().map(|raw| uri(raw).map(Cow::into_owned)).collect()
}

/// A derived reader also takes an array of the fields in order: every reader of raw text asks this first.
fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

fn client_name(client_info: Option<&str>) -> Option<String> {
    #[derive(Deserialize)]
    struct ClientInfo {
        name: String,
    }
    let info: ClientInfo = serde_json::from_str(client_info?).ok()?;
    Some(info.name.chars().filter(|character| !is_invisible(*character)).take(128).collect())
}

/// Decodes a JSON string that names something: not empty, bounded, nothing invisible in it.
fn name<'a>(raw: &'a RawValue, what: &'static str, most: usize) -> Result<Cow<'a, str>, FrameError> {
    let text = raw.get();
    let decoded = match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        None => return Err(FrameError::InvalidParams("a name, URI or version must be a string")),
        Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
        Some(_) => Cow::Owned(serde_json::from_str(text).map_err(|_| FrameError::InvalidName(what))?),
    };
    if is_sound(&decoded, most) { Ok(decoded) } else { Err(FrameError::InvalidName(what)) }
}

/// Decodes a JSON string that is a resource URI: a name with one reading.
fn uri(raw: &RawValue) -> Result<Cow<'_, str>, FrameError> {
    let decoded = name(raw, "uri", MAX_URI)?;
    if has_one_reading(&decoded) { Ok(decoded) } else { Err(FrameError::AmbiguousUri) }
}

/// Whether a call could carry this as the name of a tool, prompt or task.
pub(crate) fn is_name(text: &str) -> bool {
    is_sound(text, MAX_NAME)
}

/// Whether a call could carry this as the URI of a resource.
pub(crate) fn is_uri(text: &str) -> bool {
    is_sound(text, MAX_URI) && has_one_reading(text)
}

fn is_sound(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && !text.chars().any(is_invisible)
}

/// Control characters, and those that no eye can tell apart from nothing: zero-width, bidirectional and tag characters.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests;
