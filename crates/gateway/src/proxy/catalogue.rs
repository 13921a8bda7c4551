//! What the tools of an upstream say of themselves, learned from its own `tools/list` replies.
//!
//! Only `read_only` grants and policies that look at annotations need it. A tool that is not known is asked for: the same
//! `tools/list` the caller could send, in the caller's own session, decided and recorded like any other call. What stays
//! unknown has no annotations, and a `read_only` grant does not cover it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use mcp::{EventScanner, ListKind, filter_lists};
use policy::ToolAnnotations;
use serde::Deserialize;
use url::Url;

use super::authenticate::Caller;
use super::authorize;
use super::call::Call;
use super::error::ProxyError;
use super::forward::{Reply, ReplyBody, forward};
use super::stream::{EVENT_LIMIT, LIST_LIMIT, collect};
use super::{Exchange, record};
use crate::config::{Upstream, UpstreamId};

/// How long a definition counts before it is asked for again: a tool may be changed.
const FRESH: Duration = Duration::from_mins(5);
/// How many pages are asked for at most.
const MOST_PAGES: usize = 20;
/// How many tools are remembered of one upstream.
const MOST_TOOLS: usize = 10_000;

/// Annotations by upstream and tool.
#[derive(Debug, Default)]
pub(super) struct Catalogue(Mutex<HashMap<UpstreamId, Server>>);

/// What one server said of its tools. A reload may put another server behind the same id: its tools are not these.
#[derive(Debug)]
struct Server {
    url: Url,
    tools: HashMap<String, Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    annotations: ToolAnnotations,
    learned_at: Timestamp,
}

impl Catalogue {
    fn find(&self, upstream: &Upstream, tool: &str, now: Timestamp) -> Option<ToolAnnotations> {
        let catalogue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = catalogue.get(&upstream.id).filter(|server| server.url == upstream.url)?.tools.get(tool)?;
        let fresh = SignedDuration::try_from(FRESH).is_ok_and(|fresh| now.duration_since(known.learned_at) <= fresh);
        fresh.then_some(known.annotations)
    }

    /// Takes note of a tool in a reply.
    pub(super) fn learn(&self, upstream: &Upstream, tool: &str, annotations: ToolAnnotations, now: Timestamp) {
        let mut catalogue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Server { url: upstream.url.clone(), tools: HashMap::new() };
        let server = catalogue.entry(upstream.id.clone()).or_insert_with(new);
        if server.url != upstream.url || (server.tools.len() >= MOST_TOOLS && !server.tools.contains_key(tool)) {
            *server = new();
        }
        server.tools.insert(tool.to_owned(), Known { annotations, learned_at: now });
    }
}

/// The annotations of a tool, if they were learned not long ago.
pub(super) fn known(exchange: &Exchange, tool: &str) -> Option<ToolAnnotations> {
    exchange.app.proxy.catalogue.find(&exchange.upstream, tool, exchange.app.clock.now())
}

/// Asks the upstream for the annotations of a tool; none if it has no such tool.
pub(super) async fn look_up(
    exchange: &Arc<Exchange>,
    caller: &Arc<Caller>,
    call: &Call,
    tool: &str,
) -> Result<ToolAnnotations, ProxyError> {
    let mut cursor = None;
    for page in 0..MOST_PAGES {
        let next = fetch_page(exchange, caller, call, page, cursor.as_deref()).await?;
        if let Some(annotations) = known(exchange, tool) {
            return Ok(annotations);
        }
        match next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    Ok(ToolAnnotations::default())
}

/// Asks for one page and learns from it; gives the cursor of the next.
async fn fetch_page(
    exchange: &Arc<Exchange>,
    caller: &Arc<Caller>,
    call: &Call,
    page: usize,
    cursor: Option<&str>,
) -> Result<Option<String>, ProxyError> {
    // An id of our own: two requests of one session must not share one.
    let listing = call.list_tools_like(&format!("{}-{page}", exchange.context.request_id), cursor);
    let permit = authorize::permit(exchange, caller, listing, ToolAnnotations::default()).map_err(ProxyError::Denied)?;
    let (record, ticket) = record::permitted(exchange, caller, &permit)?;
    ticket.durable().await.map_err(record::unwritable)?;
    let (of, by) = (Arc::clone(exchange), Arc::clone(caller));
    // In a task of its own, so that its outcome is recorded also when the client has gone.
    let forwarded = tokio::spawn(async move {
        let reply = forward(&of, &by, permit).await;
        record.finish_lookup(&of, &reply);
        reply
    });
    let reply = forwarded.await.map_err(|_| ProxyError::Internal("a lookup was cut off"))??;
    let message = match tokio::time::timeout(exchange.upstream.timeout, response_of(exchange, reply)).await {
        Ok(message) => message?,
        Err(_) => return Err(ProxyError::UpstreamTimeout),
    };
    let mut learn = |item: &mcp::Item<'_>| {
        if item.kind == ListKind::Tools {
            let annotations = ToolAnnotations { read_only: item.annotations.read_only, destructive: item.annotations.destructive };
            exchange.app.proxy.catalogue.learn(&exchange.upstream, &item.key, annotations, exchange.app.clock.now());
        }
        false
    };
    filter_lists(&message, false, &mut learn).map_err(|error| ProxyError::UpstreamInvalidReply(error.to_string()))?;
    Ok(next_cursor(&message))
}

/// The JSON-RPC response in a reply: the body, or the first event that is one.
async fn response_of(exchange: &Exchange, reply: Reply) -> Result<Vec<u8>, ProxyError> {
    match reply.into_body() {
        ReplyBody::Empty => Err(ProxyError::UpstreamInvalidReply("no reply to tools/list".to_owned())),
        ReplyBody::Json(body) => Ok(collect(body, LIST_LIMIT, exchange.upstream.timeout).await?.to_vec()),
        ReplyBody::Events(mut body) => {
            let mut scanner = EventScanner::new(EVENT_LIMIT);
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| ProxyError::UpstreamInvalidReply(error.to_string()))?;
                let Some(chunk) = frame.data_ref() else { continue };
                for event in scanner.push(chunk).map_err(|_| ProxyError::UpstreamReplyTooLarge)? {
                    let message = event.data().filter(|data| mcp::summarize(data).is_some_and(|summary| summary.is_response));
                    if let Some(message) = message {
                        return Ok(message.to_vec());
                    }
                }
            }
            Err(ProxyError::UpstreamInvalidReply("the stream ended without a reply to tools/list".to_owned()))
        }
    }
}

fn next_cursor(message: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Envelope {
        result: Page,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        next_cursor: Option<String>,
    }
    serde_json::from_slice::<Envelope>(message).ok()?.result.next_cursor
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn what_one_server_said_does_not_count_for_another_behind_the_same_id() {
        let upstream = |url: &str| {
            let idp = "okta: { oidc: { issuer: https://idp.example.com, client_id: doorward } }";
            let yaml =
                format!("public_url: https://mcp.example.com\nidentity_providers:\n  {idp}\nupstreams:\n  crm: {{ url: '{url}' }}\n");
            Config::from_yaml(&yaml, Path::new("/")).unwrap().upstreams["crm"].clone()
        };
        let (old, new) = (upstream("http://10.0.0.5:9000/mcp"), upstream("http://10.0.0.6:9000/mcp"));
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let read_only = ToolAnnotations { read_only: Some(true), destructive: None };
        let catalogue = Catalogue::default();
        catalogue.learn(&old, "get", read_only, now);
        assert_eq!((catalogue.find(&old, "get", now), catalogue.find(&new, "get", now)), (Some(read_only), None));
        catalogue.learn(&new, "list", read_only, now);
        assert_eq!((catalogue.find(&new, "get", now), catalogue.find(&old, "get", now)), (None, None));
        assert_eq!(catalogue.find(&new, "list", now), Some(read_only));
    }
}
