//! Plain records of a run folder: what is asked for and what is reported.

use sweep::IntervalSet;

use crate::comparison::Comparison;
use crate::folder::FolderError;
use crate::schema::TableName;

/// What a run folder's files say of their origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Name of the sweep.
    pub name: String,
    pub program_version: String,
    /// Source revision of the program.
    pub revision: String,
}

/// One generation of the folder's grid, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationRecord {
    /// From 0.
    pub number: u32,
    /// Number of its first trial.
    pub base: u64,
    /// Indices of its product and includes.
    pub size: u64,
    /// The sweep file in canonical form.
    pub toml: String,
    /// Hash of the canonical spec and the files it reads.
    pub hash: String,
    /// Each file as written in the sweep, and `blake3:<hex>` of its bytes.
    pub files: Vec<(String, String)>,
}

/// Trials with a durable row, by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub completed: u64,
    pub diverged: u64,
    pub failed: u64,
}

impl Counts {
    pub fn total(&self) -> u64 {
        self.completed + self.diverged + self.failed
    }

    pub(crate) fn add(&mut self, other: &Counts) {
        self.completed += other.completed;
        self.diverged += other.diverged;
        self.failed += other.failed;
    }
}

/// A trial whose row says failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedTrial {
    pub trial: u64,
    /// Attempts made, the last one included.
    pub attempts: u32,
    pub error: String,
}

/// An attempt that ended without a row that counts: the worker was lost, or the trial failed and was retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedAttempt {
    pub trial: u64,
    /// Microseconds since 1970.
    pub ended_at_us: i64,
    pub worker: Option<String>,
    /// How it ended, in words.
    pub outcome: String,
}

/// What a commit made durable.
#[derive(Clone, Debug)]
pub struct CommitInfo {
    /// Wall time of writing.
    pub seconds: f64,
    /// Size of the parts written.
    pub bytes: u64,
    /// Trials whose rows are durable now.
    pub numbers: IntervalSet,
    /// Of the whole folder.
    pub counts: Counts,
    /// Those of them that were compared on both engines.
    pub comparisons: Vec<Comparison>,
}

/// Failed trials whose rows are gone.
#[derive(Debug)]
pub struct Freed {
    pub numbers: IntervalSet,
    /// Why there are failed rows left.
    pub problem: Option<FolderError>,
}

/// When small parts are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// More will come: only many are worth the work.
    WhileRunning,
    /// The sweep has ended: as few parts as can be.
    AtEnd,
}

/// What joining small parts did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// Commits joined into one.
    pub commits: usize,
    /// Size of the parts written.
    pub bytes: u64,
}

/// A part as the journal names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartRow {
    pub(crate) table: TableName,
    /// Number in the file name.
    pub(crate) file: u64,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// Of its bytes; none where the program that wrote it kept none.
    pub(crate) hash: Option<blake3::Hash>,
    /// [`crate::schema::schema_fingerprint`] of the program that wrote it; none where the journal does not say.
    pub(crate) columns: Option<u64>,
}

/// A commit as the journal keeps it.
#[derive(Clone, Debug)]
pub(crate) struct CommitRow {
    pub(crate) number: u64,
    pub(crate) runs: Vec<std::ops::Range<u64>>,
    pub(crate) counts: Counts,
    pub(crate) parts: Vec<PartRow>,
}

impl CommitRow {
    pub(crate) fn part(&self, table: TableName) -> Option<&PartRow> {
        self.parts.iter().find(|part| part.table == table)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    pub(crate) fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }
}

/// A commit to be entered.
pub(crate) struct NewCommit<'a> {
    pub(crate) number: u64,
    pub(crate) numbers: &'a IntervalSet,
    pub(crate) counts: Counts,
    pub(crate) failed: &'a [FailedTrial],
    pub(crate) parts: &'a [PartRow],
}
