//! Minibatches: which training samples each update sees.
//!
//! The order of an epoch is a permutation of the training samples that depends on seed, replicate and the number of the
//! epoch alone, so every engine, thread count and worker takes the same batches, and a run that continues from a
//! checkpoint takes those that it would have taken. The last batch of an epoch is short where the size does not divide.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::config::{Draw, Samples, Trial};
use crate::stream::{Purpose, stream};

/// How the training samples are cut into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    samples: usize,
    size: usize,
}

impl Epoch {
    /// `None` where every update sees all samples: no batch is asked for, it holds all, or there are no samples.
    pub(crate) fn of(trial: &Trial) -> Option<Epoch> {
        let samples = trial.problem.task.samples().map(Samples::trained)?;
        let size = trial.train.batch;
        (1..samples)
            .contains(&size)
            .then_some(Epoch { samples, size })
    }

    /// Samples of a batch that is not short.
    pub(crate) fn size(self) -> usize {
        self.size
    }

    /// Samples of the last batch, where it is short.
    pub(crate) fn short(self) -> Option<usize> {
        Some(self.samples % self.size).filter(|&size| size > 0)
    }

    /// Updates of an epoch.
    pub(crate) fn updates(self) -> usize {
        self.samples.div_ceil(self.size)
    }

    /// The mean over an epoch of what an update costs, by its samples.
    pub(crate) fn mean(self, cost: impl Fn(usize) -> f64) -> f64 {
        let whole = (self.samples / self.size) as f64 * cost(self.size);
        let short = self.short().map_or(0.0, cost);
        (whole + short) / self.updates() as f64
    }
}

/// The batches of a trial, in order.
#[derive(Clone, Debug)]
pub(crate) struct Batches {
    epoch: Epoch,
    draw: Draw,
    /// The epoch that `order` is of.
    made: Option<u64>,
    order: Vec<usize>,
}

impl Batches {
    /// `None` as [`Epoch::of`].
    pub(crate) fn of(trial: &Trial) -> Option<Batches> {
        Epoch::of(trial).map(|epoch| Batches {
            epoch,
            draw: trial.draw,
            made: None,
            order: vec![0; epoch.samples],
        })
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The training samples, from 0, of the update of this number, from 0. Allocates nothing.
    pub(crate) fn at(&mut self, update: u64) -> &[usize] {
        let Epoch { samples, size } = self.epoch;
        let updates = self.epoch.updates() as u64;
        let (number, within) = (update / updates, (update % updates) as usize);
        if self.made != Some(number) {
            for (place, sample) in self.order.iter_mut().enumerate() {
                *sample = place;
            }
            shuffle(
                &mut stream(self.draw, Purpose::Batches, 0, number),
                &mut self.order,
            );
            self.made = Some(number);
        }
        let start = within * size;
        &self.order[start..samples.min(start + size)]
    }
}

/// Fisher and Yates, from the end on.
fn shuffle(rng: &mut ChaCha8Rng, order: &mut [usize]) {
    for last in (1..order.len()).rev() {
        order.swap(last, below(rng, last + 1));
    }
}

/// Uniform on `0..bound`.
///
/// # Source
/// Lemire, "Fast random integer generation in an interval", ACM TOMACS 29 (2019).
fn below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    let bound = bound as u64;
    // Products whose lower half is below this many values stand for too many draws.
    let uneven = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        if product as u64 >= uneven {
            return (product >> 64) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture;

    fn batched(batch: usize, replicate: u64) -> Trial {
        let mut trial = fixture::trial(fixture::classification(5, 3, 10), &[4]);
        trial.train.batch = batch;
        trial.draw.replicate = replicate;
        trial
    }

    fn batches(batch: usize) -> Batches {
        Batches::of(&batched(batch, 0)).expect("fewer than all")
    }

    #[test]
    fn an_epoch_visits_every_sample_once() {
        let mut seen = batches(7);
        assert_eq!(seen.epoch().updates(), 5);
        assert_eq!(seen.epoch().short(), Some(2));
        let mut orders = Vec::new();
        for number in 0..3 {
            let mut order = Vec::new();
            for within in 0..5 {
                let batch = seen.at(5 * number + within);
                assert_eq!(batch.len(), if within == 4 { 2 } else { 7 });
                order.extend_from_slice(batch);
            }
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..30).collect::<Vec<_>>());
            orders.push(order);
        }
        assert!(orders[0] != orders[1] && orders[1] != orders[2]);
    }

    #[test]
    fn a_batch_depends_on_its_number_alone() {
        let mut forward = batches(8);
        let all: Vec<Vec<usize>> = (0..12).map(|update| forward.at(update).to_vec()).collect();
        for update in [11, 0, 5, 6, 3] {
            assert_eq!(batches(8).at(update), all[update as usize]);
            assert_eq!(forward.at(update), all[update as usize]);
        }
        let mut other = Batches::of(&batched(8, 1)).expect("fewer than all");
        assert_ne!(other.at(0), all[0]);
        // Part of every result: the first batch of this draw.
        assert_eq!(all[0], [25, 5, 23, 7, 1, 27, 28, 22]);
    }

    #[test]
    fn all_samples_at_once_are_no_batches() {
        for size in [0, 30] {
            assert!(Batches::of(&batched(size, 0)).is_none());
        }
        let mut one = batches(1);
        assert_eq!(one.epoch().updates(), 30);
        assert_eq!(one.at(29).len(), 1);
        let mut matrix = fixture::trial(fixture::factorization(6, 4, 2), &[4]);
        matrix.train.batch = 2;
        assert!(Batches::of(&matrix).is_none());
    }

    #[test]
    fn places_are_uniform() {
        let mut counts = [[0u32; 5]; 5];
        let mut rng = stream(
            fixture::trial(fixture::factorization(2, 2, 1), &[]).draw,
            Purpose::Batches,
            0,
            0,
        );
        for _ in 0..20_000 {
            let mut order = [0, 1, 2, 3, 4];
            shuffle(&mut rng, &mut order);
            for (place, &sample) in order.iter().enumerate() {
                counts[place][sample] += 1;
            }
        }
        // 4000 each, within five deviations of 57.
        for count in counts.as_flattened() {
            assert!(count.abs_diff(4000) < 285, "{counts:?}");
        }
    }

    #[test]
    fn costs_are_means_over_an_epoch() {
        let epoch = Epoch {
            samples: 30,
            size: 7,
        };
        assert_eq!(epoch.mean(|n| n as f64), 6.0);
    }
}
