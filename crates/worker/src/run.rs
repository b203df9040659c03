//! The worker's life: sessions one after another until it is told to end, drained, or alone for too long.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tonic::transport::Channel;

use crate::config::{Config, Stop, WorkerError};
use crate::executor::Executor;
use crate::session::{Ended, Session};

/// Outputs waiting for the session: beyond it the pool waits, which is what keeps memory bounded when the
/// coordinator is slow.
const OUTPUTS: usize = 8;

/// First wait before a reconnect; doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);

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
    let mut session = Session::new(channel, config.clone(), executor, outputs, stop);
    let mut lost_at: Option<Instant> = None;
    let mut wait = FIRST_WAIT;
    loop {
        match session.run().await {
            Ok(Ended::Finished | Ended::Drained) => return Ok(()),
            Ok(Ended::Idle) => {
                tracing::info!("no lease for the idle timeout: leaving");
                return Ok(());
            }
            Ok(Ended::Lost { welcomed, why }) => {
                if welcomed {
                    lost_at = None;
                    wait = FIRST_WAIT;
                }
                let Some(window) = config.reconnect else {
                    return Err(WorkerError::Unreachable(why));
                };
                let since = *lost_at.get_or_insert_with(Instant::now);
                if since.elapsed() >= window {
                    return Err(WorkerError::Lost(window));
                }
                tracing::warn!(%why, "the coordinator is away, trying again");
                if session.wait_or_stop(wait).await {
                    return Ok(());
                }
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            Err(error) => return Err(error),
        }
    }
}
