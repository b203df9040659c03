//! The metrics: one table of their names, words, columns, costs and requirements, and the rows that hold them.
//!
//! Sweep files, checkpoints, plans and the tables read it. How a metric is worked out is the business of `measure`.

use crate::choice::choice;
use crate::engines::EngineKind;

/// The version of the tables that a column names; without one it is of the first.
const fn since(given: &[u32]) -> u32 {
    match given {
        [] => 1,
        [version, ..] => *version,
    }
}

/// Declares a row: columns that are always there, then measured ones, which are null where nothing is measured. A
/// measured column may name its unit (`in "rad"`) and, if it is not of the first, the version of the tables that
/// brought it (`since 4`).
macro_rules! row {
    (
        $(#[$of_all:meta])*
        pub struct $Row:ident {
            $($(#[$of_head:meta])* $head:ident: $Type:ty,)*
        }
        measured {
            $(
                $(#[doc = $words:literal])+
                $column:ident $(in $unit:literal)? $(since $version:literal)?,
            )*
        }
    ) => {
        $(#[$of_all])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Row {
            $($(#[$of_head])* pub $head: $Type,)*
            $($(#[doc = $words])+ pub $column: Option<f64>,)*
        }

        impl $Row {
            /// Names of the measured columns.
            pub const MEASURED: [&'static str; [$(stringify!($column)),*].len()] = [$(stringify!($column)),*];
            /// What they are, in a line each.
            pub const WORDS: [&'static str; $Row::MEASURED.len()] =
                [$(concat!($($words),+).trim_ascii()),*];
            /// Their units; empty where there is none.
            pub const UNITS: [&'static str; $Row::MEASURED.len()] = [$(concat!($($unit)?)),*];
            /// The version of the tables that brought each.
            pub const SINCE: [u32; $Row::MEASURED.len()] = [$(since(&[$($version)?])),*];

            /// A row with nothing measured yet.
            pub fn new($($head: $Type),*) -> $Row {
                $Row { $($head,)* $($column: None,)* }
            }

            /// The measured columns, in order.
            pub fn measured(&self) -> [Option<f64>; $Row::MEASURED.len()] {
                [$(self.$column),*]
            }

            /// As [`Self::measured`], writable.
            pub fn measured_mut(&mut self) -> [&mut Option<f64>; $Row::MEASURED.len()] {
                [$(&mut self.$column),*]
            }
        }
    };
}

row! {
    /// Scalar metrics of one step; `None` is null in the table.
    #[derive(Default)]
    pub struct Scalars {}
    measured {
        /// Loss on the training samples, without weight decay; in `trials` at the last finite step.
        train_loss,
        /// Loss on what is held out: test samples, or the entries that training does not see.
        test_loss,
        /// Share of training samples whose largest output is their class.
        accuracy,
        /// The same share of test samples.
        test_accuracy,
        /// exp of the entropy of the end-to-end map's singular values over their sum.
        effective_rank,
        /// `||W||_F^2 / ||W||_2^2` of the end-to-end map.
        stable_rank,
        /// Sum of the end-to-end map's singular values.
        nuclear_norm,
        /// Largest eigenvalue of the loss's Hessian in all weights and biases.
        sharpness,
        /// Largest angle between the top singular subspaces of the end-to-end map and of the target.
        alignment in "rad",
        /// `train_loss` against the target before `problem.noise` was added to it; null without noise.
        clean_loss since 4,
    }
}

/// A row of `history`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryRow {
    pub step: u64,
    pub scalars: Scalars,
}

row! {
    /// A row of `spectra`.
    pub struct SpectrumRow {
        step: u64,
        /// 1..L; 0 is the end-to-end map.
        layer: u32,
        /// 1 is the largest.
        index: u32,
        value: f64,
        multiplicity: u32,
    }
    measured {
        /// Angle of the left singular vectors, or of their subspace, against step 1.
        left_angle in "rad",
        /// Angle of the right singular vectors, or of their subspace, against step 1.
        right_angle in "rad",
        /// What a closed form predicts. Layer 0: of gradient flow for the target's mode `index`. Layers 1..L: of the
        /// singular value `index`, by the recursion of gradient descent from aligned starts, else of gradient flow.
        theory_value since 4,
        /// Distance of `theory_value` from what is measured: `mode_value` at layer 0, `value` in the layers.
        theory_error since 4,
        /// Layer 0: entry `index`, `index` of the end-to-end map in the singular bases of the target; null where no
        /// closed form holds.
        mode_value since 4,
        /// Singular value `index` of the layer's weights less those at the start.
        update_value since 4,
    }
}

row! {
    /// A row of `layers`.
    pub struct LayerRow {
        step: u64,
        /// 0..L; layer 0 (the inputs) carries a separation alone.
        layer: u32,
    }
    measured {
        /// Spread within the classes over that between them, after the activation; null at the last layer.
        separation,
        /// `||W_(l+1)^T W_(l+1) - W_l W_l^T||_F`; null at the last layer.
        balancedness,
        /// As in `history`, of the layer.
        effective_rank,
        /// As in `history`, of the layer.
        stable_rank,
        /// Share of the squared norm of the layer's update since the start that lies outside the predicted block.
        leak since 4,
        /// The same share outside the best block of that size.
        leak_best since 4,
        /// The same share outside a random block of that size, as expected.
        leak_chance since 4,
        /// Effective rank of the layer's update since the start.
        update_effective_rank since 4,
        /// Dimension of the block above that the projected engine holds the layer's updates in.
        block_left since 4,
        /// The same of the block below.
        block_right since 4,
        /// Norm of the layer's gradient outside that block, relative to the norm of its first gradient.
        outside since 4,
    }
}

/// A table whose rows are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasuredTable {
    /// And, of the last step, `trials`.
    History,
    Spectra,
    Layers,
}

use MeasuredTable::{History, Layers, Spectra};

/// How far a matrix is decomposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decomposition {
    Not,
    /// Singular values.
    Values,
    /// Singular values and vectors.
    Vectors,
}

/// What a trial must have for a metric to have values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    Nothing,
    /// Test samples, or entries that training does not see.
    HeldOut,
    Classes,
    /// An end-to-end map: a linear network.
    Map,
    /// A closed form of what its modes do.
    ClosedForm,
}

/// What a metric is, needs and costs.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The columns that it fills.
    pub columns: &'static [(MeasuredTable, &'static str)],
    pub requires: Requirement,
    /// The engines that measure it.
    pub engines: &'static [EngineKind],
    /// Of the end-to-end map, where there is one.
    pub map: Decomposition,
    /// Of every layer.
    pub layers: Decomposition,
    /// Whether samples are carried through the network.
    pub outputs: bool,
    /// Whether neighbouring layers are multiplied.
    pub neighbours: bool,
    /// Whether products with the Hessian are taken.
    pub hessian: bool,
    /// Whether it shows directions of the weights that the training data do not reach.
    pub whole: bool,
    /// Whether what the layers have moved since the start is decomposed.
    pub updates: bool,
}

const LOSS: About = About {
    columns: &[],
    requires: Requirement::Nothing,
    engines: EngineKind::ALL,
    map: Decomposition::Not,
    layers: Decomposition::Not,
    outputs: true,
    neighbours: false,
    hessian: false,
    whole: false,
    updates: false,
};
const WEIGHTS: About = About {
    outputs: false,
    whole: true,
    ..LOSS
};

/// Declares the metrics with their fields in [`Metrics`]: those that are measured where a sweep file names none, and
/// the others.
macro_rules! metrics {
    (
        default {
            $($(#[doc = $words:literal])+ $Metric:ident $field:ident = $name:literal, $about:expr;)+
        }
        others {
            $(#[doc = $first_words:literal])+ $First:ident $first:ident = $first_name:literal, $first_about:expr;
            $($(#[doc = $other_words:literal])+ $Other:ident $other:ident = $other_name:literal, $other_about:expr;)*
        }
    ) => {
        choice! {
            /// Something that a run measures where it is asked for.
            pub enum Metric {
                $($(#[doc = $words])+ $Metric = $name,)+
                $(#[doc = $first_words])+ $First = $first_name
                $(, $(#[doc = $other_words])+ $Other = $other_name)*
            }
        }

        impl Metric {
            /// Names of those that are measured where a sweep file names none.
            pub const DEFAULTS: &'static [&'static str] = &[$($name),+];

            /// Columns of `layers` that the projected engine fills whatever is asked for.
            pub const OF_PROJECTED: &'static [&'static str] =
                &["block_left", "block_right", "outside"];

            /// The others, as the help of a key lists them.
            pub const OTHERS: &'static str =
                concat!("also ", $first_name $(, ", ", $other_name)*, ", which cost more");

            pub const fn about(self) -> About {
                match self {
                    $(Metric::$Metric => $about,)+
                    Metric::$First => $first_about,
                    $(Metric::$Other => $other_about,)*
                }
            }
        }

        /// A set of metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
        pub struct Metrics {
            $($(#[doc = $words])+ pub $field: bool,)+
            $(#[doc = $first_words])+ pub $first: bool,
            $($(#[doc = $other_words])+ pub $other: bool,)*
        }

        impl Metrics {
            /// Every metric.
            pub const ALL: Metrics = Metrics {
                $($field: true,)+
                $first: true,
                $($other: true,)*
            };

            /// No metric.
            pub const NONE: Metrics = Metrics {
                $($field: false,)+
                $first: false,
                $($other: false,)*
            };

            /// Whether the metric is in the set.
            pub fn has(&self, metric: Metric) -> bool {
                match metric {
                    $(Metric::$Metric => self.$field,)+
                    Metric::$First => self.$first,
                    $(Metric::$Other => self.$other,)*
                }
            }

            /// Puts the metric into the set or takes it out.
            pub fn set(&mut self, metric: Metric, wanted: bool) {
                match metric {
                    $(Metric::$Metric => self.$field = wanted,)+
                    Metric::$First => self.$first = wanted,
                    $(Metric::$Other => self.$other = wanted,)*
                }
            }
        }
    };
}

metrics! {
    default {
        /// Loss on the training samples; with classes, their accuracy too.
        TrainLoss train_loss = "train_loss", About {
            columns: &[
                (History, "train_loss"),
                (History, "accuracy"),
                (History, "clean_loss"),
            ],
            ..LOSS
        };
        /// Loss on what is held out; with classes, the accuracy there too.
        TestLoss test_loss = "test_loss", About {
            columns: &[(History, "test_loss"), (History, "test_accuracy")],
            requires: Requirement::HeldOut,
            ..LOSS
        };
        /// exp of the entropy of the singular values over their sum.
        EffectiveRank effective_rank = "effective_rank", About {
            columns: &[(History, "effective_rank"), (Layers, "effective_rank")],
            map: Decomposition::Values,
            layers: Decomposition::Values,
            ..WEIGHTS
        };
        /// Sum of the squared singular values over the largest square.
        StableRank stable_rank = "stable_rank", About {
            columns: &[(History, "stable_rank"), (Layers, "stable_rank")],
            map: Decomposition::Values,
            layers: Decomposition::Values,
            ..WEIGHTS
        };
        /// Sum of the singular values.
        NuclearNorm nuclear_norm = "nuclear_norm", About {
            columns: &[(History, "nuclear_norm")],
            requires: Requirement::Map,
            map: Decomposition::Values,
            ..WEIGHTS
        };
    }
    others {
        /// How far neighbouring layers are from balanced.
        Balancedness balancedness = "balancedness", About {
            columns: &[(Layers, "balancedness")],
            neighbours: true,
            ..WEIGHTS
        };
        /// Singular values.
        Spectrum spectrum = "spectrum", About {
            columns: &[(Spectra, "value"), (Spectra, "multiplicity")],
            map: Decomposition::Values,
            layers: Decomposition::Values,
            ..WEIGHTS
        };
        /// Angles of singular vectors against step 1.
        Angles angles = "angles", About {
            columns: &[(Spectra, "left_angle"), (Spectra, "right_angle")],
            map: Decomposition::Vectors,
            layers: Decomposition::Vectors,
            ..WEIGHTS
        };
        /// Spread within the classes over that between them, by layer.
        Separation separation = "separation", About {
            columns: &[(Layers, "separation")],
            requires: Requirement::Classes,
            engines: &[EngineKind::Full, EngineKind::Reduced, EngineKind::Projected],
            ..LOSS
        };
        /// Largest eigenvalue of the loss's Hessian.
        Sharpness sharpness = "sharpness", About {
            columns: &[(History, "sharpness")],
            hessian: true,
            ..WEIGHTS
        };
        /// Angle between the end-to-end map and the target.
        Alignment alignment = "alignment", About {
            columns: &[(History, "alignment")],
            requires: Requirement::Map,
            map: Decomposition::Vectors,
            ..WEIGHTS
        };
        /// Share of the layers' updates outside the block that the law predicts.
        Leak leak = "leak", About {
            columns: &[(Layers, "leak"), (Layers, "leak_best"), (Layers, "leak_chance")],
            engines: &[EngineKind::Full, EngineKind::Reduced, EngineKind::Projected],
            updates: true,
            ..WEIGHTS
        };
        /// What closed forms predict of modes and layers, and how far it is off.
        Theory theory = "theory", About {
            columns: &[(Spectra, "theory_value"), (Spectra, "theory_error"), (Spectra, "mode_value")],
            requires: Requirement::ClosedForm,
            engines: &[EngineKind::Full, EngineKind::Reduced],
            map: Decomposition::Values,
            layers: Decomposition::Values,
            ..WEIGHTS
        };
        /// Singular values of the layers' updates since the start.
        UpdateSpectrum update_spectrum = "update_spectrum", About {
            columns: &[(Spectra, "update_value"), (Layers, "update_effective_rank")],
            map: Decomposition::Values,
            layers: Decomposition::Values,
            updates: true,
            ..WEIGHTS
        };
    }
}

impl Metrics {
    /// What the metrics of the set are and need.
    pub fn abouts(&self) -> impl Iterator<Item = About> {
        let of_set = Metric::ALL.iter().filter(|&&metric| self.has(metric));
        of_set.map(|metric| metric.about())
    }

    /// Whether a metric of the set is such.
    pub fn any(&self, is: impl Fn(&About) -> bool) -> bool {
        self.abouts().any(|about| is(&about))
    }

    /// The metrics of the set that are such.
    pub fn only(&self, is: impl Fn(&About) -> bool) -> Metrics {
        let mut kept = *self;
        for &metric in Metric::ALL {
            kept.set(metric, self.has(metric) && is(&metric.about()));
        }
        kept
    }

    /// How far the end-to-end map is decomposed.
    pub fn map(&self) -> Decomposition {
        let each = self.abouts().map(|about| about.map);
        each.max().unwrap_or(Decomposition::Not)
    }

    /// How far every layer is decomposed.
    pub fn layers(&self) -> Decomposition {
        let each = self.abouts().map(|about| about.layers);
        each.max().unwrap_or(Decomposition::Not)
    }

    /// Whether there are rows in a table; `history` has its row at every measured step.
    pub fn fills(&self, table: MeasuredTable) -> bool {
        self.any(|about| about.columns.iter().any(|&(of, _)| of == table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measured_column_belongs_to_a_metric_and_every_metric_has_columns() {
        let of = |table| -> Vec<&str> {
            let all = Metric::ALL.iter().flat_map(|metric| metric.about().columns);
            let mut own: Vec<&str> = all.filter(|of| of.0 == table).map(|of| of.1).collect();
            own.sort_unstable();
            own
        };
        let sorted = |names: &[&'static str]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        assert_eq!(of(History), sorted(&Scalars::MEASURED));
        let mut layers = of(Layers);
        layers.extend(Metric::OF_PROJECTED);
        assert_eq!(sorted(&layers), sorted(&LayerRow::MEASURED));
        let mut spectra = SpectrumRow::MEASURED.to_vec();
        spectra.extend(["value", "multiplicity"]);
        assert_eq!(of(Spectra), sorted(&spectra));
        assert!(
            Metric::ALL
                .iter()
                .all(|metric| !metric.about().columns.is_empty())
        );
    }

    #[test]
    fn sets_hold_what_is_put_in() {
        for &metric in Metric::ALL {
            let mut one = Metrics::default();
            one.set(metric, true);
            let held: Vec<Metric> = Metric::ALL
                .iter()
                .copied()
                .filter(|&m| one.has(m))
                .collect();
            assert_eq!(held, [metric]);
            assert_eq!(one.map(), metric.about().map);
            assert_eq!(one.only(|_| false), Metrics::default());
        }
        assert_eq!(Metrics::default().layers(), Decomposition::Not);
    }
}
