//! `[filter]` as written: the condition, and the points of `exclude` and `include`.

use std::collections::BTreeMap;

use super::collect::{Setting, swept};
use super::tree::{Node, Tree};
use crate::error::{Errors, Mistake, Place, SweepError};
use crate::filter::{Expr, FilterMistake, Rules};
use crate::keys::check;
use crate::value::Value;
use crate::values::MAX_LISTED;

/// Reads `rules`: which meaning `where` has.
pub(super) fn rules(tree: &Tree) -> Result<Rules, SweepError> {
    let number = tree.whole();
    Rules::ALL
        .into_iter()
        .find(|rules| number == Some(rules.number()))
        .ok_or_else(|| {
            tree.wrong("filter.rules", "1 or 2")
                .help("2 is what a file means that has no `rules`; 1 is what `where` meant before")
        })
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
pub(super) type Point = BTreeMap<&'static str, Value>;

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

/// Reads the names of the points of `exclude` or `include`.
pub(super) fn listed(
    tree: &Tree,
    what: &'static str,
    errors: &mut Errors,
) -> Result<Listed, SweepError> {
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

/// The values of the points of `exclude` or `include`, and where each is written.
pub(super) fn points(
    listed: &Listed,
    what: &'static str,
    errors: &mut Errors,
) -> (Vec<Point>, Vec<Place>) {
    let mut points = Vec::with_capacity(listed.points.len());
    let mut places = Vec::with_capacity(listed.points.len());
    for point in &listed.points {
        points.extend(errors.take(values(&point.settings, what)));
        places.push(point.place.clone());
    }
    (points, places)
}

fn values(settings: &[Setting], what: &'static str) -> Result<Point, SweepError> {
    let mut point = Point::new();
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
