//! A look at a running coordinator from inside its own process: for metrics and for starting workers.

use std::sync::{Arc, OnceLock};

use rpc::v1::SweepState;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::event_loop::EventLoop;
use crate::events::{Event, User};

/// What a coordinator has to do and who does it, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Trials of running sweeps that no worker has.
    pub pending: u64,
    /// Trials of running sweeps in workers' hands.
    pub leased: u64,
    /// Predicted seconds, one nominal core, of what these sweeps still need.
    pub seconds: f64,
    /// Workers that are here and take leases.
    pub workers: u32,
    /// Their threads.
    pub threads: u32,
    /// Worker processes that have joined since the start; one that reconnects counts once.
    pub joined: u64,
}

/// Asks the coordinator that was given a clone of it. Before that one serves, and after, there is no answer.
#[derive(Clone, Default)]
pub struct Observer(Arc<Seen>);

#[derive(Default)]
struct Seen {
    events: OnceLock<mpsc::WeakSender<Event>>,
    attached: Notify,
}

impl Observer {
    /// What there is to do; `None` where no coordinator runs.
    pub async fn load(&self) -> Option<Load> {
        self.ask(|reply| User::Load { reply }).await
    }

    /// Metrics in Prometheus' text format; `None` where no coordinator runs.
    pub async fn metrics(&self) -> Option<String> {
        self.ask(|reply| User::Metrics { reply }).await
    }

    /// Weak: looking on keeps no coordinator alive.
    pub(crate) fn attach(&self, events: &mpsc::Sender<Event>) {
        // A second coordinator with the same observer is not seen; there is one a process.
        let _ = self.0.events.set(events.downgrade());
        self.0.attached.notify_waiters();
    }

    /// Completes once a coordinator has its data folder and takes calls.
    pub async fn attached(&self) {
        let attached = self.0.attached.notified();
        if self.0.events.get().is_none() {
            attached.await;
        }
    }

    async fn ask<T>(&self, user: impl FnOnce(oneshot::Sender<T>) -> User) -> Option<T> {
        let events = self.0.events.get()?.upgrade()?;
        let (reply, answer) = oneshot::channel();
        events.send(Event::User(user(reply))).await.ok()?;
        drop(events);
        answer.await.ok()
    }
}

impl EventLoop {
    pub(crate) fn load(&self) -> Load {
        let mut load = Load {
            joined: self.metrics.joined,
            ..Load::default()
        };
        for (&key, sweep) in &self.sweeps {
            if sweep.state != SweepState::Running {
                continue;
            }
            if let Some(seen) = self.scheduler.sweep_status(key) {
                load.pending += seen.pending;
                load.leased += seen.leased;
                load.seconds += (sweep.predicted_seconds - sweep.done_seconds).max(0.0);
            }
        }
        for worker in self.workers.values().filter(|worker| !worker.draining) {
            load.workers += 1;
            load.threads = load.threads.saturating_add(worker.hello.threads);
        }
        load
    }
}
