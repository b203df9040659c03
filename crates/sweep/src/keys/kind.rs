//! What the registry says about a key: its type, bounds, default and column.
//!
//! Plain data. The entries are in `registry`, the checks in `check`, the defaults in `defaults`.

use std::collections::BTreeMap;

use super::condition::{ALWAYS, Condition};
use super::defaults::Derived;
use super::id::Id;
use crate::value::Value;

/// One leaf of the experiment, or one leaf of a leaf that is a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub id: Id,
    /// Dotted name, such as `network.depth`.
    pub name: &'static str,
    /// Column of the trials table: the name with `.` as `_`.
    pub column: &'static str,
    pub column_type: ColumnType,
    /// The second column of a key that takes a number or a list: canonical JSON of the list, null for a number
    /// (as the first column is null for a list).
    pub list_column: Option<&'static str>,
    /// One sentence for `plan --defaults`.
    pub doc: &'static str,
    pub default: Preset,
    pub kind: KeyKind,
    /// For a leaf of a table: the key of that table. What is set here is put into the parent's value, and a
    /// point's value here is read from it.
    pub parent: Option<Id>,
    /// Where the key applies. What this looks at decides about the key: see `keys::depends`.
    pub applies: &'static Condition,
    /// The predicted cost of a trial depends on it. Whoever says no here says that two trials which differ in this
    /// key alone cost the same.
    pub costs: bool,
    /// May stand in `[axes]`, `[[zip]]`, `include` and `exclude`.
    pub sweepable: bool,
    /// Which registry brought the key: 1, or a later one. A later key is absent from identities while it has
    /// its default, so that the trials of older folders keep theirs.
    pub since: u32,
}

/// Sides of a matrix: a square one of this side fills 8 TB, which no machine trains on.
pub(super) const MAX_DIM: i64 = 1_000_000;
/// Samples, steps and repeats: exact in an f64, and more than anybody waits for.
pub(super) const MAX_COUNT: i64 = 1_000_000_000_000;

/// The registry whose keys are in every identity.
pub(super) const FIRST: u32 = 1;

/// What most entries have in common; each entry says where it differs.
pub(super) const PLAIN: Key = Key {
    id: Id::Seed,
    name: "",
    column: "",
    column_type: ColumnType::Int,
    list_column: None,
    doc: "",
    default: Preset::None,
    kind: KeyKind::Int {
        min: 0,
        max: i64::MAX,
    },
    parent: None,
    applies: &ALWAYS,
    costs: true,
    sweepable: true,
    since: FIRST,
};

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.id == other.id
    }
}

impl Eq for Key {}

impl Key {
    /// Section of the file that holds the key ("problem"), empty at the top level.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// Name within its section ("inputs.noise").
    pub fn name_in_section(&self) -> &'static str {
        self.name
            .split_once('.')
            .map_or(self.name, |(_, rest)| rest)
    }

    /// Name within the parent's table ("noise"), for a leaf of a table.
    pub fn field(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// Came after the first identities were made.
    pub fn is_later(&self) -> bool {
        self.since > FIRST
    }

    /// The default if it is the same in every trial.
    pub fn fixed_default(&self) -> Option<Value> {
        match self.default {
            Preset::None | Preset::Derived(_) => None,
            Preset::Int(i) => Some(Value::Int(i)),
            Preset::Float(x) => Some(Value::Float(x)),
            Preset::Bool(b) => Some(Value::Bool(b)),
            Preset::Name(name) => Some(Value::text(name)),
            Preset::Kind(name) => Some(Value::Table(BTreeMap::from([(
                "kind".to_owned(),
                Value::text(name),
            )]))),
            Preset::Names(names) => Some(Value::List(
                names.iter().map(|name| Value::text(*name)).collect(),
            )),
        }
    }
}

/// Type of a column; it never depends on the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// i64
    Int,
    /// f64
    Float,
    Str,
    Bool,
}

/// A key's default.
#[derive(Clone, Copy, Debug)]
pub enum Preset {
    /// Null unless set.
    None,
    Int(i64),
    Float(f64),
    Bool(bool),
    Name(&'static str),
    Names(&'static [&'static str]),
    /// A table whose field `kind` has this name.
    Kind(&'static str),
    /// Depends on other keys or on files.
    Derived(&'static Derived),
}

/// Which values a key takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeyKind {
    /// Both ends included.
    Int {
        min: i64,
        max: i64,
    },
    Float(Bounds),
    Bool,
    Name(&'static [&'static str]),
    /// A number, or a list of them.
    IntOrList {
        min: i64,
        max: i64,
    },
    FloatOrList {
        /// Of a number that stands alone.
        one: Bounds,
        /// Of each number of a list.
        each: Bounds,
    },
    /// A set of names, kept in the order given here.
    NameList(&'static [&'static str]),
    /// `problem.singular_values`: a name, `{ geometric = ratio }`, or a list of numbers.
    Spectrum,
    Table(Schema),
}

/// Bounds of a float; every float is finite besides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub min: f64,
    pub max: f64,
    /// `min` itself is not allowed.
    pub above: bool,
    /// `max` itself is not allowed.
    pub below: bool,
}

impl Bounds {
    pub const POSITIVE: Bounds = Bounds {
        min: 0.0,
        max: f64::INFINITY,
        above: true,
        below: false,
    };
    pub const NOT_NEGATIVE: Bounds = Bounds {
        min: 0.0,
        max: f64::INFINITY,
        above: false,
        below: false,
    };
    /// `(0, 1]`
    pub const SHARE: Bounds = Bounds {
        min: 0.0,
        max: 1.0,
        above: true,
        below: false,
    };
    /// `(0, 1)`
    pub const PART: Bounds = Bounds {
        min: 0.0,
        max: 1.0,
        above: true,
        below: true,
    };
    /// `[0, 1)`
    pub const BELOW_ONE: Bounds = Bounds {
        min: 0.0,
        max: 1.0,
        above: false,
        below: true,
    };
    pub const AT_LEAST_ONE: Bounds = Bounds {
        min: 1.0,
        max: f64::INFINITY,
        above: false,
        below: false,
    };
    pub const ANY: Bounds = Bounds {
        min: f64::NEG_INFINITY,
        max: f64::INFINITY,
        above: false,
        below: false,
    };

    /// Whether `x` is finite and within.
    pub fn hold(&self, x: f64) -> bool {
        let low = if self.above {
            x > self.min
        } else {
            x >= self.min
        };
        let high = if self.below {
            x < self.max
        } else {
            x <= self.max
        };
        x.is_finite() && low && high
    }

    /// Words after "a number": " above 0 and at most 1".
    pub fn words(&self) -> String {
        let low = self.min.is_finite().then(|| {
            let word = if self.above { "above" } else { "at least" };
            format!("{word} {}", self.min)
        });
        let high = self.max.is_finite().then(|| {
            let word = if self.below { "below" } else { "at most" };
            format!("{word} {}", self.max)
        });
        match (low, high) {
            (Some(low), Some(high)) => format!(" {low} and {high}"),
            (Some(one), None) | (None, Some(one)) => format!(" {one}"),
            (None, None) => String::new(),
        }
    }
}

/// The tables that a key can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// `problem.inputs`: drawn, or a file with a sample a row.
    Inputs,
    /// `problem.targets`: a file with a sample a row.
    Samples,
    /// `problem.labels`: the same without a scale.
    Labels,
    /// `problem.target`, `problem.mask`: a file with a matrix as stored.
    Matrix,
    /// `problem.samples`: `{ range = [a, b] }`.
    Span,
    /// `problem.test`: `{ range = [a, b] }` or `{ share = 0.25, stratify = true }`.
    Test,
    /// `init.weights`: a file with a matrix a layer.
    Weights,
    /// `train.stop`
    Stop,
    /// `optimizer.schedule`
    Schedule,
}

/// One field of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    pub name: &'static str,
    pub kind: FieldKind,
    /// What is given and what is drawn exclude each other.
    pub side: Side,
    /// A table with a field of the same side must hold it.
    pub required: bool,
}

/// What a field of a table says something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Something that is drawn.
    Drawn,
    /// Something from a file, or written out.
    Given,
    /// Whichever of the two there is.
    Both,
}

/// Which values a field takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldKind {
    Int {
        min: i64,
        max: i64,
    },
    Float(Bounds),
    /// A number, or a list of them.
    FloatOrList(Bounds),
    /// Left out of the canonical form when false.
    Flag,
    Name(&'static [&'static str]),
    /// File or array name.
    Text,
    TextList,
    /// Ranges, `"a..b"` or `"a..b,c..d"`, or names.
    Columns,
    /// Left out of the canonical form when 1.
    Scale,
    /// `[a, b]`, half open, not empty.
    Range,
}
