//! `[filter]` as written: the condition, and the points of `exclude` and `include`.

use std::collections::BTreeMap;

use super::collect::swept;
use super::tree::{Node, Tree};
use crate::error::{Mistake, Place, SweepError};
use crate::filter::{Expr, FilterMistake};
use crate::keys::check;
use crate::value::Value;
use crate::values::MAX_LISTED;

/// Reads `where`.
pub(super) fn condition(tree: &Tree) -> Result<Expr, SweepError> {
    let Node::Str(text) = &tree.node else {
        return Err(tree.wrong("filter.where", "a condition in quotes"));
    };
    Expr::parse(text).map_err(|mistake| {
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

/// Reads the points of `exclude` or `include`, and where each is written.
pub(super) fn points(
    tree: &Tree,
    what: &'static str,
) -> Result<(Vec<Point>, Vec<Place>), SweepError> {
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
    let mut places = Vec::with_capacity(tables.len());
    for table in tables {
        points.push(point(table, what)?);
        places.push(table.place.clone());
    }
    Ok((points, places))
}

fn point(table: &Tree, what: &'static str) -> Result<Point, SweepError> {
    let settings = swept(table, what)?;
    if settings.is_empty() {
        return Err(table.wrong(what, "a list of tables with at least one key each"));
    }
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
            .at(Some(setting.key_place)));
        }
    }
    Ok(point)
}
