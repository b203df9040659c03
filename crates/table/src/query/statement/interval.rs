//! A time and an INTERVAL.

use sqlparser::ast::{Expr, Interval, Value};

use super::binder::Binder;
use super::constants::place;
use super::error::{At, Result, StatementError};
use super::types::{Kind, Node, text};

impl<'q> Binder<'q> {
    /// A time and an INTERVAL.
    pub(super) fn shifted(
        &mut self,
        time: &'q Expr,
        interval: &'q Interval,
        back: bool,
    ) -> Result<Node> {
        let node = self.expr(time)?;
        if !matches!(
            node.kind,
            Kind::Timestamp | Kind::Date | Kind::Unknown | Kind::Null
        ) {
            return Err(StatementError::Argument {
                function: "INTERVAL".to_owned(),
                wanted: "timestamp",
                argument: node.described(),
                at: place(time),
            });
        }
        let steps = self.interval(interval)?;
        let mut sql = node.sql;
        let mut heads = Vec::new();
        for (count, unit) in steps {
            let amount = if back {
                format!("-({count})")
            } else {
                count.clone()
            };
            sql = format!("date_add({sql}, {amount}, {})", text(&unit));
            heads.push(format!("{count} {unit}"));
        }
        let sign = if back { "-" } else { "+" };
        let head = format!(
            "({} {sign} CAST('{}' AS INTERVAL))",
            node.head,
            heads.join(" ")
        );
        Ok(Node::new(sql, head, Kind::Timestamp))
    }

    /// The numbers and units of an INTERVAL.
    fn interval(&mut self, interval: &'q Interval) -> Result<Vec<(String, String)>> {
        if interval.last_field.is_some() || interval.leading_precision.is_some() {
            return Err(StatementError::unsupported(
                format!("`{interval}`"),
                "write INTERVAL '1 day 2 hours'",
                At::default(),
            ));
        }
        if let Some(field) = &interval.leading_field {
            let node = self.expr(&interval.value)?;
            let unit = unit(&field.to_string(), interval)?;
            let count = match node.kind {
                Kind::Text => node
                    .sql
                    .trim_matches('\'')
                    .trim()
                    .parse::<f64>()
                    .map(|number| number.to_string())
                    .map_err(|_| wrong(interval))?,
                _ => node.sql,
            };
            return Ok(vec![(count, unit)]);
        }
        let Expr::Value(value) = interval.value.as_ref() else {
            return Err(wrong(interval));
        };
        let Value::SingleQuotedString(words) = &value.value else {
            return Err(wrong(interval));
        };
        let words: Vec<&str> = words.split_whitespace().collect();
        // More units than there are kinds of them is no interval.
        if words.is_empty() || words.len() > 20 || words.len() % 2 == 1 {
            return Err(wrong(interval));
        }
        let pairs = words.chunks(2).map(|pair| {
            let number: f64 = pair[0].parse().map_err(|_| wrong(interval))?;
            if !number.is_finite() {
                return Err(wrong(interval));
            }
            Ok((pair[0].to_owned(), unit(pair[1], interval)?))
        });
        pairs.collect()
    }
}

fn wrong(interval: &Interval) -> StatementError {
    StatementError::wrong(
        format!("cannot read `{interval}`; write INTERVAL '1 day' or INTERVAL 3 HOUR"),
        At::default(),
    )
}

/// The unit's plain name.
fn unit(word: &str, interval: &Interval) -> Result<String> {
    let lower = word.to_lowercase();
    let singular = lower.strip_suffix('s').unwrap_or(&lower);
    let plain = match singular {
        "microsecond" | "us" => "microsecond",
        "millisecond" | "m" if lower != "m" => "millisecond",
        "second" | "sec" | "" => "second",
        "minute" | "min" | "m" => "minute",
        "hour" | "h" => "hour",
        "day" | "d" => "day",
        "week" | "w" => "week",
        "month" | "mon" => "month",
        "quarter" => "quarter",
        "year" | "y" => "year",
        _ => return Err(wrong(interval)),
    };
    Ok(plain.to_owned())
}
