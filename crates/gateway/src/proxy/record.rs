//! What the audit trail says of a call: that it was decided on, before it is forwarded, and how it ended.

use std::time::Duration;

use policy::Permit;

use super::authenticate::Caller;
use super::call::Call;
use super::error::ProxyError;
use super::forward::Reply;
use super::{Draft, Exchange};
use crate::audit::{AuditError, Client, Decision, Event, Kind, Outcome, Ticket};

/// The event of a permitted call, waiting for its outcome.
#[derive(Debug)]
pub(super) struct Record(Event);

/// How a permitted call ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    /// What the client was answered.
    pub(super) status: Option<u16>,
    /// Bytes of the reply.
    pub(super) bytes: u64,
    /// The code of a fault.
    pub(super) code: Option<&'static str>,
    /// Items that a filtered list hid.
    pub(super) hidden: usize,
}

/// Writes the event of a permitted call. The ticket says when it is durable: not later than the reply's head leaves.
pub(super) fn permitted(exchange: &Exchange, caller: &Caller, permit: &Permit<Call>) -> Result<(Record, Ticket), ProxyError> {
    let call = permit.subject();
    let (target, argument_names) = call.target();
    let event = Event {
        method: Some(call.method_name().to_owned()),
        name: target,
        argument_names: argument_names.to_vec(),
        decision: Some(Decision::Permit),
        policies: permit.policies().to_vec(),
        ..begin(exchange, Kind::Call, Some(caller))
    };
    let ticket = exchange.app.audit.append(&event).map_err(unwritable)?;
    Ok((Record(event), ticket))
}

/// Writes why a request was refused, and waits until that is durable.
///
/// A request without a token is not written: every client's first one is such, it is nobody's, and writing it would let
/// anybody fill the disk. For the same reason refusals of requests without a caller are summed where they are many.
pub(super) async fn refused(exchange: &Exchange, draft: &Draft, error: &ProxyError) -> Result<(), ProxyError> {
    let unwritable_already = matches!(error, ProxyError::Audit { .. });
    if draft.recorded || unwritable_already || matches!(error, ProxyError::TokenMissing) {
        return Ok(());
    }
    let (kind, decision) = if draft.caller.is_some() { (Kind::Call, Some(Decision::Deny)) } else { (Kind::Refused, None) };
    let policies = error.denial().map(|denial| denial.policies.clone()).unwrap_or_default();
    let mut event = Event {
        method: draft.method_name.clone(),
        name: draft.target.clone(),
        argument_names: draft.argument_names.clone(),
        decision,
        policies,
        code: Some(error.code().to_owned()),
        outcome: Some(Outcome::Refused),
        status: Some(error.status_for(draft.id.is_some()).as_u16()),
        duration_us: u64::try_from(exchange.started.elapsed().as_micros()).ok(),
        ..begin(exchange, kind, draft.caller.as_deref())
    };
    event.detail.insert("reason".to_owned(), error.to_string());
    if draft.caller.is_some() {
        return exchange.app.audit.record(event).await.map_err(unwritable);
    }
    // The token was ours and named somebody, who may not come in all the same.
    if let ProxyError::TokenRevoked(user) | ProxyError::IdpNotAllowed(user) = error {
        event = match exchange.app.store.user(*user).await {
            Ok(Some(user)) => event.with_user(&user),
            Ok(None) | Err(_) => event.with_detail("user_id", user.to_string()),
        };
    }
    exchange.app.audit.refusal(event).await.map_err(unwritable)
}

/// An audit trail that cannot be written refuses the call.
#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
pub(super) fn unwritable(error: AuditError) -> ProxyError {
    ProxyError::Audit { code: error.code(), detail: error.to_string() }
}

fn begin(exchange: &Exchange, kind: Kind, caller: Option<&Caller>) -> Event {
    let mut event = Event::of(kind, &exchange.context, exchange.app.clock.now());
    event.upstream = Some(exchange.upstream.id.to_string());
    if let Some(caller) = caller {
        event = event.with_user(caller.user());
        event.roles = caller.roles().iter().cloned().collect();
        event.client = Some(Client { id: caller.client().to_owned(), name: caller.client_name().map(str::to_owned) });
        event.grant = Some(caller.grant().to_string());
    }
    event
}

impl Record {
    /// Writes how the call ended. Explicit, at the end of the reply, never in a destructor.
    pub(super) fn finish(self, exchange: &Exchange, end: &End) {
        self.write(exchange, end, exchange.started.elapsed());
    }

    /// The same for a lookup of Doorward's own.
    pub(super) fn finish_lookup(self, exchange: &Exchange, reply: &Result<Reply, ProxyError>) {
        let end = match reply {
            Ok(reply) => End { status: Some(reply.status().as_u16()), ..End::new(Outcome::Success) },
            Err(error) => End::failed(error),
        };
        let mut record = self;
        record.0.detail.insert("purpose".to_owned(), "catalogue".to_owned());
        record.write(exchange, &end, exchange.started.elapsed());
    }

    fn write(self, exchange: &Exchange, end: &End, duration: Duration) {
        let mut event = self.0.outcome(end.outcome, end.status, duration, exchange.app.clock.now());
        event.code = end.code.map(str::to_owned);
        event.detail.insert("bytes".to_owned(), end.bytes.to_string());
        if end.hidden > 0 {
            event.detail.insert("hidden".to_owned(), end.hidden.to_string());
        }
        if let Some(purpose) = self.0.detail.get("purpose") {
            event.detail.insert("purpose".to_owned(), purpose.clone());
        }
        // The call itself is on the disk already; its outcome follows with the next group and nobody waits for it.
        if let Err(error) = exchange.app.audit.append(&event).map(drop) {
            tracing::error!(request_id = exchange.context.request_id, code = error.code(), "the outcome of a call could not be recorded");
        }
    }
}

impl End {
    /// An end with nothing but its kind.
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { outcome, status: None, bytes: 0, code: None, hidden: 0 }
    }

    /// The end of a call that an error cut off after it was permitted.
    pub(super) fn failed(error: &ProxyError) -> Self {
        let mut end = Self { status: Some(error.status().as_u16()), ..Self::new(Outcome::UpstreamFailed) };
        end.fail(error);
        end
    }

    /// The call was cut off by an error while its reply was on the way.
    pub(super) fn fail(&mut self, error: &ProxyError) {
        self.code = Some(error.code());
        self.outcome = if matches!(error, ProxyError::UpstreamTimeout) {
            Outcome::TimedOut
        } else if error.is_of_upstream() {
            Outcome::UpstreamFailed
        } else {
            Outcome::Refused
        };
    }
}
