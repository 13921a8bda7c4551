//! Whose session, whose task: an id that an upstream gave belongs to the person and client it was given to.
//!
//! A session id is not a credential (MCP security best practices, "Session Hijacking"). Presented by anybody else it does not exist:
//! 404, which tells a client to open a session of its own. The map is in memory, bounded per person and in all, and
//! forgets what was not used for a while; after a restart clients get the same 404 and begin again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{Hash, UserId, sha256};

use super::Exchange;
use super::authenticate::Caller;
use super::call::{Call, Posted, Subject, Target, Verb};
use super::error::ProxyError;

/// Sessions and tasks in all.
const MOST: usize = 200_000;
/// Sessions and tasks of one person and client: beyond it, the longest unused goes.
const MOST_PER_OWNER: usize = 1_000;
/// Unused for so long, an id is forgotten.
const IDLE: Duration = Duration::from_hours(24);

/// What kind of id.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Session,
    Task,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Owner {
    user: UserId,
    client: String,
}

impl Owner {
    fn of(caller: &Caller) -> Self {
        Self { user: caller.user_id(), client: caller.client().to_owned() }
    }
}

#[derive(Debug)]
struct Owned {
    owner: Owner,
    last_used: Timestamp,
}

/// Who owns which id of an upstream; the ids themselves are kept as hashes.
#[derive(Debug, Default)]
pub(super) struct Owners(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    ids: HashMap<Hash, Owned>,
    by_owner: HashMap<Owner, Vec<Hash>>,
}

/// Refuses a call that names a session or task of somebody else, or none that is known.
pub(super) fn check(exchange: &Exchange, caller: &Caller, call: &Call) -> Result<(), ProxyError> {
    let owners = &exchange.app.proxy.owners;
    if let Some(session) = &call.session
        && !owners.owns(exchange, caller, Kind::Session, session)
    {
        return Err(ProxyError::SessionUnknown);
    }
    match &call.verb {
        Verb::Send(Posted { subject: Subject::Method { target: Target::Task(task), .. }, .. })
            if !owners.owns(exchange, caller, Kind::Task, task) =>
        {
            Err(ProxyError::TaskUnknown)
        }
        Verb::Send(_) | Verb::Stream | Verb::EndSession => Ok(()),
    }
}

impl Owners {
    /// A session that the upstream has just opened for this caller.
    pub(super) fn bind_session(&self, exchange: &Exchange, caller: &Caller, session: &str) {
        self.bind(exchange, caller, Kind::Session, session);
    }

    /// A task that the upstream has just begun for this caller.
    pub(super) fn bind_task(&self, exchange: &Exchange, caller: &Caller, task: &str) {
        self.bind(exchange, caller, Kind::Task, task);
    }

    /// Whether the caller may see this task.
    pub(super) fn owns_task(&self, exchange: &Exchange, caller: &Caller, task: &str) -> bool {
        self.owns(exchange, caller, Kind::Task, task)
    }

    /// A session that is over.
    pub(super) fn end_session(&self, exchange: &Exchange, session: &str) {
        self.table().remove(&key(exchange, Kind::Session, session));
    }

    fn owns(&self, exchange: &Exchange, caller: &Caller, kind: Kind, id: &str) -> bool {
        let now = exchange.app.clock.now();
        let mut table = self.table();
        match table.ids.get_mut(&key(exchange, kind, id)) {
            Some(owned) if owned.owner.user == caller.user_id() && owned.owner.client == caller.client() && !is_idle(owned, now) => {
                owned.last_used = now;
                true
            }
            Some(_) | None => false,
        }
    }

    /// First come, first served: an id that is another's already (an upstream that repeats ids) stays theirs.
    fn bind(&self, exchange: &Exchange, caller: &Caller, kind: Kind, id: &str) {
        let now = exchange.app.clock.now();
        let (key, owner) = (key(exchange, kind, id), Owner::of(caller));
        let mut table = self.table();
        if table.ids.get(&key).is_some_and(|owned| owned.owner != owner && !is_idle(owned, now)) {
            tracing::warn!(upstream = %exchange.upstream.id, ?kind, "the upstream gave one id to two people");
            return;
        }
        table.remove(&key);
        table.make_room(&owner, now);
        table.by_owner.entry(owner.clone()).or_default().push(key);
        table.ids.insert(key, Owned { owner, last_used: now });
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn remove(&mut self, key: &Hash) {
        let Some(owned) = self.ids.remove(key) else { return };
        if let Some(keys) = self.by_owner.get_mut(&owned.owner) {
            keys.retain(|other| other != key);
            if keys.is_empty() {
                self.by_owner.remove(&owned.owner);
            }
        }
    }

    fn make_room(&mut self, owner: &Owner, now: Timestamp) {
        let own = self.by_owner.get(owner).map_or(&[][..], Vec::as_slice);
        if own.len() >= MOST_PER_OWNER
            && let Some(oldest) = own.iter().min_by_key(|key| self.ids.get(*key).map(|owned| owned.last_used)).copied()
        {
            self.remove(&oldest);
        }
        if self.ids.len() >= MOST {
            let idle: Vec<Hash> = self.ids.iter().filter(|(_, owned)| is_idle(owned, now)).map(|(key, _)| *key).collect();
            for key in &idle {
                self.remove(key);
            }
        }
        if self.ids.len() >= MOST
            && let Some(oldest) = self.ids.iter().min_by_key(|(_, owned)| owned.last_used).map(|(key, _)| *key)
        {
            self.remove(&oldest);
        }
    }
}

fn is_idle(owned: &Owned, now: Timestamp) -> bool {
    SignedDuration::try_from(IDLE).is_ok_and(|idle| now.duration_since(owned.last_used) > idle)
}

/// The id together with what makes it unique: upstreams do not know each other's ids.
fn key(exchange: &Exchange, kind: Kind, id: &str) -> Hash {
    let kind = match kind {
        Kind::Session => "session",
        Kind::Task => "task",
    };
    sha256(format!("{kind}\n{}\n{id}", exchange.upstream.id).as_bytes())
}
