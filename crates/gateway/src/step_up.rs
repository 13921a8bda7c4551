//! How strong and how recent a sign-in must be for an upstream or a tool (`step_up` in the configuration; RFC 9470).
//!
//! `proxy` asks whether the sign-in behind a token is enough and, where it is not, leaves a demand in the store; the
//! authorization server then gives that client no new token without a sign-in, and `login` asks the identity provider for what
//! is needed. All three take the answer from here.
//!
//! Invariant: every rule that matches must be met; a sign-in of which something is not known does not meet a rule about it.

use std::time::Duration;

use jiff::Timestamp;
use store::{ClientId, StepUpDemand, Store, StoreError, UserId};

use crate::config::{StepUpRule, Upstream};
use crate::wildcard;

/// How long a demand waits for its sign-in. After that the client's old tokens can be renewed again, and a call that needs more is
/// refused again.
pub const DEMAND_LIFETIME: Duration = Duration::from_mins(10);

/// What a sign-in is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Strength<'a> {
    /// How the person proved who they are: AuthnContextClassRef or `acr`.
    pub acr: Option<&'a str>,
    /// When.
    pub authn_instant: Option<Timestamp>,
}

/// The rules that apply to something a person wants.
#[derive(Clone, Debug, Default)]
pub struct Requirement<'c> {
    rules: Vec<&'c StepUpRule>,
}

/// What is missing. Its lists are never both empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// Ways to sign in, any of which would do; empty where the way was good enough.
    pub acr: Vec<String>,
    /// The greatest age of the sign-in; none where age plays no part.
    pub max_age: Option<Duration>,
    /// Whether the sign-in is too old, so that the identity provider must not answer from its own session.
    pub is_too_old: bool,
}

impl<'c> Requirement<'c> {
    /// What holds for every request to the upstream, and for the calls of these tools besides.
    pub fn of(upstream: &'c Upstream, tools: &[impl AsRef<str>]) -> Self {
        let applies = |rule: &&StepUpRule| match &rule.tools {
            None => true,
            // The name as an upstream may read it: one that ignores case must not be a way around.
            Some(patterns) => tools.iter().any(|tool| patterns.iter().any(|pattern| wildcard::matches(pattern, tool.as_ref()))),
        };
        Self { rules: upstream.step_up.iter().filter(applies).collect() }
    }

    /// Whether nothing is required.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the sign-in lacks now; none if it is good enough.
    pub fn unmet(&self, strength: &Strength<'_>, now: Timestamp) -> Option<Unmet> {
        let has_acr = |rule: &StepUpRule| rule.acr.is_empty() || strength.acr.is_some_and(|acr| rule.acr.iter().any(|good| good == acr));
        let is_recent =
            |rule: &StepUpRule| rule.max_age.is_none_or(|limit| strength.authn_instant.is_some_and(|instant| age(instant, now) <= limit));
        let is_too_old = !self.rules.iter().all(|rule| is_recent(rule));
        if !is_too_old && self.rules.iter().all(|rule| has_acr(rule)) {
            return None;
        }
        Some(Unmet { acr: self.acr(), max_age: self.max_age(), is_too_old })
    }

    /// Ways to sign in that meet every rule; where no single one does, those of the last rule, and the person will be told.
    pub fn acr(&self) -> Vec<String> {
        let lists = || self.rules.iter().map(|rule| &rule.acr).filter(|list| !list.is_empty());
        let Some(last) = lists().next_back() else { return Vec::new() };
        let common: Vec<String> = last.iter().filter(|acr| lists().all(|list| list.contains(acr))).cloned().collect();
        if common.is_empty() { last.clone() } else { common }
    }

    /// The shortest of the greatest ages.
    pub fn max_age(&self) -> Option<Duration> {
        self.rules.iter().filter_map(|rule| rule.max_age).min()
    }
}

/// What a person's sign-in for a client must meet at an upstream: its rules for every request, and those for the tools that a
/// call was refused for a moment ago. The second is whether there was such a call.
pub async fn for_sign_in<'c>(
    store: &Store,
    upstream: &'c Upstream,
    client: &ClientId,
    user: UserId,
    now: Timestamp,
) -> Result<(Requirement<'c>, bool), StoreError> {
    let demand = StepUpDemand { user, client, upstream: upstream.id.as_str() };
    let tools = store.step_up_demand(&demand, now).await?;
    let is_demanded = tools.is_some();
    let named: Vec<String> = tools.unwrap_or_default().into_iter().filter(|tool| !tool.is_empty()).collect();
    Ok((Requirement::of(upstream, &named), is_demanded))
}

/// The time since a sign-in; one that lies in the future, by the identity provider's clock, is new.
fn age(instant: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(instant)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
