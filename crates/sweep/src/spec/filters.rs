//! `[filter]` as written: the condition, and the points of `exclude` and `include`.

use std::collections::BTreeMap;

use super::collect::{Listed, Setting};
use crate::error::{Errors, FilterMistake, Mistake, Place, SweepError};
use crate::filter::{Expr, Rules};
use crate::keys::check;
use crate::tree::{Node, Tree};
use crate::value::Value;

/// Reads `filter.rules`: which meaning `where` has.
pub(super) fn rules(tree: &Tree) -> Result<Rules, SweepError> {
    numbered(tree).ok_or_else(|| {
        tree.wrong("filter.rules", "1 or 2")
            .help("2 is what a file means that has no `rules`; 1 is what `where` meant before")
    })
}

/// Reads `problem.rules`: how strictly data files are read.
pub(super) fn reading(tree: &Tree) -> Result<Rules, SweepError> {
    numbered(tree).ok_or_else(|| {
        tree.wrong("problem.rules", "1 or 2")
            .help("leave it out: a run folder knows the rules that its data files are read under")
    })
}

fn numbered(tree: &Tree) -> Option<Rules> {
    let number = tree.whole();
    Rules::ALL
        .into_iter()
        .find(|rules| number == Some(rules.number()))
}

/// Reads `where`.
pub(super) fn condition(tree: &Tree, rules: Rules) -> Result<Expr, SweepError> {
    let Node::Str(text) = &tree.node else {
        return Err(tree.wrong("filter.where", "a condition in quotes"));
    };
    Expr::parse_under(text, rules).map_err(|mistake| {
        let place = place_within(tree, text, &mistake);
        let help = mistake.help.clone();
        let error = SweepError::new(Mistake::Filter(mistake))
            .at(Some(place))
            .label("in `where`");
        match help {
            Some(help) => error.help(help),
            None => error,
        }
    })
}

/// The bytes of the file that a mistake points at; the whole string where escapes move its bytes.
fn place_within(tree: &Tree, text: &str, mistake: &FilterMistake) -> Place {
    let raw = tree
        .place
        .source
        .text
        .get(tree.place.span.clone())
        .unwrap_or("");
    match raw.find(text) {
        Some(start) if !text.is_empty() => tree
            .place
            .part(start + mistake.span.start..start + mistake.span.end),
        _ => tree.place.clone(),
    }
}

/// A point of `exclude` or `include`: values by key name.
pub(super) type PointValues = BTreeMap<&'static str, Value>;

/// The values of the points of `exclude` or `include`, and where each is written.
pub(super) fn points(
    listed: &Listed,
    what: &'static str,
    errors: &mut Errors,
) -> (Vec<PointValues>, Vec<Place>) {
    let mut points = Vec::with_capacity(listed.points.len());
    let mut places = Vec::with_capacity(listed.points.len());
    for point in &listed.points {
        points.extend(errors.take(values(&point.settings, what)));
        places.push(point.place.clone());
    }
    (points, places)
}

fn values(settings: &[Setting], what: &'static str) -> Result<PointValues, SweepError> {
    let mut point = PointValues::new();
    for setting in settings {
        let value = check::value(setting.key, &setting.value).map_err(|error| {
            let error = error.label(format!("in `{what}`"));
            match setting.value.node {
                Node::List(_) | Node::Table { .. } => {
                    error.help("a point has one value a key; `where` takes `in [..]`")
                }
                _ => error,
            }
        })?;
        if point.insert(setting.key.name, value).is_some() {
            return Err(SweepError::new(Mistake::SetTwice {
                key: setting.key.name.to_owned(),
                first: "here",
                second: "before it in the same point",
            })
            .at(Some(setting.key_place.clone())));
        }
    }
    Ok(point)
}
