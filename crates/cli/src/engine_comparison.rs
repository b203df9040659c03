//! Some trials of a sweep on both engines, here and now, and how far apart they are.
//!
//! How a comparison is made and judged is in `dln::verify`; which trials are taken is the sweep's.

use std::time::Instant;

use dln::Threads;
use dln::verify::NotCompared;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use sweep::{Grid, Verified};
use table::{Comparison, ComparisonRow, Verdict};

use crate::error::CliError;

/// Runs the trials on both engines, on as many threads.
///
/// # Errors
/// Where threads cannot be had, or a trial has no id.
pub(crate) fn compare_all(
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
