//! The reduced engine itself: the core, the scalars off it, the optimizer.

use ndarray::Array2;
use pulp::Arch;

use super::cost::core_step;
use super::exported::{CoreParts, off_map};
use super::metrics::WideNetwork;
use super::net::Net;
use super::off_core::OffCoreScales;
use super::steps::{Backward, Forward, Use};
use super::views::Views;
use crate::checkpoint::{put_matrix, put_u64, take_matrix, take_u64};
use crate::config::Trial;
use crate::data::Data;
use crate::engine::{Engine, EngineReport};
use crate::error::TrialError;
use crate::exported::Exported;
use crate::kernel::simd::Lane;
use crate::kernel::{Threads, norm_of};
use crate::law::Reduction;
use crate::measure::{Rows, measure};
use crate::optimizer::LinearRule;
use crate::outcome;

/// Cores wider than this are multiplied by the general kernel: a core of 96 x 96 doubles is 72 kB, and with
/// larger ones the tiles wait for the second-level cache.
const WIDEST_TILED: usize = 96;

#[derive(Debug)]
pub(super) struct Reduced<'a, T> {
    pub(super) trial: &'a Trial,
    pub(super) data: &'a Data,
    pub(super) threads: Threads,
    pub(super) reduction: Reduction,
    rule: LinearRule,
    pub(super) views: Views,
    pub(super) off: OffCoreScales,
    /// Train loss of the kept pass.
    pub(super) loss: f64,
    net: Net<T>,
    arch: Arch,
    large: Option<Threads>,
    /// Updates taken, for the schedule.
    steps: u64,
    flops: f64,
}

impl<'a, T: Lane> Reduced<'a, T> {
    pub(super) fn new(
        (trial, data, threads): (&'a Trial, &'a Data, Threads),
        mut reduction: Reduction,
        rule: LinearRule,
    ) -> Result<Reduced<'a, T>, TrialError> {
        let momentum = match rule {
            LinearRule::Descent => false,
            LinearRule::HeavyBall { .. } | LinearRule::Nesterov { .. } => true,
        };
        let net = Net::new(&reduction.cores, &reduction.problem, momentum);
        let widths = net.widths();
        let samples = net.samples();
        let flops = core_step(&widths, samples);
        let is_large = widths.iter().any(|&width| width > WIDEST_TILED);
        let views = Views::new(trial, data, &reduction, threads)?;
        let off = OffCoreScales::new(&reduction, rule, &trial.optimizer);
        reduction.release();
        Ok(Reduced {
            views,
            off,
            trial,
            data,
            threads,
            reduction,
            rule,
            loss: f64::NAN,
            net,
            arch: Arch::new(),
            large: is_large.then_some(threads),
            steps: 0,
            flops,
        })
    }

    /// What an update at this rate does with the gradients.
    fn descend(&self, rate: f64) -> Use<T> {
        let decay = self.trial.optimizer.weight_decay;
        match self.rule {
            LinearRule::Descent => Use::Descend {
                keep: T::of(1.0 - rate * decay),
                rate: T::of(rate),
            },
            LinearRule::HeavyBall { beta } => Use::Momentum {
                beta: T::of(beta),
                decay: T::of(decay),
                rate: T::of(rate),
            },
            LinearRule::Nesterov { beta } => Use::Nesterov {
                beta: T::of(beta),
                decay: T::of(decay),
                rate: T::of(rate),
            },
        }
    }

    /// `C_1 .. C_L` in double precision.
    pub(super) fn cores(&self) -> Vec<Array2<f64>> {
        let depth = self.reduction.depth();
        (0..depth).map(|j| self.net.core(j)).collect()
    }
}

impl<T: Lane> Engine for Reduced<'_, T> {
    fn loss(&mut self) -> f64 {
        let squares = self.arch.dispatch(Forward {
            net: &mut self.net,
            large: self.large,
        });
        let problem = &self.reduction.problem;
        self.loss = 0.5 * problem.c * squares + (problem.constant + self.off.loss());
        self.loss
    }

    fn gradient_norm(&mut self) -> f64 {
        let decay = T::of(self.trial.optimizer.weight_decay);
        norm_of(|scale| {
            let squares = self.arch.dispatch(Backward {
                net: &mut self.net,
                large: self.large,
                with: Use::Measure { decay, scale },
            });
            squares + self.off.gradient_square(scale)
        })
    }

    fn update(&mut self) {
        let rate = self.trial.optimizer.rate_at(self.steps);
        let with = self.descend(rate);
        self.arch.dispatch(Backward {
            net: &mut self.net,
            large: self.large,
            with,
        });
        self.off.update(rate);
        self.steps += 1;
    }

    fn measure(&mut self, step: u64, rows: &mut Rows) {
        let here = WideNetwork::new(
            (self.trial, self.data, self.threads),
            &self.reduction,
            &self.views,
            &self.off,
            self.cores(),
        );
        measure(&here, &self.trial.measure.metrics, self.loss, step, rows);
    }

    fn flops_per_step(&self) -> f64 {
        self.flops
    }

    fn save(&self, out: &mut Vec<u8>) {
        for j in 0..self.reduction.depth() {
            put_matrix(out, &self.net.core(j));
            if self.net.has_velocity() {
                put_matrix(out, &self.net.core_velocity(j));
            }
        }
        self.off.save(out);
        // Checkpoints of trials without a schedule have no such number.
        if !self.trial.optimizer.schedule.is_constant() {
            put_u64(out, self.steps);
        }
    }

    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        for j in 0..self.reduction.depth() {
            let mut core = self.net.core(j);
            take_matrix(bytes, &mut core)?;
            self.net.set(j, &core);
            if self.net.has_velocity() {
                take_matrix(bytes, &mut core)?;
                self.net.set_velocity(j, &core);
            }
        }
        self.loss = f64::NAN;
        self.off.load(bytes)?;
        if !self.trial.optimizer.schedule.is_constant() {
            self.steps = take_u64(bytes)?;
        }
        Ok(())
    }

    fn set_threads(&mut self, threads: Threads) {
        self.threads = threads;
        self.large = self.large.map(|_| threads);
    }

    fn exported(&self) -> Option<Exported> {
        let parts = CoreParts {
            trial: self.trial,
            bases: &self.reduction.bases,
            cores: self.cores(),
            biases: Vec::new(),
            first_share: self.off.idle_share(0),
        };
        let mut exported = parts.exported();
        let known = self.views.off_map.clone();
        let off = known.or_else(|| off_map(self.trial, self.data));
        if let (Some(map), Some(off)) = (&mut exported.end_to_end, off) {
            map.scaled_add(self.off.end_to_end_share(), &off);
        }
        Some(exported)
    }

    fn report(&self) -> EngineReport {
        EngineReport {
            engine: outcome::EngineKind::Reduced,
            core_width: self.reduction.core_width(),
            residual: Some(self.reduction.residual),
        }
    }
}
