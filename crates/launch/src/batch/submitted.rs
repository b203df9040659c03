//! The job ids that a batch system gave, by coordinator: a site may rewrite names and comments, an id stays.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::error::BatchError;
use crate::state_file;

/// Ids kept of one coordinator, the newest: far more than can be in a queue, each of up to a thousand pilots.
const KEPT: usize = 200;

/// The file that remembers them.
#[derive(Clone, Debug)]
pub struct Submitted {
    path: PathBuf,
    system: String,
}

impl Submitted {
    /// The file of a batch system in a folder.
    pub fn of_system(folder: &Path, system: &str) -> Self {
        Submitted {
            path: folder.join(format!("{system}.json")),
            system: system.to_owned(),
        }
    }

    /// Ids of a coordinator, the oldest first; none where there is no file.
    ///
    /// # Errors
    /// [`BatchError::Submitted`] where the file cannot be read, [`BatchError::NotSubmitted`] where it is something
    /// else.
    pub fn of(&self, coordinator: &str) -> Result<Vec<String>, BatchError> {
        let text = state_file::read(&self.path).map_err(|source| self.failed(source))?;
        let jobs = self.parse(text.as_deref())?;
        let ours = jobs.into_iter().filter(|(url, _)| url == coordinator);
        Ok(ours.map(|(_, job)| job).collect())
    }

    /// Remembers a job.
    ///
    /// # Errors
    /// As [`Submitted::of`], and where the file cannot be written.
    pub fn add(&self, coordinator: &str, job: &str) -> Result<(), BatchError> {
        let changed = state_file::change(&self.path, |text| {
            let mut jobs = self
                .parse(text.as_deref())
                .map_err(SubmittedFailure::Batch)?;
            jobs.push((coordinator.to_owned(), job.to_owned()));
            let mut left = KEPT;
            let mut kept: Vec<_> = jobs
                .into_iter()
                .rev()
                .filter(|(url, _)| {
                    url != coordinator || {
                        left = left.saturating_sub(1);
                        left > 0
                    }
                })
                .collect();
            kept.reverse();
            let jobs: Vec<Value> = kept
                .iter()
                .map(|(url, job)| json!({ "coordinator": url, "job": job }))
                .collect();
            Ok(format!("{:#}\n", json!({ "jobs": jobs })))
        });
        changed.map_err(|failed| match failed {
            SubmittedFailure::Batch(error) => error,
            SubmittedFailure::Io(source) => self.failed(source),
        })
    }

    /// (coordinator, id) of every job.
    fn parse(&self, text: Option<&str>) -> Result<Vec<(String, String)>, BatchError> {
        let Some(text) = text else {
            return Ok(Vec::new());
        };
        let wrong = || BatchError::NotSubmitted {
            path: self.path.clone(),
            system: self.system.clone(),
        };
        let value: Value = serde_json::from_str(text).map_err(|_| wrong())?;
        let jobs = value["jobs"].as_array().ok_or_else(wrong)?;
        jobs.iter()
            .map(|job| {
                let word = |key: &str| job[key].as_str().map(str::to_owned);
                word("coordinator").zip(word("job")).ok_or_else(wrong)
            })
            .collect()
    }

    fn failed(&self, source: io::Error) -> BatchError {
        BatchError::Submitted {
            path: self.path.clone(),
            source,
        }
    }
}

enum SubmittedFailure {
    Batch(BatchError),
    Io(io::Error),
}

impl From<io::Error> for SubmittedFailure {
    fn from(error: io::Error) -> Self {
        SubmittedFailure::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_remembered_by_coordinator_and_the_newest_kept() {
        let folder = tempfile::tempdir().unwrap();
        let submitted = Submitted::of_system(&folder.path().join("state"), "slurm");
        assert!(submitted.of("http://a:1").unwrap().is_empty());
        submitted.add("http://b:1", "7").unwrap();
        for job in 0..KEPT + 5 {
            submitted.add("http://a:1", &job.to_string()).unwrap();
        }
        let found = submitted.of("http://a:1").unwrap();
        assert!(found.len() < KEPT && found.last().unwrap() == &(KEPT + 4).to_string());
        assert_eq!(submitted.of("http://b:1").unwrap(), ["7"]);
    }

    #[test]
    fn another_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slurm.json");
        std::fs::write(&path, "my notes").unwrap();
        let submitted = Submitted::of_system(folder.path(), "slurm");
        assert!(matches!(
            submitted.add("http://a:1", "7"),
            Err(BatchError::NotSubmitted { .. })
        ));
        assert_eq!(std::fs::read_to_string(path).unwrap(), "my notes");
    }
}
