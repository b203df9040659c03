//! Run folders for tests: the outcome of each trial is the test's.

use std::path::PathBuf;

use sweep::{Arrays, Grid, Point, Spec};
use table::{
    BatchBuilder, EngineKind, GenerationRecord, Meta, Outcome, RunFolder, ScalarValues, Status,
    TrialResult, TrialRow,
};

/// What becomes of a trial.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) status: &'static str,
    pub(crate) error: Option<String>,
    pub(crate) engine: &'static str,
    pub(crate) residual: Option<f64>,
    pub(crate) train_loss: f64,
}

impl Made {
    pub(crate) fn completed(train_loss: f64) -> Made {
        Made {
            status: "completed",
            error: None,
            engine: "full",
            residual: None,
            train_loss,
        }
    }

    pub(crate) fn diverged() -> Made {
        Made {
            status: "diverged",
            ..Made::completed(1e222)
        }
    }

    pub(crate) fn failed(error: &str) -> Made {
        Made {
            status: "failed",
            error: Some(error.to_owned()),
            ..Made::completed(0.0)
        }
    }

    pub(crate) fn on_core(residual: f64) -> Made {
        Made {
            engine: "reduced",
            residual: Some(residual),
            ..Made::completed(0.5)
        }
    }
}

pub(crate) fn grid(toml: &str) -> Grid {
    let spec = Spec::parse(toml, "s.toml", &[]).unwrap();
    Grid::new(spec, Arrays::new()).unwrap()
}

/// A finished run of the sweep; trials of which `each` says nothing have no row.
pub(crate) fn make(
    home: &tempfile::TempDir,
    name: &str,
    toml: &str,
    each: impl Fn(u64, &Point) -> Option<Made>,
) -> PathBuf {
    let grid = grid(toml);
    let meta = Meta {
        name: grid.spec().name().to_owned(),
        program_version: "0".to_owned(),
        revision: "none".to_owned(),
    };
    let run = home.path().join(name);
    let mut folder = RunFolder::create(&run, &meta, None).unwrap();
    let record = GenerationRecord {
        number: 0,
        base: 0,
        size: grid.size(),
        toml: grid.spec().to_toml(),
        hash: grid.hash().to_owned(),
        files: Vec::new(),
    };
    folder.add_generation(&record, toml).unwrap();
    let mut builder = BatchBuilder::new();
    for trial in 0..grid.size() {
        if !grid.kept(trial) {
            continue;
        }
        let point = grid.point(trial).unwrap();
        let Some(made) = each(trial, &point) else {
            continue;
        };
        let outcome = outcome(&made);
        let failed = made.error.clone().unwrap_or_default();
        let (id, params) = (point.id(), point.row());
        let result = match made.status {
            "failed" => TrialResult::Failed {
                error: &failed,
                seconds: 2.0,
            },
            _ => TrialResult::ran(&outcome),
        };
        builder.push(&TrialRow {
            worker: "w",
            host: "h",
            run_isa: "none",
            run_version: "none",
            ..TrialRow::new(trial, &id, &params, result)
        });
    }
    folder.commit(&builder.finish().unwrap()).unwrap();
    run
}

fn outcome(made: &Made) -> Outcome {
    let status = match made.status {
        "diverged" => Status::Diverged,
        _ => Status::Completed,
    };
    let engine = EngineKind::named(made.engine).unwrap();
    Outcome {
        steps: 10,
        last: ScalarValues {
            train_loss: Some(made.train_loss),
            ..ScalarValues::default()
        },
        core_width: (made.engine != "full").then_some(3),
        reduction_residual: made.residual,
        flops: 1e6,
        setup_seconds: 0.25,
        train_seconds: 1.0,
        measure_seconds: 0.5,
        ..Outcome::new(status, engine)
    }
}
