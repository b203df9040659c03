//! What is said of a sweep whose trials take too long to count.

use super::layout::Layout;
use super::region::{Region, union};
use super::work::{MAX_WORK, Spent};
use crate::error::{Mistake, SweepError};
use crate::filter::Expr;

/// The error of counting that ended without an answer, at the filter that ties the most points together.
pub(crate) fn error(layout: &Layout, spent: Spent) -> SweepError {
    match spent {
        Spent::Stopped => Mistake::Stopped.into(),
        Spent::Work => too_much_work(layout),
    }
}

fn too_much_work(layout: &Layout) -> SweepError {
    let filter = &layout.spec.filter;
    let all = Region::full((0..layout.radix.axes()).map(|axis| layout.radix.len(axis)));
    let axes_of = |part: &Expr| union(part.keys().iter().map(|key| layout.reach(key.id)));
    let parts = filter.condition.iter().flat_map(Expr::conjuncts);
    let largest = parts
        .map(|part| axes_of(&part))
        .max_by_key(|axes| all.points(axes));
    let (what, axes, place) = match largest {
        Some(axes) => ("filter.where", axes, layout.spec.source.condition_place()),
        None if filter.exclude.is_empty() => ("axes", (0..layout.radix.axes()).collect(), None),
        None => (
            "filter.exclude",
            (0..layout.radix.axes()).collect(),
            layout.spec.source.exclude_place(0),
        ),
    };
    let swept = |axis: &usize| {
        let keys = layout.spec.axes[*axis].keys.iter();
        keys.map(|key| format!("`{}`", key.name))
            .collect::<Vec<_>>()
            .join(" + ")
    };
    SweepError::new(Mistake::TooMuchWork {
        filter: what,
        keys: axes.iter().map(swept).collect::<Vec<_>>().join(", "),
        points: all.points(&axes),
        limit: MAX_WORK,
    })
    .at(place)
    .help(
        "sums of integers and their remainders (%) are counted at any size; else let each part of `where`, joined \
         by `and`, name fewer or shorter axes, or list the points in [[zip]]",
    )
}
