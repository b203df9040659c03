//! A batch system in memory, for tests: its jobs wait, run and vanish as the test says.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::BatchError;
use super::jobs::{JOB_NAME, Job, Ours, State, comment};
use super::system::{BatchSystem, JobLimits, Order, Words};

/// Stands in the list of batch systems.
pub(crate) static UNUSED: Fake = Fake::new();

#[derive(Clone, Debug)]
struct FakePilot {
    running: bool,
    comment: String,
}

#[derive(Debug, Default)]
struct Jobs {
    /// By job and index.
    pilots: BTreeMap<(u32, u32), FakePilot>,
    jobs: u32,
    calls: u32,
    /// Why every call fails.
    down: Option<String>,
    /// Why no job is taken.
    closed: Option<String>,
}

/// A batch system in memory.
#[derive(Debug)]
pub(crate) struct Fake {
    site: Mutex<Jobs>,
}

impl Fake {
    pub(crate) const fn new() -> Self {
        Fake {
            site: Mutex::new(Jobs {
                pilots: BTreeMap::new(),
                jobs: 0,
                calls: 0,
                down: None,
                closed: None,
            }),
        }
    }

    /// The oldest pilots that wait begin to run; returns how many did.
    pub(crate) fn start(&self, count: u32) -> u32 {
        let mut site = self.site();
        let waiting = site.pilots.values_mut().filter(|pilot| !pilot.running);
        let mut started = 0;
        for pilot in waiting.take(count as usize) {
            pilot.running = true;
            started += 1;
        }
        started
    }

    /// The oldest pilots that run end, and are not listed any more; returns how many did.
    pub(crate) fn end(&self, count: u32) -> u32 {
        let mut site = self.site();
        let mut left = count;
        site.pilots.retain(|_, pilot| {
            let ends = pilot.running && left > 0;
            left -= u32::from(ends);
            !ends
        });
        count - left
    }

    /// From now on every call fails, or none.
    pub(crate) fn refuse(&self, why: Option<&str>) {
        self.site().down = why.map(str::to_owned);
    }

    /// From now on no job is taken, or every one.
    pub(crate) fn refuse_jobs(&self, why: Option<&str>) {
        self.site().closed = why.map(str::to_owned);
    }

    /// The site sets the comments of all jobs.
    pub(crate) fn rewrite_comments(&self, comment: &str) {
        for pilot in self.site().pilots.values_mut() {
            pilot.comment = comment.to_owned();
        }
    }

    /// Pilots that wait and that run.
    pub(crate) fn count(&self) -> (u32, u32) {
        let site = self.site();
        let running = site.pilots.values().filter(|pilot| pilot.running).count();
        let count = |pilots: usize| u32::try_from(pilots).unwrap();
        (count(site.pilots.len() - running), count(running))
    }

    /// Calls of its programs so far.
    pub(crate) fn calls(&self) -> u32 {
        self.site().calls
    }

    fn site(&self) -> MutexGuard<'_, Jobs> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call of a program.
    fn call(&self) -> Result<MutexGuard<'_, Jobs>, BatchError> {
        let mut site = self.site();
        site.calls += 1;
        let down = site.down.clone();
        down.map_or(Ok(site), |why| Err(refused(why)))
    }
}

fn refused(why: String) -> BatchError {
    BatchError::Controller {
        program: "fsub",
        why,
    }
}

impl BatchSystem for Fake {
    fn words(&self) -> Words {
        Words {
            name: "fake",
            title: "Fake",
            submit: "fsub",
            options: "FSUB OPTIONS",
            memory_option: "--memory",
            about: "Jobs in memory",
            help: "Example: parsimony launch fake --workers 1",
        }
    }

    fn check_options(&self, options: &[String]) -> Result<(), BatchError> {
        match options.first() {
            Some(first) if !first.starts_with('-') => Err(BatchError::Script {
                program: "fsub",
                found: first.clone(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    fn script(&self, order: &Order) -> String {
        let pilot = &order.pilot;
        format!("exec {} {}\n", pilot.program(), pilot.words().join(" "))
    }

    fn submit(&self, order: &Order, workers: u32) -> Result<String, BatchError> {
        let mut site = self.call()?;
        if let Some(why) = site.closed.clone() {
            return Err(refused(why));
        }
        site.jobs += 1;
        let job = site.jobs;
        for index in 1..=workers {
            let comment = comment(&order.pilot.coordinator);
            let pilot = FakePilot {
                running: false,
                comment,
            };
            site.pilots.insert((job, index), pilot);
        }
        Ok(job.to_string())
    }

    fn check(&self, order: &Order) -> Result<(), BatchError> {
        self.check_options(&order.options)?;
        self.call().map(drop)
    }

    fn queue(&self) -> Result<String, BatchError> {
        let site = self.call()?;
        let lines = site.pilots.iter().map(|((job, index), pilot)| {
            let state = if pilot.running { "R" } else { "Q" };
            format!("{job}.{index} {state} Priority {}\n", pilot.comment)
        });
        Ok(lines.collect())
    }

    fn parse(&self, queue: &str, ours: &Ours) -> Result<Vec<Job>, BatchError> {
        let read = |line: &str| -> Option<Job> {
            let mut fields = line.splitn(4, ' ');
            let (id, state, reason) = (fields.next()?, fields.next()?, fields.next()?);
            let job = id.split('.').next()?;
            let state = match state {
                "Q" => State::Waiting,
                "R" => State::Running,
                _ => return None,
            };
            ours.contains(job, JOB_NAME, fields.next()?).then(|| Job {
                id: id.to_owned(),
                state,
                workers: 1,
                user: None,
                reason: match state {
                    State::Waiting => reason.to_owned(),
                    State::Running => String::new(),
                },
            })
        };
        Ok(queue.lines().filter_map(read).collect())
    }

    fn cancel(&self, jobs: &[Job]) -> Result<(), BatchError> {
        self.remove(jobs, false)
    }

    fn drain(&self, jobs: &[Job]) -> Result<(), BatchError> {
        self.remove(jobs, true)
    }

    fn limits_of_job(&self, _: &dyn Fn(&str) -> Option<String>) -> Option<JobLimits> {
        None
    }
}

impl Fake {
    /// Ends those of the jobs that run, or that wait.
    fn remove(&self, jobs: &[Job], running: bool) -> Result<(), BatchError> {
        let mut site = self.call()?;
        site.pilots.retain(|(job, index), pilot| {
            let id = format!("{job}.{index}");
            pilot.running != running || jobs.iter().all(|gone| gone.id != id)
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::drain;
    use crate::pilot::tests::plain;

    #[test]
    fn its_pilots_are_listed_found_and_stopped() {
        let fake = Fake::new();
        let order = Order {
            pilot: plain("parsimony"),
            time: None,
            options: Vec::new(),
        };
        let job = fake.submit(&order, 3).unwrap();
        fake.start(1);
        let ours = Ours::new(&order.pilot.coordinator, &[]);
        let jobs = fake.list(&ours).unwrap();
        let states: Vec<_> = jobs
            .iter()
            .map(|job| (job.id.as_str(), job.state))
            .collect();
        let waiting = |id| (id, State::Waiting);
        assert_eq!(
            states,
            [("1.1", State::Running), waiting("1.2"), waiting("1.3")]
        );
        assert!(
            fake.list(&Ours::new("http://other:1", &[]))
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            fake.list(&Ours::new("http://other:1", &[job])).unwrap(),
            jobs
        );
        assert_eq!(drain(&fake, &jobs).unwrap(), ["1.1", "1.2", "1.3"]);
        assert_eq!(fake.count(), (0, 0));
        assert!(fake.script(&order).contains("worker --coordinator"));
    }

    #[test]
    fn orders_that_a_batch_system_would_misread_are_refused() {
        let fake = Fake::new();
        let mut order = Order {
            pilot: plain("parsimony"),
            time: Some(std::time::Duration::from_secs(59)),
            options: Vec::new(),
        };
        assert!(order.check(&fake).is_err_and(|error| error.is_request()));
        order.time = Some(std::time::Duration::from_secs(60));
        assert!(order.check(&fake).is_ok());
        order.options = vec!["job.sh".to_owned()];
        assert!(order.check(&fake).is_err_and(|error| error.is_request()));
    }
}
