//! How many rows a measurement leaves, derived from sizes alone.

use crate::config::Trial;
use crate::metric::MeasuredTable;

/// Rows of one measurement; at most, where a core has fewer distinct values than room for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    pub history: u64,
    pub spectra: u64,
    pub layers: u64,
}

/// Rows of a trial of sizes `d_0 .. d_L` that is measured on matrices of the given widths, and beside each so many
/// values that stand for many.
pub(crate) fn row_counts(
    trial: &Trial,
    sizes: &[usize],
    widths: &[usize],
    blocks: usize,
) -> RowCounts {
    let metrics = &trial.measure.metrics;
    let depth = widths.len().saturating_sub(1);
    // Values that stand for many are written apart where those of the updates or of a prediction change.
    let kinds = 1 + usize::from(metrics.update_spectrum) + usize::from(metrics.theory);
    let held = |sizes: (usize, usize), widths: (usize, usize)| {
        let core = kinds * (widths.0.max(widths.1) + blocks);
        core.min(sizes.0.min(sizes.1)) as u64
    };
    let mut spectra = 0;
    if metrics.fills(MeasuredTable::Spectra) {
        let layers = sizes.windows(2).zip(widths.windows(2));
        let layers = layers.map(|(d, k)| held((d[0], d[1]), (k[0], k[1])));
        spectra = layers.sum();
        // Other networks have no end-to-end map.
        if trial.network.is_linear()
            && let ([d_0, .., d_L], [k_0, .., k_L]) = (sizes, widths)
        {
            spectra += held((*d_0, *d_L), (*k_0, *k_L));
        }
    }
    let layers = if metrics.fills(MeasuredTable::Layers) {
        (depth + usize::from(metrics.separation)) as u64
    } else {
        0
    };
    RowCounts {
        history: 1,
        spectra,
        layers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Activation, Metrics, StartKind};
    use crate::data::fixture::{factorization, trial};
    use crate::data::prepare;
    use crate::engine::plan;
    use crate::kernel::Threads;
    use crate::outcome::Outcome;

    fn check(trial: &Trial, exact: bool) {
        let data = prepare(trial).expect("data");
        let outcome: Outcome = crate::run(trial, &data, Threads::Seq, &|| 0.0).expect("runs");
        let found = plan(trial).rows;
        let rows = outcome.history.len() as u64;
        let spectra = outcome.spectra.len() as u64;
        assert_eq!(outcome.layers.len() as u64, rows * found.layers);
        if exact {
            assert_eq!(spectra, rows * found.spectra);
        } else {
            assert!(spectra <= rows * found.spectra && spectra > 0, "{spectra}");
        }
    }

    #[test]
    fn predicted_rows_are_those_that_are_measured() {
        let mut one = trial(factorization(9, 7, 2), &[8, 12]);
        one.train.steps = 3;
        one.measure.every = 1;
        one.measure.metrics = Metrics {
            spectrum: true,
            balancedness: true,
            ..Metrics::default()
        };
        one.init.kind = StartKind::Gaussian;
        one.train.engine = crate::EngineChoice::Full;
        check(&one, true);
        let mut relu = one.clone();
        relu.network.activation = Activation::Relu;
        check(&relu, true);
        one.train.engine = crate::EngineChoice::Reduced;
        one.init.kind = StartKind::Orthogonal;
        check(&one, false);
        let mut bare = one.clone();
        bare.measure.metrics = Metrics::default();
        assert_eq!(plan(&bare).rows.spectra, 0);
    }
}
