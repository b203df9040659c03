//! The starts: how the initial weights are made, and what follows from it before anything is drawn.
//!
//! The matrices themselves are drawn in `init`.

use crate::choice::choice;

choice! {
    /// How the initial weights are made.
    pub enum StartKind {
        /// A scaled Haar (semi-)orthogonal matrix a layer.
        Orthogonal = "orthogonal",
        /// Normal entries of deviation `eps / sqrt(max(m, n))`.
        Gaussian = "gaussian",
        /// Uniform entries on `+- eps sqrt(3 / max(m, n))`.
        Uniform = "uniform",
        /// A scaled identity a layer.
        Identity = "identity",
        /// Layers with equal singular values, each turned into the next.
        Balanced = "balanced",
        /// Matrices from a file, as they are.
        File = "file",
        /// The target's own singular bases: `eps V^T`, `eps I` between, `eps U`.
        Aligned = "aligned",
    }
}

/// What is known of the layers before they are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLayers {
    /// Each is a scaled isometry.
    Isometric,
    /// The right basis of each is the left basis of the one before.
    Chained,
    /// Nothing.
    Generic,
    /// They are given: their entries say it.
    Given,
}

/// What is drawn for a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartDraw {
    Nothing,
    /// Every entry.
    Entries,
    /// Orthonormal columns.
    Bases,
}

impl StartKind {
    pub fn layers(self) -> StartLayers {
        match self {
            StartKind::Orthogonal | StartKind::Identity | StartKind::Aligned => {
                StartLayers::Isometric
            }
            StartKind::Balanced => StartLayers::Chained,
            StartKind::Gaussian | StartKind::Uniform => StartLayers::Generic,
            StartKind::File => StartLayers::Given,
        }
    }

    pub fn draw(self) -> StartDraw {
        match self {
            StartKind::Identity | StartKind::File => StartDraw::Nothing,
            StartKind::Gaussian | StartKind::Uniform => StartDraw::Entries,
            StartKind::Orthogonal | StartKind::Balanced | StartKind::Aligned => StartDraw::Bases,
        }
    }

    /// Whether it is made of the target's singular bases, so that it needs a target matrix.
    pub fn needs_target(self) -> bool {
        match self {
            StartKind::Aligned => true,
            StartKind::Orthogonal
            | StartKind::Gaussian
            | StartKind::Uniform
            | StartKind::Identity
            | StartKind::Balanced
            | StartKind::File => false,
        }
    }

    /// Whether every layer is diagonal.
    pub(crate) fn is_diagonal(self) -> bool {
        match self {
            StartKind::Identity => true,
            StartKind::Orthogonal
            | StartKind::Gaussian
            | StartKind::Uniform
            | StartKind::Balanced
            | StartKind::File
            | StartKind::Aligned => false,
        }
    }

    /// Whether `init.scale` applies: matrices from a file are taken as they are.
    pub fn is_scaled(self) -> bool {
        match self.layers() {
            StartLayers::Isometric | StartLayers::Chained | StartLayers::Generic => true,
            StartLayers::Given => false,
        }
    }
}
