//! Columns on their way out: as many reports as their size asks for.

use sweep::IntervalSet;
use table::{Batch, TableError};
use tonic::codegen::Bytes;

/// Bytes of columns in one message; what travels with them has the rest.
const MOST_BYTES: usize = rpc::limits::MESSAGE_BYTES - (4 << 20);

/// Columns of some trials, ready to be sent.
pub(crate) struct Encoded {
    pub(crate) numbers: IntervalSet,
    /// Columns of the tables in the order trials, history, spectra, layers.
    pub(crate) tables: [Bytes; 4],
}

/// The columns of a batch, cut by trials where they would be too large for a message. How large columns become is
/// only estimated while they grow. The rows of a single trial are never too many here: they leave it before.
///
/// # Errors
/// Where columns cannot be encoded, which the schema rules out.
pub(crate) fn encoded(batch: Batch) -> Result<Vec<Encoded>, TableError> {
    let mut done = Vec::new();
    let mut waiting = vec![batch];
    while let Some(batch) = waiting.pop() {
        let payload = batch.to_payload()?;
        let numbers = batch.trial_numbers();
        if payload.len() <= MOST_BYTES || numbers.len() < 2 {
            let tables = payload.into_tables().map(Bytes::from);
            done.push(Encoded { numbers, tables });
            continue;
        }
        let (first, second) = halves(&numbers);
        for out in [first, second] {
            let mut half = batch.clone();
            half.drop_trials(&out)?;
            waiting.push(half);
        }
    }
    Ok(done)
}

/// Two sets of about the same size.
fn halves(numbers: &IntervalSet) -> (IntervalSet, IntervalSet) {
    let mut first = IntervalSet::new();
    let mut second = IntervalSet::new();
    let mut left = numbers.len() / 2;
    for run in numbers.runs() {
        let middle = run.start + left.min(run.end - run.start);
        left -= middle - run.start;
        if run.start < middle {
            first.insert(run.start..middle);
        }
        if middle < run.end {
            second.insert(middle..run.end);
        }
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use table::{BatchBuilder, TrialResult, TrialRow};

    /// Failed trials with errors of this length, each another.
    fn batch(trials: u64, bytes: usize) -> Batch {
        let mut builder = BatchBuilder::new();
        for trial in 0..trials {
            let result = TrialResult::Failed {
                error: &format!("{trial} {}", "x".repeat(bytes)),
                seconds: 0.0,
            };
            let id = format!("{trial:032x}");
            builder.push(&TrialRow::new(3 * trial, &id, &[], result));
        }
        builder.finish().unwrap()
    }

    #[test]
    fn what_is_too_large_for_one_message_leaves_in_several() {
        let few = encoded(batch(10, 10)).unwrap();
        assert_eq!(few.len(), 1);
        let many = encoded(batch(100, 1 << 20)).unwrap();
        assert!(many.len() >= 4);
        let mut all = IntervalSet::new();
        for part in &many {
            let bytes: usize = part.tables.iter().map(|table| table.len()).sum();
            assert!(bytes <= MOST_BYTES);
            assert!(all.intersection(&part.numbers).is_empty());
            all.union(&part.numbers);
        }
        assert_eq!(all, (0..100).map(|k| 3 * k..3 * k + 1).collect());
    }
}
