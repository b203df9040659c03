//! A spec as text: the canonical sweep file, and the file of all defaults.

use super::collect::SECTIONS;
use super::model::Spec;
use super::plots;
use crate::filter::Rules;
use crate::keys::{Key, Preset, check, keys};
use crate::value::{Value, toml_key, toml_string};

impl Spec {
    /// Canonical text that [`Spec::parse_stored`] reads to an equal spec.
    pub fn to_toml(&self) -> String {
        let mut out = self.grid_toml();
        plots::write(&self.plots, &mut out);
        out
    }

    /// As [`Spec::to_toml`], without the pictures: everything that the grid depends on.
    pub(crate) fn grid_toml(&self) -> String {
        to_toml(self)
    }
}

fn to_toml(spec: &Spec) -> String {
    let mut out = format!("name = {}\n", toml_string(&spec.name));
    section_lines(spec, "", &mut out);
    // A [[zip]] of one key reads as an axis; standing after another zip it must stay one to keep its place.
    let first_zip = spec
        .axes
        .iter()
        .position(|axis| axis.keys.len() > 1)
        .unwrap_or(spec.axes.len());
    let (plain, zips) = spec.axes.split_at(first_zip);
    if !plain.is_empty() {
        out.push_str("\n[axes]\n");
        for axis in plain {
            column_lines(&axis.keys, &axis.values, &mut out);
        }
    }
    for axis in zips {
        out.push_str("\n[[zip]]\n");
        column_lines(&axis.keys, &axis.values, &mut out);
    }
    filter_lines(spec, &mut out);
    for section in SECTIONS {
        let mut lines = String::new();
        section_lines(spec, section, &mut lines);
        if section == "train" && spec.verify > 0 {
            lines.push_str(&format!("verify = {}\n", spec.verify));
        }
        if section == "problem" {
            reading_line(spec, &mut lines);
        }
        if !lines.is_empty() {
            out.push_str(&format!("\n[{section}]\n{lines}"));
        }
    }
    out
}

fn column_lines(keys: &[&'static Key], values: &[crate::values::Values], out: &mut String) {
    for (key, values) in keys.iter().zip(values) {
        out.push_str(&format!("{} = {values}\n", toml_key(key.name)));
    }
}

/// The fixed keys of a section, in registry order.
fn section_lines(spec: &Spec, section: &str, out: &mut String) {
    for key in keys().iter().filter(|key| key.section() == section) {
        if let Some(value) = spec.fixed.get(key.name) {
            out.push_str(&format!(
                "{} = {}\n",
                toml_key(key.name_in_section()),
                value.to_toml()
            ));
        }
    }
}

/// Texts of earlier programs name no rules, and without files there is nothing to read.
fn reading_line(spec: &Spec, lines: &mut String) {
    match spec.reading {
        Rules::First => {}
        Rules::Second if spec.array_refs().is_empty() => {}
        Rules::Second => lines.push_str(&format!("rules = {}\n", spec.reading.number())),
    }
}

fn filter_lines(spec: &Spec, out: &mut String) {
    let filter = &spec.filter;
    let mut lines = String::new();
    if let Some(condition) = &filter.condition {
        lines.push_str(&format!("where = {}\n", toml_string(condition.text())));
        match condition.rules() {
            // Texts of earlier programs name no rules.
            None | Some(Rules::First) => {}
            Some(rules) => lines.push_str(&format!("rules = {}\n", rules.number())),
        }
    }
    for (name, points) in [("exclude", &filter.exclude), ("include", &filter.include)] {
        if points.is_empty() {
            continue;
        }
        lines.push_str(&format!("{name} = [\n"));
        for point in points {
            let table = point
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect();
            lines.push_str(&format!("    {},\n", Value::Table(table).to_toml()));
        }
        lines.push_str("]\n");
    }
    if !lines.is_empty() {
        out.push_str(&format!("\n[filter]\n{lines}"));
    }
}

/// Every key with its default and what it means: a file that parses. Keys without a default of their own are
/// commented out; the comment says what holds without them.
pub fn defaults_toml() -> String {
    let mut out = String::from(
        "# Every key with its default. A file needs a name and whatever differs from this.\n\
         # Any key can be swept instead of fixed:\n\
         #\n\
         # [axes]                                               # a product, the last axis fastest\n\
         # \"network.depth\" = [2, 3, 4]\n\
         # \"problem.rank\" = { range = [1, 9], step = 2 }        # integers, half open\n\
         # \"init.scale\" = { log = [1e-3, 1.0], points = 4 }     # or lin; both ends included\n\
         # [[zip]]                                              # axes that move together\n\
         # \"network.width\" = [50, 100]\n\
         # \"train.steps\" = [2000, 1000]\n\
         # [filter]\n\
         # where = \"problem.rank <= network.width / 2\"\n\
         # exclude = [{ \"network.depth\" = 4, \"problem.rank\" = 7 }]\n\
         # include = [{ \"network.depth\" = 12 }]\n\
         # [[plot]]                                             # a picture that `parsimony plot` draws\n\
         # kind = \"line\"\n\
         # x = \"network_depth\"\n\
         \n\
         # names the run folder; the only key that has no default\n\
         name = \"my-sweep\"\n",
    );
    default_lines("", &mut out);
    for section in SECTIONS {
        out.push_str(&format!("\n[{section}]\n"));
        default_lines(section, &mut out);
        if section == "train" {
            out.push_str(
                "# that many trials of the sweep run on both engines, differences reported\nverify = 0\n",
            );
        }
    }
    out
}

fn default_lines(section: &str, out: &mut String) {
    for key in keys().iter().filter(|key| key.section() == section) {
        let name = toml_key(key.name_in_section());
        out.push_str(&format!("# {}\n", key.doc));
        let words = check::default_words(key);
        // A leaf of a table would make the table, which may not apply.
        let line = match (key.default, words, key.parent) {
            (Preset::None, _, _) => format!("# {name}: unset"),
            (Preset::Derived(_), Some(words), _) => format!("# {name}: {words}"),
            (_, Some(value), Some(_)) => format!("# {name} = {value}"),
            (_, Some(value), None) => format!("{name} = {value}"),
            (_, None, _) => format!("# {name}"),
        };
        out.push_str(&line);
        out.push('\n');
    }
}
