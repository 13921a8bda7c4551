//! What the audit trail says of a call: that it was decided on, before it is forwarded, and how it ended.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use policy::Permit;

use super::authenticate::Caller;
use super::call::Call;
use super::error::ProxyError;
use super::forward::Reply;
use super::{Draft, Exchange};
use crate::audit::{AuditError, Client, Decision, Event, Kind, Outcome, Ticket};

/// Refusals that name nobody, written per minute and address.
const ANONYMOUS_PER_ADDRESS: u32 = 60;
/// The same, of all addresses.
const ANONYMOUS_IN_ALL: u32 = 3_000;

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
/// anybody fill the disk. For the same reason refusals of tokens that name nobody are written a few times a minute and
/// address; how many were left out stands in the next one.
pub(super) async fn refused(exchange: &Exchange, draft: &Draft, error: &ProxyError) -> Result<(), ProxyError> {
    let unwritable_already = matches!(error, ProxyError::Audit { .. });
    if draft.recorded || unwritable_already || matches!(error, ProxyError::TokenMissing) {
        return Ok(());
    }
    let left_out = match &draft.caller {
        Some(_) => 0,
        None => match exchange.app.proxy.anonymous.admit(exchange.context.peer.ip(), exchange.app.clock.now()) {
            Some(left_out) => left_out,
            None => return Ok(()),
        },
    };
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
    if left_out > 0 {
        event.detail.insert("left_out".to_owned(), left_out.to_string());
    }
    exchange.app.audit.record(event).await.map_err(unwritable)
}

/// How many refusals that name nobody were written lately, by address.
#[derive(Debug, Default)]
pub(super) struct AnonymousRefusals(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    minute: i64,
    in_all: u32,
    by_address: HashMap<IpAddr, u32>,
    left_out: u64,
}

impl AnonymousRefusals {
    /// Whether one more may be written, and how many were left out since the last.
    fn admit(&self, peer: IpAddr, now: Timestamp) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_second().div_euclid(60);
        if window.minute != minute {
            (window.minute, window.in_all) = (minute, 0);
            window.by_address.clear();
        }
        let of_address = window.by_address.get(&peer).copied().unwrap_or(0);
        if of_address >= ANONYMOUS_PER_ADDRESS || window.in_all >= ANONYMOUS_IN_ALL {
            window.left_out += 1;
            return None;
        }
        window.in_all += 1;
        window.by_address.insert(peer, of_address + 1);
        Some(std::mem::take(&mut window.left_out))
    }
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
        let outcome = if matches!(error, ProxyError::UpstreamTimeout) {
            Outcome::TimedOut
        } else if matches!(error, ProxyError::Audit { .. } | ProxyError::Internal(_)) {
            Outcome::Refused
        } else {
            Outcome::UpstreamFailed
        };
        Self { status: Some(error.status().as_u16()), code: Some(error.code()), ..Self::new(outcome) }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{ANONYMOUS_PER_ADDRESS, AnonymousRefusals};

    #[test]
    fn nobody_fills_the_disk_with_refusals() {
        let refusals = AnonymousRefusals::default();
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let at = |second| Timestamp::from_second(second).unwrap();
        let admitted = (0..1000).filter(|_| refusals.admit(one, at(60)).is_some()).count();
        assert_eq!(admitted, ANONYMOUS_PER_ADDRESS as usize);
        assert_eq!(refusals.admit(other, at(61)), Some(1000 - u64::from(ANONYMOUS_PER_ADDRESS)), "another address is heard");
        assert_eq!(refusals.admit(one, at(119)), None);
        assert_eq!(refusals.admit(one, at(120)), Some(1), "the next minute");
        assert_eq!(refusals.admit(one, at(121)), Some(0));
    }
}
