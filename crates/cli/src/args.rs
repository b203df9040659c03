//! The command line: names, defaults, and the examples that `--help` shows.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

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
    /// Serve sweeps to workers
    Coordinator(Coordinator),
    /// Train trials for a coordinator
    Worker(Worker),
    /// Hand a sweep to a coordinator
    Submit(Submit),
    /// Sweeps on a coordinator
    List(Listing),
    /// How far a sweep, or every sweep, is
    Status(Status),
    /// Follow a sweep until it ends; exits as `run` would
    Watch(Named),
    /// Grant no more leases of a sweep
    Pause(Named),
    /// Take a paused, cancelled or stopped sweep up again
    Resume(Named),
    /// End a sweep and keep what is done
    Cancel(Named),
    /// Run failed trials again
    Retry(Retry),
    /// Workers of a coordinator
    Workers(Listing),
    /// Bring a sweep's tables here
    Fetch(Fetch),
    /// Make a lab's authority, a coordinator's certificate, and tokens
    Certs(Certs),
    /// SQL over the tables of one or more runs
    Query(Query),
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
    /// Print every trial: its number, id and what varies
    #[arg(long)]
    pub(crate) list: bool,
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

Ctrl-C loses nothing: the same command goes on where it stopped. A grown grid computes only what is new.")]
pub(crate) struct Run {
    /// The sweep file
    pub(crate) file: PathBuf,
    /// The run folder [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Trials trained at the same time [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) threads: Option<u32>,
    #[command(flatten)]
    pub(crate) sets: Sets,
    /// Print the final status as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony coordinator --data runs                                 on this machine alone
  parsimony certs certs --host head.lab && \\
  parsimony coordinator --listen 0.0.0.0:7070 --data runs --certs certs")]
pub(crate) struct Coordinator {
    /// Address to listen on; port 0 takes a free one, printed on standard output
    #[arg(long, default_value = "127.0.0.1:7070")]
    pub(crate) listen: SocketAddr,
    /// Folder of run folders, one a sweep
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Folder made by `parsimony certs`: TLS and tokens
    #[arg(long, value_name = "DIR")]
    pub(crate) certs: Option<PathBuf>,
    /// Listen off loopback without TLS and tokens
    #[arg(long, conflicts_with = "certs")]
    pub(crate) insecure: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony worker --coordinator http://127.0.0.1:7070 --threads 8

SIGTERM drains: running trials finish or are checkpointed, the rest goes back.")]
pub(crate) struct Worker {
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
    /// Trials trained at the same time [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) threads: Option<u32>,
    /// Name in tables and lists [default: HOST-PID]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Time until this process will be taken away, e.g. 3600s, 90m, 12h
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) time: Option<Duration>,
    /// Leave after so long without a lease, e.g. 60s
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) idle_timeout: Option<Duration>,
    /// How long to look for a lost coordinator
    #[arg(long, value_parser = duration, value_name = "TIME", default_value = "5m")]
    pub(crate) reconnect: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct CoordinatorUrl {
    /// Where the coordinator is, e.g. http://127.0.0.1:7070
    #[arg(
        long = "coordinator",
        env = "PARSIMONY_COORDINATOR",
        value_name = "URL",
        default_value = "http://127.0.0.1:7070"
    )]
    pub(crate) url: String,
    /// The lab's authority (ca.pem of `parsimony certs`), for https
    #[arg(long, env = "PARSIMONY_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// File of the token for this kind of call (worker.token or user.token)
    #[arg(long, env = "PARSIMONY_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony submit sweep.toml && parsimony watch NAME")]
pub(crate) struct Submit {
    /// The sweep file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) sets: Sets,
    /// Sweeps of a higher priority go first
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i32,
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
    /// Folder to bring it to; missing, empty, or an earlier fetch of the same sweep
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorUrl,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony query runs/quickstart \"SELECT network_depth, min(train_loss) FROM trials GROUP BY 1 ORDER BY 1\"
  parsimony query runs/a runs/b \"SELECT run, count(*) FROM trials GROUP BY 1\" --csv

Tables: trials, history, spectra, layers; with several runs, a column `run` tells them apart.")]
pub(crate) struct Query {
    /// Run folders, then the SQL (polars' dialect)
    #[arg(required = true, num_args = 2.., value_name = "RUN... SQL")]
    pub(crate) words: Vec<String>,
    /// CSV: a header, empty for null
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// JSON: an array of objects
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony certs certs --host head.lab --host 10.0.0.1

Workers need ca.pem and worker.token, people ca.pem and user.token; the rest stays with the coordinator.")]
pub(crate) struct Certs {
    /// Folder to make; nothing in it is overwritten
    pub(crate) dir: PathBuf,
    /// Name or address by which the coordinator is reached (repeatable)
    #[arg(long = "host", required = true, value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// How long certificates and tokens are good
    #[arg(long, value_parser = duration, default_value = "365d", value_name = "TIME")]
    pub(crate) valid: Duration,
}

/// Reads `90`, `90s`, `5m`, `2h`, `1d`, or Slurm's `H:M:S`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time; write 90s, 5m, 2h, 1d or 1:30:00");
    if text.contains(':') {
        let mut seconds = 0_u64;
        for part in text.split(':') {
            let part: u64 = part.parse().map_err(|_| wrong())?;
            seconds = seconds
                .checked_mul(60)
                .and_then(|s| s.checked_add(part))
                .ok_or_else(wrong)?;
        }
        return Ok(Duration::from_secs(seconds));
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let check = |text, seconds| assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        check("90", 90);
        check("90s", 90);
        check("5m", 300);
        check("1:30:00", 5400);
        check("2h", 7200);
        for bad in ["", "m", "-1s", "1:x", "5 parsecs"] {
            assert!(duration(bad).is_err(), "{bad:?} was taken");
        }
    }
}
