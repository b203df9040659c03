//! `parsimony coordinator` and `parsimony worker`: the two services, from flags to their end.

use std::time::Duration;

use coordinator::{Layout, Observer};
use rpc::auth::{Gate, Role};
use rpc::connection_limits::ConnectionLimits;
use rpc::limits;
use rpc::validity::Validity;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tonic::transport::Server;
use worker::{FileSource, Stop};

use crate::args::{Certs, Coordinator, Worker};
use crate::error::CliError;
use crate::exit::Exit;
use crate::{autoscale, client, metrics, other_users, output};

/// Time between two checkpoints of one trial: a trial longer than this leaves some.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// Sets that time in seconds, for tests and for disks that are slow or precious.
const CHECKPOINT_VARIABLE: &str = "PARSIMONY_CHECKPOINT_SECONDS";

/// Source revision, where the build was told it.
pub(crate) const REVISION: &str = match option_env!("PARSIMONY_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Open files of a process on most systems, where the limit cannot be asked for.
const USUAL_FILES: u64 = 1024;

/// HTTP/2 keep-alive: finds a peer that is gone without a word.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Answer time of a keep-alive.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests to stop: Ctrl-C, SIGTERM from a batch system, SIGHUP from a terminal that goes away.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    /// `None` where it is ignored, as under `nohup`, and once it has come: a terminal may send it more than once, and
    /// a second request to stop means at once.
    hangup: Option<Signal>,
}

impl Interrupts {
    /// Takes over the signals.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(crate) fn new() -> Result<Self, CliError> {
        Ok(Interrupts {
            interrupt: signal(SignalKind::interrupt()).map_err(CliError::Runtime)?,
            terminate: signal(SignalKind::terminate()).map_err(CliError::Runtime)?,
            hangup: if hangup_is_ignored() {
                None
            } else {
                Some(signal(SignalKind::hangup()).map_err(CliError::Runtime)?)
            },
        })
    }

    /// Completes at the next one.
    pub(crate) async fn next(&mut self) {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hung_up => self.hangup = None,
        }
    }
}

/// Whether this process was started with SIGHUP ignored. Where the system does not say, it is taken for ignored: it
/// then does what it did before.
fn hangup_is_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| ignores_hangup(&status))
        .unwrap_or(true)
}

/// Reads the mask of ignored signals out of `/proc/self/status`: SIGHUP is the first.
fn ignores_hangup(status: &str) -> Option<bool> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    Some(mask & 1 == 1)
}

/// Serves until a signal; what was reported is then durable.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn coordinator(options: &Coordinator) -> Result<Exit, CliError> {
    if !options.listen.ip().is_loopback() && !options.insecure && options.certs.is_none() {
        return Err(CliError::Request(format!(
            "{} is not a loopback address: anybody who reaches it could run sweeps here; give --certs DIR (see `parsimony certs`), or --insecure if the network is trusted",
            options.listen
        )));
    }
    if options.listen.ip().is_loopback() && options.certs.is_none() && other_users::are_here() {
        say!(
            "warning: this machine has other users, and each of them can submit, cancel and remove sweeps here; give --certs DIR (see `parsimony certs`) to let in nobody without a token"
        );
    }
    let places = ConnectionLimits::of_files(more_files());
    let (workers, users) = gates(options)?;
    if let Some(certs) = &options.certs {
        let standing = rpc::certs::check_server(certs)?;
        warn_of_end(&certs.join(rpc::certs::SERVER_FILE), &standing);
    }
    let mut interrupts = Interrupts::new()?;
    let failed = |source| CliError::Write {
        path: options.data.clone(),
        source,
    };
    std::fs::create_dir_all(&options.data).map_err(failed)?;
    let data = std::path::absolute(&options.data).map_err(failed)?;
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        CliError::Request(format!("cannot listen on {}: {error}", options.listen))
    })?;
    let address = listener.local_addr().map_err(CliError::Runtime)?;
    let page = metrics::listen(options).await?;
    let pilots = autoscale::plan(options, address)?;
    let scheme = if options.certs.is_some() {
        "https"
    } else {
        "http"
    };
    let mut lines = format!("listening on {scheme}://{address}\n");
    if let Some((_, address)) = &page {
        lines += &format!("metrics on http://{address}/metrics\n");
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
        if let Some(pilots) = pilots {
            tokio::spawn(autoscale::run(pilots, serving));
        }
        Ok::<(), CliError>(())
    });
    let config = coordinator::Config {
        layout: Layout::Many(data),
        heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
        checkpoint_after: checkpoint_every()?,
        revision: REVISION.to_owned(),
        workers,
        users,
        fault_hook: fault_hook(),
    };
    let mut server = Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT));
    if let Some(certs) = &options.certs {
        server = server
            .tls_config(rpc::certs::server_tls(certs)?)
            .map_err(|error| CliError::Request(format!("the certificates do not fit: {error}")))?;
    }
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
    tokio::select! {
        served = coordinator::serve_observed(incoming, server, config, &observer, stop) => served?,
        error = mute => return Err(error),
    }
    Ok(Exit::Done)
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

/// Who may call: the bearers of the folder's tokens, or everybody.
fn gates(options: &Coordinator) -> Result<(Gate, Gate), CliError> {
    let Some(folder) = &options.certs else {
        return Ok((Gate::open(Role::Worker), Gate::open(Role::User)));
    };
    Ok((
        Gate::of_file(Role::Worker, &folder.join(rpc::certs::WORKER_TOKEN_FILE))?,
        Gate::of_file(Role::User, &folder.join(rpc::certs::USER_TOKEN_FILE))?,
    ))
}

/// Makes certificates and tokens.
///
/// # Errors
/// [`CliError`].
pub(crate) fn certs(options: &Certs) -> Result<Exit, CliError> {
    let make = if options.renew {
        rpc::certs::renew
    } else {
        rpc::certs::make
    };
    for path in make(&options.dir, &options.hosts, options.valid)? {
        output::data(&format!("{}\n", path.display()))?;
    }
    if options.renew {
        say!("hand the new tokens out, and start the coordinator again");
    }
    Ok(Exit::Done)
}

/// Works until the coordinator is done with it or a signal drains it.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn worker(options: &Worker) -> Result<Exit, CliError> {
    let mut interrupts = Interrupts::new()?;
    let endpoint = client::endpoint(&options.coordinator)?;
    if let Some(ca) = &options.coordinator.ca {
        warn_of_end(ca, &rpc::validity::of_file(ca));
    }
    let plain_address = plain_address(endpoint.uri());
    let channel = endpoint.connect_lazy();
    let host = host_name();
    let name = options.name.clone().unwrap_or_else(|| default_name(&host));
    let config = worker::Config {
        name,
        host,
        threads: threads(options.threads),
        memory: memory(options.memory, threads(options.threads)),
        files: FileSource::Fetched,
        walltime: options.time,
        reconnect: Some(options.reconnect),
        idle_timeout: options.idle_timeout,
        checkpoint_every: checkpoint_every()?,
        instance: instance()?,
        bearer: client::bearer(&options.coordinator)?,
        plain_address,
        before_trial: trial_hook(),
        fault_hook: fault_hook(),
    };
    let (stop, stopped) = watch::channel(Stop::No);
    tokio::spawn(async move {
        interrupts.next().await;
        say!("draining: running trials end, the rest goes back (again to leave at once)");
        stop.send_replace(Stop::Drain);
        interrupts.next().await;
        std::process::exit(Exit::Interrupted as i32);
    });
    worker::run(channel, config, stopped).await?;
    Ok(Exit::Done)
}

/// `HOST:PORT` of an address without TLS.
fn plain_address(uri: &tonic::transport::Uri) -> Option<String> {
    let plain = uri.scheme_str() == Some("http");
    let host = uri.host().filter(|_| plain)?;
    Some(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
}

/// Warns of a certificate that has ended, or will before long.
fn warn_of_end(path: &std::path::Path, standing: &Validity) {
    let path = path.display();
    let cure = "renew it with `parsimony certs DIR --renew --host NAME`";
    match standing {
        Validity::Good => {}
        Validity::EndsSoon { on, days } => {
            say!("warning: {path} ends on {on}, in {days} days; {cure}");
        }
        Validity::Expired { on } => say!("warning: {path} ended on {on}; {cure}"),
    }
}

/// Name of a worker that was given none. A long host name is cut: the name is bounded, the column `host` has it whole.
fn default_name(host: &str) -> String {
    let end = format!("-{}", std::process::id());
    let room = limits::NAME_BYTES.saturating_sub(end.len());
    let cut = host.floor_char_boundary(room.min(host.len()));
    format!("{}{end}", &host[..cut])
}

/// Memory for trials: as asked for, or what there is.
pub(crate) fn memory(asked: Option<u64>, threads: usize) -> Option<u64> {
    asked.or_else(|| worker::memory::for_trials(threads))
}

/// Threads asked for, or those that a batch job was given for its task, or all cores.
pub(crate) fn threads(asked: Option<u32>) -> usize {
    let of_job = || {
        std::env::var_os("SLURM_JOB_ID")?;
        let threads: usize = std::env::var("SLURM_CPUS_PER_TASK").ok()?.parse().ok()?;
        (1..=4096).contains(&threads).then_some(threads)
    };
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or_else(
        || of_job().unwrap_or_else(cores),
        |threads| threads as usize,
    )
}

/// This machine's name, for the column `host`.
pub(crate) fn host_name() -> String {
    let read = |path| std::fs::read_to_string(path).ok();
    let name = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname"));
    let name = name.unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name
    }
}

/// A random number for this process.
///
/// # Errors
/// Where the operating system has no randomness.
pub(crate) fn instance() -> Result<u64, CliError> {
    getrandom::u64().map_err(|error| CliError::Ended(format!("no randomness: {error}")))
}

/// Time between two checkpoints of one trial.
///
/// # Errors
/// Where the variable of the environment holds no number of seconds.
pub(crate) fn checkpoint_every() -> Result<Duration, CliError> {
    let Ok(text) = std::env::var(CHECKPOINT_VARIABLE) else {
        return Ok(CHECKPOINT_EVERY);
    };
    let seconds = text.parse().ok().map(Duration::try_from_secs_f64);
    seconds.and_then(Result::ok).ok_or_else(|| {
        CliError::Request(format!(
            "{CHECKPOINT_VARIABLE} is `{text}`, which is no number of seconds"
        ))
    })
}

/// Ends the process at a named point of the durable order, for fault tests: `PARSIMONY_FAULT=POINT:N` kills
/// it at the N-th passage.
pub(crate) fn fault_hook() -> Option<fn(&str)> {
    std::env::var_os("PARSIMONY_FAULT").map(|_| crate::fault::at_point as fn(&str))
}

/// Ends the process before a numbered trial, or waits before each, for fault tests: `PARSIMONY_FAULT_TRIAL=N`,
/// `PARSIMONY_FAULT_SLOW_MS=N`.
pub(crate) fn trial_hook() -> Option<fn(u64)> {
    let asked = ["PARSIMONY_FAULT_TRIAL", "PARSIMONY_FAULT_SLOW_MS"];
    let asked = asked.iter().any(|name| std::env::var_os(name).is_some());
    asked.then_some(crate::fault::before_trial as fn(u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let check = |line: &str, expected| {
            assert_eq!(ignores_hangup(&format!("Name:\tx\n{line}\n")), expected);
        };
        check("SigIgn:\t0000000000001000", Some(false));
        check("SigIgn:\t0000000000001001", Some(true));
        check("SigIgn:\tx", None);
        check("SigCgt:\t1", None);
    }

    #[test]
    fn a_long_host_name_gives_a_name_that_is_taken() {
        for host in ["node1".to_owned(), "a".repeat(300), "ü".repeat(100)] {
            let name = default_name(&host);
            assert!(rpc::convert::name("name", &name).is_ok(), "{name}");
            assert!(name.ends_with(&std::process::id().to_string()), "{name}");
        }
    }
}
