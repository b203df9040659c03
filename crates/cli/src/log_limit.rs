//! A bound on what one place of the program writes to the log: whatever fails again and again writes some lines a
//! minute, and then how many more there were.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines of one place in [`WINDOW`].
const LINES: u64 = 20;

const WINDOW: Duration = Duration::from_secs(60);

/// Our own places are a few hundred, and those of libraries that warn fewer.
const PLACES: usize = 4096;

/// Leaves warnings and errors of a place out that are too many. Those of other levels were asked for by `RUST_LOG`.
#[derive(Default)]
pub(crate) struct LogLimit {
    places: Mutex<BTreeMap<(&'static str, u32), Window>>,
}

struct Window {
    since: Instant,
    lines: u64,
}

impl Window {
    /// Whether a line may be written now, and how many were left out before it.
    fn allow(&mut self, now: Instant) -> (bool, u64) {
        let mut left_out = 0;
        if now.saturating_duration_since(self.since) >= WINDOW {
            left_out = self.lines.saturating_sub(LINES);
            self.since = now;
            self.lines = 0;
        }
        self.lines += 1;
        (self.lines <= LINES, left_out)
    }
}

impl LogLimit {
    fn allow(&self, place: (&'static str, u32), now: Instant) -> (bool, u64) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= PLACES && !places.contains_key(&place) {
            return (true, 0);
        }
        let first = Window {
            since: now,
            lines: 0,
        };
        places.entry(place).or_insert(first).allow(now)
    }
}

/// A place of the program; `None` where its lines are not limited.
fn place(metadata: &Metadata<'static>) -> Option<(&'static str, u32)> {
    // What a library says below warnings without having been asked is limited as well.
    let limited = *metadata.level() <= Level::WARN || metadata.target().starts_with("tonic");
    limited.then(|| {
        let file = metadata.file().unwrap_or_else(|| metadata.target());
        (file, metadata.line().unwrap_or(0))
    })
}

impl<S: Subscriber> Layer<S> for LogLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let Some(place) = place(event.metadata()) else {
            return true;
        };
        let (allowed, left_out) = self.allow(place, Instant::now());
        if left_out > 0 {
            say!("{left_out} lines like the next one were left out");
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_repeats_itself_is_cut_and_others_are_not() {
        let limit = LogLimit::default();
        let start = Instant::now();
        let (noisy, quiet) = (("a.rs", 1), ("a.rs", 2));
        let written = |place, now| (0..1000).filter(|_| limit.allow(place, now).0).count();
        assert_eq!(written(noisy, start), 20);
        assert!(limit.allow(quiet, start).0);
        let later = start + WINDOW;
        assert_eq!(limit.allow(noisy, later), (true, 980));
        assert_eq!(written(noisy, later), 19);
        assert_eq!(limit.allow(quiet, later), (true, 0));
    }
}
