//! Asks Microsoft Graph for the groups that a token or an assertion left out (overage), as an application of its own.
//!
//! Where to ask stands in the configuration alone; the rules are in `oauth::client::groups::graph`. One token for each
//! application, fetched by one task at a time; while Graph asks to wait, nobody asks it. Knows no surface.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use jiff::Timestamp;
use oauth::Secret;
use oauth::client::groups::graph::{self, GraphError, MOST_GROUPS, Page};
use url::Url;

use crate::app::App;
use crate::config::Graph;
use crate::outbound::{FetchRequest, Fetched, OutboundError};

/// A token is not used in its last minutes.
const MARGIN: Duration = Duration::from_mins(5);
/// How many pages are read at most.
const MOST_PAGES: usize = 50;
/// 11,000 object ids have about 430 KB.
const MAX_BYTES: usize = 4 << 20;

/// What is kept of each application, by where and as whom it asks.
#[derive(Debug, Default)]
pub struct State(Mutex<HashMap<String, Arc<Application>>>);

#[derive(Debug, Default)]
struct Application(tokio::sync::Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    token: Option<Token>,
    wait_until: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Token {
    value: Secret<String>,
    until: Timestamp,
}

/// Why Graph gave no groups. The texts may be shown to the person.
#[derive(Debug, thiserror::Error)]
pub enum GraphFault {
    /// What it said, or what it could not be asked with.
    #[error("Your identity provider left out your groups, and they could not be learned: {0}.")]
    Graph(#[from] GraphError),
    /// It cannot be reached.
    #[error("Your identity provider left out your groups, and Microsoft Graph cannot be reached from here.")]
    Outbound(#[from] OutboundError),
}

impl GraphFault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Graph(error) => error.code(),
            Self::Outbound(error) => error.code(),
        }
    }

    /// Whether trying again may help.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self, Self::Outbound(_) | Self::Graph(GraphError::Throttled { .. } | GraphError::UnexpectedAnswer { .. }))
    }

    /// What only the log and the audit trail are told.
    pub(crate) fn private(&self) -> String {
        match self {
            Self::Graph(_) => self.to_string(),
            Self::Outbound(error) => format!("{self} {error}"),
        }
    }
}

/// Whose groups, as the token or the assertion says.
pub(crate) struct Person<'a> {
    /// The claim or attribute with the object id.
    pub(crate) name: &'static str,
    /// The object id.
    pub(crate) object_id: Option<&'a str>,
    /// The tenant, where it is said.
    pub(crate) tenant: Option<&'a str>,
}

/// The object ids of all groups of a person, nested ones included.
pub(crate) async fn groups_of(app: &App, settings: &Graph, person: &Person<'_>) -> Result<Vec<String>, GraphFault> {
    graph::same_tenant(&settings.tenant, person.tenant)?;
    let object_id = graph::object_id(person.name, person.object_id)?;
    let application = app.graph.of(settings);
    let (token, is_new) = application.token(app, settings, None).await?;
    match members(app, settings, object_id, &token).await {
        // Taken back before its time: one new one.
        Err(GraphFault::Graph(GraphError::TokenRejected)) if !is_new => {
            let (token, _) = application.token(app, settings, Some(&token)).await?;
            application.note(app, members(app, settings, object_id, &token).await).await
        }
        result => application.note(app, result).await,
    }
}

impl State {
    fn of(&self, settings: &Graph) -> Arc<Application> {
        let secret = store::sha256(settings.client_secret.expose().as_bytes());
        let key = format!("{} {} {} {} {secret:?}", settings.login_url, settings.graph_url, settings.tenant, settings.client_id);
        let mut applications = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(applications.entry(key).or_default())
    }
}

impl Application {
    /// The kept token while it is good and is not `refused`, else a new one; and whether it is new.
    async fn token(&self, app: &App, settings: &Graph, refused: Option<&Token>) -> Result<(Token, bool), GraphFault> {
        let mut held = self.0.lock().await;
        let now = app.clock.now();
        if let Some(until) = held.wait_until.filter(|until| *until > now) {
            let seconds = until.as_second().saturating_sub(now.as_second());
            return Err(GraphError::Throttled { seconds: u64::try_from(seconds).unwrap_or_default().max(1) }.into());
        }
        let is_refused = |token: &&Token| refused.is_some_and(|refused| refused.value.expose() == token.value.expose());
        if let Some(token) = held.token.as_ref().filter(|token| token.until > now && !is_refused(token)) {
            return Ok((token.clone(), false));
        }
        held.token = None;
        match fetch_token(app, settings, now).await {
            Ok(token) => {
                held.token = Some(token.clone());
                Ok((token, true))
            }
            Err(error) => {
                held.wait_until = wait_until(&error, now);
                Err(error)
            }
        }
    }

    /// Takes note of how long Graph asks to be left alone.
    async fn note(&self, app: &App, result: Result<Vec<String>, GraphFault>) -> Result<Vec<String>, GraphFault> {
        if let Err(error) = &result
            && let Some(until) = wait_until(error, app.clock.now())
        {
            self.0.lock().await.wait_until = Some(until);
        }
        result
    }
}

fn wait_until(error: &GraphFault, now: Timestamp) -> Option<Timestamp> {
    match error {
        GraphFault::Graph(GraphError::Throttled { seconds }) => now.checked_add(Duration::from_secs(*seconds)).ok(),
        GraphFault::Graph(_) | GraphFault::Outbound(_) => None,
    }
}

async fn fetch_token(app: &App, settings: &Graph, now: Timestamp) -> Result<Token, GraphFault> {
    let url = below(&settings.login_url, &format!("{}/oauth2/v2.0/token", settings.tenant))?;
    let body = graph::token_request(&settings.client_id, &settings.client_secret, &settings.graph_url);
    let mut request = FetchRequest::post(url, Bytes::from(body.expose().clone()));
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = app.outbound.fetch(request).await?;
    let token = graph::read_token(answer.status.as_u16(), retry_after(&answer), &answer.body)?;
    let lifetime = Duration::from_secs(token.expires_in.min(24 * 3600)).saturating_sub(MARGIN);
    Ok(Token { value: token.access_token, until: now.checked_add(lifetime).unwrap_or(now) })
}

async fn members(app: &App, settings: &Graph, object_id: &str, token: &Token) -> Result<Vec<String>, GraphFault> {
    let url = below(&settings.graph_url, &format!("v1.0/users/{object_id}/getMemberObjects"))?;
    let body = format!(r#"{{"securityEnabledOnly":{}}}"#, settings.security_enabled_only);
    let mut request = FetchRequest::post(url, Bytes::from(body));
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut groups = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = page(app, settings, request, token).await?;
        groups.extend(page.groups);
        if groups.len() > MOST_GROUPS {
            return Err(GraphError::TooManyGroups.into());
        }
        match page.next {
            Some(next) => request = FetchRequest::get(next),
            None => return Ok(groups),
        }
    }
    Err(GraphError::TooManyGroups.into())
}

async fn page(app: &App, settings: &Graph, mut request: FetchRequest, token: &Token) -> Result<Page, GraphFault> {
    let unsendable = |_| GraphError::UnexpectedAnswer { what: "the token request with a token that cannot be sent".to_owned() };
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.value.expose())).map_err(unsendable)?;
    bearer.set_sensitive(true);
    request.headers.insert(AUTHORIZATION, bearer);
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    request.max_bytes = MAX_BYTES;
    let answer = app.outbound.fetch(request).await?;
    Ok(graph::read_members(answer.status.as_u16(), retry_after(&answer), &answer.body, &settings.graph_url)?)
}

fn retry_after(answer: &Fetched) -> Option<&str> {
    answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok())
}

/// A path below a configured address.
fn below(base: &Url, path: &str) -> Result<Url, GraphError> {
    let text = format!("{}/{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|_| GraphError::UnexpectedAnswer { what: "nothing: its configured address is none".to_owned() })
}
