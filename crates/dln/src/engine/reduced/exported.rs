//! The core as matrices, with the end-to-end map of the wide network that it stands for.
//!
//! The map is `U_L C_L .. C_1 U_0^T` and what the inputs off `H_0` make of it: `U_L C_L .. C_2 U_1^T W_1(0) (I - P_0)`, which
//! decays with the weights of the first layer and is zero where that is closed on both sides, and what passes through all
//! layers off the core.

use ndarray::{Array1, Array2};

use crate::config::Trial;
use crate::data::Data;
use crate::exported::{Exported, ExportedParts, collapsed, embedded};
use crate::init;
use crate::kernel::{Accum, Threads, multiply, product};
use crate::law::{Basis, reduce};

/// A trained core.
pub(super) struct CoreParts<'a> {
    pub(super) trial: &'a Trial,
    pub(super) bases: &'a [Basis],
    /// `C_1 .. C_L`.
    pub(super) cores: Vec<Array2<f64>>,
    /// One column a layer, or none.
    pub(super) biases: Vec<Array2<f64>>,
    /// What weight decay has left of the first layer off the core.
    pub(super) first_share: f64,
}

impl CoreParts<'_> {
    pub(super) fn exported(self) -> Exported {
        let column = |b: &Array2<f64>| b.iter().copied().collect::<Array1<f64>>();
        let biases: Vec<Array1<f64>> = self.biases.iter().map(column).collect();
        let own = |basis: &Basis| basis.view().as_standard_layout().into_owned();
        let bases: Vec<Array2<f64>> = self.bases.iter().map(own).collect();
        let last = &bases[self.cores.len()];
        let (core, within) = collapsed(&self.cores, &biases);
        let mut map = embedded(last.view(), core.view(), bases[0].view());
        if let Some(entering) = self.entering() {
            let above = match &self.cores[1..] {
                [] => last.clone(),
                above => multiply(Threads::Pool, last.view(), collapsed(above, &[]).0.view()),
            };
            let accum = Accum::Add;
            product(
                Threads::Pool,
                map.view_mut(),
                accum,
                self.first_share,
                above.view(),
                entering.view(),
            );
        }
        let offset = last.dot(&within);
        Exported {
            parts: ExportedParts::Core {
                bases: bases.into_iter().enumerate().collect(),
                cores: self.cores,
                biases,
            },
            end_to_end: Some(map),
            offset: Some(offset),
        }
    }

    /// `U_1^T W_1(0) (I - P_0)`; `None` where the core holds all inputs.
    fn entering(&self) -> Option<Array2<f64>> {
        if self.bases[0].is_full() {
            return None;
        }
        let start = init::starts(self.trial).ok()?;
        let rows = start.first()?.apply_transpose(self.bases[1].view());
        Some(
            self.bases[0]
                .coordinates(rows.view())
                .outside
                .reversed_axes(),
        )
    }
}

/// The initial end-to-end map off the core, drawn again: the initial weights were given up when training began.
pub(super) fn off_map(trial: &Trial, data: &Data) -> Option<Array2<f64>> {
    reduce(trial, data, &|_| true).ok()?.off_map()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EngineChoice, Loss, Problem, StartKind, Task};
    use crate::data::{fixture, prepare};
    use crate::kernel::Threads;
    use crate::run::{Progress, Run};

    fn map_on(trial: &Trial, engine: EngineChoice) -> Exported {
        let mut trial = trial.clone();
        trial.train.engine = engine;
        let data = prepare(&trial).expect("fits");
        let clock = || 0.0;
        let mut run = Run::new(&trial, &data, Threads::Seq, &clock).expect("serves");
        assert_eq!(run.advance(u64::MAX), Ok(Progress::Done));
        run.exported().expect("a network")
    }

    #[track_caller]
    fn check(problem: Problem, widths: &[usize], kind: StartKind) {
        let mut trial = fixture::trial(problem, widths);
        trial.init.kind = kind;
        trial.init.scales = vec![0.8; widths.len() + 1];
        trial.train.steps = 7;
        trial.optimizer.weight_decay = 0.01;
        // What is measured says whether the map of the wide network is kept from the start.
        for judged in [false, true] {
            trial.measure.metrics.train_loss = judged;
            let core = map_on(&trial, EngineChoice::Reduced);
            let full = map_on(&trial, EngineChoice::Full);
            let (core, full) = (
                core.end_to_end.expect("linear"),
                full.end_to_end.expect("linear"),
            );
            let off = &core - &full;
            assert!(off.iter().all(|x| x.abs() < 1e-11), "{off}");
        }
    }

    #[test]
    fn the_map_is_that_of_the_wide_network() {
        // Directions off the core that move, that are seen by nothing, that only decay.
        check(
            fixture::factorization(12, 12, 2),
            &[12, 12],
            StartKind::Orthogonal,
        );
        check(
            fixture::classification(30, 3, 5),
            &[40, 40],
            StartKind::Orthogonal,
        );
        let mut white = fixture::classification(8, 3, 10);
        if let Task::Classification { samples } = &mut white.task {
            samples.whiten = true;
        }
        white.loss = Loss::Mean;
        check(white, &[24, 24], StartKind::Orthogonal);
        check(
            fixture::classification(30, 3, 5),
            &[40],
            StartKind::Gaussian,
        );
    }
}
