//! Random sweeps: axes, zips, filters and extra points that every combination of makes sound trials, some of
//! them with keys that do not apply everywhere.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sweep::{Arrays, Grid, Spec, SweepError};

/// One axis: its keys, and a row of values for each digit, as the file writes them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) keys: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<&'static str>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Sweep {
    pub(crate) axes: Vec<Axis>,
    /// Rules are written as they are: `"replicate" = { range = [0, 3] }`.
    pub(crate) rules: Vec<&'static str>,
    pub(crate) condition: Option<&'static str>,
    pub(crate) exclude: Vec<&'static str>,
    pub(crate) include: Vec<&'static str>,
    pub(crate) seed: u64,
}

impl Sweep {
    /// The file. Single keys come first, then the rules, then the zips.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("name = \"random\"\nseed = {}\n[axes]\n", self.seed);
        let (single, zips): (Vec<&Axis>, Vec<&Axis>) =
            self.axes.iter().partition(|axis| axis.keys.len() == 1);
        let lines = |axis: &Axis| -> String {
            let column = |(at, key): (usize, &&str)| {
                let values: Vec<&str> = axis.rows.iter().map(|row| row[at]).collect();
                format!("\"{key}\" = [{}]\n", values.join(", "))
            };
            axis.keys.iter().enumerate().map(column).collect()
        };
        for axis in single {
            text.push_str(&lines(axis));
        }
        for rule in &self.rules {
            text.push_str(&format!("{rule}\n"));
        }
        for axis in zips {
            text.push_str(&format!("[[zip]]\n{}", lines(axis)));
        }
        text.push_str("[filter]\n");
        if let Some(condition) = self.condition {
            text.push_str(&format!("where = \"{condition}\"\n"));
        }
        for (name, points) in [("exclude", &self.exclude), ("include", &self.include)] {
            if !points.is_empty() {
                text.push_str(&format!("{name} = [{}]\n", points.join(", ")));
            }
        }
        text.push_str("[problem]\ndim = 20\n[measure]\nmetrics = [\"train_loss\"]\n");
        text
    }

    pub(crate) fn grid(&self) -> Grid {
        grid(&self.text())
    }

    pub(crate) fn shared(&self) -> Arc<Grid> {
        Arc::new(self.grid())
    }
}

/// The grid of a file that must be sound.
pub(crate) fn grid(text: &str) -> Grid {
    try_grid(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(crate) fn try_grid(text: &str) -> Result<Grid, SweepError> {
    Grid::new(Spec::parse(text, "random.toml", &[])?, Arrays::new())
}

/// The identities of the kept points, found by walking.
pub(crate) fn kept_ids(grid: &Grid) -> BTreeSet<String> {
    (0..grid.size())
        .filter(|&index| grid.kept(index))
        .map(|index| grid.point(index).expect("within").id())
        .collect()
}

/// Every axis that a random sweep may have.
fn all_axes() -> Vec<Axis> {
    let axis = |key: &'static str, values: &[&'static str]| Axis {
        keys: vec![key],
        rows: values.iter().map(|value| vec![*value]).collect(),
    };
    vec![
        axis(
            "problem.kind",
            &[
                "'factorization'",
                "'completion'",
                "'classification'",
                "'regression'",
            ],
        ),
        axis("network.depth", &["1", "2", "3"]),
        axis("problem.rank", &["1", "2", "4"]),
        axis("problem.observed", &["0.2", "0.5"]),
        axis("problem.classes", &["3", "4"]),
        axis("problem.inputs.noise", &["0.0", "0.1"]),
        axis("problem.inputs.rank", &["2", "3"]),
        axis("problem.inputs.draw", &["'orthonormal'", "'gaussian'"]),
        axis(
            "problem.test",
            &["{ range = [20, 30] }", "{ range = [0, 9] }"],
        ),
        axis(
            "problem.singular_values",
            &["'flat'", "'gaussian'", "{ geometric = 0.5 }"],
        ),
        axis("init.kind", &["'orthogonal'", "'gaussian'", "'uniform'"]),
        axis("init.scale", &["1.0", "0.1", "0.01"]),
        axis(
            "network.activation",
            &["'linear'", "'relu'", "'leaky_relu'"],
        ),
        axis("network.negative_slope", &["0.01", "0.3"]),
        axis("network.nonlinear_layers", &["0", "1"]),
        axis("optimizer.momentum", &["0.5", "0.9"]),
        axis("train.stop", &["{ gradient_norm = 1e-8 }", "{}"]),
        axis("train.precision", &["'f64'", "'f32'"]),
        axis("replicate", &["0", "1", "2", "5"]),
        Axis {
            keys: vec!["network.width", "train.steps"],
            rows: vec![vec!["8", "200"], vec!["16", "200"], vec!["8", "100"]],
        },
        Axis {
            keys: vec!["optimizer.kind", "optimizer.rate"],
            rows: vec![
                vec!["'gd'", "1.0"],
                vec!["'momentum'", "0.5"],
                vec!["'adam'", "0.001"],
            ],
        },
        Axis {
            keys: vec!["problem.samples_per_class", "optimizer.weight_decay"],
            rows: vec![vec!["10", "0.0"], vec!["12", "0.0"], vec!["10", "0.01"]],
        },
    ]
}

const RULES: &[&str] = &[
    "'measure.every' = { range = [0, 10], step = 3 }",
    "'measure.tolerance' = { log = [1e-6, 1e-2], points = 3 }",
    "'optimizer.factor_rate' = { lin = [0.1, 0.3], points = 3 }",
];

const CONDITIONS: &[&str] = &[
    "network.depth <= 2",
    "problem.rank <= network.width / 8 and not (network.depth == 3 and init.kind == 'uniform')",
    "replicate % 2 == 0 or optimizer.kind == 'adam'",
    "init.scale < 0.5 and problem.kind != 'completion'",
    "optimizer.momentum > 0.6 or problem.classes == 3",
    "train.steps * network.depth > 250",
    "problem.inputs.noise > 0 or problem.observed in [0.5, 0.7]",
    "measure.every >= replicate",
];

const EXCLUDED: &[&str] = &[
    "{ 'network.depth' = 2, 'problem.rank' = 1 }",
    "{ 'network.depth' = 3, 'problem.rank' = 2 }",
    "{ 'optimizer.kind' = 'momentum', 'optimizer.momentum' = 0.9 }",
    "{ 'replicate' = 1 }",
    "{ 'problem.inputs.draw' = 'gaussian', 'problem.inputs.rank' = 3 }",
];

const INCLUDED: &[&str] = &[
    "{ 'network.depth' = 5, 'replicate' = 7 }",
    "{ 'problem.kind' = 'classification', 'problem.classes' = 4 }",
    "{ 'network.depth' = 2 }",
    "{ 'optimizer.kind' = 'momentum', 'optimizer.momentum' = 0.25 }",
    "{ 'replicate' = 5, 'network.depth' = 2 }",
];

/// Any sweep of up to five axes.
pub(crate) fn sweep() -> impl Strategy<Value = Sweep> {
    let axes = subsequence(all_axes(), 0..=4)
        .prop_shuffle()
        .prop_flat_map(|axes| {
            let count = axes.len();
            (Just(axes), proptest::collection::vec(1u32..16, count))
        })
        .prop_map(|(axes, masks)| axes.into_iter().zip(masks).map(cut).collect::<Vec<Axis>>());
    let rules = subsequence(RULES.to_vec(), 0..=1);
    let condition = proptest::option::of(select(CONDITIONS));
    let exclude = subsequence(EXCLUDED.to_vec(), 0..=2);
    let include = subsequence(INCLUDED.to_vec(), 0..=3);
    (axes, rules, condition, exclude, include).prop_map(
        |(axes, rules, condition, exclude, include)| Sweep {
            axes,
            rules,
            condition,
            exclude,
            include,
            seed: 7,
        },
    )
}

/// The rows whose bit is set; the first if that leaves none.
fn cut((axis, mask): (Axis, u32)) -> Axis {
    let mut rows: Vec<_> = (0..axis.rows.len())
        .filter(|row| (mask >> row) & 1 == 1)
        .map(|row| axis.rows[row].clone())
        .collect();
    if rows.is_empty() {
        rows.push(axis.rows[0].clone());
    }
    Axis {
        keys: axis.keys,
        rows,
    }
}

/// A sweep with the same points and more: axes get their other values behind or before their own, filters go.
/// New first values change the points of `include`, which may then be missing.
pub(crate) fn grown(sweep: &Sweep) -> impl Strategy<Value = Sweep> + use<> {
    let sweep = sweep.clone();
    let count = sweep.axes.len();
    let growing = proptest::collection::vec(any::<bool>(), count);
    (growing, any::<bool>(), any::<bool>(), 0..3usize).prop_map(
        move |(growing, drop_filter, reorder, more)| {
            let mut next = sweep.clone();
            for (axis, grows) in next.axes.iter_mut().zip(growing) {
                let full = all_axes()
                    .into_iter()
                    .find(|full| full.keys == axis.keys)
                    .expect("of the pool");
                let missing = full.rows.into_iter().filter(|row| !axis.rows.contains(row));
                let missing: Vec<_> = missing.collect();
                if grows && reorder {
                    axis.rows.splice(0..0, missing);
                } else if grows {
                    axis.rows.extend(missing);
                }
            }
            if drop_filter {
                next.condition = None;
                next.exclude.clear();
            }
            if reorder {
                next.axes.reverse();
            }
            let others = INCLUDED
                .iter()
                .filter(|point| !sweep.include.contains(*point));
            next.include.extend(others.take(more));
            next
        },
    )
}
