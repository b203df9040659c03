//! The trials of a sweep, one a line.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sweep::{Folder, Grid};

use crate::error::CliError;
use crate::numbering::Numbered;
use crate::output;

/// Lines printed at once.
const LIST_CHUNK: usize = 1000;

/// Names of the keys that vary: those of the axes, and those that a point of `include` names.
fn varying(grid: &Grid) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = grid
        .axes()
        .iter()
        .flat_map(|axis| axis.keys.clone())
        .collect();
    let mut more: Vec<&'static sweep::Key> = sweep::keys()
        .iter()
        .filter(|key| !names.contains(&key.name))
        .collect();
    let included = &grid.spec().filter.include;
    more.retain(|key| included.iter().any(|point| point.contains_key(key.name)));
    names.extend(more.iter().map(|key| key.name));
    names
}

/// Prints one line a trial: its number in the run folder, id, and what varies.
///
/// # Errors
/// [`CliError`].
pub(crate) fn print(numbered: &Numbered, as_data: bool) -> Result<(), CliError> {
    let folder: &Folder = &numbered.folder;
    let names = varying(&numbered.grid);
    if !as_data {
        output::data(&format!("trial\tid\t{}\n", names.join("\t")))?;
    }
    let mut text = String::new();
    let mut lines = 0;
    let mut from = 0;
    while let Some(number) = folder.next_kept(from, folder.end()) {
        from = number + 1;
        let point = folder.point(number)?;
        let shown = |name: &&str| {
            point
                .written(name)
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        if as_data {
            let values: serde_json::Map<String, Value> = names
                .iter()
                .map(|name| {
                    let text = shown(name);
                    let value = serde_json::from_str(&text).unwrap_or(Value::from(text));
                    ((*name).to_owned(), value)
                })
                .collect();
            let done = numbered.done.contains(number);
            let row = json!({ "trial": number, "id": point.id(), "done": done, "values": values });
            // A String takes whatever is written to it.
            let _ = writeln!(text, "{row}");
        } else {
            let values: Vec<String> = names.iter().map(shown).collect();
            let _ = writeln!(text, "{number}\t{}\t{}", point.id(), values.join("\t"));
        }
        lines += 1;
        if lines % LIST_CHUNK == 0 {
            output::data(&std::mem::take(&mut text))?;
        }
    }
    output::data(&text)
}
