//! Seeded splits into a training and a held-out part.
//!
//! A sweep refuses a class that cannot stand on both sides (`data::split`); here such a class is trained on, because
//! data are to be judged as they are.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::data::Parts;

/// Holds out a share of `count` samples, of each class the same share as far as whole samples allow. Every class keeps
/// a training sample.
pub(super) fn split(classes: Option<&[usize]>, count: usize, share: f64, seed: u64) -> Parts {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let groups: Vec<Vec<usize>> = match classes {
        None => vec![(0..count).collect()],
        Some(classes) => {
            let most = classes.iter().copied().max().unwrap_or(0);
            let of = |class| (0..count).filter(|&at| classes[at] == class).collect();
            (0..=most).map(of).collect()
        }
    };
    let (mut train, mut test) = (Vec::new(), Vec::new());
    // What a class holds out beyond its share, the next ones hold out less.
    let mut owed = 0.0;
    for mut group in groups {
        shuffle(&mut group, &mut rng);
        owed += share * group.len() as f64;
        let most = group.len().saturating_sub(1);
        // It is not negative, and less than the size of the group and one.
        let held = (owed.round().max(0.0) as usize).min(most);
        owed -= held as f64;
        let (out, kept) = group.split_at(held);
        test.extend(out);
        train.extend(kept);
    }
    train.sort_unstable();
    test.sort_unstable();
    Parts { train, test }
}

fn shuffle(items: &mut [usize], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        let random = u128::from(rng.next_u64());
        // Below `last + 1`: the upper half of a product.
        let other = ((random * (last as u128 + 1)) >> 64) as usize;
        items.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_one_part_and_classes_keep_their_shares() {
        let classes: Vec<usize> = (0..103)
            .map(|at| if at % 10 == 0 { 1 } else { 0 })
            .collect();
        let parts = split(Some(&classes), 103, 0.25, 3);
        let mut all = [parts.train.clone(), parts.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..103).collect::<Vec<_>>());
        assert_eq!(parts.test.len(), 26);
        let ones = parts.test.iter().filter(|&&at| classes[at] == 1).count();
        assert!((2..=3).contains(&ones), "{ones} of 11");
        assert_eq!(parts, split(Some(&classes), 103, 0.25, 3));
        assert_ne!(parts, split(Some(&classes), 103, 0.25, 4));
    }

    #[test]
    fn a_class_of_one_sample_is_trained_on() {
        let parts = split(Some(&[0, 0, 0, 0, 1]), 5, 0.9, 1);
        assert!(parts.train.contains(&4));
        assert_eq!(split(None, 8, 0.25, 1).test.len(), 2);
    }
}
