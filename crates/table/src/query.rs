//! SQL over run folders: four tables, each there even when empty.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use polars::prelude::{
    DataFrame, DataType, HiveOptions, IntoLazy as _, LazyFrame, NULL, PlRefPath, PlSmallStr,
    PolarsError, PolarsResult, ScanArgsParquet, Schema, UnionArgs, all, col, concat, lit,
};
use polars::sql::SQLContext;

use crate::folder::{Alike, FolderError, Layout, readable_parts};
use crate::schema::{TableName, schema};

/// How often a query starts again because its parts were joined or rewritten under it.
const TRIES: usize = 3;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    #[error("no run folder was named")]
    NoRun,
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Sql(#[from] PolarsError),
    #[error("the query engine gave up; a simpler query may do")]
    Panic,
    #[error("the answer cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

/// Answers a query in polars' dialect over the tables `trials`, `history`, `spectra` and `layers` of one run
/// folder, or of several below each other with a column `run` that holds the folder's name. A column that a
/// folder lacks is null there.
///
/// Reads what is durable at this moment, also while the folder is being written. Blocks and starts threads of
/// its own; do not call it on a thread of an asynchronous runtime.
///
/// # Errors
/// [`QueryError`]: a folder that is no run, or a query that polars refuses with its reason.
pub fn query(dirs: &[PathBuf], sql: &str) -> Result<DataFrame, QueryError> {
    if dirs.is_empty() {
        return Err(QueryError::NoRun);
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let runs = dirs
            .iter()
            .map(|dir| Run::list(dir))
            .collect::<Result<Vec<_>, _>>()?;
        // Some features of SQL that polars was built without end in a panic.
        let answer =
            catch_unwind(AssertUnwindSafe(|| answer(&runs, sql))).unwrap_or(Err(QueryError::Panic));
        let moved = || runs.iter().any(Run::has_moved);
        if answer.is_ok() || tries >= TRIES || !moved() {
            return answer;
        }
    }
}

/// A run folder's parts as listed at one moment.
struct Run {
    name: String,
    tables: Vec<(TableName, Vec<Alike>)>,
}

impl Run {
    fn list(dir: &Path) -> Result<Run, FolderError> {
        let layout = Layout::new(dir);
        Ok(Run {
            name: name_of(dir),
            tables: readable_parts(&layout)?,
        })
    }

    fn parts(&self, table: TableName) -> &[Alike] {
        match self.tables.iter().find(|(of, _)| *of == table) {
            Some((_, paths)) => paths,
            None => &[],
        }
    }

    fn has_moved(&self) -> bool {
        self.tables
            .iter()
            .flat_map(|(_, parts)| parts.iter().flatten())
            .any(|path| !path.exists())
    }
}

/// Last part of the path, also of `.` and `..`.
fn name_of(dir: &Path) -> String {
    let last = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    last(dir)
        .or_else(|| dir.canonicalize().ok().and_then(|path| last(&path)))
        .unwrap_or_else(|| dir.display().to_string())
}

fn answer(runs: &[Run], sql: &str) -> Result<DataFrame, QueryError> {
    let mut context = SQLContext::new();
    for table in TableName::ALL {
        let frames = runs
            .iter()
            .map(|run| Ok((run.name.as_str(), scan(table, run.parts(table))?)))
            .collect::<PolarsResult<Vec<_>>>()?;
        context.register(table.name(), below_each_other(frames)?);
    }
    let frame = context.execute(&with_points(sql))?;
    // polars counts the rows of frames below each other with a type that it was built without; it can do so the
    // slow way.
    let again = frame.clone().with_projection_pushdown(false);
    Ok(frame.collect().or_else(|_| again.collect())?)
}

/// The same query with a point in every number that has an exponent: polars takes `1.0e-10`, and not `1e-10`.
fn with_points(sql: &str) -> String {
    let bytes = sql.as_bytes();
    let mut out = String::with_capacity(sql.len());
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => {
                // A doubled quote inside ends one text and begins the next, which changes nothing here.
                let end = bytes[at + 1..].iter().position(|&byte| byte == quote);
                at = end.map_or(bytes.len(), |end| at + end + 2);
            }
            byte if is_word(byte) => {
                let begin = at;
                while at < bytes.len() && is_word(bytes[at]) {
                    at += 1;
                }
                let word = &bytes[begin..at];
                let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let of_fraction = begin > 0 && bytes[begin - 1] == b'.';
                let exponent = word.get(digits).is_some_and(|&e| e == b'e' || e == b'E')
                    && (digits + 1 < word.len() || matches!(bytes.get(at), Some(b'+' | b'-')));
                if digits > 0 && exponent && !of_fraction {
                    out.push_str(&sql[copied..begin + digits]);
                    out.push_str(".0");
                    copied = begin + digits;
                }
            }
            _ => at += 1,
        }
    }
    out.push_str(&sql[copied..]);
    out
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The parts of one table as one frame with this program's columns, and those that only others know. Times lose
/// the mark of their zone, which is UTC: polars computes with zones only where it was built with a database of them.
fn scan(table: TableName, parts: &[Alike]) -> PolarsResult<LazyFrame> {
    let now = schema(table);
    if parts.is_empty() {
        return without_zones(DataFrame::empty_with_schema(&now).lazy());
    }
    let frames = parts.iter().map(|paths| scan_alike(paths));
    let frames = frames.collect::<PolarsResult<Vec<_>>>()?;
    let mut frames = with_all_columns(&now, frames)?;
    without_zones(match frames.len() {
        1 => frames.swap_remove(0),
        _ => concat(frames, UnionArgs::default())?,
    })
}

fn scan_alike(paths: &[PathBuf]) -> PolarsResult<LazyFrame> {
    let paths = paths
        .iter()
        .map(|path| PlRefPath::try_from_path(path))
        .collect::<PolarsResult<Vec<_>>>()?;
    let arguments = ScanArgsParquet {
        glob: false,
        hive_options: HiveOptions::new_disabled(),
        ..ScanArgsParquet::default()
    };
    LazyFrame::scan_parquet_files(paths.into_iter().collect(), arguments)
}

fn without_zones(mut frame: LazyFrame) -> PolarsResult<LazyFrame> {
    let schema = frame.collect_schema()?;
    let casts: Vec<_> = schema
        .iter()
        .filter_map(|(name, dtype)| match dtype {
            DataType::Datetime(unit, Some(_)) => {
                Some(col(name.clone()).cast(DataType::Datetime(*unit, None)))
            }
            _ => None,
        })
        .collect();
    Ok(if casts.is_empty() {
        frame
    } else {
        frame.with_columns(casts)
    })
}

/// One frame of one run as it is; several below each other, with the run's name first.
fn below_each_other(mut frames: Vec<(&str, LazyFrame)>) -> PolarsResult<LazyFrame> {
    if frames.len() == 1
        && let Some((_, only)) = frames.pop()
    {
        return Ok(only);
    }
    let (runs, frames): (Vec<&str>, Vec<LazyFrame>) = frames.into_iter().unzip();
    let named: Vec<LazyFrame> = with_all_columns(&Schema::default(), frames)?
        .into_iter()
        .zip(runs)
        .map(|(frame, run)| frame.select([lit(run).alias("run"), all().as_expr()]))
        .collect();
    concat(named, UnionArgs::default())
}

/// Gives every frame the first columns and after them all that any frame has, null where it has none.
fn with_all_columns(first: &Schema, mut frames: Vec<LazyFrame>) -> PolarsResult<Vec<LazyFrame>> {
    let mut every = first.clone();
    let mut schemas = Vec::new();
    for frame in &mut frames {
        let schema = frame.collect_schema()?;
        for (name, dtype) in schema.iter() {
            if !every.contains(name) {
                every.with_column(name.clone(), dtype.clone());
            }
        }
        schemas.push(schema);
    }
    let columns = |schema: &Schema| -> Vec<polars::prelude::Expr> {
        let every = every.iter();
        every
            .map(|(name, dtype)| aligned(schema, name, dtype))
            .collect()
    };
    Ok(frames
        .into_iter()
        .zip(&schemas)
        .map(|(frame, schema)| {
            if schema.as_ref() == &every {
                frame
            } else {
                frame.select(columns(schema))
            }
        })
        .collect())
}

fn aligned(schema: &Schema, name: &PlSmallStr, dtype: &DataType) -> polars::prelude::Expr {
    match schema.get(name) {
        Some(own) if own == dtype => col(name.clone()),
        Some(_) => col(name.clone()).cast(dtype.clone()),
        None => lit(NULL).cast(dtype.clone()).alias(name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::batch;
    use crate::folder::{Meta, RunFolder};

    fn run(home: &tempfile::TempDir, name: &str, trials: std::ops::Range<u64>) -> PathBuf {
        let dir = home.path().join(name);
        let meta = Meta {
            name: name.to_owned(),
            program_version: "0".to_owned(),
            revision: "0".to_owned(),
        };
        let mut folder = RunFolder::create(&dir, &meta, None).unwrap();
        let middle = trials.start + (trials.end - trials.start) / 2;
        folder.commit(&batch(trials.start..middle, &[2])).unwrap();
        folder.commit(&batch(middle..trials.end, &[])).unwrap();
        dir
    }

    fn check(dirs: &[PathBuf], sql: &str, expected: &str) {
        let mut answer = query(dirs, sql).unwrap();
        let mut csv = Vec::new();
        crate::text::write_csv(&mut answer, &mut csv).unwrap();
        assert_eq!(String::from_utf8(csv).unwrap(), expected, "{sql}");
    }

    #[test]
    fn one_run_is_asked() {
        let home = tempfile::tempdir().unwrap();
        let dirs = [run(&home, "a=1 [x]", 0..10)];
        check(&dirs, "SELECT count(*) AS n FROM trials", "n\n10\n");
        check(
            &dirs,
            "SELECT status, count(*) AS n FROM trials GROUP BY status ORDER BY status",
            "status,n\ncompleted,8\ndiverged,1\nfailed,1\n",
        );
        check(
            &dirs,
            "SELECT trial, step, train_loss FROM history WHERE trial = 1 ORDER BY step",
            "trial,step,train_loss\n1,0,0.5\n1,1,0.3333333333333333\n1,2,0.25\n",
        );
        check(
            &dirs,
            "SELECT count(*) AS n FROM trials t JOIN spectra s ON t.id = s.id",
            "n\n27\n",
        );
        check(
            &dirs,
            "SELECT started_at FROM trials WHERE trial = 0",
            "started_at\n2023-11-14 22:13:20\n",
        );
    }

    #[test]
    fn empty_tables_are_there() {
        let home = tempfile::tempdir().unwrap();
        let dirs = [run(&home, "none", 0..0)];
        for table in TableName::ALL {
            let sql = format!("SELECT count(*) AS n FROM {}", table.name());
            check(&dirs, &sql, "n\n0\n");
        }
        let all = query(&dirs, "SELECT * FROM layers").unwrap();
        assert_eq!(all.shape(), (0, schema(TableName::Layers).len()));
    }

    #[test]
    fn several_runs_stand_below_each_other() {
        let home = tempfile::tempdir().unwrap();
        let dirs = [run(&home, "one", 0..4), run(&home, "two", 0..6)];
        check(
            &dirs,
            "SELECT run, count(*) AS n FROM trials GROUP BY run ORDER BY run",
            "run,n\none,4\ntwo,6\n",
        );
        check(&dirs, "SELECT count(*) AS n FROM history", "n\n27\n");
    }

    #[test]
    fn numbers_with_exponents_are_numbers() {
        for (given, expected) in [
            ("a < 1e-10", "a < 1.0e-10"),
            ("1E5+2e+3", "1.0E5+2.0e+3"),
            ("1.5e-3 AND .5e3 AND x.1e4", "1.5e-3 AND .5e3 AND x.1e4"),
            ("e1 = t2e-1 AND 12 - e", "e1 = t2e-1 AND 12 - e"),
            (
                "'1e5' || \"2e5\" || 'it''s 3e5' || `4e5",
                "'1e5' || \"2e5\" || 'it''s 3e5' || `4e5",
            ),
            ("größe > 7e0", "größe > 7.0e0"),
            ("", ""),
        ] {
            assert_eq!(with_points(given), expected);
        }
    }

    #[test]
    fn wrong_questions_have_reasons() {
        let home = tempfile::tempdir().unwrap();
        let dirs = [run(&home, "r", 0..2)];
        for sql in [
            "SELECT",
            "SELECT nothing FROM trials",
            "SELECT * FROM there",
            "SELECT 1; SELECT 2",
        ] {
            assert!(
                matches!(query(&dirs, sql), Err(QueryError::Sql(_))),
                "{sql}"
            );
        }
        assert!(matches!(query(&[], "SELECT 1"), Err(QueryError::NoRun)));
        assert!(matches!(
            query(&[home.path().to_owned()], "SELECT 1"),
            Err(QueryError::Folder(FolderError::NotARun { .. }))
        ));
    }
}
