//! The page of an event loop at one moment. Costs a look at each sweep, worker and live lease.

use std::collections::BTreeMap;
use std::time::Duration;

use super::view::View;
use crate::metrics::{Page, Process};

impl View<'_> {
    /// All metrics in Prometheus' text format.
    pub(crate) fn metrics_page(&self, process: Process) -> String {
        let mut page = Page::new();
        process.add_to(&mut page);
        page.info(
            "build",
            "1, labelled with the program's version and source revision",
            [
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
                ("revision", self.config.revision.clone()),
            ],
        );
        self.sweeps_on(&mut page);
        self.trials_on(&mut page);
        self.reports_on(&mut page);
        self.leases_on(&mut page);
        self.workers_on(&mut page);
        self.threads_on(&mut page);
        self.disk_on(&mut page);
        page.into_text()
    }

    fn sweeps_on(&self, page: &mut Page) {
        let mut states = BTreeMap::new();
        for sweep in self.sweeps.values() {
            *states.entry(sweep.state.name()).or_insert(0_u64) += 1;
        }
        for sweep in self.dormant.values() {
            *states.entry(sweep.state().name()).or_insert(0) += 1;
        }
        page.gauges(
            "sweeps",
            "Sweeps on this coordinator, by state",
            states
                .into_iter()
                .map(|(state, count)| ([("state", state.to_owned())], count)),
        );
        let mut trials = Vec::new();
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
            trials.extend(statuses.map(|(status, count)| (&*sweep.name, status, count)));
        }
        for (name, status) in self.dormant_statuses() {
            let done = status.completed + status.diverged + status.failed;
            let statuses = [
                ("completed", status.completed),
                ("diverged", status.diverged),
                ("failed", status.failed),
                ("leased", 0),
                ("pending", status.trials.saturating_sub(done)),
            ];
            trials.extend(statuses.map(|(status, count)| (name, status, count)));
        }
        page.gauges(
            "trials",
            "Trials of each sweep: with a durable row by its status, in workers' hands, or waiting",
            trials.into_iter().map(|(sweep, status, count)| {
                let labels = [("sweep", sweep.to_owned()), ("status", status.to_owned())];
                (labels, count)
            }),
        );
    }

    fn trials_on(&self, page: &mut Page) {
        page.counter(
            "trials_reported",
            "Trials reported by workers, each counted once. Its rate is the trials a second",
            self.metrics.accepted,
        );
        page.counter(
            "trials_repeated",
            "Trials reported again by another worker, or no longer wanted",
            self.metrics.repeated,
        );
        page.counter(
            "trials_durable",
            "Trials whose row this coordinator has made durable",
            self.metrics.durable,
        );
        page.counter(
            "work_seconds",
            "Time that workers' threads spent on reported trials",
            self.metrics.work_seconds,
        );
    }

    fn reports_on(&self, page: &mut Page) {
        page.counter(
            "reports",
            "Reports received from workers",
            self.metrics.reports,
        );
        page.counter(
            "report_bytes",
            "Bytes of the columns of reports, as they came",
            self.metrics.report_bytes,
        );
        page.gauge(
            "reports_unacknowledged",
            "Reports received that are not durable yet",
            self.metrics.unacknowledged(),
        );
        page.histogram(
            "acknowledge_seconds",
            "Time from a report's coming to its acknowledgement",
            &self.metrics.acknowledge,
        );
    }

    fn leases_on(&self, page: &mut Page) {
        page.counter("leases_granted", "Leases granted", self.metrics.leases);
        let mut ages: Vec<Duration> = self.scheduler.leases().map(|lease| lease.age).collect();
        ages.sort_unstable();
        page.gauge("leases", "Leases in workers' hands", ages.len());
        let quantiles = [("0.5", 50), ("0.9", 90), ("1", 100)];
        page.gauges(
            "lease_age_seconds",
            "Age of the leases in workers' hands: quantiles over those there are now",
            quantiles.into_iter().filter_map(|(quantile, hundredths)| {
                let rank = (ages.len() * hundredths).div_ceil(100).saturating_sub(1);
                let age = ages.get(rank)?.as_secs_f64();
                Some(([("quantile", quantile.to_owned())], age))
            }),
        );
    }

    fn workers_on(&self, page: &mut Page) {
        let mut states =
            BTreeMap::from([("away", 0_u64), ("busy", 0), ("draining", 0), ("idle", 0)]);
        for worker in self.scheduler.workers() {
            let here = worker.connected && !worker.lost;
            let state = match (here, worker.draining, worker.held > 0) {
                (false, _, _) => "away",
                (_, true, _) => "draining",
                (_, _, true) => "busy",
                _ => "idle",
            };
            *states.entry(state).or_insert(0) += 1;
        }
        page.gauges(
            "workers",
            "Workers by state; those that are away may come back",
            states
                .into_iter()
                .map(|(state, count)| ([("state", state.to_owned())], count)),
        );
        page.counter(
            "workers_joined",
            "Worker processes that have joined; one that reconnects counts once",
            self.metrics.joined,
        );
        page.counter(
            "workers_lost",
            "Workers that fell silent",
            self.metrics.lost,
        );
        page.counter(
            "workers_dropped",
            "Workers that broke a rule",
            self.metrics.dropped,
        );
    }

    fn threads_on(&self, page: &mut Page) {
        let (mut threads, mut busy) = (0_u64, 0_u64);
        for worker in self.scheduler.workers() {
            if worker.connected && !worker.lost {
                threads += u64::from(worker.threads);
                busy += worker.held.min(worker.threads.into());
            }
        }
        page.gauge(
            "worker_threads",
            "Threads of the workers that are here",
            threads,
        );
        page.gauge(
            "worker_threads_busy",
            "Those that have a trial. Over worker_threads it is the utilisation",
            busy,
        );
        page.gauge(
            "worker_utilisation",
            "Busy threads over threads, 0 to 1",
            busy as f64 / threads.max(1) as f64,
        );
    }

    fn disk_on(&self, page: &mut Page) {
        page.histogram(
            "flush_seconds",
            "Time to make a part durable: encoding, writing, syncing, the journal",
            &self.metrics.flush,
        );
        page.counter(
            "flush_failures",
            "Parts that could not be written; their sweep stops until it is resumed",
            self.metrics.flush_failures,
        );
        page.counter(
            "written_bytes",
            "Bytes of parts written",
            self.metrics.written_bytes,
        );
        let buffered = self
            .sweeps
            .values()
            .filter_map(|sweep| sweep.buffer.batch.as_ref());
        let buffered: usize = buffered.map(table::Batch::bytes).sum();
        page.gauge(
            "buffered_bytes",
            "Columns in memory that wait to be written",
            buffered,
        );
    }
}
