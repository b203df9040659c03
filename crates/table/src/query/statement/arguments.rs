//! The arguments of a call, and the call as it is written out.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList,
};

use super::binder::Binder;
use super::call::Call;
use super::constants::lists;
use super::error::{Result, StatementError};
use super::kinds;
use super::types::{Kind, Node};

/// The bound arguments.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) nodes: Vec<Node>,
    star: bool,
    distinct: bool,
    order: Option<(String, String)>,
}

impl<'q> Binder<'q> {
    pub(super) fn arguments(
        &mut self,
        function: &'q Function,
        list: &'q FunctionArgumentList,
        call: &Call,
    ) -> Result<Arguments> {
        let mut arguments = Arguments {
            distinct: matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct)),
            ..Arguments::default()
        };
        if arguments.distinct && !call.aggregate {
            return Err(StatementError::wrong(
                format!(
                    "DISTINCT belongs to an aggregate, and {} is none",
                    call.head
                ),
                call.at,
            ));
        }
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(
                    FunctionArgExpr::Expr(Expr::Wildcard(_)) | FunctionArgExpr::Wildcard,
                ) if call.name == "count" => arguments.star = true,
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    let node = self.expr(expr)?;
                    arguments.nodes.push(node);
                }
                FunctionArg::Unnamed(_) => {
                    return Err(StatementError::wrong(
                        format!("`*` stands in count(*) alone, not in {}", call.head),
                        call.at,
                    ));
                }
                FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {
                    return Err(StatementError::unsupported(
                        "a named argument",
                        "give the arguments in order",
                        call.at,
                    ));
                }
            }
        }
        self.clauses(list, call, &mut arguments)?;
        if let [term] = function.within_group.as_slice() {
            let node = self.expr(&term.expr)?;
            let descending = term.options.asc == Some(false);
            if let (true, Some(share)) = (descending, arguments.nodes.first_mut()) {
                share.sql = format!("(1 - {})", share.sql);
            }
            arguments.nodes.insert(0, node);
        } else if !function.within_group.is_empty() {
            return Err(StatementError::wrong(
                "WITHIN GROUP takes one expression",
                call.at,
            ));
        }
        Ok(arguments)
    }

    /// What follows the arguments within the parentheses.
    fn clauses(
        &mut self,
        list: &'q FunctionArgumentList,
        call: &Call,
        arguments: &mut Arguments,
    ) -> Result<()> {
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(terms) if call.aggregate => {
                    arguments.order = Some(self.order_within(terms)?)
                }
                FunctionArgumentClause::Separator(value) => arguments
                    .nodes
                    .push(super::constants::literal(&value.value, call.at)?),
                FunctionArgumentClause::IgnoreOrRespectNulls(_) => {}
                other => {
                    return Err(StatementError::unsupported(
                        format!("`{other}` in {}", call.head),
                        "",
                        call.at,
                    ));
                }
            }
        }
        Ok(())
    }

    /// What is written differently for SQLite, and what an argument must be.
    pub(super) fn adapt(&self, call: &mut Call, arguments: &mut Arguments) -> Result<()> {
        if let Some(argument) = arguments.nodes.first()
            && kinds::needs_number(&call.name)
            && (argument.kind == Kind::Text || argument.kind.is_time())
        {
            return Err(StatementError::Argument {
                function: call.head.clone(),
                wanted: "number",
                argument: argument.described(),
                at: call.at,
            });
        }
        match (call.head.as_str(), arguments.nodes.len()) {
            ("count", 0) => arguments.star = true,
            ("count", 2..) => {
                let cure = "count takes one argument; count(DISTINCT (a, b)) is count(*) of SELECT DISTINCT a, b";
                return Err(StatementError::wrong(cure, call.at));
            }
            ("count_if", 1) if call.name == "count" => {
                if let Some(node) = arguments.nodes.first_mut() {
                    node.sql = format!("CASE WHEN {} THEN 1 END", node.sql);
                }
            }
            ("string_agg" | "group_concat" | "listagg", 1) => {
                arguments.nodes.push(Node::new("','", "','", Kind::Text))
            }
            ("percentile_cont" | "percentile_disc", count) if count != 2 => {
                let cure = format!(
                    "write {}(0.5) WITHIN GROUP (ORDER BY x), or quantile_cont(x, 0.5)",
                    call.head
                );
                return Err(StatementError::wrong(cure, call.at));
            }
            ("date_part" | "datepart" | "date_trunc" | "datetrunc", 2) => {}
            _ => {}
        }
        if call.name == "string_agg" && arguments.distinct && arguments.nodes.len() == 2 {
            // SQLite takes no second argument beside DISTINCT; its own default is the comma.
            if arguments.nodes[1].sql != "','" {
                let what = "string_agg(DISTINCT ...) with another separator than ','";
                return Err(StatementError::unsupported(
                    what,
                    "take the distinct values in a subquery",
                    call.at,
                ));
            }
            "group_concat".clone_into(&mut call.name);
        }
        if arguments
            .nodes
            .iter()
            .any(|node| node.head.starts_with("\"row\"("))
        {
            return Err(StatementError::unsupported(
                "a row as an argument",
                "count rows of SELECT DISTINCT a, b",
                call.at,
            ));
        }
        Ok(())
    }
}

impl Arguments {
    /// Whether the arguments stand alone: no DISTINCT, no ORDER BY.
    pub(super) fn is_plain(&self) -> bool {
        !self.distinct && self.order.is_none()
    }
}

/// The call's SQL and header.
pub(super) fn written_out(call: &Call, arguments: &Arguments, over: bool) -> (String, String) {
    let (sql, heads) = lists(&arguments.nodes);
    let distinct = if arguments.distinct { "DISTINCT " } else { "" };
    let (order, order_head) = match &arguments.order {
        Some((order, head)) => (format!(" ORDER BY {order}"), format!(" ORDER BY {head}")),
        None => Default::default(),
    };
    let name = super::keywords::name(&call.name);
    let head = match call.head.as_str() {
        "coalesce" | "ifnull" => "COALESCE".to_owned(),
        "percentile_cont" | "percentile_disc" => super::keywords::name(&call.name),
        other => super::keywords::name(other),
    };
    let sql = match (call.name.as_str(), arguments.nodes.as_slice()) {
        ("group_concat", [value, _]) if arguments.distinct => value.sql.clone(),
        _ => sql,
    };
    if arguments.star {
        let head = if over { "count()" } else { "count_star()" };
        return (format!("{name}(*)"), head.to_owned());
    }
    let inside = match (call.head.as_str(), arguments.nodes.as_slice()) {
        ("percentile_cont" | "percentile_disc", [value, share]) => {
            format!("{} ORDER BY {}", share.head, value.head)
        }
        ("string_agg", [value, comma]) if comma.head == "','" => {
            format!("{}, {}", value.head, comma.head)
        }
        _ => heads,
    };
    if call.name == "count" && arguments.distinct && !over {
        // SQLite keeps distinct values in a sorted tree, ten times slower than the set of this function.
        let name = super::keywords::name("approx_count_distinct");
        return (
            format!("{name}({sql})"),
            format!("{head}(DISTINCT {inside}{order_head})"),
        );
    }
    (
        format!("{name}({distinct}{sql}{order})"),
        format!("{head}({distinct}{inside}{order_head})"),
    )
}
