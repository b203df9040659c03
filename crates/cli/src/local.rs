//! Coordinator and worker in one process, over an in-memory channel, the same code as on a cluster.

use std::path::PathBuf;
use std::time::Duration;

use coordinator::{Layout, Observer};
use rpc::auth::{Bearer, Gate, Role};
use rpc::v1;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tonic::transport::Server;
use worker::{FileSource, Stop, WorkerError};

use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupts::Interrupts;
use crate::load::Sweep;
use crate::process;
use crate::render::progress::Progress;
use crate::render::sweeps;

/// Both halves of a local run.
pub(crate) struct LocalRun {
    worker: JoinHandle<Result<(), WorkerError>>,
    coordinator: JoinHandle<Result<(), coordinator::CoordinatorError>>,
    stop_worker: watch::Sender<Stop>,
    stop_coordinator: oneshot::Sender<()>,
    pub(crate) client: client::Client,
    /// The service ends with its last connector, and must not before it is asked to.
    connector: rpc::memory::MemoryConnector,
}

/// Starts both halves.
///
/// # Errors
/// [`CliError`].
pub(crate) fn open(
    sweep: &Sweep,
    observer: Observer,
    run: PathBuf,
    threads: usize,
    memory: Option<u64>,
) -> Result<LocalRun, CliError> {
    let (connector, listener) = rpc::memory::pair();
    let files = sweep.files.clone().running_in(&run);
    let (stop_coordinator, coordinator_stops) = oneshot::channel::<()>();
    let config = coordinator::Config {
        layout: Layout::One {
            run,
            files: files.clone(),
        },
        // The worker is a part of this process: it cannot vanish alone, but a laptop may sleep.
        heartbeat_timeout: Duration::from_secs(3600),
        checkpoint_after: process::checkpoint_every()?,
        revision: process::REVISION.to_owned(),
        workers: Gate::open(Role::Worker),
        users: Gate::open(Role::User),
        fault_hook: process::fault_hook(),
    };
    let coordinator = tokio::spawn(async move {
        let stop = async move {
            // A dropped sender means that the program is ending, which is as good as a word.
            let _ = coordinator_stops.await;
        };
        let (incoming, server) = (listener.into_stream(), Server::builder());
        coordinator::serve_observed(incoming, server, config, &observer, stop).await
    });
    let (stop_worker, worker_stops) = watch::channel(Stop::No);
    let config = worker::Config {
        name: "local".to_owned(),
        host: process::host_name(),
        threads,
        memory,
        files: FileSource::InPlace(files),
        walltime: None,
        reconnect: None,
        idle_timeout: None,
        checkpoint_every: process::checkpoint_every()?,
        instance: process::instance()?,
        bearer: Bearer::default(),
        plain_address: None,
        before_trial: process::trial_hook(),
        fault_hook: process::fault_hook(),
    };
    let worker = tokio::spawn(worker::run(connector.channel(), config, worker_stops));
    let client = client::over(connector.channel(), Bearer::default());
    Ok(LocalRun {
        worker,
        coordinator,
        stop_worker,
        stop_coordinator,
        client,
        connector,
    })
}

/// Shows progress until the sweep has ended or it is interrupted. A first Ctrl-C drains; a second one
/// ends the process at once, which loses only what was not yet durable and runs it again next time.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn follow(
    local: &mut LocalRun,
    name: &str,
    accepted: v1::Accepted,
) -> Result<(v1::SweepStatus, bool), CliError> {
    let request = v1::WatchRequest {
        name: name.to_owned(),
    };
    let mut statuses = local.client.watch(request).await?.into_inner();
    let mut progress = Progress::new();
    let mut last = v1::SweepStatus::default();
    let mut interrupted = false;
    let mut started = false;
    let mut interrupts = Interrupts::new()?;
    loop {
        tokio::select! {
            status = statuses.message() => {
                let Some(status) = status?.and_then(|response| response.status) else {
                    break;
                };
                if !started {
                    sweeps::print_start(&status, accepted);
                    started = true;
                }
                progress.show(&status);
                last = status;
            }
            ended = &mut local.worker => {
                progress.finish();
                match ended {
                    Ok(Ok(())) if interrupted => break,
                    Ok(Ok(())) => return Err(CliError::Ended("the worker left".to_owned())),
                    Ok(Err(error)) => return Err(error.into()),
                    Err(error) => return Err(CliError::Ended(error.to_string())),
                }
            }
            () = interrupts.next() => {
                if interrupted {
                    progress.finish();
                    std::process::exit(Exit::Interrupted as i32);
                }
                interrupted = true;
                progress.finish();
                say!("stopping: what has been computed is being written (Ctrl-C again to leave at once)");
                local.stop_worker.send_replace(Stop::Drain);
            }
        }
    }
    progress.finish();
    Ok((last, interrupted))
}

/// Stops both halves; everything reported is durable when this returns.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn close(local: LocalRun) -> Result<(), CliError> {
    local.stop_worker.send_replace(Stop::Drain);
    // The coordinator may have ended already.
    let _ = local.stop_coordinator.send(());
    drop(local.client);
    let served = local.coordinator.await;
    drop(local.connector);
    match served {
        Ok(served) => served?,
        Err(error) => return Err(CliError::Ended(error.to_string())),
    }
    local.worker.abort();
    Ok(())
}
