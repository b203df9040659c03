//! What a run was asked: its axes with their values, what was fixed, how many trials. Comes from the folder's
//! `sweep.toml`; a folder without one, such as other programs' results, has as axes the parameters that vary in it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sweep::{Arrays, Grid, Spec};

use super::ask::{Ask, Row, level};
use crate::error::ReportError;
use crate::words;

/// Levels named of an axis that is known from the tables alone.
const NAMED: u64 = 12;

/// Longest text of an axis's values, or of a fixed value.
pub(crate) const VALUE_CHARS: usize = 120;

/// One run folder.
#[derive(Clone, Debug)]
pub struct Asked {
    pub dir: PathBuf,
    /// What the column `run` says of its rows where several runs are read.
    pub run: String,
    /// The sweep's, or the folder's.
    pub name: String,
    pub axes: Vec<Axis>,
    /// Keys that the sweep file sets and does not sweep, with their values.
    pub fixed: Vec<(String, String)>,
    /// The condition of its filter.
    pub filter: Option<String>,
    /// Points that the file leaves out and adds.
    pub excluded: usize,
    pub included: usize,
    /// Trials of the sweep; none where its files would have to be read to know.
    pub planned: Option<u64>,
    /// `blake3:` and the hash of the sweep and its files.
    pub hash: Option<String>,
    /// Data files with their hashes.
    pub files: Vec<(String, String)>,
    /// The sweep file.
    pub toml: Option<String>,
}

/// An axis: a key and its values, or keys that move together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Its keys, joined.
    pub name: String,
    pub keys: Vec<String>,
    /// Columns of `trials` that hold its values.
    pub columns: Vec<String>,
    pub is_replicate: bool,
    /// Number of values.
    pub count: u64,
    /// The values as the file writes them, shortened.
    pub values: String,
    /// The cost of a trial depends on it.
    pub costs: bool,
}

impl Asked {
    /// Reads what the folder says of itself.
    ///
    /// # Errors
    /// Where its tables cannot be read; a sweep file that does not read is taken for none.
    pub(crate) fn read(dir: &Path, run: &str) -> Result<Asked, ReportError> {
        let toml = sweep_file(dir);
        let known = table::numbering(dir).ok().flatten();
        let newest = known.and_then(|known| known.generations.into_iter().last());
        let mut asked = Asked {
            dir: dir.to_owned(),
            run: run.to_owned(),
            name: run.to_owned(),
            axes: Vec::new(),
            fixed: Vec::new(),
            filter: None,
            excluded: 0,
            included: 0,
            planned: None,
            hash: newest.as_ref().map(|newest| newest.hash.clone()),
            files: newest.map(|newest| newest.files).unwrap_or_default(),
            toml,
        };
        let text = asked.toml.clone().unwrap_or_default();
        match Spec::parse_stored(&text, "sweep.toml", &[]) {
            Ok(spec) => asked.fill(spec),
            Err(_) => asked.axes = varying(dir)?,
        }
        Ok(asked)
    }

    fn fill(&mut self, spec: Spec) {
        self.name = spec.name().to_owned();
        self.axes = spec.axes.iter().map(Axis::of).collect();
        let fixed = spec.fixed.iter();
        self.fixed = fixed
            .map(|(key, value)| {
                let value = words::shortened(&value.to_string(), VALUE_CHARS);
                ((*key).to_owned(), value)
            })
            .collect();
        self.filter = spec
            .filter
            .condition
            .as_ref()
            .map(|condition| words::shortened(condition.text(), VALUE_CHARS));
        self.excluded = spec.filter.exclude.len();
        self.included = spec.filter.include.len();
        if spec.file_names().is_empty()
            && let Ok(grid) = Grid::new(spec, Arrays::new())
        {
            self.planned = Some(grid.count());
            self.hash.get_or_insert_with(|| grid.hash().to_owned());
        }
    }
}

impl Axis {
    pub(crate) fn of(axis: &sweep::Axis) -> Axis {
        let columns = axis
            .keys
            .iter()
            .zip(&axis.values)
            .flat_map(|(key, values)| {
                let has_lists = values
                    .listed()
                    .is_some_and(|list| list.iter().any(|value| value.as_list().is_some()));
                let list = key.list_column.filter(|_| has_lists);
                [Some(key.column), list].into_iter().flatten()
            });
        let values = axis.values.iter().map(ToString::to_string);
        let values = values.collect::<Vec<_>>().join(" with ");
        Axis {
            name: axis.name(),
            keys: axis.keys.iter().map(|key| key.name.to_owned()).collect(),
            columns: columns.map(str::to_owned).collect(),
            is_replicate: axis.keys.iter().all(|key| key.name == "replicate"),
            count: axis.len(),
            values: words::shortened(&values, VALUE_CHARS),
            costs: axis.keys.iter().any(|key| key.costs),
        }
    }

    /// The axis whose values are the runs.
    pub(crate) fn of_runs(asked: &[Asked]) -> Axis {
        let names: Vec<&str> = asked.iter().map(|asked| asked.run.as_str()).collect();
        Axis {
            name: "run".to_owned(),
            keys: vec!["run".to_owned()],
            columns: vec!["run".to_owned()],
            is_replicate: false,
            count: asked.len() as u64,
            values: words::shortened(&names.join(", "), VALUE_CHARS),
            costs: true,
        }
    }
}

/// The axes of all runs together, each once, in the order of their files; that of the runs first where there are
/// several.
pub(crate) fn all_axes(asked: &[Asked]) -> Vec<Axis> {
    let mut all: Vec<Axis> = Vec::new();
    if asked.len() > 1 {
        all.push(Axis::of_runs(asked));
    }
    for axis in asked.iter().flat_map(|asked| &asked.axes) {
        match all.iter_mut().find(|known| known.name == axis.name) {
            Some(known) => {
                if known.values != axis.values {
                    known.count = known.count.max(axis.count);
                    known.values = "differ between the runs".to_owned();
                }
                for column in &axis.columns {
                    if !known.columns.contains(column) {
                        known.columns.push(column.clone());
                    }
                }
            }
            None => all.push(axis.clone()),
        }
    }
    all
}

/// The folder's sweep file, if it is there and no larger than one may be.
pub(super) fn sweep_file(dir: &Path) -> Option<String> {
    let limit = sweep::MAX_CANONICAL_BYTES as u64;
    let file = std::fs::File::open(dir.join("sweep.toml")).ok()?;
    let mut text = String::new();
    file.take(limit + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= limit).then_some(text)
}

/// The parameters that have more than one value in the tables.
fn varying(dir: &Path) -> Result<Vec<Axis>, ReportError> {
    let runs = [dir.to_owned()];
    let ask = Ask::new(&runs);
    let counts: Vec<String> = sweep::keys()
        .iter()
        .map(|key| format!("count(DISTINCT \"{0}\") AS \"{0}\"", key.column))
        .collect();
    let answer = ask.rows(&format!("SELECT {} FROM trials", counts.join(", ")))?;
    let Some(row) = Row::first(&answer) else {
        return Ok(Vec::new());
    };
    let mut axes = Vec::new();
    for key in sweep::keys() {
        let count = row.count(key.column);
        if count < 2 {
            continue;
        }
        let sql = format!(
            "SELECT DISTINCT \"{0}\" AS v FROM trials WHERE \"{0}\" IS NOT NULL ORDER BY 1 LIMIT {NAMED}",
            key.column
        );
        let named = ask.rows(&sql)?;
        let mut names: Vec<String> = Row::all(&named)
            .filter_map(|row| row.value("v").map(level))
            .collect();
        if count > NAMED {
            names.push("...".to_owned());
        }
        axes.push(Axis {
            name: key.name.to_owned(),
            keys: vec![key.name.to_owned()],
            columns: vec![key.column.to_owned()],
            is_replicate: key.name == "replicate",
            count,
            values: words::shortened(&names.join(", "), VALUE_CHARS),
            costs: key.costs,
        });
    }
    Ok(axes)
}
