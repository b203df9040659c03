//! Attempts that ended without a row that counts: the worker was lost, or the trial failed and was retried.
//!
//! They are for people who ask why a trial took so long; nothing depends on them, and only the newest are kept.

use std::path::Path;

use crate::journal::Journal;

use super::error::FolderError;
use super::layout::Layout;
use super::records::EndedAttempt;
use super::run_folder::RunFolder;

impl RunFolder {
    /// Keeps attempts in the journal.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub fn add_attempts(&mut self, attempts: &[EndedAttempt]) -> Result<(), FolderError> {
        if attempts.is_empty() {
            return Ok(());
        }
        self.journal.add_attempts(attempts)
    }
}

/// The earlier attempts of a trial that the journal of this folder keeps.
///
/// # Errors
/// Where the journal cannot be read.
pub fn attempts(dir: &Path, trial: u64) -> Result<Vec<EndedAttempt>, FolderError> {
    Journal::open_reader(&Layout::new(dir).journal())?.attempts(trial)
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::run;
    use super::*;

    #[test]
    fn attempts_are_kept_by_trial() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        let dir = folder.dir().to_owned();
        assert_eq!(attempts(&dir, 3).unwrap(), []);
        let attempt = |trial, outcome: &str| EndedAttempt {
            trial,
            ended_at_us: 7,
            worker: Some("a".to_owned()),
            outcome: outcome.to_owned(),
        };
        let all = [attempt(3, "lost"), attempt(4, "lost"), attempt(3, "failed")];
        folder.add_attempts(&all).unwrap();
        let kept = attempts(&dir, 3).unwrap();
        assert_eq!(kept, [all[0].clone(), all[2].clone()]);
        assert_eq!(attempts(&dir, 5).unwrap(), []);
    }
}
