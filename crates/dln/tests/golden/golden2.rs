//! Trajectories by JAX and optax: activations, losses, biases, hybrids, optimizers, schedules, by the full engine.
//!
//! `tests/golden2/manifest.json` at the root of the repository says what every file is; the trials are made from it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use dln::{
    Activation, EngineChoice, Given, Inputs, LeakBlock, Loss, Measure, Metrics, Network,
    OptimizerKind, Problem, Progress, Run, Samples, Schedule, Targets, Task, Threads, Trial,
};
use ndarray::Array2;
use serde_json::Value;

use super::files::{self, Arrays};

/// Slope of the leaky ReLU below zero.
const NEGATIVE_SLOPE: f64 = 0.1;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden2")
}

/// A file of the manifest.
struct Case {
    name: String,
    config: Value,
}

fn cases() -> Vec<Case> {
    let text = fs::read_to_string(folder().join("manifest.json")).expect("the manifest");
    let manifest: Value = serde_json::from_str(&text).expect("JSON");
    let files = manifest["files"].as_array().expect("files");
    let case = |file: &Value| {
        let name = file["file"].as_str().expect("a name");
        Case {
            name: name.trim_end_matches(".npz").to_owned(),
            config: file["config"].clone(),
        }
    };
    files.iter().map(case).collect()
}

impl Case {
    fn word(&self, key: &str) -> &str {
        self.config[key].as_str().expect("a word")
    }

    fn size(&self, key: &str) -> usize {
        let size = self.config[key].as_u64().expect("a count");
        usize::try_from(size).expect("a small one")
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.config.get(key).map(|x| x.as_f64().expect("a number"))
    }

    fn problem(&self, arrays: &mut Arrays) -> Problem {
        let inputs = arrays.matrix("inputs");
        let (inputs_dim, count) = inputs.dim();
        let outputs_dim = self.size("outputs");
        let loss = Loss::named(self.word("loss")).expect("a loss");
        let targets = if loss.needs_classes() {
            let labels = arrays.integers("labels");
            Array2::from_shape_fn((outputs_dim, count), |(class, sample)| {
                f64::from(u8::from(labels[sample] == class as i64))
            })
        } else {
            arrays.matrix("targets")
        };
        let samples = Samples {
            inputs: Inputs::Given(Given::from(inputs)),
            targets: Targets::Given(Given::from(targets)),
            train: (0, count),
            test: None,
            whiten: false,
            center: false,
            standardize: false,
            split: None,
        };
        Problem {
            inputs_dim,
            outputs_dim,
            loss,
            noise: 0.0,
            task: if loss.needs_classes() {
                Task::Classification { samples }
            } else {
                Task::Regression { samples }
            },
        }
    }

    fn schedule(&self, steps: u64) -> Schedule {
        let Some(schedule) = self.config.get("schedule") else {
            return Schedule::Constant;
        };
        let number = |key: &str| schedule[key].as_f64().expect("a number");
        let count = |key: &str| schedule[key].as_u64().expect("a count");
        match schedule["kind"].as_str() {
            Some("cosine") => Schedule::Cosine {
                alpha: number("alpha"),
                steps,
            },
            Some("warmup_cosine") => Schedule::WarmupCosine {
                warmup: count("warmup"),
                end: number("end"),
                steps,
            },
            Some("step") => Schedule::Step {
                every: count("every"),
                factor: number("factor"),
            },
            other => panic!("{}: {other:?}", self.name),
        }
    }

    fn trial(&self, arrays: &mut Arrays) -> Trial {
        let problem = self.problem(arrays);
        let weights = arrays.start("");
        let layers = self.config["nonlinear_layers"].as_u64();
        let network = Network {
            activation: Activation::named(self.word("activation")).expect("an activation"),
            negative_slope: NEGATIVE_SLOPE,
            nonlinear_layers: layers.map(|layers| usize::try_from(layers).expect("few")),
            bias: self.config["bias"].as_bool().expect("true or false"),
            ..files::linear(&weights)
        };
        let kind = self.word("optimizer");
        let descent = (
            OptimizerKind::named(kind).expect("an optimizer"),
            self.number("rate").expect("a rate"),
        );
        let steps = self.size("steps") as u64;
        let measure = Measure {
            every: 1,
            metrics: Metrics {
                spectrum: true,
                ..Metrics::default()
            },
            tolerance: None,
            leak_block: LeakBlock::Gradient,
        };
        let engine = EngineChoice::Full;
        let mut trial = files::trial(problem, network, weights, engine, descent, measure, steps);
        let momentum = trial.optimizer.kind.default_momentum();
        trial.optimizer.momentum = momentum.unwrap_or(0.0);
        trial.optimizer.weight_decay = self.number("weight_decay").unwrap_or(0.0);
        trial.optimizer.schedule = self.schedule(steps);
        trial
    }
}

/// The largest distance, over the largest of what is wanted.
fn distance(found: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    let pairs = found.iter().zip(wanted);
    pairs.fold(0.0f64, |most, (a, b)| most.max((a - b).abs())) / largest
}

fn check(case: &Case) {
    let name = &case.name;
    let mut arrays = Arrays::open_in(&folder(), name);
    let trial = case.trial(&mut arrays);
    let data = dln::prepare(&trial).expect("data");
    let mut run = Run::new(&trial, &data, Threads::Seq, &|| 0.0).expect("a run");
    while run.advance(u64::MAX).expect("runs") == Progress::Running {}
    let parameters = run.parameters();
    let outcome = run.finish();
    let losses = arrays.vector("loss");
    assert_eq!(outcome.history.len(), losses.len(), "{name}");
    for (row, wanted) in outcome.history.iter().zip(&losses) {
        let found = row.scalars.train_loss.expect("a finite loss");
        assert!(
            (found - wanted).abs() <= 1e-9 * wanted.abs() + 1e-14,
            "{name} at step {}: {found:e} instead of {wanted:e}",
            row.step
        );
    }
    let depth = trial.network.depth();
    assert_eq!(
        parameters.len(),
        depth * (1 + usize::from(trial.network.bias))
    );
    for layer in 0..depth {
        let wanted = arrays.vector(&format!("final_svals{layer}"));
        let rows = outcome
            .spectra
            .iter()
            .filter(|row| (row.step, row.layer) == (outcome.steps, layer as u32 + 1));
        let found: Vec<f64> = rows.map(|row| row.value).collect();
        let error = distance(&found, &wanted);
        assert!(error <= 1e-8, "{name}, layer {layer}: {error:e}");
        if let Some(b) = parameters.get(depth + layer) {
            let wanted = arrays.vector(&format!("final_b{layer}"));
            let found: Vec<f64> = b.iter().copied().collect();
            let error = distance(&found, &wanted);
            assert!(error <= 1e-8, "{name}, biases of layer {layer}: {error:e}");
        }
    }
}

#[test]
fn trajectories_of_jax() {
    let mut checked = BTreeSet::new();
    for case in cases() {
        check(&case);
        checked.insert(case.name);
    }
    // Every file of the folder is one of the manifest.
    let entries = fs::read_dir(folder()).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let there: BTreeSet<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "npz"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    assert_eq!(there, checked);
    assert_eq!(there.len(), 23);
}
