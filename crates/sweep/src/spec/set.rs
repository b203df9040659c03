//! `--set`: a small file of its own that replaces statements of the sweep file.
//!
//! A key that is set is no longer fixed, swept or included elsewhere. Half of a `[[zip]]` cannot be replaced: the
//! other half would go on alone.

use std::sync::Arc;

use super::collect::{Collected, Setting, collect};
use crate::error::{Errors, Mistake, Place, SourceText, SweepError};
use crate::keys::{Key, key, nearest_key};
use crate::tree::{self, Node, decimal};
use crate::value::toml_string;

/// One `--set KEY=VALUE`: a line of TOML, where a plain word may stand without quotes, and numbers and truth values
/// may be written as shells and other languages do.
pub(super) fn set(argument: &str) -> Result<Collected, SweepError> {
    let source = |text: String| {
        Arc::new(SourceText {
            name: "--set".to_owned(),
            text,
        })
    };
    let Some((name, value)) = argument.split_once('=') else {
        return Err(SweepError::new(Mistake::NotAPair {
            argument: argument.to_owned(),
        })
        .help("write --set network.depth=3, or --set 'axes.network.depth=[2, 3]'"));
    };
    let (name, value) = (name.trim(), value.trim());
    let entries = tree::parse(&source(argument.to_owned())).or_else(|error| {
        let Some(word) = word(name, value) else {
            return Err(match as_axis(name, value) {
                Some(axis) => error.help(format!("to sweep it: --set {axis}")),
                None => error,
            });
        };
        tree::parse(&source(format!("{name}={word}"))).map_err(|_| error)
    })?;
    let mut errors = Errors::default();
    let collected = collect(&entries, &mut errors);
    errors.finish()?;
    Ok(collected)
}

/// TOML for a value that is none.
fn word(name: &str, value: &str) -> Option<String> {
    if name == "filter.where" {
        return Some(toml_string(value));
    }
    match value {
        "True" | "TRUE" => return Some("true".to_owned()),
        "False" | "FALSE" => return Some("false".to_owned()),
        _ => {}
    }
    if let Some(number) = decimal(value) {
        return Some(number);
    }
    let plain = |c: char| c.is_alphanumeric() || "_-./~+".contains(c);
    (!value.is_empty() && value.chars().all(plain)).then(|| toml_string(value))
}

/// `depth=2,3` as the axis that is meant, quoted for a shell.
fn as_axis(name: &str, value: &str) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || "_-./+, ".contains(c);
    if !value.contains(',') || !value.chars().all(plain) {
        return None;
    }
    let name = match key(name) {
        Some(key) => key.name,
        None => nearest_key(name)?,
    };
    let items = value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    let items: Vec<String> = items
        .map(|item| match word(name, item) {
            _ if item.parse::<f64>().is_ok() && decimal(item).is_none() => item.to_owned(),
            Some(word) => word,
            None => item.to_owned(),
        })
        .collect();
    Some(format!("'axes.{name}=[{}]'", items.join(", ")))
}

impl Collected {
    /// Replaces statements by those of a `--set`.
    pub(super) fn replace_by(&mut self, set: Collected) {
        for (own, new) in [
            (&mut self.name, set.name),
            (&mut self.verify, set.verify),
            (&mut self.rules, set.rules),
            (&mut self.reading, set.reading),
            (&mut self.plots, set.plots),
        ] {
            if new.is_some() {
                *own = new;
            }
        }
        let whole = set.whole;
        if set.condition.is_some() || whole.filter {
            // An empty condition takes the old one away.
            let is_empty = |text: &str| text.trim().is_empty();
            self.condition = set
                .condition
                .filter(|tree| !matches!(&tree.node, Node::Str(text) if is_empty(text)));
        }
        if whole.exclude || whole.filter {
            self.exclude = set.exclude;
        }
        if whole.include || whole.filter {
            self.include = set.include;
        }
        if whole.axes {
            self.axes.clear();
        }
        if whole.zips {
            self.zips.clear();
        }
        for setting in set.fixed {
            self.forget(&setting);
            self.fixed.push(setting);
        }
        for setting in set.axes {
            // An axis keeps its place in the product.
            let place = self.axes.iter().position(|axis| axis.key == setting.key);
            self.forget(&setting);
            let place = place.unwrap_or(self.axes.len()).min(self.axes.len());
            self.axes.insert(place, setting);
        }
        for zip in set.zips {
            for setting in &zip.settings {
                self.forget(setting);
            }
            self.zips.push(zip);
        }
    }

    /// Removes every statement about a key that is set anew, about the leaves of its table, and its field in its
    /// parent's table; also in the points of `include`, which then have the value that is set.
    fn forget(&mut self, set: &Setting) {
        let key = set.key;
        without(&mut self.fixed, key);
        self.axes.retain(|setting| keeps(setting, key));
        for zip in &mut self.zips {
            let before = zip.settings.len();
            zip.settings.retain(|setting| keeps(setting, key));
            if zip.settings.len() < before {
                zip.lost = Some((key, set.key_place.clone()));
            }
        }
        self.zips.retain(|zip| !zip.settings.is_empty());
        let mut changed = 0;
        for point in &mut self.include.points {
            changed += usize::from(without(&mut point.settings, key));
        }
        self.include
            .points
            .retain(|point| !point.settings.is_empty());
        if changed > 0 {
            let (points, have) = match changed {
                1 => ("1 point".to_owned(), "has"),
                several => (format!("{several} points"), "have"),
            };
            self.notes.push(format!(
                "{points} of `filter.include` {have} another `{}`; --set replaces it there too",
                key.name
            ));
        }
    }

    /// # Errors
    /// A `[[zip]]` of which some keys are set anew and others are not.
    pub(super) fn refuse_half_zips(&self) -> Result<(), SweepError> {
        for zip in &self.zips {
            let Some((key, place)) = &zip.lost else {
                continue;
            };
            let rest = zip.settings.iter().map(|setting| setting.key.name);
            let rest: Vec<&str> = rest.collect();
            return Err(half_zip(key, place, &rest));
        }
        Ok(())
    }
}

fn half_zip(key: &Key, place: &Place, rest: &[&str]) -> SweepError {
    let named: Vec<String> = rest.iter().map(|name| format!("`{name}`")).collect();
    let sets: Vec<String> = rest.iter().map(|name| format!("--set {name}=..")).collect();
    SweepError::new(Mistake::HalfZip {
        key: key.name.to_owned(),
        rest: named.join(", "),
    })
    .at(Some(place.clone()))
    .help(format!(
        "set the whole [[zip]] ({} as well), or drop every [[zip]] with --set 'zip=[]'",
        sets.join(" ")
    ))
}

fn keeps(setting: &Setting, key: &Key) -> bool {
    setting.key != key && setting.key.parent != Some(key.id)
}

/// Takes out what is said of a key; whether there was anything.
fn without(settings: &mut Vec<Setting>, key: &Key) -> bool {
    let before = settings.len();
    settings.retain(|setting| keeps(setting, key));
    let mut changed = settings.len() < before;
    let Some(parent) = key.parent else {
        return changed;
    };
    for setting in settings.iter_mut() {
        if setting.key.id != parent {
            continue;
        }
        if let Node::Table { entries, .. } = &mut setting.value.node {
            let before = entries.len();
            entries.retain(|entry| entry.name != key.field());
            changed |= entries.len() < before;
        }
    }
    // `singular_values = "flat"` gives way to a geometric ratio, and an emptied table says nothing.
    settings.retain(|setting| {
        setting.key.id != parent
            || setting
                .value
                .entries()
                .is_some_and(|entries| !entries.is_empty())
    });
    changed || settings.len() < before
}
