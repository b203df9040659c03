//! `parsimony coordinator`: serves sweeps to workers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use coordinator::{Layout, Observer};
use rpc::auth::{Gate, Role};
use rpc::connection_limits::ConnectionLimits;
use rpc::limits;
use tokio::net::TcpListener;
use tonic::transport::Server;

use crate::arguments::{Autoscale, Web, listen};
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupts::Interrupts;
use crate::live_page::LivePage;
use crate::{autoscale, certificate_end, metrics, other_users, output, process, runtime};

/// Open files of a process on most systems, where the limit cannot be asked for.
const USUAL_FILES: u64 = 1024;

/// HTTP/2 keep-alive: finds a peer that is gone without a word.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Answer time of a keep-alive.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serve sweeps to workers
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony coordinator --data runs                                 on this machine alone
  parsimony certs certs --host head.lab && \\
  parsimony coordinator --listen 0.0.0.0:7070 --data runs --certs certs
  parsimony coordinator --listen 0.0.0.0:7070 --data runs --certs certs --metrics 127.0.0.1:9090 \\
      --autoscale slurm --max-workers 20 --pilot-time 4h -- --partition=short")]
pub(crate) struct Coordinator {
    /// Address to listen on; port 0 takes a free one, printed on standard output
    #[arg(long, default_value = "127.0.0.1:7070", value_parser = listen, value_name = "ADDR")]
    listen: SocketAddr,
    /// Folder of the run folders, one per sweep
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder made by `parsimony certs`: TLS and tokens
    #[arg(long, value_name = "DIR")]
    certs: Option<PathBuf>,
    /// Allow other machines to connect without TLS and tokens
    #[arg(long, conflicts_with = "certs")]
    insecure: bool,
    /// Serve Prometheus metrics at http://ADDR/metrics; port 0 takes a free one, printed on standard output
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    metrics: Option<SocketAddr>,
    /// Serve metrics to other machines too; they have neither TLS nor a token, and name the sweeps
    #[arg(long, requires = "metrics")]
    metrics_open: bool,
    #[command(flatten)]
    web: Web,
    #[command(flatten)]
    autoscale: Autoscale,
}

impl Coordinator {
    /// Serves until a signal; what was reported is then durable.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        let runtime = runtime::many_threads()?;
        let exit = runtime.block_on(self.serve());
        // What waits for a disk that does not answer is not waited for: what was acknowledged is durable.
        runtime.shutdown_background();
        exit
    }

    async fn serve(&self) -> Result<Exit, CliError> {
        self.refuse_strangers()?;
        let places = ConnectionLimits::of_files(more_files());
        let (workers, users) = self.gates()?;
        if let Some(certs) = &self.certs {
            let standing = rpc::certs::check_server(certs)?;
            certificate_end::warn(&certs.join(rpc::certs::SERVER_FILE), &standing);
        }
        let mut interrupts = Interrupts::new()?;
        let data = self.data_folder()?;
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            CliError::Request(format!("cannot listen on {}: {error}", self.listen))
        })?;
        let address = listener.local_addr().map_err(CliError::Runtime)?;
        let page = metrics::listen(self.metrics, self.insecure || self.metrics_open).await?;
        let live = LivePage::listen(&self.web, self.certs.as_deref()).await?;
        let pilots = autoscale::plan(&self.autoscale, self.certs.as_deref(), address)?;
        let mut lines = self.addresses(address, page.as_ref().map(|(_, address)| *address));
        if let Some(live) = &live {
            lines += &format!("{}\n", live.words());
        }
        let observer = Observer::default();
        let serving = observer.clone();
        // Said, and pilots started, only once the data folder is this coordinator's.
        let announced = tokio::spawn(async move {
            serving.attached().await;
            output::announce(&lines)?;
            if let Some((listener, _)) = page {
                tokio::spawn(metrics::serve(listener, serving.clone()));
            }
            if let Some(live) = live {
                tokio::spawn(live.serve(serving.clone(), false));
            }
            if let Some(pilots) = pilots {
                tokio::spawn(autoscale::run(pilots, serving));
            }
            Ok::<(), CliError>(())
        });
        let config = coordinator::Config {
            layout: Layout::Many(data),
            heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
            checkpoint_after: process::checkpoint_every()?,
            revision: process::REVISION.to_owned(),
            workers,
            users,
            fault_hook: process::fault_hook(),
        };
        // Whoever only asks for health is sent away after a while as well, and may come back.
        let incoming = rpc::guard::guard(rpc::connection_limits::accept(listener, places), places);
        // Whoever started it and cannot hear where it listens cannot use it.
        let mute = async move {
            match announced.await {
                Ok(Err(error)) => error,
                Ok(Ok(())) | Err(_) => std::future::pending().await,
            }
        };
        let stop = async move {
            interrupts.next().await;
            say!("stopping: what has been reported is being written");
        };
        let server = self.server()?;
        tokio::select! {
            served = coordinator::serve_observed(incoming, server, config, &observer, stop) => served?,
            error = mute => return Err(error),
        }
        Ok(Exit::Done)
    }

    /// Refuses to serve strangers without tokens, and warns of other users of this machine.
    fn refuse_strangers(&self) -> Result<(), CliError> {
        let is_loopback = self.listen.ip().is_loopback();
        if !is_loopback && !self.insecure && self.certs.is_none() {
            return Err(CliError::Request(format!(
                "{} is not a loopback address: anybody who reaches it could run sweeps here; give --certs DIR (see `parsimony certs`), or --insecure if the network is trusted",
                self.listen
            )));
        }
        if is_loopback && self.certs.is_none() && other_users::are_here() {
            say!(
                "warning: this machine has other users, and each of them can submit, cancel and remove sweeps here; give --certs DIR (see `parsimony certs`) to let in nobody without a token"
            );
        }
        Ok(())
    }

    /// The folder of the run folders, made where it is missing.
    fn data_folder(&self) -> Result<PathBuf, CliError> {
        let failed = |source| CliError::Write {
            path: self.data.clone(),
            source,
        };
        std::fs::create_dir_all(&self.data).map_err(failed)?;
        std::path::absolute(&self.data).map_err(failed)
    }

    /// Lines for standard output: where it listens.
    fn addresses(&self, address: SocketAddr, page: Option<SocketAddr>) -> String {
        let scheme = match &self.certs {
            Some(_) => "https",
            None => "http",
        };
        let mut lines = format!("listening on {scheme}://{address}\n");
        if let Some(address) = page {
            lines += &format!("metrics on http://{address}/metrics\n");
        }
        lines
    }

    /// Settings of the service's connections.
    fn server(&self) -> Result<Server, CliError> {
        let server = Server::builder()
            .tcp_nodelay(true)
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT));
        let Some(certs) = &self.certs else {
            return Ok(server);
        };
        server
            .tls_config(rpc::certs::server_tls(certs)?)
            .map_err(|error| CliError::Request(format!("the certificates do not fit: {error}")))
    }

    /// Who may call: the bearers of the folder's tokens, or everybody.
    fn gates(&self) -> Result<(Gate, Gate), CliError> {
        let Some(folder) = &self.certs else {
            return Ok((Gate::open(Role::Worker), Gate::open(Role::User)));
        };
        Ok((
            Gate::of_file(Role::Worker, &folder.join(rpc::certs::WORKER_TOKEN_FILE))?,
            Gate::of_file(Role::User, &folder.join(rpc::certs::USER_TOKEN_FILE))?,
        ))
    }
}

/// Lets the process open as many files as the system allows it: a connection is one, and many systems begin
/// with a thousand. Returns how many that are.
fn more_files() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files stays as it is");
        rlimit::Resource::NOFILE
            .get()
            .map_or(USUAL_FILES, |(soft, _)| soft)
    })
}
