//! Arguments that several commands take, and how the values of flags are read.

mod batch_system;
mod values;
mod web;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use launch::batch::SYSTEMS;

pub(crate) use self::batch_system::{System, options_help};
pub(crate) use self::values::{
    Place, columns, duration, factor, host, listen, memory, place, positive,
};
pub(crate) use self::web::Web;

#[derive(Debug, Args)]
pub(crate) struct Sets {
    /// Fix a key for this call, e.g. --set train.steps=100 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) sets: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CoordinatorUrl {
    /// Address of the coordinator, e.g. http://127.0.0.1:7070
    #[arg(
        long = "coordinator",
        env = "PARSIMONY_COORDINATOR",
        value_name = "URL",
        default_value = "http://127.0.0.1:7070"
    )]
    pub(crate) url: String,
    /// Certificate authority (ca.pem of `parsimony certs`), for https
    #[arg(long, env = "PARSIMONY_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// File with the token: worker.token for workers, user.token for all other commands
    #[arg(long, env = "PARSIMONY_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Send the token to another machine without TLS
    #[arg(long)]
    pub(crate) insecure: bool,
}

// Workers that are started elsewhere. No doc comment: clap would show it for the command.
#[derive(Debug, Args)]
pub(crate) struct Elsewhere {
    /// Path of the program on the machines of the workers [default: the path of this one]
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// Trials that each worker trains at the same time [default: what the batch system gives, or all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) threads: Option<u32>,
    /// Workers exit after this time without a lease, e.g. 10m
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) idle_timeout: Option<Duration>,
    /// How long workers try to reconnect to a lost coordinator [default: 5m]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) reconnect: Option<Duration>,
    /// Machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
}

// Workers that a coordinator starts.
#[derive(Debug, Args)]
pub(crate) struct Autoscale {
    /// Start workers when the queue needs them; idle ones leave
    #[arg(long, value_parser = batch_system::parser(), value_name = "SYSTEM", requires = "max_workers")]
    pub(crate) autoscale: Option<System>,
    /// Largest number of started workers at a time
    #[arg(long, value_name = "N", requires = "autoscale", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) max_workers: Option<u32>,
    /// Walltime of started workers, at least 1m [default: the partition's]
    #[arg(long, value_name = "TIME", requires = "autoscale", value_parser = duration)]
    pub(crate) pilot_time: Option<Duration>,
    /// Threads of started workers [default: the processors of each job]
    #[arg(long, value_name = "N", requires = "autoscale", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) pilot_threads: Option<u32>,
    /// Started workers exit after this time without a lease [default: 60s]
    #[arg(long, value_name = "TIME", requires = "autoscale", value_parser = duration)]
    pub(crate) pilot_idle_timeout: Option<Duration>,
    /// Path of the program on the nodes [default: the path of this one]
    #[arg(long, value_name = "FILE", requires = "autoscale")]
    pub(crate) pilot_program: Option<PathBuf>,
    /// This coordinator's address as seen from the nodes [default: this host's name and the port]
    #[arg(long, value_name = "URL", requires = "autoscale")]
    pub(crate) pilot_url: Option<String>,
    #[arg(last = true, value_name = batch_system::options_name(), help = options_help(SYSTEMS), requires = "autoscale")]
    pub(crate) batch_options: Vec<String>,
}
