//! What `parsimony check` found in a run folder.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use table::{Checked, Finding};

use super::numbers;

/// One damaged file in words.
pub(crate) struct Damage {
    pub(crate) kind: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) what: String,
    /// Trials that run again if it is set aside.
    pub(crate) trials: u64,
}

/// What the files of a folder are like.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) unhashed: u64,
    pub(crate) damaged: Vec<Damage>,
}

impl Found {
    /// Takes one checked file in.
    pub(crate) fn add(&mut self, checked: &Checked) {
        self.files += 1;
        self.bytes += checked.bytes;
        match &checked.finding {
            Finding::Sound => {}
            Finding::Unhashed => self.unhashed += 1,
            Finding::Damaged(what) => self.damaged.push(Damage {
                kind: checked.kind.name(),
                path: checked.path.clone(),
                what: what.clone(),
                trials: checked.trials,
            }),
        }
    }
}

/// One line for each damaged file.
pub(crate) fn as_text(found: &Found) -> String {
    let lines = found.damaged.iter().map(|damage| {
        let trials = match damage.trials {
            0 => String::new(),
            1 => " (1 trial)".to_owned(),
            trials => format!(" ({} trials)", numbers::grouped(trials)),
        };
        format!("{}: {}{trials}\n", damage.path.display(), damage.what)
    });
    lines.collect()
}

/// The same under names that stay.
pub(crate) fn as_json(run: &Path, found: &Found, mended: u64) -> Value {
    let damaged: Vec<Value> = found
        .damaged
        .iter()
        .map(|damage| {
            json!({
                "kind": damage.kind, "path": damage.path.display().to_string(),
                "what": damage.what, "trials": damage.trials,
            })
        })
        .collect();
    json!({
        "folder": run.display().to_string(),
        "files": found.files,
        "bytes": found.bytes,
        "unhashed": found.unhashed,
        "damaged": damaged,
        "mended": mended,
    })
}

/// The lines after it, with what to do next.
pub(crate) fn summary(run: &Path, found: &Found, mended: u64) -> String {
    let damaged = found.damaged.len() as u64;
    let mut text = format!(
        "{}: {} files, {}B read, {} damaged\n",
        run.display(),
        numbers::grouped(found.files),
        numbers::scaled(found.bytes as f64),
        numbers::grouped(damaged),
    );
    if found.unhashed > 0 {
        text += &format!(
            "{} files have no hash to compare with: an older program wrote them, or they were copied without their \
             journal; they can be read\n",
            numbers::grouped(found.unhashed)
        );
    }
    let parts = found.damaged.iter().any(|damage| damage.trials > 0);
    if mended > 0 {
        text += &format!(
            "{} set aside: their trials run again when the sweep is next started\n",
            numbers::grouped(mended)
        );
    } else if parts {
        text += "`parsimony check --mend` sets them aside, so that their trials run again\n";
    }
    text
}
