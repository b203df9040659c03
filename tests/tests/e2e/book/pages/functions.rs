//! The functions of queries, as the program declares them.

use std::fmt::Write as _;

use crate::book::generated::{NOTICE, cell};

const INTRODUCTION: &str = "# Functions of queries

`parsimony query` has these functions in addition to those of SQLite. Names and results are DuckDB's. A null argument makes a
scalar function null, and an aggregate leaves the row out, unless the text says otherwise. Every aggregate is a window
function too. The statement around them is described in [Queries](query.md).
";

pub(in crate::book) fn page() -> String {
    let mut page = format!("{NOTICE}{INTRODUCTION}");
    for (heading, aggregate) in [("Aggregates", true), ("Scalar functions", false)] {
        let _ = write!(
            page,
            "\n## {heading}\n\n| function | result |\n| --- | --- |\n"
        );
        for function in table::functions() {
            if function.aggregate == aggregate {
                let call = format!("`{}({})`", function.name, function.arguments);
                let _ = writeln!(page, "| {} | {} |", cell(&call), cell(function.words));
            }
        }
    }
    page
}
