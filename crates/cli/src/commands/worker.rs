//! `parsimony worker`: trains trials for a coordinator.

use std::time::Duration;

use clap::Args;
use rpc::limits;
use tokio::sync::watch;
use worker::{FileSource, Stop};

use crate::arguments::{CoordinatorUrl, duration, memory};
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupts::Interrupts;
use crate::{certificate_end, client, process, runtime};

/// Train trials for a coordinator
#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony worker --coordinator http://127.0.0.1:7070 --threads 8

SIGTERM drains: running trials finish or are checkpointed, the others are returned.")]
pub(crate) struct Worker {
    #[command(flatten)]
    coordinator: CoordinatorUrl,
    /// Trials trained at the same time [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    threads: Option<u32>,
    /// Memory for its trials together, e.g. 16G [default: what the batch system, the control group, the limits of the
    /// process and the machine leave]
    #[arg(long, value_parser = memory, value_name = "SIZE")]
    memory: Option<u64>,
    /// Name in tables and lists [default: HOST-PID]
    #[arg(long)]
    name: Option<String>,
    /// Time until this process is ended from outside, e.g. 3600s, 90m, 12h
    #[arg(long, value_parser = duration, value_name = "TIME")]
    time: Option<Duration>,
    /// Exit after this time without a lease, e.g. 60s
    #[arg(long, value_parser = duration, value_name = "TIME")]
    idle_timeout: Option<Duration>,
    /// How long to try to reconnect to a lost coordinator
    #[arg(long, value_parser = duration, value_name = "TIME", default_value = "5m")]
    reconnect: Duration,
}

impl Worker {
    /// Works until the coordinator is done with it or a signal drains it.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::many_threads()?.block_on(self.work())
    }

    async fn work(&self) -> Result<Exit, CliError> {
        let mut interrupts = Interrupts::new()?;
        let endpoint = client::endpoint(&self.coordinator)?;
        if let Some(ca) = &self.coordinator.ca {
            certificate_end::warn(ca, &rpc::validity::of_file(ca));
        }
        let plain_address = plain_address(endpoint.uri());
        let channel = endpoint.connect_lazy();
        let host = process::host_name();
        let name = self.name.clone().unwrap_or_else(|| default_name(&host));
        let config = worker::Config {
            name,
            host,
            threads: process::threads(self.threads),
            memory: process::memory(self.memory, process::threads(self.threads)),
            files: FileSource::Fetched,
            walltime: self.time,
            reconnect: Some(self.reconnect),
            idle_timeout: self.idle_timeout,
            checkpoint_every: process::checkpoint_every()?,
            instance: process::instance()?,
            bearer: client::bearer(&self.coordinator)?,
            plain_address,
            before_trial: process::trial_hook(),
            fault_hook: process::fault_hook(),
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
}

/// `HOST:PORT` of an address without TLS.
fn plain_address(uri: &tonic::transport::Uri) -> Option<String> {
    let plain = uri.scheme_str() == Some("http");
    let host = uri.host().filter(|_| plain)?;
    Some(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
}

/// Name of a worker that was given none. A long host name is cut: the name is bounded, the column `host` has it whole.
fn default_name(host: &str) -> String {
    let end = format!("-{}", std::process::id());
    let room = limits::NAME_BYTES.saturating_sub(end.len());
    let cut = host.floor_char_boundary(room.min(host.len()));
    format!("{}{end}", &host[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_host_name_gives_a_name_that_is_taken() {
        for host in ["node1".to_owned(), "a".repeat(300), "ü".repeat(100)] {
            let name = default_name(&host);
            assert!(rpc::convert::name("name", &name).is_ok(), "{name}");
            assert!(name.ends_with(&std::process::id().to_string()), "{name}");
        }
    }
}
