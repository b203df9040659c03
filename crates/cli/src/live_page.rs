//! `--web`: the live page of a coordinator in this process. Where it listens, who may use it, and a coordinator's
//! answers in the page's words.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use coordinator::{Command, Observer, SweepNow, WorkerNow};
use rpc::auth::{Gate, Role};
use rpc::v1;
use tokio::net::TcpListener;
use web::{Access, Change, Overview, Refusal, Standing, Sweep, Worker};

use crate::arguments::Web;
use crate::bounded::Bounded;
use crate::error::CliError;
use crate::render::{sweeps, waiting};

/// Connections at a time: a browser has six at most, and as many viewers watch as the page allows. The next one takes
/// the place of the oldest.
const CONNECTIONS: usize = 512;

/// Life of a connection: the page connects again by itself.
const LIFE: Duration = Duration::from_secs(1800);

/// A page that listens already, so that its address is known.
pub(crate) struct LivePage {
    listener: TcpListener,
    address: SocketAddr,
    access: Access,
}

impl LivePage {
    /// Listens where the flags say; `None` where they do not. `certs` are the coordinator's, whose users' token is the
    /// page's unless another file is named.
    ///
    /// # Errors
    /// An address off loopback without a token; one that cannot be had; a file that holds no token.
    pub(crate) async fn listen(
        options: &Web,
        certs: Option<&Path>,
    ) -> Result<Option<Self>, CliError> {
        let Some(address) = options.web else {
            return Ok(None);
        };
        let of_certs = certs.map(|certs| certs.join(rpc::certs::USER_TOKEN_FILE));
        let token = options.web_token.clone().or(of_certs);
        let gate = token
            .map(|path| Gate::of_file(Role::User, &path))
            .transpose()?;
        let is_local = address.ip().is_loopback();
        if !is_local && gate.is_none() {
            return Err(CliError::Request(format!(
                "{address} is not a loopback address, and a page without a token shows everything to everybody who reaches it: give --web-token FILE, or use 127.0.0.1 and reach it by `ssh -L`"
            )));
        }
        if !is_local {
            say!(
                "warning: the live page has no TLS of its own, so tokens travel to {address} in clear; put a proxy with TLS before it, or use 127.0.0.1 and `ssh -L`"
            );
        }
        let failed = |error| CliError::Request(format!("cannot listen on {address}: {error}"));
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let access = Access {
            listen: address.ip(),
            hosts: options.web_hosts.clone(),
            token: gate
                .map(|gate| Arc::new(move |header: &str| gate.admits(header)) as web::TokenCheck),
            reading_needs_token: !is_local,
        };
        Ok(Some(LivePage {
            listener,
            address,
            access,
        }))
    }

    /// A line that says where it is and what it allows.
    pub(crate) fn words(&self) -> String {
        let kind = match self.access.token {
            Some(_) => "",
            None => " (read-only)",
        };
        format!("live page on http://{}/{kind}", self.address)
    }

    /// Serves until the process ends.
    pub(crate) async fn serve(self, observer: Observer, is_local: bool) {
        let about = web::About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            is_local,
        };
        let router = web::router(Observed(observer), self.access, about);
        let listener = Bounded::with(self.listener, CONNECTIONS, LIFE);
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the live page is no longer served");
        }
    }
}

/// The coordinator in this process, in the page's words.
struct Observed(Observer);

impl web::Source for Observed {
    async fn overview(&self) -> Option<Overview> {
        let now = self.0.now().await?;
        Some(Overview {
            sweeps: now.sweeps.iter().map(sweep).collect(),
            workers: now.workers.into_iter().map(worker).collect(),
        })
    }

    async fn reported(&self) -> Option<u64> {
        self.0.reported().await
    }

    async fn standing(&self, name: &str) -> Result<Standing, Refusal> {
        let now = self
            .0
            .sweep(name)
            .await
            .map_err(|status| refusal(&status))?;
        let SweepNow {
            status,
            folder,
            dir,
            numbers,
            recent,
        } = now;
        Ok(Standing {
            sweep: sweep(&status),
            folder,
            dir,
            closed: numbers.closed,
            failed: numbers.failed,
            running: numbers.leased,
            recent,
        })
    }

    async fn change(&self, name: &str, change: Change) -> Result<u64, Refusal> {
        let command = match change {
            Change::Pause => Command::Pause,
            Change::Resume => Command::Resume,
            Change::Cancel => Command::Cancel,
            Change::Retry => Command::RetryFailed,
        };
        let changed = self.0.change(name, command).await;
        changed.map_err(|status| refusal(&status))
    }
}

/// A coordinator's refusal, in the page's words.
fn refusal(status: &tonic::Status) -> Refusal {
    use tonic::Code;
    let words = status.message().to_owned();
    match status.code() {
        Code::NotFound => Refusal::NotFound(words),
        Code::FailedPrecondition | Code::InvalidArgument => Refusal::NotNow(words),
        Code::Unavailable => Refusal::Unavailable,
        _ => Refusal::Failed(words),
    }
}

fn sweep(status: &v1::SweepStatus) -> Sweep {
    let failures = status.recent_failures.iter();
    Sweep {
        name: status.name.clone(),
        state: sweeps::state_name(status.state()),
        trials: status.trials,
        completed: status.completed,
        diverged: status.diverged,
        failed: status.failed,
        leased: status.leased,
        reported: status.reported,
        elapsed_seconds: status.elapsed_ms as f64 / 1e3,
        eta_seconds: Some(status.eta_seconds).filter(|&eta| eta >= 0.0),
        predicted_seconds: status.predicted_seconds,
        done_seconds: status.done_seconds,
        waiting: waiting::words(status),
        problem: status.problem.clone(),
        notes: status.notes.clone(),
        priority: status.priority,
        failures: failures
            .map(|failure| web::Failure {
                trial: failure.trial,
                error: failure.error.clone(),
                at: failure.at_seconds,
            })
            .collect(),
    }
}

fn worker(now: WorkerNow) -> Worker {
    let status = now.status;
    let state = match (now.is_here, status.draining, now.held > 0) {
        (false, _, _) => "away",
        (true, true, _) => "draining",
        (true, false, true) => "busy",
        (true, false, false) => "idle",
    };
    Worker {
        id: status.worker_id,
        name: status.name,
        host: status.host,
        state,
        threads: status.threads,
        held: now.held,
        trials: status.trials,
        sweep: now.sweep,
        running: now.running,
        silent_seconds: status.silent_ms as f64 / 1e3,
        connected_seconds: status.connected_ms as f64 / 1e3,
        memory_bytes: status.memory_bytes,
        isa: status.isa,
        version: status.program_version,
        problem: status.problem,
    }
}
