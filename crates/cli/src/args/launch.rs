//! The command line of `parsimony launch`, and of the pilots that a coordinator starts by itself.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::{CoordinatorUrl, duration};

#[derive(Debug, Args)]
pub(crate) struct Launch {
    #[command(subcommand)]
    pub(crate) to: LaunchTo,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LaunchTo {
    /// Submit workers to Slurm, or stop them
    Slurm(LaunchSlurm),
    /// Start workers on hosts over SSH, or stop them
    Ssh(LaunchSsh),
}

// Options of every worker that is started elsewhere. No doc comment: clap would show it for the command.
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

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony launch slurm --workers 8 --time 4h --threads 16 \\
      --coordinator https://head.lab:7070 --ca certs/ca.pem --token-file certs/worker.token -- --partition=short
  parsimony launch slurm --stop --coordinator https://head.lab:7070

One sbatch call with a job per worker; prints the job's id. The nodes must see the token file at the same path.
--stop lets workers finish or checkpoint running trials, and cancels waiting jobs.")]
pub(crate) struct LaunchSlurm {
    /// Workers to submit, one job each
    #[arg(long, required_unless_present = "stop", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) workers: Option<u32>,
    /// Stop this coordinator's workers instead
    #[arg(long, conflicts_with_all = ["workers", "time", "sbatch"])]
    pub(crate) stop: bool,
    /// Walltime of each job, at least 1m; workers take no lease that they cannot finish [default: the partition's]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) time: Option<Duration>,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
    /// Options for sbatch, passed unchanged
    #[arg(last = true, value_name = "SBATCH OPTIONS")]
    pub(crate) sbatch: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony launch ssh --hosts hosts.txt --coordinator https://head.lab:7070 --ca /opt/parsimony/ca.pem \\
      --token-file worker.token --program /opt/parsimony/bin/parsimony
  parsimony launch ssh --stop

One host per line, [USER@]NAME; `#` begins a comment. Nothing is copied: the program and the authority are paths on the
hosts. The token is read here and sent over standard input. Failures are reported per host; run the command again to
start the missing workers.")]
pub(crate) struct LaunchSsh {
    /// File with the hosts; with --stop, only these hosts
    #[arg(long, value_name = "FILE", required_unless_present = "stop")]
    pub(crate) hosts: Option<PathBuf>,
    /// Stop the workers that this command started
    #[arg(long)]
    pub(crate) stop: bool,
    /// File that keeps hosts and process ids [default: parsimony/ssh.json in XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
    /// Options for ssh, passed unchanged
    #[arg(last = true, value_name = "SSH OPTIONS")]
    pub(crate) ssh: Vec<String>,
}

// Workers that a coordinator starts.
#[derive(Debug, Args)]
pub(crate) struct Autoscale {
    /// Start workers when the queue needs them; idle ones leave
    #[arg(long, value_enum, value_name = "SYSTEM", requires = "max_workers")]
    pub(crate) autoscale: Option<BatchSystem>,
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
    /// Options for sbatch, passed unchanged
    #[arg(last = true, value_name = "SBATCH OPTIONS", requires = "autoscale")]
    pub(crate) sbatch: Vec<String>,
}

/// What starts workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BatchSystem {
    /// Job arrays of workers, by sbatch
    Slurm,
}
