//! A layer whose updates stay within a block.

use ndarray::{Array2, ArrayView2};

use super::block::{LayerBlock, ProjectionScratch, between};
use crate::kernel::{Real, Threads};
use crate::optimizer::{BasisChange, Gradient};

/// What a fixed block is added to.
#[derive(Clone, Debug)]
struct Start<T> {
    /// `W(0)`.
    W: Array2<T>,
    /// `U^T W(0) V`.
    C: Array2<T>,
}

#[derive(Debug)]
pub(super) struct HeldLayer<T> {
    pub(super) block: LayerBlock<T>,
    /// `C`, what the optimizer works on; empty where the block is the whole matrix, whose weights it works on.
    pub(super) C: Array2<T>,
    /// The gradient of the step, `U^T G V`.
    pub(super) G: Array2<T>,
    /// `C` less what the weights hold of it already.
    moved: Array2<T>,
    /// Of fixed blocks. Their weights are made from it and `C` at every step, so that a checkpoint is as small as the
    /// block; others are added to.
    start: Option<Start<T>>,
    /// Whether its block is that of the trial's start, which a checkpoint leaves out.
    pub(super) is_as_started: bool,
}

impl<T: Real> HeldLayer<T> {
    /// A layer of these weights that moves within a block; `fixed`: they are its start.
    pub(super) fn new(
        threads: Threads,
        block: LayerBlock<T>,
        W: ArrayView2<'_, T>,
        fixed: bool,
    ) -> HeldLayer<T> {
        let start = fixed.then(|| Start {
            W: W.to_owned(),
            C: Array2::zeros((0, 0)),
        });
        let empty = || Array2::zeros((0, 0));
        let mut layer = HeldLayer {
            block: LayerBlock::WHOLE,
            C: empty(),
            G: empty(),
            moved: empty(),
            start,
            is_as_started: true,
        };
        layer.settle(threads, block, W);
        layer.is_as_started = true;
        layer
    }

    /// Goes on from these weights in another block, and keeps the weights. Gives the change of its coordinates.
    pub(super) fn enter(
        &mut self,
        threads: Threads,
        block: LayerBlock<T>,
        W: ArrayView2<'_, T>,
    ) -> BasisChange<T> {
        let change = between(threads, &self.block, &block);
        let moved = self.start.as_ref().map(|start| &self.C - &start.C);
        self.settle(threads, block, W);
        if let (Some(moved), Some(start)) = (moved, &self.start) {
            // What has moved, in the new coordinates: those of the weights would be rounded otherwise.
            self.C = &start.C + &change.apply(&moved);
        }
        change
    }

    /// Takes up a block at these weights.
    pub(super) fn settle(&mut self, threads: Threads, block: LayerBlock<T>, W: ArrayView2<'_, T>) {
        self.is_as_started = false;
        let shape = block.shape(W.dim());
        self.G = Array2::zeros(shape);
        if block.is_whole() {
            // Nothing is outside: the weights themselves are trained from here.
            self.C = Array2::zeros((0, 0));
            self.moved = Array2::zeros((0, 0));
            self.start = None;
        } else {
            self.C = block.coordinates(threads, W);
            self.moved = Array2::zeros(shape);
            if let Some(start) = &mut self.start {
                start.C = block.coordinates(threads, start.W.view());
            }
        }
        self.block = block;
    }

    /// Takes the gradient of a step.
    pub(super) fn take(
        &mut self,
        threads: Threads,
        G: &Gradient<'_, T>,
        scratch: &mut ProjectionScratch<T>,
    ) {
        self.block.project(threads, G, &mut self.G, scratch);
    }

    /// `C(0)` of a fixed block.
    pub(super) fn coordinates_at_start(&self) -> Option<&Array2<T>> {
        self.start.as_ref().map(|start| &start.C)
    }

    /// Whether a checkpoint of it leaves the weights out.
    pub(super) fn is_made_of_its_start(&self) -> bool {
        self.start.is_some()
    }

    /// Has an update move the coordinates, or the weights of a layer that moves as a whole, and makes the weights.
    pub(super) fn update(
        &mut self,
        threads: Threads,
        W: &mut Array2<T>,
        scratch: &mut ProjectionScratch<T>,
        descend: impl FnOnce(&mut Array2<T>, &Gradient<'_, T>),
    ) {
        let gradient = Gradient::of(&self.G);
        if self.block.is_whole() {
            descend(W, &gradient);
            return;
        }
        if self.start.is_some() {
            descend(&mut self.C, &gradient);
            self.make(threads, W, scratch);
            return;
        }
        self.moved.assign(&self.C);
        descend(&mut self.C, &gradient);
        self.moved
            .zip_mut_with(&self.C, |from, &to| *from = to - *from);
        self.block
            .add_to(threads, W, T::of(1.0), &self.moved, scratch);
    }

    /// `W <- W(0) + U (C - C(0)) V^T`, of a fixed block.
    pub(super) fn make(
        &mut self,
        threads: Threads,
        W: &mut Array2<T>,
        scratch: &mut ProjectionScratch<T>,
    ) {
        let Some(start) = &self.start else { return };
        self.moved.assign(&self.C);
        self.moved.zip_mut_with(&start.C, |to, &c| *to -= c);
        W.assign(&start.W);
        self.block
            .add_to(threads, W, T::of(1.0), &self.moved, scratch);
    }

    /// What the optimizer works on.
    pub(super) fn trained<'a>(&'a self, W: &'a Array2<T>) -> &'a Array2<T> {
        if self.block.is_whole() { W } else { &self.C }
    }
}
