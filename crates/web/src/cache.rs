//! Answers that all viewers share: each is computed once a second at most, one at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::source::Refusal;

/// Answers kept: more than a few viewers look at in a second.
const ENTRIES: usize = 64;

/// Requests that wait for an answer under way: beyond them a viewer hears that the page is busy.
const WAITING: usize = 128;

/// An answer is kept this many times as long as it took, so that computing takes a tenth of a core at most.
const REST: u32 = 10;

/// Answers by what was asked.
pub(crate) struct Cache {
    fresh: Duration,
    most: usize,
    entries: Mutex<VecDeque<Entry>>,
    waiting: AtomicUsize,
}

struct Entry {
    asked: String,
    until: Instant,
    answer: Arc<str>,
}

impl Cache {
    /// One whose answers are good for `fresh`.
    pub(crate) fn new(fresh: Duration) -> Self {
        Cache {
            fresh,
            most: ENTRIES,
            entries: Mutex::new(VecDeque::new()),
            waiting: AtomicUsize::new(0),
        }
    }

    /// This one with fewer answers, which are larger.
    pub(crate) fn keeping(self, most: usize) -> Self {
        Cache { most, ..self }
    }

    /// The answer to what is asked, computed where there is none that is fresh. Errors are not kept.
    ///
    /// # Errors
    /// Those of `compute`; [`Refusal::Failed`] where too many wait.
    pub(crate) async fn get(
        &self,
        asked: String,
        compute: impl Future<Output = Result<String, Refusal>>,
    ) -> Result<Arc<str>, Refusal> {
        let _waits = Waits::enter(&self.waiting)?;
        let mut entries = self.entries.lock().await;
        let begun = Instant::now();
        entries.retain(|entry| entry.until > begun);
        if let Some(entry) = entries.iter().find(|entry| entry.asked == asked) {
            return Ok(Arc::clone(&entry.answer));
        }
        let answer: Arc<str> = compute.await?.into();
        let took = begun.elapsed();
        if entries.len() >= self.most {
            entries.pop_front();
        }
        entries.push_back(Entry {
            asked,
            until: Instant::now() + self.fresh.max(took * REST),
            answer: Arc::clone(&answer),
        });
        Ok(answer)
    }
}

/// A request that waits, as long as it lives.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Result<Self, Refusal> {
        let waits = Waits(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            return Err(Refusal::Failed("too many viewers ask at once".to_owned()));
        }
        Ok(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_computed_once_a_second_for_all() {
        let cache = Cache::new(Duration::from_secs(1));
        let computed = AtomicUsize::new(0);
        let ask = |asked: &str| {
            cache.get(asked.to_owned(), async {
                computed.fetch_add(1, Ordering::Relaxed);
                Ok("x".to_owned())
            })
        };
        for _ in 0..50 {
            assert_eq!(&*ask("a").await.unwrap(), "x");
        }
        assert_eq!(computed.load(Ordering::Relaxed), 1);
        ask("b").await.unwrap();
        assert_eq!(computed.load(Ordering::Relaxed), 2);
        tokio::time::advance(Duration::from_secs(2)).await;
        ask("a").await.unwrap();
        assert_eq!(computed.load(Ordering::Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn entries_are_bounded_and_errors_are_not_kept() {
        let cache = Cache::new(Duration::from_secs(1));
        for k in 0..1000 {
            cache
                .get(k.to_string(), async { Ok(String::new()) })
                .await
                .unwrap();
        }
        assert_eq!(cache.entries.lock().await.len(), ENTRIES);
        let few = Cache::new(Duration::from_secs(1)).keeping(2);
        for k in 0..5 {
            few.get(k.to_string(), async { Ok(String::new()) })
                .await
                .unwrap();
        }
        assert_eq!(few.entries.lock().await.len(), 2);
        let failed = cache
            .get("e".to_owned(), async { Err(Refusal::Unavailable) })
            .await;
        assert_eq!(failed, Err(Refusal::Unavailable));
        assert!(
            cache
                .get("e".to_owned(), async { Ok("y".to_owned()) })
                .await
                .is_ok()
        );
    }
}
