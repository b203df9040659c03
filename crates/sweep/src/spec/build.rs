//! From statements to a spec: every value checked, nothing said twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::axes;
use super::collect::{self, Collected, Setting};
use super::filters;
use super::model::{Source, Spec};
use super::names::is_usable_name;
use super::plots;
use super::set;
use super::warnings;
use crate::axis::Axis;
use crate::error::{Errors, Mistake, Place, SourceText, SweepError};
use crate::filter::{Filter, Rules};
use crate::keys::{Id, Key, check, keys};
use crate::tree::{self, Node, Tree};
use crate::value::Value;

impl Spec {
    /// Reads a sweep file and applies `sets`, the KEY=VALUE arguments of `--set`.
    ///
    /// # Errors
    /// What is wrong, each with its place: syntax, unknown keys, wrong types, values out of bounds, empty or doubled
    /// axes, mistakes in `where`.
    pub fn parse(text: &str, file_name: &str, sets: &[String]) -> Result<Spec, SweepError> {
        parse(text, file_name, sets, Rules::NEWEST)
    }

    /// Reads the text of a sweep as a program wrote it, now or in an earlier version: [`Spec::to_toml`], the
    /// `sweep.toml` of a run folder, what a client submits. It differs from a file that a person writes where that
    /// leaves out what has changed since: `filter.rules`, `problem.rules`.
    ///
    /// # Errors
    /// As [`Spec::parse`].
    pub fn parse_stored(text: &str, file_name: &str, sets: &[String]) -> Result<Spec, SweepError> {
        parse(text, file_name, sets, Rules::First)
    }
}

/// `rules` are those of a text that names none.
fn parse(text: &str, file_name: &str, sets: &[String], rules: Rules) -> Result<Spec, SweepError> {
    let source = Arc::new(SourceText {
        name: file_name.to_owned(),
        text: text.to_owned(),
    });
    // Errors of keys that do not depend on each other are reported together.
    let mut errors = Errors::default();
    let mut collected = collect::collect(&tree::parse(&source)?, &mut errors);
    errors.take(refuse_doubles(&collected));
    for argument in sets {
        if let Some(set) = errors.take(set::set(argument)) {
            collected.replace_by(set);
            errors.take(refuse_doubles(&collected));
        }
    }
    errors.take(collected.refuse_half_zips());

    let name = errors.take(name(collected.name.as_ref(), &source));
    let verify = errors.take(verify(collected.verify.as_ref()));
    let mut places = Places::default();
    let mut warnings = collected.notes.clone();
    let fixed = fixed(&collected, &mut places, &mut errors);
    let axes = swept(&collected, &mut places, &mut warnings, &mut errors);
    let reading = collected.reading.as_ref().map(filters::reading);
    let reading = reading.map_or(Some(rules), |named| errors.take(named));
    let plots = plots::plots(collected.plots.as_ref(), &mut errors);
    let (filter, condition, excluded, included) = filter(&collected, rules, &mut errors);
    errors.finish()?;
    let (Some(name), Some(verify)) = (name, verify) else {
        return Err(Mistake::NameMissing.into());
    };
    let seed = fixed
        .get("seed")
        .and_then(Value::as_int)
        .and_then(|seed| u64::try_from(seed).ok())
        .unwrap_or(0);
    let mut spec = Spec {
        name,
        seed,
        verify,
        axes,
        fixed,
        filter,
        reading: reading.unwrap_or(rules),
        plots,
        source: Source {
            text: source,
            keys: places.keys,
            values: places.values,
            condition,
            excluded,
            included,
        },
        warnings,
    };
    refuse_split_tables(&spec)?;
    require_weights(&spec)?;
    let more = warnings::of(&spec);
    spec.warnings.extend(more);
    Ok(spec)
}

#[derive(Default)]
struct Places {
    keys: BTreeMap<&'static str, Place>,
    values: BTreeMap<&'static str, Vec<Place>>,
}

/// The keys with one value.
fn fixed(
    collected: &Collected,
    places: &mut Places,
    errors: &mut Errors,
) -> BTreeMap<&'static str, Value> {
    let mut fixed = BTreeMap::new();
    for Setting { key, value, .. } in &collected.fixed {
        places.keys.insert(key.name, value.place.clone());
        if let Some(value) = errors.take(check::value(key, value)) {
            fixed.insert(key.name, value);
        }
    }
    fixed
}

/// The axes: those of one key, then the zipped ones.
fn swept(
    collected: &Collected,
    places: &mut Places,
    warnings: &mut Vec<String>,
    errors: &mut Errors,
) -> Vec<Axis> {
    let mut swept = Vec::new();
    let single = collected.axes.iter().map(std::slice::from_ref);
    let zips = collected.zips.iter().map(|zip| zip.settings.as_slice());
    for settings in single.chain(zips) {
        let Some(axis) = errors.take(axes::axis(settings, warnings)) else {
            continue;
        };
        for (setting, listed) in settings.iter().zip(axis.places) {
            let name = setting.key.name;
            places.keys.insert(name, setting.value.place.clone());
            places.values.insert(name, listed);
        }
        swept.push(axis.axis);
    }
    swept
}

fn name(tree: Option<&Tree>, source: &Arc<SourceText>) -> Result<String, SweepError> {
    let Some(tree) = tree else {
        return Err(SweepError::new(Mistake::NameMissing)
            .at(Some(Place {
                source: Arc::clone(source),
                span: 0..0,
            }))
            .help("begin the file with name = \"my-sweep\""));
    };
    let Node::Str(name) = &tree.node else {
        return Err(tree.wrong("name", "a string"));
    };
    if is_usable_name(name) {
        return Ok(name.clone());
    }
    Err(SweepError::new(Mistake::NameUnusable {
        found: tree.found().trim_matches('\'').to_owned(),
    })
    .at(Some(tree.place.clone()))
    .help("letters, digits, '-', '_' and '.', a letter or digit first, at most 128 of them"))
}

/// Most trials that a sweep has compared on both engines: each costs a wide run, and whoever serves or trains the
/// sweep keeps a list of them.
const MAX_VERIFIED: u64 = 10_000;

fn verify(tree: Option<&Tree>) -> Result<u64, SweepError> {
    let Some(tree) = tree else { return Ok(0) };
    tree.whole()
        .and_then(|count| u64::try_from(count).ok())
        .filter(|&count| count <= MAX_VERIFIED)
        .ok_or_else(|| tree.wrong("train.verify", "an integer from 0 to 10000"))
}

type FilterParts = (Filter, Option<Place>, Vec<Place>, Vec<Place>);

fn filter(collected: &Collected, rules: Rules, errors: &mut Errors) -> FilterParts {
    let named = collected.rules.as_ref().map(filters::rules);
    let rules = named.map_or(Some(rules), |named| errors.take(named));
    let condition = collected.condition.as_ref().zip(rules);
    let condition =
        condition.and_then(|(tree, rules)| errors.take(filters::condition(tree, rules)));
    let (exclude, excluded) = filters::points(&collected.exclude, "filter.exclude", errors);
    let (include, included) = filters::points(&collected.include, "filter.include", errors);
    let place = collected.condition.as_ref().map(|tree| tree.place.clone());
    let filter = Filter {
        condition,
        exclude,
        include,
    };
    (filter, place, excluded, included)
}

/// A key is fixed once, or swept once.
fn refuse_doubles(collected: &Collected) -> Result<(), SweepError> {
    let mut seen: BTreeMap<Id, &'static str> = BTreeMap::new();
    let fixed = collected.fixed.iter().map(|setting| (setting, "fixed"));
    let axes = collected.axes.iter().map(|setting| (setting, "in [axes]"));
    let zips = collected
        .zips
        .iter()
        .flat_map(|zip| &zip.settings)
        .map(|setting| (setting, "in [[zip]]"));
    for (setting, here) in fixed.chain(axes).chain(zips) {
        if let Some(before) = seen.insert(setting.key.id, here) {
            return Err(SweepError::new(Mistake::SetTwice {
                key: setting.key.name.to_owned(),
                first: before,
                second: here,
            })
            .at(Some(setting.key_place.clone()))
            .help("a key has one place: fixed in its section or swept in [axes] or a [[zip]]"));
        }
    }
    Ok(())
}

/// A leaf that is set under its own name must not stand in a table as well, nor beside a value that is none.
fn refuse_split_tables(spec: &Spec) -> Result<(), SweepError> {
    for leaf in keys() {
        let Some(parent) = leaf.parent else { continue };
        if spec.written_values(leaf.name).is_empty() && !is_swept(spec, leaf) {
            continue;
        }
        let parent = &keys()[parent as usize];
        for value in spec.written_values(parent.name) {
            let free = match &value {
                Value::Table(table) => !table.contains_key(leaf.field()),
                _ => false,
            };
            if !free {
                return Err(spec
                    .source
                    .error(
                        leaf.name,
                        Mistake::SetTwice {
                            key: leaf.name.to_owned(),
                            first: "in its table",
                            second: "under its own name",
                        },
                    )
                    .help(format!("`{}` is {value} elsewhere", parent.name)));
            }
        }
    }
    Ok(())
}

fn is_swept(spec: &Spec, key: &Key) -> bool {
    spec.axes.iter().any(|axis| {
        axis.keys
            .iter()
            .zip(&axis.values)
            .any(|(swept, values)| swept.id == key.id && values.listed().is_none())
    })
}

/// Weights from a file need the file.
fn require_weights(spec: &Spec) -> Result<(), SweepError> {
    let from_file = spec.names_of(Id::InitKind).contains("file");
    if !from_file || !spec.written_values("init.weights").is_empty() {
        return Ok(());
    }
    Err(spec
        .source
        .error(
            "init.kind",
            Mistake::KeyMissing {
                key: "init.weights".to_owned(),
                reason: "`init.kind` = 'file'".to_owned(),
            },
        )
        .help("write weights = { file = \"m.npz\", arrays = [\"w1\", \"w2\"] } in [init]"))
}
