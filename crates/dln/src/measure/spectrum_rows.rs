//! Spectra as rows: clusters of equal singular values, and their angles to step 1.

use std::f64::consts::FRAC_PI_2;
use std::ops::Range;

use ndarray::Array2;

use super::angles::subspace_angle;
use super::{Entry, EntryKind, Rows, Spectrum, finite};
use crate::outcome::SpectrumRow;

/// Values closer than this, relative to the largest, are one cluster.
const CLUSTER: f64 = 1e-10;
/// A cluster nearer than this to a neighbouring value, relative to the largest, has no angle.
const GAP: f64 = 1e-8;

/// Entries whose values lie within 1e-10 of the first of them, relative to the largest of all.
struct Cluster {
    /// Which entries.
    entries: Range<usize>,
    /// The indices, from 0, that they cover, multiplicities counted.
    indices: Range<u64>,
}

fn clusters(entries: &[Entry]) -> Vec<Cluster> {
    let largest = entries.first().map_or(0.0, |entry| entry.value);
    let mut found = Vec::new();
    let (mut start, mut covered, mut first_index) = (0, 0, 0);
    for (number, entry) in entries.iter().enumerate() {
        covered += u64::from(entry.multiplicity());
        let end = number + 1;
        let apart = entries
            .get(end)
            .is_none_or(|next| entries[start].value - next.value > CLUSTER * largest);
        if apart {
            found.push(Cluster {
                entries: start..end,
                indices: first_index..covered,
            });
            (start, first_index) = (end, covered);
        }
    }
    found
}

/// What else the rows of one matrix hold, by the index of the singular value.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowExtras {
    /// Singular values of the update.
    pub(crate) update: ByIndex,
    /// What theory predicts, and what is measured of it where that is not the singular value itself.
    pub(crate) theory: ByIndex,
    pub(crate) modes: Option<ByIndex>,
}

/// Numbers by index, from the first on: each with how many indices in a row it holds for.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByIndex(pub(crate) Vec<(f64, u64)>);

impl ByIndex {
    /// Of entries in order.
    pub(crate) fn of(entries: &[Entry]) -> ByIndex {
        let entries = entries.iter();
        let numbers = entries.map(|entry| (entry.value, u64::from(entry.multiplicity())));
        ByIndex(numbers.collect())
    }

    /// The number at an index, from 0, and the index at which it ends; the end of all, where there is none.
    fn at(&self, index: u64) -> (Option<f64>, u64) {
        let mut end = 0;
        for &(value, count) in &self.0 {
            end += count;
            if index < end {
                return (Some(value), end);
            }
        }
        (None, u64::MAX)
    }
}

impl RowExtras {
    /// Fills in the row at `index`, from 0, and says where the numbers change next.
    fn fill(&self, row: &mut SpectrumRow, index: u64) -> u64 {
        let (update, update_end) = self.update.at(index);
        let (theory, theory_end) = self.theory.at(index);
        row.update_value = update.and_then(finite);
        row.theory_value = theory.and_then(finite);
        let mut end = update_end.min(theory_end);
        let measured = match &self.modes {
            Some(modes) => {
                let (mode, mode_end) = modes.at(index);
                row.mode_value = mode.and_then(finite);
                end = end.min(mode_end);
                row.mode_value
            }
            None => Some(row.value),
        };
        let error = row.theory_value.zip(measured);
        row.theory_error = error.map(|(theory, measured)| (theory - measured).abs());
        end
    }
}

/// Pushes a row an entry, or several where the other columns change within; with angles, these are against the
/// spectrum of step 1, which this call keeps in [`Rows::reference`] when it is handed in, and are null before it.
pub(crate) fn push_spectrum(
    rows: &mut Rows,
    step: u64,
    layer: u32,
    spectrum: Spectrum,
    extras: &RowExtras,
    with_angles: bool,
) {
    let slot = layer as usize;
    if rows.reference.len() <= slot {
        rows.reference.resize_with(slot + 1, || None);
    }
    let reference = if step == 1 {
        Some(&spectrum)
    } else {
        rows.reference[slot].as_ref()
    };
    let reference = reference.filter(|_| with_angles);
    spectrum_against(
        &mut rows.spectra,
        (step, layer),
        &spectrum,
        reference,
        extras,
    );
    if step == 1 && with_angles {
        rows.reference[slot] = Some(spectrum);
    }
}

/// Pushes a row an entry of `layer` at `step`, with the angles to `reference`; null without one.
pub(crate) fn spectrum_against(
    rows: &mut Vec<SpectrumRow>,
    (step, layer): (u64, u32),
    spectrum: &Spectrum,
    reference: Option<&Spectrum>,
    extras: &RowExtras,
) {
    let then = reference.map_or_else(Vec::new, |reference| clusters(&reference.entries));
    for now in clusters(&spectrum.entries) {
        let then = then
            .binary_search_by_key(&now.indices.start, |then| then.indices.start)
            .ok()
            .map(|place| &then[place])
            .filter(|then| then.indices == now.indices);
        let (left_angle, right_angle) = match (reference, then) {
            (Some(reference), Some(then)) => cluster_angles(spectrum, &now, reference, then),
            _ => (None, None),
        };
        let mut index = now.indices.start;
        for entry in &spectrum.entries[now.entries] {
            let end = index + u64::from(entry.multiplicity());
            while index < end {
                let mut row = SpectrumRow::new(step, layer, index as u32 + 1, entry.value, 1);
                let until = extras.fill(&mut row, index).min(end);
                row.multiplicity = (until - index) as u32;
                (row.left_angle, row.right_angle) = (left_angle, right_angle);
                rows.push(row);
                index = until;
            }
        }
    }
}

/// Left and right angle of a cluster to the one of the same indices in the reference.
fn cluster_angles(
    spectrum: &Spectrum,
    now: &Cluster,
    reference: &Spectrum,
    then: &Cluster,
) -> (Option<f64>, Option<f64>) {
    let (now_columns, now_blocks) = parts(&spectrum.entries[now.entries.clone()]);
    let (then_columns, then_blocks) = parts(&reference.entries[then.entries.clone()]);
    // A block is orthogonal to everything else: a cluster that has lost or gained one has turned fully.
    let turned = now_blocks != then_blocks;
    let angle = |defined: bool, before: &Array2<f64>, after: &Array2<f64>| {
        if !defined {
            None
        } else if turned {
            Some(FRAC_PI_2)
        } else {
            subspace_angle(before, &then_columns, after, &now_columns)
        }
    };
    let left = separated(spectrum, now, spectrum.left_rest)
        && separated(reference, then, reference.left_rest);
    let right = separated(spectrum, now, spectrum.right_rest)
        && separated(reference, then, reference.right_rest);
    (
        angle(left, &reference.U, &spectrum.U),
        angle(right, &reference.V, &spectrum.V),
    )
}

/// Columns of the pairs and ids of the blocks, each ascending.
fn parts(entries: &[Entry]) -> (Vec<usize>, Vec<u32>) {
    let mut columns = Vec::new();
    let mut blocks = Vec::new();
    for entry in entries {
        match entry.kind {
            EntryKind::Pair { column } => columns.push(column),
            EntryKind::Block { id, .. } => blocks.push(id),
        }
    }
    columns.sort_unstable();
    blocks.sort_unstable();
    (columns, blocks)
}

/// Whether both neighbours of a cluster are far enough; with `rest`, the value after the last is 0.
fn separated(spectrum: &Spectrum, cluster: &Cluster, rest: bool) -> bool {
    let entries = &spectrum.entries;
    let (start, end) = (cluster.entries.start, cluster.entries.end);
    let far = GAP * spectrum.largest();
    let last = entries[end - 1].value;
    let above = start == 0 || entries[start - 1].value - entries[start].value >= far;
    let below = match entries.get(end) {
        Some(next) => last - next.value >= far,
        None => !rest || last >= far,
    };
    far > 0.0 && above && below
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::svd;
    use ndarray::{Array1, array};

    fn diagonal(values: &[f64]) -> Array2<f64> {
        Array2::from_diag(&Array1::from(values.to_vec()))
    }

    fn rotated(A: &Array2<f64>, i: usize, j: usize, angle: f64) -> Array2<f64> {
        let mut G = Array2::<f64>::eye(A.nrows());
        G[[i, i]] = angle.cos();
        G[[j, j]] = angle.cos();
        G[[i, j]] = -angle.sin();
        G[[j, i]] = angle.sin();
        G.dot(A)
    }

    /// (value, left, right) of the rows at step 2 against `before` at step 1.
    fn check(before: &Array2<f64>, after: &Array2<f64>) -> Vec<(f64, Option<f64>, Option<f64>)> {
        let mut rows = Rows::default();
        for (step, A) in [(0, before), (1, before), (2, after)] {
            let spectrum = Spectrum::decomposed(A.view(), true).expect("finite");
            push_spectrum(&mut rows, step, 0, spectrum, &RowExtras::default(), true);
        }
        let mut start = rows.spectra.iter().filter(|row| row.step == 0);
        assert!(start.clone().count() > 0);
        assert!(start.all(|row| row.left_angle.is_none()));
        rows.spectra
            .iter()
            .filter(|row| row.step == 2)
            .map(|row| (row.value, row.left_angle, row.right_angle))
            .collect()
    }

    fn near(found: Option<f64>, wanted: f64) -> bool {
        found.is_some_and(|found| (found - wanted).abs() < 1e-9)
    }

    #[test]
    fn single_values_turn_by_the_angle_of_the_rotation() {
        let A = diagonal(&[3.0, 2.0, 1.0]);
        let rows = check(&A, &rotated(&A, 0, 2, 0.3));
        assert!(near(rows[0].1, 0.3) && near(rows[0].2, 0.0));
        assert!(near(rows[1].1, 0.0) && near(rows[2].1, 0.3));
    }

    #[test]
    fn a_cluster_is_compared_as_a_subspace() {
        let A = diagonal(&[2.0, 1.0, 1.0, 1.0, 0.5]);
        // A rotation inside the cluster is no turn at all; one out of it is.
        let inside = check(&A, &rotated(&A, 1, 2, 0.7));
        assert!(inside[1..4].iter().all(|row| near(row.1, 0.0)));
        let outside = check(&A, &rotated(&A, 3, 4, 0.2));
        assert!(outside[1..4].iter().all(|row| near(row.1, 0.2)));
        assert!(near(outside[0].1, 0.0));
    }

    #[test]
    fn changed_clusters_and_small_gaps_have_no_angle() {
        let A = diagonal(&[2.0, 1.0, 1.0, 0.5]);
        let split = check(&A, &diagonal(&[2.0, 1.0, 0.9, 0.5]));
        assert_eq!((split[1].1, split[2].1), (None, None));
        assert!(near(split[0].1, 0.0) && near(split[3].2, 0.0));
        let B = diagonal(&[2.0, 1.0, 1.0 - 5e-9]);
        let close = check(&B, &B);
        assert!(near(close[0].1, 0.0));
        assert_eq!((close[1].1, close[2].2), (None, None));
    }

    #[test]
    fn the_side_with_a_rest_needs_a_last_value_away_from_zero() {
        let tall = array![[1.0, 0.0], [0.0, 1e-12], [0.0, 0.0]];
        let rows = check(&tall, &tall);
        assert!(near(rows[0].1, 0.0) && near(rows[0].2, 0.0));
        assert_eq!(rows[1].1, None);
        assert!(near(rows[1].2, 0.0));
    }

    #[test]
    fn zero_matrices_have_no_angles() {
        let zero = Array2::zeros((3, 3));
        let rows = check(&zero, &zero);
        assert!(rows.iter().all(|row| row.1.is_none() && row.2.is_none()));
    }

    #[test]
    fn blocks_count_by_multiplicity_and_stay_where_they_are() {
        let core = |angle: f64| {
            let C = rotated(&diagonal(&[3.0, 0.5]), 0, 1, angle);
            let block = Entry {
                value: 1.0,
                kind: EntryKind::Block {
                    id: 0,
                    multiplicity: 8,
                },
            };
            Spectrum::new(svd(C.view()).expect("finite"), vec![block], (10, 10))
        };
        let mut rows = Rows::default();
        push_spectrum(&mut rows, 1, 2, core(0.0), &RowExtras::default(), true);
        push_spectrum(&mut rows, 5, 2, core(0.25), &RowExtras::default(), true);
        let seen: Vec<_> = rows.spectra[3..]
            .iter()
            .map(|row| (row.index, row.multiplicity))
            .collect();
        assert_eq!(seen, vec![(1, 1), (2, 8), (10, 1)]);
        assert!(near(rows.spectra[3].left_angle, 0.25));
        assert!(near(rows.spectra[4].left_angle, 0.0));
        assert!(near(rows.spectra[5].left_angle, 0.25));
        // The other columns split the block and nothing else.
        let extras = RowExtras {
            update: ByIndex(vec![(0.7, 2), (0.1, 8)]),
            theory: ByIndex(vec![(2.5, 3), (1.0, 2)]),
            modes: None,
        };
        let mut rows = Rows::default();
        push_spectrum(&mut rows, 1, 2, core(0.0), &extras, false);
        let seen: Vec<_> = rows
            .spectra
            .iter()
            .map(|row| {
                let index = (row.index, row.multiplicity);
                (index, row.update_value, row.theory_value, row.theory_error)
            })
            .collect();
        let some = Some::<f64>;
        assert_eq!(
            seen,
            vec![
                ((1, 1), some(0.7), some(2.5), some(0.5)),
                ((2, 1), some(0.7), some(2.5), some(1.5)),
                ((3, 1), some(0.1), some(2.5), some(1.5)),
                ((4, 2), some(0.1), some(1.0), some(0.0)),
                ((6, 4), some(0.1), None, None),
                ((10, 1), some(0.1), None, None),
            ]
        );
    }
}
