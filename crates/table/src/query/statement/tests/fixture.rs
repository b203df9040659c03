//! Two runs' worth of small tables in SQLite, with plain stand-ins for the functions that others write.

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};

use super::super::super::{functions, grouped};
use super::super::{Catalog, ColumnType, StatementError, TableInfo, explain, prepare};

pub(crate) const TABLES: &str = "
CREATE TABLE trials (trial INTEGER, id TEXT, network_depth INTEGER, train_loss REAL, test_loss REAL, name TEXT, converged BOOLEAN,
  started TIMESTAMP, problem_rank INTEGER);
INSERT INTO trials VALUES
 (0, 'a0', 1, 0.5, 0.6, 'Adam', 1, '2024-01-01 10:00:00', 2),
 (1, 'a1', 2, 0.25, NULL, 'sgd', 0, '2024-01-01 11:30:00', 2),
 (2, 'a2', 2, NULL, 0.4, 'adam', 1, '2024-01-02 00:00:00', 3),
 (3, 'a3', 3, 0.125, 0.2, NULL, NULL, NULL, 3),
 (4, 'a4', 3, 2.0, 1.5, 'sgd', 0, '2024-02-01 08:00:00', 4),
 (5, 'a5', NULL, 1.0, 0.75, 'Muon', 1, '2024-03-01 09:15:00', 4);
CREATE TABLE history (trial INTEGER, step INTEGER, loss REAL);
INSERT INTO history VALUES (0, 0, 2.0), (0, 10, 1.0), (0, 20, 0.5), (1, 0, 3.0), (1, 10, NULL), (1, 20, 0.25), (4, 0, 5.0), (9, 0, 7.0);
CREATE TABLE spectra (trial INTEGER, layer INTEGER, \"index\" INTEGER, value REAL);
INSERT INTO spectra VALUES (0, 0, 0, 3.0), (0, 0, 1, 1.0), (1, 0, 0, 4.0);
";

pub(crate) fn catalog(connection: &Connection) -> Catalog {
    use ColumnType::{Boolean, Integer, Real, Text, Timestamp};
    let table = |name: &str, columns: &[(&str, ColumnType)]| TableInfo {
        name: name.to_owned(),
        columns: columns
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), *kind))
            .collect(),
        never_null: ["trial", "step", "id", "layer", "index", "run"]
            .map(str::to_owned)
            .into(),
    };
    let mut catalog = Catalog {
        tables: vec![
            table(
                "trials",
                &[
                    ("trial", Integer),
                    ("id", Text),
                    ("network_depth", Integer),
                    ("train_loss", Real),
                    ("test_loss", Real),
                    ("name", Text),
                    ("converged", Boolean),
                    ("started", Timestamp),
                    ("problem_rank", Integer),
                ],
            ),
            table(
                "history",
                &[("trial", Integer), ("step", Integer), ("loss", Real)],
            ),
            table(
                "spectra",
                &[
                    ("trial", Integer),
                    ("layer", Integer),
                    ("index", Integer),
                    ("value", Real),
                ],
            ),
        ],
        ..Catalog::default()
    };
    let mut statement = connection
        .prepare("SELECT DISTINCT name, type FROM pragma_function_list")
        .expect("functions");
    let rows = statement
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .expect("rows");
    for row in rows {
        let (name, kind) = row.expect("row");
        if kind == "s" {
            catalog.functions.push(name)
        } else {
            catalog.aggregates.push(name)
        }
    }
    catalog
}

type Collected = fn(Vec<Vec<Value>>) -> Value;

/// An aggregate over all values of its first argument; the others come with each.
struct Collect(Collected);

impl Aggregate<Vec<Vec<Value>>, Value> for Collect {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Vec<Vec<Value>>> {
        Ok(Vec::new())
    }

    fn step(&self, context: &mut Context<'_>, rows: &mut Vec<Vec<Value>>) -> rusqlite::Result<()> {
        let row: rusqlite::Result<Vec<Value>> =
            (0..context.len()).map(|index| context.get(index)).collect();
        rows.push(row?);
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        rows: Option<Vec<Vec<Value>>>,
    ) -> rusqlite::Result<Value> {
        Ok((self.0)(rows.unwrap_or_default()))
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        _ => None,
    }
}

fn quantile(rows: Vec<Vec<Value>>) -> Value {
    let share = rows
        .first()
        .and_then(|row| row.get(1))
        .and_then(number)
        .unwrap_or(0.5);
    let mut numbers: Vec<f64> = rows.iter().filter_map(|row| number(&row[0])).collect();
    numbers.sort_by(f64::total_cmp);
    let Some(last) = numbers.len().checked_sub(1) else {
        return Value::Null;
    };
    let at = share * last as f64;
    let (low, high) = (numbers[at.floor() as usize], numbers[at.ceil() as usize]);
    Value::Real(low + (high - low) * (at - at.floor()))
}

fn deviation(rows: Vec<Vec<Value>>) -> Value {
    let numbers: Vec<f64> = rows.iter().filter_map(|row| number(&row[0])).collect();
    if numbers.len() < 2 {
        return Value::Null;
    }
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    Value::Real((squares / (numbers.len() - 1) as f64).sqrt())
}

fn first(rows: Vec<Vec<Value>>) -> Value {
    rows.into_iter()
        .next()
        .and_then(|row| row.into_iter().next())
        .unwrap_or(Value::Null)
}

fn arg_max(rows: Vec<Vec<Value>>) -> Value {
    let mut best: Option<(f64, Value)> = None;
    for row in rows {
        if let Some(rank) = number(&row[1])
            && best.as_ref().is_none_or(|(top, _)| rank > *top)
        {
            best = Some((rank, row[0].clone()));
        }
    }
    best.map_or(Value::Null, |(_, value)| value)
}

fn user_error(text: String) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(text.into())
}

fn as_number(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Integer(number) => Some(number as f64),
        ValueRef::Real(number) => Some(number),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        _ => None,
    }
}

fn casts(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8;
    for (name, attempt, whole) in [
        ("cast_integer", false, true),
        ("try_cast_integer", true, true),
        ("cast_real", false, false),
        ("try_cast_real", true, false),
    ] {
        connection.create_scalar_function(name, 1, flags, move |context| {
            let value = context.get_raw(0);
            match (value, as_number(value)) {
                (ValueRef::Null, _) => Ok(Value::Null),
                (_, Some(number)) if whole => Ok(Value::Integer(number.round_ties_even() as i64)),
                (_, Some(number)) => Ok(Value::Real(number)),
                (_, None) if attempt => Ok(Value::Null),
                (value, None) => Err(user_error(format!("cannot read {value:?} as a number"))),
            }
        })?;
    }
    for name in ["cast_boolean", "try_cast_boolean"] {
        connection.create_scalar_function(name, 1, flags, |context| {
            Ok(match context.get_raw(0) {
                ValueRef::Text(text) => {
                    Value::Integer(i64::from(text.eq_ignore_ascii_case(b"true")))
                }
                other => as_number(other).map_or(Value::Null, |number| {
                    Value::Integer(i64::from(number != 0.0))
                }),
            })
        })?;
    }
    Ok(())
}

fn times(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8;
    for name in ["timestamp", "try_timestamp"] {
        connection.create_scalar_function(name, 1, flags, |context| {
            let text: Option<String> = context.get(0)?;
            Ok(text.map(|text| {
                if text.len() == 10 {
                    format!("{text} 00:00:00")
                } else {
                    text
                }
            }))
        })?;
    }
    connection.create_scalar_function("date_part", 2, flags, |context| {
        let (field, time): (String, Option<String>) = (context.get(0)?, context.get(1)?);
        let range = match field.as_str() {
            "year" => 0..4,
            "month" => 5..7,
            "day" => 8..10,
            "hour" => 11..13,
            other => return Err(user_error(format!("no field {other}"))),
        };
        Ok(time.and_then(|time| time.get(range)?.parse::<i64>().ok()))
    })?;
    // A stand-in that shows its arguments.
    connection.create_scalar_function("date_add", 3, flags, |context| {
        let (time, count, unit): (Option<String>, Value, String) =
            (context.get(0)?, context.get(1)?, context.get(2)?);
        Ok(time.map(|time| format!("{time} {} {unit}", number(&count).unwrap_or_default())))
    })?;
    connection.create_scalar_function("date_trunc", 2, flags, |context| {
        context.get::<Option<String>>(1)
    })?;
    connection.create_scalar_function("date_diff", 3, flags, |_| Ok(0))?;
    connection.create_scalar_function("epoch", 1, flags, |_| Ok(0.0))
}

fn texts(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8;
    connection.create_scalar_function("regexp_matches", 2, flags, |context| {
        let (text, pattern): (Option<String>, String) = (context.get(0)?, context.get(1)?);
        Ok(text.map(|text| match pattern.strip_prefix("(?i)") {
            Some(pattern) => text.to_lowercase().contains(&pattern.to_lowercase()),
            None => text.contains(&pattern),
        }))
    })?;
    connection.create_scalar_function("regexp_full_match", 2, flags, |context| {
        let (text, pattern): (Option<String>, String) = (context.get(0)?, context.get(1)?);
        Ok(text.map(|text| text == pattern))
    })?;
    connection.create_scalar_function("pow", 2, flags, |context| {
        Ok(context.get::<f64>(0)?.powf(context.get(1)?))
    })?;
    connection.create_scalar_function("mod", 2, flags, |context| {
        let (one, other): (Option<f64>, Option<f64>) = (context.get(0)?, context.get(1)?);
        Ok(one.zip(other).map(|(one, other)| one % other))
    })?;
    connection.create_scalar_function("ceil", 1, flags, |context| {
        Ok(context.get::<Option<f64>>(0)?.map(f64::ceil))
    })?;
    connection.create_scalar_function("floor", 1, flags, |context| {
        Ok(context.get::<Option<f64>>(0)?.map(f64::floor))
    })?;
    connection.create_scalar_function("greatest", -1, flags, |context| {
        let numbers = (0..context.len()).filter_map(|index| as_number(context.get_raw(index)));
        Ok(numbers.reduce(f64::max))
    })
}

pub(crate) fn open() -> Connection {
    let connection = Connection::open_in_memory().expect("memory");
    connection.execute_batch(TABLES).expect("tables");
    connection
        .execute_batch("PRAGMA case_sensitive_like = ON")
        .expect("like");
    let dqs = rusqlite::config::DbConfig::SQLITE_DBCONFIG_DQS_DML;
    connection.set_db_config(dqs, false).expect("double quotes");
    casts(&connection)
        .and_then(|()| times(&connection))
        .and_then(|()| texts(&connection))
        .expect("functions");
    connection
        .create_module(grouped::GROUPED, grouped::module(), None)
        .expect("module");
    let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8;
    let aggregates: [(&str, i32, Collected); 8] = [
        ("median", 1, quantile),
        ("quantile_cont", 2, quantile),
        ("quantile_disc", 2, quantile),
        ("stddev", 1, deviation),
        ("first", 1, first),
        ("any_value", 1, first),
        ("arg_max", 2, arg_max),
        ("approx_count_distinct", 1, |rows| {
            let mut seen: Vec<Value> = Vec::new();
            for value in rows.into_iter().flatten() {
                if value != Value::Null && !seen.contains(&value) {
                    seen.push(value);
                }
            }
            Value::Integer(seen.len() as i64)
        }),
    ];
    functions::register_only_row(&connection, flags).expect("aggregate");
    for (name, arguments, function) in aggregates {
        connection
            .create_aggregate_function(name, arguments, flags, Collect(function))
            .expect("aggregate");
    }
    connection
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(_) => "blob".to_owned(),
    }
}

/// The header and the rows, or the error.
pub(crate) fn run(sql: &str) -> Result<(Vec<String>, Vec<Vec<String>>), StatementError> {
    let connection = open();
    let catalog = catalog(&connection);
    let prepared = prepare(sql, &catalog)?;
    let failed = |error: rusqlite::Error| explain(&error, &catalog);
    let mut statement = connection.prepare(&prepared.sql).map_err(failed)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    if !prepared.headers.is_empty() {
        let headers: Vec<String> = prepared.headers.iter().flatten().cloned().collect();
        assert_eq!(headers, names, "{sql}: the headers are SQLite's names");
    }
    let mut rows = statement.query([]).map_err(failed)?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        lines.push(
            (0..names.len())
                .map(|index| row.get_ref(index).map(shown).unwrap_or_default())
                .collect(),
        );
    }
    Ok((names, lines))
}

/// The rows as lines of values with commas between.
pub(crate) fn rows(sql: &str) -> String {
    match run(sql) {
        Ok((_, rows)) => rows
            .iter()
            .map(|row| row.join(","))
            .collect::<Vec<_>>()
            .join("\n"),
        Err(error) => panic!("{sql}: {error}\n{}", sql_of(sql)),
    }
}

pub(crate) fn headers(sql: &str) -> Vec<String> {
    match run(sql) {
        Ok((names, _)) => names,
        Err(error) => panic!("{sql}: {error}\n{}", sql_of(sql)),
    }
}

pub(crate) fn error(sql: &str) -> String {
    match run(sql) {
        Ok((names, rows)) => panic!("{sql}: gives {names:?} {rows:?}"),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn sql_of(sql: &str) -> String {
    let catalog = catalog(&open());
    prepare(sql, &catalog).map_or_else(|error| error.to_string(), |prepared| prepared.sql)
}
