//! The journal's thread: takes whatever waits, writes it as one batch, syncs, answers. No timer for whoever waits: a lone
//! event is written at once, and under load the batches grow by themselves while the disk works. An event whose ticket was
//! dropped is worth no sync of its own: it goes with the next one that somebody waits for, a few milliseconds later at most.

use std::borrow::Borrow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::journal::{Journal, Opened};
use super::refusals::{Refusals, Sum};
use super::{AuditError, Event, Kind};
use crate::clock::Clock;

/// How much the journal may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Size from which a new file is begun.
    pub max_file_bytes: u64,
    /// Events that may wait for the disk; one more is refused with `audit.queue_full`.
    pub queue: usize,
    /// Most events of one batch.
    pub batch: usize,
    /// How long events that nobody waits for may stay for company.
    pub linger: Duration,
    /// After a failure: how often the journal is tried again.
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 64 * 1024 * 1024,
            queue: 16 * 1024,
            batch: 4096,
            linger: Duration::from_millis(5),
            retry_after: Duration::from_secs(1),
        }
    }
}

/// Writes the audit trail. Cheap to clone; the last clone to go lets the thread finish what waits.
#[derive(Clone, Debug)]
pub struct Writer {
    sender: SyncSender<Message>,
    shared: Arc<Shared>,
    refusals: Arc<Refusals>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Shared {
    /// Set by the thread while the journal cannot be written, so that `append` refuses before anything is forwarded.
    failed: AtomicBool,
    /// Set before the thread is told to close, for whoever asks before it does something that it must record.
    closed: AtomicBool,
    /// What began the failure; later errors of the same failure do not hide it.
    reason: Mutex<String>,
    /// Events that were refused since the failure began.
    refused: AtomicU64,
}

/// The promise that an event will be durable, or an error.
#[must_use = "an event counts only once its ticket is durable"]
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Result<(), AuditError>>);

impl Ticket {
    /// Waits until the event is on the disk. On an error, refuse what the event stands for.
    pub async fn durable(self) -> Result<(), AuditError> {
        self.0.await.unwrap_or(Err(AuditError::Closed))
    }
}

#[derive(Debug)]
enum Message {
    Event { json: String, answer: oneshot::Sender<Result<(), AuditError>> },
    Reopen { answer: oneshot::Sender<Result<(), AuditError>> },
    Close { answer: oneshot::Sender<Result<(), AuditError>> },
}

impl Writer {
    /// Opens the journal in `dir`, mends a torn end, and writes a [`Kind::JournalOpened`] event: a journal that cannot be
    /// written stops the start.
    ///
    /// # Errors
    /// `audit.open_failed`, `audit.locked`, `audit.unwritable`.
    pub fn open(dir: &Path, limits: Limits, clock: Clock) -> Result<Self, AuditError> {
        let (mut journal, opened) = Journal::open(dir, limits.max_file_bytes)?;
        let event = opened_event(&opened, &clock);
        journal.commit([encode(&event)?.as_str()]).map_err(|error| AuditError::Unwritable { reason: error.to_string() })?;
        let (sender, receiver) = sync_channel(limits.queue.max(1));
        let shared = Arc::new(Shared::default());
        let worker = Worker { journal, limits, clock: clock.clone(), receiver, shared: Arc::clone(&shared) };
        thread::Builder::new()
            .name("audit-journal".to_owned())
            .spawn(move || worker.run())
            .map_err(|source| AuditError::Open { dir: dir.to_owned(), source: Arc::new(source) })?;
        Ok(Self { sender, shared, refusals: Arc::default(), clock })
    }

    /// Hands an event to the journal. Never waits.
    ///
    /// # Errors
    /// `audit.unwritable` while the journal cannot be written, `audit.queue_full`, `audit.closed`.
    pub fn append(&self, event: impl Borrow<Event>) -> Result<Ticket, AuditError> {
        self.require_writable()?;
        let (answer, ticket) = oneshot::channel();
        self.send(Message::Event { json: encode(event.borrow())?, answer })?;
        Ok(Ticket(ticket))
    }

    /// Appends an event and waits until it is durable.
    pub async fn record(&self, event: impl Borrow<Event>) -> Result<(), AuditError> {
        let ticket = self.append(event)?;
        ticket.durable().await
    }

    /// Records a refusal that whoever is refused can cause as often as they like: alone, or in the sum of its source and
    /// minute if there are many. Not for the decisions on the calls of an authenticated person.
    pub async fn refusal(&self, event: Event) -> Result<(), AuditError> {
        self.require_writable()?;
        self.sum_refusals().await;
        if self.refusals.admit(&event, self.clock.now()) { self.record(event).await } else { Ok(()) }
    }

    /// Writes the sums of a minute that is over. Meant to be called every minute.
    pub async fn sum_refusals(&self) {
        self.write_sums(self.refusals.due(self.clock.now())).await;
    }

    /// All are handed over before the first is waited for, so that a caller that goes away loses none.
    async fn write_sums(&self, sums: Vec<Sum>) {
        let now = self.clock.now();
        let written: Vec<_> = sums.into_iter().map(|sum| (self.append(sum.event(now)), sum)).collect();
        for (ticket, sum) in written {
            let durable = match ticket {
                Ok(ticket) => ticket.durable().await,
                Err(error) => Err(error),
            };
            if let Err(error) = durable {
                tracing::error!(code = error.code(), "the sum of a minute's refusals could not be recorded yet");
                self.refusals.put_back(sum);
            }
        }
    }

    /// Whether an event would be accepted now. For whoever is about to do what cannot be undone, such as using up a token:
    /// no promise that the event will be durable, but an outage that is known is not run into.
    ///
    /// # Errors
    /// `audit.unwritable`, `audit.closed`.
    pub fn require_writable(&self) -> Result<(), AuditError> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(AuditError::Closed);
        }
        if self.is_writable() {
            return Ok(());
        }
        self.shared.refused.fetch_add(1, Ordering::AcqRel);
        Err(self.shared.unwritable())
    }

    /// Whether events can be written at the moment: for the readiness probe.
    pub fn is_writable(&self) -> bool {
        !self.shared.failed.load(Ordering::Acquire)
    }

    /// After a failure, tries the journal at once instead of at the next retry.
    pub async fn reopen(&self) -> Result<(), AuditError> {
        let (answer, ticket) = oneshot::channel();
        self.send(Message::Reopen { answer })?;
        ticket.await.unwrap_or(Err(AuditError::Closed))
    }

    /// Writes what waits and closes the journal; every later event is refused. When this returns, another process may
    /// open the journal.
    pub async fn close(&self) {
        self.write_sums(self.refusals.end()).await;
        self.shared.closed.store(true, Ordering::Release);
        let (answer, ticket) = oneshot::channel();
        if self.send(Message::Close { answer }).is_ok() {
            // The thread drops the sender when it has let go of the journal: an error here is the expected answer.
            let _closed = ticket.await;
        }
    }

    fn send(&self, message: Message) -> Result<(), AuditError> {
        self.sender.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => AuditError::QueueFull,
            TrySendError::Disconnected(_) => AuditError::Closed,
        })
    }
}

impl Shared {
    fn unwritable(&self) -> AuditError {
        AuditError::Unwritable { reason: self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone() }
    }
}

fn encode(event: &Event) -> Result<String, AuditError> {
    event.to_json().map_err(|error| AuditError::Unwritable { reason: error.to_string() })
}

fn opened_event(opened: &Opened, clock: &Clock) -> Event {
    let event = Event::new(Kind::JournalOpened, clock.now()).with_detail("version", env!("CARGO_PKG_VERSION"));
    if opened.torn_bytes == 0 {
        return event;
    }
    tracing::warn!(bytes = opened.torn_bytes, "the audit journal had a torn end; it was moved to a .torn file");
    event.with_detail("torn_bytes", opened.torn_bytes.to_string())
}

/// What runs on the journal's thread.
struct Worker {
    journal: Journal,
    limits: Limits,
    clock: Clock,
    receiver: Receiver<Message>,
    shared: Arc<Shared>,
}

/// What the thread took from the queue.
#[derive(Default)]
struct Batch {
    events: Vec<String>,
    answers: Vec<oneshot::Sender<Result<(), AuditError>>>,
    /// Whether somebody waited for one of them when it was taken.
    is_awaited: bool,
    reopen: Vec<oneshot::Sender<Result<(), AuditError>>>,
    close: Vec<oneshot::Sender<Result<(), AuditError>>>,
}

impl Worker {
    fn run(mut self) {
        let mut closing = Vec::new();
        while closing.is_empty() {
            let Some(batch) = self.next_batch() else { break };
            closing = self.serve(batch);
        }
        // The journal, and with it the lock, goes before the answers: whoever waits may open it again.
        drop(self);
        drop(closing);
    }

    /// Whatever waits, at once; while the journal is broken, an empty batch at each retry. None when all writers are gone.
    fn next_batch(&self) -> Option<Batch> {
        let mut batch = Batch::default();
        if self.shared.failed.load(Ordering::Acquire) {
            match self.receiver.recv_timeout(self.limits.retry_after) {
                Ok(message) => batch.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        } else {
            batch.take(self.receiver.recv().ok()?);
        }
        let leaves_at = Instant::now() + self.limits.linger;
        while batch.events.len() < self.limits.batch && batch.close.is_empty() {
            let message = if batch.is_awaited || batch.events.is_empty() {
                self.receiver.try_recv().ok()
            } else {
                self.receiver.recv_timeout(leaves_at.saturating_duration_since(Instant::now())).ok()
            };
            let Some(message) = message else { break };
            batch.take(message);
        }
        Some(batch)
    }

    /// Writes a batch and answers it; gives back whoever asked to close.
    fn serve(&mut self, batch: Batch) -> Vec<oneshot::Sender<Result<(), AuditError>>> {
        let failed = self.shared.failed.load(Ordering::Acquire);
        // Events that were queued before the failure was known are refused, like those of the failed batch.
        let result = if failed { Err(self.shared.unwritable()) } else { self.commit(&batch.events) };
        if result.is_err() {
            self.shared.refused.fetch_add(batch.answers.len() as u64, Ordering::AcqRel);
        }
        for answer in batch.answers {
            let _gone = answer.send(result.clone());
        }
        if failed {
            self.recover();
        }
        for answer in batch.reopen {
            let state = if self.shared.failed.load(Ordering::Acquire) { Err(self.shared.unwritable()) } else { Ok(()) };
            let _gone = answer.send(state);
        }
        batch.close
    }

    fn commit(&mut self, events: &[String]) -> Result<(), AuditError> {
        if events.is_empty() {
            return Ok(());
        }
        self.journal.commit(events.iter().map(String::as_str)).map_err(|error| self.fail(&error))
    }

    /// From now on nothing is accepted. Said once in the log, not once per refused call.
    fn fail(&self, error: &std::io::Error) -> AuditError {
        if !self.shared.failed.load(Ordering::Acquire) {
            *self.shared.reason.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
            self.shared.failed.store(true, Ordering::Release);
            tracing::error!(%error, code = "audit.unwritable", "the audit journal cannot be written: calls are refused until it can");
        }
        self.shared.unwritable()
    }

    fn recover(&mut self) {
        let reason = self.shared.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let refused = self.shared.refused.load(Ordering::Acquire);
        let event = Event::new(Kind::JournalRecovered, self.clock.now());
        let event = event.with_detail("failure", reason).with_detail("events_refused", refused.to_string());
        let recovered = self.journal.recover().and_then(|_| {
            let json = event.to_json().map_err(std::io::Error::other)?;
            self.journal.commit([json.as_str()])
        });
        match recovered {
            Ok(()) => {
                self.shared.refused.fetch_sub(refused, Ordering::AcqRel);
                self.shared.failed.store(false, Ordering::Release);
                tracing::info!("the audit journal can be written again");
            }
            Err(error) => {
                self.fail(&error);
            }
        }
    }
}

impl Batch {
    fn take(&mut self, message: Message) {
        match message {
            Message::Event { json, answer } => {
                self.is_awaited |= !answer.is_closed();
                self.events.push(json);
                self.answers.push(answer);
            }
            Message::Reopen { answer } => {
                self.is_awaited = true;
                self.reopen.push(answer);
            }
            Message::Close { answer } => self.close.push(answer),
        }
    }
}
