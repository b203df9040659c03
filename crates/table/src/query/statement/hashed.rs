//! A GROUP BY whose rows come in no order: the table function that groups by hash takes its place where every aggregate
//! is one that the function computes. What is not plainly so stays SQLite's.

use super::super::grouped::{GROUPED, MOST_COLUMNS};
use super::compose::{Parts, plain};
use super::order::OrderTerm;
use super::types::{Aggregate, Kind, quoted, text};

/// The SELECT with the function in place of its FROM, WHERE and GROUP BY. None where something speaks against it: keys
/// that are constants or Booleans (which a function's column does not show as true and false), aggregates of other
/// kinds, expressions with subqueries or with texts that could hold a name.
pub(super) fn hashed(
    from: &str,
    parts: &Parts,
    aggregates: &[Aggregate],
    aliases: &[&str],
    name: &str,
) -> Option<String> {
    let is_constant = |key: &String| key.parse::<f64>().is_ok() || key.starts_with('\'');
    let is_boolean = |key: &String| {
        let mut nodes = parts.nodes.iter();
        nodes.any(|node| node.sql == *key && node.kind.is_boolean())
    };
    let is_too_wide = parts.keys.len() + aggregates.len() > MOST_COLUMNS;
    let keys = &parts.keys;
    if from.is_empty() || is_too_wide || keys.iter().any(|key| is_constant(key) || is_boolean(key))
    {
        return None;
    }
    let words = aggregates
        .iter()
        .map(|aggregate| aggregate.word)
        .collect::<Option<Vec<_>>>()?;
    let mut columns: Vec<(&str, String)> = Vec::new();
    let sources = keys.iter().chain(aggregates.iter().map(|one| &one.sql));
    for (place, source) in sources.enumerate() {
        columns.push((source, format!("{}.\"v{place}\"", quoted(name))));
    }
    // A longer expression may hold a shorter one.
    columns.sort_by_key(|(source, _)| std::cmp::Reverse(source.len()));
    let replaced = |sql: &str| replaced(sql, &columns, aliases);

    let outer = outer(parts, &replaced)?;
    let arguments = aggregates.iter().filter_map(|one| one.argument.as_ref());
    let inner: Vec<&str> = keys.iter().chain(arguments).map(String::as_str).collect();
    let mut rows = format!("SELECT {} FROM {from}", inner.join(", "));
    if let Some(condition) = &parts.condition {
        rows.push_str(&format!(" WHERE {condition}"));
    }
    let source = format!(
        "{GROUPED}({}, {}, {}) AS {}",
        text(&rows),
        keys.len(),
        text(&words.join(" ")),
        quoted(name)
    );
    Some(plain(&source, &outer))
}

/// What is selected from the function's rows, each key and aggregate replaced by its column.
fn outer(parts: &Parts, replaced: &impl Fn(&str) -> Option<String>) -> Option<Parts> {
    let mut outer = Parts {
        columns: parts.columns.clone(),
        distinct: parts.distinct,
        ..Parts::default()
    };
    for node in &parts.nodes {
        let mut node = node.clone();
        node.sql = replaced(&node.sql)?;
        outer.nodes.push(node);
    }
    for (term, options) in &parts.order {
        let term = match term {
            OrderTerm::Output(index) => OrderTerm::Output(*index),
            OrderTerm::Other(node) => {
                let mut node = node.clone();
                node.sql = replaced(&node.sql)?;
                OrderTerm::Other(node)
            }
        };
        outer.order.push((term, *options));
    }
    for window in &parts.windows {
        outer.windows.push(replaced(window)?);
    }
    outer.condition = match &parts.having {
        Some(having) => Some(replaced(having)?),
        None => None,
    };
    Some(outer)
}

/// The expression over the function's columns. None where it would still name a table, or may do so in a way that is not
/// seen here.
fn replaced(sql: &str, columns: &[(&str, String)], aliases: &[&str]) -> Option<String> {
    if sql.contains("SELECT ")
        || sql
            .split('\'')
            .skip(1)
            .step_by(2)
            .any(|text| text.contains('"'))
    {
        return None;
    }
    let mut sql = sql.to_owned();
    for (source, column) in columns {
        let mut from = 0;
        while let Some(found) = sql[from..].find(source) {
            let at = from + found;
            let before = sql[..at].chars().next_back();
            if before
                .is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.')
            {
                from = at + source.len();
                continue;
            }
            sql.replace_range(at..at + source.len(), column);
            from = at + column.len();
        }
    }
    let names_one = |alias: &&str| sql.contains(&format!("{}.", quoted(alias)));
    (!aliases.iter().any(names_one)).then_some(sql)
}

impl Kind {
    fn is_boolean(self) -> bool {
        match self {
            Kind::Boolean | Kind::Unknown => true,
            Kind::Integer | Kind::Real | Kind::Text | Kind::Timestamp | Kind::Date | Kind::Null => {
                false
            }
        }
    }
}
