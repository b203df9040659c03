//! `parsimony query`: SQL over the tables of one or more runs.

use std::io::{BufWriter, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use table::{CsvWriter, JsonWriter, QueryError, Sink, TextWriter};

use crate::error::CliError;
use crate::exit::Exit;
use crate::run_dir::require_of;
use crate::terminal;

/// Longest query that is read from a file or standard input: longer ones are refused by the table's reader as well, and
/// a device that never ends is not read to its end.
const LONGEST_QUERY: u64 = 1 << 20;

/// Stands for standard input.
const STANDARD_INPUT: &str = "-";

/// SQL over the tables of one or more runs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony query runs/quickstart \"SELECT network_depth, min(train_loss) FROM trials GROUP BY 1\"
  parsimony query runs/a runs/b \"SELECT run, count(*) FROM trials GROUP BY 1\" --csv
  parsimony query runs/a --file best.sql --json
  parsimony query runs/a \"DESCRIBE trials\"

Tables: trials, history, spectra, layers; with several runs, a column `run` names each row's run.
SQL as SQLite and DuckDB know it: median, quantile_cont, stddev, arg_min, date_trunc and more.
Null comes last in any order, an integer divided by an integer is an integer, NaN reads as null.")]
pub(crate) struct Query {
    /// Run folders, then the SQL; `-` reads the SQL from standard input
    #[arg(required = true, num_args = 1.., value_name = "RUN... SQL")]
    words: Vec<String>,
    /// Read the SQL from a file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// CSV: a header, empty for null
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// JSON: an array of objects
    #[arg(long)]
    json: bool,
}

impl Query {
    /// Runs the query and prints its rows as they are found.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        let (runs, sql) = match (&self.file, self.words.split_last()) {
            (Some(file), _) => (self.words.as_slice(), read(file)?),
            (None, Some((sql, runs))) if sql == STANDARD_INPUT => (runs, read(Path::new(sql))?),
            (None, Some((sql, runs))) => (runs, sql.clone()),
            (None, None) => (self.words.as_slice(), String::new()),
        };
        let runs: Vec<PathBuf> = runs.iter().map(PathBuf::from).collect();
        if runs.is_empty() {
            return Err(CliError::Request(
                "a run folder and a query are needed, for example: parsimony query runs/NAME \"SELECT count(*) FROM trials\""
                    .to_owned(),
            ));
        }
        for run in &runs {
            check_run(run)?;
        }
        let out = BufWriter::new(std::io::stdout());
        let mut sink: Box<dyn Sink> = if self.csv {
            Box::new(CsvWriter::new(out))
        } else if self.json {
            Box::new(JsonWriter::new(out))
        } else {
            Box::new(TextWriter::new(out, terminal::output_width()))
        };
        let stop = stop_at_interrupt();
        match table::query_into(&runs, &sql, &stop, sink.as_mut()) {
            Ok(()) => Ok(Exit::Done),
            Err(QueryError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                Err(CliError::ReaderGone)
            }
            Err(QueryError::Write(error)) => Err(CliError::Output(error)),
            Err(QueryError::Interrupted) => {
                say!("interrupted");
                Ok(Exit::Interrupted)
            }
            Err(error) => Err(CliError::Query(error)),
        }
    }
}

/// The query in a file, or what standard input holds.
fn read(file: &Path) -> Result<String, CliError> {
    let refused = |source| CliError::Read {
        path: file.to_owned(),
        source,
    };
    let mut text = String::new();
    let read = if file.as_os_str() == STANDARD_INPUT {
        std::io::stdin()
            .take(LONGEST_QUERY)
            .read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file).map_err(refused)?;
        opened.take(LONGEST_QUERY).read_to_string(&mut text)
    };
    read.map_err(refused)?;
    Ok(text)
}

/// Becomes true at Ctrl-C. A second Ctrl-C ends the program: a sort of many rows does not look.
pub(super) fn stop_at_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    // Where there is no thread to wait, Ctrl-C ends the program at once, as it does everywhere.
    let waits = std::thread::Builder::new().spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        while runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            if seen.swap(true, Ordering::Relaxed) {
                std::process::exit(Exit::Interrupted as i32);
            }
        }
    });
    drop(waits);
    stop
}

/// Refuses what is no run folder in the words of this command.
pub(super) fn check_run(run: &Path) -> Result<(), CliError> {
    require_of(run, "run folders, for example runs/NAME, then the query")
}
