//! How a column is declared, and what follows from that alone.

use std::borrow::Cow;
use std::fmt;

use polars::prelude::{DataType, Float64Type, TimeUnit, TimeZone};
use sweep::{ColumnType, Value};

use crate::lane::Numbers;

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number from zero on: a trial, a step, a width. Signed in the columns like every whole number, so that
    /// a difference of two is one too.
    Count,
    /// As [`Kind::Count`], of 32 bits in memory.
    SmallCount,
    I64,
    F64,
    Bool,
    Text,
    /// Microseconds, UTC.
    Time,
}

impl Kind {
    pub(crate) fn dtype(self) -> DataType {
        match self {
            Kind::Count | Kind::SmallCount | Kind::I64 => DataType::Int64,
            Kind::F64 => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Text => DataType::String,
            Kind::Time => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
        }
    }

    /// The largest number of a column of counts; none of other columns.
    pub(crate) fn largest_count(self) -> Option<i64> {
        match self {
            Kind::Count => Some(i64::MAX),
            Kind::SmallCount => Some(i64::from(u32::MAX)),
            Kind::I64 | Kind::F64 | Kind::Bool | Kind::Text | Kind::Time => None,
        }
    }
}

/// What a column holds, in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    Own(&'static str),
    /// The value of a key of the sweep file.
    Key(&'static str),
    /// The value of a key where it is a list.
    ListOfKey(&'static str),
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Words::Own(words) => f.write_str(&phrase(words)),
            Words::Key(key) => write!(f, "key `{key}`"),
            Words::ListOfKey(key) => {
                write!(f, "key `{key}` where it is a list, as JSON; else null")
            }
        }
    }
}

/// A sentence of a doc comment as it stands in a table: without its full stop and its capital.
fn phrase(sentence: &str) -> String {
    let phrase = sentence.trim_end_matches('.');
    let mut letters = phrase.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            format!("{}{}", first.to_lowercase(), &phrase[first.len_utf8()..])
        }
        _ => phrase.to_owned(),
    }
}

/// What is known of a column before it has values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnSpec {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether a value may be null. A report with a null where none may be is refused.
    pub(crate) nullable: bool,
    /// Whether it depends on who ran the trial and how long that took. All others are equal, bit for bit, whoever
    /// ran it on one instruction set.
    pub(crate) of_run: bool,
    pub(crate) words: Words,
    /// Empty where the value has none.
    pub(crate) unit: &'static str,
    /// Version of the tables that brought it.
    pub(crate) since: u32,
}

impl ColumnSpec {
    /// Names say what depends on the run; a column with another name says so by [`Entry::of_run`].
    fn new(name: &'static str, kind: Kind, words: Words) -> ColumnSpec {
        ColumnSpec {
            name,
            kind,
            nullable: true,
            of_run: name.starts_with("run_") || name.ends_with("_seconds"),
            words,
            unit: "",
            since: 1,
        }
    }
}

/// A table by its rows and its declarations.
pub(crate) trait Table: Sized + 'static {
    type Row<'a>;

    /// The declarations, in the order of the columns.
    fn entries() -> impl Iterator<Item = &'static Entry<Self>>;
}

/// Takes a value out of a row.
pub(crate) type Get<T, V> = for<'r, 'a> fn(&'r <T as Table>::Row<'a>) -> V;
/// As [`Get`], of texts.
pub(crate) type GetText<T> = for<'r, 'a> fn(&'r <T as Table>::Row<'a>) -> Option<Cow<'r, str>>;
/// As [`Get`], of the parameters in the order of [`sweep::keys()`].
pub(crate) type GetParameters<T> = for<'r, 'a> fn(&'r <T as Table>::Row<'a>) -> &'r [Option<Value>];
/// Pushes several numbers of a row, each into its lane.
pub(crate) type PushAll<T> =
    for<'r, 'a, 'l> fn(&'r <T as Table>::Row<'a>, &'l mut [Numbers<Float64Type>]);

/// Where the values of a column come from; which type it has follows.
pub(crate) enum Source<T: Table> {
    Count(Get<T, Option<u64>>),
    SmallCount(Get<T, Option<u32>>),
    Float(Get<T, Option<f64>>),
    Text(GetText<T>),
    /// Microseconds since 1970 UTC.
    Time(Get<T, i64>),
    /// The id of the trial, which only `trials` carries: readers look it up there.
    OfTrial,
}

impl<T: Table> Source<T> {
    fn kind(&self) -> Kind {
        match self {
            Source::Count(_) => Kind::Count,
            Source::SmallCount(_) => Kind::SmallCount,
            Source::Float(_) => Kind::F64,
            Source::Text(_) | Source::OfTrial => Kind::Text,
            Source::Time(_) => Kind::Time,
        }
    }
}

/// The declaration of a column.
pub(crate) struct Declared<T: Table> {
    name: &'static str,
    words: &'static str,
    unit: &'static str,
    nullable: bool,
    of_run: bool,
    since: u32,
    pub(crate) source: Source<T>,
}

impl<T: Table> Declared<T> {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

/// Numbers that are declared together elsewhere, as the columns of the metrics are.
pub(crate) struct Group {
    pub(crate) names: &'static [&'static str],
    pub(crate) words: &'static [&'static str],
    pub(crate) units: &'static [&'static str],
    pub(crate) since: &'static [u32],
}

/// A declaration: of one column, or of several that are declared elsewhere.
pub(crate) enum Entry<T: Table> {
    Column(Declared<T>),
    Floats(Group, PushAll<T>),
    /// A column for each key of the sweep file, two where it may be a list.
    Parameters(GetParameters<T>),
}

impl<T: Table> Entry<T> {
    const fn new(name: &'static str, words: &'static str, source: Source<T>) -> Self {
        Entry::Column(Declared {
            name,
            words,
            unit: "",
            nullable: true,
            of_run: false,
            since: 1,
            source,
        })
    }

    pub(crate) const fn count(
        name: &'static str,
        words: &'static str,
        get: Get<T, Option<u64>>,
    ) -> Self {
        Self::new(name, words, Source::Count(get))
    }

    pub(crate) const fn small_count(
        name: &'static str,
        words: &'static str,
        get: Get<T, Option<u32>>,
    ) -> Self {
        Self::new(name, words, Source::SmallCount(get))
    }

    pub(crate) const fn float(
        name: &'static str,
        words: &'static str,
        get: Get<T, Option<f64>>,
    ) -> Self {
        Self::new(name, words, Source::Float(get))
    }

    pub(crate) const fn seconds(
        name: &'static str,
        words: &'static str,
        get: Get<T, Option<f64>>,
    ) -> Self {
        Self::float(name, words, get).unit("s")
    }

    pub(crate) const fn text(name: &'static str, words: &'static str, get: GetText<T>) -> Self {
        Self::new(name, words, Source::Text(get))
    }

    /// Microseconds since 1970 UTC.
    pub(crate) const fn time(name: &'static str, words: &'static str, get: Get<T, i64>) -> Self {
        Self::new(name, words, Source::Time(get)).required()
    }

    /// The id of the trial, looked up in `trials`.
    pub(crate) const fn id_of_trial(words: &'static str) -> Self {
        Self::new("id", words, Source::OfTrial).required()
    }

    /// No value is null.
    pub(crate) const fn required(mut self) -> Self {
        if let Entry::Column(column) = &mut self {
            column.nullable = false;
        }
        self
    }

    /// Depends on the run, though its name does not say so.
    pub(crate) const fn of_run(mut self) -> Self {
        if let Entry::Column(column) = &mut self {
            column.of_run = true;
        }
        self
    }

    pub(crate) const fn unit(mut self, unit: &'static str) -> Self {
        if let Entry::Column(column) = &mut self {
            column.unit = unit;
        }
        self
    }

    /// Came with this version of the tables; the others are of the first.
    pub(crate) const fn since(mut self, version: u32) -> Self {
        if let Entry::Column(column) = &mut self {
            column.since = version;
        }
        self
    }

    /// Whether the columns are kept and sent, and not looked up.
    pub(crate) fn is_carried(&self) -> bool {
        match self {
            Entry::Column(column) => !matches!(column.source, Source::OfTrial),
            Entry::Floats(..) | Entry::Parameters(_) => true,
        }
    }

    /// The columns that it stands for.
    pub(crate) fn specs(&self) -> Vec<ColumnSpec> {
        match self {
            Entry::Column(column) => {
                let words = Words::Own(column.words);
                let spec = ColumnSpec::new(column.name, column.source.kind(), words);
                vec![ColumnSpec {
                    nullable: column.nullable,
                    of_run: spec.of_run || column.of_run,
                    unit: column.unit,
                    since: column.since,
                    ..spec
                }]
            }
            Entry::Floats(group, _) => (0..group.names.len())
                .map(|at| ColumnSpec {
                    unit: group.units[at],
                    since: group.since[at],
                    ..ColumnSpec::new(group.names[at], Kind::F64, Words::Own(group.words[at]))
                })
                .collect(),
            Entry::Parameters(_) => sweep::keys().iter().flat_map(of_key).collect(),
        }
    }
}

fn of_key(key: &'static sweep::Key) -> impl Iterator<Item = ColumnSpec> {
    let kind = match key.column_type {
        ColumnType::Int => Kind::I64,
        ColumnType::Float => Kind::F64,
        ColumnType::Str => Kind::Text,
        ColumnType::Bool => Kind::Bool,
    };
    let since = if key.is_later() { super::NEWEST_KEY } else { 1 };
    let list = key.list_column.map(|name| {
        let words = Words::ListOfKey(key.name);
        let spec = ColumnSpec::new(name, Kind::Text, words);
        ColumnSpec { since, ..spec }
    });
    let spec = ColumnSpec::new(key.column, kind, Words::Key(key.name));
    let own = ColumnSpec { since, ..spec };
    std::iter::once(own).chain(list)
}

/// The newest version that a declaration names.
pub(crate) const fn newest<T: Table>(entries: &[Entry<T>]) -> u32 {
    let (mut newest, mut at) = (0, 0);
    while at < entries.len() {
        match &entries[at] {
            Entry::Column(column) => {
                if column.since > newest {
                    newest = column.since;
                }
            }
            Entry::Floats(group, _) => {
                let mut one = 0;
                while one < group.since.len() {
                    if group.since[one] > newest {
                        newest = group.since[one];
                    }
                    one += 1;
                }
            }
            Entry::Parameters(_) => {}
        }
        at += 1;
    }
    newest
}
