//! The gRPC service: puts the parts together and runs until it is stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rpc::limits;
use rpc::v1::sweep_service_server::SweepServiceServer;
use rpc::v1::worker_service_server::WorkerServiceServer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::{Connected, Router};

use crate::checkpoint_budget::CheckpointBudget;
use crate::checkpoints::Checkpoints;
use crate::config::{Config, CoordinatorError, Layout};
use crate::data_lock::DataLock;
use crate::event_loop::EventLoop;
use crate::event_loop::events::{Event, SweepRequest};
use crate::files::FileIndex;
use crate::lease_token::TokenKey;
use crate::observer::Observer;
use crate::planning::{Planner, StopPlans};
use crate::removal;
use crate::sweep_service::SweepHandler;
use crate::worker_service::WorkerHandler;
use crate::writer_pool::WriterPool;

/// Events waiting for the loop: beyond it the sessions wait, and so do the workers' sends.
const EVENTS: usize = 256;

/// HTTP/2 streams of one connection: a worker has one and a few fetches, a person's program one.
const STREAMS: u32 = 64;

/// Threads that write, for all sweeps together: while one waits for its disk to sync, others encode.
const WRITERS: usize = 4;

/// Connections may take so long to close after the last row is written.
const GOODBYES: Duration = Duration::from_secs(2);

/// A connection of either transport.
pub trait Connection: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static> Connection for T {}

/// Serves over `incoming` until `stop` completes; then grants nothing more, writes what was reported, and
/// returns. `server` carries what depends on the transport (TLS, timeouts).
///
/// # Errors
/// [`CoordinatorError`]; every acknowledged result is durable whatever happens.
pub async fn serve<I, C, E>(
    incoming: I,
    server: Server,
    config: Config,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CoordinatorError>
where
    I: Stream<Item = Result<C, E>> + Send + 'static,
    C: Connection,
    C::ConnectInfo: Clone + Send + Sync + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    serve_observed(incoming, server, config, &Observer::default(), stop).await
}

/// As [`serve`], with an observer that may look on while it runs.
///
/// # Errors
/// As [`serve`].
pub async fn serve_observed<I, C, E>(
    incoming: I,
    server: Server,
    config: Config,
    observer: &Observer,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CoordinatorError>
where
    I: Stream<Item = Result<C, E>> + Send + 'static,
    C: Connection,
    C::ConnectInfo: Clone + Send + Sync + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let pool = WriterPool::start(WRITERS).map_err(CoordinatorError::Threads)?;
    serve_with(incoming, server, config, observer, stop, pool).await
}

/// As [`serve_observed`], with the threads that write.
pub(crate) async fn serve_with<I, C, E>(
    incoming: I,
    server: Server,
    config: Config,
    observer: &Observer,
    stop: impl Future<Output = ()> + Send + 'static,
    pool: WriterPool,
) -> Result<(), CoordinatorError>
where
    I: Stream<Item = Result<C, E>> + Send + 'static,
    C: Connection,
    C::ConnectInfo: Clone + Send + Sync + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let Service {
        events,
        mut event_loop,
        workers,
        sweeps,
        plans,
        _lock,
    } = Service::start(Arc::new(config), pool)?;
    observer.attach(&events);
    let router = router(server, workers, sweeps).await;
    let (asked, stop_asked) = oneshot::channel();
    let shutdown = async move {
        stop.await;
        plans.stop();
        let (reply, stopped) = oneshot::channel();
        let stop = SweepRequest::Stop { reply };
        if events.send(Event::Request(stop)).await.is_ok() {
            // The loop drops the reply only when it has ended by itself.
            let _ = stopped.await;
        }
        drop(events);
        // Received unless the service has ended already.
        let _ = asked.send(());
    };
    let patience = async move {
        if stop_asked.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(GOODBYES).await;
    };
    // An event loop that panicked would leave a service that answers nobody and holds its lock and port.
    let died = async {
        if (&mut event_loop).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = died => return Err(CoordinatorError::Died),
        served = router.serve_with_incoming_shutdown(incoming, shutdown) => served?,
        () = patience => tracing::warn!("some connections did not close in time"),
    }
    event_loop.abort();
    Ok(())
}

/// The event loop, running, and the handlers that send to it.
struct Service {
    events: mpsc::Sender<Event>,
    event_loop: JoinHandle<()>,
    workers: WorkerHandler,
    sweeps: SweepHandler,
    plans: StopPlans,
    /// Of the data folder.
    _lock: Option<DataLock>,
}

impl Service {
    fn start(config: Arc<Config>, pool: WriterPool) -> Result<Self, CoordinatorError> {
        let (key, generation, lock) = match &config.layout {
            // No lease outlives a local run, so every one may be the first generation.
            Layout::One { .. } => (TokenKey::fresh()?, 1, None),
            Layout::Many(data) => {
                let lock = DataLock::take(data)?;
                crate::files::clear_uploads(data);
                let key = TokenKey::of_folder(data)?;
                (key, lock.next_generation()?, Some(lock))
            }
        };
        let files = FileIndex::default();
        let checkpoints = Checkpoints::default();
        let (events, queue) = mpsc::channel(EVENTS);
        let mut event_loop = EventLoop::new(
            Arc::clone(&config),
            generation,
            key.clone(),
            files.clone(),
            checkpoints.clone(),
            pool,
            events.clone(),
        );
        if let Layout::Many(data) = &config.layout {
            event_loop.expect(run_folders(data)?);
            let data = data.clone();
            tokio::task::spawn_blocking(move || removal::finish_removals(&data));
        }
        let workers = WorkerHandler {
            events: events.clone(),
            key,
            files: files.clone(),
            checkpoints,
            room: CheckpointBudget::default(),
            spools: match &config.layout {
                Layout::One { run, .. } => run.clone(),
                Layout::Many(data) => data.clone(),
            },
        };
        let (planner, plans) = Planner::new();
        let sweeps = SweepHandler {
            events: events.clone(),
            config,
            files,
            planner,
            submitting: Arc::new(Mutex::new(())),
        };
        Ok(Service {
            event_loop: tokio::spawn(event_loop.run(queue)),
            events,
            workers,
            sweeps,
            plans,
            _lock: lock,
        })
    }
}

/// Every service behind its gate.
async fn router(server: Server, workers: WorkerHandler, sweeps: SweepHandler) -> Router {
    let config = &sweeps.config;
    let (worker_gate, user_gate) = (config.workers.clone(), config.users.clone());
    let (health, health_service) = tonic_health::server::health_reporter();
    health
        .set_serving::<WorkerServiceServer<WorkerHandler>>()
        .await;
    health
        .set_serving::<SweepServiceServer<SweepHandler>>()
        .await;
    let described = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(rpc::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // Tools of a few years ago, and Python's client, speak the alpha version alone.
    let reflection = described()
        .build_v1()
        .and_then(|v1| Ok((v1, described().build_v1alpha()?)));
    let router = server
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(limits::WINDOW_BYTES)
        .initial_connection_window_size(limits::WINDOW_BYTES)
        .add_service(health_service)
        .add_service(InterceptedService::new(
            WorkerServiceServer::new(workers)
                .max_decoding_message_size(limits::FRAME_BYTES)
                .max_encoding_message_size(limits::ANSWER_BYTES),
            worker_gate,
        ))
        .add_service(InterceptedService::new(
            SweepServiceServer::new(sweeps)
                .max_decoding_message_size(limits::REQUEST_BYTES)
                .max_encoding_message_size(limits::REQUEST_BYTES),
            user_gate.clone(),
        ));
    match reflection {
        Ok((v1, v1alpha)) => router
            .add_service(InterceptedService::new(v1, user_gate.clone()))
            .add_service(InterceptedService::new(v1alpha, user_gate)),
        Err(error) => {
            tracing::error!(%error, "reflection is off");
            router
        }
    }
}

/// Names and places of the run folders in the service's data folder.
fn run_folders(data: &Path) -> Result<Vec<(String, PathBuf)>, CoordinatorError> {
    let failed = |source| CoordinatorError::Io {
        path: data.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A run folder that has lost its journal makes it again from its parts.
        let marks = ["journal.sqlite", "trials/schema.parquet"];
        let is_run = marks.iter().any(|mark| entry.path().join(mark).exists());
        if is_run && rpc::convert::sweep_name(&name).is_ok() {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}
