//! Results: which are new, which come too late, which a worker had no right to send.

use super::Scheduler;
use crate::{Action, DropReason, Report, sets};

/// Threads' seconds over which a worker's speed is averaged, for each thread: some ten leases.
const SPEED_WINDOW: f64 = 10.0;

/// What a report is worth, by the lease that it names.
enum ReportVerdict {
    Welcome,
    /// Nothing of it counts, through no fault of the worker.
    Stale,
    Refused(DropReason),
}

impl Scheduler {
    pub(super) fn report(&mut self, report: Report, out: &mut Vec<Action>) {
        match self.report_verdict(&report) {
            ReportVerdict::Welcome => {
                self.revive(report.worker);
                self.accept(report, out);
            }
            ReportVerdict::Stale => {
                self.revive(report.worker);
                self.touched.insert(report.worker);
            }
            ReportVerdict::Refused(reason) => {
                self.expel(report.worker, reason, out);
            }
        }
    }

    fn report_verdict(&self, report: &Report) -> ReportVerdict {
        if !self.workers.contains_key(&report.worker) {
            return ReportVerdict::Refused(DropReason::Unknown);
        }
        let Some(lease) = self.leases.get(&report.lease) else {
            return ReportVerdict::Stale;
        };
        if lease.worker != report.worker {
            return ReportVerdict::Refused(DropReason::ForeignLease {
                lease: report.lease,
            });
        }
        if lease.sweep != report.sweep {
            return ReportVerdict::Refused(DropReason::OtherSweep {
                lease: report.lease,
            });
        }
        let inside = sets::within(&report.numbers, &lease.granted);
        if !inside && !lease.adopted {
            return ReportVerdict::Refused(DropReason::OutsideLease {
                lease: report.lease,
            });
        }
        let accepts = self
            .sweeps
            .get(&report.sweep)
            .is_some_and(|sweep| sweep.accepts());
        if accepts && inside && report.generation == report.lease.generation() {
            ReportVerdict::Welcome
        } else {
            ReportVerdict::Stale
        }
    }

    /// Takes in a report that its worker had a right to send. The first result of a trial wins, whoever sends it.
    fn accept(&mut self, report: Report, out: &mut Vec<Action>) {
        let (Some(lease), Some(sweep)) = (
            self.leases.get_mut(&report.lease),
            self.sweeps.get_mut(&report.sweep),
        ) else {
            return;
        };
        lease.deadline = self.now + self.config.heartbeat_timeout;
        lease.begun = true;
        let per_trial = lease.per_trial;
        let closing = sweep.pool.close(&sets::minus(&report.numbers, &lease.void));
        let failed = closing.fresh.intersection(&report.failed);
        sweep.pool.failed.union(&failed);
        sweep.seconds_done += per_trial * closing.fresh.len() as f64;
        self.dirty.insert(report.sweep);

        let predicted = per_trial * report.numbers.len() as f64;
        self.end_quarantines(|worker, sweep| (worker, sweep) == (report.worker, report.sweep));
        if let Some(worker) = self.workers.get_mut(&report.worker) {
            let window = SPEED_WINDOW * f64::from(worker.threads);
            worker.speed.add(predicted, report.work_seconds, window);
            worker.trials += closing.fresh.len();
        }
        // The fleet's speed is that of a thousand threads at most, so that it follows a change of sweeps.
        self.fleet
            .add(predicted, report.work_seconds, SPEED_WINDOW * 1_000.0);
        self.recount(report.worker);
        self.touched.insert(report.worker);

        if !closing.fresh.is_empty() {
            out.push(Action::Accept {
                worker: report.worker,
                lease: report.lease,
                sweep: report.sweep,
                numbers: closing.fresh,
                failed,
            });
        }
        self.book(closing.held, Some(report.lease), out);
    }
}
