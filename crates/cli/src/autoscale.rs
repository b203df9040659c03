//! `coordinator --autoscale`: hands the coordinator's queue to `launch`'s autoscaler, and what that says to the
//! coordinator and the log.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use coordinator::{Load, Observer, PilotLimits, Pilots};
use launch::Pilot;
use launch::autoscale::{Autoscaler, Demand, Event, GLANCE_EVERY, IDLE_TIMEOUT};
use launch::batch::{Order, Words};
use tokio::sync::oneshot;

use crate::arguments::Autoscale;
use crate::error::CliError;
use crate::{pilot, process};

/// What the flags ask for; `None` where nothing is to be started.
///
/// # Errors
/// A flag that cannot be followed.
pub(crate) fn plan(
    asked: &Autoscale,
    certs: Option<&Path>,
    address: SocketAddr,
) -> Result<Option<Autoscaler<'static>>, CliError> {
    let (Some(system), Some(max_workers)) = (asked.autoscale, asked.max_workers) else {
        return Ok(None);
    };
    let secret = |name| {
        certs
            .map(|folder| pilot::absolute(&folder.join(name)))
            .transpose()
    };
    let order = Order {
        pilot: Pilot {
            program: pilot::program(asked.pilot_program.as_deref())?,
            coordinator: url(asked, certs.is_some(), address)?,
            ca: secret(rpc::certs::CA_FILE)?,
            token_file: secret(rpc::certs::WORKER_TOKEN_FILE)?,
            threads: asked.pilot_threads,
            idle_timeout: Some(asked.pilot_idle_timeout.unwrap_or(IDLE_TIMEOUT)),
            reconnect: None,
        },
        time: asked.pilot_time,
        options: asked.batch_options.clone(),
    };
    order.check(system)?;
    pilot::warn_of_loopback(&order.pilot.coordinator);
    let submitted = pilot::submitted(system);
    Ok(Some(Autoscaler::new(system, order, max_workers, submitted)))
}

/// The coordinator's address as its pilots see it.
fn url(asked: &Autoscale, has_tls: bool, address: SocketAddr) -> Result<String, CliError> {
    let scheme = if has_tls { "https" } else { "http" };
    Ok(match &asked.pilot_url {
        Some(url) => pilot::url(url)?.to_owned(),
        None if address.ip().is_unspecified() => {
            format!("{scheme}://{}:{}", process::host_name(), address.port())
        }
        None => format!("{scheme}://{address}"),
    })
}

/// Keeps the queue met until the process ends.
pub(crate) async fn run(scaler: Autoscaler<'static>, observer: Observer) {
    let begun = Instant::now();
    let words = scaler.system().words();
    let limits = PilotLimits {
        time: scaler.time(),
        memory: None,
    };
    let scaler = Arc::new(Mutex::new(scaler));
    let checked = aside(&scaler, |scaler| scaler.check()).await;
    if let Err(error) = checked.and_then(|checked| checked.map_err(CliError::from)) {
        let why = error.to_string();
        say!("warning: the batch system would not start workers: {why}");
        observer.pilots(Pilots::Refused { why }).await;
    }
    loop {
        tokio::time::sleep(GLANCE_EVERY).await;
        // None before the coordinator serves, and once it stops.
        let Some(load) = observer.load(limits).await else {
            continue;
        };
        let demand = demand(&load);
        if !lock(&scaler).is_due(begun.elapsed(), &demand) {
            continue;
        }
        let step = move |scaler: &mut Autoscaler<'_>| scaler.step(&|| begun.elapsed(), &demand);
        match aside(&scaler, step).await {
            Ok(events) => {
                for event in events {
                    report(event, words, &observer).await;
                }
            }
            Err(error) => {
                let why = error.to_string();
                tracing::warn!(%error, "the batch system is not asked");
                observer.pilots(Pilots::Refused { why }).await;
            }
        }
    }
}

/// Passes on what has happened: to the coordinator, whose status shows it, and to the log.
async fn report(event: Event, words: Words, observer: &Observer) {
    match event {
        Event::Queued {
            waiting,
            running,
            reason,
        } => {
            let queued = Pilots::Queued {
                waiting,
                running,
                reason,
            };
            observer.pilots(queued).await;
        }
        Event::Submitted { job, count } => tracing::info!(%job, count, "pilots submitted"),
        Event::NotKept { job, why } => pilot::warn_not_kept(&job, &why),
        Event::Cancelled { count } => tracing::info!(
            count,
            "nothing waits for a worker: pilots that wait are cancelled"
        ),
        Event::Fruitless { in_a_row } => tracing::error!(
            in_a_row,
            "pilots ended before a worker of theirs joined: the output files of their jobs say why"
        ),
        Event::NothingFits { trials } => {
            say!(
                "warning: {trials} trials fit no worker that would be started: `parsimony status` says why; give --pilot-time or {}'s {}",
                words.submit,
                words.memory_option
            );
            let why = "the trials that wait need more time or memory than a job would have";
            let why = why.to_owned();
            observer.pilots(Pilots::Refused { why }).await;
        }
        Event::Refused { why, again_in } => {
            tracing::warn!(error = %why, ?again_in, "the batch system does not answer");
            observer.pilots(Pilots::Refused { why }).await;
        }
    }
}

/// Waits for a call on a thread of its own: the runtime waits for its blocking threads when it ends, and a call
/// to a batch system that is down would hold up the coordinator's end.
async fn aside<T: Send + 'static>(
    scaler: &Arc<Mutex<Autoscaler<'static>>>,
    work: impl FnOnce(&mut Autoscaler<'static>) -> T + Send + 'static,
) -> Result<T, CliError> {
    let scaler = Arc::clone(scaler);
    let (answer, answered) = oneshot::channel();
    std::thread::Builder::new()
        .name("batch system".to_owned())
        .spawn(move || {
            let done = work(&mut lock(&scaler));
            // Nobody waits any more where the coordinator has ended.
            let _ = answer.send(done);
        })
        .map_err(CliError::Runtime)?;
    answered
        .await
        .map_err(|_| CliError::Ended("the call to the batch system".to_owned()))
}

fn lock<'a>(scaler: &'a Mutex<Autoscaler<'static>>) -> MutexGuard<'a, Autoscaler<'static>> {
    scaler.lock().unwrap_or_else(PoisonError::into_inner)
}

fn demand(load: &Load) -> Demand {
    Demand {
        pending: load.pending,
        misfit: load.misfit,
        leased: load.leased,
        seconds: load.seconds,
        workers: load.workers,
        threads: load.threads,
        joined: load.joined,
    }
}
