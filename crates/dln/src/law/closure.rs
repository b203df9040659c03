//! The smallest subspaces that the initial weights map into one another.
//!
//! This file owns the closure of THEORY.md, section 2, the core at the start and the part of the
//! certificate that concerns the weights. Where the closure starts is the business of `moments`.

use ndarray::{Array2, ArrayView2, s};

use super::basis::{Basis, Coordinates};
use super::layers::Layer;
use super::worse;
use crate::kernel::square_sum;

/// What a subspace must contain.
#[derive(Clone, Copy)]
pub(super) enum Seeds<'a> {
    /// These columns, orthonormal or not.
    Columns(ArrayView2<'a, f64>),
    /// All there is, in its own coordinates.
    Everything,
}

/// What is to be closed.
pub(super) struct ClosureProblem<'a> {
    /// `W_1(0) .. W_L(0)`.
    pub(super) layers: &'a [Layer],
    /// What `H_0` must contain, in `d_x` dimensions.
    pub(super) input: Seeds<'a>,
    /// What `H_L` must contain, in `d_y` dimensions.
    pub(super) output: Seeds<'a>,
    /// Leave out `W_1(0)^T H_1 in H_0`.
    pub(super) one_sided: bool,
    /// Share of a unit vector's image that counts as a new direction.
    pub(super) tolerance: f64,
    /// Whether cores of these widths `k_0 .. k_L` are still of use; they only grow.
    pub(super) worth: &'a dyn Fn(&[usize]) -> bool,
}

/// `H_0 .. H_L`, closed.
pub(super) struct Closure {
    pub(super) bases: Vec<Basis>,
    /// `C_l(0) = U_l^T W_l(0) U_(l-1)`, `k_l x k_(l-1)`.
    pub(super) cores: Vec<Array2<f64>>,
    /// The largest of `||(I - P_l) W_l P_(l-1)|| / ||W_l||` and `||(I - P_(l-1)) W_l^T P_l|| / ||W_l||`: the
    /// Frobenius norm over the root mean square of `W_l`'s singular values, so an upper bound of the
    /// quotient of spectral norms.
    pub(super) residual: f64,
}

/// Closes the subspaces; `None` where the task says that they have become too wide.
///
/// Every basis vector is taken up and down once, in alternating sweeps, until none is left. A square
/// orthogonal layer between subspaces of one dimension that is closed on one side is closed on the other
/// too, so nothing is mapped there again: with `W^T U_l = U_(l-1) C^T + R` and `W W^T = eps^2`, the other
/// residual is `||(I - P_l) W R C^(-T)|| <= ||R||`.
pub(super) fn close(task: &ClosureProblem<'_>) -> Option<Closure> {
    let mut state = State::new(task);
    while !state.is_closed() {
        for l in 0..task.layers.len() {
            state.up(l);
        }
        if !state.is_worth() {
            return None;
        }
        for l in (0..task.layers.len()).rev() {
            state.down(l);
        }
        if !state.is_worth() {
            return None;
        }
    }
    Some(state.finish())
}

/// What is known of one layer.
#[derive(Default)]
struct Gate {
    /// Columns of the basis below whose images are known to lie in the basis above.
    up: usize,
    /// Columns of the basis above whose images under the transpose are known to lie in the basis below.
    down: usize,
    up_square: f64,
    down_square: f64,
    blocks: Vec<Block>,
}

/// A known part of `C_l`, in units of the layer's norm.
enum Block {
    /// Columns from `first` on; zero below the rows given.
    Columns { first: usize, within: Array2<f64> },
    /// The transpose of rows from `first` on; zero right of the columns given.
    Rows { first: usize, within: Array2<f64> },
}

struct State<'a, 'b> {
    task: &'a ClosureProblem<'b>,
    bases: Vec<Basis>,
    gates: Vec<Gate>,
}

impl<'a, 'b> State<'a, 'b> {
    fn new(task: &'a ClosureProblem<'b>) -> State<'a, 'b> {
        let below = task.layers.iter().map(|layer| layer.shape().1);
        let above = task.layers.last().map(|layer| layer.shape().0);
        let mut bases: Vec<Basis> = below.chain(above).map(Basis::new).collect();
        if let Some(first) = bases.first_mut() {
            plant(first, task.input, task.tolerance);
        }
        if let Some(last) = bases.last_mut() {
            plant(last, task.output, task.tolerance);
        }
        let gates = task.layers.iter().map(|_| Gate::default()).collect();
        State { task, bases, gates }
    }

    fn is_closed(&self) -> bool {
        self.gates.iter().enumerate().all(|(l, gate)| {
            let up = gate.up == self.bases[l].width();
            let down = gate.down == self.bases[l + 1].width();
            up && (down || self.leaves_out(l))
        })
    }

    fn is_worth(&self) -> bool {
        let widths: Vec<usize> = self.bases.iter().map(Basis::width).collect();
        (self.task.worth)(&widths)
    }

    /// Whether layer `l`, from 0, needs no second side.
    fn leaves_out(&self, l: usize) -> bool {
        self.task.one_sided && l == 0
    }

    /// Adds `W H` of layer `l`, from 0, to the subspace above it.
    fn up(&mut self, l: usize) {
        self.settle(l);
        let gate = &mut self.gates[l];
        let (below, above) = self.bases.split_at_mut(l + 1);
        let (source, image) = (&below[l], &mut above[0]);
        let pending = gate.up..source.width();
        if pending.is_empty() {
            return;
        }
        let mapped = self.task.layers[l].up(source.columns(pending.clone()));
        image.extend(mapped.view(), self.task.tolerance);
        let Coordinates { within, outside } = image.coordinates(mapped.view());
        gate.up_square += square_sum(outside.view());
        gate.up = pending.end;
        gate.blocks.push(Block::Columns {
            first: pending.start,
            within,
        });
        self.settle(l);
    }

    /// Adds `W^T H` of layer `l`, from 0, to the subspace below it.
    fn down(&mut self, l: usize) {
        if self.leaves_out(l) {
            return;
        }
        self.settle(l);
        let gate = &mut self.gates[l];
        let (below, above) = self.bases.split_at_mut(l + 1);
        let (source, image) = (&above[0], &mut below[l]);
        let pending = gate.down..source.width();
        if pending.is_empty() {
            return;
        }
        let mapped = self.task.layers[l].down(source.columns(pending.clone()));
        image.extend(mapped.view(), self.task.tolerance);
        let Coordinates { within, outside } = image.coordinates(mapped.view());
        gate.down_square += square_sum(outside.view());
        gate.down = pending.end;
        gate.blocks.push(Block::Rows {
            first: pending.start,
            within,
        });
        self.settle(l);
    }

    /// Marks the second side of a rotation as closed where the first is, between subspaces of one
    /// dimension.
    fn settle(&mut self, l: usize) {
        let (below, above) = (self.bases[l].width(), self.bases[l + 1].width());
        if below != above || !self.task.layers[l].is_rotation() {
            return;
        }
        let gate = &mut self.gates[l];
        if gate.up == below {
            gate.down = above;
        } else if gate.down == above {
            gate.up = below;
        }
    }

    fn finish(self) -> Closure {
        let mut residual = 0.0;
        let mut cores = Vec::with_capacity(self.gates.len());
        for (l, gate) in self.gates.iter().enumerate() {
            let mut core = Array2::zeros((self.bases[l + 1].width(), self.bases[l].width()));
            for block in &gate.blocks {
                fill(&mut core, block);
            }
            core *= self.task.layers[l].norm();
            cores.push(core);
            for square in [gate.up_square, gate.down_square] {
                residual = worse(residual, square.sqrt());
            }
        }
        Closure {
            bases: self.bases,
            cores,
            residual,
        }
    }
}

fn plant(basis: &mut Basis, seeds: Seeds<'_>, tolerance: f64) {
    match seeds {
        Seeds::Columns(X) => basis.extend(X, tolerance),
        Seeds::Everything => *basis = Basis::whole(basis.rows()),
    }
}

/// Writes a known part of a core. What no part covers is zero: there a rotation maps one subspace onto
/// another and the rest is orthogonal to both.
fn fill(core: &mut Array2<f64>, block: &Block) {
    match block {
        Block::Columns { first, within } => {
            let (rows, columns) = within.dim();
            core.slice_mut(s![..rows, *first..*first + columns])
                .assign(within);
        }
        Block::Rows { first, within } => {
            let (columns, rows) = within.dim();
            core.slice_mut(s![*first..*first + rows, ..columns])
                .assign(&within.t());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Draw;
    use crate::init::LayerStart;
    use crate::reflectors::Reflectors;
    use crate::stream::{Purpose, normal_rows};

    const DRAW: Draw = Draw {
        seed: 11,
        replicate: 0,
    };

    /// Orthogonal layers between spaces of these sizes, of scales 0.5, 0.6, ...
    fn rotations(sizes: &[usize]) -> Vec<LayerStart> {
        let pairs = (1..).zip(sizes.windows(2));
        pairs
            .map(|(layer, pair)| LayerStart::Reflected {
                scale: 0.4 + 0.1 * layer as f64,
                Q: Reflectors::new(DRAW, Purpose::Init, layer, pair[1], pair[0]),
            })
            .collect()
    }

    fn gaussians(sizes: &[usize]) -> Vec<LayerStart> {
        let pairs = (1..).zip(sizes.windows(2));
        pairs
            .map(|(layer, pair)| {
                let W = normal_rows(DRAW, Purpose::Init, layer, pair[1], pair[0]);
                LayerStart::Dense(W / (pair[0].max(pair[1]) as f64).sqrt())
            })
            .collect()
    }

    /// Closes over random seeds and checks the widths, and that the block form is the one of the weights.
    fn check(starts: Vec<LayerStart>, input: usize, output: usize, widths: &[usize]) {
        let formed: Vec<_> = starts.iter().map(LayerStart::form).collect();
        let layers: Vec<Layer> = starts.into_iter().map(Layer::new).collect();
        let columns = formed[0].ncols();
        let rows = formed[formed.len() - 1].nrows();
        let input = normal_rows(DRAW, Purpose::Inputs, 0, columns, input);
        let output = normal_rows(DRAW, Purpose::InputsLeft, 0, rows, output);
        let closure = close(&ClosureProblem {
            layers: &layers,
            input: Seeds::Columns(input.view()),
            output: Seeds::Columns(output.view()),
            one_sided: false,
            tolerance: 1e-8,
            worth: &|_| true,
        })
        .expect("any width is of use");
        let found: Vec<usize> = closure.bases.iter().map(Basis::width).collect();
        assert_eq!(found, widths);
        assert!(closure.residual < 1e-11, "{:e}", closure.residual);
        for (l, (W, C)) in formed.iter().zip(&closure.cores).enumerate() {
            let (below, above) = (closure.bases[l].view(), closure.bases[l + 1].view());
            let wanted = above.t().dot(W).dot(&below);
            assert!((&wanted - C).iter().all(|x| x.abs() < 1e-13), "layer {l}");
            let mapped = W.dot(&below);
            let outside = &mapped - &above.dot(&above.t().dot(&mapped));
            assert!(outside.iter().all(|x| x.abs() < 1e-11), "layer {l}");
            let mapped = W.t().dot(&above);
            let outside = &mapped - &below.dot(&below.t().dot(&mapped));
            assert!(outside.iter().all(|x| x.abs() < 1e-11), "layer {l}");
        }
    }

    #[test]
    fn square_layers_close_at_the_sum_of_the_seeds() {
        check(rotations(&[30, 30, 30, 30]), 3, 4, &[7, 7, 7, 7]);
        check(rotations(&[20, 20]), 2, 1, &[3, 3]);
        check(rotations(&[8, 8, 8]), 5, 6, &[8, 8, 8]);
    }

    #[test]
    fn short_outputs_are_filled_and_mapped_back() {
        // With a seed r on either side: r + K, or 3 r where that is less.
        check(rotations(&[30, 30, 30, 4]), 2, 4, &[6, 6, 6, 4]);
        check(rotations(&[30, 30, 30, 20]), 1, 1, &[3, 3, 3, 2]);
    }

    #[test]
    fn a_tall_first_layer_fills_the_inputs() {
        check(rotations(&[9, 40, 40, 3]), 4, 3, &[7, 10, 10, 3]);
        check(rotations(&[5, 40, 40, 3]), 4, 3, &[5, 8, 8, 3]);
    }

    #[test]
    fn layers_of_any_kind_close() {
        check(gaussians(&[6, 50, 4]), 2, 1, &[6, 10, 4]);
        check(gaussians(&[5, 7, 7, 3]), 1, 1, &[5, 7, 7, 3]);
        // Two bends: the bottleneck fills, and the seeds add what the maps to it do not see.
        check(rotations(&[12, 20, 9, 15, 12]), 2, 1, &[11, 19, 9, 13, 10]);
    }

    #[test]
    fn no_seeds_make_no_core() {
        check(rotations(&[10, 10, 10]), 0, 0, &[0, 0, 0]);
    }

    #[test]
    fn an_unworthy_core_is_given_up() {
        let layers: Vec<Layer> = gaussians(&[20, 20, 20, 20])
            .into_iter()
            .map(Layer::new)
            .collect();
        let input = Array2::eye(20);
        let closure = close(&ClosureProblem {
            layers: &layers,
            input: Seeds::Columns(input.slice(s![.., ..1])),
            output: Seeds::Columns(input.slice(s![.., ..1])),
            one_sided: false,
            tolerance: 1e-8,
            worth: &|widths| widths.iter().all(|&width| width < 10),
        });
        assert!(closure.is_none());
    }
}
