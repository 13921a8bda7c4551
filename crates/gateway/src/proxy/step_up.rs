//! Whether the sign-in behind the token is strong and recent enough for the call (`step_up` in the configuration).
//!
//! After policy: who may not do something is not asked to sign in for it. The refusal leaves a demand in the store, by which the
//! next sign-in of this person for this client knows what to ask for, whatever the client makes of the challenge.

use super::Exchange;
use super::authenticate::Caller;
use super::call::{Call, Posted, Subject, Target, Verb};
use super::error::ProxyError;
use crate::step_up::{DEMAND_LIFETIME, Requirement};
use store::StepUpDemand;

/// Refuses a call that needs a better sign-in.
pub(super) async fn check(exchange: &Exchange, caller: &Caller, call: &Call) -> Result<(), ProxyError> {
    if exchange.upstream.step_up.is_empty() {
        return Ok(());
    }
    let tool = match &call.verb {
        Verb::Send(Posted { subject: Subject::Method { target: Target::Tool(name), .. }, .. }) => Some(name.as_str()),
        Verb::Send(_) | Verb::Stream | Verb::EndSession => None,
    };
    let now = exchange.app.clock.now();
    let Some(unmet) = Requirement::of(&exchange.upstream, tool.as_slice()).unmet(&caller.strength(), now) else { return Ok(()) };
    let demand = StepUpDemand { user: caller.user_id(), client: caller.client_id(), upstream: exchange.upstream.id.as_str() };
    let expires_at = now.checked_add(DEMAND_LIFETIME).unwrap_or(now);
    exchange.app.store.demand_step_up(&demand, tool, expires_at, now).await?;
    Err(ProxyError::StepUpRequired(unmet))
}
