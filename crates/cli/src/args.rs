//! The command line: names, defaults, and the examples that `--help` shows.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

mod launch;
mod values;

use values::{columns, duration, factor, host, listen, memory, place, positive};

pub(crate) use launch::{
    Autoscale, BatchSystem, Elsewhere, Launch, LaunchSlurm, LaunchSsh, LaunchTo,
};

#[derive(Debug, Parser)]
#[command(
    name = "parsimony",
    version,
    about = "Parameter sweeps over deep linear networks, on a laptop or a cluster",
    after_help = "Examples:
  parsimony plan sweeps/quickstart.toml         what would run, and how long
  parsimony run sweeps/quickstart.toml          run it here; again to continue
  parsimony query runs/quickstart \"SELECT init_kind, avg(train_loss) FROM trials GROUP BY 1\"

Exit codes: 0 all trials completed or diverged, 1 unexpected, 2 the request was wrong,
3 some trials failed, 4 the coordinator cannot be reached, 130 interrupted (run again to go on)."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a sweep's axes, trials, engines, cost
    Plan(Plan),
    /// Run a sweep on this machine; on a run folder, continue or extend it
    Run(Run),
    /// Run some trials of a sweep on both engines and compare the results
    Verify(Verify),
    /// Serve sweeps to workers
    Coordinator(Coordinator),
    /// Train trials for a coordinator
    Worker(Worker),
    /// Submit a sweep to a coordinator
    Submit(Submit),
    /// List the sweeps of a coordinator
    List(Listing),
    /// Show the progress of a sweep, or of every sweep
    Status(Status),
    /// Follow a sweep until it ends; exits as `run` would
    Watch(Watch),
    /// Grant no more leases of a sweep
    Pause(Named),
    /// Continue a paused, cancelled or stopped sweep
    Resume(Named),
    /// End a sweep and keep its results
    Cancel(Named),
    /// Run failed trials again
    Retry(Retry),
    /// Remove a sweep and its folder from a coordinator
    Remove(Remove),
    /// List the workers of a coordinator
    Workers(Listing),
    /// Copy a sweep's tables to this machine
    Fetch(Fetch),
    /// Make a certificate authority, a coordinator's certificate, and tokens
    Certs(Certs),
    /// Start workers on other machines: on Slurm, over SSH
    Launch(Launch),
    /// SQL over the tables of one or more runs
    Query(Query),
    /// Compare every file of a run folder with its hash and report damage
    Check(Check),
    /// Show how low-dimensional data are, the core they need, and the expected speed-up
    Diagnose(Diagnose),
    /// Print a shell's completion script
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony plan sweep.toml
  parsimony plan sweep.toml --list | head
  parsimony plan sweep.toml --set network.width=500 --json
  parsimony plan --defaults                     every key with its default")]
pub(crate) struct Plan {
    /// The sweep file
    #[arg(required_unless_present = "defaults")]
    pub(crate) file: Option<PathBuf>,
    /// Print every trial: its number in the run folder, its id and what varies
    #[arg(long)]
    pub(crate) list: bool,
    /// Run folder whose trials count as done and keep their numbers [default: runs/NAME]
    #[arg(long, value_name = "DIR", conflicts_with = "defaults")]
    pub(crate) out: Option<PathBuf>,
    /// Print every key with its default, as a sweep file
    #[arg(long, conflicts_with_all = ["list", "json", "file"])]
    pub(crate) defaults: bool,
    #[command(flatten)]
    pub(crate) sets: Sets,
    /// Machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sets {
    /// Fix a key for this call, e.g. --set train.steps=100 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) sets: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony run sweep.toml                      into runs/NAME
  parsimony run sweep.toml --out runs/try --set train.steps=100
  parsimony run sweep.toml --threads 4

Ctrl-C loses nothing: run the same command again to continue. For a grown grid, only new trials are computed.")]
pub(crate) struct Run {
    /// The sweep file
    pub(crate) file: PathBuf,
    /// The run folder [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Trials trained at the same time [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) threads: Option<u32>,
    /// Memory for its trials together, e.g. 16G [default: what the system leaves]
    #[arg(long, value_parser = memory, value_name = "SIZE")]
    pub(crate) memory: Option<u64>,
    #[command(flatten)]
    pub(crate) sets: Sets,
    /// Print the final status as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony verify sweep.toml                   as many trials as its [train] verify says, or 4
  parsimony verify sweep.toml --trials 10 --json

Writes no tables. The exit code is 1 if the engines differ by more than the law allows.")]
pub(crate) struct Verify {
    /// The sweep file
    pub(crate) file: PathBuf,
    /// Trials to run on both engines [default: the sweep's train.verify, or 4 where that is 0]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) trials: Option<u64>,
    /// Trials trained at the same time [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) threads: Option<u32>,
    #[command(flatten)]
    pub(crate) sets: Sets,
    /// Machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
}

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
    pub(crate) listen: SocketAddr,
    /// Folder of the run folders, one per sweep
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Folder made by `parsimony certs`: TLS and tokens
    #[arg(long, value_name = "DIR")]
    pub(crate) certs: Option<PathBuf>,
    /// Allow other machines to connect without TLS and tokens
    #[arg(long, conflicts_with = "certs")]
    pub(crate) insecure: bool,
    /// Serve Prometheus metrics at http://ADDR/metrics; port 0 takes a free one, printed on standard output
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    pub(crate) metrics: Option<SocketAddr>,
    /// Serve metrics to other machines too; they have neither TLS nor a token, and name the sweeps
    #[arg(long, requires = "metrics")]
    pub(crate) metrics_open: bool,
    #[command(flatten)]
    pub(crate) autoscale: Autoscale,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony worker --coordinator http://127.0.0.1:7070 --threads 8

SIGTERM drains: running trials finish or are checkpointed, the others are returned.")]
pub(crate) struct Worker {
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
    /// Trials trained at the same time [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) threads: Option<u32>,
    /// Memory for its trials together, e.g. 16G [default: what the batch system, the control group, the limits of the
    /// process and the machine leave]
    #[arg(long, value_parser = memory, value_name = "SIZE")]
    pub(crate) memory: Option<u64>,
    /// Name in tables and lists [default: HOST-PID]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Time until this process is ended from outside, e.g. 3600s, 90m, 12h
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) time: Option<Duration>,
    /// Exit after this time without a lease, e.g. 60s
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) idle_timeout: Option<Duration>,
    /// How long to try to reconnect to a lost coordinator
    #[arg(long, value_parser = duration, value_name = "TIME", default_value = "5m")]
    pub(crate) reconnect: Duration,
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

#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony submit sweep.toml && parsimony watch NAME")]
pub(crate) struct Submit {
    /// The sweep file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) sets: Sets,
    /// Sweeps of a higher priority go first [default: 0; an existing sweep keeps its own]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) priority: Option<i32>,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
    /// Machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Listing {
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
    /// Machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The sweep's name; all sweeps without it
    pub(crate) sweep: Option<String>,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
    /// Machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The sweep's name
    pub(crate) sweep: String,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony watch NAME                          a progress line, until the sweep has ended
  parsimony watch NAME --json | jq .completed   a number for each change; the last line is the end

Exits as `run` would.")]
pub(crate) struct Watch {
    /// The sweep's name
    pub(crate) sweep: String,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
    /// How long to try to reconnect to a lost coordinator
    #[arg(long, value_parser = duration, value_name = "TIME", default_value = "5m")]
    pub(crate) reconnect: Duration,
    /// Print each change on standard output: one JSON object a line, with the keys of `status NAME --json`
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony fetch NAME --out here && parsimony remove NAME")]
pub(crate) struct Remove {
    /// The sweep's name
    pub(crate) sweep: String,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
}

#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// The sweep's name
    pub(crate) sweep: String,
    /// Which trials: those that failed
    #[arg(long, required = true)]
    pub(crate) failed: bool,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// The sweep's name
    pub(crate) sweep: String,
    /// Target folder: missing, empty, or an earlier fetch of the same sweep
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony query runs/quickstart \"SELECT network_depth, min(train_loss) FROM trials GROUP BY 1 ORDER BY 1\"
  parsimony query runs/a runs/b \"SELECT run, count(*) FROM trials GROUP BY 1\" --csv
  parsimony query runs/a --file best.sql --json
  parsimony query runs/a \"DESCRIBE trials\"

Tables: trials, history, spectra, layers; with several runs, a column `run` names the run of each row.
SQL as SQLite and DuckDB know it: median, quantile_cont, stddev, arg_min, regexp_matches, date_trunc and more.
Null comes last in any order, a whole number divided by a whole number is a whole number, NaN reads as null.")]
pub(crate) struct Query {
    /// Run folders, then the SQL; `-` reads the SQL from standard input
    #[arg(required = true, num_args = 1.., value_name = "RUN... SQL")]
    pub(crate) words: Vec<String>,
    /// Read the SQL from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// CSV: a header, empty for null
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// JSON: an array of objects
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony check runs/depth-rank-init
  parsimony check runs/depth-rank-init --mend && parsimony run sweep.toml

Parts, checkpoints and stored files are compared with the hashes stored when they were written.
The exit code is 3 if something is damaged.")]
pub(crate) struct Check {
    /// The run folder
    pub(crate) run: PathBuf,
    /// Move damaged parts and checkpoints aside; the next run computes their trials again
    #[arg(long)]
    pub(crate) mend: bool,
    /// Machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony diagnose ratings.npy                                   a matrix to be factored
  parsimony diagnose digits.csv.gz --columns 0..64 --labels 64 --scale 0.0625
  parsimony diagnose x.npy --targets y.npy --width 2000 --depth 4
  parsimony diagnose all.npz --array x --labels :y --write plan.toml && parsimony run plan.toml

A sample is a row, unless --transpose is given. Labels are integers or texts, one per sample.")]
pub(crate) struct Diagnose {
    /// The data: .npy, .npz, .csv, .csv.gz or .parquet; without labels or targets, a matrix to be factored
    pub(crate) file: PathBuf,
    /// Columns of FILE to use, half open: 0..64
    #[arg(long, value_parser = columns, value_name = "RANGE")]
    pub(crate) columns: Option<(u64, u64)>,
    /// Array of FILE, if it is an .npz
    #[arg(long, value_name = "NAME")]
    pub(crate) array: Option<String>,
    /// Classes of the samples: columns of FILE (64), another file (y.npy), or a part of one (y.csv:0..1,
    /// all.npz:y; :y for an array of FILE)
    #[arg(long, value_parser = place, value_name = "WHERE", conflicts_with = "targets")]
    pub(crate) labels: Option<Place>,
    /// Real targets of the samples, named as labels are
    #[arg(long, value_parser = place, value_name = "WHERE")]
    pub(crate) targets: Option<Place>,
    /// A sample is a column
    #[arg(long)]
    pub(crate) transpose: bool,
    /// The first line of a CSV file names its columns
    #[arg(long)]
    pub(crate) header: bool,
    /// Factor of every number of FILE
    #[arg(long, value_parser = factor, default_value = "1", allow_negative_numbers = true)]
    pub(crate) scale: f64,
    /// Hidden width of the planned network [default: the larger side of a matrix; for samples
    /// four times their dimension, at least 1000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) width: Option<u32>,
    /// Number of layers of the planned network
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) depth: u32,
    /// Scale of the orthogonal start
    #[arg(long, value_parser = positive, default_value = "1", value_name = "EPS")]
    pub(crate) init_scale: f64,
    /// Steps to plan for [default: derived from the spectrum]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    pub(crate) steps: Option<u64>,
    /// Write the plan as a sweep file; nothing is overwritten
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) write: Option<PathBuf>,
    /// Machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the labels or the targets of samples are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// `None`: in the file of the samples.
    pub(crate) file: Option<PathBuf>,
    /// Half open.
    pub(crate) columns: Option<(u64, u64)>,
    pub(crate) array: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony certs certs --host head.lab --host 10.0.0.1

Workers need ca.pem and worker.token, users ca.pem and user.token. All other files stay with the coordinator.")]
pub(crate) struct Certs {
    /// Folder to create; nothing in it is overwritten without --renew
    pub(crate) dir: PathBuf,
    /// Name or address of the coordinator (repeatable)
    #[arg(long = "host", required = true, value_name = "NAME", value_parser = host)]
    pub(crate) hosts: Vec<String>,
    /// Make new certificates and tokens with the existing authority's key. Old copies of ca.pem stay valid; distribute
    /// the new tokens and start the coordinator again
    #[arg(long)]
    pub(crate) renew: bool,
    /// How long certificates and tokens are valid
    #[arg(long, value_parser = duration, default_value = "365d", value_name = "TIME")]
    pub(crate) valid: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
