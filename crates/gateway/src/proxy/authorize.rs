//! May this caller do this? Builds the question; `policy::decide` answers it.
//!
//! One table from calls to policy actions, for every revision of the protocol and for lists too: what a list shows is
//! decided by the same question as the call (security D11).

use std::sync::Arc;

use mcp::{Item, ListKind};
use policy::{Action, Denial, Permit, Request, ToolAnnotations, decide};

use super::Exchange;
use super::authenticate::Caller;
use super::call::{Call, Posted, Subject, Target, Verb};
use super::catalogue;
use super::error::ProxyError;

/// Decides on `call`; the permit holds the very call it is for.
pub(super) async fn authorize(exchange: &Arc<Exchange>, caller: &Arc<Caller>, call: Call) -> Result<Permit<Call>, ProxyError> {
    let annotations = match &call.verb {
        Verb::Send(Posted { subject: Subject::Method { target: Target::Tool(name), arguments, .. }, .. }) => {
            match catalogue::known(exchange, name) {
                Some(annotations) => annotations,
                None if depends_on_annotations(exchange, caller, name, arguments.as_ref()) => {
                    catalogue::look_up(exchange, caller, &call, name).await?
                }
                None => ToolAnnotations::default(),
            }
        }
        Verb::Send(_) | Verb::Stream | Verb::EndSession => ToolAnnotations::default(),
    };
    permit(exchange, caller, call, annotations).map_err(ProxyError::Denied)
}

/// Whether the answer would differ with what the tool says of itself: then the upstream has to be asked first. Every
/// possible annotation is tried, since a policy may permit by one and forbid by another.
fn depends_on_annotations(
    exchange: &Exchange,
    caller: &Caller,
    name: &str,
    arguments: Option<&serde_json::Map<String, serde_json::Value>>,
) -> bool {
    const HINTS: [Option<bool>; 3] = [None, Some(true), Some(false)];
    let set = &exchange.runtime.policies;
    if !policy::needs_annotations(set, exchange.upstream.id.as_str(), caller.roles()) {
        return false;
    }
    let permitted = |(read_only, destructive)| {
        let action = Action::CallTool { name, annotations: ToolAnnotations { read_only, destructive }, arguments };
        decide(set, &question(exchange, caller, action), ()).map(Permit::into_inner).is_ok()
    };
    let mut answers = HINTS.into_iter().flat_map(|read_only| HINTS.map(|destructive| (read_only, destructive))).map(permitted);
    let first = answers.next();
    answers.any(|answer| Some(answer) != first)
}

/// The decision itself. Every action of the call must be permitted; the last one's permit wraps the call.
pub(super) fn permit(exchange: &Exchange, caller: &Caller, mut call: Call, annotations: ToolAnnotations) -> Result<Permit<Call>, Denial> {
    let set = &exchange.runtime.policies;
    if let Verb::Send(Posted { subject: Subject::Method { target: Target::Subscriptions(uris), .. }, .. }) = &call.verb {
        for uri in uris {
            decide(set, &question(exchange, caller, Action::Subscribe { uri }), ())?.into_inner();
        }
    }
    // The question borrows from the call that the permit is to hold, so it is asked with a copy of the name in it, and with
    // the arguments taken out: what is forwarded are the bytes.
    match &mut call.verb {
        Verb::Stream | Verb::EndSession | Verb::Send(Posted { subject: Subject::Response, .. }) => {
            decide(set, &question(exchange, caller, Action::Connect), call)
        }
        Verb::Send(Posted { subject: Subject::Method { method, target, arguments, .. }, .. }) => {
            let name = target.name().unwrap_or_default();
            let arguments = arguments.take();
            let action = action(*method, target, &name, annotations, arguments.as_ref());
            decide(set, &question(exchange, caller, action), call)
        }
    }
}

/// Whether an item of a list is shown: whether calling it would be permitted.
pub(super) fn shows(exchange: &Exchange, caller: &Caller, item: &Item<'_>) -> bool {
    let annotations = ToolAnnotations { read_only: item.annotations.read_only, destructive: item.annotations.destructive };
    let action = match item.kind {
        ListKind::Tools => Action::CallTool { name: &item.key, annotations, arguments: None },
        // A template is shown if it would itself pass as a URI: patterns such as `file:///docs/*` fit both.
        ListKind::Resources | ListKind::ResourceTemplates => Action::ReadResource { uri: &item.key },
        ListKind::Prompts => Action::GetPrompt { name: &item.key },
        ListKind::Tasks => return exchange.app.proxy.owners.owns_task(exchange, caller, &item.key),
    };
    decide(&exchange.runtime.policies, &question(exchange, caller, action), ()).map(Permit::into_inner).is_ok()
}

fn action<'a>(
    method: mcp::Method,
    target: &Target,
    name: &'a str,
    annotations: ToolAnnotations,
    arguments: Option<&'a serde_json::Map<String, serde_json::Value>>,
) -> Action<'a> {
    match method {
        mcp::Method::CallTool => Action::CallTool { name, annotations, arguments },
        mcp::Method::GetPrompt => Action::GetPrompt { name },
        mcp::Method::ReadResource => Action::ReadResource { uri: name },
        mcp::Method::SubscribeResource | mcp::Method::UnsubscribeResource => Action::Subscribe { uri: name },
        mcp::Method::Complete => match target {
            Target::CompletePrompt(_) => Action::CompletePrompt { name },
            Target::None
            | Target::Tool(_)
            | Target::Prompt(_)
            | Target::Resource(_)
            | Target::Task(_)
            | Target::CompleteResource(_)
            | Target::Subscriptions(_) => Action::CompleteResource { uri: name },
        },
        mcp::Method::ListTools => Action::ListTools,
        mcp::Method::ListResources | mcp::Method::ListResourceTemplates => Action::ListResources,
        mcp::Method::ListPrompts => Action::ListPrompts,
        mcp::Method::SetLogLevel => Action::SetLogLevel,
        // A task is the caller's own (`mcp_session`), and was begun by a call that was permitted then.
        mcp::Method::GetTask
        | mcp::Method::GetTaskResult
        | mcp::Method::ListTasks
        | mcp::Method::CancelTask
        | mcp::Method::UpdateTask
        | mcp::Method::Initialize
        | mcp::Method::Ping
        | mcp::Method::Discover
        | mcp::Method::Listen
        | mcp::Method::Initialized
        | mcp::Method::Cancelled
        | mcp::Method::Progress
        | mcp::Method::RootsListChanged
        | mcp::Method::TaskStatus => Action::Connect,
    }
}

fn question<'a>(exchange: &'a Exchange, caller: &'a Caller, action: Action<'a>) -> Request<'a> {
    Request {
        user: caller.user_text(),
        idp: caller.idp(),
        username: caller.username(),
        email: caller.email(),
        groups: caller.groups(),
        roles: caller.roles(),
        client: caller.client(),
        scopes: caller.scopes(),
        upstream: exchange.upstream.id.as_str(),
        action,
    }
}
