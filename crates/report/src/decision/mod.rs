//! One page for people who decide whether a small model will do: question, answer, two pictures, cost, risks, next step.
//!
//! `facts` is what the page is made of, `texts` every sentence in every language, `pictures` the two Vega-Lite
//! specifications, `page` the HTML. What the facts are is the business of who calls.

mod facts;
mod numbers;
mod page;
mod pictures;
mod texts;

pub use facts::{
    Answer, Compared, Cost, Decision, Doubt, Kind, Measured, Next, Point, Reference, Risk,
};
pub use page::page;
pub use texts::Language;
