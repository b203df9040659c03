//! One trained network out of a run folder: trained again, written as arrays with a description of what they are.

use std::path::{Path, PathBuf};
use std::time::Instant;

use dln::{Exported, ExportedParts, Outcome, Preprocessing, Run, Trial};
use ndarray::{Array, Dimension};
use serde_json::{Value, json};
use sweep::{ArrayRef, Folder, Role};
use table::NamedArray;

use crate::error::CliError;
use crate::{numbering, process};

/// Version of the description's form.
const FORMAT: u32 = 1;

/// Endings of files of arrays.
const ENDINGS: [&str; 2] = ["npz", "safetensors"];

/// Trains a trial again and writes its network; the files' names come back.
///
/// # Errors
/// [`CliError`]: a trial that has no row, or did not come to its end; a file that is there already; data files that are
/// not at hand.
pub(crate) fn write(
    run: &Path,
    number: u64,
    file: &Path,
    force: bool,
) -> Result<Vec<PathBuf>, CliError> {
    check_file(file, force)?;
    let row = Row::read(run, number)?;
    let folder = numbering::of_folder(run)?;
    if folder.grid_of(number).is_none() {
        return Err(CliError::Request(format!(
            "{} numbers no trial {number}",
            run.display()
        )));
    }
    let trial = folder.trial(number)?;
    let (exported, outcome) = train(&trial)?;
    row.compare(number, &outcome);
    let preprocessing = dln::preprocessing(&trial).map_err(failed)?;
    let source = DataSource::of(run, &folder, number)?;
    let preprocessing = preprocessing.map(|found| in_units_of_file(found, source.scale));
    let about = about(&Described {
        run,
        number,
        row: &row,
        trial: &trial,
        outcome: &outcome,
        exported: &exported,
        preprocessing: preprocessing.as_ref(),
        source: &source,
    });
    let arrays = arrays(&exported, preprocessing.as_ref());
    let text = format!("{about:#}\n");
    table::write_arrays(file, arrays, &text).map_err(|source| CliError::Write {
        path: file.to_owned(),
        source,
    })
}

/// Refuses a name with another ending, and files that are there.
fn check_file(file: &Path, force: bool) -> Result<(), CliError> {
    let ending = file.extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    if !ENDINGS.contains(&ending.as_str()) {
        return Err(CliError::Request(format!(
            "{}: --core needs one of the endings {}",
            file.display(),
            ENDINGS.join(", ")
        )));
    }
    let description = (ending == "npz").then(|| file.with_extension("json"));
    for path in description.iter().map(PathBuf::as_path).chain([file]) {
        if !force && path.exists() {
            return Err(CliError::Request(format!(
                "{} is there already; choose another name, or give --force to replace it",
                path.display()
            )));
        }
    }
    Ok(())
}

fn failed(error: dln::TrialError) -> CliError {
    CliError::Request(error.to_string())
}

/// What the table says of a trial.
struct Row {
    id: String,
    isa: String,
    train_loss: Option<f64>,
}

impl Row {
    fn read(run: &Path, number: u64) -> Result<Row, CliError> {
        let sql = format!(
            "SELECT id, status, error, run_isa, train_loss FROM trials WHERE trial = {number}"
        );
        let found = table::query(&[run.to_owned()], &sql)?;
        let Some(row) = found.rows.first() else {
            return Err(CliError::Request(format!(
                "{} has no row of trial {number}; its numbers are the column `trial` of `trials`",
                run.display()
            )));
        };
        let text = |at: usize| match row.get(at) {
            Some(table::Value::Text(text)) => text.clone(),
            _ => String::new(),
        };
        if text(1) != "completed" {
            let why = match text(2).as_str() {
                "" => String::new(),
                error => format!(": {error}"),
            };
            return Err(CliError::Request(format!(
                "trial {number} of {} {}{why}; a core comes from a trial that completed",
                run.display(),
                text(1)
            )));
        }
        Ok(Row {
            id: text(0),
            isa: text(3),
            train_loss: row.get(4).and_then(table::Value::number),
        })
    }

    /// Warns where the trial came out otherwise than in the table.
    fn compare(&self, number: u64, outcome: &Outcome) {
        let (Some(then), Some(now)) = (self.train_loss, outcome.last.train_loss) else {
            return;
        };
        if then.to_bits() == now.to_bits() {
            return;
        }
        let here = dln::isa();
        if self.isa == here {
            say!(
                "warning: trial {number} has a train loss of {now:e} here and {then:e} in the table; another version of \
                 the program ran it"
            );
        } else {
            say!(
                "warning: trial {number} ran on {}, here it runs on {here}: its train loss is {now:e} here and {then:e} \
                 in the table",
                self.isa
            );
        }
    }
}

/// Trains to the end. The bits are those of the sweep: where rows are measured changes no weight, but with batches it
/// says where a run may stop.
fn train(trial: &Trial) -> Result<(Exported, Outcome), CliError> {
    let mut trial = trial.clone();
    if trial.train.batch == 0 {
        trial.measure.every = 0;
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(process::threads(None))
        .build()
        .map_err(|error| CliError::Ended(error.to_string()))?;
    let begun = Instant::now();
    let clock = || begun.elapsed().as_secs_f64();
    pool.install(|| {
        let data = dln::prepare(&trial).map_err(failed)?;
        let mut run = Run::new(&trial, &data, dln::Threads::Pool, &clock).map_err(failed)?;
        while run.advance(u64::MAX).map_err(failed)? == dln::Progress::Running {}
        let exported = run.exported();
        let outcome = run.finish();
        match exported {
            Some(exported) => Ok((exported, outcome)),
            None => Err(CliError::Request(
                "this trial has no network to export".to_owned(),
            )),
        }
    })
}

/// Where the samples of a trial come from.
struct DataSource {
    inputs: Option<ArrayRef>,
    /// What every number of the file is multiplied by.
    scale: f64,
    /// Names of the classes, in the order of the outputs.
    labels: Option<Vec<String>>,
}

impl DataSource {
    fn of(run: &Path, folder: &Folder, number: u64) -> Result<DataSource, CliError> {
        let point = folder.point(number)?;
        let array = |key, role| {
            let value = point.written(key)?;
            ArrayRef::of(role, value)
        };
        let inputs = array("problem.inputs", Role::Inputs);
        let labels = match array("problem.labels", Role::Labels) {
            Some(labels) => {
                let path = numbering::file_of(run, folder, number, &labels.file)?;
                let rules = folder.grid_of(number).map(|(grid, _)| grid.spec().reading);
                let rules = rules.unwrap_or(sweep::Rules::NEWEST);
                Some(table::class_names(&path, &labels, rules)?)
            }
            None => None,
        };
        Ok(DataSource {
            scale: inputs.as_ref().map_or(1.0, ArrayRef::scale),
            inputs,
            labels,
        })
    }
}

/// The preprocessing of the file's own numbers, which were multiplied by `factor` before:
/// `(factor x - mean) / scale` is `(x - mean / factor) / (scale / factor)`.
fn in_units_of_file(found: Preprocessing, factor: f64) -> Preprocessing {
    if factor == 1.0 || factor == 0.0 {
        return found;
    }
    Preprocessing {
        mean: found.mean / factor,
        scale: found.scale / factor,
        whitening: found.whitening,
    }
}

fn named<D: Dimension>(name: String, array: &Array<f64, D>) -> NamedArray {
    NamedArray {
        name,
        shape: array.shape().to_vec(),
        values: array.iter().copied().collect(),
    }
}

fn arrays(exported: &Exported, preprocessing: Option<&Preprocessing>) -> Vec<NamedArray> {
    let mut arrays = Vec::new();
    if let Some(found) = preprocessing {
        arrays.push(named("inputs.mean".to_owned(), &found.mean));
        arrays.push(named("inputs.scale".to_owned(), &found.scale));
        let whitening = found.whitening.iter();
        arrays.extend(whitening.map(|map| named("inputs.whitening".to_owned(), map)));
    }
    let map = exported.end_to_end.iter();
    arrays.extend(map.map(|map| named("end_to_end".to_owned(), map)));
    let offset = exported.offset.iter();
    arrays.extend(offset.map(|offset| named("end_to_end.offset".to_owned(), offset)));
    match &exported.parts {
        ExportedParts::Weights { weights, biases } => {
            let weights = (1..).zip(weights);
            arrays.extend(
                weights.map(|(l, weights): (u32, _)| named(format!("weight.{l}"), weights)),
            );
            let biases = (1..).zip(biases);
            arrays.extend(biases.map(|(l, bias): (u32, _)| named(format!("bias.{l}"), bias)));
        }
        ExportedParts::Core {
            cores,
            bases,
            biases,
        } => {
            let cores = (1..).zip(cores);
            arrays.extend(cores.map(|(l, core): (u32, _)| named(format!("core.{l}"), core)));
            let bases = bases.iter();
            arrays.extend(bases.map(|(l, basis)| named(format!("basis.{l}"), basis)));
            let biases = (1..).zip(biases);
            arrays.extend(biases.map(|(l, bias): (u32, _)| named(format!("core_bias.{l}"), bias)));
        }
    }
    arrays
}

/// What a description is made of.
struct Described<'a> {
    run: &'a Path,
    number: u64,
    row: &'a Row,
    trial: &'a Trial,
    outcome: &'a Outcome,
    exported: &'a Exported,
    preprocessing: Option<&'a Preprocessing>,
    source: &'a DataSource,
}

/// What the arrays are, under names that stay.
fn about(of: &Described<'_>) -> Value {
    let Described { trial, outcome, .. } = of;
    let network = &trial.network;
    let classes = of.trial.problem.task.kind().has_classes();
    let labels = match &of.source.labels {
        Some(labels) => Some(labels.clone()),
        None if classes => {
            let numbers = 0..of.trial.problem.outputs_dim;
            Some(numbers.map(|class| class.to_string()).collect())
        }
        None => None,
    };
    let inputs = of.source.inputs.as_ref().map(|inputs| {
        json!({
            "file": inputs.file,
            "array": inputs.array,
            "columns": inputs.columns,
            "transpose": inputs.transpose,
        })
    });
    json!({
        "format": "parsimony core",
        "format_version": FORMAT,
        "program_version": env!("CARGO_PKG_VERSION"),
        "run": of.run.display().to_string(),
        "trial": of.number,
        "id": of.row.id,
        "problem": trial.problem.task.kind().name(),
        "loss": trial.problem.loss.name(),
        "sizes": trial.sizes(),
        "activation": network.activation.name(),
        "negative_slope": network.negative_slope,
        "nonlinear_layers": network.nonlinear(),
        "engine": outcome.engine.name(),
        "core_width": outcome.core_width,
        "reduction_residual": outcome.reduction_residual,
        "steps": outcome.steps,
        "train_loss": outcome.last.train_loss,
        "test_loss": outcome.last.test_loss,
        "accuracy": outcome.last.accuracy,
        "test_accuracy": outcome.last.test_accuracy,
        "inputs": inputs,
        "labels": labels,
        "arrays": meanings(of.exported, of.preprocessing.is_some()),
    })
}

/// What each array is. Matrices are outputs x inputs.
fn meanings(exported: &Exported, preprocessed: bool) -> Value {
    let mut all = serde_json::Map::new();
    let mut has = |name: &str, meaning: &str| {
        all.insert(name.to_owned(), json!(meaning));
    };
    if preprocessed {
        has("inputs.mean", "subtracted from every sample of the file");
        has("inputs.scale", "what is left is divided by it");
        has(
            "inputs.whitening",
            "multiplied by after that; absent where inputs are not whitened",
        );
    }
    if exported.end_to_end.is_some() {
        has("end_to_end", "the map from preprocessed inputs to outputs");
        has(
            "end_to_end.offset",
            "added to the outputs; zero without biases",
        );
    }
    match &exported.parts {
        ExportedParts::Weights { biases, .. } => {
            has("weight.L", "W_L, the weights of layer L, from 1");
            if !biases.is_empty() {
                has("bias.L", "the biases of layer L");
            }
        }
        ExportedParts::Core { biases, .. } => {
            has("core.L", "C_L, the core of layer L, from 1");
            has(
                "basis.L",
                "U_L, orthonormal columns: layer L's part of the core is U_L C_L U_(L-1)^T; 0 is the inputs",
            );
            if !biases.is_empty() {
                has(
                    "core_bias.L",
                    "the biases of layer L in the coordinates of basis.L",
                );
            }
        }
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn preprocessing_takes_the_numbers_of_the_file() {
        let found = Preprocessing {
            mean: array![1.0, 2.0],
            scale: array![0.5, 4.0],
            whitening: None,
        };
        let of_file = in_units_of_file(found.clone(), 0.25);
        for x in [[3.0, -8.0], [0.0, 16.0]] {
            for (at, x) in x.into_iter().enumerate() {
                let now = (x - of_file.mean[at]) / of_file.scale[at];
                let then = (0.25 * x - found.mean[at]) / found.scale[at];
                assert!((now - then).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn files_that_are_there_are_left_alone() {
        let folder = std::env::temp_dir().join(format!("parsimony-export-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.json"), "{}").unwrap();
        assert!(check_file(&folder.join("a.npz"), false).is_err());
        assert!(check_file(&folder.join("a.npz"), true).is_ok());
        assert!(check_file(&folder.join("a.safetensors"), false).is_ok());
        assert!(check_file(&folder.join("a.pt"), false).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
