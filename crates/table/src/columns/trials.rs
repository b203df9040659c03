//! `trials`: a row for each trial.

use super::declare::{Entry, Group, Table};
use super::measured::{ID_WORDS, SCALARS, TRIAL_WORDS, push_all};
use crate::comparison::{DIFFERENCE_UNITS, DIFFERENCE_WORDS, DIFFERENCES};
use crate::row::{ScalarValues, TrialRow};

pub(crate) struct Trials;

impl Table for Trials {
    type Row<'a> = TrialRow<'a>;

    fn entries() -> impl Iterator<Item = &'static Entry<Self>> {
        #[cfg(test)]
        let further = super::tests::further();
        #[cfg(not(test))]
        let further = [];
        TRIALS.iter().chain(further)
    }
}

type Column = Entry<Trials>;

/// A column that the training gives has its value in [`sweep::metric`]'s rows or in [`crate::Outcome`]; one that the
/// worker gives, in [`TrialRow`].
pub(super) const TRIALS: &[Column] = &[
    Column::count("trial", TRIAL_WORDS, |row| Some(row.trial)).required(),
    Column::text("id", ID_WORDS, |row| Some(row.id.into())).required(),
    Entry::Parameters(|row| row.params),
    Column::text("status", "`completed`, `diverged` or `failed`", |row| {
        Some(row.status().into())
    })
    .required(),
    Column::text(
        "error",
        "why the trial failed or diverged; null if it completed",
        |row| row.error().map(Into::into),
    ),
    Column::count("steps", "updates taken", |row| Some(row.ran()?.steps)),
    Entry::Floats(SCALARS, |row, lanes| {
        let last = row.ran().map_or_else(ScalarValues::default, |ran| ran.last);
        push_all(lanes, last.measured());
    }),
    Column::count(
        "tolerance_steps",
        "first step with a train loss at or below `measure.tolerance`",
        |row| row.ran()?.tolerance_steps,
    ),
    Column::text(
        "engine",
        "engine that ran: `full`, `reduced`, `factored` or `projected`",
        |row| Some(row.ran()?.engine.name().into()),
    ),
    Column::count(
        "core_width",
        "widest hidden block, of the core or of the projected engine; null on the full engine",
        |row| row.ran()?.core_width,
    ),
    Column::float(
        "reduction_residual",
        "residual of the core that was used, or of the rejected one if the full engine ran",
        |row| row.ran()?.reduction_residual,
    ),
    Column::float(
        "flops",
        "floating-point operations of all steps taken",
        |row| Some(row.ran()?.flops),
    ),
    Column::seconds(
        "setup_seconds",
        "time to draw or read the data and the start, and to find the core",
        |row| Some(row.ran()?.setup_seconds),
    ),
    Column::seconds("train_seconds", "time of the steps alone", |row| {
        Some(row.ran()?.train_seconds)
    }),
    Column::seconds("measure_seconds", "time of the measurements", |row| {
        Some(row.ran()?.measure_seconds)
    }),
    Column::seconds(
        "tolerance_seconds",
        "training time until `tolerance_steps`",
        |row| row.ran()?.tolerance_seconds,
    ),
    Column::seconds("failed_seconds", "time until the trial failed", |row| {
        row.failed_seconds()
    }),
    Column::text("worker", "name of the worker that ran the trial", |row| {
        named(row.worker)
    })
    .of_run(),
    Column::text("host", "its host", |row| named(row.host)).of_run(),
    Column::small_count(
        "attempt",
        "1, plus the number of workers that were lost while they ran the trial",
        |row| Some(row.attempt),
    )
    .required()
    .of_run(),
    Column::time("started_at", "when the trial began, UTC", |row| {
        row.started_at_us
    })
    .of_run(),
    Column::text(
        "run_isa",
        "instruction set of the kernels that ran",
        |row| named(row.run_isa),
    ),
    Column::text("run_version", "version of the program that ran it", |row| {
        named(row.run_version)
    })
    .since(2),
    Column::text(
        "run_verify",
        "`[train] verify`: `within`, `within until step N` where the run amplifies rounding after it, `beyond` or `not compared`, with the reason",
        |row| Some(row.comparison?.verdict.text().into()),
    ),
    Entry::Floats(
        Group {
            names: &DIFFERENCES,
            words: &DIFFERENCE_WORDS,
            units: &DIFFERENCE_UNITS,
            since: &[1; DIFFERENCES.len()],
        },
        |row, lanes| {
            let found = row.comparison.map(|compared| compared.differences);
            push_all(lanes, found.unwrap_or_default());
        },
    ),
    Column::seconds(
        "verify_full_seconds",
        "training time of the comparison on the full engine",
        |row| row.comparison?.full_seconds,
    ),
    Column::seconds(
        "verify_reduced_seconds",
        "training time of the comparison on the reduced engine",
        |row| row.comparison?.reduced_seconds,
    ),
];

/// An empty text names nobody.
fn named(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    (!text.is_empty()).then_some(text.into())
}
