//! The proxy: the life of one call, from the bearer token to the end of the upstream's reply.
//!
//! [`handle`] is the whole story, read downward; every step hands the next one a value that it could not have made
//! itself:
//!
//! 1. [`authenticate`]: headers -> [`Caller`]
//! 2. [`call`]: body -> [`Call`], understood strictly and in agreement with its headers
//! 3. [`mcp_session`]: the session and task it names are the caller's own
//! 4. [`authorize`]: policy -> `policy::Permit<Call>`
//! 5. [`step_up`]: the sign-in behind the token is strong and recent enough for it
//! 6. [`record`]: the audit event, written before the forward and durable before the reply's head leaves
//! 7. [`forward`]: takes the permit by value -> [`Reply`]
//! 8. [`stream`]: the reply to the client, lists cut down to what a call would be allowed, the outcome recorded
//!
//! Invariants: no request reaches an upstream without a [`policy::Permit`] around the very bytes that are sent and an
//! audit event before them; a client's credentials and identity headers never reach an upstream; an upstream's failure
//! is never answered with 401 or 403; every refusal has a code.

mod authenticate;
mod authorize;
mod call;
mod catalogue;
mod cors;
mod error;
mod forward;
mod headers;
mod identity;
mod mcp_session;
mod record;
mod step_up;
mod stream;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tokio::sync::watch;

pub use authenticate::Caller;
pub use call::Call;
pub use error::ProxyError;
pub use forward::{Reply, forward};
pub use stream::ResponseBody;

use crate::app::SharedApp;
use crate::config::{Config, Upstream, UpstreamId};
use crate::request_id::RequestContext;
use crate::runtime::Runtime;
use error::Challenge;

/// What the proxy remembers between requests: in memory, bounded, lost on a restart without harm to anything but a
/// legacy session, which its client then opens again.
#[derive(Debug, Default)]
pub struct State {
    tokens: authenticate::VerifiedTokens,
    owners: mcp_session::Owners,
    catalogue: catalogue::Catalogue,
    /// Set at the shutdown; every open call listens to it.
    closing: watch::Sender<bool>,
}

impl State {
    /// Ends the calls that are still going on, most of them without a client, and waits until their outcomes are written.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        self.closing.closed().await;
    }
}

/// One request at one upstream, with one consistent view of configuration and policy from beginning to end.
#[derive(Debug)]
pub struct Exchange {
    app: SharedApp,
    runtime: Arc<Runtime>,
    upstream: Upstream,
    context: RequestContext,
    started: Instant,
}

impl Exchange {
    fn config(&self) -> &Config {
        &self.runtime.config
    }

    fn challenge(&self) -> Challenge {
        Challenge { resource_metadata: metadata_url(self.upstream.resource.as_str()), scope: self.upstream.scopes.to_string() }
    }
}

/// What is known of a request so far: for the audit event and the reply if it ends early.
#[derive(Debug, Default)]
struct Draft {
    id: Option<String>,
    origin: Option<HeaderValue>,
    caller: Option<Arc<Caller>>,
    method_name: Option<String>,
    target: Option<String>,
    argument_names: Vec<String>,
    /// Its audit event has been written, and its outcome will be.
    recorded: bool,
}

/// The code of a request without an access token.
pub(crate) fn token_missing() -> &'static str {
    ProxyError::TokenMissing.code()
}

/// Answers one request to `/{upstream}/mcp`.
pub async fn handle<B>(app: &SharedApp, upstream: &UpstreamId, request: Request<B>, context: RequestContext) -> Response<ResponseBody>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let runtime = app.runtime.load_full();
    let Some(upstream) = runtime.config.upstreams.get(upstream).cloned() else {
        let challenge = Challenge { resource_metadata: String::new(), scope: String::new() };
        return ProxyError::NotFound.response(None, &context.request_id, &challenge);
    };
    let exchange = Arc::new(Exchange { app: Arc::clone(app), runtime, upstream, context, started: Instant::now() });
    let mut draft = Draft::default();
    let mut response = match serve(&exchange, &mut draft, request).await {
        Ok(response) => response,
        Err(error) => refuse(&exchange, &draft, error).await,
    };
    cors::expose(response.headers_mut(), draft.origin);
    response
}

/// The steps, in their order.
async fn serve<B>(exchange: &Arc<Exchange>, draft: &mut Draft, request: Request<B>) -> Result<Response<ResponseBody>, ProxyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    headers::check(&head.headers)?;
    draft.origin = cors::check_origin(&head.headers, exchange)?;
    if let Some(preflight) = cors::preflight(&head) {
        return Ok(preflight);
    }
    let caller = Arc::new(authenticate::authenticate(exchange, &head.headers).await?);
    draft.caller = Some(Arc::clone(&caller));
    let call = call::read(exchange, draft, &head, body).await?;
    mcp_session::check(exchange, &caller, &call)?;
    let permit = authorize::authorize(exchange, &caller, call).await?;
    step_up::check(exchange, &caller, permit.subject()).await?;
    let (record, ticket) = record::permitted(exchange, &caller, &permit)?;
    draft.recorded = true;
    stream::carry(Arc::clone(exchange), caller, permit, record, ticket).await
}

/// Writes down why a request ends here, and answers it.
async fn refuse(exchange: &Exchange, draft: &Draft, error: ProxyError) -> Response<ResponseBody> {
    let request_id = &exchange.context.request_id;
    tracing::info!(request_id, upstream = %exchange.upstream.id, code = error.code(), %error, "request refused");
    let error = match record::refused(exchange, draft, &error).await {
        Ok(()) => error,
        Err(audit) => audit,
    };
    error.response(draft.id.as_deref(), request_id, &exchange.challenge())
}

/// RFC 9728 section 3.1: the well-known path goes between the host and the path of the resource.
fn metadata_url(resource: &str) -> String {
    const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
    let path_at = resource.split_once("://").and_then(|(scheme, rest)| rest.find('/').map(|slash| scheme.len() + 3 + slash));
    match path_at.and_then(|at| resource.split_at_checked(at)) {
        Some((origin, path)) => format!("{origin}{WELL_KNOWN}{path}"),
        None => format!("{resource}{WELL_KNOWN}"),
    }
}

#[cfg(test)]
mod tests {
    use super::metadata_url;

    #[test]
    fn the_well_known_path_goes_in_between() {
        for (resource, expected) in [
            ("https://mcp.example.com/crm/mcp", "https://mcp.example.com/.well-known/oauth-protected-resource/crm/mcp"),
            ("https://crm.example.com:8443/mcp", "https://crm.example.com:8443/.well-known/oauth-protected-resource/mcp"),
            ("https://crm.example.com", "https://crm.example.com/.well-known/oauth-protected-resource"),
        ] {
            assert_eq!(metadata_url(resource), expected);
        }
    }
}
