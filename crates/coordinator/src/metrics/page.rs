//! A page of metrics: values of one moment, in a registry that prints itself in Prometheus' text format.

use std::fmt::{Debug, Error};

use prometheus_client::encoding::{
    EncodeCounterValue, EncodeGaugeValue, EncodeMetric, MetricEncoder, prometheus_text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// Begins the name of every metric but those of the process.
const PREFIX: &str = "parsimony";

/// Labels of one value, by name.
type Labels<const N: usize> = [(&'static str, String); N];

/// Names are given without prefix, and help without its full stop: the registry adds both.
#[derive(Debug)]
pub(crate) struct Page {
    process: Registry,
    own: Registry,
}

impl Page {
    pub(crate) fn new() -> Self {
        Self {
            process: Registry::default(),
            own: Registry::with_prefix(PREFIX),
        }
    }

    /// What only grows. The registry adds `_total` to the name.
    pub(crate) fn counter<V>(&mut self, name: &str, help: &str, value: V)
    where
        V: EncodeCounterValue + Debug + Send + Sync + 'static,
    {
        self.own.register(name, help, ConstCounter::new(value));
    }

    pub(crate) fn gauge<V>(&mut self, name: &str, help: &str, value: V)
    where
        V: EncodeGaugeValue + Debug + Send + Sync + 'static,
    {
        self.own.register(name, help, ConstGauge::new(value));
    }

    /// A gauge of several values, printed in their order.
    pub(crate) fn gauges<const N: usize, V>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels<N>, V)>,
    ) where
        V: EncodeGaugeValue + Debug + Send + Sync + 'static,
    {
        let values = values.into_iter().collect();
        self.own.register(name, help, Gauges { values });
    }

    /// What is always 1, for the sake of its labels. The registry adds `_info` to the name.
    pub(crate) fn info<const N: usize>(&mut self, name: &str, help: &str, labels: Labels<N>) {
        self.own.register(name, help, Info::new(labels));
    }

    pub(crate) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.own.register(name, help, histogram.clone());
    }

    /// A gauge of the process, under the name that every exporter uses.
    pub(crate) fn process(&mut self, name: &str, help: &str, value: f64) {
        self.process.register(name, help, ConstGauge::new(value));
    }

    pub(crate) fn into_text(self) -> String {
        let mut text = String::new();
        for registry in [self.process, self.own] {
            // Writing to a string cannot fail.
            let _ = prometheus_text::encode(&mut text, &registry);
        }
        text
    }
}

/// The library's family keeps its values in a hash map; these keep their order from page to page.
#[derive(Debug)]
struct Gauges<const N: usize, V> {
    values: Vec<(Labels<N>, V)>,
}

impl<const N: usize, V: EncodeGaugeValue> EncodeMetric for Gauges<N, V> {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), Error> {
        for (labels, value) in &self.values {
            encoder.encode_family(labels)?.encode_gauge(value)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::counters::latencies;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut page = Page::new();
        let labels = [
            ("sweep", "a\"b\\c\nd".to_owned()),
            ("status", "failed".to_owned()),
        ];
        page.gauges("trials", "Trials", [(labels, 3_u64)]);
        page.counter("leases", "Leases", u64::MAX);
        page.info("build", "Build", [("version", "1.0".to_owned())]);
        let histogram = latencies();
        histogram.observe(0.02);
        page.histogram("flush_seconds", "Time", &histogram);
        page.process("process_start_time_seconds", "Start", 1.5);
        let text = page.into_text();
        for family in [
            "# HELP parsimony_trials Trials.\n# TYPE parsimony_trials gauge\n\
            parsimony_trials{sweep=\"a\\\"b\\\\c\\nd\",status=\"failed\"} 3\n",
            "# HELP parsimony_leases_total Leases.\n# TYPE parsimony_leases_total counter\n\
            parsimony_leases_total 18446744073709551615\n",
            "# TYPE parsimony_build_info gauge\nparsimony_build_info{version=\"1.0\"} 1\n",
            "# HELP parsimony_flush_seconds Time.\n# TYPE parsimony_flush_seconds histogram\n\
            parsimony_flush_seconds_bucket{le=\"0.001\"} 0\n",
            "parsimony_flush_seconds_bucket{le=\"30\"} 1\n\
            parsimony_flush_seconds_bucket{le=\"+Inf\"} 1\n\
            parsimony_flush_seconds_sum 0.02\nparsimony_flush_seconds_count 1\n",
            "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1.5\n",
        ] {
            assert!(text.contains(family), "{text}");
        }
        assert!(text.ends_with('\n') && !text.contains("# EOF"), "{text}");
    }

    #[test]
    fn a_latency_is_at_or_below_its_bound() {
        let histogram = latencies();
        for seconds in [0.0, 0.001, 0.0011, 0.2, 30.0, 31.0] {
            histogram.observe(seconds);
        }
        let mut page = Page::new();
        page.histogram("h", "H", &histogram);
        let text = page.into_text();
        for (bound, below) in [
            ("0.001", 2),
            ("0.0025", 3),
            ("0.1", 3),
            ("0.25", 4),
            ("30", 5),
            ("+Inf", 6),
        ] {
            let line = format!("parsimony_h_bucket{{le=\"{bound}\"}} {below}\n");
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(text.contains("parsimony_h_sum 61.2021"), "{text}");
    }
}
