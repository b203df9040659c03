//! A look at trained weights of any network: singular values, what an update changed, and how much of it lies in the
//! block that the law predicts.
//!
//! Nothing here knows a file. Matrices come in as [`Pieces`], row block by row block, so that one that does not fit in
//! memory can be looked at; large ones are decomposed by a random sketch whose error is reported. With `D_l` the change
//! of layer `l` since the start and `P_l` the projector on the predicted subspace `H_l`, the leak is
//! `1 - ||P_l D_l P_(l-1)||^2 / ||D_l||^2`: 0 where the law holds, 1 where nothing of it does.

mod angles;
mod block;
mod chain;
mod pieces;
mod singular;

pub use angles::{AngledValue, angled};
pub use block::{Block, BlockError, best_leak, block, chance_leak, leading, leak, range};
pub use chain::{Chain, chain};
pub use pieces::{Pieces, gathered};
pub use singular::{Ranks, Singular, SingularError, Wanted, ranks, singular};
