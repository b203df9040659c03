//! What stands after each hidden layer: in a hybrid network an activation after the first ones, nothing after the others.

use crate::activation::LayerFunction;
use crate::config::{Activation, Network};

impl Network {
    /// Hidden layers that an activation stands after; they are the first ones.
    pub fn nonlinear(&self) -> usize {
        if self.activation.is_linear() {
            return 0;
        }
        let hidden = self.widths.len();
        self.nonlinear_layers
            .map_or(hidden, |layers| layers.min(hidden))
    }

    /// Whether the network is one linear map.
    pub fn is_linear(&self) -> bool {
        self.nonlinear() == 0
    }

    /// What stands after each hidden layer.
    pub(crate) fn functions(&self) -> Vec<LayerFunction> {
        let nonlinear = self.nonlinear();
        let function = |layer| {
            if layer < nonlinear {
                LayerFunction::of(self.activation, self.negative_slope)
            } else {
                LayerFunction::of(Activation::Linear, 0.0)
            }
        };
        (0..self.widths.len()).map(function).collect()
    }

    /// Whether slopes are kept as well as values.
    pub(crate) fn keeps_slopes(&self) -> bool {
        let function = LayerFunction::of(self.activation, self.negative_slope);
        !self.is_linear() && function.keeps_slope()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hidden_layers_are_the_nonlinear_ones() {
        let network = |activation, nonlinear_layers| Network {
            widths: vec![3; 3],
            activation,
            negative_slope: 0.3,
            nonlinear_layers,
            bias: false,
        };
        for (layers, nonlinear) in [(None, 3), (Some(0), 0), (Some(1), 1), (Some(9), 3)] {
            let tanh = network(Activation::Tanh, layers);
            let found: Vec<bool> = tanh.functions().iter().map(|f| f.is_linear()).collect();
            let wanted: Vec<bool> = (0..3).map(|layer| layer >= nonlinear).collect();
            assert_eq!(found, wanted);
            assert_eq!(tanh.is_linear(), nonlinear == 0);
            assert!(network(Activation::Linear, layers).is_linear());
        }
    }
}
