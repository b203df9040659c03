//! The tables of a page that sort and filter: settings and trials, as many as a page takes.

use serde_json::{Number, Value, json};

use super::writer::Html;
use crate::describe::Description;
use crate::error::ReportError;
use crate::facts::{Ask, Axis, Row, level, named_columns, place, with_comma};
use crate::words::{grouped, number, shortened};

/// Rows of a table on a page: some 150 bytes each.
const ROWS: u64 = 5000;

/// Bytes of a table's data; a table with longer rows has fewer rows.
const BYTES: usize = 1_500_000;

/// Rows that a page shows without its script, and on paper.
const STATIC_ROWS: usize = 25;

/// Longest text in a cell.
const CELL_CHARS: usize = 80;

/// Significant digits of a number.
const DIGITS: usize = 6;

/// Values of the first hexadecimal digits of an id that choose a sample.
const ID_DIGITS: usize = 6;

/// A table with its rows.
pub(crate) struct Listing {
    /// Of its element.
    id: &'static str,
    name: &'static str,
    columns: Vec<(String, bool)>,
    rows: Vec<Vec<Value>>,
    /// What it shows, in a sentence.
    note: String,
}

impl Listing {
    /// The settings of the runs: trials that differ in their replicate alone, the best first.
    pub(crate) fn settings(
        ask: &Ask<'_>,
        about: &Description,
    ) -> Result<Option<Listing>, ReportError> {
        let axes: Vec<Axis> = about
            .axes
            .iter()
            .filter(|axis| !axis.is_replicate)
            .cloned()
            .collect();
        if axes.is_empty() || axes.len() == about.axes.len() {
            return Ok(None);
        }
        let keys = named_columns(axes.iter().flat_map(|axis| &axis.columns));
        let mut values = vec!["count(*) AS trials".to_owned()];
        let mut columns: Vec<(String, bool)> =
            axes.iter().map(|axis| (axis.name.clone(), false)).collect();
        columns.push(("trials".to_owned(), true));
        for status in ["diverged", "failed"] {
            if about.outcome.count(status) > 0 {
                values.push(format!(
                    "sum(CASE WHEN status = '{status}' THEN 1 ELSE 0 END) AS {status}"
                ));
                columns.push((status.to_owned(), true));
            }
        }
        for measure in &about.outcome.measures {
            let of = format!("CASE WHEN status = 'completed' THEN {} END", measure.column);
            let words = measure.words();
            values.push(format!("median({of}) AS \"median {words}\""));
            columns.push((format!("median {words}"), true));
            if Some(measure) == about.outcome.judged_by() {
                values.push(format!(
                    "min({of}) AS \"least {words}\", max({of}) AS \"largest {words}\""
                ));
                columns.push((format!("least {words}"), true));
                columns.push((format!("largest {words}"), true));
            }
        }
        let order = about.outcome.judged_by().map_or("1".to_owned(), |measure| {
            let order = match measure.goal {
                crate::facts::Goal::Most => "DESC",
                crate::facts::Goal::Least | crate::facts::Goal::Neither => "ASC",
            };
            format!("\"median {}\" {order}", measure.words())
        });
        let answer = ask.rows(&format!(
            "SELECT {keys}, {}, count(*) OVER () AS \"all settings\" FROM trials GROUP BY {keys} ORDER BY {order}, {keys} LIMIT {ROWS}",
            values.join(", ")
        ))?;
        let all = Row::first(&answer).map_or(0, |row| row.count("all settings"));
        let rows = Row::all(&answer).map(|row| cells(&row, &axes, &columns[axes.len()..]));
        let rows = bounded(rows);
        mark_numbers(&mut columns, &rows);
        let note = match rows.len() as u64 {
            shown if shown < all => format!(
                "The best {} of {} settings; replicates are in one row.",
                grouped(shown),
                grouped(all)
            ),
            _ => "Every setting; replicates are in one row.".to_owned(),
        };
        Ok(Some(Listing {
            id: "settings",
            name: "settings",
            columns,
            rows,
            note,
        }))
    }

    /// The trials of the runs; a sample by their ids where there are more than a page takes.
    pub(crate) fn trials(ask: &Ask<'_>, about: &Description) -> Result<Listing, ReportError> {
        let axes = &about.axes;
        let mut columns = vec![("trial".to_owned(), true)];
        columns.extend(axes.iter().map(|axis| (axis.name.clone(), false)));
        let mut values = vec!["status"];
        values.extend(about.outcome.measures.iter().map(|measure| measure.column));
        values.extend([
            "steps",
            "engine",
            "core_width",
            "reduction_residual",
            "train_seconds",
        ]);
        columns.extend(values.iter().map(|&name| {
            let is_number = name != "status" && name != "engine";
            (name.to_owned(), is_number)
        }));
        let all = about.outcome.trials;
        let sample = sample(all);
        let answer = ask.rows(&format!(
            "SELECT {} trial, {} FROM trials {sample} ORDER BY trial LIMIT {ROWS}",
            with_comma(axes),
            values.join(", ")
        ))?;
        let after = &columns[axes.len() + 1..];
        let rows = Row::all(&answer).map(|row| {
            let mut all = vec![json!(row.count("trial"))];
            all.extend(cells(&row, axes, after));
            all
        });
        let rows = bounded(rows);
        mark_numbers(&mut columns, &rows);
        let note = match rows.len() as u64 {
            shown if shown < all => format!(
                "{} of {} trials, chosen by their ids, which are independent of the axes.",
                grouped(shown),
                grouped(all)
            ),
            _ => "Every trial.".to_owned(),
        };
        Ok(Listing {
            id: "all-trials",
            name: "trials",
            columns,
            rows,
            note,
        })
    }

    pub(crate) fn write(&self, html: &mut Html) {
        html.words("p", &[("class", "soft")], &self.note);
        let tools = format!("{}-tools", self.id);
        html.element("div", &[("class", "tools"), ("id", &tools)], |_| {});
        let region = [
            ("class", "scroll wide"),
            ("tabindex", "0"),
            ("role", "region"),
            ("aria-label", self.name),
        ];
        html.element("div", &region, |html| {
            html.element("table", &[("id", self.id)], |html| {
                html.element("thead", &[], |html| {
                    html.element("tr", &[], |html| {
                        for (name, is_number) in &self.columns {
                            let class = if *is_number { "number" } else { "" };
                            html.words("th", &[("scope", "col"), ("class", class)], name);
                        }
                    });
                });
                html.element("tbody", &[], |html| {
                    for row in self.rows.iter().take(STATIC_ROWS) {
                        self.write_row(row, html);
                    }
                });
            });
        });
        let columns: Vec<Value> = self
            .columns
            .iter()
            .map(|(name, is_number)| json!({ "name": name, "number": is_number }))
            .collect();
        let attributes = [("data-table", self.id), ("data-name", self.name)];
        html.data(
            &attributes,
            &json!({ "columns": columns, "rows": self.rows }),
        );
    }

    fn write_row(&self, row: &[Value], html: &mut Html) {
        html.element("tr", &[], |html| {
            for ((name, is_number), value) in self.columns.iter().zip(row) {
                let text = match value {
                    Value::Null => "-".to_owned(),
                    Value::Number(found) if found.is_f64() => {
                        number(found.as_f64().unwrap_or_default())
                    }
                    Value::String(text) => text.clone(),
                    Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                        value.to_string()
                    }
                };
                let class = match (name.as_str(), is_number) {
                    ("status", _) => text.as_str(),
                    (_, true) => "number",
                    (_, false) => "",
                };
                html.words("td", &[("class", class)], &text);
            }
        });
    }
}

/// Columns whose every value is a number are columns of numbers: axes may hold either.
fn mark_numbers(columns: &mut [(String, bool)], rows: &[Vec<Value>]) {
    for (at, (_, is_number)) in columns.iter_mut().enumerate() {
        let mut cells = rows.iter().filter_map(|row| row.get(at));
        *is_number |= !rows.is_empty() && cells.all(Value::is_number);
    }
}

/// A condition that chooses about as many trials as a page takes.
fn sample(trials: u64) -> String {
    if trials <= ROWS {
        return String::new();
    }
    let all = 16_u64.pow(ID_DIGITS as u32);
    // A twentieth less: chance must not lead beyond the limit, which would cut the trials of the largest numbers.
    let share = (all as f64 * 0.95 * ROWS as f64 / trials as f64).ceil() as u64;
    format!("WHERE id < '{share:0ID_DIGITS$x}'")
}

/// As many rows as the bytes allow.
fn bounded(rows: impl Iterator<Item = Vec<Value>>) -> Vec<Vec<Value>> {
    let mut bytes = 0;
    rows.take_while(|row| {
        let row: usize = row.iter().map(|cell| cell.to_string().len() + 1).sum();
        bytes += row + 2;
        bytes <= BYTES
    })
    .collect()
}

fn cells(row: &Row<'_>, axes: &[Axis], after: &[(String, bool)]) -> Vec<Value> {
    let axis_cell = |axis: &Axis| match axis.columns.as_slice() {
        [column] => row.value(column).map_or(Value::Null, cell),
        _ => {
            let text = place(row, std::slice::from_ref(axis)).remove(0).1;
            json!(shortened(&text, CELL_CHARS))
        }
    };
    let after = after
        .iter()
        .map(|(name, _)| row.value(name).map_or(Value::Null, cell));
    axes.iter().map(axis_cell).chain(after).collect()
}

fn cell(value: &table::Value) -> Value {
    match value {
        table::Value::Null | table::Value::Bytes(_) => Value::Null,
        table::Value::Integer(n) => json!(n),
        table::Value::Real(x) => rounded(*x),
        table::Value::Boolean(_) | table::Value::Text(_) => {
            json!(shortened(&level(value), CELL_CHARS))
        }
    }
}

/// A number to the digits that a page shows; JSON has no infinities.
fn rounded(x: f64) -> Value {
    let text = format!("{x:.decimals$e}", decimals = DIGITS - 1);
    let short = text.parse::<f64>().unwrap_or(x);
    Number::from_f64(short).map_or_else(|| json!(number(x)), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_runs_are_sampled_by_id() {
        assert_eq!(sample(ROWS), "");
        assert_eq!(sample(2 * ROWS), "WHERE id < '79999a'");
        assert_eq!(sample(1_000_000), "WHERE id < '01374c'");
    }

    #[test]
    fn rows_are_bounded_by_bytes() {
        let long = vec![json!("x".repeat(1000))];
        let rows = bounded(std::iter::repeat_n(long, 10_000));
        assert!(rows.len() < 1500 && rows.len() > 1400, "{}", rows.len());
    }

    #[test]
    fn numbers_are_short_and_none_is_lost() {
        assert_eq!(rounded(0.123_456_789).to_string(), "0.123457");
        assert_eq!(rounded(1e-300).to_string(), "1e-300");
        assert_eq!(rounded(f64::INFINITY), json!("infinite"));
    }
}
