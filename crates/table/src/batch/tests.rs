//! Tests of batches, and the rows that other tests use.

use sweep::{EngineKind, Outcome, Status};

use super::*;
use crate::builder::BatchBuilder;
use crate::row::{HistoryValues, LayerValues, ScalarValues, SpectrumValues, TrialResult, TrialRow};

/// What training would leave behind: `steps + 1` rows of each table.
pub(crate) fn outcome(status: Status, seed: u64, steps: u64) -> Outcome {
    let value = |step: u64| 1.0 / (1 + seed + step) as f64;
    let scalars = |step| ScalarValues {
        train_loss: Some(value(step)),
        stable_rank: (step > 0).then_some(1.5),
        ..ScalarValues::default()
    };
    Outcome {
        steps,
        last: scalars(steps),
        history: (0..=steps)
            .map(|step| HistoryValues {
                step,
                scalars: scalars(step),
            })
            .collect(),
        spectra: (0..=steps)
            .map(|step| SpectrumValues {
                right_angle: (step > 0).then_some(0.25),
                ..SpectrumValues::new(step, 0, 1, value(step), 1)
            })
            .collect(),
        layers: (0..=steps)
            .map(|step| LayerValues {
                separation: Some(value(step)),
                ..LayerValues::new(step, 1)
            })
            .collect(),
        flops: 12.0,
        setup_seconds: 0.5,
        train_seconds: 0.25 * seed as f64,
        measure_seconds: 0.125,
        ..Outcome::new(status, EngineKind::Full)
    }
}

pub(crate) fn id(trial: u64) -> String {
    format!("{trial:032x}")
}

/// A batch of trials; a trial whose number is in `failing` fails.
pub(crate) fn batch(trials: impl IntoIterator<Item = u64>, failing: &[u64]) -> Batch {
    let mut builder = BatchBuilder::new();
    for trial in trials {
        let status = match trial % 7 {
            6 => Status::Diverged,
            _ => Status::Completed,
        };
        let ran = outcome(status, trial, 2);
        let result = match failing.contains(&trial) {
            true => TrialResult::Failed {
                error: "it broke",
                seconds: 0.5,
            },
            false => TrialResult::ran(&ran),
        };
        let params = [5, trial as i64].map(|value| Some(sweep::Value::Int(value)));
        builder.push(&TrialRow {
            worker: "w1",
            started_at_us: 1_700_000_000_000_000 + trial as i64,
            run_isa: "scalar",
            run_version: "0",
            ..TrialRow::new(trial, &id(trial), &params, result)
        });
    }
    builder.finish().unwrap()
}

#[test]
fn frames_have_exactly_the_schema() {
    for trials in [0..0, 3..4, 3..9] {
        let batch = batch(trials, &[4]);
        for table in TableName::all() {
            let frame = batch.frame(table).unwrap();
            assert_eq!(frame.schema(), &schema(table), "{}", table.name());
        }
        batch.check_consistent().unwrap();
    }
}

#[test]
fn rows_take_the_ids_of_their_trials() {
    let mut all = batch([9, 2, 5], &[]);
    all.append(batch([1], &[])).unwrap();
    let history = all.frame(TableName::History).unwrap();
    let ids: Vec<_> = history
        .column("id")
        .unwrap()
        .str()
        .unwrap()
        .iter()
        .collect();
    let expected: Vec<_> = [9, 9, 9, 2, 2, 2, 5, 5, 5, 1, 1, 1].map(id).to_vec();
    assert_eq!(ids.len(), 12);
    for (found, expected) in ids.iter().zip(&expected) {
        assert_eq!(*found, Some(expected.as_str()));
    }
    let cut: Vec<_> = all
        .pieces(TableName::History, 2)
        .map(|piece| piece.unwrap().height())
        .collect();
    assert_eq!(cut, [2, 2, 2, 2, 1, 2, 1]);
}

#[test]
fn dropped_trials_take_all_their_rows_along() {
    let mut batch = batch(0..10, &[3, 4]);
    assert_eq!(batch.failed().len(), 2);
    let mut unwanted = IntervalSet::new();
    unwanted.insert(0..4);
    batch.drop_trials(&unwanted).unwrap();
    assert_eq!(batch.trials(), 6);
    assert_eq!(batch.table_rows(TableName::Spectra), 15);
    assert_eq!(batch.rows(), 6 + 3 * 15);
    assert_eq!(batch.failed(), [(4, "it broke".to_owned())]);
    batch.check_consistent().unwrap();
    unwanted.insert(4..10);
    batch.drop_trials(&unwanted).unwrap();
    assert!(batch.is_empty());
}

#[test]
fn spooled_rows_belong_to_their_trial() {
    let spool = |trial: u64| {
        let mut spool = Spool::new(trial, &std::env::temp_dir(), u64::MAX).unwrap();
        let rows = crate::spool::tests::measured(0, 5);
        spool.push(&rows).unwrap();
        spool.push(&rows).unwrap();
        spool
    };
    let mut own = batch([7], &[]);
    own.attach(spool(7)).unwrap();
    own.check_consistent().unwrap();
    assert_eq!(own.table_rows(TableName::Spectra), 13);
    assert_eq!(own.rows(), 1 + 39);
    assert!(own.bytes() as u64 > spool(7).bytes());
    for table in TableName::ALL {
        let frame = own.frame(table).unwrap();
        assert_eq!(frame.schema(), &schema(table));
        let ids: Vec<_> = frame.column("id").unwrap().str().unwrap().iter().collect();
        assert!(ids.iter().all(|found| *found == Some(id(7).as_str())));
    }
    let mut all = batch([1, 2], &[]);
    all.append(own.clone()).unwrap();
    all.drop_trials(&intervals(&[1])).unwrap();
    assert_eq!(all.table_rows(TableName::History), 3 + 13);
    all.drop_trials(&intervals(&[7])).unwrap();
    assert_eq!(all.table_rows(TableName::History), 3);
    let refused = |mut batch: Batch| batch.attach(spool(7)).is_err();
    assert!(refused(own));
    assert!(refused(batch([8], &[])));
    assert!(refused(batch([7, 8], &[])));
    assert!(refused(batch([7], &[7])));
    assert!(refused(Batch::empty()));
}

#[test]
fn the_tally_counts_each_status() {
    let tally = batch(0..14, &[2]).tally().unwrap();
    assert_eq!(tally.counts.completed, 11);
    assert_eq!(tally.counts.diverged, 2);
    assert_eq!(tally.counts.failed, 1);
    assert_eq!(tally.failed[0].trial, 2);
    assert_eq!(batch(0..3, &[]).tally().unwrap().counts.completed, 3);
}

#[test]
fn contradictions_are_named() {
    let check = |batch: &Batch, expected: RowFault| match batch.check_consistent() {
        Err(TableError::Rows(found)) => assert_eq!(found, expected),
        other => panic!("{other:?} instead of {expected:?}"),
    };
    let mut twice = batch([1, 2], &[]);
    twice.append(batch([2], &[])).unwrap();
    check(&twice, RowFault::Twice { trial: 2 });

    let mut stray = batch([1, 2], &[]);
    stray.bundles[0].frames[0] = stray.bundles[0].frames[0].slice(0, 1);
    let table = "history";
    check(&stray, RowFault::UnknownTrial { table, trial: 2 });

    let (good, bad) = (batch([7], &[]), batch([7], &[7]));
    let mut late = bad.clone();
    late.bundles[0].frames[1] = good.bundles[0].frames[1].clone();
    check(&late, RowFault::RowsOfFailed { table, trial: 7 });
}

#[test]
fn numbers_become_intervals() {
    let check = |numbers: &[u64], expected: &[std::ops::Range<u64>]| {
        assert_eq!(intervals(numbers).runs().collect::<Vec<_>>(), expected);
    };
    check(&[], &[]);
    check(&[4], &[4..5]);
    check(&[0, 1, 2, 5, 5, 6, 9], &[0..3, 5..7, 9..10]);
}
