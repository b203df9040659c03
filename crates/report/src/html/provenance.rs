//! The section that says where everything comes from: folders, hashes, files, programs, machines, the sweep file.

use super::rows::table;
use super::writer::Html;
use crate::describe::Description;
use crate::facts::Asked;
use crate::words::{counted, duration, grouped, listed};

/// Longest sweep file on a page.
const TOML_BYTES: usize = 64 << 10;

/// Data files named.
const FILES: usize = 50;

pub(super) fn provenance(about: &Description, html: &mut Html) {
    let origin = &about.origin;
    let counts = |found: &[(String, u64)]| {
        let words = found
            .iter()
            .map(|(name, trials)| format!("{name} ({})", counted(*trials, "trial")));
        listed(&words.collect::<Vec<_>>())
    };
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            rows.push(vec![name.to_owned(), value]);
        }
    };
    row(
        "first trial started",
        origin.first.clone().unwrap_or_default(),
    );
    row(
        "last trial started",
        origin.last.clone().unwrap_or_default(),
    );
    row("program", counts(&origin.versions));
    row("instruction set", counts(&origin.instruction_sets));
    row("report", format!("parsimony {}", env!("CARGO_PKG_VERSION")));
    table(html, &[("", false), ("", false)], &rows);
    let machines: Vec<Vec<String>> = origin
        .machines
        .iter()
        .map(|machine| {
            vec![
                machine.host.clone(),
                grouped(machine.workers),
                grouped(machine.trials),
                duration(machine.train_seconds),
            ]
        })
        .collect();
    let header = [
        ("host", false),
        ("workers", true),
        ("trials", true),
        ("training", true),
    ];
    table(html, &header, &machines);
    if origin.more_machines {
        html.words(
            "p",
            &[("class", "soft")],
            "Further hosts are left out; a query finds them.",
        );
    }
    for asked in &about.asked {
        html.words("h3", &[], &asked.name);
        run(asked, html);
    }
}

fn run(asked: &Asked, html: &mut Html) {
    let mut rows = vec![vec!["folder".to_owned(), asked.dir.display().to_string()]];
    if let Some(hash) = &asked.hash {
        rows.push(vec!["sweep".to_owned(), hash.clone()]);
    }
    let files = asked.files.iter().take(FILES);
    rows.extend(files.map(|(name, hash)| vec![name.clone(), hash.clone()]));
    if asked.files.len() > FILES {
        let more = asked.files.len() - FILES;
        rows.push(vec!["further files".to_owned(), grouped(more as u64)]);
    }
    table(html, &[("", false), ("", false)], &rows);
    let Some(toml) = &asked.toml else {
        html.words("p", &[("class", "soft")], "The folder has no sweep file.");
        return;
    };
    html.element("details", &[], |html| {
        html.words("summary", &[], "The sweep file as it was run");
        let cut = toml.len() > TOML_BYTES;
        let end = (0..=TOML_BYTES.min(toml.len()))
            .rev()
            .find(|&end| toml.is_char_boundary(end));
        html.words("pre", &[], &toml[..end.unwrap_or(0)]);
        if cut {
            html.words(
                "p",
                &[("class", "soft")],
                "The rest is left out; it is in the run folder.",
            );
        }
    });
}
