//! Which samples are held out where a share of them is asked for.
//!
//! A pure function of the draw: every replicate holds out others.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

use crate::config::{Draw, Split};
use crate::error::TrialError;
use crate::stream::{Purpose, stream};

/// Numbers of samples, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    pub train: Vec<usize>,
    pub test: Vec<usize>,
}

impl Split {
    /// How many of `count` samples are held out: their share, to the nearest whole number; one at least, and not all.
    /// Fewer than two samples cannot be split, and none is held out.
    pub fn held_out(&self, count: usize) -> usize {
        let wanted = (self.share * count as f64).round() as usize;
        wanted
            .clamp(1, count.saturating_sub(1).max(1))
            .min(count.saturating_sub(1))
    }

    /// Splits the samples `0 .. count`. `classes` are those of the samples, where they have any.
    ///
    /// # Errors
    /// A share that is not between 0 and 1; fewer than two samples; where classes are to keep their shares: no classes,
    /// a class with one sample, fewer held-out samples than classes.
    pub fn parts(
        &self,
        count: usize,
        classes: Option<&[u32]>,
        draw: Draw,
    ) -> Result<Parts, TrialError> {
        // Written so that NaN is refused too.
        if !(self.share > 0.0 && self.share < 1.0) {
            return Err(TrialError::SplitShare { share: self.share });
        }
        if count < 2 {
            return Err(TrialError::SplitFew { count });
        }
        let held_out = self.held_out(count);
        let mut is_test = vec![false; count];
        match (self.stratify, classes) {
            (false, _) => {
                let mut all: Vec<usize> = (0..count).collect();
                choose(&mut all, held_out, 0, draw, &mut is_test);
            }
            (true, None) => return Err(TrialError::SplitWithoutClasses),
            (true, Some(classes)) => {
                let mut of_class = by_class(classes)?;
                for (class, held_out) in (0..).zip(quotas(&of_class, held_out)?) {
                    choose(
                        &mut of_class[class],
                        held_out,
                        class as u64,
                        draw,
                        &mut is_test,
                    );
                }
            }
        }
        let (test, train) = (0..count).partition(|&sample| is_test[sample]);
        Ok(Parts { train, test })
    }
}

/// The samples of each class, ascending; classes without samples have none.
///
/// # Errors
/// A class with a single sample, which cannot stand on both sides.
fn by_class(classes: &[u32]) -> Result<Vec<Vec<usize>>, TrialError> {
    let largest = classes.iter().max().map_or(0, |&class| class as usize + 1);
    let mut of_class = vec![Vec::new(); largest];
    for (sample, &class) in classes.iter().enumerate() {
        of_class[class as usize].push(sample);
    }
    match of_class.iter().position(|samples| samples.len() == 1) {
        Some(class) => Err(TrialError::SplitClass { class }),
        None => Ok(of_class),
    }
}

/// How many of each class are held out, `held_out` together: its share, rounded so that the largest remainders are
/// rounded up, one at least and not all.
///
/// # Errors
/// Fewer to hold out, or to keep, than there are classes.
fn quotas(of_class: &[Vec<usize>], held_out: usize) -> Result<Vec<usize>, TrialError> {
    let count: usize = of_class.iter().map(Vec::len).sum();
    let classes = of_class
        .iter()
        .filter(|samples| !samples.is_empty())
        .count();
    if classes > held_out || classes > count - held_out {
        return Err(TrialError::SplitClasses {
            classes,
            train: count - held_out,
            test: held_out,
        });
    }
    let exact = |samples: &Vec<usize>| samples.len() as f64 * held_out as f64 / count as f64;
    let mut quotas: Vec<usize> = of_class
        .iter()
        .map(|samples| match samples.len() {
            0 => 0,
            all => (exact(samples).floor() as usize).clamp(1, all - 1),
        })
        .collect();
    loop {
        let given: usize = quotas.iter().sum();
        // The class that is furthest from its share, the first of equal ones; a step towards it.
        let gap = |class: usize| exact(&of_class[class]) - quotas[class] as f64;
        let next = if given < held_out {
            let open = (0..quotas.len()).filter(|&c| quotas[c] + 1 < of_class[c].len());
            open.reduce(|best, c| if gap(c) > gap(best) { c } else { best })
        } else if given > held_out {
            let open = (0..quotas.len()).filter(|&c| quotas[c] > 1);
            open.reduce(|best, c| if gap(c) < gap(best) { c } else { best })
        } else {
            return Ok(quotas);
        };
        match next {
            Some(class) if given < held_out => quotas[class] += 1,
            Some(class) => quotas[class] -= 1,
            // The bounds above leave room.
            None => return Ok(quotas),
        }
    }
}

/// Marks `count` of the samples, drawn without replacement.
fn choose(samples: &mut [usize], count: usize, stream_of: u64, draw: Draw, chosen: &mut [bool]) {
    let mut rng = stream(draw, Purpose::Split, 0, stream_of);
    for place in 0..count {
        let other = place + below(&mut rng, (samples.len() - place) as u64) as usize;
        samples.swap(place, other);
        chosen[samples[place]] = true;
    }
}

/// A number below `bound`, each as likely as the others.
fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    // Numbers from the last, cut multiple of the bound on are drawn again.
    let cut = u64::MAX - u64::MAX % bound;
    loop {
        let drawn = rng.next_u64();
        if drawn < cut {
            return drawn % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(share: f64, stratify: bool) -> Split {
        Split { share, stratify }
    }

    fn draw(replicate: u64) -> Draw {
        Draw { seed: 5, replicate }
    }

    /// Samples of the classes 0, 1, .. in blocks of these sizes.
    fn classes(sizes: &[usize]) -> Vec<u32> {
        let blocks = (0..).zip(sizes);
        blocks
            .flat_map(|(class, &size)| vec![class; size])
            .collect()
    }

    #[test]
    fn both_parts_make_up_the_samples_and_are_drawn() {
        let of = |replicate| {
            split(0.25, false)
                .parts(40, None, draw(replicate))
                .expect("splits")
        };
        let one = of(0);
        assert_eq!((one.train.len(), one.test.len()), (30, 10));
        let mut all: Vec<usize> = one.train.iter().chain(&one.test).copied().collect();
        assert!(one.train.is_sorted() && one.test.is_sorted());
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>());
        assert_eq!(one, of(0));
        assert_ne!(one, of(1));
        // Each sample is held out in its share of the draws: 100 of 400, standard error 8.7.
        let mut count = [0; 40];
        for replicate in 0..400 {
            for sample in of(replicate).test {
                count[sample] += 1;
            }
        }
        assert!(count.iter().all(|&n| (60..140).contains(&n)), "{count:?}");
    }

    #[test]
    fn classes_keep_their_shares() {
        let check = |sizes: &[usize], share: f64, expected: &[usize]| {
            let classes = classes(sizes);
            let parts = split(share, true).parts(classes.len(), Some(&classes), draw(0));
            let parts = parts.expect("splits");
            let mut found = vec![0; sizes.len()];
            for &sample in &parts.test {
                found[classes[sample] as usize] += 1;
            }
            assert_eq!(found, expected, "{sizes:?}");
            assert_eq!(parts.test.len(), split(share, true).held_out(classes.len()));
        };
        check(&[40, 20, 20], 0.25, &[10, 5, 5]);
        // 2.5 of each, 10 together.
        check(&[10, 10, 10, 10], 0.25, &[3, 3, 2, 2]);
        // A rare class stands on both sides.
        check(&[96, 2, 2], 0.05, &[3, 1, 1]);
        check(&[2, 2, 2], 0.5, &[1, 1, 1]);
        check(&[30, 0, 10], 0.25, &[8, 0, 2]);
    }

    #[test]
    fn a_share_is_rounded_and_leaves_something_on_both_sides() {
        let held_out = |share, count| split(share, false).held_out(count);
        assert_eq!(held_out(0.25, 150), 38);
        assert_eq!((held_out(0.01, 10), held_out(0.99, 10)), (1, 9));
        assert_eq!([0, 1, 2].map(|count| held_out(0.5, count)), [0, 0, 1]);
    }

    #[test]
    fn what_cannot_be_split_is_refused() {
        let error = |split: Split, count, classes: Option<&[u32]>| {
            split
                .parts(count, classes, draw(0))
                .expect_err("does not split")
        };
        for share in [0.0, 1.0, -0.5, f64::NAN] {
            let found = error(split(share, false), 10, None);
            assert!(matches!(found, TrialError::SplitShare { .. }));
        }
        assert_eq!(
            error(split(0.5, false), 1, None),
            TrialError::SplitFew { count: 1 }
        );
        assert_eq!(
            error(split(0.5, true), 9, None),
            TrialError::SplitWithoutClasses
        );
        let single = error(split(0.5, true), 5, Some(&classes(&[2, 1, 2])));
        assert_eq!(single, TrialError::SplitClass { class: 1 });
        let few = error(split(0.1, true), 20, Some(&classes(&[5, 5, 10])));
        assert_eq!(
            few.to_string(),
            "3 classes cannot all stand on both sides of a split into 18 and 2 samples"
        );
    }
}
