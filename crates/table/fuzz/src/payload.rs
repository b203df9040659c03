//! Bytes that claim to be a report's columns: decoding ends with an answer, and what it accepts makes sense.
//!
//! An even first byte gives the rest as the columns; an odd one takes the columns of a sound report and changes
//! them at places, which reaches deeper than bytes that do not even begin as columns do.

use std::sync::LazyLock;

use sweep::{Arrays, Grid, Spec};
use table::{
    Batch, BatchBuilder, EngineKind, HistoryValues, LayerValues, Limits, Outcome, Payload,
    ScalarValues, SpectrumValues, Status, TrialResult, TrialRow,
};

/// Changes to one report.
const CHANGES: usize = 64;

static SOUND: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    let text = "name = \"fuzz\"\n[axes]\n\"problem.rank\" = [1, 2, 3]\n[problem]\nkind = \"factorization\"\ndim = 4\n";
    let spec = Spec::parse(text, "fuzz.toml", &[]).expect("a sweep");
    let grid = Grid::new(spec, Arrays::new()).expect("a grid");
    let mut builder = BatchBuilder::new();
    let mut params = Vec::new();
    for trial in 0..grid.size() {
        grid.resolve_into(trial, &mut params).expect("a point");
        let ran = outcome(trial);
        let failed = TrialResult::Failed {
            error: "it broke",
            seconds: 0.5,
        };
        let id = grid.id_of(trial).expect("an id");
        let result = match trial {
            2 => failed,
            _ => TrialResult::ran(&ran),
        };
        builder.push(&TrialRow {
            worker: "w",
            host: "h",
            started_at_us: 1_700_000_000_000_000,
            run_isa: "avx2",
            run_version: "0",
            ..TrialRow::new(trial, id.as_str(), &params, result)
        });
    }
    let batch = builder.finish().expect("a batch");
    batch.to_payload().expect("a payload").into_tables()
});

fn outcome(trial: u64) -> Outcome {
    let last = ScalarValues {
        train_loss: Some(0.25 / (trial + 1) as f64),
        ..ScalarValues::default()
    };
    Outcome {
        steps: 10,
        last,
        history: vec![HistoryValues {
            step: 10,
            scalars: last,
        }],
        spectra: vec![SpectrumValues {
            left_angle: Some(0.5),
            ..SpectrumValues::new(10, 0, 1, 2.5, 1)
        }],
        layers: vec![LayerValues {
            balancedness: Some(1e-9),
            stable_rank: Some(1.5),
            ..LayerValues::new(10, 1)
        }],
        flops: 1e6,
        setup_seconds: 0.1,
        train_seconds: 0.2,
        measure_seconds: 0.3,
        ..Outcome::new(Status::Completed, EngineKind::Full)
    }
}

/// The sound report, changed: five bytes say the table, what is done, where, and with what.
fn changed(recipe: &[u8]) -> [Vec<u8>; 4] {
    let mut tables = SOUND.clone();
    for change in recipe.chunks_exact(5).take(CHANGES) {
        let bytes = &mut tables[usize::from(change[0] % 4)];
        let at = usize::from(u16::from_le_bytes([change[2], change[3]]));
        if at >= bytes.len() {
            continue;
        }
        match change[1] % 6 {
            0 => bytes[at] = change[4],
            1 => bytes[at] ^= 1 << (change[4] % 8),
            2 => bytes.truncate(at),
            3 => drop(bytes.remove(at)),
            4 => bytes.insert(at, change[4]),
            _ => bytes[at] = bytes[at].wrapping_add(change[4]),
        }
    }
    tables
}

/// The bytes as they are, dealt out to the first two tables.
fn raw(bytes: &[u8]) -> [Vec<u8>; 4] {
    let split = bytes.first().copied().unwrap_or(0);
    let rest = bytes.get(1..).unwrap_or_default();
    let (trials, history) = rest.split_at(rest.len() * usize::from(split) / 256);
    [trials.to_vec(), history.to_vec(), Vec::new(), Vec::new()]
}

pub fn fuzz(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else {
        return;
    };
    let tables = if kind % 2 == 0 {
        raw(rest)
    } else {
        changed(rest)
    };
    let payload = Payload::from_tables(tables);
    if let Ok(batch) = Batch::from_payload(&payload, &Limits::default())
        && batch.check_consistent().is_ok()
    {
        let again = batch.to_payload().expect("what decodes encodes");
        let twice = Batch::from_payload(&again, &Limits::default()).expect("own bytes decode");
        assert_eq!(twice.trial_numbers(), batch.trial_numbers());
        assert_eq!(twice.rows(), batch.rows());
    }
}
