//! A simulated worker: it works off its leases from the smallest, some trials at a time, and keeps what is not
//! acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use scheduler::{Event, Held, LeaseBeat, LeaseId, Report, Running, SweepKey, WorkerId};
use sweep::IntervalSet;

use crate::chance::mix;
use crate::shadow::Books;

/// Seconds of work between two reports.
const CHUNK_SECONDS: f64 = 0.4;

/// One trial in so many fails by itself.
const FAILS: u64 = 5_000;

pub(crate) struct Member {
    pub(crate) id: WorkerId,
    pub(crate) threads: u32,
    /// Predicted seconds that a thread does in a second.
    pub(crate) speed: f64,
    pub(crate) alive: bool,
    pub(crate) draining: bool,
    /// Its present stream; none while it is not connected.
    pub(crate) stream: Option<u64>,
    /// Nothing gets through, either way, before.
    pub(crate) cut_until: Duration,
    /// What is at hand, by lease.
    todo: BTreeMap<LeaseId, (SweepKey, IntervalSet)>,
    /// Every lease that ever came, so that a repeated message is known.
    seen: BTreeSet<LeaseId>,
    pub(crate) current: Option<Chunk>,
    /// Results that were not acknowledged, by lease.
    unacknowledged: BTreeMap<LeaseId, (SweepKey, IntervalSet)>,
    /// The number of the present chunk.
    pub(crate) step: u64,
}

/// Trials being worked on.
pub(crate) struct Chunk {
    lease: LeaseId,
    numbers: IntervalSet,
    /// Seconds of threads.
    work: f64,
}

/// How a chunk will end.
pub(crate) enum Outcome {
    Done(Duration),
    /// A trial kills the worker.
    Dies(Duration),
}

pub(crate) type Killers = BTreeSet<(SweepKey, u64)>;

/// Whether a trial fails by itself, wherever it is run.
pub(crate) fn fails(sweep: SweepKey, n: u64) -> bool {
    mix(n.wrapping_add(sweep.0 << 48)).is_multiple_of(FAILS)
}

impl Member {
    pub(crate) fn new(id: WorkerId, threads: u32, speed: f64) -> Member {
        Member {
            id,
            threads,
            speed,
            alive: true,
            draining: false,
            stream: None,
            cut_until: Duration::ZERO,
            todo: BTreeMap::new(),
            seen: BTreeSet::new(),
            current: None,
            unacknowledged: BTreeMap::new(),
            step: 0,
        }
    }

    pub(crate) fn granted(&mut self, lease: LeaseId, sweep: SweepKey, ranges: &[Range<u64>]) {
        if self.seen.insert(lease) {
            let numbers = ranges.iter().cloned().collect();
            self.todo.insert(lease, (sweep, numbers));
        }
    }

    pub(crate) fn revoked(&mut self, lease: LeaseId, ranges: &[Range<u64>], running: Running) {
        let mut numbers: IntervalSet = ranges.iter().cloned().collect();
        if let Some(chunk) = self.current.as_mut().filter(|chunk| chunk.lease == lease) {
            match running {
                Running::Stop => chunk.numbers.subtract(&numbers),
                Running::Finish => numbers.subtract(&chunk.numbers),
            }
        }
        if let Some((_, todo)) = self.todo.get_mut(&lease) {
            todo.subtract(&numbers);
            if todo.is_empty() {
                self.todo.remove(&lease);
            }
        }
    }

    pub(crate) fn acknowledged(&mut self, lease: LeaseId, numbers: &IntervalSet) {
        if let Some((_, waiting)) = self.unacknowledged.get_mut(&lease) {
            waiting.subtract(numbers);
            if waiting.is_empty() {
                self.unacknowledged.remove(&lease);
            }
        }
    }

    /// Takes up the next trials, if there are some and none are being worked on.
    pub(crate) fn begin(
        &mut self,
        sweeps: &BTreeMap<SweepKey, Books>,
        killers: &Killers,
    ) -> Option<Outcome> {
        if !self.alive || self.current.is_some() {
            return None;
        }
        let (&lease, (sweep, todo)) = self.todo.first_key_value()?;
        let pattern = &sweeps[sweep].pattern;
        let power = f64::from(self.threads) * self.speed;
        let first = todo.runs().next()?;
        let each = scheduler::Work::seconds(pattern, first.start);
        let count = ((CHUNK_SECONDS * power / each) as u64).max(u64::from(self.threads));
        let mut numbers = IntervalSet::new();
        for run in todo.runs() {
            let room = count - numbers.len();
            if room == 0 {
                break;
            }
            numbers.insert(run.start..run.end.min(run.start + room));
        }
        let (total, longest) = pattern.cost(&numbers);
        let seconds = (total / power).max(longest / self.speed);
        let deadly = numbers.runs().any(|run| {
            let (from, to) = ((*sweep, run.start), (*sweep, run.end));
            killers.range(from..to).next().is_some()
        });
        self.step += 1;
        self.current = Some(Chunk {
            lease,
            numbers,
            work: total / self.speed,
        });
        Some(if deadly {
            Outcome::Dies(Duration::from_secs_f64(seconds / 2.0))
        } else {
            Outcome::Done(Duration::from_secs_f64(seconds))
        })
    }

    /// The present chunk is done: its report.
    pub(crate) fn finish(&mut self) -> Option<Event> {
        let chunk = self.current.take()?;
        let (sweep, todo) = self.todo.get_mut(&chunk.lease)?;
        let sweep = *sweep;
        todo.subtract(&chunk.numbers);
        if todo.is_empty() {
            self.todo.remove(&chunk.lease);
        }
        if chunk.numbers.is_empty() {
            return None;
        }
        let waiting = self
            .unacknowledged
            .entry(chunk.lease)
            .or_insert_with(|| (sweep, IntervalSet::new()));
        waiting.1.union(&chunk.numbers);
        Some(report(
            self.id,
            chunk.lease,
            sweep,
            chunk.numbers,
            chunk.work,
        ))
    }

    /// Every result that was not acknowledged, once more.
    pub(crate) fn offers(&self) -> Vec<Event> {
        self.unacknowledged
            .iter()
            .map(|(lease, (sweep, numbers))| report(self.id, *lease, *sweep, numbers.clone(), 0.0))
            .collect()
    }

    pub(crate) fn heartbeat(&self) -> Event {
        let most = u64::from(self.threads);
        let beat = |lease: &LeaseId| {
            let current = self.current.as_ref().filter(|chunk| chunk.lease == *lease);
            let running = current.map(|chunk| chunk.numbers.runs().flatten());
            LeaseBeat {
                lease: *lease,
                begun: current.is_some(),
                running: running
                    .map(|numbers| numbers.take(most as usize).collect())
                    .unwrap_or_default(),
            }
        };
        Event::Heartbeat {
            worker: self.id,
            leases: self.todo.keys().map(beat).collect(),
        }
    }

    /// What it reports when it joins.
    pub(crate) fn held(&self) -> Vec<Held> {
        let mut held: BTreeMap<LeaseId, Held> = BTreeMap::new();
        for (lease, (sweep, numbers)) in self.todo.iter().chain(&self.unacknowledged) {
            held.entry(*lease)
                .or_insert_with(|| Held {
                    lease: *lease,
                    sweep: *sweep,
                    numbers: IntervalSet::new(),
                })
                .numbers
                .union(numbers);
        }
        held.into_values().collect()
    }

    /// Takes back everything, as a worker does that leaves in good order.
    pub(crate) fn drop_all(&mut self) {
        self.alive = false;
        self.stream = None;
        self.current = None;
        self.todo.clear();
        self.unacknowledged.clear();
    }
}

fn report(
    worker: WorkerId,
    lease: LeaseId,
    sweep: SweepKey,
    numbers: IntervalSet,
    work_seconds: f64,
) -> Event {
    let failed = numbers
        .runs()
        .flatten()
        .filter(|&n| fails(sweep, n))
        .map(|n| n..n + 1)
        .collect();
    Event::Report(Report {
        worker,
        sweep,
        lease,
        generation: lease.generation(),
        numbers,
        failed,
        work_seconds,
    })
}
