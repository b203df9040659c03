//! Prometheus' text format, version 0.0.4, as far as it is needed here.

use std::fmt::{Display, Write as _};

use super::histogram::Histogram;

/// Begins every name.
const PREFIX: &str = "parsimony_";

/// What a family's numbers are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    Gauge,
}

/// A page of families. Writing to a string cannot fail.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// Begins a family; its values follow.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.header(name, kind, help);
    }

    /// A family of one value.
    pub(crate) fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.value(name, &[], value);
    }

    /// A value of the family that was begun last.
    pub(crate) fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{PREFIX}{name}");
        for (at, (label, word)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{label}=\"{}\"", escape(word));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }

    /// A whole family of latencies in seconds.
    pub(crate) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.header(name, "histogram", help);
        for (bound, count) in histogram.cumulative() {
            let bound = if bound.is_finite() {
                bound.to_string()
            } else {
                "+Inf".to_owned()
            };
            let _ = writeln!(self.text, "{PREFIX}{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(self.text, "{PREFIX}{name}_sum {}", histogram.sum());
        let _ = writeln!(self.text, "{PREFIX}{name}_count {}", histogram.count());
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn header(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {PREFIX}{name} {help}");
        let _ = writeln!(self.text, "# TYPE {PREFIX}{name} {kind}");
    }
}

/// A label's value between quotes.
fn escape(word: &str) -> String {
    word.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut page = Page::default();
        page.family("trials", Kind::Gauge, "Trials.");
        page.value(
            "trials",
            &[("sweep", "a\"b\\c\nd"), ("status", "failed")],
            3_u64,
        );
        page.single("leases_total", Kind::Counter, "Leases.", u64::MAX);
        let mut histogram = Histogram::default();
        histogram.observe(0.02);
        page.histogram("flush_seconds", "Time.", &histogram);
        let text = page.into_text();
        let begins = "# HELP parsimony_trials Trials.\n# TYPE parsimony_trials gauge\n\
            parsimony_trials{sweep=\"a\\\"b\\\\c\\nd\",status=\"failed\"} 3\n\
            # HELP parsimony_leases_total Leases.\n# TYPE parsimony_leases_total counter\n\
            parsimony_leases_total 18446744073709551615\n\
            # HELP parsimony_flush_seconds Time.\n# TYPE parsimony_flush_seconds histogram\n\
            parsimony_flush_seconds_bucket{le=\"0.001\"} 0\n";
        assert!(text.starts_with(begins), "{text}");
        let ends = "parsimony_flush_seconds_bucket{le=\"30\"} 1\n\
            parsimony_flush_seconds_bucket{le=\"+Inf\"} 1\n\
            parsimony_flush_seconds_sum 0.02\nparsimony_flush_seconds_count 1\n";
        assert!(text.ends_with(ends), "{text}");
    }
}
