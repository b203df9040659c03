//! A look at a running coordinator from inside its own process: for metrics and for starting workers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rpc::v1::SweepState;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::event_loop::EventLoop;
use crate::events::{Event, Hello, User};

/// What a worker that would be started brings along; none where that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PilotLimits {
    pub time: Option<Duration>,
    /// Bytes for its trials.
    pub memory: Option<u64>,
}

/// What the batch system says of workers that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pilots {
    /// Jobs that wait and that run, and why those wait.
    Queued {
        waiting: u32,
        running: u32,
        /// In the batch system's words; empty where it gives none.
        reason: String,
    },
    /// It does not start any, or does not answer.
    Refused { why: String },
}

/// What a coordinator has to do and who does it, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Trials of running sweeps that no worker has, and a new worker could take.
    pub pending: u64,
    /// Those that no worker has and a new one could not take either.
    pub misfit: u64,
    /// Trials of running sweeps in workers' hands.
    pub leased: u64,
    /// Predicted seconds, one nominal core, of what is leased or could be.
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
    /// What there is to do for workers of these limits; `None` where no coordinator runs. What the limits leave open is
    /// taken from the workers that have come so far.
    pub async fn load(&self, limits: PilotLimits) -> Option<Load> {
        self.ask(|reply| User::Load { limits, reply }).await
    }

    /// Keeps what the batch system says, for those who ask why nothing runs.
    pub async fn pilots(&self, pilots: Pilots) {
        let events = self.0.events.get().and_then(mpsc::WeakSender::upgrade);
        if let Some(events) = events {
            // A closed loop means that the coordinator is ending.
            let _ = events.send(Event::User(User::Pilots(pilots))).await;
        }
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
    /// Keeps the most that workers come with: what later ones can be expected to have.
    pub(crate) fn seen_limits(&mut self, hello: &Hello) {
        let new = PilotLimits {
            time: hello.walltime,
            memory: hello.memory,
        };
        // One that does not say may have any.
        self.most = Some(match self.most {
            None => new,
            Some(most) => PilotLimits {
                time: most.time.zip(new.time).map(|(a, b)| a.max(b)),
                memory: most.memory.zip(new.memory).map(|(a, b)| a.max(b)),
            },
        });
    }

    pub(crate) fn load(&self, limits: PilotLimits) -> Load {
        let mut load = Load {
            joined: self.metrics.joined,
            ..Load::default()
        };
        let most = self.most.unwrap_or_default();
        let time = limits.time.or(most.time);
        let memory = limits.memory.or(most.memory);
        for (&key, sweep) in &self.sweeps {
            if sweep.state != SweepState::Running {
                continue;
            }
            if let Some(seen) = self.scheduler.sweep_status(key) {
                let fitting = self.scheduler.fitting(key, time, memory);
                load.pending += fitting.trials;
                load.misfit += seen.pending.saturating_sub(fitting.trials);
                load.leased += seen.leased;
                load.seconds += fitting.seconds + seen.leased_seconds;
            }
        }
        for worker in self.workers.values().filter(|worker| !worker.draining) {
            load.workers += 1;
            load.threads = load.threads.saturating_add(worker.hello.threads);
        }
        load
    }
}
