//! The block of every layer that the law predicts its updates to stay in, for any network.
//!
//! The subspaces `H_0 .. H_L` are closed through the initial weights, both ways at every layer (a block that is closed
//! upwards alone is wrong: linear networks would leave it), from what the data or the first gradient say:
//!
//! ```text
//! samples   data:      H_0 = range(X),  H_L = R^(d_y)
//!           gradient:  H_0 = the leading d_y right singular vectors of G_1(0),  H_L = R^(d_y)
//! a matrix  data:      H_0 = row(T),  H_L = col(T),  T the target
//!           gradient:  H_0 = the leading rank(T) right singular vectors of G_1(0),
//!                      H_L = the leading rank(T) left singular vectors of G_L(0)
//! ```
//!
//! Linear networks keep to the first exactly under every loss, batch and schedule, and to the third under the squared
//! loss of every entry. For nonlinear ones both are predictions, and the metric `leak` says how good they are.

use ndarray::{Array2, ArrayView2, s};

use super::basis::{Basis, completed};
use super::closure::{ClosureProblem, Seeds, close};
use super::first_gradient::{FirstGradients, first_gradients};
use super::layers::Layer;
use super::moments::Moments;
use crate::config::{LeakBlock, Trial};
use crate::data::{Data, TrainSamples};
use crate::error::TrialError;
use crate::init::starts;
use crate::kernel::rank::{OF_DATA, rank};
use crate::kernel::{Threads, svd};

/// Share of a unit vector's image that counts as a new direction.
const DIRECTION: f64 = 1e-8;

/// `H_0 .. H_L` as the trial asks for them; `None` where a decomposition of the data or of the gradient does not
/// converge, as when they are not finite.
///
/// # Errors
/// What is wrong with the initial weights.
pub(crate) fn predicted(
    trial: &Trial,
    data: &Data,
    threads: Threads,
) -> Result<Option<Vec<Basis>>, TrialError> {
    let Some((input, output)) = seeds(trial, data, threads)? else {
        return Ok(None);
    };
    let layers: Vec<Layer> = starts(trial)?.into_iter().map(Layer::new).collect();
    let closure = close(&ClosureProblem {
        layers: &layers,
        input: Seeds::Columns(input.view()),
        output: Seeds::Columns(output.view()),
        one_sided: false,
        tolerance: DIRECTION,
        worth: &|_| true,
    });
    Ok(closure.map(|closure| closure.bases))
}

/// What `H_0` and `H_L` contain.
type Ends = (Array2<f64>, Array2<f64>);

fn seeds(trial: &Trial, data: &Data, threads: Threads) -> Result<Option<Ends>, TrialError> {
    let outputs = trial.problem.outputs_dim;
    match (trial.measure.leak_block, data.samples(true)) {
        (LeakBlock::Data, TrainSamples::Dense { X, .. }) => {
            Ok(range(X).map(|input| (input, Array2::eye(outputs))))
        }
        (LeakBlock::Data, TrainSamples::Identity) => Ok(Moments::of(data)
            .ok()
            .map(|moments| (moments.input_seeds(), moments.output_seeds().to_owned()))),
        (LeakBlock::Gradient, TrainSamples::Dense { .. }) => {
            let FirstGradients { first, .. } = first_gradients(trial, data, threads)?;
            let input = leading(first.view(), outputs);
            Ok(input.map(|input| (input, Array2::eye(outputs))))
        }
        (LeakBlock::Gradient, TrainSamples::Identity) => {
            let Ok(moments) = Moments::of(data) else {
                return Ok(None);
            };
            let rank = moments.output_seeds().ncols();
            let FirstGradients { first, last } = first_gradients(trial, data, threads)?;
            let input = leading(first.view(), rank);
            Ok(input.zip(leading(last.t(), rank)))
        }
    }
}

/// An orthonormal basis of the columns of `X`.
fn range(X: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
    let found = svd(X)?;
    let rank = rank(&found.s, OF_DATA);
    Some(completed(found.U.view(), rank))
}

/// The leading right singular vectors of `G`, at most `count` and at most its rank.
fn leading(G: ArrayView2<'_, f64>, count: usize) -> Option<Array2<f64>> {
    let found = svd(G)?;
    let kept = count.min(rank(&found.s, OF_DATA));
    Some(found.V.slice(s![.., ..kept]).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Activation;
    use crate::data::{fixture, prepare};

    fn widths(trial: &Trial) -> Vec<usize> {
        let data = prepare(trial).expect("fits");
        let found = predicted(trial, &data, Threads::Seq).expect("drawn");
        let found = found.expect("converges");
        found.iter().map(Basis::width).collect()
    }

    #[test]
    fn blocks_have_the_widths_of_the_law() {
        let mut trial = fixture::trial(fixture::factorization(20, 20, 2), &[20, 20]);
        trial.init.scales = vec![0.1; 3];
        for block in [LeakBlock::Data, LeakBlock::Gradient] {
            trial.measure.leak_block = block;
            assert_eq!(widths(&trial), [4; 4], "{block:?}");
        }
        // r_x + K hidden; of the gradient twice the classes, and once more behind a tall layer.
        let mut trial = fixture::trial(fixture::classification(9, 3, 10), &[30, 30]);
        for activation in [Activation::Linear, Activation::Relu] {
            trial.network.activation = activation;
            trial.measure.leak_block = LeakBlock::Data;
            assert_eq!(widths(&trial), [9, 12, 12, 3]);
            trial.measure.leak_block = LeakBlock::Gradient;
            assert_eq!(widths(&trial), [6, 9, 9, 3]);
        }
    }
}
