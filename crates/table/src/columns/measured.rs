//! `history`, `spectra` and `layers`: measured rows. Their numbers are declared with the metrics; what places a row is
//! declared here.

use polars::prelude::Float64Type;

use super::declare::{Entry, Group, Table};
use crate::lane::Numbers;
use crate::row::{HistoryValues, LayerValues, ScalarValues, SpectrumValues};

/// A measured row of a trial.
pub(crate) struct Of<'a, V> {
    pub(crate) trial: u64,
    pub(crate) row: &'a V,
}

pub(super) const TRIAL_WORDS: &str = "number of the trial in this run folder; never reused";
pub(super) const ID_WORDS: &str = "hash of everything that can change the row's values; the same point has the same id in every sweep";
const STEP_WORDS: &str = "number of updates before the measurement; 0 is the start";
const LAYER_WORDS: &str = "layer, see above";

/// Metrics of one step: in `history`, and in `trials` at the last finite step.
pub(super) const SCALARS: Group = Group {
    names: &ScalarValues::MEASURED,
    words: &ScalarValues::WORDS,
    units: &ScalarValues::UNITS,
    since: &ScalarValues::SINCE,
};

/// Pushes each value into its lane.
pub(super) fn push_all<const N: usize>(
    lanes: &mut [Numbers<Float64Type>],
    values: [Option<f64>; N],
) {
    for (lane, value) in lanes.iter_mut().zip(values) {
        lane.push(value);
    }
}

pub(crate) struct History;

impl Table for History {
    type Row<'a> = Of<'a, HistoryValues>;

    fn entries() -> impl Iterator<Item = &'static Entry<Self>> {
        HISTORY.iter()
    }
}

pub(super) const HISTORY: &[Entry<History>] = &[
    Entry::<History>::count("trial", TRIAL_WORDS, |of| Some(of.trial)).required(),
    Entry::<History>::id_of_trial(ID_WORDS),
    Entry::<History>::count("step", STEP_WORDS, |of| Some(of.row.step)).required(),
    Entry::Floats(SCALARS, |of, lanes| {
        push_all(lanes, of.row.scalars.measured());
    }),
];

pub(crate) struct Spectra;

impl Table for Spectra {
    type Row<'a> = Of<'a, SpectrumValues>;

    fn entries() -> impl Iterator<Item = &'static Entry<Self>> {
        SPECTRA.iter()
    }
}

pub(super) const SPECTRA: &[Entry<Spectra>] = &[
    Entry::<Spectra>::count("trial", TRIAL_WORDS, |of| Some(of.trial)).required(),
    Entry::<Spectra>::id_of_trial(ID_WORDS),
    Entry::<Spectra>::count("step", STEP_WORDS, |of| Some(of.row.step)).required(),
    Entry::<Spectra>::small_count("layer", LAYER_WORDS, |of| Some(of.row.layer)).required(),
    Entry::<Spectra>::small_count(
        "index",
        "place of the singular value, 1 for the largest; for a cluster, its first",
        |of| Some(of.row.index),
    )
    .required(),
    Entry::<Spectra>::float("value", "the singular value", |of| Some(of.row.value)).required(),
    Entry::<Spectra>::small_count(
        "multiplicity",
        "equal values in this row: 1 on the full engine; the reduced engine may write a cluster once",
        |of| Some(of.row.multiplicity),
    )
    .required(),
    Entry::Floats(
        Group {
            names: &SpectrumValues::MEASURED,
            words: &SpectrumValues::WORDS,
            units: &SpectrumValues::UNITS,
            since: &SpectrumValues::SINCE,
        },
        |of, lanes| push_all(lanes, of.row.measured()),
    ),
];

pub(crate) struct Layers;

impl Table for Layers {
    type Row<'a> = Of<'a, LayerValues>;

    fn entries() -> impl Iterator<Item = &'static Entry<Self>> {
        LAYERS.iter()
    }
}

pub(super) const LAYERS: &[Entry<Layers>] = &[
    Entry::<Layers>::count("trial", TRIAL_WORDS, |of| Some(of.trial)).required(),
    Entry::<Layers>::id_of_trial(ID_WORDS),
    Entry::<Layers>::count("step", STEP_WORDS, |of| Some(of.row.step)).required(),
    Entry::<Layers>::small_count("layer", LAYER_WORDS, |of| Some(of.row.layer)).required(),
    Entry::Floats(
        Group {
            names: &LayerValues::MEASURED,
            words: &LayerValues::WORDS,
            units: &LayerValues::UNITS,
            since: &LayerValues::SINCE,
        },
        |of, lanes| push_all(lanes, of.row.measured()),
    ),
];
