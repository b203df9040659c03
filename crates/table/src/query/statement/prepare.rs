//! From the text to the statement that SQLite runs.

use super::binder::{Binder, at};
use super::describe::{SUMMARIZED_COLUMNS, describe, show_tables, summarize};
use super::error::{Result, StatementError};
use super::parse::{Reading, parse};
use super::query::Bound;
use super::types::{Catalog, Kind, Prepared, quoted};

/// A row of 50,000 operators (half of the bytes a statement may have) is a tree 50,000 deep, and the parser's trees are
/// freed by recursion: some 500 bytes a level, five times that in a debug build. The system gives pages as they are
/// touched.
const STACK_BYTES: usize = 256 << 20;

/// Checks and rewrites a statement.
pub(crate) fn prepare(
    sql: &str,
    catalog: &Catalog,
) -> std::result::Result<Prepared, StatementError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("statement".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || prepared(sql, catalog));
        match thread.map(|thread| thread.join()) {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // Where the system allows no more threads, this one has stack enough for what a person writes.
            Err(_) => prepared(sql, catalog),
        }
    })
}

fn prepared(sql: &str, catalog: &Catalog) -> Result<Prepared> {
    let reading = parse(sql)?;
    let mut binder = Binder::new(catalog);
    let bound = match &reading {
        Reading::Query(query) => binder.query(query)?,
        Reading::Plan(query) => {
            let bound = binder.query(query)?;
            return Ok(Prepared {
                sql: format!("EXPLAIN QUERY PLAN {}", bound.sql),
                headers: Vec::new(),
            });
        }
        Reading::ShowTables => show_tables(catalog),
        Reading::DescribeTable(name) | Reading::SummarizeTable(name) => {
            let Some(table) = catalog.table(&name.value) else {
                return Err(binder.no_table(&name.value, at(name)));
            };
            let columns: Vec<(String, Kind)> = table
                .columns
                .iter()
                .map(|(name, kind)| (name.clone(), Kind::from(*kind)))
                .collect();
            match &reading {
                Reading::SummarizeTable(_) => {
                    few(&columns)?;
                    summarize("", &table.name, &columns)
                }
                _ => describe(&columns),
            }
        }
        Reading::DescribeQuery(query) => describe(&named(&binder.query(query)?)),
        Reading::SummarizeQuery(query) => {
            let bound = binder.query(query)?;
            few(&named(&bound))?;
            let name = binder.fresh_name("summarized");
            let with = format!("WITH {} AS MATERIALIZED ({}) ", quoted(&name), bound.sql);
            summarize(&with, &name, &named(&bound))
        }
    };
    binder.bounded(&bound.sql)?;
    Ok(Prepared {
        headers: bound
            .columns
            .iter()
            .map(|column| Some(column.name.clone()))
            .collect(),
        sql: bound.sql,
    })
}

fn named(bound: &Bound) -> Vec<(String, Kind)> {
    bound
        .columns
        .iter()
        .map(|column| (column.name.clone(), column.kind))
        .collect()
}

fn few(columns: &[(String, Kind)]) -> Result<()> {
    if columns.len() > SUMMARIZED_COLUMNS {
        return Err(StatementError::TooMany {
            what: "columns in SUMMARIZE",
            limit: SUMMARIZED_COLUMNS,
        });
    }
    Ok(())
}
