use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const FRESHNESS: Freshness = Freshness { refresh: Duration::from_mins(10), limit: Duration::from_hours(1) };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

#[derive(Debug)]
struct Broken;

impl Explain for Broken {
    fn explain(&self) -> String {
        "status 500".to_owned()
    }

    fn cause(&self) -> &'static str {
        "test.broken"
    }
}

/// A source that counts how often it is asked, and fails when told to.
#[derive(Default)]
struct Source {
    asked: AtomicU32,
    broken: bool,
}

impl Source {
    async fn fetch(&self) -> Result<u32, Broken> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::task::yield_now().await;
        if self.broken { Err(Broken) } else { Ok(number) }
    }
}

#[tokio::test]
async fn one_fetch_for_many_and_another_when_it_is_old() {
    let (cached, source) = (Cached::default(), Source::default());
    let all = (0..20).map(|_| cached.load(at(0), FRESHNESS, source.fetch()));
    for value in futures_util::future::join_all(all).await {
        assert_eq!(*value.unwrap(), 1);
    }
    assert_eq!(*cached.load(at(599), FRESHNESS, source.fetch()).await.unwrap(), 1);
    assert_eq!(*cached.load(at(600), FRESHNESS, source.fetch()).await.unwrap(), 2);
}

#[tokio::test]
async fn the_last_good_one_is_kept_for_a_while() {
    let (cached, mut source) = (Cached::default(), Source::default());
    assert_eq!(*cached.load(at(0), FRESHNESS, source.fetch()).await.unwrap(), 1);
    source.broken = true;
    assert_eq!(*cached.load(at(700), FRESHNESS, source.fetch()).await.unwrap(), 1);
    assert_eq!(*cached.load(at(710), FRESHNESS, source.fetch()).await.unwrap(), 1);
    assert_eq!(source.asked.load(Ordering::SeqCst), 2, "half a minute between attempts");
    assert!(matches!(cached.load(at(3600), FRESHNESS, source.fetch()).await, Err(Unavailable::Failed(_))));
    assert!(
        matches!(cached.load(at(3601), FRESHNESS, source.fetch()).await, Err(Unavailable::Recently { words, .. }) if words.contains("500"))
    );
}

#[tokio::test]
async fn a_newer_one_is_fetched_at_most_every_half_minute() {
    let (cached, source) = (Cached::default(), Source::default());
    let seen = cached.load(at(0), FRESHNESS, source.fetch()).await.unwrap();
    assert!(cached.newer_than(&seen, at(29), source.fetch()).await.is_none());
    let newer = cached.newer_than(&seen, at(30), source.fetch()).await.unwrap();
    assert_eq!(*newer, 2);
    assert_eq!(*cached.newer_than(&seen, at(31), source.fetch()).await.unwrap(), 2, "the one already there is newer");
    assert!(cached.newer_than(&newer, at(31), source.fetch()).await.is_none());
}
