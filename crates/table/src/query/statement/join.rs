//! Joins: their conditions, the columns USING merges, and those an outer join fills with nulls.

use sqlparser::ast::{Join, JoinConstraint, JoinOperator, TableFactor};

use super::binder::{Binder, Place, Source, at, same};
use super::error::{At, Result, StatementError};
use super::single::single;
use super::types::{Column, Node};

/// The side of a join that may be filled with nulls, and its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Inner,
    Left,
    Right,
    Full,
}

impl Side {
    fn words(self) -> &'static str {
        match self {
            Self::Inner => "JOIN",
            Self::Left => "LEFT JOIN",
            Self::Right => "RIGHT JOIN",
            Self::Full => "FULL JOIN",
        }
    }
}

impl<'q> Binder<'q> {
    pub(super) fn join(&mut self, left: Source, join: &'q Join) -> Result<Source> {
        let (side, constraint) = operator(&join.join_operator)?;
        let right = self.factor(&join.relation)?;
        let right_sql = match &join.relation {
            TableFactor::NestedJoin { .. } => format!("({})", right.sql),
            _ => right.sql.clone(),
        };
        let sql = format!("{} {} {right_sql}", left.sql, side.words());
        match constraint {
            JoinConstraint::None => {
                if !matches!(join.join_operator, JoinOperator::CrossJoin(_)) {
                    return Err(StatementError::wrong(
                        format!(
                            "{} needs ON or USING; CROSS JOIN pairs every row with every other",
                            side.words()
                        ),
                        At::default(),
                    ));
                }
                beside(left, right, sql)
            }
            JoinConstraint::On(condition) => {
                let mut source = beside(left.clone(), right.clone(), sql)?;
                let on = self.on(source.clone(), |binder| binder.condition(condition))?;
                source.sql = format!("{} ON {}", source.sql, on.sql);
                fill(&mut source, side, left.star.len(), left.relations.len());
                Ok(source)
            }
            JoinConstraint::Using(names) => {
                let names = names.iter().map(single).collect::<Result<Vec<_>>>()?;
                let names: Vec<(String, At)> = names
                    .iter()
                    .map(|name| (name.value.clone(), at(name)))
                    .collect();
                self.using(left, right, side, sql, &names)
            }
            JoinConstraint::Natural => {
                let shared = left.star.iter().filter(|column| {
                    right
                        .star
                        .iter()
                        .any(|other| same(&other.name, &column.name))
                });
                let shared: Vec<(String, At)> = shared
                    .map(|column| (column.name.clone(), At::default()))
                    .collect();
                if shared.is_empty() {
                    return Err(StatementError::wrong(
                        "NATURAL JOIN: the tables share no column; write ON or USING",
                        At::default(),
                    ));
                }
                self.using(left, right, side, sql, &shared)
            }
        }
    }

    /// Binds a condition that sees `source` alone.
    fn on(&mut self, source: Source, work: impl FnOnce(&mut Self) -> Result<Node>) -> Result<Node> {
        let before = std::mem::replace(&mut self.scope().source, source);
        let mark = self.free.len();
        let result = self.at_place(Place::On, work);
        self.scope().source = before;
        let scope = self.scopes.len().saturating_sub(1);
        self.absorb(scope, mark);
        result
    }

    /// USING and NATURAL as ON, so that a merged column means the same everywhere.
    fn using(
        &mut self,
        left: Source,
        right: Source,
        side: Side,
        sql: String,
        names: &[(String, At)],
    ) -> Result<Source> {
        let mut conditions = Vec::new();
        let mut merged: Vec<Column> = Vec::new();
        for (name, place) in names {
            let one = one_of(&left, name, *place)?;
            let other = one_of(&right, name, *place)?;
            let (one_node, other_node) = (node(&one), node(&other));
            let (first, second) = super::compare::compared(&one_node, &other_node, *place)?;
            conditions.push(format!("{first} = {second}"));
            merged.push(match side {
                Side::Inner | Side::Left => one,
                Side::Right => Column {
                    name: one.name,
                    ..other
                },
                Side::Full => Column {
                    sql: format!("coalesce({}, {})", one.sql, other.sql),
                    never_null: one.never_null && other.never_null,
                    kind: one.kind.or(other.kind),
                    name: one.name,
                },
            });
        }
        let (columns, tables) = (left.star.len(), left.relations.len());
        let mut source = beside(
            left,
            right,
            format!("{sql} ON {}", conditions.join(" AND ")),
        )?;
        fill(&mut source, side, columns, tables);
        let mut position = 0;
        source.star.retain_mut(|column| {
            position += 1;
            match merged
                .iter()
                .find(|merged| same(&merged.name, &column.name))
            {
                Some(merged) if position <= columns => {
                    *column = merged.clone();
                    true
                }
                Some(_) => false,
                None => true,
            }
        });
        Ok(source)
    }
}

fn operator(operator: &JoinOperator) -> Result<(Side, &JoinConstraint)> {
    let refused =
        |what: &str, instead: &str| Err(StatementError::unsupported(what, instead, At::default()));
    match operator {
        JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) => {
            Ok((Side::Inner, on))
        }
        JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => Ok((Side::Left, on)),
        JoinOperator::Right(on) | JoinOperator::RightOuter(on) => Ok((Side::Right, on)),
        JoinOperator::FullOuter(on) => Ok((Side::Full, on)),
        JoinOperator::Semi(_) | JoinOperator::LeftSemi(_) | JoinOperator::RightSemi(_) => {
            refused("SEMI JOIN", "write WHERE EXISTS (SELECT ...)")
        }
        JoinOperator::Anti(_) | JoinOperator::LeftAnti(_) | JoinOperator::RightAnti(_) => {
            refused("ANTI JOIN", "write WHERE NOT EXISTS (SELECT ...)")
        }
        JoinOperator::AsOf { .. } => refused(
            "ASOF JOIN",
            "join on an inequality and keep the nearest row with QUALIFY row_number() OVER (...) = 1",
        ),
        JoinOperator::CrossApply | JoinOperator::OuterApply => refused("APPLY", "write a JOIN"),
        JoinOperator::StraightJoin(_) => refused("STRAIGHT_JOIN", "write JOIN"),
        JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin => {
            refused("ARRAY JOIN", "")
        }
    }
}

/// Two sources side by side.
pub(super) fn beside(left: Source, right: Source, sql: String) -> Result<Source> {
    for relation in &right.relations {
        if left
            .relations
            .iter()
            .any(|other| same(&other.alias, &relation.alias))
        {
            return Err(StatementError::wrong(
                format!(
                    "two tables of this FROM are called `{}`; give one another name with AS",
                    relation.alias
                ),
                At::default(),
            ));
        }
    }
    Ok(Source {
        sql,
        relations: left.relations.into_iter().chain(right.relations).collect(),
        star: left.star.into_iter().chain(right.star).collect(),
    })
}

/// Marks the columns that an outer join fills with nulls. The first `columns` and `tables` are those of the left side.
fn fill(source: &mut Source, side: Side, columns: usize, tables: usize) {
    let (left, right) = match side {
        Side::Inner => (false, false),
        Side::Left => (false, true),
        Side::Right => (true, false),
        Side::Full => (true, true),
    };
    for (index, column) in source.star.iter_mut().enumerate() {
        column.never_null &= !(if index < columns { left } else { right });
    }
    for (index, relation) in source.relations.iter_mut().enumerate() {
        for column in &mut relation.columns {
            column.never_null &= !(if index < tables { left } else { right });
        }
    }
}

fn node(column: &Column) -> Node {
    Node::new(column.sql.clone(), column.name.clone(), column.kind)
}

fn one_of(source: &Source, name: &str, place: At) -> Result<Column> {
    let found: Vec<&Column> = source
        .star
        .iter()
        .filter(|column| same(&column.name, name))
        .collect();
    match found.as_slice() {
        [column] => Ok((*column).clone()),
        [] => Err(StatementError::NoColumn {
            name: name.to_owned(),
            place: " on one side of USING".to_owned(),
            near: super::suggest::near(name, source.star.iter().map(|column| column.name.as_str())),
            hint: String::new(),
            at: place,
        }),
        several => Err(StatementError::Ambiguous {
            name: name.to_owned(),
            choices: several
                .iter()
                .map(|column| column.sql.replace('"', ""))
                .collect::<Vec<_>>()
                .join(" or ")
                + " in ON",
            at: place,
        }),
    }
}
