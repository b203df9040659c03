//! Filters: the little language of `where`, and the lists of excluded and included points.
//!
//! This module owns the grammar, the types, and the evaluation on one point or on a whole box of points. Which
//! points of a grid pass, and how whole blocks are skipped, is the business of `grid`.

mod decide;
mod eval;
mod expr;
mod lexer;
mod mistake;
mod parser;
mod typing;

pub use decide::Known;
pub use expr::{Expr, Filter};
pub use mistake::{FilterMistake, FilterMistakeKind};
