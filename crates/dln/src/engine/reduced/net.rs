//! The core in memory: every matrix that a step touches, laid out once.
//!
//! This file owns places and buffers. What is multiplied with what is the business of `steps`.

use ndarray::{Array2, s};

use pulp::Arch;

use crate::kernel::simd::{Buffer, LINE, Lane, stride};
use crate::kernel::simd::{Mat, MatMut};
use crate::law::CoreProblem;

/// Where a matrix lies in a buffer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) at: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    stride: usize,
}

impl Place {
    /// The next place after `end`, which moves on.
    fn after<T: Lane>(end: &mut usize, rows: usize, columns: usize) -> Place {
        let place = Place {
            at: *end,
            rows,
            columns,
            stride: stride::<T>(Arch::new(), columns),
        };
        *end = (place.at + place.len()).next_multiple_of(LINE / size_of::<T>());
        place
    }

    fn len(&self) -> usize {
        self.rows * self.stride
    }

    /// The matrix in a buffer.
    #[inline(always)]
    pub(super) fn of<'a, T>(&self, buffer: &'a [T]) -> Mat<'a, T> {
        self.front_of(&buffer[self.at..])
    }

    /// The matrix in a buffer.
    #[inline(always)]
    pub(super) fn of_mut<'a, T>(&self, buffer: &'a mut [T]) -> MatMut<'a, T> {
        self.front_of_mut(&mut buffer[self.at..])
    }

    /// The matrix at the front of a buffer that was cut at its place.
    #[inline(always)]
    pub(super) fn front_of<'a, T>(&self, buffer: &'a [T]) -> Mat<'a, T> {
        Mat {
            entries: &buffer[..self.len()],
            rows: self.rows,
            columns: self.columns,
            stride: self.stride,
        }
    }

    /// The matrix at the front of a buffer that was cut at its place.
    #[inline(always)]
    pub(super) fn front_of_mut<'a, T>(&self, buffer: &'a mut [T]) -> MatMut<'a, T> {
        MatMut {
            entries: &mut buffer[..self.len()],
            rows: self.rows,
            columns: self.columns,
            stride: self.stride,
        }
    }
}

/// Samples that are not the identity, both ways round.
#[derive(Debug)]
pub(super) struct CoreInputs<T> {
    pub(super) X: Buffer<T>,
    /// `k_0 x m`.
    pub(super) X_place: Place,
    pub(super) X_turned: Buffer<T>,
    /// `m x k_0`.
    pub(super) X_turned_place: Place,
}

/// The core `C_1 .. C_L`, numbered from 0 here, with its data and the products of a step.
#[derive(Debug)]
pub(super) struct Net<T> {
    /// Places of the cores in `weights` and `velocity`, `k_(j+1) x k_j`; the last core is last.
    pub(super) cores: Vec<Place>,
    pub(super) weights: Buffer<T>,
    /// Empty without momentum.
    pub(super) velocity: Buffer<T>,
    /// Places of `A_j = C_(L-1) .. C_j`, `k_L x k_j`, `j = 0 .. L-2`; each lies before those of smaller `j`.
    /// `A_(L-1)` is the last core itself.
    pub(super) chain_places: Vec<Place>,
    pub(super) chain: Buffer<T>,
    /// Places of `S_j = c R X^T C_0^T .. C_(j-1)^T`, `k_L x k_j`, `j = 0 .. L-1`, in order.
    pub(super) up_places: Vec<Place>,
    pub(super) up: Buffer<T>,
    /// The residual `R`, `k_L x m`.
    pub(super) residual: Buffer<T>,
    pub(super) residual_place: Place,
    pub(super) targets: Buffer<T>,
    /// `None` where the inputs are the identity.
    pub(super) inputs: Option<CoreInputs<T>>,
    /// A core the other way round; as long as the longest.
    pub(super) turned: Buffer<T>,
    pub(super) turned_places: Vec<Place>,
    /// A gradient multiplied out; as long as the longest core.
    pub(super) gradient: Buffer<T>,
    pub(super) c: T,
}

impl<T: Lane> Net<T> {
    pub(super) fn new(cores: &[Array2<f64>], problem: &CoreProblem, momentum: bool) -> Net<T> {
        let mut end = 0;
        let places: Vec<Place> = cores
            .iter()
            .map(|core| Place::after::<T>(&mut end, core.nrows(), core.ncols()))
            .collect();
        let weights = Buffer::zeros(end);
        let velocity = Buffer::zeros(if momentum { end } else { 0 });
        let outputs = problem.targets.nrows();
        let mut end = 0;
        let mut chain_places: Vec<Place> = cores[..cores.len() - 1]
            .iter()
            .rev()
            .map(|core| Place::after::<T>(&mut end, outputs, core.ncols()))
            .collect();
        chain_places.reverse();
        let chain = Buffer::zeros(end);
        let mut end = 0;
        let up_places = cores
            .iter()
            .map(|core| Place::after::<T>(&mut end, outputs, core.ncols()))
            .collect();
        let up = Buffer::zeros(end);
        let turned_places: Vec<Place> = cores
            .iter()
            .map(|core| Place::after::<T>(&mut 0, core.ncols(), core.nrows()))
            .collect();
        let longest = |places: &[Place]| places.iter().map(Place::len).max().unwrap_or(0);
        let turned = Buffer::zeros(longest(&turned_places));
        let gradient = Buffer::zeros(longest(&places));
        let (targets, residual_place) = kept(&problem.targets);
        let mut net = Net {
            cores: places,
            weights,
            velocity,
            chain_places,
            chain,
            up_places,
            up,
            residual: Buffer::zeros(residual_place.len()),
            residual_place,
            targets,
            inputs: problem.inputs.as_ref().map(CoreInputs::new),
            turned,
            turned_places,
            gradient,
            c: T::of(problem.c),
        };
        for (j, core) in cores.iter().enumerate() {
            net.set(j, core);
        }
        net
    }

    /// Core `j`, from 0, in double precision.
    pub(super) fn core(&self, j: usize) -> Array2<f64> {
        read(&self.cores[j], &self.weights)
    }

    /// Sets core `j`, from 0.
    pub(super) fn set(&mut self, j: usize, core: &Array2<f64>) {
        write(&self.cores[j], &mut self.weights, core);
    }

    /// Velocity of core `j`, from 0; there must be momentum.
    pub(super) fn core_velocity(&self, j: usize) -> Array2<f64> {
        read(&self.cores[j], &self.velocity)
    }

    /// Sets the velocity of core `j`, from 0; there must be momentum.
    pub(super) fn set_velocity(&mut self, j: usize, velocity: &Array2<f64>) {
        write(&self.cores[j], &mut self.velocity, velocity);
    }

    /// Whether there is a velocity.
    pub(super) fn has_velocity(&self) -> bool {
        !self.velocity.is_empty()
    }

    /// `k_0 .. k_L`.
    pub(super) fn widths(&self) -> Vec<usize> {
        let below = self.cores.iter().map(|place| place.columns);
        let above = self.cores.last().map(|place| place.rows);
        below.chain(above).collect()
    }

    /// Columns of the samples; `None` where the inputs are the identity.
    pub(super) fn samples(&self) -> Option<usize> {
        let inputs = self.inputs.as_ref()?;
        Some(inputs.X_place.columns)
    }
}

impl<T: Lane> CoreInputs<T> {
    fn new(inputs: &Array2<f64>) -> CoreInputs<T> {
        let (X, X_place) = kept(inputs);
        let (X_turned, X_turned_place) = kept(&inputs.t().to_owned());
        CoreInputs {
            X,
            X_place,
            X_turned,
            X_turned_place,
        }
    }
}

/// A matrix alone in a buffer.
fn kept<T: Lane>(A: &Array2<f64>) -> (Buffer<T>, Place) {
    let mut end = 0;
    let place = Place::after::<T>(&mut end, A.nrows(), A.ncols());
    let mut buffer = Buffer::zeros(end);
    write(&place, &mut buffer, A);
    (buffer, place)
}

fn read<T: Lane>(place: &Place, buffer: &[T]) -> Array2<f64> {
    place.of(buffer).view().mapv(T::wide)
}

fn write<T: Lane>(place: &Place, buffer: &mut [T], A: &Array2<f64>) {
    let mut target = place.of_mut(buffer).view();
    let part = A.slice(s![..place.rows, ..place.columns]);
    target.zip_mut_with(&part, |to, &from| *to = T::of(from));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| 0.5 + (i * columns + j) as f64)
    }

    #[test]
    fn cores_are_kept_apart_and_read_back() {
        let cores = [matrix(7, 5), matrix(9, 7), matrix(3, 9)];
        let problem = CoreProblem {
            inputs: Some(matrix(5, 4)),
            targets: matrix(3, 4),
            c: 0.25,
            constant: 0.0,
        };
        let mut net = Net::<f32>::new(&cores, &problem, true);
        for (j, core) in cores.iter().enumerate() {
            assert_eq!(net.core(j), core);
            assert!(net.core_velocity(j).iter().all(|&v| v == 0.0));
        }
        net.set(1, &matrix(9, 7).mapv(|x| -x));
        net.set_velocity(1, &matrix(9, 7));
        assert_eq!((net.core(0), net.core(2)), (matrix(7, 5), matrix(3, 9)));
        assert_eq!(net.core_velocity(1), matrix(9, 7));
        assert_eq!(net.core_velocity(2).sum(), 0.0);
        assert_eq!(net.widths(), [5, 7, 9, 3]);
        assert_eq!(net.samples(), Some(4));
    }

    #[test]
    fn the_chain_ends_with_the_smallest_number() {
        let cores = [matrix(4, 4), matrix(4, 4), matrix(4, 4), matrix(4, 4)];
        let problem = CoreProblem {
            inputs: None,
            targets: matrix(4, 4),
            c: 1.0,
            constant: 0.0,
        };
        let net = Net::<f64>::new(&cores, &problem, false);
        assert!(net.chain_places.is_sorted_by(|a, b| a.at > b.at));
        assert!(net.up_places.is_sorted_by(|a, b| a.at < b.at));
        assert!(!net.has_velocity());
    }
}
