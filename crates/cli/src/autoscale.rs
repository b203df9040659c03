//! `coordinator --autoscale`: looks at the queue, asks the batch system what there is, does what `launch`
//! decides. The batch system may be down for as long as it likes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coordinator::{Load, Observer, PilotLimits};
use launch::autoscale::{Autoscaler, Backoff, Decision, Demand, Pilots, Policy};
use launch::{Pilot, slurm};
use tokio::sync::oneshot;

use crate::arguments::{Autoscale, BatchSystem};
use crate::error::CliError;
use crate::{pilot as launching, process};

/// Time between two looks at our own queue, which cost nothing.
const GLANCE_EVERY: Duration = Duration::from_millis(500);

/// First and longest time between two looks at the batch system while there is nothing to do about it: `squeue`
/// lists every job of the site, and its controller has others to serve.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// First and longest wait while the batch system does not answer.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(120);

/// Idle pilots leave after this, unless told otherwise: longer than a person needs to submit the next sweep.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What is started, and how much of it.
pub(crate) struct Plan {
    policy: Policy,
    pilot: Pilot,
    time: Option<Duration>,
    sbatch: Vec<String>,
}

/// What the flags ask for; `None` where nothing is to be started.
///
/// # Errors
/// A flag that cannot be followed.
pub(crate) fn plan(
    asked: &Autoscale,
    certs: Option<&Path>,
    address: SocketAddr,
) -> Result<Option<Plan>, CliError> {
    let (Some(BatchSystem::Slurm), Some(max_workers)) = (asked.autoscale, asked.max_workers) else {
        return Ok(None);
    };
    launching::check_time(asked.pilot_time)?;
    slurm::check_options(&asked.sbatch)?;
    let scheme = if certs.is_some() { "https" } else { "http" };
    let url = match &asked.pilot_url {
        Some(url) => launching::url(url)?.to_owned(),
        None if address.ip().is_unspecified() => {
            format!("{scheme}://{}:{}", process::host_name(), address.port())
        }
        None => format!("{scheme}://{address}"),
    };
    launching::warn_of_loopback(&url);
    let secret = |name| {
        certs
            .map(|folder| launching::absolute(&folder.join(name)))
            .transpose()
    };
    Ok(Some(Plan {
        policy: Policy {
            max_workers,
            threads: asked.pilot_threads,
        },
        pilot: Pilot {
            program: launching::program(asked.pilot_program.as_deref())?,
            coordinator: url,
            ca: secret(rpc::certs::CA_FILE)?,
            token_file: secret(rpc::certs::WORKER_TOKEN_FILE)?,
            threads: asked.pilot_threads,
            idle_timeout: Some(asked.pilot_idle_timeout.unwrap_or(IDLE_TIMEOUT)),
            reconnect: None,
        },
        time: asked.pilot_time,
        sbatch: asked.sbatch.clone(),
    }))
}

/// Keeps the queue met until the process ends.
pub(crate) async fn run(plan: Plan, observer: Observer) {
    let plan = Arc::new(plan);
    let begun = Instant::now();
    let mut scaler = Autoscaler::new(plan.policy);
    let mut quiet = Backoff::new(LOOK_EVERY, LONGEST_LOOK);
    let mut trouble = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
    let mut next_look = begun;
    let mut had_work = false;
    let mut misfit = false;
    check(&plan, &observer).await;
    loop {
        tokio::time::sleep(GLANCE_EVERY).await;
        // None before the coordinator serves, and once it stops.
        let limits = PilotLimits {
            time: plan.time,
            memory: None,
        };
        let Some(load) = observer.load(limits).await else {
            continue;
        };
        let demand = demand(&load);
        let nobody_fits = demand.pending == 0 && load.misfit > 0;
        if nobody_fits && !misfit {
            say!(
                "warning: {} trials fit no worker that would be started: `parsimony status` says why; give --pilot-time or sbatch's --mem",
                load.misfit
            );
            let why = "the trials that wait need more time or memory than a job would have";
            let why = why.to_owned();
            observer.pilots(coordinator::Pilots::Refused { why }).await;
        }
        misfit = nobody_fits;
        let has_work = demand.pending > 0;
        if has_work != had_work {
            had_work = has_work;
            next_look = Instant::now();
            quiet.well();
        }
        if Instant::now() < next_look || !scaler.must_look(&demand) {
            continue;
        }
        let wait = match step(&plan, &mut scaler, &demand, begun.elapsed(), &observer).await {
            Ok(decision) => {
                trouble.well();
                if decision != Decision::Nothing {
                    quiet.well();
                }
                quiet.again()
            }
            Err(error) => {
                let wait = trouble.again();
                let why = error.to_string();
                observer.pilots(coordinator::Pilots::Refused { why }).await;
                tracing::warn!(%error, again_in = ?wait, "the batch system does not answer");
                wait
            }
        };
        next_look = Instant::now() + wait;
    }
}

/// Asks the batch system whether it would take a pilot, so that a wrong option is known before there is work. One that is
/// down now may be there by then: nothing ends for that.
async fn check(plan: &Arc<Plan>, observer: &Observer) {
    let plan = Arc::clone(plan);
    let checked = aside(move || slurm::check(&plan.pilot, plan.time, &plan.sbatch)).await;
    if let Err(error) = checked.and_then(|checked| checked.map_err(CliError::from)) {
        let why = error.to_string();
        say!("warning: the batch system would not start workers: {why}");
        observer.pilots(coordinator::Pilots::Refused { why }).await;
    }
}

/// One look at the batch system, and what follows from it.
async fn step(
    plan: &Arc<Plan>,
    scaler: &mut Autoscaler,
    demand: &Demand,
    now: Duration,
    observer: &Observer,
) -> Result<Decision, CliError> {
    let url = plan.pilot.coordinator.clone();
    let jobs = aside(move || {
        // What cannot be read of the ids is found by the comment.
        let known = launching::submitted().and_then(|submitted| submitted.of(&url).ok());
        slurm::jobs(&url, &known.unwrap_or_default())
    })
    .await??;
    let (waiting, running) = slurm::count(&jobs);
    let queued = coordinator::Pilots::Queued {
        waiting,
        running,
        reason: slurm::reason(&jobs),
    };
    let failures = scaler.failures();
    let decision = scaler.look(now, demand, Pilots { waiting, running });
    if scaler.failures() > failures {
        tracing::error!(
            in_a_row = scaler.failures(),
            "pilots ended before a worker of theirs joined: what they said is in the output files of their jobs"
        );
    }
    let done = match decision {
        Decision::Nothing => Ok(()),
        Decision::Submit(count) => submit(Arc::clone(plan), count).await,
        Decision::CancelWaiting(count) => {
            tracing::info!(
                count,
                "nothing waits for a worker: pilots that wait are cancelled"
            );
            aside(move || slurm::cancel_waiting(&jobs))
                .await
                .and_then(|done| done.map_err(CliError::from))
        }
    };
    match &done {
        Ok(()) => observer.pilots(queued).await,
        Err(_) => scaler.undone(decision),
    }
    done.map(|()| decision)
}

async fn submit(plan: Arc<Plan>, count: u32) -> Result<(), CliError> {
    let submitted = aside(move || {
        let job = slurm::submit(&plan.pilot, count, plan.time, &plan.sbatch)?;
        let (remembered, coordinator) = (launching::submitted(), &plan.pilot.coordinator);
        launching::remember(remembered.as_ref(), coordinator, &job);
        Ok::<_, slurm::SlurmError>(job)
    })
    .await;
    let job = submitted??;
    tracing::info!(%job, count, "pilots submitted");
    Ok(())
}

/// Waits for a call on a thread of its own: the runtime waits for its blocking threads when it ends, and a call
/// to a batch system that is down would hold up the coordinator's end.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CliError> {
    let (answer, answered) = oneshot::channel();
    std::thread::Builder::new()
        .name("batch system".to_owned())
        .spawn(move || {
            // Nobody waits any more where the coordinator has ended.
            let _ = answer.send(work());
        })
        .map_err(CliError::Runtime)?;
    answered
        .await
        .map_err(|_| CliError::Ended("the call to the batch system".to_owned()))
}

fn demand(load: &Load) -> Demand {
    Demand {
        pending: load.pending,
        leased: load.leased,
        seconds: load.seconds,
        workers: load.workers,
        threads: load.threads,
        joined: load.joined,
    }
}
