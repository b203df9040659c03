//! The overview for all viewers: computed once a second at most, sent where it has changed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::Event;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep};
use tokio_stream::wrappers::ReceiverStream;

use crate::cache::Cache;
use crate::json;
use crate::source::{Refusal, Source};

/// Viewers whose page moves by itself: each holds a connection. Others load the page again when they like.
const VIEWERS: usize = 64;

/// Time between two aggregates.
const EVERY: Duration = Duration::from_secs(1);

/// Time between two readings of the throughput.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// Readings kept: the last six minutes.
const SAMPLES: usize = 180;

/// The overview and the throughput before it.
pub(crate) struct Feed<S> {
    source: Arc<S>,
    cache: Cache,
    viewers: Arc<Semaphore>,
    rates: Mutex<VecDeque<f64>>,
}

impl<S: Source> Feed<S> {
    pub(crate) fn new(source: Arc<S>) -> Arc<Self> {
        Arc::new(Feed {
            source,
            cache: Cache::new(EVERY),
            viewers: Arc::new(Semaphore::new(VIEWERS)),
            rates: Mutex::new(VecDeque::new()),
        })
    }

    /// Reads the throughput from now on, as long as somebody else has the feed.
    pub(crate) fn sample(self: &Arc<Self>) {
        let feed = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut before: Option<(Instant, u64)> = None;
            loop {
                sleep(SAMPLE_EVERY).await;
                let Some(feed) = feed.upgrade() else { return };
                let Some(reported) = feed.source.reported().await else {
                    continue;
                };
                let now = Instant::now();
                if let Some((then, earlier)) = before {
                    let seconds = (now - then).as_secs_f64();
                    let rate = reported.saturating_sub(earlier) as f64 / seconds;
                    feed.push((rate * 100.0).round() / 100.0);
                }
                before = Some((now, reported));
            }
        });
    }

    fn push(&self, rate: f64) {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if rates.len() >= SAMPLES {
            rates.pop_front();
        }
        rates.push_back(rate);
    }

    /// The overview as JSON.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(crate) async fn now(&self) -> Result<Arc<str>, Refusal> {
        self.cache
            .get(String::new(), async {
                let overview = self.source.overview().await;
                let overview = overview.ok_or(Refusal::Unavailable)?;
                let rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
                let rates: Vec<f64> = rates.iter().copied().collect();
                let seconds = SAMPLE_EVERY.as_secs_f64();
                Ok(json::overview(&overview, &rates, seconds).to_string())
            })
            .await
    }

    /// The overview now and whenever it has changed. `None` where too many viewers watch.
    pub(crate) fn watch(self: &Arc<Self>) -> Option<ReceiverStream<Result<Event, Infallible>>> {
        let place = Arc::clone(&self.viewers).try_acquire_owned().ok()?;
        let (sender, receiver) = mpsc::channel(1);
        let feed = Arc::clone(self);
        tokio::spawn(async move {
            let _place = place;
            let mut last: Option<Arc<str>> = None;
            loop {
                if let Ok(now) = feed.now().await
                    && last.as_ref() != Some(&now)
                {
                    let event = Event::default().event("overview").data(&*now);
                    if sender.send(Ok(event)).await.is_err() {
                        return;
                    }
                    last = Some(now);
                }
                tokio::select! {
                    () = sender.closed() => return,
                    () = sleep(EVERY) => {}
                }
            }
        });
        Some(ReceiverStream::new(receiver))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio_stream::StreamExt as _;

    use super::*;
    use crate::source::{Change, Overview, Standing};

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Source for Counted {
        async fn overview(&self) -> Option<Overview> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Some(Overview::default())
        }

        async fn reported(&self) -> Option<u64> {
            Some(self.0.load(Ordering::Relaxed) as u64)
        }

        async fn standing(&self, _: &str) -> Result<Standing, Refusal> {
            Err(Refusal::Unavailable)
        }

        async fn change(&self, _: &str, _: Change) -> Result<u64, Refusal> {
            Err(Refusal::Unavailable)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn viewers_share_one_aggregate_a_second_and_are_bounded() {
        let source = Arc::new(Counted::default());
        let feed = Feed::new(Arc::clone(&source));
        let mut streams = Vec::new();
        for _ in 0..VIEWERS {
            streams.push(feed.watch().unwrap());
        }
        assert!(feed.watch().is_none(), "one viewer too many was let in");
        for stream in &mut streams {
            assert!(stream.next().await.is_some());
        }
        sleep(Duration::from_millis(10_500)).await;
        let computed = source.0.load(Ordering::Relaxed);
        assert!(
            (5..=12).contains(&computed),
            "{computed} aggregates in 10 s"
        );
        drop(streams);
        sleep(Duration::from_secs(2)).await;
        assert!(feed.watch().is_some(), "a viewer that went left no place");
    }

    #[tokio::test(start_paused = true)]
    async fn throughput_is_kept_for_a_while_and_no_longer() {
        let feed = Feed::new(Arc::new(Counted::default()));
        feed.sample();
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(feed.rates.lock().unwrap().len(), SAMPLES);
    }
}
