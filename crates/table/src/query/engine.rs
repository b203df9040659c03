//! Runs a statement: a connection in memory that can do nothing but read, the four tables, and a loop over the rows.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Statement};

use crate::error::TableError;
use crate::schema::TableName;

use super::answer::{Answer, Cell, Column, Sink};
use super::error::QueryError;
use super::functions;
use super::grouped;
use super::runs::{self, Named};
use super::source::{Listing, Source};
use super::statement::{self, Catalog, ColumnType, Prepared, TableInfo};
use super::values::{BOOLEAN, Type};
use super::vtab;

/// How often a query starts again because its parts were joined or rewritten under it.
const TRIES: usize = 3;

/// Stack of the thread that runs a query: SQLite and the parser recurse with the depth of an expression. Memory is
/// taken as it is used.
const STACK_BYTES: usize = 256 << 20;

/// Steps of SQLite's machine between two looks at whether to stop: about a millisecond's worth.
const STEPS_BETWEEN_LOOKS: i32 = 20_000;

/// Memory of each sort and of temporary tables; what is larger goes to temporary files.
const SORT_KIB: i32 = 256 << 10;

/// Longest text or value: a cell holds no more than an error message or a list of axis values.
const VALUE_BYTES: i32 = 64 << 20;

/// Threads that help with a sort.
const SORT_THREADS: i32 = 2;

/// Functions of SQLite that reach beyond the tables.
const REFUSED_FUNCTIONS: [&str; 3] = ["load_extension", "fts3_tokenizer", "sqlite_offset"];

/// Answers a query over the tables `trials`, `history`, `spectra` and `layers` of one run folder, or of several
/// below each other with a column `run` that names the folder. SQLite's dialect with DuckDB's function names. A
/// column that a folder lacks is null there.
///
/// Reads what is durable at this moment, also while the folder is being written. Blocks; do not call it on a thread
/// of an asynchronous runtime.
///
/// # Errors
/// [`QueryError`]: a folder that is no run, a statement that is refused, a part that cannot be read.
pub fn query(dirs: &[PathBuf], sql: &str) -> Result<Answer, QueryError> {
    let mut answer = Answer::default();
    query_into(dirs, sql, &Arc::default(), &mut answer)?;
    Ok(answer)
}

/// As [`query`], with each row handed on as it is found. Stops soon after `stop` becomes true.
///
/// # Errors
/// As [`query`]; [`QueryError::Interrupted`]; [`QueryError::Moved`] where rows were handed on already.
pub fn query_into(
    dirs: &[PathBuf],
    sql: &str,
    stop: &Arc<AtomicBool>,
    sink: &mut dyn Sink,
) -> Result<(), QueryError> {
    run(dirs, sql, None, stop, sink)
}

/// As [`query_into`], over the newest `parts` parts of each table of each folder alone: what was written last, at a
/// cost that does not grow with the run.
///
/// # Errors
/// As [`query_into`].
pub fn query_newest(
    dirs: &[PathBuf],
    sql: &str,
    parts: usize,
    stop: &Arc<AtomicBool>,
    sink: &mut dyn Sink,
) -> Result<(), QueryError> {
    run(dirs, sql, Some(parts), stop, sink)
}

fn run(
    dirs: &[PathBuf],
    sql: &str,
    newest: Option<usize>,
    stop: &Arc<AtomicBool>,
    sink: &mut dyn Sink,
) -> Result<(), QueryError> {
    if dirs.is_empty() {
        return Err(QueryError::NoRun);
    }
    let runs = runs::named(dirs);
    let mut job = Job {
        runs: &runs,
        newest,
        sql,
        stop,
        sink: Watched {
            sink,
            has_begun: false,
        },
    };
    let ran = std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
        let spawned = builder.spawn_scoped(scope, || job.run())?;
        Ok::<_, std::io::Error>(spawned.join().unwrap_or(Err(QueryError::Panic)))
    });
    // Where the system allows no more threads, this one has stack enough for all but the deepest statements.
    ran.unwrap_or_else(|_| job.run())
}

struct Job<'a> {
    runs: &'a [Named],
    /// Parts of a table that are read; `None` for all.
    newest: Option<usize>,
    sql: &'a str,
    stop: &'a Arc<AtomicBool>,
    sink: Watched<'a>,
}

/// A sink that knows whether it has been given anything.
struct Watched<'a> {
    sink: &'a mut dyn Sink,
    has_begun: bool,
}

impl Job<'_> {
    fn run(&mut self) -> Result<(), QueryError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let listing = Arc::new(runs::list(self.runs, self.newest)?);
            let answer = self.answer(&listing);
            match answer {
                Err(QueryError::Part(TableError::Open { .. })) if listing.has_moved() => {
                    if self.sink.has_begun {
                        return Err(QueryError::Moved);
                    }
                    if tries >= TRIES {
                        return answer;
                    }
                }
                answer => return answer,
            }
        }
    }

    fn answer(&mut self, listing: &Arc<Listing>) -> Result<(), QueryError> {
        let mut connection = connect(listing).map_err(QueryError::Engine)?;
        let catalog = catalog(&connection, listing, self.sql).map_err(|error| {
            let failure = listing.take_failure();
            failure.map_or(QueryError::Engine(error), QueryError::Part)
        })?;
        let prepared = statement::prepare(self.sql, &catalog)?;
        restrict(&mut connection, Arc::clone(self.stop)).map_err(QueryError::Engine)?;
        let answered = self.step(&connection, &prepared);
        match answered {
            Ok(()) => Ok(()),
            Err(Ended::Sink(error)) => Err(QueryError::Write(error)),
            Err(Ended::Engine(_)) if self.stop.load(Ordering::Relaxed) => {
                Err(QueryError::Interrupted)
            }
            Err(Ended::Engine(error)) => Err(match listing.take_failure() {
                Some(failure) => QueryError::Part(failure),
                None => QueryError::Statement(statement::explain(&error, &catalog)),
            }),
        }
    }

    fn step(&mut self, connection: &Connection, prepared: &Prepared) -> Result<(), Ended> {
        let mut statement = connection.prepare(&prepared.sql)?;
        let columns = columns(&statement, prepared);
        let mut rows = statement.raw_query();
        let mut is_first = true;
        loop {
            let row = rows.next()?;
            if is_first {
                // Only now: an error before the first row leaves no output.
                self.sink.has_begun = true;
                self.sink.sink.columns(&columns)?;
                is_first = false;
            }
            let Some(row) = row else {
                self.sink.sink.end()?;
                return Ok(());
            };
            let cells = columns
                .iter()
                .enumerate()
                .map(|(place, column)| Ok(cell(row.get_ref(place)?, column)))
                .collect::<rusqlite::Result<Vec<_>>>()?;
            self.sink.sink.row(&cells)?;
        }
    }
}

/// Why the rows ended early.
enum Ended {
    Engine(rusqlite::Error),
    Sink(std::io::Error),
}

impl From<rusqlite::Error> for Ended {
    fn from(error: rusqlite::Error) -> Self {
        Ended::Engine(error)
    }
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        Ended::Sink(error)
    }
}

fn columns(statement: &Statement<'_>, prepared: &Prepared) -> Vec<Column> {
    let of = |(place, column): (usize, rusqlite::Column<'_>)| {
        let header = prepared.headers.get(place).cloned().flatten();
        Column {
            name: header.unwrap_or_else(|| column.name().to_owned()),
            is_boolean: column.decl_type() == Some(BOOLEAN),
        }
    };
    statement.columns().enumerate().map(of).collect()
}

fn cell<'a>(value: ValueRef<'a>, column: &Column) -> Cell<'a> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(n) if column.is_boolean => Cell::Boolean(n != 0),
        ValueRef::Integer(n) => Cell::Integer(n),
        ValueRef::Real(x) => Cell::Real(x),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Cell::Text(text),
            Err(_) => Cell::Bytes(text),
        },
        ValueRef::Blob(bytes) => Cell::Bytes(bytes),
    }
}

/// A connection with the tables and the functions.
fn connect(listing: &Arc<Listing>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_in_memory_with_flags(flags)?;
    // A name in double quotes that is no column is an error and not a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, SORT_THREADS)?;
    connection.execute_batch(&format!(
        "PRAGMA case_sensitive_like = ON; PRAGMA temp_store = FILE; PRAGMA threads = {SORT_THREADS};
         PRAGMA cache_size = -{SORT_KIB}; PRAGMA temp.cache_size = -{SORT_KIB};"
    ))?;
    connection.create_module(vtab::MODULE, vtab::module(), Some(Arc::clone(listing)))?;
    for table in TableName::ALL {
        let (name, module) = (table.name(), vtab::MODULE);
        connection.execute_batch(&format!("CREATE VIRTUAL TABLE {name} USING {module}"))?;
    }
    connection.create_module(grouped::GROUPED, grouped::module(), None)?;
    functions::register(&connection)?;
    Ok(connection)
}

/// From now on the connection reads the tables and nothing else, until it is stopped.
fn restrict(connection: &mut Connection, stop: Arc<AtomicBool>) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA query_only = ON")?;
    connection.authorizer(Some(|context: AuthContext<'_>| allowed(&context.action)))?;
    let is_stopped = move || stop.load(Ordering::Relaxed);
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_stopped))
}

fn allowed(action: &AuthAction<'_>) -> Authorization {
    match action {
        AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Read { table_name, .. } if !table_name.starts_with("sqlite_") => {
            Authorization::Allow
        }
        AuthAction::Function { function_name }
            if !REFUSED_FUNCTIONS.contains(&function_name.to_lowercase().as_str()) =>
        {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

/// Everything that a statement may name.
fn catalog(
    connection: &Connection,
    listing: &Arc<Listing>,
    sql: &str,
) -> rusqlite::Result<Catalog> {
    let sql = sql.to_lowercase();
    let mut tables = Vec::new();
    for table in TableName::ALL {
        let source = Source::new(table, listing);
        // Whether a column has nulls matters to an order alone, and the footers say it.
        let is_ordered = sql.contains("order") && sql.contains(table.name());
        tables.push(TableInfo {
            name: table.name().to_owned(),
            never_null: if is_ordered {
                source.never_null()?
            } else {
                Vec::new()
            },
            columns: source
                .columns
                .into_iter()
                .map(|column| (column.name, type_of(column.kind)))
                .collect(),
        });
    }
    let (mut functions, mut aggregates) = (Vec::new(), Vec::new());
    let mut known = connection.prepare("SELECT DISTINCT name, type FROM pragma_function_list")?;
    let mut rows = known.query([])?;
    while let Some(row) = rows.next()? {
        let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
        if kind == "w" || kind == "a" {
            aggregates.push(name.clone());
        }
        functions.push(name);
    }
    Ok(Catalog {
        tables,
        functions,
        aggregates,
    })
}

fn type_of(kind: Type) -> ColumnType {
    match kind {
        Type::Integer => ColumnType::Integer,
        Type::Real => ColumnType::Real,
        Type::Text => ColumnType::Text,
        Type::Boolean => ColumnType::Boolean,
        Type::Timestamp => ColumnType::Timestamp,
    }
}
