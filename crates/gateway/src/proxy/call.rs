//! What is called: the request's body as one message, with everything a decision, a forward and a record need of it.
//!
//! A [`Call`] owns the bytes that were understood, so a permit for it is a permit for exactly these bytes.

use bytes::Bytes;
use http::header;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use mcp::{Era, FrameError, Limits, Message, Notification, Reference, Request};
use serde_json::{Value, json};

use super::error::ProxyError;
use super::headers::{self, LAST_EVENT_ID, PROTOCOL_VERSION, SESSION_ID};
use super::{Draft, Exchange};

/// How deep a message may nest.
const MAX_DEPTH: usize = 64;
/// How many argument names are recorded.
const MAX_ARGUMENT_NAMES: usize = 64;
/// The longest session or event id.
const MAX_ID: usize = 1024;

/// One thing that a caller wants done at an upstream.
#[derive(Debug)]
pub struct Call {
    pub(super) verb: Verb,
    pub(super) era: Era,
    /// The session it claims to belong to; never set in the modern era.
    pub(super) session: Option<String>,
    /// The client's headers that go on.
    pub(super) headers: HeaderMap,
    /// The metadata of a modern request.
    meta: Option<Value>,
}

/// The three things HTTP can ask of an MCP endpoint.
#[derive(Debug)]
pub(super) enum Verb {
    /// POST: one message.
    Send(Posted),
    /// GET: the stream of a session, up to 2025-11-25.
    Stream,
    /// DELETE: the end of a session, up to 2025-11-25.
    EndSession,
}

/// A posted message, understood.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) body: Bytes,
    /// The id of a request, as JSON; `None` for a notification or a response.
    pub(super) id: Option<String>,
    pub(super) subject: Subject,
}

/// What a posted message is about.
#[derive(Debug)]
pub(super) enum Subject {
    /// A request or notification of a method in the table.
    Method {
        method: mcp::Method,
        /// Tool, prompt, resource, task.
        target: Target,
        argument_names: Vec<String>,
        /// Read only where a policy looks at them: parsed, they take many times the memory of their text.
        arguments: Option<serde_json::Map<String, serde_json::Value>>,
    },
    /// A client's answer to a request of the server.
    Response,
}

/// The object of a method.
#[derive(Debug)]
pub(super) enum Target {
    None,
    Tool(String),
    Prompt(String),
    Resource(String),
    Task(String),
    CompletePrompt(String),
    CompleteResource(String),
    Subscriptions(Vec<String>),
}

impl Target {
    /// The name for the audit trail.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Tool(name)
            | Self::Prompt(name)
            | Self::Resource(name)
            | Self::Task(name)
            | Self::CompletePrompt(name)
            | Self::CompleteResource(name) => Some(name.clone()),
            Self::Subscriptions(uris) if uris.is_empty() => None,
            Self::Subscriptions(uris) => Some(uris.join(" ")),
        }
    }
}

impl Call {
    /// The method's name for the audit trail.
    pub(super) fn method_name(&self) -> &'static str {
        match &self.verb {
            Verb::Stream => "GET",
            Verb::EndSession => "DELETE",
            Verb::Send(Posted { subject: Subject::Method { method, .. }, .. }) => method.as_str(),
            Verb::Send(Posted { subject: Subject::Response, .. }) => "response",
        }
    }

    /// The MCP method, of a request or notification.
    pub(super) fn method(&self) -> Option<mcp::Method> {
        match &self.verb {
            Verb::Send(Posted { subject: Subject::Method { method, .. }, .. }) => Some(*method),
            Verb::Send(_) | Verb::Stream | Verb::EndSession => None,
        }
    }

    /// Tool, prompt, resource or task, and the names of the arguments.
    pub(super) fn target(&self) -> (Option<String>, &[String]) {
        match &self.verb {
            Verb::Send(Posted { subject: Subject::Method { target, argument_names, .. }, .. }) => (target.name(), argument_names),
            Verb::Send(_) | Verb::Stream | Verb::EndSession => (None, &[]),
        }
    }

    /// Whether an answer is expected: a request.
    pub(super) fn request_id(&self) -> Option<&str> {
        match &self.verb {
            Verb::Send(posted) => posted.id.as_deref(),
            Verb::Stream | Verb::EndSession => None,
        }
    }

    /// A page of `tools/list`, asked by Doorward in the caller's name and session to learn what a tool says of itself.
    pub(super) fn list_tools_like(&self, id: &str, cursor: Option<&str>) -> Self {
        let mut params = serde_json::Map::new();
        if let Some(cursor) = cursor {
            params.insert("cursor".to_owned(), cursor.into());
        }
        if let Some(meta) = &self.meta {
            params.insert("_meta".to_owned(), meta.clone());
        }
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": mcp::Method::ListTools.as_str(), "params": params });
        let subject = Subject::Method { method: mcp::Method::ListTools, target: Target::None, argument_names: Vec::new(), arguments: None };
        let posted = Posted { body: Bytes::from(message.to_string()), id: Some(json!(id).to_string()), subject };
        Self {
            verb: Verb::Send(posted),
            era: self.era,
            session: self.session.clone(),
            headers: headers::for_listing(&self.headers, self.era),
            meta: self.meta.clone(),
        }
    }
}

/// Reads a request: its verb, and of a POST the whole body as one message that agrees with its headers.
pub(super) async fn read<B>(exchange: &Exchange, draft: &mut Draft, head: &Parts, body: B) -> Result<Call, ProxyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let session = session_id(&head.headers)?;
    if head.method == Method::POST {
        let body = read_body(exchange, &head.headers, body).await?;
        return posted(exchange, draft, &head.headers, body, session);
    }
    let verb = if head.method == Method::GET {
        Verb::Stream
    } else if head.method == Method::DELETE {
        Verb::EndSession
    } else {
        return Err(ProxyError::MethodNotAllowed);
    };
    draft.method_name = Some(head.method.as_str().to_owned());
    let version = headers::text(&head.headers, &PROTOCOL_VERSION).map(|version| {
        let unsupported = || mcp::HeaderError::UnsupportedVersion { requested: version.chars().take(64).collect() };
        mcp::ProtocolVersion::parse(version).ok_or_else(unsupported)
    });
    // 2026-07-28 has neither a standing stream nor sessions.
    if version.transpose()?.is_some_and(|version| version.era() == Era::Modern) {
        return Err(ProxyError::MethodNotAllowed);
    }
    // A stream or its replay belongs to a session; without one there is nothing that says whose it is.
    let nameless_replay = head.headers.contains_key(&LAST_EVENT_ID) && session.is_none();
    if nameless_replay || (matches!(verb, Verb::EndSession) && session.is_none()) {
        return Err(ProxyError::SessionUnknown);
    }
    let mut headers = headers::forwarded(&head.headers);
    if let (Verb::Stream, Some(last)) = (&verb, head.headers.get(&LAST_EVENT_ID)) {
        headers.insert(LAST_EVENT_ID, last.clone());
    }
    Ok(Call { verb, era: Era::Legacy, session, headers, meta: None })
}

fn session_id(headers: &HeaderMap) -> Result<Option<String>, ProxyError> {
    let Some(id) = headers::text(headers, &SESSION_ID) else { return Ok(None) };
    // MCP transports, "Session Management": visible ASCII.
    if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Some(id.to_owned()))
    } else {
        Err(ProxyError::HeaderMalformed("Mcp-Session-Id"))
    }
}

async fn read_body<B>(exchange: &Exchange, headers: &HeaderMap, body: B) -> Result<Bytes, ProxyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(ProxyError::ContentEncoding);
    }
    if !headers::text(headers, &header::CONTENT_TYPE).is_some_and(headers::is_json) {
        return Err(ProxyError::ContentType);
    }
    let limits = &exchange.config().limits;
    let too_large = || ProxyError::Frame(FrameError::BodyTooLarge { limit: limits.body });
    if body.size_hint().lower() > limits.body as u64 {
        return Err(too_large());
    }
    let whole = tokio::time::timeout(limits.body_timeout, Limited::new(body, limits.body).collect());
    match whole.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(ProxyError::BodyBroken),
        Err(_) => Err(ProxyError::BodyTimeout),
    }
}

fn posted(exchange: &Exchange, draft: &mut Draft, headers: &HeaderMap, body: Bytes, session: Option<String>) -> Result<Call, ProxyError> {
    let limits = Limits { max_bytes: exchange.config().limits.body, max_depth: MAX_DEPTH };
    let message = mcp::parse(&body, &limits)?;
    draft.id = match &message {
        Message::Request(request) => Some(request.id.as_json().to_owned()),
        Message::Notification(_) | Message::Response(_) => None,
    };
    draft.method_name = Some(method_name(&message));
    let era = mcp::agree(&message, &headers::standard(headers))?;
    let (subject, meta) = match &message {
        // Without a session there is nothing that says whose question this answers.
        Message::Response(_) if session.is_none() => return Err(ProxyError::SessionUnknown),
        Message::Response(_) => (Subject::Response, None),
        Message::Request(Request { call, .. }) | Message::Notification(Notification { call }) => {
            let Some(method) = call.method else { return Err(unknown_method(era, &message)) };
            (subject_of(method, call, policy::reads_arguments(&exchange.runtime.policies)), meta_of(call, era))
        }
    };
    drop(message);
    let session = if era == Era::Modern { None } else { session };
    let posted = Posted { id: draft.id.clone(), subject, body };
    let call = Call { verb: Verb::Send(posted), era, session, headers: headers::forwarded(headers), meta };
    let (target, argument_names) = call.target();
    draft.target = target;
    draft.argument_names = argument_names.to_vec();
    Ok(call)
}

fn method_name(message: &Message<'_>) -> String {
    match message {
        Message::Request(Request { call, .. }) | Message::Notification(Notification { call }) => call.method_name.clone().into_owned(),
        Message::Response(_) => "response".to_owned(),
    }
}

/// 2026-07-28 answers an unknown method with 404, the revisions before with 200 and the error in the body; a
/// notification has no answer but the status.
fn unknown_method(era: Era, message: &Message<'_>) -> ProxyError {
    let status = match (era, message) {
        (Era::Modern, _) => StatusCode::NOT_FOUND,
        (Era::Legacy, Message::Request(_)) => StatusCode::OK,
        (Era::Legacy, Message::Notification(_) | Message::Response(_)) => StatusCode::BAD_REQUEST,
    };
    ProxyError::MethodUnknown { status }
}

fn subject_of(method: mcp::Method, call: &mcp::Call<'_>, reads_arguments: bool) -> Subject {
    let params = &call.params;
    let name = || params.name.as_deref().unwrap_or_default().to_owned();
    let uri = || params.uri.as_deref().unwrap_or_default().to_owned();
    let target = match method {
        mcp::Method::CallTool => Target::Tool(name()),
        mcp::Method::GetPrompt => Target::Prompt(name()),
        mcp::Method::ReadResource | mcp::Method::SubscribeResource | mcp::Method::UnsubscribeResource => Target::Resource(uri()),
        mcp::Method::GetTask | mcp::Method::GetTaskResult | mcp::Method::CancelTask | mcp::Method::UpdateTask => {
            Target::Task(params.task_id.as_deref().unwrap_or_default().to_owned())
        }
        mcp::Method::Complete => match &params.reference {
            Some(Reference::Prompt(name)) => Target::CompletePrompt(name.clone().into_owned()),
            Some(Reference::Resource(uri)) => Target::CompleteResource(uri.clone().into_owned()),
            None => Target::None,
        },
        mcp::Method::Listen => Target::Subscriptions(params.resource_subscriptions.clone()),
        mcp::Method::Initialize
        | mcp::Method::Ping
        | mcp::Method::Discover
        | mcp::Method::ListTools
        | mcp::Method::ListResources
        | mcp::Method::ListResourceTemplates
        | mcp::Method::ListPrompts
        | mcp::Method::SetLogLevel
        | mcp::Method::ListTasks
        | mcp::Method::Initialized
        | mcp::Method::Cancelled
        | mcp::Method::Progress
        | mcp::Method::RootsListChanged
        | mcp::Method::TaskStatus => Target::None,
    };
    let arguments = if method == mcp::Method::CallTool && reads_arguments { call.arguments_map() } else { None };
    Subject::Method { method, target, argument_names: call.argument_names(MAX_ARGUMENT_NAMES), arguments }
}

/// The metadata of a modern request, to speak in its name.
fn meta_of(call: &mcp::Call<'_>, era: Era) -> Option<Value> {
    if era == Era::Legacy {
        return None;
    }
    let meta = &call.params.meta;
    let json = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let mut members = serde_json::Map::new();
    members.insert("io.modelcontextprotocol/protocolVersion".to_owned(), meta.protocol_version.clone()?.into());
    members.insert("io.modelcontextprotocol/clientCapabilities".to_owned(), json(&meta.client_capabilities)?);
    if let Some(info) = json(&meta.client_info) {
        members.insert("io.modelcontextprotocol/clientInfo".to_owned(), info);
    }
    Some(Value::Object(members))
}
