//! What watchers see of sweeps, now and then, and the end of the loop once nothing is left to write.

use scheduler::SweepKey;
use tokio::time::Instant;

use super::EventLoop;
use super::open_sweep::OpenSweep;
use super::state::PUBLISH_EVERY;
use crate::wire;

impl EventLoop {
    pub(super) fn publish_due(&mut self) {
        if self.published.elapsed() < PUBLISH_EVERY {
            return;
        }
        self.published = Instant::now();
        let running: Vec<_> = self
            .sweeps
            .iter()
            .filter(|(_, sweep)| sweep.state.grants())
            .map(|(&key, _)| key)
            .collect();
        for sweep in running {
            self.publish(sweep);
        }
        self.close_idle_sweeps();
        self.open_next();
        self.retry_held_joins();
    }

    /// Shows watchers the sweep as it is now.
    pub(crate) fn publish(&mut self, sweep: SweepKey) {
        if let Some(state) = self.sweeps.get_mut(&sweep) {
            let runs = state.state.grants();
            state.running_time.set(Instant::now(), runs);
        }
        if let Some(state) = self.sweeps.get(&sweep) {
            state.watch.send_replace(self.view().status(sweep, state));
        }
    }

    pub(crate) fn is_local(&self) -> bool {
        self.config.layout.files_in_place().is_some()
    }

    /// Whether a stop has been asked for and nothing is left to write.
    pub(super) fn stopped(&mut self) -> bool {
        if self.stopping.is_none() || !self.sweeps.values().all(OpenSweep::at_rest) {
            return false;
        }
        let finished = self.is_local();
        for state in self.workers.values() {
            state.outgoing.send(wire::stopping(finished));
        }
        if let Some(reply) = self.stopping.take() {
            // Whoever asked may have gone.
            let _ = reply.send(());
        }
        true
    }
}
