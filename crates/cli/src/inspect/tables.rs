//! What was found as the tables of a run: one trial, its spectra and its layers.

use std::path::Path;

use serde_json::{Value, json};
use sweep::{EngineKind, Outcome, Status};
use table::{BatchBuilder, LayerValues, Meta, SpectrumValues, TrialResult, TrialRow};

use super::checkpoints::Checkpoints;
use super::measure::{Inspection, StepMeasured};
use crate::error::CliError;

/// The file by which a folder is known as one of this command, which it may replace: names of layers, files, notes.
const MARKER: &str = "inspect.json";

/// Digits of an id.
const ID_DIGITS: usize = 32;

/// Refuses a folder that holds something else, before anything is measured.
///
/// # Errors
/// [`CliError::Folder`].
pub(crate) fn check_folder(dir: &Path) -> Result<(), CliError> {
    Ok(table::check_tables_folder(dir, MARKER)?)
}

/// Writes the tables into a folder that is new, empty, or of this command.
///
/// # Errors
/// [`CliError::Folder`]; where a checkpoint cannot be read again.
pub(crate) fn write(
    dir: &Path,
    checkpoints: &Checkpoints,
    inspection: &Inspection,
    about: &Value,
) -> Result<(), CliError> {
    let id = id_of(checkpoints, about)?;
    let outcome = outcome(checkpoints, inspection);
    let params = params(checkpoints.layers.len());
    let row = TrialRow {
        run_version: env!("CARGO_PKG_VERSION"),
        ..TrialRow::new(0, &id, &params, TrialResult::ran(&outcome))
    };
    let mut builder = BatchBuilder::new();
    builder.push(&row);
    let batch = builder.finish().map_err(table::FolderError::from)?;
    let name = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let meta = Meta {
        name: name.unwrap_or_else(|| "inspect".to_owned()),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: String::new(),
    };
    table::write_tables(dir, &meta, &batch, MARKER)?;
    let path = dir.join(MARKER);
    let text = format!("{about:#}\n");
    let written = table::StagedFile::with_content(&path, text.as_bytes())
        .and_then(table::StagedFile::publish);
    written.map_err(|source| CliError::Write { path, source })
}

/// The parameters of a row: the depth, and nothing that a sweep would have said.
fn params(depth: usize) -> Vec<Option<sweep::Value>> {
    sweep::keys()
        .iter()
        .map(|key| (key.name == "network.depth").then_some(sweep::Value::Int(depth as i64)))
        .collect()
}

/// Of everything that the rows depend on: the files' contents and what was asked.
fn id_of(checkpoints: &Checkpoints, about: &Value) -> Result<String, CliError> {
    let mut hasher = blake3::Hasher::new();
    for checkpoint in &checkpoints.files {
        hasher.update(&checkpoint.step.to_le_bytes());
        hasher.update(table::file_hash(checkpoint.file.path())?.as_bytes());
    }
    hasher.update(about["layers"].to_string().as_bytes());
    let digits = hasher.finalize().to_hex();
    Ok(digits[..ID_DIGITS].to_owned())
}

fn outcome(checkpoints: &Checkpoints, inspection: &Inspection) -> Outcome {
    let mut outcome = Outcome::new(Status::Completed, EngineKind::Full);
    outcome.steps = checkpoints.ends().1;
    // Rows are in order of step, as those of a run are.
    for at in 0..checkpoints.files.len() {
        for (layer, measured) in (1..).zip(&inspection.layers) {
            if let Some(step) = measured.steps.get(at) {
                spectrum_rows(layer, step, &mut outcome.spectra);
                outcome.layers.push(layer_row(layer, step));
            }
        }
    }
    outcome
}

fn spectrum_rows(layer: u32, step: &StepMeasured, rows: &mut Vec<SpectrumValues>) {
    for (at, value) in step.values.iter().enumerate() {
        let index = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let mut row = SpectrumValues::new(step.step, layer, index, value.value, 1);
        row.left_angle = value.left;
        row.right_angle = value.right;
        set(
            &SpectrumValues::MEASURED,
            row.measured_mut(),
            "update_value",
            step.update.get(at).copied(),
        );
        rows.push(row);
    }
}

fn layer_row(layer: u32, step: &StepMeasured) -> LayerValues {
    let mut row = LayerValues::new(step.step, layer);
    row.effective_rank = step.ranks.effective;
    row.stable_rank = step.ranks.stable;
    for (name, value) in [
        ("leak", step.leak),
        ("leak_best", step.best),
        ("leak_chance", step.chance),
        ("update_effective_rank", step.update_ranks.effective),
    ] {
        set(&LayerValues::MEASURED, row.measured_mut(), name, value);
    }
    row
}

/// Sets a column by its name.
fn set<const N: usize>(
    names: &[&str; N],
    values: [&mut Option<f64>; N],
    name: &str,
    value: Option<f64>,
) {
    for (known, to) in names.iter().zip(values) {
        if *known == name {
            *to = value;
        }
    }
}

/// The files with their steps.
pub(crate) fn files_json(checkpoints: &Checkpoints) -> Value {
    let file = |checkpoint: &super::Checkpoint| {
        let path = checkpoint.file.path().display().to_string();
        json!({ "step": checkpoint.step, "path": path })
    };
    checkpoints.files.iter().map(file).collect()
}
