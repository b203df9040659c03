//! What a live page shows of a coordinator and asks of it, from inside its own process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rpc::v1;
use scheduler::{Numbers, SweepKey, WorkerId};
use sweep::Folder;
use tokio::sync::oneshot;
use tonic::Status;

use crate::event_loop::dormant::{Lookup, LookupPurpose};
use crate::event_loop::events::{Command, SweepRequest};
use crate::event_loop::open_sweep::OpenGuard;
use crate::event_loop::view::View;
use crate::observer::Observer;
use crate::{folder_probe, wire};

/// Running trials of a worker that are named.
const NAMED: usize = 8;

/// Sweeps and workers at one moment.
#[derive(Clone, Debug)]
pub struct Now {
    pub sweeps: Vec<v1::SweepStatus>,
    pub workers: Vec<WorkerNow>,
}

/// A worker and what it does.
#[derive(Clone, Debug)]
pub struct WorkerNow {
    pub status: v1::WorkerStatus,
    /// Its connection is open and it was heard of lately.
    pub is_here: bool,
    /// Trials in its hands.
    pub held: u64,
    /// The sweep of its oldest lease.
    pub sweep: Option<String>,
    /// The first of its running trials.
    pub running: Vec<u64>,
}

/// One sweep with its numbers.
#[derive(Clone, Debug)]
pub struct SweepNow {
    pub status: v1::SweepStatus,
    pub folder: Arc<Folder>,
    pub dir: PathBuf,
    pub numbers: Numbers,
    /// Reported last, the newest first.
    pub recent: Vec<u64>,
}

impl View<'_> {
    fn now(&self) -> Now {
        let mut sweep_of: BTreeMap<WorkerId, SweepKey> = BTreeMap::new();
        for lease in self.scheduler.leases() {
            sweep_of.entry(lease.worker).or_insert(lease.sweep);
        }
        let statuses = self.worker_statuses().into_iter();
        let workers = statuses.map(|status| {
            let id = WorkerId(status.worker_id);
            let seen = self.scheduler.worker_status(id);
            let running = self.workers.get(&id).map(|state| &state.running);
            let running = running.into_iter().flat_map(BTreeMap::keys);
            let sweep = sweep_of.get(&id).and_then(|key| self.sweeps.get(key));
            WorkerNow {
                is_here: seen
                    .as_ref()
                    .is_some_and(|seen| seen.connected && !seen.lost),
                held: seen.map_or(0, |seen| seen.held),
                sweep: sweep.map(|sweep| sweep.name.clone()),
                running: running.map(|(_, trial)| *trial).take(NAMED).collect(),
                status,
            }
        });
        Now {
            workers: workers.collect(),
            sweeps: self.statuses(),
        }
    }

    fn sweep_now(&self, name: &str) -> Option<SweepNow> {
        let (key, sweep) = self.named(name)?;
        Some(SweepNow {
            status: self.status(key, sweep),
            folder: Arc::clone(&sweep.folder),
            dir: sweep.dir.clone(),
            numbers: self.scheduler.numbers(key).unwrap_or_default(),
            recent: sweep.recent.trials(),
        })
    }
}

impl Observer {
    /// Sweeps and workers; `None` where no coordinator runs.
    pub async fn now(&self) -> Option<Now> {
        self.inspect(|view| view.now()).await
    }

    /// Trials reported since the start, each counted once; `None` where no coordinator runs.
    pub async fn reported(&self) -> Option<u64> {
        self.inspect(|view| view.metrics.accepted).await
    }

    /// One sweep with its numbers; it is opened if it rests.
    ///
    /// # Errors
    /// NOT_FOUND; UNAVAILABLE where no coordinator runs; why its folder does not open.
    pub async fn sweep(&self, name: &str) -> Result<SweepNow, Status> {
        let _open_guard = self.open_guard(name).await?;
        let asked = name.to_owned();
        let found = self.inspect(move |view| view.sweep_now(&asked)).await;
        found
            .ok_or_else(wire::coordinator_stops)?
            .ok_or_else(|| wire::no_sweep(name))
    }

    /// Does what a user asks of a sweep. Whoever calls has checked that it is a user. Returns the trials that run again
    /// for [`Command::RetryFailed`].
    ///
    /// # Errors
    /// As for the same request of a client.
    pub async fn change(&self, name: &str, command: Command) -> Result<u64, Status> {
        let _open_guard = self.open_guard(name).await?;
        let name = name.to_owned();
        self.ask(|reply| SweepRequest::Change {
            name,
            command,
            reply,
        })
        .await?
    }

    /// The sweep, open as long as what is returned lives.
    async fn open_guard(&self, name: &str) -> Result<OpenGuard, Status> {
        let asked = name.to_owned();
        let found = self
            .ask(|reply| SweepRequest::LookUp {
                name: asked,
                purpose: LookupPurpose::Use,
                reply,
            })
            .await?;
        match found {
            Lookup::Open(open_guard) => Ok(open_guard),
            Lookup::Gone(dir) => Err(Status::failed_precondition(format!(
                "`{name}`: {}",
                folder_probe::missing_message(&dir)
            ))),
            Lookup::Unopened(why) => Err(why),
            Lookup::Unknown => Err(wire::no_sweep(name)),
        }
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> SweepRequest,
    ) -> Result<T, Status> {
        let (reply, answer) = oneshot::channel();
        self.send(request(reply))
            .await
            .ok_or_else(wire::coordinator_stops)?;
        answer.await.map_err(|_| wire::coordinator_stops())
    }
}
