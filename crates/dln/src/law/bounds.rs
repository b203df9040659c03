//! How wide a core can become, derived from sizes and ranks alone.
//!
//! This file owns the table of THEORY.md, section 2, as bounds; nothing is drawn. The closure finds the
//! widths themselves, which are smaller where the draw is special.

use std::iter::once;

use super::Origin;
use super::assumptions::{Law, law_of, see_rest};
use crate::config::{BlockKind, Inputs, Samples, StartLayers, Target, Targets, Task, Trial};

/// Upper bounds of a reduction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds {
    /// `k_0 .. k_L`.
    pub(crate) widths: Vec<usize>,
    /// Columns of the core's samples; `None` where its inputs are the identity.
    pub(crate) samples: Option<usize>,
    /// Of the trial, where it is under any.
    pub(crate) law: Law,
    /// The width of the network, where an initialization without orthogonality fills every hidden layer of
    /// a network of depth 3 or more: nothing is gained there, so it is not served.
    pub(super) filled: Option<usize>,
}

/// What the closure starts from.
struct Seeds {
    /// Directions at the inputs.
    input: usize,
    /// Directions at the outputs.
    output: usize,
    /// `sigma^2 > 0`.
    live: bool,
    /// Rank of the inputs; `None` where they are the identity.
    samples: Option<usize>,
}

/// The largest hidden size or width, where there is a hidden layer.
pub(crate) fn widest_hidden(widths: &[usize]) -> Option<usize> {
    let inner = widths.get(1..widths.len().saturating_sub(1))?;
    inner.iter().copied().max()
}

/// Whether the second side of the first layer may stay open: at depth 2 or less, where `sigma^2 = 0`, what
/// `W_1` does off the inputs is never seen by the loss.
pub(super) fn is_one_sided(trial: &Trial, live: bool, first_is_rotation: bool) -> bool {
    trial.network.depth() <= 2 && !live && !first_is_rotation && !see_rest(&trial.measure.metrics)
}

/// The bounds of a trial that keeps the law's assumptions.
pub(crate) fn bounds(trial: &Trial) -> Bounds {
    let sizes = trial.sizes();
    let (chain, law) = (chain_of(trial), law_of(trial));
    let (widths, samples) = match law {
        Law::Moments(_) => by_moments(trial, &sizes, chain),
        Law::Span => by_span(trial, &sizes, chain),
    };
    let hidden = 1..sizes.len() - 1;
    let full = hidden.len() >= 2 && widths[hidden.clone()] == sizes[hidden];
    let filled = match chain {
        Chain::Isometric => None,
        Chain::Balanced | Chain::Generic => widest_hidden(&sizes).filter(|_| full),
    };
    Bounds {
        widths,
        samples,
        law,
        filled,
    }
}

/// Upper bounds of the widths `k_0 .. k_L` of the block that is closed from there, for any network.
pub(crate) fn block_widths(trial: &Trial, origin: Origin) -> Vec<usize> {
    let (inputs, outputs) = (trial.problem.inputs_dim, trial.problem.outputs_dim);
    let rank = natural_rank(trial);
    let (input, output) = match (origin.block, trial.problem.task.samples()) {
        (BlockKind::Data, Some(_)) => {
            let all = inputs_rank(trial);
            (origin.count.map_or(all, |count| count.min(all)), outputs)
        }
        (BlockKind::Gradient | BlockKind::Random, Some(_)) => {
            (origin.count.unwrap_or(rank).min(inputs), outputs)
        }
        (BlockKind::Data, None) => {
            let count = origin.count.map_or(rank, |count| count.min(rank));
            (count, count)
        }
        (BlockKind::Gradient | BlockKind::Random, None) => {
            let count = origin.count.unwrap_or(rank);
            (count.min(inputs), count.min(outputs))
        }
    };
    chain_of(trial).widths(&trial.sizes(), input, output)
}

/// Directions that a trial has by itself: the rank of its target, or as many as there are outputs.
pub(crate) fn natural_rank(trial: &Trial) -> usize {
    match trial.problem.task.samples() {
        Some(_) => trial.problem.outputs_dim,
        None => seeds(trial).input,
    }
}

/// How the initial layers chain, as far as it is known.
#[derive(Clone, Copy)]
enum Chain {
    Isometric,
    Balanced,
    Generic,
}

impl Chain {
    /// The widths of spaces of these sizes that are closed on both sides.
    fn widths(self, sizes: &[usize], input: usize, output: usize) -> Vec<usize> {
        match self {
            Chain::Isometric => isometric(sizes, input, output),
            Chain::Balanced => balanced(sizes, input, output),
            Chain::Generic => generic(sizes, input, output),
        }
    }
}

fn chain_of(trial: &Trial) -> Chain {
    let given = &trial.init.weights;
    match trial.init.kind.layers() {
        StartLayers::Isometric => Chain::Isometric,
        // How much of them is orthogonal the closure will find out.
        StartLayers::Given if !given.iter().any(|W| W.ranks().scattered) => Chain::Isometric,
        StartLayers::Given | StartLayers::Generic => Chain::Generic,
        StartLayers::Chained => Chain::Balanced,
    }
}

/// Widths and samples where the core is closed from the second moments of the data.
fn by_moments(trial: &Trial, sizes: &[usize], chain: Chain) -> (Vec<usize>, Option<usize>) {
    let seeds = seeds(trial);
    let rotation = matches!(chain, Chain::Isometric) && sizes[0] == sizes[1];
    let widths = if is_one_sided(trial, seeds.live, rotation) {
        open(sizes, seeds.input + held_out(trial), seeds.output)
    } else {
        chain.widths(sizes, seeds.input, seeds.output)
    };
    let samples = seeds.samples.map(|rank| {
        if seeds.live {
            widths[0]
        } else {
            rank.min(widths[0])
        }
    });
    (widths, samples)
}

/// The same where it is closed from the inputs' range and every output. With an open first layer the spaces above it
/// are closed among themselves, from what it sends them.
fn by_span(trial: &Trial, sizes: &[usize], chain: Chain) -> (Vec<usize>, Option<usize>) {
    let rank = inputs_rank(trial);
    let outputs = trial.problem.outputs_dim;
    let widths = if see_rest(&trial.measure.metrics) {
        chain.widths(sizes, rank, outputs)
    } else {
        let above = chain.widths(&sizes[1..], rank.min(sizes[1]), outputs);
        once(rank).chain(above).collect()
    };
    let trained = trial.problem.task.samples().map(Samples::trained);
    (widths, trained)
}

/// An upper bound of the rank of the training inputs.
pub(super) fn inputs_rank(trial: &Trial) -> usize {
    let d_x = trial.problem.inputs_dim;
    match trial.problem.task.samples() {
        Some(samples) => rank_of_samples(samples, d_x),
        None => d_x,
    }
}

fn seeds(trial: &Trial) -> Seeds {
    let (d_x, d_y) = (trial.problem.inputs_dim, trial.problem.outputs_dim);
    match &trial.problem.task {
        Task::Factorization { target } | Task::Completion { target, .. } => {
            let rank = match target {
                // Noise has every direction.
                Target::Drawn { .. } if trial.problem.noise > 0.0 => d_x.min(d_y),
                Target::Drawn { rank, .. } => (*rank).min(d_x).min(d_y),
                Target::Given(given) => given.ranks().rank,
            };
            Seeds {
                input: rank,
                output: rank,
                live: true,
                samples: None,
            }
        }
        Task::Regression { samples } | Task::Classification { samples } => {
            seeds_of_samples(samples, trial.problem.noise, d_x, d_y)
        }
    }
}

/// An upper bound of the rank of the training inputs as they are trained on.
pub(crate) fn rank_of_samples(samples: &Samples, d_x: usize) -> usize {
    let drawn = match &samples.inputs {
        Inputs::Gaussian {
            rank: Some(rank),
            noise,
            ..
        } if *noise == 0.0 => *rank,
        Inputs::Gaussian { .. } | Inputs::Orthonormal { .. } => usize::MAX,
        Inputs::Given(given) => {
            given
                .ranks_of_normal(samples.train, samples.center, samples.standardize)
                .rank
        }
    };
    // Centred samples add up to nothing.
    let free = if samples.center {
        samples.trained().saturating_sub(1)
    } else {
        samples.trained()
    };
    d_x.min(free).min(drawn)
}

fn seeds_of_samples(samples: &Samples, noise: f64, d_x: usize, d_y: usize) -> Seeds {
    let n = samples.trained();
    let rank = rank_of_samples(samples, d_x);
    let of_targets = match &samples.targets {
        // Noise has every direction.
        Targets::Classes { .. } | Targets::Teacher { .. } if noise > 0.0 => d_y,
        Targets::Classes { classes, .. } => *classes,
        Targets::Teacher { rank, .. } => *rank,
        Targets::Given(given) => given.ranks_of(samples.train.0, samples.train.1).rank,
    };
    let output = rank.min(d_y).min(of_targets);
    // All eigenvalues that are not zero are equal.
    let flat = samples.whiten
        || match &samples.inputs {
            // Centring is a projection of the samples: orthonormal ones stay flat, orthonormal inputs do not.
            Inputs::Orthonormal { count, noise } => {
                *noise == 0.0
                    && !samples.standardize
                    && (*count <= d_x || (n == *count && !samples.center))
            }
            Inputs::Gaussian { .. } => false,
            // Of a drawn part, orthonormal samples are known to be so.
            Inputs::Given(given) if samples.split.is_some() => {
                let all = given.ranks_of(samples.train.0, samples.train.1);
                let count = samples.train.1.saturating_sub(samples.train.0);
                all.flat && all.rank == count && !samples.standardize
            }
            Inputs::Given(given) => {
                given
                    .ranks_of_normal(samples.train, samples.center, samples.standardize)
                    .flat
            }
        };
    let null = d_x - rank;
    let live = flat && rank >= 2 && rank > null;
    if let (Inputs::Given(_), Some(_), true) = (&samples.inputs, samples.split, samples.whiten) {
        return of_unknown_rank(rank, output, d_x);
    }
    let input = if live { null + output } else { rank };
    Seeds {
        input,
        output,
        live,
        samples: Some(rank),
    }
}

/// White inputs whose rank is this at most: a drawn part of given samples may have less, and each direction that is
/// missing is one away from `sigma^2`, as long as there are fewer of them than others.
fn of_unknown_rank(rank: usize, output: usize, d_x: usize) -> Seeds {
    Seeds {
        input: rank.max(d_x / 2 + output).min(d_x),
        output,
        live: false,
        samples: Some(d_x),
    }
}

/// Test samples, which the open side of the first layer must see too.
fn held_out(trial: &Trial) -> usize {
    trial.problem.task.samples().map_or(0, Samples::held_out)
}

/// Depth 1 or 2, the first layer closed upwards alone.
fn open(sizes: &[usize], input: usize, output: usize) -> Vec<usize> {
    let input = input.min(sizes[0]);
    match *sizes {
        [_, d_1, d_y] => {
            let above = d_y.min(output + d_1.min(input + d_y));
            vec![input, d_1.min(input + above), above]
        }
        [_, d_y] => vec![input, d_y.min(input + output)],
        // Deeper networks are closed on both sides.
        _ => sizes.to_vec(),
    }
}

/// Layers that are scaled isometries.
///
/// Spaces of one size in a row are rotations of one another and count once. Between two of different size
/// the smaller one's directions all exist in the larger one, so what the larger one sends back is only what
/// it has from elsewhere; the smaller one sends all it has, since a projection of a direction of the larger
/// one is a new direction there.
pub(super) fn isometric(sizes: &[usize], input: usize, output: usize) -> Vec<usize> {
    let mut nodes: Vec<Node> = Vec::with_capacity(sizes.len());
    let mut node_of = Vec::with_capacity(sizes.len());
    for (l, &size) in sizes.iter().enumerate() {
        if nodes.last().is_none_or(|node| node.size != size) {
            nodes.push(Node::new(size));
        }
        let place = nodes.len() - 1;
        if l == 0 {
            nodes[place].own += input;
        }
        if l + 1 == sizes.len() {
            nodes[place].own += output;
        }
        node_of.push(place);
    }
    while exchange(&mut nodes) {}
    node_of.iter().map(|&place| nodes[place].width).collect()
}

/// Spaces of one size in a row.
#[derive(Clone)]
struct Node {
    size: usize,
    /// Seeds.
    own: usize,
    width: usize,
    /// Directions sent to the next node and to the one before.
    up: usize,
    down: usize,
}

impl Node {
    fn new(size: usize) -> Node {
        Node {
            size,
            own: 0,
            width: 0,
            up: 0,
            down: 0,
        }
    }
}

/// Lets every node take what its neighbours send; whether anything grew.
fn exchange(nodes: &mut [Node]) -> bool {
    let before = nodes.to_vec();
    for (at, node) in nodes.iter_mut().enumerate() {
        let below = at.checked_sub(1).map(|at| &before[at]);
        let above = before.get(at + 1);
        let from_below = below.map_or(0, |node| node.up);
        let from_above = above.map_or(0, |node| node.down);
        node.width = node.size.min(node.own + from_below + from_above);
        let sends = |to: &Node, from_elsewhere: usize| {
            let known = if node.size < to.size {
                node.width
            } else {
                node.own + from_elsewhere
            };
            known.min(node.size).min(to.size)
        };
        let up = above.map_or(0, |to| sends(to, from_below));
        let down = below.map_or(0, |to| sends(to, from_above));
        (node.up, node.down) = (up, down);
    }
    let state = |node: &Node| (node.width, node.up, node.down);
    nodes
        .iter()
        .zip(&before)
        .any(|(now, then)| state(now) != state(then))
}

/// Layers `R_l D R_(l-1)^T` of the rank of the narrowest space: hidden directions are those of `R_l`.
fn balanced(sizes: &[usize], input: usize, output: usize) -> Vec<usize> {
    let rank = sizes.iter().copied().min().unwrap_or(0);
    let last = sizes.len() - 1;
    let held = |l: usize| match l {
        0 => input + rank,
        _ if l == last => output + rank,
        _ => rank,
    };
    let spaces = sizes.iter().enumerate();
    spaces.map(|(l, &d)| d.min(held(l))).collect()
}

/// Layers of any kind: each space takes all that its neighbours hold.
fn generic(sizes: &[usize], input: usize, output: usize) -> Vec<usize> {
    let last = sizes.len() - 1;
    let mut widths = vec![0; sizes.len()];
    widths[0] = input.min(sizes[0]);
    widths[last] = output.min(sizes[last]);
    loop {
        let mut grown = widths.clone();
        for l in 0..=last {
            let own = match l {
                0 => input,
                _ if l == last => output,
                _ => 0,
            };
            let below = if l > 0 { widths[l - 1] } else { 0 };
            let above = if l < last { widths[l + 1] } else { 0 };
            grown[l] = sizes[l].min(own + below + above);
        }
        if grown == widths {
            return widths;
        }
        widths = grown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: Vec<usize>, wanted: &[usize]) {
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_rows_of_the_table() {
        // Factorization of rank r: 2 r.
        check(isometric(&[100; 4], 3, 3), &[6; 4]);
        // Classification, X X^T = I, r = K: 2 K; r < K: min(3 r, r + K).
        check(isometric(&[100, 100, 100, 10], 10, 10), &[20, 20, 20, 10]);
        check(isometric(&[100, 100, 100, 10], 2, 2), &[6, 6, 6, 4]);
        check(isometric(&[100, 100, 100, 10], 8, 8), &[18, 18, 18, 10]);
        // Any data, square first layer: r_x + K or 2 r_x + r.
        check(isometric(&[64, 64, 64, 10], 20, 10), &[30, 30, 30, 10]);
        check(isometric(&[64, 64, 64, 10], 2, 1), &[5, 5, 5, 3]);
        // The same, tall first layer.
        check(isometric(&[64, 300, 300, 10], 60, 10), &[64, 74, 74, 10]);
        check(isometric(&[64, 300, 300, 10], 20, 10), &[30, 40, 40, 10]);
        // Square output.
        check(isometric(&[50; 4], 5, 2), &[7; 4]);
        // Depth 2, any initialization.
        check(open(&[64, 1000, 10], 20, 10), &[20, 30, 10]);
        check(generic(&[64, 1000, 10], 20, 10), &[64, 74, 10]);
    }

    #[test]
    fn generic_layers_fill_from_depth_three_on() {
        check(generic(&[20, 100, 100, 5], 1, 1), &[20, 100, 100, 5]);
        // Unless a bottleneck stops them.
        check(generic(&[20, 100, 7, 5], 1, 1), &[20, 27, 7, 5]);
        // A balanced start has the rank of its narrowest space everywhere.
        check(balanced(&[20, 100, 100, 5], 1, 1), &[6, 5, 5, 5]);
    }

    #[test]
    fn bounds_never_pass_the_sizes() {
        check(isometric(&[4, 9, 2, 7], 4, 6), &[4, 6, 2, 7]);
        check(isometric(&[5, 5], 4, 4), &[5, 5]);
        check(isometric(&[5, 5], 0, 0), &[0, 0]);
        check(open(&[6, 3], 9, 9), &[6, 3]);
    }

    #[test]
    fn every_change_of_size_makes_projections() {
        // u, its projection onto the 10 and that onto the 5.
        check(isometric(&[5, 10, 20], 1, 1), &[2, 3, 4]);
        check(isometric(&[20, 10, 5], 1, 1), &[4, 3, 2]);
        check(isometric(&[100, 10, 100], 2, 3), &[7, 5, 8]);
        // At a peak the end-to-end map's range fills.
        check(isometric(&[30, 100, 30], 3, 3), &[30, 60, 30]);
        check(isometric(&[12, 20, 9, 15, 12], 2, 1), &[11, 20, 9, 15, 10]);
    }

    #[test]
    fn hidden_layers_alone_count_as_core_width() {
        assert_eq!(widest_hidden(&[9, 3, 5, 8]), Some(5));
        assert_eq!(widest_hidden(&[9, 8]), None);
    }
}
