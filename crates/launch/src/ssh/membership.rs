//! The list of workers that were started over SSH: which host, which process. It is what `--stop` goes by.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::error::SshError;
use crate::state_file;

/// A worker that was started, and not yet asked to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub host: String,
    /// Process id on the host.
    pub process: u32,
    pub coordinator: String,
    /// Log file on the host.
    pub log: String,
}

/// The file. Changes are made under a lock, and whole: a killed process leaves the old list or the new one.
#[derive(Clone, Debug)]
pub struct Membership {
    path: PathBuf,
}

impl Membership {
    pub fn at(path: PathBuf) -> Self {
        Membership { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every member; none where there is no file.
    ///
    /// # Errors
    /// [`SshError::Membership`] where the file cannot be read, [`SshError::NotMembership`] where it is something else.
    pub fn read(&self) -> Result<Vec<Member>, SshError> {
        let text = state_file::read(&self.path).map_err(|source| self.failed(source))?;
        self.parse(text.as_deref())
    }

    /// Adds a worker.
    ///
    /// # Errors
    /// As [`Membership::read`], and where the file cannot be written.
    pub fn add(&self, entry: Member) -> Result<(), SshError> {
        self.change(|entries| entries.push(entry))
    }

    /// Removes workers.
    ///
    /// # Errors
    /// As [`Membership::add`].
    pub fn remove(&self, gone: &[Member]) -> Result<(), SshError> {
        self.change(|entries| entries.retain(|entry| !gone.contains(entry)))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Member>)) -> Result<(), SshError> {
        let changed = state_file::change(&self.path, |text| {
            let mut entries = self
                .parse(text.as_deref())
                .map_err(MembershipFailure::Ssh)?;
            change(&mut entries);
            Ok(self::text(&entries))
        });
        changed.map_err(|failed| match failed {
            MembershipFailure::Ssh(error) => error,
            MembershipFailure::Io(source) => self.failed(source),
        })
    }

    fn parse(&self, text: Option<&str>) -> Result<Vec<Member>, SshError> {
        let Some(text) = text else {
            return Ok(Vec::new());
        };
        parse(text).ok_or_else(|| SshError::NotMembership {
            path: self.path.clone(),
        })
    }

    fn failed(&self, source: std::io::Error) -> SshError {
        SshError::Membership {
            path: self.path.clone(),
            source,
        }
    }
}

enum MembershipFailure {
    Ssh(SshError),
    Io(std::io::Error),
}

impl From<std::io::Error> for MembershipFailure {
    fn from(error: std::io::Error) -> Self {
        MembershipFailure::Io(error)
    }
}

fn text(entries: &[Member]) -> String {
    let workers: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!({
                "host": entry.host,
                "process": entry.process,
                "coordinator": entry.coordinator,
                "log": entry.log,
            })
        })
        .collect();
    format!("{:#}\n", json!({ "workers": workers }))
}

fn parse(text: &str) -> Option<Vec<Member>> {
    let value: Value = serde_json::from_str(text).ok()?;
    let read = |worker: &Value| {
        let word = |key: &str| worker[key].as_str().map(str::to_owned);
        Some(Member {
            host: word("host")?,
            process: worker["process"].as_u64()?.try_into().ok()?,
            coordinator: word("coordinator")?,
            log: word("log")?,
        })
    };
    value["workers"].as_array()?.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(host: &str, process: u32) -> Member {
        Member {
            host: host.to_owned(),
            process,
            coordinator: "http://head:7070".to_owned(),
            log: "/tmp/a \"log\"".to_owned(),
        }
    }

    #[test]
    fn workers_are_added_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let membership = Membership::at(folder.path().join("state/ssh.json"));
        assert!(membership.read().unwrap().is_empty());
        for at in 0..3 {
            membership.add(entry("node", at)).unwrap();
        }
        membership
            .remove(&[entry("node", 1), entry("other", 2)])
            .unwrap();
        assert_eq!(
            membership.read().unwrap(),
            [entry("node", 0), entry("node", 2)]
        );
    }

    #[test]
    fn threads_of_one_launch_do_not_lose_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let membership = Membership::at(folder.path().join("ssh.json"));
        let items: Vec<u32> = (0..20).collect();
        let mut added = 0;
        crate::for_each_parallel(
            &items,
            8,
            |&at| membership.add(entry("node", at)),
            |_, result| {
                result.unwrap();
                added += 1;
            },
        );
        assert_eq!((membership.read().unwrap().len(), added), (20, 20));
    }

    #[test]
    fn another_file_is_not_taken_for_a_list_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.json");
        for other in ["my notes", "{}", r#"{"workers":[{"host":"a"}]}"#] {
            std::fs::write(&path, other).unwrap();
            let membership = Membership::at(path.clone());
            assert!(
                matches!(
                    membership.add(entry("node", 1)),
                    Err(SshError::NotMembership { .. })
                ),
                "{other}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
        }
    }
}
