//! How a statement visits a table: the rows that pass simple conditions, as they are stored or in some order, or the
//! rows of a key. Chosen while SQLite plans a statement, carried in SQLite's index number and text.

use std::os::raw::c_int;

use rusqlite::vtab::{DistinctMode, IndexConstraintOp, IndexInfo};

use super::lookup::Index;
use super::order::By;
use super::table::Table;
use super::values::{Type, Value};

/// Rows of a trial in tables other than `trials`, where they were not counted.
const ROWS_OF_A_TRIAL: f64 = 16.0;

/// Share of rows that one condition of equality lets pass, where nothing is known.
const EQUAL_SHARE: f64 = 0.1;

/// Share of rows that one bound lets pass, where nothing is known.
const BOUND_SHARE: f64 = 0.4;

/// Comparison of a column with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    AtLeast,
    AtMost,
}

/// How rows are visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Row group by row group, rows that fail the conditions left out.
    Scan,
    /// The rows of a key.
    Lookup,
    /// As a scan, in the order of some columns.
    Sorted,
    /// As that, each combination of the columns once.
    Distinct,
}

impl Way {
    fn number(self) -> c_int {
        match self {
            Way::Scan => 0,
            Way::Lookup => 1,
            Way::Sorted => 2,
            Way::Distinct => 3,
        }
    }

    pub(super) fn from_number(number: c_int) -> Way {
        match number {
            1 => Way::Lookup,
            2 => Way::Sorted,
            3 => Way::Distinct,
            _ => Way::Scan,
        }
    }
}

/// A condition whose value comes with each visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) column: usize,
    pub(super) operator: Operator,
}

/// What a visit is given: conditions in the order of their values, and columns to sort by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) conditions: Vec<Condition>,
    pub(super) order: Vec<By>,
}

impl Plan {
    /// Reads what [`text`](Plan::text) wrote.
    pub(super) fn read(text: &str) -> Plan {
        let mut plan = Plan::default();
        for word in text.split_whitespace() {
            let mut letters = word.chars();
            let (Some(sign), Ok(column)) = (letters.next(), letters.as_str().parse()) else {
                continue;
            };
            let operator = match sign {
                '=' => Operator::Equal,
                '>' => Operator::AtLeast,
                '<' => Operator::AtMost,
                '+' | '-' => {
                    let descends = sign == '-';
                    plan.order.push(By { column, descends });
                    continue;
                }
                _ => continue,
            };
            plan.conditions.push(Condition { column, operator });
        }
        plan
    }

    fn text(&self) -> String {
        let conditions = self.conditions.iter().map(|condition| {
            let sign = match condition.operator {
                Operator::Equal => '=',
                Operator::AtLeast => '>',
                Operator::AtMost => '<',
            };
            format!("{sign}{}", condition.column)
        });
        let order = self.order.iter().map(|by| {
            let sign = if by.descends { '-' } else { '+' };
            format!("{sign}{}", by.column)
        });
        conditions.chain(order).collect::<Vec<_>>().join(" ")
    }
}

/// A condition that the table can use: SQLite's number of it, and whether its value is known already.
struct Usable {
    number: usize,
    condition: Condition,
    is_constant: bool,
}

/// Chooses the way and says what it costs.
///
/// # Errors
/// A part that cannot be read.
pub(super) fn choose(table: &Table, info: &mut IndexInfo) -> rusqlite::Result<()> {
    let rows = table.source().contents()?.rows;
    let has_index = Index::can_number(rows);
    let rows = rows as f64;
    let usable = usable(table, info)?;
    let is_joined =
        |usable: &&Usable| !usable.is_constant && usable.condition.operator == Operator::Equal;
    let (way, taken): (Way, Vec<&Usable>) = if has_index && usable.iter().any(|one| is_joined(&one))
    {
        let equal = usable
            .iter()
            .filter(|one| one.condition.operator == Operator::Equal);
        (Way::Lookup, equal.collect())
    } else {
        let constant = usable.iter().filter(|one| one.is_constant);
        (Way::Scan, constant.collect())
    };
    let order = match way {
        Way::Scan => order(table, info)?,
        Way::Lookup | Way::Sorted | Way::Distinct => Vec::new(),
    };
    let way = if order.is_empty() {
        way
    } else {
        info.set_order_by_consumed(true);
        match info.distinct() {
            // A condition lets rows pass that SQLite leaves out: one of them must not stand for the others.
            DistinctMode::Distinct | DistinctMode::DistinctOrdered if taken.is_empty() => {
                Way::Distinct
            }
            _ => Way::Sorted,
        }
    };
    let plan = Plan {
        conditions: taken.iter().map(|one| one.condition).collect(),
        order,
    };
    let passing = passing(table, rows, &plan.conditions).max(1.0);
    let cost = match way {
        Way::Scan => rows * 0.5 + passing,
        Way::Sorted | Way::Distinct => rows + passing,
        Way::Lookup => 2.0 + passing,
    };
    info.set_estimated_cost(cost);
    info.set_estimated_rows(passing as i64);
    for (place, one) in (1..).zip(&taken) {
        let mut usage = info.constraint_usage(one.number);
        usage.set_argv_index(place);
        // A lookup compares exactly; a scan may let rows pass that SQLite leaves out.
        usage.set_omit(way == Way::Lookup);
    }
    info.set_idx_num(way.number());
    info.set_idx_str(&plan.text());
    Ok(())
}

fn usable(table: &Table, info: &IndexInfo) -> rusqlite::Result<Vec<Usable>> {
    let mut usable = Vec::new();
    for (number, constraint) in info.constraints().enumerate() {
        if !constraint.is_usable() {
            continue;
        }
        let operator = match constraint.operator() {
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ => Operator::Equal,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GT
            | IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GE => Operator::AtLeast,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LT
            | IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LE => Operator::AtMost,
            _ => continue,
        };
        let Ok(column) = usize::try_from(constraint.column()) else {
            continue;
        };
        let Some(kind) = table.source().columns.get(column).map(|column| column.kind) else {
            continue;
        };
        let fits = match kind {
            Type::Integer | Type::Real | Type::Boolean => true,
            Type::Text => {
                operator == Operator::Equal
                    && info.collation(number)?.eq_ignore_ascii_case("binary")
            }
            Type::Timestamp => false,
        };
        if !fits {
            continue;
        }
        // An IN list comes as an equality whose values follow one after the other.
        let is_constant =
            matches!(info.rhs_value(number), Ok(Some(_))) && !info.is_in_constraint(number)?;
        usable.push(Usable {
            number,
            condition: Condition { column, operator },
            is_constant,
        });
    }
    Ok(usable)
}

/// The order that is asked for, where the table can give it; else nothing.
fn order(table: &Table, info: &IndexInfo) -> rusqlite::Result<Vec<By>> {
    let mut order = Vec::new();
    for by in info.order_bys() {
        let Ok(column) = usize::try_from(by.column()) else {
            return Ok(Vec::new());
        };
        let by = By {
            column,
            descends: by.is_order_by_desc(),
        };
        if !order.contains(&by) {
            order.push(by);
        }
    }
    Ok(if table.can_sort(&order)? {
        order
    } else {
        Vec::new()
    })
}

/// Rows that are expected to pass.
fn passing(table: &Table, rows: f64, conditions: &[Condition]) -> f64 {
    let mut passing = rows;
    let mut of_a_trial = rows;
    for condition in conditions {
        let name = table.source().columns[condition.column].name.as_str();
        match condition.operator {
            Operator::Equal if matches!(name, "trial" | "id") => {
                of_a_trial = if table.has_one_row_a_trial() {
                    1.0
                } else {
                    ROWS_OF_A_TRIAL
                };
            }
            Operator::Equal => passing *= EQUAL_SHARE,
            Operator::AtLeast | Operator::AtMost => passing *= BOUND_SHARE,
        }
    }
    passing.min(of_a_trial)
}

/// Whether a value passes a condition, or may: whole numbers are compared as floating-point numbers, and bounds let
/// what is equal pass.
pub(super) fn may_pass(value: Value<'_>, operator: Operator, bound: &Bound) -> bool {
    match bound {
        Bound::Number(bound) => value.number().is_some_and(|number| match operator {
            Operator::Equal => number == *bound,
            Operator::AtLeast => number >= *bound,
            Operator::AtMost => number <= *bound,
        }),
        Bound::Text(bound) => match value {
            Value::Text(text) => text == bound.as_ref(),
            _ => false,
        },
        Bound::Anything => true,
        Bound::Nothing => false,
    }
}

/// The value of a condition in one visit.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Number(f64),
    Text(Box<str>),
    /// A value of another kind than the column: SQLite compares.
    Anything,
    /// Null, which equals nothing.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_back() {
        let conditions = [
            (3, Operator::Equal),
            (0, Operator::AtLeast),
            (97, Operator::AtMost),
        ];
        let order = [(5, false), (0, true)];
        let plan = Plan {
            conditions: conditions
                .map(|(column, operator)| Condition { column, operator })
                .into(),
            order: order
                .map(|(column, descends)| By { column, descends })
                .into(),
        };
        assert_eq!(Plan::read(&plan.text()), plan);
        assert_eq!(Plan::read(""), Plan::default());
    }

    #[test]
    fn what_may_pass_passes() {
        let check = |value, operator, bound, expected| {
            assert_eq!(may_pass(value, operator, &bound), expected, "{value:?}");
        };
        let number = Bound::Number;
        check(Value::Integer(2), Operator::Equal, number(2.0), true);
        check(Value::Integer(2), Operator::Equal, number(2.5), false);
        check(Value::Real(2.0), Operator::AtLeast, number(2.0), true);
        check(Value::Boolean(true), Operator::AtMost, number(0.0), false);
        check(Value::Null, Operator::Equal, number(0.0), false);
        let text = Bound::Text("a".into());
        check(Value::Text("a"), Operator::Equal, text.clone(), true);
        check(Value::Text("b"), Operator::Equal, text, false);
        check(Value::Text("b"), Operator::Equal, Bound::Anything, true);
        check(Value::Text("b"), Operator::Equal, Bound::Nothing, false);
    }
}
