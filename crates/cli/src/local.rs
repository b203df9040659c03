//! `parsimony run`: coordinator and worker in one process, over an in-memory channel, the same code as on a
//! cluster.

use std::path::PathBuf;
use std::time::Duration;

use coordinator::Layout;
use rpc::auth::{Bearer, Gate, Role};
use rpc::v1;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tonic::transport::Server;
use worker::{FileSource, Stop, WorkerError};

use crate::args::Run;
use crate::error::CliError;
use crate::exit::Exit;
use crate::load::{self, Begun, Sweep};
use crate::progress::Progress;
use crate::{client, service, verify};

/// Both halves of a local run.
struct LocalRun {
    worker: JoinHandle<Result<(), WorkerError>>,
    coordinator: JoinHandle<Result<(), coordinator::CoordinatorError>>,
    stop_worker: watch::Sender<Stop>,
    stop_coordinator: oneshot::Sender<()>,
    client: client::Client,
    /// The service ends with its last connector, and must not before it is asked to.
    connector: rpc::memory::MemoryConnector,
}

/// Runs a sweep here.
///
/// # Errors
/// [`CliError`]; what was computed before is in the run folder.
pub(crate) async fn run(options: &Run) -> Result<Exit, CliError> {
    let sweep = load::sweep(
        &options.file,
        &options.sets.sets,
        Begun::In(options.out.as_deref()),
    )?;
    let name = sweep.grid.spec().name().to_owned();
    let run = options
        .out
        .clone()
        .unwrap_or_else(|| crate::run_dir::default_dir(&name));
    if run.exists() && !run.is_dir() {
        return Err(CliError::Request(format!(
            "{} is a file; --out takes a folder",
            run.display()
        )));
    }
    let threads = service::threads(options.threads);
    say!(
        "{name}: {} trials on {threads} thread{}",
        crate::output::grouped(sweep.grid.count()),
        if threads == 1 { "" } else { "s" }
    );
    let mut local = open(
        &sweep,
        run.clone(),
        threads,
        service::memory(options.memory, threads),
    )?;
    let submitted = local
        .client
        .submit(v1::SubmitRequest {
            toml: sweep.grid.spec().to_toml(),
            files: sweep.named_files()?,
            priority: None,
        })
        .await;
    let submitted = match submitted {
        Ok(submitted) => submitted.into_inner(),
        Err(status) => {
            close(local).await?;
            return Err(status.into());
        }
    };
    let (status, interrupted) = follow(&mut local, &name, submitted.accepted()).await?;
    close(local).await?;
    if interrupted && status.state() != v1::SweepState::Finished {
        say!("interrupted: nothing is lost, the same command goes on where this stopped");
        return Ok(Exit::Interrupted);
    }
    client::tell_end(&status, options.json)?;
    verify::tell_unasked(&status, sweep.grid.spec().verify(), &options.file);
    if status.state() == v1::SweepState::Finished {
        let summary = report::summary(&run, &sweep.grid);
        match summary {
            Ok(text) => crate::talk::write(format_args!("{text}")),
            Err(error) => say!("no summary: {error}"),
        }
        say!("tables: {}", run.display());
    }
    Ok(client::exit_of(&status))
}

fn open(
    sweep: &Sweep,
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
        checkpoint_after: service::checkpoint_every()?,
        revision: service::REVISION.to_owned(),
        workers: Gate::open(Role::Worker),
        users: Gate::open(Role::User),
        fault_hook: service::fault_hook(),
    };
    let coordinator = tokio::spawn(coordinator::serve(
        listener.into_stream(),
        Server::builder(),
        config,
        async move {
            // A dropped sender means that the program is ending, which is as good as a word.
            let _ = coordinator_stops.await;
        },
    ));
    let (stop_worker, worker_stops) = watch::channel(Stop::No);
    let config = worker::Config {
        name: "local".to_owned(),
        host: service::host_name(),
        threads,
        memory,
        files: FileSource::InPlace(files),
        walltime: None,
        reconnect: None,
        idle_timeout: None,
        checkpoint_every: service::checkpoint_every()?,
        instance: service::instance()?,
        bearer: Bearer::default(),
        plain_address: None,
        before_trial: service::trial_hook(),
        fault_hook: service::fault_hook(),
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

/// Shows progress until the sweep has ended or the person interrupts. A first Ctrl-C drains; a second one
/// ends the process at once, which loses only what was not yet durable and runs it again next time.
async fn follow(
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
    let mut told = false;
    let mut interrupts = service::Interrupts::new()?;
    loop {
        tokio::select! {
            status = statuses.message() => {
                let Some(status) = status?.and_then(|response| response.status) else {
                    break;
                };
                if !told {
                    client::tell_start(&status, accepted);
                    told = true;
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
async fn close(local: LocalRun) -> Result<(), CliError> {
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
