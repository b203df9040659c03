//! The statements of a sweep file, sorted by what they are: fixed values, axes, zips, filters.
//!
//! Names are resolved here; values are not looked at yet. `--set` arguments are small files of their own that
//! replace statements of the file.

use crate::error::{Errors, Mistake, Place, SweepError};
use crate::keys::{Key, hint, key, keys};
use crate::tree::{Entry, Node, Tree};
use crate::values::MAX_LISTED;

/// Names of the file that are no keys of a trial.
pub(super) const FILE_NAMES: [&str; 11] = [
    "name",
    "plot",
    "train.verify",
    "axes",
    "zip",
    "filter",
    "filter.where",
    "filter.exclude",
    "filter.include",
    "filter.rules",
    "problem.rules",
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
    pub(super) zips: Vec<Zip>,
    pub(super) condition: Option<Tree>,
    pub(super) rules: Option<Tree>,
    /// `problem.rules`.
    pub(super) reading: Option<Tree>,
    pub(super) exclude: Listed,
    pub(super) include: Listed,
    /// The list of every `[[plot]]`.
    pub(super) plots: Option<Tree>,
    /// What is stated as a whole, not key by key: a `--set` of it replaces all.
    pub(super) whole: Whole,
    /// What a `--set` did beyond its own key, a sentence each.
    pub(super) notes: Vec<String>,
}

/// One `[[zip]]`.
#[derive(Clone, Debug)]
pub(super) struct Zip {
    pub(super) settings: Vec<Setting>,
    /// A key that a `--set` took out, and where.
    pub(super) lost: Option<(&'static Key, Place)>,
}

/// The points of `exclude` or `include` as written.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    pub(super) points: Vec<ListedPoint>,
}

#[derive(Clone, Debug)]
pub(super) struct ListedPoint {
    pub(super) place: Place,
    pub(super) settings: Vec<Setting>,
}

/// Statements that a text makes as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Whole {
    pub(super) axes: bool,
    pub(super) zips: bool,
    pub(super) filter: bool,
    pub(super) exclude: bool,
    pub(super) include: bool,
}

/// Sorts the statements of a file or of a `--set`.
pub(super) fn collect(entries: &[Entry], errors: &mut Errors) -> Collected {
    let mut found = Collected::default();
    for entry in entries {
        match entry.name.as_str() {
            "name" => found.name = Some(entry.value.clone()),
            "axes" => {
                found.whole.axes = is_whole(&entry.value);
                let axes = swept(&entry.value, "axes", errors);
                found.axes = errors.take(axes).unwrap_or_default();
            }
            "zip" => {
                found.whole.zips = true;
                let zips = zips(&entry.value, errors);
                found.zips = errors.take(zips).unwrap_or_default();
            }
            "plot" => found.plots = Some(entry.value.clone()),
            "filter" => {
                found.whole.filter = is_whole(&entry.value);
                filter(&entry.value, &mut found, errors);
            }
            name => {
                let mut settings = Vec::new();
                flatten(name.to_owned(), entry, &mut settings, errors);
                for setting in settings {
                    match setting {
                        Found::Key(setting) => found.fixed.push(setting),
                        Found::Verify(value) => found.verify = Some(value),
                        Found::Reading(value) => found.reading = Some(value),
                    }
                }
            }
        }
    }
    found
}

/// Not made by a dotted key, which is about that key alone.
fn is_whole(tree: &Tree) -> bool {
    !matches!(tree.node, Node::Table { dotted: true, .. })
}

enum Found {
    Key(Setting),
    Verify(Tree),
    Reading(Tree),
}

/// The settings below a name: of a key its value, of a section those of its entries.
fn flatten(name: String, entry: &Entry, found: &mut Vec<Found>, errors: &mut Errors) {
    if name == "train.verify" {
        found.push(Found::Verify(entry.value.clone()));
        return;
    }
    if name == "problem.rules" {
        found.push(Found::Reading(entry.value.clone()));
        return;
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
        return;
    }
    let prefix = format!("{name}.");
    if key.is_none() && !keys().iter().any(|key| key.name.starts_with(&prefix)) {
        errors.push(unknown(name, entry));
        return;
    }
    let Some(entries) = entry.value.entries() else {
        let allowed = format!("a section with its keys, [{name}]");
        errors.push(entry.value.wrong(&name, allowed));
        return;
    };
    for entry in entries {
        flatten(format!("{prefix}{}", entry.name), entry, found, errors);
    }
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
    let help = hint(&name, FILE_NAMES.into_iter().chain(SECTIONS));
    SweepError::new(Mistake::UnknownKey { key: name })
        .at(Some(entry.place.clone()))
        .help(help.unwrap_or_else(|| "`parsimony plan --defaults` lists every key".to_owned()))
}

/// Sections in the order in which a file is written.
pub(super) const SECTIONS: [&str; 7] = [
    "problem",
    "network",
    "init",
    "train",
    "optimizer",
    "measure",
    "projected",
];

/// Settings under dotted names, as in `[axes]`, a `[[zip]]`, or a point of `exclude` and `include`.
pub(super) fn swept(
    tree: &Tree,
    what: &str,
    errors: &mut Errors,
) -> Result<Vec<Setting>, SweepError> {
    let Some(entries) = tree.entries() else {
        return Err(tree.wrong(what, "a table of dotted keys"));
    };
    let mut found = Vec::new();
    for entry in entries {
        flatten(entry.name.clone(), entry, &mut found, errors);
    }
    let mut settings = Vec::with_capacity(found.len());
    for found in found {
        let (name, place, help) = match found {
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
            Found::Reading(value) => (
                "problem.rules",
                value.place,
                "the files of a sweep are all read under the same rules: write it in [problem]",
            ),
        };
        let mistake = Mistake::NotSweepable {
            key: name.to_owned(),
        };
        errors.push(SweepError::new(mistake).at(Some(place)).help(help));
    }
    // Dotted keys of one section stand together in the tree; the order of axes is that of the file.
    settings.sort_by_key(|setting| setting.key_place.span.start);
    Ok(settings)
}

fn zips(tree: &Tree, errors: &mut Errors) -> Result<Vec<Zip>, SweepError> {
    let Node::List(tables) = &tree.node else {
        return Err(tree.wrong("zip", "a list of tables, each headed [[zip]]"));
    };
    let mut zips = Vec::with_capacity(tables.len());
    for table in tables {
        let settings = swept(table, "zip", errors)?;
        if table.entries().is_some_and(<[_]>::is_empty) {
            return Err(SweepError::new(Mistake::EmptyAxis {
                axis: "zip".to_owned(),
            })
            .at(Some(table.place.clone())));
        }
        if !settings.is_empty() {
            zips.push(Zip {
                settings,
                lost: None,
            });
        }
    }
    Ok(zips)
}

fn filter(tree: &Tree, found: &mut Collected, errors: &mut Errors) {
    let Some(entries) = tree.entries() else {
        errors.push(tree.wrong("filter", "a section, [filter]"));
        return;
    };
    for entry in entries {
        match entry.name.as_str() {
            "where" => found.condition = Some(entry.value.clone()),
            "rules" => found.rules = Some(entry.value.clone()),
            "exclude" => {
                found.whole.exclude = true;
                let listed = listed(&entry.value, "filter.exclude", errors);
                found.exclude = errors.take(listed).unwrap_or_default();
            }
            "include" => {
                found.whole.include = true;
                let listed = listed(&entry.value, "filter.include", errors);
                found.include = errors.take(listed).unwrap_or_default();
            }
            name => errors.push(unknown(format!("filter.{name}"), entry)),
        }
    }
}

/// Reads the names of the points of `exclude` or `include`.
fn listed(tree: &Tree, what: &'static str, errors: &mut Errors) -> Result<Listed, SweepError> {
    let Node::List(tables) = &tree.node else {
        return Err(tree.wrong(what, "a list of tables, [{ \"network.depth\" = 4 }]"));
    };
    if tables.len() > MAX_LISTED {
        return Err(SweepError::new(Mistake::TooMany {
            what: "points are listed",
            found: tables.len(),
            limit: MAX_LISTED,
        })
        .at(Some(tree.place.clone()))
        .help("`where` leaves out any number"));
    }
    let mut points = Vec::with_capacity(tables.len());
    for table in tables {
        let settings = swept(table, what, errors)?;
        if table.entries().is_some_and(<[_]>::is_empty) {
            return Err(table.wrong(what, "a list of tables with at least one key each"));
        }
        points.push(ListedPoint {
            place: table.place.clone(),
            settings,
        });
    }
    Ok(Listed { points })
}
