//! A document of an identity provider, kept: fetched by one task at a time, at most every half minute, last good one kept.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::Mutex;

/// At most one attempt per half minute and document, so that tokens with invented key ids do not become a flood.
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(30);

/// A kept document and when it was fetched.
#[derive(Debug)]
struct Good<T> {
    value: Arc<T>,
    fetched_at: Timestamp,
}

/// When the last attempt was, and how it failed if it did.
#[derive(Debug, Default)]
struct Attempt {
    at: Option<Timestamp>,
    failure: Option<Failure>,
}

/// How an attempt failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The stable code of the cause.
    pub(crate) code: &'static str,
    /// For the log.
    pub(crate) words: String,
}

/// How long a document is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness {
    /// From this age on it is fetched again.
    pub(crate) refresh: Duration,
    /// From this age on it is not used any more, even if fetching fails.
    pub(crate) limit: Duration,
}

/// One kept document.
#[derive(Debug)]
pub(crate) struct Cached<T> {
    good: ArcSwapOption<Good<T>>,
    attempt: Mutex<Attempt>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { good: ArcSwapOption::empty(), attempt: Mutex::default() }
    }
}

/// An error that can tell the log what only the log is told.
pub(crate) trait Explain {
    /// The whole chain of causes.
    fn explain(&self) -> String;

    /// The stable code of the cause.
    fn cause(&self) -> &'static str;
}

/// Why there is no document.
#[derive(Debug)]
pub(crate) enum Unavailable<E> {
    /// The attempt of this very call failed.
    Failed(E),
    /// An attempt failed less than half a minute ago.
    Recently {
        /// The code of its cause.
        code: &'static str,
        /// Its words.
        words: String,
    },
}

impl<T> Cached<T> {
    /// The document: the kept one while it is fresh, else a new one, else the kept one while it may still be used.
    pub(crate) async fn load<F, E>(&self, now: Timestamp, freshness: Freshness, fetch: F) -> Result<Arc<T>, Unavailable<E>>
    where
        F: Future<Output = Result<T, E>>,
        E: Explain,
    {
        if let Some(value) = self.younger_than(freshness.refresh, now) {
            return Ok(value);
        }
        let mut attempt = self.attempt.lock().await;
        // Another task may have fetched it while this one waited.
        if let Some(value) = self.younger_than(freshness.refresh, now) {
            return Ok(value);
        }
        let failure = if too_soon(&attempt, now) {
            let failure = attempt.failure.as_ref();
            let code = failure.map_or("login.idp_metadata_unavailable", |failure| failure.code);
            Unavailable::Recently { code, words: failure.map(|failure| failure.words.clone()).unwrap_or_default() }
        } else {
            match self.fetch(&mut attempt, now, fetch).await {
                Ok(value) => return Ok(value),
                Err(error) => Unavailable::Failed(error),
            }
        };
        self.younger_than(freshness.limit, now).ok_or(failure)
    }

    /// A document newer than `seen`, if one can be had now: for a token whose key is not in the kept set.
    pub(crate) async fn newer_than<F, E>(&self, seen: &Arc<T>, now: Timestamp, fetch: F) -> Option<Arc<T>>
    where
        F: Future<Output = Result<T, E>>,
        E: Explain,
    {
        let mut attempt = self.attempt.lock().await;
        let kept = self.good.load_full().map(|good| Arc::clone(&good.value));
        if let Some(kept) = kept.filter(|kept| !Arc::ptr_eq(kept, seen)) {
            return Some(kept);
        }
        if too_soon(&attempt, now) {
            return None;
        }
        self.fetch(&mut attempt, now, fetch).await.ok()
    }

    /// The kept document, however old.
    pub(crate) fn kept(&self) -> Option<Arc<T>> {
        self.good.load().as_ref().map(|good| Arc::clone(&good.value))
    }

    /// How the last attempt failed, if it did.
    pub(crate) async fn failure(&self) -> Option<Failure> {
        self.attempt.lock().await.failure.clone()
    }

    async fn fetch<F, E>(&self, attempt: &mut Attempt, now: Timestamp, fetch: F) -> Result<Arc<T>, E>
    where
        F: Future<Output = Result<T, E>>,
        E: Explain,
    {
        attempt.at = Some(now);
        match fetch.await {
            Ok(value) => {
                attempt.failure = None;
                let value = Arc::new(value);
                self.good.store(Some(Arc::new(Good { value: Arc::clone(&value), fetched_at: now })));
                Ok(value)
            }
            Err(error) => {
                attempt.failure = Some(Failure { code: error.cause(), words: error.explain() });
                Err(error)
            }
        }
    }

    fn younger_than(&self, age: Duration, now: Timestamp) -> Option<Arc<T>> {
        let good = self.good.load_full()?;
        (elapsed(good.fetched_at, now) < age).then(|| Arc::clone(&good.value))
    }
}

fn too_soon(attempt: &Attempt, now: Timestamp) -> bool {
    attempt.at.is_some_and(|at| elapsed(at, now) < ATTEMPT_INTERVAL)
}

/// The time from `since` to `now`; a clock that went back counts as no time.
fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
