//! Latencies in fixed buckets.

/// Upper bounds of the buckets in seconds, from a journal on memory to a disk that is stuck; a last bucket
/// without a bound follows.
pub(crate) const BOUNDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Observations by bucket, and their sum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: [u64; BOUNDS.len() + 1],
    sum: f64,
}

impl Histogram {
    /// Counts one latency, in seconds.
    pub(crate) fn observe(&mut self, seconds: f64) {
        let at = BOUNDS.iter().position(|&bound| seconds <= bound);
        self.counts[at.unwrap_or(BOUNDS.len())] += 1;
        self.sum += seconds;
    }

    /// Observations at or below each bound, and all of them at infinity.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = BOUNDS.iter().copied().chain([f64::INFINITY]);
        bounds.zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count;
            Some((bound, *below))
        })
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Seconds.
    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_latency_is_at_or_below_its_bound() {
        let mut histogram = Histogram::default();
        for seconds in [0.0, 0.001, 0.0011, 0.2, 30.0, 31.0] {
            histogram.observe(seconds);
        }
        let below = |bound: f64| {
            let found = histogram.cumulative().find(|&(at, _)| at == bound);
            found.map(|(_, count)| count)
        };
        assert_eq!(below(0.001), Some(2));
        assert_eq!(below(0.0025), Some(3));
        assert_eq!(below(0.1), Some(3));
        assert_eq!(below(0.25), Some(4));
        assert_eq!(below(30.0), Some(5));
        assert_eq!(below(f64::INFINITY), Some(6));
        assert_eq!(histogram.count(), 6);
        assert!((histogram.sum() - 61.2021).abs() < 1e-9);
    }
}
