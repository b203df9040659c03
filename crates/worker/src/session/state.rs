//! What outlives a connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rpc::limits;
use rpc::trust::PermanentFailure;
use rpc::v1::worker_service_client::WorkerServiceClient;
use tokio::sync::{Mutex, mpsc, watch};
use tonic::transport::Channel;

use super::held_lease::HeldLease;
use crate::client::Client;
use crate::config::{Config, Stop, WorkerError};
use crate::executor::Executor;
use crate::files::Files;
use crate::lease::Output;
use crate::outbox::Outbox;

/// How a session ended.
pub(crate) enum Ended {
    /// The coordinator has nothing more.
    Finished,
    /// This worker was asked to leave and everything is acknowledged.
    Drained,
    Idle,
    Lost {
        /// Whether the coordinator had answered at all.
        welcomed: bool,
        why: String,
        /// Why no later try can succeed.
        permanent: Option<PermanentFailure>,
    },
}

pub(crate) struct Session {
    pub(super) client: Client,
    pub(super) config: Config,
    pub(super) executor: Executor,
    pub(super) outputs: mpsc::Receiver<Output>,
    pub(super) stop: watch::Receiver<Stop>,
    pub(super) files: Arc<Mutex<Files>>,
    pub(super) outbox: Outbox,
    pub(super) begun: Instant,
    pub(super) draining: bool,
    pub(super) held: BTreeMap<u64, HeldLease>,
    pub(super) last_lease: Instant,
    /// Since when the coordinator is away, where that was said.
    pub(crate) away: Option<Instant>,
}

impl Session {
    pub(crate) fn new(
        channel: Channel,
        config: Config,
        executor: Executor,
        outputs: mpsc::Receiver<Output>,
        stop: watch::Receiver<Stop>,
    ) -> Result<Self, WorkerError> {
        let client = WorkerServiceClient::with_interceptor(channel, config.bearer.clone())
            .max_decoding_message_size(limits::ANSWER_BYTES)
            .max_encoding_message_size(limits::FRAME_BYTES);
        let files = Arc::new(Mutex::new(Files::new(
            config.files.clone(),
            config.instance,
        )?));
        Ok(Session {
            client,
            config,
            executor,
            outputs,
            stop,
            files,
            outbox: Outbox::default(),
            begun: Instant::now(),
            draining: false,
            held: BTreeMap::new(),
            last_lease: Instant::now(),
            away: None,
        })
    }

    /// Waits between two connections; true where the worker is to end instead.
    pub(crate) async fn wait_or_stop(&mut self, wait: Duration) -> bool {
        if self.draining {
            return true;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => false,
            () = drain_requested(&mut self.stop) => true,
        }
    }
}

/// Completes when the worker is asked to leave; never where nobody can ask any more.
pub(super) async fn drain_requested(stop: &mut watch::Receiver<Stop>) {
    let asked = stop.wait_for(|stop| *stop == Stop::Drain).await.is_ok();
    if !asked {
        std::future::pending::<()>().await;
    }
}
