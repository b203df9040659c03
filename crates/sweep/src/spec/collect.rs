//! The statements of a sweep file, sorted by what they are: fixed values, axes, zips, filters.
//!
//! Names are resolved here; values are not looked at yet. `--set` arguments are small files of their own that
//! replace statements of the file.

use std::sync::Arc;

use super::tree::{self, Entry, Node, Tree};
use crate::error::{Mistake, Place, SourceText, SweepError, did_you_mean};
use crate::keys::{Key, key, keys};
use crate::value::toml_string;

/// Names of the file that are no keys of a trial.
pub(super) const FILE_NAMES: [&str; 8] = [
    "name",
    "train.verify",
    "axes",
    "zip",
    "filter",
    "filter.where",
    "filter.exclude",
    "filter.include",
];

/// `key = value`, as written.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) key: &'static Key,
    pub(super) key_place: Place,
    pub(super) value: Tree,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    pub(super) name: Option<Tree>,
    pub(super) verify: Option<Tree>,
    pub(super) fixed: Vec<Setting>,
    pub(super) axes: Vec<Setting>,
    pub(super) zips: Vec<Vec<Setting>>,
    pub(super) condition: Option<Tree>,
    pub(super) exclude: Option<Tree>,
    pub(super) include: Option<Tree>,
}

/// Sorts the statements of a file or of a `--set`.
pub(super) fn collect(entries: &[Entry]) -> Result<Collected, SweepError> {
    let mut found = Collected::default();
    for entry in entries {
        match entry.name.as_str() {
            "name" => found.name = Some(entry.value.clone()),
            "axes" => found.axes = swept(&entry.value, "axes")?,
            "zip" => found.zips = zips(&entry.value)?,
            "filter" => filter(&entry.value, &mut found)?,
            name => {
                let mut settings = Vec::new();
                flatten(name.to_owned(), entry, &mut settings)?;
                for setting in settings {
                    match setting {
                        Found::Key(setting) => found.fixed.push(setting),
                        Found::Verify(value) => found.verify = Some(value),
                    }
                }
            }
        }
    }
    Ok(found)
}

/// One `--set KEY=VALUE`: a line of TOML, where a plain word may stand without quotes.
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
    let value = value.trim();
    let entries = tree::parse(&source(argument.to_owned())).or_else(|error| {
        let plain = |c: char| c.is_alphanumeric() || "_-./~+".contains(c);
        let is_word = !value.is_empty() && value.chars().all(plain);
        if is_word || name.trim() == "filter.where" {
            tree::parse(&source(format!("{name}={}", toml_string(value)))).map_err(|_| error)
        } else {
            Err(error)
        }
    })?;
    collect(&entries)
}

impl Collected {
    /// Replaces statements by those of a `--set`: a key that is set is no longer fixed, swept or part of a zip
    /// elsewhere.
    pub(super) fn replace_by(&mut self, set: Collected) {
        for (own, new) in [
            (&mut self.name, set.name),
            (&mut self.verify, set.verify),
            (&mut self.condition, set.condition),
            (&mut self.exclude, set.exclude),
            (&mut self.include, set.include),
        ] {
            if new.is_some() {
                *own = new;
            }
        }
        for setting in set.fixed {
            self.forget(setting.key);
            self.fixed.push(setting);
        }
        for setting in set.axes {
            // An axis keeps its place in the product.
            let place = self.axes.iter().position(|axis| axis.key == setting.key);
            self.forget(setting.key);
            let place = place.unwrap_or(self.axes.len()).min(self.axes.len());
            self.axes.insert(place, setting);
        }
        for zip in set.zips {
            for setting in &zip {
                self.forget(setting.key);
            }
            self.zips.push(zip);
        }
    }

    /// Removes every statement about `key`, about the leaves of its table, and its field in its parent's table.
    fn forget(&mut self, key: &'static Key) {
        let keeps = |setting: &Setting| setting.key != key && setting.key.parent != Some(key.id);
        self.fixed.retain(keeps);
        self.axes.retain(keeps);
        for zip in &mut self.zips {
            zip.retain(keeps);
        }
        self.zips.retain(|zip| !zip.is_empty());
        let Some(parent) = key.parent else { return };
        for setting in &mut self.fixed {
            if setting.key.id != parent {
                continue;
            }
            if let Node::Table { entries, .. } = &mut setting.value.node {
                entries.retain(|entry| entry.name != key.field());
            }
        }
        // `singular_values = "flat"` gives way to a geometric ratio, and an emptied table says nothing.
        self.fixed.retain(|setting| {
            setting.key.id != parent
                || setting
                    .value
                    .entries()
                    .is_some_and(|entries| !entries.is_empty())
        });
    }
}

enum Found {
    Key(Setting),
    Verify(Tree),
}

/// The settings below a name: of a key its value, of a section those of its entries.
fn flatten(name: String, entry: &Entry, found: &mut Vec<Found>) -> Result<(), SweepError> {
    if name == "train.verify" {
        found.push(Found::Verify(entry.value.clone()));
        return Ok(());
    }
    let key = key(&name);
    if let Some(key) = key
        && !names_leaves(key, &entry.value)
    {
        found.push(Found::Key(Setting {
            key,
            key_place: entry.place.clone(),
            value: entry.value.clone(),
        }));
        return Ok(());
    }
    let prefix = format!("{name}.");
    if key.is_none() && !keys().iter().any(|key| key.name.starts_with(&prefix)) {
        return Err(unknown(name, entry));
    }
    let Some(entries) = entry.value.entries() else {
        return Err(entry
            .value
            .wrong(&name, format!("a section with its keys, [{name}]")));
    };
    for entry in entries {
        flatten(format!("{prefix}{}", entry.name), entry, found)?;
    }
    Ok(())
}

/// Whether the value of `key` is a table made by dotted keys (`inputs.noise = 0.1`) that are leaves with keys of
/// their own: each then stands for itself.
fn names_leaves(key: &Key, value: &Tree) -> bool {
    match &value.node {
        Node::Table {
            entries,
            dotted: true,
        } => entries
            .iter()
            .all(|entry| key.leaves().iter().any(|leaf| leaf.field() == entry.name)),
        _ => false,
    }
}

fn unknown(name: String, entry: &Entry) -> SweepError {
    let names = keys()
        .iter()
        .map(|key| key.name)
        .chain(FILE_NAMES)
        .chain(SECTIONS)
        // In the wrong place, the name itself is no help.
        .filter(|known| *known != name);
    let hint = did_you_mean(&name, names);
    let error = SweepError::new(Mistake::UnknownKey { key: name }).at(Some(entry.place.clone()));
    match hint {
        Some(hint) => error.help(hint),
        None => error.help("`parsimony plan --defaults` lists every key"),
    }
}

/// Sections in the order in which a file is written.
pub(super) const SECTIONS: [&str; 6] = [
    "problem",
    "network",
    "init",
    "train",
    "optimizer",
    "measure",
];

/// Settings under dotted names, as in `[axes]`, a `[[zip]]`, or a point of `exclude` and `include`.
pub(super) fn swept(tree: &Tree, what: &str) -> Result<Vec<Setting>, SweepError> {
    let Some(entries) = tree.entries() else {
        return Err(tree.wrong(what, "a table of dotted keys"));
    };
    let mut found = Vec::new();
    for entry in entries {
        flatten(entry.name.clone(), entry, &mut found)?;
    }
    let mut settings = Vec::with_capacity(found.len());
    for found in found {
        let (name, place, setting) = match found {
            Found::Key(setting) if setting.key.sweepable => {
                settings.push(setting);
                continue;
            }
            Found::Key(setting) => (
                setting.key.name,
                setting.key_place,
                "fix it at the top of the file, and sweep `replicate` for repeats",
            ),
            Found::Verify(value) => (
                "train.verify",
                value.place,
                "it counts trials of the whole sweep: write it in [train]",
            ),
        };
        return Err(SweepError::new(Mistake::NotSweepable {
            key: name.to_owned(),
        })
        .at(Some(place))
        .help(setting));
    }
    // Dotted keys of one section stand together in the tree; the order of axes is that of the file.
    settings.sort_by_key(|setting| setting.key_place.span.start);
    Ok(settings)
}

fn zips(tree: &Tree) -> Result<Vec<Vec<Setting>>, SweepError> {
    let Node::List(tables) = &tree.node else {
        return Err(tree.wrong("zip", "a list of tables, each headed [[zip]]"));
    };
    tables
        .iter()
        .map(|table| {
            let settings = swept(table, "zip")?;
            if settings.is_empty() {
                return Err(SweepError::new(Mistake::EmptyAxis {
                    axis: "zip".to_owned(),
                })
                .at(Some(table.place.clone())));
            }
            Ok(settings)
        })
        .collect()
}

fn filter(tree: &Tree, found: &mut Collected) -> Result<(), SweepError> {
    let Some(entries) = tree.entries() else {
        return Err(tree.wrong("filter", "a section, [filter]"));
    };
    for entry in entries {
        let place = match entry.name.as_str() {
            "where" => &mut found.condition,
            "exclude" => &mut found.exclude,
            "include" => &mut found.include,
            name => return Err(unknown(format!("filter.{name}"), entry)),
        };
        *place = Some(entry.value.clone());
    }
    Ok(())
}
