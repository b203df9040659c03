//! The scalars off the core: one recursion a layer for what goes through all layers, one for what only
//! decays.

use crate::checkpoint::{put_values, take_values};
use crate::config::Optimizer;
use crate::error::TrialError;
use crate::law::Reduction;
use crate::optimizer::LinearRule;

/// Off the core layer `l` is `rho_l` times an isometry. Scalars are kept in units of their start, so that
/// `rho_l = eps_l s_l` with `s_l = 1` at step 0.
#[derive(Clone, Debug)]
pub(super) struct OffCoreScales {
    /// `eps_l`.
    scales: Vec<f64>,
    /// Squared Frobenius norm of each layer off the core at step 0, without what goes through all layers.
    idle_squares: Vec<f64>,
    /// Directions that go through all layers.
    live: usize,
    /// `c sigma^2`.
    curvature: f64,
    beta: f64,
    decay: f64,
    rate: f64,
    /// `s_l` of what goes through all layers.
    moving: Recursion,
    /// `s_l` of the rest.
    idle: Recursion,
}

#[derive(Clone, Debug)]
struct Recursion {
    values: Vec<f64>,
    velocities: Vec<f64>,
}

impl Recursion {
    fn new(depth: usize) -> Recursion {
        Recursion {
            values: vec![1.0; depth],
            velocities: vec![0.0; depth],
        }
    }

    /// Heavy-ball momentum; with `beta = 0`, gradient descent. The velocities hold the gradients.
    fn update(&mut self, rate: f64) {
        for (value, velocity) in self.values.iter_mut().zip(&self.velocities) {
            *value -= rate * velocity;
        }
    }
}

impl OffCoreScales {
    pub(super) fn new(reduction: &Reduction, optimizer: &Optimizer) -> OffCoreScales {
        let depth = reduction.depth();
        let live = reduction.off.live(depth);
        let scales: Vec<f64> = (1..=depth).map(|layer| reduction.scale(layer)).collect();
        let idle_squares = (1..=depth)
            .zip(&scales)
            .map(|(layer, scale)| reduction.off_square(layer) - scale * scale * live as f64)
            .collect();
        let beta = match reduction.rule {
            LinearRule::Descent => 0.0,
            LinearRule::HeavyBall { beta } => beta,
        };
        OffCoreScales {
            scales,
            idle_squares,
            live,
            curvature: reduction.problem.c * reduction.sigma2,
            beta,
            decay: optimizer.weight_decay,
            rate: optimizer.rate,
            moving: Recursion::new(depth),
            idle: Recursion::new(depth),
        }
    }

    /// What the directions through all layers add to the loss.
    pub(super) fn loss(&self) -> f64 {
        if self.live == 0 {
            return 0.0;
        }
        0.5 * self.curvature * self.live as f64 * self.through().powi(2)
    }

    /// `prod_l rho_l` of the directions through all layers.
    pub(super) fn through(&self) -> f64 {
        (0..self.scales.len()).map(|l| self.moving(l)).product()
    }

    /// `rho_l` of the directions through all layers; `l` from 0.
    pub(super) fn moving(&self, l: usize) -> f64 {
        self.scales[l] * self.moving.values[l]
    }

    /// `rho_l` of the other directions; `l` from 0.
    pub(super) fn idle(&self, l: usize) -> f64 {
        self.scales[l] * self.idle.values[l]
    }

    /// What the end-to-end map off the core has become of its start.
    pub(super) fn end_to_end_share(&self) -> f64 {
        // Without a direction through all layers, whatever is left of a map off the core decays.
        let values = if self.live > 0 {
            &self.moving.values
        } else {
            &self.idle.values
        };
        values.iter().product()
    }

    /// Sum of squares of the gradient off the core.
    pub(super) fn gradient_square(&self, scale: f64) -> f64 {
        let mut sum = 0.0;
        for l in 0..self.scales.len() {
            let moving = scale * (self.slope(l) * self.moving(l));
            sum += self.live as f64 * moving * moving;
            let idle = scale * (self.decay * self.idle.values[l]);
            sum += self.idle_squares[l] * idle * idle;
        }
        sum
    }

    /// One step of every scalar.
    pub(super) fn update(&mut self) {
        if self.live > 0 {
            for l in 0..self.scales.len() {
                let gradient = self.slope(l) * self.moving.values[l];
                let velocity = &mut self.moving.velocities[l];
                *velocity = self.beta * *velocity + gradient;
            }
            self.moving.update(self.rate);
        }
        if self.decay != 0.0 {
            let idle = &mut self.idle;
            for (velocity, value) in idle.velocities.iter_mut().zip(&idle.values) {
                *velocity = self.beta * *velocity + self.decay * value;
            }
            idle.update(self.rate);
        }
    }

    /// The gradient of `rho_l` over `rho_l`: `c sigma^2 prod_(j != l) rho_j^2 + lambda`.
    fn slope(&self, l: usize) -> f64 {
        let others = (0..self.scales.len()).filter(|&j| j != l);
        let product: f64 = others.map(|j| self.moving(j)).product();
        self.curvature * product * product + self.decay
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        for recursion in [&self.moving, &self.idle] {
            put_values(out, &recursion.values);
            put_values(out, &recursion.velocities);
        }
    }

    /// # Errors
    /// [`crate::CheckpointError`] where the bytes end early or belong to another depth.
    pub(super) fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        for recursion in [&mut self.moving, &mut self.idle] {
            take_values(bytes, &mut recursion.values)?;
            take_values(bytes, &mut recursion.velocities)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars(scales: &[f64], live: usize, beta: f64, decay: f64) -> OffCoreScales {
        OffCoreScales {
            scales: scales.to_vec(),
            idle_squares: scales.iter().map(|scale| 3.0 * scale * scale).collect(),
            live,
            curvature: 0.5,
            beta,
            decay,
            rate: 0.1,
            moving: Recursion::new(scales.len()),
            idle: Recursion::new(scales.len()),
        }
    }

    /// Against the recursion of THEORY.md written out.
    fn check(scales: &[f64], beta: f64, decay: f64) {
        let mut found = scalars(scales, 2, beta, decay);
        let mut rho = scales.to_vec();
        let mut velocity = vec![0.0; scales.len()];
        let mut idle = scales.to_vec();
        let mut idle_velocity = vec![0.0; scales.len()];
        for _ in 0..5 {
            let whole: f64 = rho.iter().product();
            assert!((found.loss() - 0.5 * whole * whole).abs() < 1e-15);
            let gradient: Vec<f64> = (0..rho.len())
                .map(|l| {
                    let squares = (0..rho.len()).filter(|&j| j != l).map(|j| rho[j] * rho[j]);
                    0.5 * rho[l] * squares.product::<f64>() + decay * rho[l]
                })
                .collect();
            let of_live: f64 = gradient.iter().map(|g| 2.0 * g * g).sum();
            let of_idle: f64 = idle.iter().map(|x| 3.0 * (decay * x).powi(2)).sum();
            assert!((found.gradient_square(1.0) - of_live - of_idle).abs() < 1e-14);
            found.update();
            for l in 0..rho.len() {
                velocity[l] = beta * velocity[l] + gradient[l];
                rho[l] -= 0.1 * velocity[l];
                idle_velocity[l] = beta * idle_velocity[l] + decay * idle[l];
                idle[l] -= 0.1 * idle_velocity[l];
                assert!((found.moving(l) - rho[l]).abs() < 1e-15);
                assert!((found.idle(l) - idle[l]).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn scalars_follow_the_first_rule_and_the_decay() {
        check(&[0.9, 1.2, 0.5], 0.0, 0.0);
        check(&[0.9, 1.2, 0.5], 0.0, 0.1);
        check(&[0.9, -1.2], 0.9, 0.1);
        check(&[0.0, 1.0], 0.9, 0.0);
        check(&[0.7], 0.5, 0.2);
    }

    #[test]
    fn nothing_through_all_layers_adds_nothing_to_the_loss() {
        let mut found = scalars(&[1.0, 1.0], 0, 0.0, 0.5);
        assert_eq!(found.loss(), 0.0);
        found.update();
        assert_eq!(found.end_to_end_share(), 0.95 * 0.95);
    }

    #[test]
    fn state_reads_back() {
        let mut one = scalars(&[0.9, 1.2], 2, 0.9, 0.1);
        one.update();
        one.update();
        let mut bytes = Vec::new();
        one.save(&mut bytes);
        let mut other = scalars(&[0.9, 1.2], 2, 0.9, 0.1);
        other.load(&mut bytes.as_slice()).expect("the same depth");
        one.update();
        other.update();
        assert_eq!(one.moving(0).to_bits(), other.moving(0).to_bits());
        assert_eq!(one.idle(1).to_bits(), other.idle(1).to_bits());
        let mut shallow = scalars(&[0.9], 2, 0.9, 0.1);
        assert!(shallow.load(&mut bytes.as_slice()).is_err());
    }
}
