//! The page of an event loop at one moment. Costs a look at each sweep, worker and live lease.

use std::collections::BTreeMap;
use std::time::Duration;

use super::view::View;
use crate::metrics::{Kind, Page};

use Kind::{Counter, Gauge};

impl View<'_> {
    /// All metrics in Prometheus' text format.
    pub(crate) fn metrics_page(&self) -> String {
        let mut page = Page::default();
        page.family(
            "build_info",
            Gauge,
            "1, labelled with the program's version and source revision.",
        );
        let version = env!("CARGO_PKG_VERSION");
        page.value(
            "build_info",
            &[("version", version), ("revision", &self.config.revision)],
            1,
        );
        self.sweeps_on(&mut page);
        self.trials_on(&mut page);
        self.leases_on(&mut page);
        self.workers_on(&mut page);
        self.disk_on(&mut page);
        page.into_text()
    }

    fn sweeps_on(&self, page: &mut Page) {
        let mut states = BTreeMap::new();
        for sweep in self.sweeps.values() {
            *states.entry(sweep.state.name()).or_insert(0_u64) += 1;
        }
        let closed = self.dormant_statuses();
        for sweep in self.dormant.values() {
            *states.entry(sweep.state().name()).or_insert(0) += 1;
        }
        page.family("sweeps", Gauge, "Sweeps on this coordinator, by state.");
        for (state, count) in states {
            page.value("sweeps", &[("state", state)], count);
        }
        page.family(
            "trials",
            Gauge,
            "Trials of each sweep: with a durable row by its status, in workers' hands, or waiting.",
        );
        for (&key, sweep) in self.sweeps {
            let seen = self.scheduler.sweep_status(key);
            let (leased, pending) = seen.map_or((0, 0), |seen| (seen.leased, seen.pending));
            let statuses = [
                ("completed", sweep.counts.completed),
                ("diverged", sweep.counts.diverged),
                ("failed", sweep.counts.failed),
                ("leased", leased),
                ("pending", pending),
            ];
            for (status, count) in statuses {
                page.value(
                    "trials",
                    &[("sweep", &sweep.name), ("status", status)],
                    count,
                );
            }
        }
        for (name, status) in closed {
            let done = status.completed + status.diverged + status.failed;
            let statuses = [
                ("completed", status.completed),
                ("diverged", status.diverged),
                ("failed", status.failed),
                ("leased", 0),
                ("pending", status.trials.saturating_sub(done)),
            ];
            for (status, count) in statuses {
                page.value("trials", &[("sweep", name), ("status", status)], count);
            }
        }
    }

    fn trials_on(&self, page: &mut Page) {
        let counters = self.metrics;
        page.single(
            "trials_reported_total",
            Counter,
            "Trials reported by workers, each counted once. Its rate is the trials a second.",
            counters.accepted,
        );
        page.single(
            "trials_repeated_total",
            Counter,
            "Trials reported after somebody else had, or that nobody wanted any more.",
            counters.repeated,
        );
        page.single(
            "trials_durable_total",
            Counter,
            "Trials whose row this coordinator has made durable.",
            counters.durable,
        );
        page.single(
            "work_seconds_total",
            Counter,
            "Time that workers' threads spent on reported trials.",
            counters.work_seconds,
        );
        page.single(
            "reports_total",
            Counter,
            "Reports received from workers.",
            counters.reports,
        );
        page.single(
            "report_bytes_total",
            Counter,
            "Bytes of the columns of reports, as they came.",
            counters.report_bytes,
        );
        page.single(
            "reports_unacknowledged",
            Gauge,
            "Reports received that are not durable yet.",
            counters.unacknowledged(),
        );
        page.histogram(
            "acknowledge_seconds",
            "Time from a report's coming to its acknowledgement.",
            &counters.acknowledge,
        );
    }

    fn leases_on(&self, page: &mut Page) {
        page.single(
            "leases_granted_total",
            Counter,
            "Leases granted.",
            self.metrics.leases,
        );
        let mut ages: Vec<Duration> = self.scheduler.leases().map(|lease| lease.age).collect();
        ages.sort_unstable();
        page.single("leases", Gauge, "Leases in workers' hands.", ages.len());
        page.family(
            "lease_age_seconds",
            Gauge,
            "Age of the leases in workers' hands: quantiles over those there are now.",
        );
        for (quantile, hundredths) in [("0.5", 50), ("0.9", 90), ("1", 100)] {
            let rank = (ages.len() * hundredths).div_ceil(100).saturating_sub(1);
            if let Some(age) = ages.get(rank) {
                page.value(
                    "lease_age_seconds",
                    &[("quantile", quantile)],
                    age.as_secs_f64(),
                );
            }
        }
    }

    fn workers_on(&self, page: &mut Page) {
        let (mut threads, mut busy_threads) = (0_u64, 0_u64);
        let mut states =
            BTreeMap::from([("away", 0_u64), ("busy", 0), ("draining", 0), ("idle", 0)]);
        for worker in self.scheduler.workers() {
            let here = worker.connected && !worker.lost;
            if here {
                threads += u64::from(worker.threads);
                busy_threads += worker.held.min(worker.threads.into());
            }
            let state = match (here, worker.draining, worker.held > 0) {
                (false, _, _) => "away",
                (_, true, _) => "draining",
                (_, _, true) => "busy",
                _ => "idle",
            };
            *states.entry(state).or_insert(0) += 1;
        }
        page.family(
            "workers",
            Gauge,
            "Workers by state; those that are away may come back.",
        );
        for (state, count) in states {
            page.value("workers", &[("state", state)], count);
        }
        page.single(
            "worker_threads",
            Gauge,
            "Threads of the workers that are here.",
            threads,
        );
        page.single(
            "worker_threads_busy",
            Gauge,
            "Those that have a trial. Over worker_threads it is the utilisation.",
            busy_threads,
        );
        let utilisation = busy_threads as f64 / threads.max(1) as f64;
        page.single(
            "worker_utilisation",
            Gauge,
            "Busy threads over threads, 0 to 1.",
            utilisation,
        );
        let counters = self.metrics;
        page.single(
            "workers_joined_total",
            Counter,
            "Worker processes that have joined; one that reconnects counts once.",
            counters.joined,
        );
        page.single(
            "workers_lost_total",
            Counter,
            "Workers that fell silent.",
            counters.lost,
        );
        page.single(
            "workers_dropped_total",
            Counter,
            "Workers that broke a rule.",
            counters.dropped,
        );
    }

    fn disk_on(&self, page: &mut Page) {
        let counters = self.metrics;
        page.histogram(
            "flush_seconds",
            "Time to make a part durable: encoding, writing, syncing, the journal.",
            &counters.flush,
        );
        page.single(
            "flush_failures_total",
            Counter,
            "Parts that could not be written; their sweep stops until it is resumed.",
            counters.flush_failures,
        );
        page.single(
            "written_bytes_total",
            Counter,
            "Bytes of parts written.",
            counters.written_bytes,
        );
        let buffered = self
            .sweeps
            .values()
            .filter_map(|sweep| sweep.buffer.batch.as_ref());
        let buffered: usize = buffered.map(table::Batch::bytes).sum();
        page.single(
            "buffered_bytes",
            Gauge,
            "Columns in memory that wait to be written.",
            buffered,
        );
    }
}
