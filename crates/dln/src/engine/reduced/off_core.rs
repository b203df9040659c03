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
    /// Whether the step looks ahead, as Nesterov's.
    ahead: bool,
    decay: f64,
    /// `s_l` of what goes through all layers.
    moving: Recursion,
    /// `s_l` of the rest.
    idle: Recursion,
}

#[derive(Clone, Debug)]
struct Recursion {
    values: Vec<f64>,
    velocities: Vec<f64>,
    /// Of the current step.
    gradients: Vec<f64>,
}

impl Recursion {
    fn new(depth: usize) -> Recursion {
        Recursion {
            values: vec![1.0; depth],
            velocities: vec![0.0; depth],
            gradients: vec![0.0; depth],
        }
    }

    /// Momentum from the gradients; with `beta = 0`, gradient descent.
    fn update(&mut self, rate: f64, beta: f64, ahead: bool) {
        let both = self.values.iter_mut().zip(&mut self.velocities);
        for ((value, velocity), &gradient) in both.zip(&self.gradients) {
            *velocity = beta * *velocity + gradient;
            if ahead {
                *value -= rate * (gradient + beta * *velocity);
            } else {
                *value -= rate * *velocity;
            }
        }
    }
}

impl OffCoreScales {
    pub(super) fn new(
        reduction: &Reduction,
        rule: LinearRule,
        optimizer: &Optimizer,
    ) -> OffCoreScales {
        let depth = reduction.depth();
        let live = reduction.off.live(depth);
        let scales: Vec<f64> = (1..=depth).map(|layer| reduction.scale(layer)).collect();
        let idle_squares = (1..=depth)
            .zip(&scales)
            .map(|(layer, scale)| reduction.off_square(layer) - scale * scale * live as f64)
            .collect();
        let (beta, ahead) = match rule {
            LinearRule::Descent => (0.0, false),
            LinearRule::HeavyBall { beta } => (beta, false),
            LinearRule::Nesterov { beta } => (beta, true),
        };
        OffCoreScales {
            scales,
            idle_squares,
            live,
            curvature: reduction.problem.c * reduction.sigma2,
            beta,
            ahead,
            decay: optimizer.weight_decay,
            moving: Recursion::new(depth),
            idle: Recursion::new(depth),
        }
    }

    /// Of a core off which nothing goes through all layers: weight decay alone moves what is there, which
    /// [`OffCoreScales::decayed_to`] says.
    pub(super) fn without_live(reduction: &Reduction) -> OffCoreScales {
        let depth = reduction.depth();
        OffCoreScales {
            scales: (1..=depth).map(|layer| reduction.scale(layer)).collect(),
            idle_squares: (1..=depth)
                .map(|layer| reduction.off_square(layer))
                .collect(),
            live: 0,
            curvature: 0.0,
            beta: 0.0,
            decay: 0.0,
            ahead: false,
            moving: Recursion::new(depth),
            idle: Recursion::new(depth),
        }
    }

    /// All that is off the core is this share of its start.
    pub(super) fn decayed_to(&mut self, share: f64) {
        self.idle.values.fill(share);
    }

    /// `sum_l ||W_l||_F^2` off the core at step 0.
    pub(super) fn square(&self) -> f64 {
        self.idle_squares.iter().sum()
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

    /// By how much `rho_l` has changed, of the directions through all layers and of the others, and the same relative
    /// to the start; `l` from 0.
    pub(super) fn changes(&self, l: usize) -> [[f64; 2]; 2] {
        let relative = [self.moving.values[l] - 1.0, self.idle.values[l] - 1.0];
        [relative.map(|change| self.scales[l] * change), relative]
    }

    /// What is left of the start of layer `l`, from 0, in directions that only decay.
    pub(super) fn idle_share(&self, l: usize) -> f64 {
        self.idle.values[l]
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

    /// One step of every scalar, at this rate.
    pub(super) fn update(&mut self, rate: f64) {
        if self.live > 0 {
            for l in 0..self.scales.len() {
                self.moving.gradients[l] = self.slope(l) * self.moving.values[l];
            }
            self.moving.update(rate, self.beta, self.ahead);
        }
        if self.decay != 0.0 {
            let idle = &mut self.idle;
            for (gradient, value) in idle.gradients.iter_mut().zip(&idle.values) {
                *gradient = self.decay * value;
            }
            idle.update(rate, self.beta, self.ahead);
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

    const RATE: f64 = 0.1;

    fn scalars(scales: &[f64], live: usize, beta: f64, decay: f64) -> OffCoreScales {
        OffCoreScales {
            scales: scales.to_vec(),
            idle_squares: scales.iter().map(|scale| 3.0 * scale * scale).collect(),
            live,
            curvature: 0.5,
            beta,
            ahead: false,
            decay,
            moving: Recursion::new(scales.len()),
            idle: Recursion::new(scales.len()),
        }
    }

    /// Against the recursion written out, with heavy-ball momentum and with Nesterov's.
    fn check(scales: &[f64], beta: f64, decay: f64) {
        for ahead in [false, true] {
            check_rule(scales, beta, decay, ahead);
        }
    }

    fn check_rule(scales: &[f64], beta: f64, decay: f64, ahead: bool) {
        let mut found = scalars(scales, 2, beta, decay);
        found.ahead = ahead;
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
            found.update(RATE);
            let by = |gradient: f64, velocity: f64| {
                if ahead {
                    gradient + beta * velocity
                } else {
                    velocity
                }
            };
            for l in 0..rho.len() {
                velocity[l] = beta * velocity[l] + gradient[l];
                rho[l] -= RATE * by(gradient[l], velocity[l]);
                idle_velocity[l] = beta * idle_velocity[l] + decay * idle[l];
                idle[l] -= RATE * by(decay * idle[l], idle_velocity[l]);
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
        found.update(RATE);
        assert_eq!(found.end_to_end_share(), 0.95 * 0.95);
    }

    #[test]
    fn state_reads_back() {
        let mut one = scalars(&[0.9, 1.2], 2, 0.9, 0.1);
        one.update(RATE);
        one.update(RATE);
        let mut bytes = Vec::new();
        one.save(&mut bytes);
        let mut other = scalars(&[0.9, 1.2], 2, 0.9, 0.1);
        other.load(&mut bytes.as_slice()).expect("the same depth");
        one.update(RATE);
        other.update(RATE);
        assert_eq!(one.moving(0).to_bits(), other.moving(0).to_bits());
        assert_eq!(one.idle(1).to_bits(), other.idle(1).to_bits());
        let mut shallow = scalars(&[0.9], 2, 0.9, 0.1);
        assert!(shallow.load(&mut bytes.as_slice()).is_err());
    }
}
