//! The random streams of a trial.
//!
//! This file owns how (seed, replicate, purpose, index) become a ChaCha8 key and a reflector's or row's
//! number its stream, so that any part of any draw can be made again on its own, in any order. What is
//! drawn from a stream is the business of its user.

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::config::Draw;

/// What a stream is for. The tags are part of every result: never renumber one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Purpose {
    /// Left singular vectors of a drawn target; `sub` is the reflector.
    TargetLeft = 1,
    /// Right singular vectors of a drawn target; `sub` is the reflector.
    TargetRight = 2,
    /// The bidiagonal of a drawn target's singular values; `sub` 0 is the diagonal, 1 the rest.
    TargetValues = 3,
    /// Observed entries; `sub` is the row.
    Mask = 4,
    /// Orthonormal inputs (`sub` is the reflector), Gaussian inputs (`sub` is the sample).
    Inputs = 5,
    /// Left factor of low-rank inputs; `sub` is the column.
    InputsLeft = 6,
    /// Right factor of low-rank inputs; `sub` is the sample.
    InputsRight = 7,
    /// Noise on the inputs; `sub` is the sample.
    InputsNoise = 8,
    TeacherLeft = 9,
    TeacherRight = 10,
    TeacherValues = 11,
    /// Initial weights, `index` the layer; `sub` is the reflector or the row.
    Init = 12,
    /// Bases of a balanced start, `index` 0..=L; `sub` is the reflector.
    BalancedBasis = 13,
    /// The bidiagonal of a balanced start's end-to-end singular values.
    BalancedValues = 14,
    /// The order of the training samples in minibatches; `sub` is the epoch.
    Batches = 15,
    /// Noise on drawn targets; `sub` is the output of a target matrix, or the sample.
    TargetNoise = 16,
    /// Which samples are held out; `sub` is the class, or 0.
    Split = 17,
    /// Directions of a random block, `index` 0 at the inputs, 1 at the outputs; `sub` is the row.
    Block = 18,
}

/// The stream `sub` under the key (seed, replicate, purpose, index).
///
/// `index` is the layer, from 1, or 0 where there is none; `sub` the reflector, row or sample.
pub(crate) fn stream(draw: Draw, purpose: Purpose, index: u64, sub: u64) -> ChaCha8Rng {
    let mut rng = key(draw, purpose, index);
    rng.set_stream(sub);
    rng
}

/// The generator that [`stream`] starts from. Cloning it and setting the stream number is cheaper than
/// keying anew, which counts where there are thousands of short streams.
pub(crate) fn key(draw: Draw, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut bytes = [0u8; 32];
    let words = [draw.seed, draw.replicate, purpose as u64, index];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(bytes)
}

/// Fills `out` with standard normals.
pub(crate) fn fill_normal(rng: &mut ChaCha8Rng, out: &mut [f64]) {
    for value in out {
        *value = StandardNormal.sample(rng);
    }
}

/// A `rows x columns` matrix of standard normals, row `i` (from 0) drawn from stream `i`, so that a row is
/// the same however many there are.
pub(crate) fn normal_rows(
    draw: Draw,
    purpose: Purpose,
    index: u64,
    rows: usize,
    columns: usize,
) -> Array2<f64> {
    let key = key(draw, purpose, index);
    let mut A = Array2::<f64>::zeros((rows, columns));
    for (i, mut row) in A.rows_mut().into_iter().enumerate() {
        let mut rng = key.clone();
        rng.set_stream(i as u64);
        row.mapv_inplace(|_| StandardNormal.sample(&mut rng));
    }
    A
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAW: Draw = Draw {
        seed: 7,
        replicate: 2,
    };

    fn first(draw: Draw, purpose: Purpose, index: u64, sub: u64) -> f64 {
        let mut out = [0.0];
        fill_normal(&mut stream(draw, purpose, index, sub), &mut out);
        out[0]
    }

    #[test]
    fn a_stream_depends_on_every_part_of_its_name() {
        let base = first(DRAW, Purpose::Init, 1, 1);
        assert_eq!(base.to_bits(), first(DRAW, Purpose::Init, 1, 1).to_bits());
        let other_seed = Draw { seed: 8, ..DRAW };
        let other_replicate = Draw {
            replicate: 3,
            ..DRAW
        };
        let others = [
            first(other_seed, Purpose::Init, 1, 1),
            first(other_replicate, Purpose::Init, 1, 1),
            first(DRAW, Purpose::Mask, 1, 1),
            first(DRAW, Purpose::Init, 2, 1),
            first(DRAW, Purpose::Init, 1, 2),
        ];
        for other in others {
            assert_ne!(base.to_bits(), other.to_bits());
        }
    }

    #[test]
    fn a_cloned_key_gives_the_same_stream() {
        let base = key(DRAW, Purpose::Inputs, 0);
        let mut cloned = base.clone();
        cloned.set_stream(41);
        let mut out = [0.0; 70];
        let mut again = [0.0; 70];
        fill_normal(&mut cloned, &mut out);
        fill_normal(&mut stream(DRAW, Purpose::Inputs, 0, 41), &mut again);
        assert_eq!(out, again);
    }

    #[test]
    fn a_row_does_not_depend_on_how_many_there_are() {
        let few = normal_rows(DRAW, Purpose::Init, 1, 2, 5);
        let many = normal_rows(DRAW, Purpose::Init, 1, 4, 5);
        assert_eq!(few, many.slice(ndarray::s![..2, ..]));
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut out = vec![0.0; 100_000];
        fill_normal(&mut stream(DRAW, Purpose::Init, 1, 1), &mut out);
        let n = out.len() as f64;
        let mean = out.iter().sum::<f64>() / n;
        let variance = out.iter().map(|x| x * x).sum::<f64>() / n;
        // Standard errors are 0.0032 and 0.0045: five of them.
        assert!(mean.abs() < 0.016, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.023, "variance {variance}");
    }
}
