//! Filters: the little language of `where`, and the lists of excluded and included points.
//!
//! This module owns the grammar, the types, and the evaluation on one point or on a whole box of points. Which
//! points of a grid pass, and how whole blocks are skipped, is the business of `grid`.
//!
//! # Null and lists
//! A condition is true or false, never unknown. A key that does not apply to a trial, or has no value there, is
//! null, as in a pandas query: null equals nothing, not even null. So `==`, `<`, `<=`, `>`, `>=` and `in` with null
//! are false, and `!=` and `not in`, which are always the opposite of `==` and `in`, are true. `not` turns true and
//! false around. Arithmetic with null, with a list, or without a result (a division by zero) is null; a null
//! condition is false. `x == x` asks whether `x` has a value.
//!
//! Lists are compared whole, with `==`, `!=`, `in` and `not in`: `network.width == [8, 8]`. A list equals no number,
//! and `<` and its kind are false for lists.
//!
//! Decimals are what they are written as: `%` of 0.3 and 0.1 is 0.
//!
//! Folders made under earlier rules keep them: see [`Rules`].

#[cfg(test)]
mod agreement;
mod decide;
mod decimal;
mod eval;
mod expr;
mod lexer;
mod parser;
mod sums;
mod typing;
mod walk;

pub use decide::Known;
pub use expr::{Expr, Filter, Rules};
pub(crate) use sums::{Form, Part};
