//! Progress for people: a bar on a terminal, a plain line now and then elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use rpc::v1::{SweepState, SweepStatus};

use super::{numbers, waiting};

/// Time until the first plain line: what is quicker needs none.
const FIRST_LINE: Duration = Duration::from_secs(1);

/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A reason why nothing runs is printed once it has stood for so long.
const WAITING_AFTER: Duration = Duration::from_secs(1);

/// Follows one sweep.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    next_line: Instant,
    /// The reason why nothing runs, since when it stands, and whether it was printed.
    waiting: Option<(String, Instant, bool)>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = crate::terminal::is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let template = "{prefix} {wide_bar} {pos}/{len} {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Progress {
            bar,
            next_line: Instant::now() + FIRST_LINE,
            waiting: None,
        }
    }

    /// Shows the status.
    pub(crate) fn show(&mut self, status: &SweepStatus) {
        let done = done(status);
        self.show_waiting(status);
        if let Some(bar) = &self.bar {
            bar.set_prefix(status.name.clone());
            bar.set_length(status.trials);
            bar.set_position(done);
            bar.set_message(words(status));
        } else if Instant::now() >= self.next_line {
            self.next_line = Instant::now() + LINE_EVERY;
            say!(
                "{}: {}/{} trials, {}",
                status.name,
                done,
                status.trials,
                words(status)
            );
        }
    }

    /// Prints why nothing runs once that has stood for a while: a worker that is just joining is no news.
    fn show_waiting(&mut self, status: &SweepStatus) {
        let Some(short) = waiting::words(status).map(|_| waiting::short(status)) else {
            self.waiting = None;
            return;
        };
        let (since, printed) = match &self.waiting {
            Some((known, since, printed)) if *known == short => (*since, *printed),
            _ => (Instant::now(), false),
        };
        let due = !printed && since.elapsed() >= WAITING_AFTER && self.bar.is_none();
        if due && let Some(words) = waiting::words(status) {
            self.next_line = Instant::now() + LINE_EVERY;
            say!("{}: waiting: {words}", status.name);
        }
        self.waiting = Some((short, since, printed || due));
    }

    /// Takes the bar away, so that what follows stands alone.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Durable rows and those on their way to the disk.
fn done(status: &SweepStatus) -> u64 {
    let durable = status.completed + status.diverged + status.failed;
    durable.max(status.reported.min(status.trials))
}

fn words(status: &SweepStatus) -> String {
    let seconds = status.elapsed_ms as f64 / 1e3;
    let mut words = Vec::new();
    if seconds > 0.0 && status.reported > 0 {
        let rate = status.reported as f64 / seconds;
        words.push(if rate >= 10.0 {
            format!("{} trials/s", numbers::scaled(rate.round()))
        } else {
            format!("{rate:.2} trials/s")
        });
    }
    if status.eta_seconds >= 0.0 {
        words.push(format!("{} left", numbers::duration(status.eta_seconds)));
    }
    if let Some(waiting) = waiting::words(status) {
        words.push(format!("waiting: {waiting}"));
    } else if status.eta_seconds < 0.0 && status.state() == SweepState::Running {
        words.push("? left".to_owned());
    }
    if status.failed > 0 {
        words.push(format!("{} failed", status.failed));
    }
    if words.is_empty() {
        words.push("begun".to_owned());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_printed() {
        let mut status = SweepStatus {
            eta_seconds: -1.0,
            elapsed_ms: 2000,
            ..SweepStatus::default()
        };
        assert_eq!(words(&status), "begun");
        status.eta_seconds = 480.0;
        assert_eq!(words(&status), format!("{} left", numbers::duration(480.0)));
        (status.reported, status.failed) = (50, 2);
        let text = words(&status);
        assert!(
            text.starts_with("25 trials/s, ") && text.ends_with(", 2 failed"),
            "{text}"
        );
    }
}
