//! A lease on the wire: what the coordinator grants and signs, and what the worker returns with each report and when it
//! reconnects. Both ends use this one type; who gets which trials is the business of `scheduler`.

use std::ops::Range;
use std::sync::Arc;

use sweep::IntervalSet;
use tonic::codegen::Bytes;

use crate::convert::{self, WireError};
use crate::v1;

/// A lease that was granted, or is said to have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub lease: u64,
    /// Of the coordinator that granted it.
    pub generation: u32,
    /// The sweep's name.
    pub sweep: Arc<str>,
    pub ranges: Vec<Range<u64>>,
    /// Covers everything above; only the coordinator can make it.
    pub proof: Bytes,
    /// The column `attempt`. On its way to the worker alone, as what follows.
    pub attempt: u32,
    /// Trials with a checkpoint to continue from.
    pub checkpoints: Vec<u64>,
}

impl Lease {
    /// Its numbers as a set.
    pub fn numbers(&self) -> IntervalSet {
        self.ranges.iter().cloned().collect()
    }

    /// What a coordinator sends.
    ///
    /// # Errors
    /// [`WireError`] where the name or a range breaks a rule.
    pub fn of_grant(lease: v1::Lease) -> Result<Lease, WireError> {
        let parts = (&*lease.sweep, lease.lease, lease.generation);
        Ok(Lease {
            attempt: lease.attempt,
            checkpoints: lease.checkpoints,
            ..returned(parts, &lease.ranges, lease.proof)?
        })
    }

    /// What a worker brings along.
    ///
    /// # Errors
    /// As [`Lease::of_grant`].
    pub fn of_held(held: &v1::HeldLease) -> Result<Lease, WireError> {
        let parts = (&*held.sweep, held.lease, held.generation);
        returned(parts, &held.ranges, held.proof.clone())
    }

    /// What a report belongs to.
    ///
    /// # Errors
    /// As [`Lease::of_grant`].
    pub fn of_report(report: &v1::Report) -> Result<Lease, WireError> {
        let parts = (&*report.sweep, report.lease, report.generation);
        returned(parts, &report.lease_ranges, report.proof.clone())
    }

    /// For a worker, which has so long before the lease expires unless a heartbeat names it.
    pub fn into_grant(self, deadline_ms: u64) -> v1::Lease {
        v1::Lease {
            lease: self.lease,
            generation: self.generation,
            sweep: self.sweep.to_string(),
            ranges: convert::ranges(&self.ranges),
            deadline_ms,
            proof: self.proof,
            attempt: self.attempt,
            checkpoints: self.checkpoints,
        }
    }

    /// For a coordinator, with the numbers that no acknowledgement covers yet.
    pub fn to_held(&self, outstanding: &IntervalSet) -> v1::HeldLease {
        v1::HeldLease {
            lease: self.lease,
            generation: self.generation,
            sweep: self.sweep.to_string(),
            ranges: convert::ranges(&self.ranges),
            proof: self.proof.clone(),
            outstanding: convert::interval_ranges(outstanding),
        }
    }

    /// A report of it, without rows.
    pub fn to_report(&self) -> v1::Report {
        v1::Report {
            sweep: self.sweep.to_string(),
            lease: self.lease,
            generation: self.generation,
            lease_ranges: convert::ranges(&self.ranges),
            proof: self.proof.clone(),
            ..v1::Report::default()
        }
    }
}

fn returned(
    (sweep, lease, generation): (&str, u64, u32),
    ranges: &[v1::Range],
    proof: Bytes,
) -> Result<Lease, WireError> {
    let sweep = convert::sweep_name(sweep)?.into();
    convert::intervals(ranges)?;
    Ok(Lease {
        lease,
        generation,
        sweep,
        ranges: ranges.iter().map(|range| range.start..range.end).collect(),
        proof,
        attempt: 0,
        checkpoints: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_out_comes_back() {
        let lease = Lease {
            lease: 7,
            generation: 2,
            sweep: "s".into(),
            ranges: vec![0..4, 8..9],
            proof: Bytes::from_static(b"proof"),
            attempt: 3,
            checkpoints: vec![2],
        };
        assert_eq!(
            Lease::of_grant(lease.clone().into_grant(5)),
            Ok(lease.clone())
        );
        let returned = Lease {
            attempt: 0,
            checkpoints: Vec::new(),
            ..lease.clone()
        };
        let held = lease.to_held(&lease.numbers());
        assert_eq!(Lease::of_held(&held), Ok(returned.clone()));
        assert_eq!(Lease::of_report(&lease.to_report()), Ok(returned));
        let mut backwards = lease.to_report();
        backwards.lease_ranges[0].end = 0;
        assert!(Lease::of_report(&backwards).is_err());
        let mut unnamed = held;
        unnamed.sweep = "../s".to_owned();
        assert!(Lease::of_held(&unnamed).is_err());
    }
}
