//! `parsimony verify`: some trials of a sweep on both engines here and now, without tables, and how far apart they
//! are. `[train] verify = n` has the workers do the same as a part of the sweep.
//!
//! How a comparison is made and judged is in `dln::verify`; which trials are taken is the sweep's; the words are in
//! `words`.

mod words;

use std::time::Instant;

use dln::Threads;
use dln::verify::NotCompared;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde_json::{Value, json};
use sweep::{Grid, Verified};
use table::{Comparison, ComparisonRow, Verdict};

pub(crate) use self::words::{as_json, as_text, is_kept, tell_unasked};

use crate::args::Verify;
use crate::error::CliError;
use crate::exit::Exit;
use crate::load::{self, Begun};
use crate::{output, service};

/// Trials of a sweep that does not say how many.
const TRIALS: u64 = 4;

/// `parsimony verify`.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn command(options: &Verify) -> Result<Exit, CliError> {
    let grid = load::sweep(&options.file, &options.sets.sets, Begun::Nowhere)?.grid;
    let stated = grid.spec().verify();
    let wanted = options
        .trials
        .unwrap_or(if stated > 0 { stated } else { TRIALS });
    let threads = service::threads(options.threads);
    let verified = Verified::of_grid(&grid, wanted);
    let comparisons = compare_or_leave(grid, verified.clone(), threads).await?;
    // There is something to print wherever at least one trial is wanted.
    let summary = coordinator::comparison_summary(&verified, &comparisons).unwrap_or_default();
    if options.json {
        let mut all = as_json(&summary);
        all["trials"] = comparisons.iter().map(one_as_json).collect();
        output::json(&all)?;
    } else {
        output::data(&as_text(&summary))?;
    }
    Ok(if is_kept(&summary) {
        Exit::Done
    } else {
        Exit::Unexpected
    })
}

/// Runs the trials on both engines. A person's Ctrl-C ends the process.
async fn compare_or_leave(
    grid: Grid,
    verified: Verified,
    threads: usize,
) -> Result<Vec<Comparison>, CliError> {
    let mut interrupts = service::Interrupts::new()?;
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

fn compare_all(
    grid: &Grid,
    verified: &Verified,
    threads: usize,
) -> Result<Vec<Comparison>, CliError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build()
        .map_err(|error| CliError::Ended(error.to_string()))?;
    let one = |&(index, _): &(u64, sweep::Cost)| {
        Ok(Comparison {
            trial: index,
            id: grid.id_of(index)?.to_string(),
            row: compare(grid, index),
        })
    };
    pool.install(|| verified.chosen.par_iter().map(one).collect())
}

/// Trains one trial on both engines.
fn compare(grid: &Grid, index: u64) -> ComparisonRow {
    let trial = match grid.trial(index) {
        Ok(trial) => trial,
        Err(error) => {
            return ComparisonRow::without(Verdict::Beyond(Some(error.to_string())));
        }
    };
    let begun = Instant::now();
    let clock = || begun.elapsed().as_secs_f64();
    let compared = dln::prepare(&dln::verify::compared(&trial));
    worker::comparison_row(
        compared
            .map_err(NotCompared::from)
            .and_then(|data| dln::verify::both(&trial, &data, Threads::Pool, &clock)),
    )
}

fn one_as_json(comparison: &Comparison) -> Value {
    let row = &comparison.row;
    let mut told = json!({
        "id": comparison.id,
        "verdict": row.verdict.text(),
        "full_seconds": row.full_seconds,
        "reduced_seconds": row.reduced_seconds,
    });
    for (name, found) in Comparison::names().into_iter().zip(row.differences) {
        told[name] = json!(found);
    }
    told
}
