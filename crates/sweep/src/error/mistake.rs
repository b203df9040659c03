//! Everything that can be wrong with a sweep.
//!
//! The mistakes inside `where` are in `condition`; where a mistake is written and what to do about it is in
//! `report`.

use super::condition::FilterMistake;

/// Everything that can be wrong with a sweep. Texts in back quotes are keys.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    #[error("the sweep file has {bytes} bytes, more than {limit}")]
    TextTooLong { bytes: usize, limit: usize },
    #[error("the sweep has {bytes} bytes when it is written out, more than {limit}")]
    SweepTooLong { bytes: usize, limit: usize },
    #[error(
        "the generations of the run folder have {bytes} bytes together when they are written out, more than {limit}"
    )]
    FolderTooLong { bytes: usize, limit: usize },
    #[error("not valid TOML: {message}")]
    Syntax { message: String },
    #[error("`{argument}` is not of the form KEY=VALUE")]
    NotAPair { argument: String },
    #[error("the sweep has no name")]
    NameMissing,
    #[error("the sweep name `{found}` is not usable as a folder name")]
    NameUnusable { found: String },
    #[error("unknown key `{key}`")]
    UnknownKey { key: String },
    #[error("`{key}` is {found}, but must be {allowed}")]
    WrongType {
        key: String,
        found: String,
        allowed: String,
    },
    #[error("`{key}` is {found}, but must be {allowed}")]
    OutOfBounds {
        key: String,
        found: String,
        allowed: String,
    },
    #[error("unknown value '{found}' of `{key}`")]
    UnknownName { key: String, found: String },
    #[error("`{key}` has no `{field}`")]
    FieldMissing { key: String, field: &'static str },
    #[error("`{key}` has both `{first}` and `{second}`")]
    FieldsExclude {
        key: String,
        first: String,
        second: String,
    },
    #[error("`{key}` is set twice: {first} and {second}")]
    SetTwice {
        key: String,
        first: &'static str,
        second: &'static str,
    },
    #[error("`{key}` cannot be swept")]
    NotSweepable { key: String },
    #[error("axis `{axis}` is empty")]
    EmptyAxis { axis: String },
    #[error("axis `{axis}` lists {count} values, more than {limit}")]
    TooManyValues {
        axis: String,
        count: usize,
        limit: usize,
    },
    #[error("axis `{axis}` has {count} points, more than {limit}")]
    TooManyPoints {
        axis: String,
        count: u128,
        limit: u64,
    },
    #[error("the step of axis `{axis}` is zero")]
    ZeroStep { axis: String },
    #[error("axis `{axis}` needs {needs}, found {found}")]
    BadEnds {
        axis: String,
        found: String,
        needs: &'static str,
    },
    #[error("axis `{axis}` repeats a value: its points are equal in 15 digits")]
    PointsTooClose { axis: String },
    #[error("`{key}` has {found} values, but `{first}` beside it in [[zip]] has {expected}")]
    UnequalZip {
        key: String,
        found: u64,
        first: String,
        expected: u64,
    },
    #[error("{found} {what}, more than {limit}")]
    TooMany {
        what: &'static str,
        found: usize,
        limit: usize,
    },
    #[error("{0}")]
    Filter(FilterMistake),
    #[error("`{key}` moves together with {rest} in a [[zip]], and --set gives it alone")]
    HalfZip { key: String, rest: String },
    #[error("`{key}` is missing, and {reason} needs it")]
    KeyMissing { key: String, reason: String },

    // What needs more than one key, the shapes of files or the numbering of a grid.
    #[error("{what} {found} is larger than {limit_name} {limit}")]
    LargerThan {
        what: &'static str,
        found: u64,
        limit_name: &'static str,
        limit: u64,
    },
    #[error("`{key}` is {found}, but {needs}")]
    Contradiction {
        key: String,
        found: String,
        needs: String,
    },
    #[error("no trial is left: {filters} leave out all {points} points of the axes")]
    NothingKept { filters: String, points: u64 },
    #[error("the grid has more than 2^63 points")]
    GridTooLarge,
    #[error(
        "counting the trials takes more than {limit} steps: `{filter}` ties {points} points of {keys} together"
    )]
    TooMuchWork {
        filter: &'static str,
        /// The swept keys that it ties together.
        keys: String,
        points: u64,
        limit: u64,
    },
    #[error("planning was stopped before it was done")]
    Stopped,
    #[error("the array {array} is not loaded")]
    ArrayNotLoaded { array: String },
    #[error("no trial {index}: the grid has the indices 0 to {size} (not included)")]
    IndexOutside { index: u64, size: u64 },
    #[error("the new sweep does not contain the old one: `{key}` was {old} and is {new}")]
    NotContained {
        key: String,
        old: String,
        new: String,
    },
}
