//! The worker's life: sessions one after another until it is stopped, drained, or alone for too long.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rpc::backoff::Backoff;
use tokio::sync::{mpsc, watch};
use tonic::transport::Channel;

use crate::config::{Config, Stop, WorkerError};
use crate::executor::Executor;
use crate::session::{Ended, Session};

/// Outputs waiting for the session: beyond it the pool waits, which is what keeps memory bounded when the
/// coordinator is slow.
const OUTPUTS: usize = 8;

/// Bound of the first wait before a reconnect. It spreads 256 workers of one coordinator over 20 tenths of a second, 13
/// in each, and leaves time for a second try before the coordinator counts a worker as lost
/// ([`rpc::limits::HEARTBEAT_TIMEOUT`]). Trials go on meanwhile.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Works for the coordinator behind `channel` until it says that nothing more will come, `stop` asks to
/// drain, or the coordinator stays away for longer than the configured window.
///
/// # Errors
/// [`WorkerError`]; what was computed and not acknowledged is then lost to this process and runs again
/// elsewhere.
pub async fn run(
    channel: Channel,
    config: Config,
    stop: watch::Receiver<Stop>,
) -> Result<(), WorkerError> {
    let (output, outputs) = mpsc::channel(OUTPUTS);
    let executor = Executor::new(&config, output)?;
    let mut session = Session::new(channel, config.clone(), executor, outputs, stop)?;
    let mut lost_at: Option<Instant> = None;
    // Workers of one coordinator differ by the number of their process.
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT, config.instance);
    let mut log_limiter = LogLimiter::default();
    loop {
        let begun = Instant::now();
        match session.run().await {
            Ok(Ended::Finished | Ended::Drained) => return Ok(()),
            Ok(Ended::Idle) => {
                tracing::info!("no lease for the idle timeout: leaving");
                return Ok(());
            }
            Ok(Ended::Lost {
                permanent: Some(permanent),
                ..
            }) => return Err(permanent.into()),
            Ok(Ended::Lost { welcomed, why, .. }) => {
                if welcomed {
                    lost_at = None;
                    if begun.elapsed() >= LONGEST_WAIT {
                        backoff.reset();
                    }
                }
                let Some(window) = config.reconnect else {
                    return Err(WorkerError::Unreachable(why));
                };
                let since = *lost_at.get_or_insert_with(Instant::now);
                if since.elapsed() >= window {
                    return Err(WorkerError::Lost(window));
                }
                if log_limiter.may_log(Instant::now()) {
                    let left = window.saturating_sub(since.elapsed()).as_secs();
                    tracing::warn!("the coordinator is away, retrying for {left} s: {why}");
                    session.away.get_or_insert(since);
                }
                // The last try comes when the window ends.
                let left = window.saturating_sub(since.elapsed());
                if session.wait_or_stop(backoff.wait().min(left)).await {
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Lines about lost connections: the first few at once, then one a minute, however often the connection breaks.
#[derive(Debug, Default)]
struct LogLimiter {
    logged: VecDeque<Instant>,
}

impl LogLimiter {
    /// Lines within [`LogLimiter::WINDOW`].
    const LINES: usize = 3;

    /// Three lines in this time, so one a minute where it goes on.
    const WINDOW: Duration = Duration::from_secs(180);

    fn may_log(&mut self, now: Instant) -> bool {
        let old = |then: &Instant| now.duration_since(*then) >= Self::WINDOW;
        while self.logged.front().is_some_and(old) {
            self.logged.pop_front();
        }
        let may = self.logged.len() < Self::LINES;
        if may {
            self.logged.push_back(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_breaks_all_the_time_fills_no_log() {
        let mut log_limiter = LogLimiter::default();
        let begun = Instant::now();
        // Five times a second for an hour.
        let logged = (0..5 * 3600)
            .filter(|k| log_limiter.may_log(begun + Duration::from_millis(200 * k)))
            .count();
        assert!((20..=61).contains(&logged), "{logged} lines");
        assert!(LogLimiter::default().may_log(begun));
    }
}
