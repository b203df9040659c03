//! Floating-point operations and memory of the full engine, from shapes alone.
//!
//! Products count `2 m n k`; passes over the entries do not count. Nothing is drawn here, so that a plan of a
//! billion trials stays cheap.

use crate::batch::Epoch;
use crate::config::{Inputs, Mask, Samples, Target, Task, Trial};
use crate::init::layer_shapes;
use crate::metric::Decomposition;

/// Operations of one step of the full engine, its samples folded where they can be. An upper bound where the
/// inputs' rank is not known before they are drawn or read. With batches, the mean over an epoch.
pub fn full_step(trial: &Trial) -> f64 {
    match Epoch::of(trial) {
        Some(epoch) => epoch.mean(|size| step_on(trial, size)),
        None => step_on(trial, trained_samples(trial)),
    }
}

/// Operations of one step of the full engine on this many samples.
pub(crate) fn step_on(trial: &Trial, n: usize) -> f64 {
    let dims = trial.sizes();
    let identity = identity_inputs(trial);
    let samples = samples_side(&dims, n, identity);
    let update = update(trial);
    if !trial.network.is_linear() {
        return samples + update;
    }
    if let Some(observed) = drawn_entries(trial).filter(|&count| observed_pays(&dims, count)) {
        return observed_side(&dims, observed) + update;
    }
    samples.min(outputs_side(&dims, n, identity)) + update
}

/// Operations of the optimizer's own products and decompositions in one step of the full engine.
pub(crate) fn update(trial: &Trial) -> f64 {
    trial.optimizer.flops(&layer_shapes(trial))
}

/// What each layer's gradient is a product over in a step of the full engine; `None` where it comes multiplied out. With
/// batches, the mean over an epoch.
pub(crate) fn gradients_over(trial: &Trial) -> Vec<Option<f64>> {
    let dims = trial.sizes();
    let depth = dims.len() - 1;
    let identity = identity_inputs(trial);
    let n = trained_samples(trial);
    let seen = Epoch::of(trial).map_or(n as f64, |epoch| epoch.mean(|size| size as f64));
    let over = |l: usize, others: Option<f64>| others.filter(|_| l > 0 || !identity);
    let by_samples = (0..depth).map(|l| over(l, Some(seen)));
    if !trial.network.is_linear() {
        return by_samples.collect();
    }
    if drawn_entries(trial).is_some_and(|count| observed_pays(&dims, count)) {
        let hidden = (0..depth).map(|l| over(l, Some(n as f64)).filter(|_| l + 1 < depth));
        return hidden.collect();
    }
    let sampled = samples_side(&dims, seen as usize, identity);
    if outputs_side(&dims, seen as usize, identity) < sampled {
        let outputs = dims[depth] as f64;
        let below = (0..depth).map(|l| (l + 1 < depth).then_some(outputs));
        return below.collect();
    }
    by_samples.collect()
}

/// Operations of one step on every sample as it is, forward, backward and gradient by layer.
pub fn unfolded_step(trial: &Trial) -> f64 {
    samples_side(&trial.sizes(), samples(trial), identity_inputs(trial))
}

/// Operations of one measured row of the full engine, with every metric that is asked for; decompositions
/// count some 10 (values) or 30 (vectors too) times the cube of the smaller side.
pub fn full_measure(trial: &Trial) -> f64 {
    let metrics = &trial.measure.metrics;
    let dims = trial.sizes();
    let linear = trial.network.is_linear();
    let mut flops = 0.0;
    let decomposition = match metrics.layers() {
        Decomposition::Not | Decomposition::Values => 10.0,
        Decomposition::Vectors => 30.0,
    };
    if metrics.layers() != Decomposition::Not {
        for (m, n) in layer_shapes(trial) {
            flops += decomposition * m.max(n) as f64 * (m.min(n) as f64).powi(2);
        }
    }
    if metrics.any(|about| about.updates) {
        for (m, n) in layer_shapes(trial) {
            flops += 10.0 * m.max(n) as f64 * (m.min(n) as f64).powi(2);
        }
    }
    let (d_x, d_y) = (trial.problem.inputs_dim, trial.problem.outputs_dim);
    if linear && metrics.map() != Decomposition::Not {
        flops += decomposition * d_x.max(d_y) as f64 * (d_x.min(d_y) as f64).powi(2);
    }
    if metrics.any(|about| about.neighbours) {
        for pair in dims.windows(3) {
            let (j, d, k) = (pair[0] as f64, pair[1] as f64, pair[2] as f64);
            flops += 2.0 * d * d * (j + k);
        }
    }
    if metrics.any(|about| about.outputs) {
        flops += forward(&dims, evaluated_samples(trial));
    }
    if metrics.any(|about| about.hessian) {
        // Some 40 Lanczos steps of twice a step's products.
        let n = trained_samples(trial);
        flops += 80.0 * samples_side(&dims, n, identity_inputs(trial));
    }
    flops
}

/// Operations of the train loss, and of the gradient's norm where a stop rule needs it, at a measured step: steps on
/// batches do not leave them behind.
pub fn evaluation(trial: &Trial) -> f64 {
    if Epoch::of(trial).is_none() {
        return 0.0;
    }
    let step = step_on(trial, trained_samples(trial)) - update(trial);
    match trial.train.stop_gradient_norm {
        Some(_) => step,
        // Forward alone is one product of three.
        None => step / 3.0,
    }
}

/// Bytes that the full engine holds while it trains: weights, optimizer state, the kept pass and the data.
pub fn full_bytes(trial: &Trial) -> f64 {
    let dims = trial.sizes();
    let n = trained_samples(trial) as f64;
    let shapes = layer_shapes(trial);
    let weights: f64 = shapes.iter().map(|&(m, k)| (m * k) as f64).sum();
    let outputs: f64 = dims[1..].iter().map(|&d| d as f64).sum();
    let slopes = if trial.network.keeps_slopes() {
        let nonlinear = &trial.network.widths[..trial.network.nonlinear()];
        nonlinear.iter().map(|&d| d as f64).sum()
    } else {
        0.0
    };
    let kind = trial.optimizer.kind;
    let state = shapes.iter().map(|&(m, k)| kind.state_numbers(m, k) as f64);
    let state: f64 = state.sum();
    let size = trial.train.precision.bytes() as f64;
    let (d_x, d_y) = (dims[0] as f64, dims[dims.len() - 1] as f64);
    let pass = |n: f64| (2.0 * outputs + slopes + d_x + d_y) * n;
    let batches = Epoch::of(trial).map_or(0.0, |epoch| {
        let sizes = epoch.size() + epoch.short().unwrap_or(0);
        pass(sizes as f64) + (d_x + d_y) * samples(trial) as f64
    });
    let engine = size * (weights + state + pass(n) + batches);
    let data = 8.0 * (d_x + d_y) * samples(trial) as f64;
    let started = if trial.measure.metrics.any(|about| about.updates) {
        1.0
    } else {
        0.0
    };
    // In double precision: the weights as they are drawn or measured, the state that a diverging run goes back to, and
    // the start that updates are measured against.
    engine + data + 8.0 * ((2.0 + started) * weights + state)
}

/// Nanoseconds that the activations add to a step of the full engine, on one core: they are passes over entries, which
/// [`full_step`] does not count.
pub fn activation_nanoseconds(trial: &Trial) -> f64 {
    let nonlinear = &trial.network.widths[..trial.network.nonlinear()];
    let entries: f64 = nonlinear.iter().map(|&d| d as f64).sum();
    let samples = match Epoch::of(trial) {
        Some(epoch) => epoch.mean(|size| size as f64),
        None => trained_samples(trial) as f64,
    };
    entries * samples * trial.network.activation.entry_nanoseconds()
}

/// Bytes of the inputs, targets and test samples.
pub(crate) fn data_bytes(trial: &Trial) -> f64 {
    let (d_x, d_y) = (trial.problem.inputs_dim, trial.problem.outputs_dim);
    let numbers = match &trial.problem.task {
        Task::Factorization { target } | Task::Completion { target, .. } => match target {
            // Noise makes a matrix of the factors, which stay.
            Target::Drawn { rank, .. } => {
                let noisy = if trial.problem.noise > 0.0 {
                    d_x as f64 * d_y as f64
                } else {
                    0.0
                };
                *rank as f64 * (d_x + d_y) as f64 + noisy
            }
            Target::Given(_) => d_x as f64 * d_y as f64,
        },
        Task::Regression { .. } | Task::Classification { .. } => {
            evaluated_samples(trial) as f64 * (d_x + d_y) as f64
        }
    };
    8.0 * numbers
}

/// One step on the samples' side: activations `d_l x n` forward, their gradients back.
///
/// `dims` are `d_0 .. d_L`; with identity inputs the first layer's activation and gradient cost nothing.
pub(crate) fn samples_side(dims: &[usize], n: usize, identity: bool) -> f64 {
    let mut flops = 0.0;
    for (l, pair) in dims.windows(2).enumerate() {
        let layer = 2.0 * pair[0] as f64 * pair[1] as f64 * n as f64;
        let products = match (l, identity) {
            (0, true) => 0.0,
            (0, false) => 2.0,
            _ => 3.0,
        };
        flops += products * layer;
    }
    flops
}

/// One step on the outputs' side, linear networks only: `W_L..W_(l+1)` (`d_y x d_l`) down, the residual's
/// products with the layers up.
pub(crate) fn outputs_side(dims: &[usize], n: usize, identity: bool) -> f64 {
    let depth = dims.len() - 1;
    let d_y = dims[depth] as f64;
    let mut flops = 0.0;
    for (l, pair) in dims.windows(2).enumerate() {
        // The last layer is its own chain and has its gradient ready.
        if l + 1 < depth {
            flops += 3.0 * 2.0 * d_y * pair[0] as f64 * pair[1] as f64;
        }
    }
    if !identity {
        flops += 2.0 * 2.0 * d_y * dims[0] as f64 * n as f64;
    }
    flops
}

/// One step by the observed entries, linear networks on identity inputs only.
pub(crate) fn observed_side(dims: &[usize], observed: f64) -> f64 {
    let depth = dims.len() - 1;
    let mut flops = 3.0 * 2.0 * observed * dims[depth - 1] as f64;
    for pair in dims[1..depth].windows(2) {
        flops += 3.0 * 2.0 * pair[0] as f64 * pair[1] as f64 * dims[0] as f64;
    }
    flops
}

/// Widest last hidden layer for products by entries.
const WIDEST: usize = 128;
/// Most numbers of a factor, 512 kB of doubles: what the second-level cache of one core holds.
const LARGEST: usize = 65_536;
/// Largest share of entries observed, where the last hidden layer is narrow: dense products of few columns
/// wait for memory. At d = 1000, 20 % observed, one core of an EPYC with AVX-512, a step takes 0.49 ms by entries at
/// width 10 and 0.76 ms at 22, and 2.2 and 2.7 ms as dense products.
const DENSEST: f64 = 0.55;
/// The same from [`NARROW`] columns on. At d = 100, width 50, a step takes 37 us at 20 % and 42 us at 30 %, 50 us at
/// 50 %, and 59 us dense, there; with vectors of 256 bits 52, 63 and 83 us.
const DENSEST_WIDE: f64 = 0.35;
/// The same past [`FITS`] columns.
const DENSEST_WIDEST: f64 = 0.06;
/// Width from which dense products run at full speed.
const NARROW: usize = 32;
/// Widest last hidden layer whose rows fit into registers: sixteen of AVX2, of doubles.
const FITS: usize = 64;

/// Whether products by the observed entries are the cheaper ones.
pub(crate) fn observed_pays(dims: &[usize], observed: f64) -> bool {
    let depth = dims.len() - 1;
    let (d_x, d_y) = (dims[0], dims[depth]);
    let width = dims[depth - 1];
    depth > 1
        && width <= WIDEST
        && d_x.max(d_y) * width <= LARGEST
        && observed <= densest(width) * (d_x * d_y) as f64
}

fn densest(width: usize) -> f64 {
    match width {
        0..NARROW => DENSEST,
        NARROW..=FITS => DENSEST_WIDE,
        _ => DENSEST_WIDEST,
    }
}

/// Entries that a drawn mask is expected to show.
fn drawn_entries(trial: &Trial) -> Option<f64> {
    match &trial.problem.task {
        Task::Completion {
            mask: Mask::Drawn { observed },
            ..
        } => Some(observed * (trial.problem.inputs_dim * trial.problem.outputs_dim) as f64),
        Task::Completion {
            mask: Mask::Given(_),
            ..
        }
        | Task::Factorization { .. }
        | Task::Regression { .. }
        | Task::Classification { .. } => None,
    }
}

fn forward(dims: &[usize], n: usize) -> f64 {
    let layers: f64 = dims.windows(2).map(|pair| (pair[0] * pair[1]) as f64).sum();
    2.0 * layers * n as f64
}

fn identity_inputs(trial: &Trial) -> bool {
    trial.problem.task.samples().is_none()
}

/// Training samples as they are; the inputs' dimension where they are the identity.
fn samples(trial: &Trial) -> usize {
    let samples = trial.problem.task.samples();
    samples.map_or(trial.problem.inputs_dim, Samples::trained)
}

/// Samples that are evaluated at a measured step, test samples included.
fn evaluated_samples(trial: &Trial) -> usize {
    let test = trial.problem.task.samples().map_or(0, Samples::held_out);
    samples(trial) + test
}

/// Training samples that a step without batches sees: as they are, or folded to the inputs' rank at most.
fn trained_samples(trial: &Trial) -> usize {
    let n = samples(trial);
    if identity_inputs(trial) || !trial.folds() {
        return n;
    }
    n.min(trial.problem.inputs_dim).min(known_rank(trial))
}

/// An upper bound of the inputs' rank from how they are drawn.
fn known_rank(trial: &Trial) -> usize {
    let samples = trial.problem.task.samples();
    match samples.map(|samples| &samples.inputs) {
        Some(Inputs::Gaussian {
            rank: Some(rank),
            noise: 0.0,
            ..
        }) => *rank,
        Some(Inputs::Gaussian { .. } | Inputs::Orthonormal { .. } | Inputs::Given(_)) | None => {
            usize::MAX
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Activation, Loss};
    use crate::data::fixture;

    #[test]
    fn a_square_factorization_costs_six_cubes_on_either_side() {
        let dims = [1000, 1000, 1000, 1000];
        assert_eq!(samples_side(&dims, 1000, true), 12e9);
        assert_eq!(outputs_side(&dims, 1000, true), 12e9);
    }

    #[test]
    fn few_outputs_make_their_side_cheaper() {
        // Digits at width 1000, depth 4, folded to 64 samples.
        let dims = [64, 1000, 1000, 1000, 10];
        assert!(outputs_side(&dims, 64, false) < samples_side(&dims, 64, false) / 5.0);
        let unfolded = samples_side(&dims, 1797, false);
        assert!((unfolded / 22e9 - 1.0).abs() < 0.02, "{unfolded:e}");
    }

    #[test]
    fn entries_are_cheaper_where_few_are_seen_and_layers_are_thin() {
        let dims = [100, 50, 50, 100];
        assert!(observed_pays(&dims, 1000.0));
        assert!(observed_pays(&dims, 3000.0));
        assert!(!observed_pays(&dims, 4000.0));
        assert!(observed_pays(&[600, 100, 600], 0.02 * 360e3));
        assert!(!observed_pays(&[600, 100, 600], 0.1 * 360e3));
        assert!(!observed_pays(&[500, 129, 500], 100.0));
        assert!(observed_pays(&[100, 50, 10, 100], 3000.0));
        assert!(!observed_pays(&[1000, 1000, 1000], 1000.0));
        assert!(!observed_pays(&[10, 10], 10.0));
        // One hidden layer of 50 x 50 on 100 columns and 3000 entries by 50, three products each.
        assert_eq!(observed_side(&dims, 3000.0), 3.0 * 500e3 + 3.0 * 300e3);
        assert_eq!(observed_side(&[10, 4, 10], 30.0), 3.0 * 2.0 * 120.0);
    }

    #[test]
    fn a_step_on_a_batch_costs_its_own_samples() {
        let problem = fixture::classification(5, 3, 10);
        let mut trial = fixture::trial(problem, &[60, 60]);
        trial.network.activation = Activation::Relu;
        let all = full_step(&trial);
        assert_eq!(evaluation(&trial), 0.0);
        // Five updates an epoch, 30 samples.
        trial.train.batch = 7;
        assert!((full_step(&trial) / all - 0.2).abs() < 1e-12);
        assert!((evaluation(&trial) / all - 1.0 / 3.0).abs() < 1e-12);
        trial.train.stop_gradient_norm = Some(1e-3);
        assert_eq!(evaluation(&trial), all);
        // Folded samples are no more than the inputs; a batch is not folded, and its loss is.
        trial.network.activation = Activation::Linear;
        assert_eq!(trained_samples(&trial), 5);
        trial.network.bias = true;
        assert_eq!(trained_samples(&trial), 30);
        trial.network.bias = false;
        trial.problem.loss = Loss::CrossEntropy;
        assert_eq!(trained_samples(&trial), 30);
    }

    #[test]
    fn depth_one_counts_its_residual_alone() {
        assert_eq!(samples_side(&[5, 3], 7, false), 2.0 * 2.0 * 105.0);
        assert_eq!(outputs_side(&[5, 3], 7, false), 2.0 * 2.0 * 105.0);
        assert_eq!(outputs_side(&[5, 3], 5, true), 0.0);
    }
}
