//! Jobs of a batch system, and which of them are ours.

use std::collections::BTreeMap;

/// Name of every job of ours, by which they are found again.
pub(crate) const JOB_NAME: &str = "parsimony-worker";

/// What a pilot job is at, as far as it matters here. Jobs that end or have ended are not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the queue: no worker is there yet.
    Waiting,
    Running,
}

/// A record of the queue: one pilot, or the pilots of an array that still wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// As the program that cancels takes it.
    pub id: String,
    pub state: State,
    /// Pilots in this record.
    pub workers: u32,
    /// Number of the user who submitted it, where known.
    pub user: Option<u64>,
    /// Why it waits, in the batch system's word; empty where it runs, or no reason is known.
    pub reason: String,
}

/// How pilots are found among other jobs.
#[derive(Clone, Debug)]
pub struct Ours {
    comment: String,
    submitted: Vec<String>,
}

impl Ours {
    /// Pilots with the comment of a coordinator, and those of the job ids in `submitted`.
    pub fn new(coordinator: &str, submitted: &[String]) -> Self {
        Ours {
            comment: comment(coordinator),
            submitted: submitted.to_vec(),
        }
    }

    /// Whether a job is a pilot of ours; `id` is that of the whole job, `comment` its mark.
    pub fn contains(&self, id: &str, name: &str, comment: &str) -> bool {
        name == JOB_NAME && comment == self.comment
            || self.submitted.iter().any(|known| known == id)
    }
}

/// Those of the jobs that wait, or that run.
pub fn in_state(jobs: &[Job], state: State) -> Vec<Job> {
    let found = jobs.iter().filter(|job| job.state == state);
    found.cloned().collect()
}

/// Pilots that wait and that run.
pub fn count(jobs: &[Job]) -> (u32, u32) {
    let of = |state| {
        let jobs = jobs.iter().filter(|job| job.state == state);
        jobs.fold(0_u32, |sum, job| sum.saturating_add(job.workers))
    };
    (of(State::Waiting), of(State::Running))
}

/// Why pilots wait: the reason of the most of them.
pub fn reason(jobs: &[Job]) -> String {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let waiting = jobs.iter().filter(|job| job.state == State::Waiting);
    for job in waiting.filter(|job| !job.reason.is_empty()) {
        let count = counts.entry(job.reason.as_str()).or_default();
        *count = count.saturating_add(job.workers);
    }
    let most = counts.into_iter().max_by_key(|&(_, count)| count);
    most.map(|(reason, _)| reason.to_owned())
        .unwrap_or_default()
}

/// The comment of a coordinator's pilots: they are found again by it, whoever started them.
pub(crate) fn comment(coordinator: &str) -> String {
    let plain = |c: char| {
        let kept = c.is_ascii_alphanumeric() || "-_./:@[]".contains(c);
        if kept { c } else { '_' }
    };
    let url: String = coordinator
        .trim_end_matches('/')
        .chars()
        .map(plain)
        .collect();
    format!("parsimony {url}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(state: State, workers: u32, reason: &str) -> Job {
        Job {
            id: "1".to_owned(),
            state,
            workers,
            user: None,
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn the_reason_is_that_of_most_pilots_that_wait() {
        let jobs = [
            job(State::Waiting, 1, "Resources"),
            job(State::Waiting, 3, "Priority"),
            job(State::Running, 9, ""),
            job(State::Waiting, 1, "Resources"),
        ];
        assert_eq!((count(&jobs), reason(&jobs).as_str()), ((5, 9), "Priority"));
        assert_eq!((count(&[]), reason(&[]).as_str()), ((0, 0), ""));
    }

    #[test]
    fn a_comment_cannot_break_its_line() {
        let check = |url, expected: &str| assert_eq!(comment(url), expected);
        check("http://head:7070/", "parsimony http://head:7070");
        check("http://[::1]:7070", "parsimony http://[::1]:7070");
        check(
            "x\"\n#SBATCH --uid=0 $(id)",
            "parsimony x___SBATCH_--uid_0___id_",
        );
    }
}
