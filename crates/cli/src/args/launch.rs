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
    /// Submit workers to Slurm, or let them go
    Slurm(LaunchSlurm),
    /// Start workers on hosts over SSH, or let them go
    Ssh(LaunchSsh),
}

// What every worker that is started elsewhere is told. No doc comment: clap would show it for the command.
#[derive(Debug, Args)]
pub(crate) struct Elsewhere {
    /// The program on the machines where the workers will run [default: the path of this one]
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// Trials that each trains at the same time [default: what the batch system gives it, or all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) threads: Option<u32>,
    /// They leave after so long without a lease, e.g. 10m
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) idle_timeout: Option<Duration>,
    /// How long they look for a lost coordinator [default: 5m]
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

One sbatch, a job a worker; the job's id is printed. The token stays in its file, which the nodes must see at the same
path. --stop lets workers finish or checkpoint what runs, and cancels those that still wait.")]
pub(crate) struct LaunchSlurm {
    /// Workers to submit, a job each
    #[arg(long, required_unless_present = "stop", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) workers: Option<u32>,
    /// Let this coordinator's workers go instead
    #[arg(long, conflicts_with_all = ["workers", "time", "sbatch"])]
    pub(crate) stop: bool,
    /// Walltime of each, at least 1m; the workers take no lease that they cannot finish [default: the partition's]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) time: Option<Duration>,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
    /// Options for sbatch, as they are
    #[arg(last = true, value_name = "SBATCH OPTIONS")]
    pub(crate) sbatch: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony launch ssh --hosts hosts.txt --coordinator https://head.lab:7070 --ca /opt/parsimony/ca.pem \\
      --token-file worker.token --program /opt/parsimony/bin/parsimony
  parsimony launch ssh --stop

One host a line, [USER@]NAME, `#` begins a comment. Nothing is copied: the program and the authority are paths on the
hosts. The token is read here and sent over standard input. A host that fails is told, the others start all the same;
the same command again starts those that are missing.")]
pub(crate) struct LaunchSsh {
    /// File of hosts; with --stop, only these
    #[arg(long, value_name = "FILE", required_unless_present = "stop")]
    pub(crate) hosts: Option<PathBuf>,
    /// Let the workers go that were started so
    #[arg(long)]
    pub(crate) stop: bool,
    /// Where hosts and process ids are remembered [default: parsimony/ssh.json in XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
    /// Options for ssh, as they are
    #[arg(last = true, value_name = "SSH OPTIONS")]
    pub(crate) ssh: Vec<String>,
}

// Workers that a coordinator starts by itself.
#[derive(Debug, Args)]
pub(crate) struct Autoscale {
    /// Start workers when the queue needs them; idle ones leave
    #[arg(long, value_enum, value_name = "SYSTEM", requires = "max_workers")]
    pub(crate) autoscale: Option<BatchSystem>,
    /// Of them at most so many at a time
    #[arg(long, value_name = "N", requires = "autoscale", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) max_workers: Option<u32>,
    /// Their walltime, at least 1m [default: the partition's]
    #[arg(long, value_name = "TIME", requires = "autoscale", value_parser = duration)]
    pub(crate) pilot_time: Option<Duration>,
    /// Their threads [default: the processors that each job is given]
    #[arg(long, value_name = "N", requires = "autoscale", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) pilot_threads: Option<u32>,
    /// They leave after so long without a lease [default: 60s]
    #[arg(long, value_name = "TIME", requires = "autoscale", value_parser = duration)]
    pub(crate) pilot_idle_timeout: Option<Duration>,
    /// The program on the nodes [default: the path of this one]
    #[arg(long, value_name = "FILE", requires = "autoscale")]
    pub(crate) pilot_program: Option<PathBuf>,
    /// This coordinator's address as seen from the nodes [default: this host's name and the port]
    #[arg(long, value_name = "URL", requires = "autoscale")]
    pub(crate) pilot_url: Option<String>,
    /// Options for sbatch, as they are
    #[arg(last = true, value_name = "SBATCH OPTIONS", requires = "autoscale")]
    pub(crate) sbatch: Vec<String>,
}

/// What starts workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BatchSystem {
    /// Job arrays of workers, by sbatch
    Slurm,
}
