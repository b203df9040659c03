//! `parsimony verify`: some trials of a sweep on both engines here and now, without tables, and how far apart they
//! are. `[train] verify = n` has the workers do the same as a part of the sweep.

use std::path::PathBuf;

use clap::Args;
use sweep::{Grid, Verified};
use table::Comparison;

use crate::arguments::Sets;
use crate::engine_comparison::compare_all;
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupts::Interrupts;
use crate::load::{self, Begun};
use crate::render::comparisons;
use crate::{output, process, runtime};

/// Trials of a sweep that does not say how many.
const TRIALS: u64 = 4;

/// Run some trials of a sweep on both engines and compare the results
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony verify sweep.toml                   as many trials as its [train] verify says, or 4
  parsimony verify sweep.toml --trials 10 --json

Writes no tables. The exit code is 1 if the engines differ by more than the law allows.")]
pub(crate) struct Verify {
    /// The sweep file
    file: PathBuf,
    /// Trials to run on both engines [default: the sweep's train.verify, or 4 where that is 0]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    trials: Option<u64>,
    /// Trials trained at the same time [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    threads: Option<u32>,
    #[command(flatten)]
    sets: Sets,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Verify {
    /// Compares and prints the verdict.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::many_threads()?.block_on(self.verify())
    }

    async fn verify(&self) -> Result<Exit, CliError> {
        let grid = load::sweep(&self.file, &self.sets.sets, Begun::Nowhere)?.grid;
        let stated = grid.spec().verify();
        let wanted = self
            .trials
            .unwrap_or(if stated > 0 { stated } else { TRIALS });
        let threads = process::threads(self.threads);
        let verified = Verified::of_grid(&grid, wanted);
        let compared = compare_or_leave(grid, verified.clone(), threads).await?;
        // There is something to print wherever at least one trial is wanted.
        let summary = coordinator::comparison_summary(&verified, &compared).unwrap_or_default();
        if self.json {
            let mut all = comparisons::as_json(&summary);
            all["trials"] = compared.iter().map(comparisons::one_as_json).collect();
            output::json(&all)?;
        } else {
            output::data(&comparisons::as_text(&summary))?;
        }
        Ok(if comparisons::is_kept(&summary) {
            Exit::Done
        } else {
            Exit::Unexpected
        })
    }
}

/// Runs the trials on both engines. Ctrl-C ends the process.
async fn compare_or_leave(
    grid: Grid,
    verified: Verified,
    threads: usize,
) -> Result<Vec<Comparison>, CliError> {
    let mut interrupts = Interrupts::new()?;
    let running = tokio::task::spawn_blocking(move || compare_all(&grid, &verified, threads));
    tokio::select! {
        ended = running => match ended {
            Ok(comparisons) => comparisons,
            Err(error) => Err(CliError::Ended(error.to_string())),
        },
        () = interrupts.next() => {
            say!("verification interrupted; it writes no tables, and those there are stay complete");
            std::process::exit(Exit::Interrupted as i32);
        }
    }
}
