//! Calls of functions: which exist, where an aggregate may stand, what SQLite calls them.

use sqlparser::ast::{
    Function, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, NullTreatment,
    ObjectNamePart,
};

use super::super::grouped;
use super::arguments::{Arguments, written_out};
use super::binder::{Binder, Place};
use super::call::{Call, place};
use super::error::{At, Result, StatementError};
use super::kinds;
use super::suggest::near;
use super::types::{Aggregate, Kind, Node};

/// Functions that need OVER.
const WINDOWS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];

/// Other names for a function, where the catalog has not the name itself.
const ALIASES: &[(&str, &str)] = &[
    ("argmax", "arg_max"),
    ("argmin", "arg_min"),
    ("arbitrary", "first"),
    ("ceiling", "ceil"),
    ("char_length", "length"),
    ("character_length", "length"),
    ("group_concat", "string_agg"),
    ("len", "length"),
    ("listagg", "string_agg"),
    ("max_by", "arg_max"),
    ("mean", "avg"),
    ("min_by", "arg_min"),
    ("nvl", "ifnull"),
    ("power", "pow"),
    ("quantile", "quantile_disc"),
    ("regexp_like", "regexp_matches"),
    ("stddev_samp", "stddev"),
    ("std", "stddev"),
    ("strlen", "length"),
    ("strpos", "instr"),
    ("substring", "substr"),
    ("to_char", "strftime"),
    ("var_samp", "variance"),
];

/// Functions of lists and structs, which SQLite has not.
const LISTS: &[&str] = &[
    "array_agg",
    "list",
    "unnest",
    "list_value",
    "struct_pack",
    "list_contains",
    "list_aggregate",
    "histogram",
    "columns",
    "range",
    "generate_series",
];

impl<'q> Binder<'q> {
    pub(super) fn function(&mut self, function: &'q Function) -> Result<Node> {
        let at = place(function);
        let written = match function.name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => name.value.to_lowercase(),
            _ => return Err(self.no_function(&function.name.to_string(), at)),
        };
        let list = match &function.args {
            FunctionArguments::List(list) => Some(list),
            FunctionArguments::None => None,
            FunctionArguments::Subquery(_) => {
                return Err(StatementError::unsupported(
                    format!("{written}(SELECT ...)"),
                    "",
                    at,
                ));
            }
        };
        let Some(list) = list else {
            return self.constant(&written, at);
        };
        if !matches!(function.parameters, FunctionArguments::None) || function.uses_odbc_syntax {
            return Err(StatementError::unsupported(
                format!("{written}(...)(...)"),
                "",
                at,
            ));
        }
        let mut call = self.call(&written, function, list, at)?;
        let mark = self.free.len();
        let inside = self.enter(&call, function)?;
        let mut arguments =
            self.at_place(inside, |binder| binder.arguments(function, list, &call))?;
        let filter = match &function.filter {
            Some(filter) if call.aggregate => {
                Some(self.at_place(inside, |binder| binder.condition(filter))?)
            }
            Some(_) => {
                return Err(StatementError::wrong(
                    format!("FILTER belongs to an aggregate, and {written} is none"),
                    at,
                ));
            }
            None => None,
        };
        if call.aggregate && function.over.is_none() {
            let scope = self.scopes.len().saturating_sub(1);
            self.absorb(scope, mark);
        }
        self.adapt(&mut call, &mut arguments)?;
        let (mut sql, mut head) = written_out(&call, &arguments, function.over.is_some());
        if let Some(filter) = &filter {
            sql.push_str(&format!(" FILTER (WHERE {})", filter.sql));
            head.push_str(&format!(" FILTER (WHERE {})", filter.head));
        }
        if call.aggregate && function.over.is_none() {
            self.note_aggregate(&call, &arguments, &sql, filter.is_none());
        }
        if let Some(over) = &function.over {
            let (over_sql, over_head) = self.at_place(Place::Window, |binder| binder.over(over))?;
            sql.push_str(&format!(" OVER {over_sql}"));
            head.push_str(&format!(" OVER {over_head}"));
        }
        Ok(Node::new(
            sql,
            head,
            kinds::of_call(&call.name, &arguments.nodes),
        ))
    }

    /// Keeps an aggregate of this SELECT, so that GROUP BY can be computed by the program where it knows all of its
    /// aggregates.
    fn note_aggregate(&mut self, call: &Call, arguments: &Arguments, sql: &str, unfiltered: bool) {
        let simple = unfiltered && arguments.is_plain();
        let count = arguments.nodes.len();
        let aggregate = Aggregate {
            sql: sql.to_owned(),
            word: grouped::word(&call.name, count).filter(|_| simple),
            argument: arguments.nodes.first().map(|node| node.sql.clone()),
        };
        let calls = &mut self.scope().calls;
        if !calls.contains(&aggregate) {
            calls.push(aggregate);
        }
    }

    /// `current_timestamp` without parentheses; any other such name is a column.
    fn constant(&mut self, name: &str, at: At) -> Result<Node> {
        match name {
            "current_timestamp" | "localtimestamp" => Ok(Node::new(
                "timestamp(CURRENT_TIMESTAMP)",
                name,
                Kind::Timestamp,
            )),
            "current_date" => Ok(Node::new("CURRENT_DATE", name, Kind::Date)),
            _ => {
                let mut ident = sqlparser::ast::Ident::new(name);
                ident.span.start.line = at.line;
                ident.span.start.column = at.column;
                self.column(&ident)
            }
        }
    }

    fn exists(&self, name: &str) -> bool {
        let names = self
            .catalog
            .functions
            .iter()
            .chain(&self.catalog.aggregates);
        WINDOWS.contains(&name)
            || names
                .into_iter()
                .any(|known| known.eq_ignore_ascii_case(name))
    }

    fn is_aggregate(&self, name: &str) -> bool {
        !WINDOWS.contains(&name)
            && self
                .catalog
                .aggregates
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Finds the function, and checks what its name asks for.
    fn call(
        &self,
        written: &str,
        function: &Function,
        list: &FunctionArgumentList,
        at: At,
    ) -> Result<Call> {
        let alias = ALIASES
            .iter()
            .find(|(alias, _)| *alias == written)
            .map(|(_, name)| *name);
        let name = match written {
            "percentile_cont" => "quantile_cont",
            "percentile_disc" => "quantile_disc",
            "count_if" if !self.exists(written) => "count",
            _ if self.exists(written) => written,
            _ => alias.unwrap_or(written),
        };
        if !self.exists(name) || name == "load_extension" {
            return Err(self.no_function(written, at));
        }
        let several = matches!(name, "min" | "max") && list.args.len() > 1;
        if several {
            let other = if name == "min" { "least" } else { "greatest" };
            return Err(StatementError::wrong(
                format!("{name} takes one argument; of several values take {other}(...)"),
                at,
            ));
        }
        let aggregate = self.is_aggregate(name);
        if WINDOWS.contains(&name) && function.over.is_none() {
            return Err(StatementError::wrong(
                format!("{written} is a window function; write {written}(...) OVER (ORDER BY ...)"),
                at,
            ));
        }
        if function.over.is_some() && !aggregate && !WINDOWS.contains(&name) {
            return Err(StatementError::wrong(
                format!("{written} is no window function and no aggregate, so it takes no OVER"),
                at,
            ));
        }
        let clause = list.clauses.iter().any(|clause| {
            matches!(
                clause,
                FunctionArgumentClause::IgnoreOrRespectNulls(NullTreatment::IgnoreNulls)
            )
        });
        if clause || function.null_treatment == Some(NullTreatment::IgnoreNulls) {
            return Err(StatementError::unsupported(
                "IGNORE NULLS",
                "choose the rows with FILTER (WHERE x IS NOT NULL), or in a subquery",
                at,
            ));
        }
        Ok(Call {
            name: name.to_owned(),
            head: written.to_owned(),
            aggregate,
            at,
        })
    }

    fn no_function(&self, name: &str, at: At) -> StatementError {
        let lower = name.to_lowercase();
        let known = self
            .catalog
            .functions
            .iter()
            .chain(&self.catalog.aggregates)
            .map(String::as_str);
        // Functions of operators and of SQLite's own modules help nobody.
        let known = known.filter(|name| {
            name.starts_with(|first: char| first.is_ascii_alphabetic())
                && !name.starts_with("fts")
                && !name.starts_with("sqlite_")
        });
        let hint = if LISTS.contains(&lower.as_str()) {
            "; there are no lists here, string_agg(x, ',') joins values into a text"
        } else {
            ""
        };
        StatementError::NoFunction {
            name: name.to_owned(),
            near: if hint.is_empty() {
                near(&lower, known.chain(WINDOWS.iter().copied()))
            } else {
                Default::default()
            },
            hint: hint.to_owned(),
            at,
        }
    }

    /// Checks that the call may stand here; the place its arguments stand in.
    fn enter(&mut self, call: &Call, function: &Function) -> Result<Place> {
        let here = self.place();
        let refused = |what: String, cure: &'static str| {
            Err(StatementError::Misplaced {
                what,
                place: here.words(),
                cure,
                at: call.at,
            })
        };
        if function.over.is_some() {
            if !matches!(here, Place::Select | Place::Qualify | Place::OrderBy) {
                let cure = if here == Place::Where || here == Place::Having {
                    "; write QUALIFY"
                } else {
                    ""
                };
                return refused(format!("the window function {}", call.head), cure);
            }
            self.scope().windows += 1;
            return Ok(Place::Window);
        }
        if !call.aggregate {
            return Ok(here);
        }
        match here {
            Place::Select | Place::Having | Place::Qualify | Place::OrderBy | Place::Window => {
                self.scope().aggregates += 1;
                Ok(Place::Aggregate)
            }
            Place::Where => refused(
                format!("the aggregate {}", call.head),
                "; write HAVING, or compare with (SELECT ...)",
            ),
            Place::On | Place::GroupBy | Place::Limit | Place::Values | Place::Aggregate => {
                refused(format!("the aggregate {}", call.head), "")
            }
        }
    }
}
