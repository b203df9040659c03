//! The losses that a trial can minimize.

use crate::choice::choice;

choice! {
    /// Scale `c` of the squared loss: `c/2 ||W_L...W_1 X - Y||_F^2`.
    pub enum Loss {
        /// `c = 1 / (d_y n)`.
        Mean = "mean" ("over all entries, seen or not"),
        /// `c = 1`.
        Sum = "sum",
    }
}

impl Loss {
    /// `c` of `n` samples with this many outputs each.
    pub fn scale(self, outputs: usize, n: usize) -> f64 {
        match self {
            Loss::Mean => 1.0 / (outputs as f64 * n as f64),
            Loss::Sum => 1.0,
        }
    }
}
