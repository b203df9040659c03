//! The parts of a SELECT put together, with a query around it where rows are chosen after its windows are computed.

use sqlparser::ast::{Expr, OrderByOptions, Select};

use super::error::{At, Result, StatementError};
use super::order::{OrderTerm, Sorted, constant_free, direction};
use super::types::{Column, Node, quoted};

/// The bound parts of a SELECT.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) nodes: Vec<Node>,
    pub(super) columns: Vec<Column>,
    pub(super) condition: Option<String>,
    pub(super) keys: Vec<String>,
    pub(super) having: Option<String>,
    pub(super) windows: Vec<String>,
    pub(super) qualify: Option<String>,
    /// What DISTINCT ON lists.
    pub(super) on: Option<Vec<String>>,
    pub(super) order: Vec<(OrderTerm, OrderByOptions)>,
    pub(super) distinct: bool,
}

/// QUALIFY and DISTINCT ON: the windows are computed inside, the rows are chosen outside.
pub(super) fn wrapped(from: &str, parts: &Parts) -> Result<String> {
    if parts.on.is_some() && parts.qualify.is_some() {
        return Err(StatementError::unsupported(
            "DISTINCT ON with QUALIFY",
            "put one of the two into FROM (...)",
            At::default(),
        ));
    }
    let mut inside: Vec<String> = Vec::new();
    for (index, node) in parts.nodes.iter().enumerate() {
        inside.push(format!("{} AS \"c{index}\"", node.sql));
    }
    let mut sorted = Sorted::default();
    let mut within: Vec<String> = Vec::new();
    for (index, (term, options)) in parts.order.iter().enumerate() {
        let (name, node) = match term {
            OrderTerm::Output(index) => (format!("\"c{index}\""), &parts.nodes[*index]),
            OrderTerm::Other(node) => {
                inside.push(format!("{} AS \"o{index}\"", node.sql));
                (format!("\"o{index}\""), node)
            }
        };
        within.push(format!(
            "{}{}",
            constant_free(node),
            direction(node.never_null, *options)
        ));
        sorted.push(name, node.never_null, *options);
    }
    let keep = match (&parts.qualify, &parts.on) {
        (Some(qualify), _) => {
            inside.push(format!("{qualify} AS \"keep\""));
            "\"keep\""
        }
        (None, on) => {
            let keys = on.as_deref().unwrap_or_default().join(", ");
            let order = if within.is_empty() {
                String::new()
            } else {
                format!(" ORDER BY {}", within.join(", "))
            };
            inside.push(format!(
                "row_number() OVER (PARTITION BY {keys}{order}) AS \"keep\""
            ));
            "\"keep\" = 1"
        }
    };
    let body = body(from, parts);
    let outside: Vec<String> = (parts.columns.iter().enumerate())
        .map(|(index, column)| format!("\"c{index}\" AS {}", quoted(&column.name)))
        .collect();
    let distinct = if parts.distinct { "DISTINCT " } else { "" };
    let order = if parts.order.is_empty() {
        String::new()
    } else {
        format!(" ORDER BY {}", sorted.sql())
    };
    Ok(format!(
        "SELECT {distinct}{} FROM (SELECT {}{body}) WHERE {keep}{order}",
        outside.join(", "),
        inside.join(", ")
    ))
}

/// A SELECT without rows to choose among afterwards.
pub(super) fn plain(from: &str, parts: &Parts) -> String {
    let items: Vec<String> = (parts.nodes.iter().zip(&parts.columns))
        .map(|(node, column)| format!("{} AS {}", node.sql, quoted(&column.name)))
        .collect();
    let mut sorted = Sorted::default();
    for (term, options) in &parts.order {
        match term {
            OrderTerm::Output(index) => sorted.push(
                (index + 1).to_string(),
                parts.columns[*index].never_null,
                *options,
            ),
            OrderTerm::Other(node) => sorted.push(constant_free(node), node.never_null, *options),
        }
    }
    let distinct = if parts.distinct { "DISTINCT " } else { "" };
    let order = if parts.order.is_empty() {
        String::new()
    } else {
        format!(" ORDER BY {}", sorted.sql())
    };
    format!(
        "SELECT {distinct}{}{}{order}",
        items.join(", "),
        body(from, parts)
    )
}

/// FROM to WINDOW.
fn body(from: &str, parts: &Parts) -> String {
    let mut sql = String::new();
    let mut clause = |word: &str, text: &str| {
        if !text.is_empty() {
            sql.push_str(&format!(" {word} {text}"));
        }
    };
    clause("FROM", from);
    clause("WHERE", parts.condition.as_deref().unwrap_or_default());
    let keys: Vec<String> = parts
        .keys
        .iter()
        .map(|key| {
            if key.parse::<f64>().is_ok() {
                "NULL".to_owned()
            } else {
                key.clone()
            }
        })
        .collect();
    clause("GROUP BY", &keys.join(", "));
    clause("HAVING", parts.having.as_deref().unwrap_or_default());
    clause("WINDOW", &parts.windows.join(", "));
    sql
}

/// The header of an item without an alias: a column's own name, and otherwise the expression as DuckDB prints it.
pub(super) fn bare_name(expr: &Expr, node: &Node) -> String {
    match expr {
        Expr::Nested(inner) => bare_name(inner, node),
        Expr::Identifier(_) => unquoted(&node.head),
        Expr::CompoundIdentifier(names) => {
            let table = names
                .first()
                .map(|table| super::keywords::name(&table.value));
            let table = format!("{}.", table.unwrap_or_default());
            unquoted(node.head.strip_prefix(&table).unwrap_or(&node.head))
        }
        _ => node.head.clone(),
    }
}

fn unquoted(name: &str) -> String {
    match name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

/// The second `trial` is `trial_1`, as in DuckDB's data frames: a name means one column for whoever reads the rows.
pub(super) fn distinct_names(columns: &mut [Column]) {
    let mut seen: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
    for column in columns.iter_mut() {
        let stem = column.name.clone();
        let mut number = 0;
        while !seen.insert(column.name.to_lowercase()) {
            number += 1;
            column.name = format!("{stem}_{number}");
        }
    }
}

pub(super) fn refuse(select: &Select) -> Result<()> {
    let refused =
        |what: &str, instead: &str| Err(StatementError::unsupported(what, instead, At::default()));
    if select.into.is_some() {
        return Err(StatementError::ReadsOnly {
            verb: "SELECT INTO".to_owned(),
        });
    }
    if select.top.is_some() {
        return refused("TOP", "write LIMIT");
    }
    if !select.lateral_views.is_empty()
        || !select.connect_by.is_empty()
        || select.prewhere.is_some()
    {
        return refused("LATERAL VIEW, CONNECT BY and PREWHERE", "");
    }
    if !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
    {
        return refused("CLUSTER BY, DISTRIBUTE BY and SORT BY", "write ORDER BY");
    }
    if select.value_table_mode.is_some()
        || select.exclude.is_some()
        || select.select_modifiers.is_some()
    {
        return refused("this form of SELECT", "");
    }
    Ok(())
}
