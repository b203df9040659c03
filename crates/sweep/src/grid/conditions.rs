//! The filters of a sweep as tests over boxes: the parts of `where`, and the points of `exclude`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::layout::Layout;
use super::region::{Region, Test, Verdict, union};
use crate::filter::{Expr, Filter, Known};
use crate::keys::{Id, KeyKind, key, keys};
use crate::value::Value;

/// The tests that a filter puts to points of `layout`, which may be another grid than the one that the filter
/// is of.
pub(crate) fn tests(filter: &Filter, layout: &Arc<Layout>) -> Vec<Box<dyn Test>> {
    let mut tests: Vec<Box<dyn Test>> = Vec::new();
    for expr in filter.condition.iter().flat_map(Expr::conjuncts) {
        tests.push(Box::new(Condition::new(expr, layout)));
    }
    // Points that name the same keys are one test, so that many of them cost a search and not a walk.
    let mut groups: BTreeMap<Vec<Id>, Vec<&BTreeMap<&'static str, Value>>> = BTreeMap::new();
    for point in &filter.exclude {
        let ids = point.keys().filter_map(|name| Some(key(name)?.id));
        groups.entry(ids.collect()).or_default().push(point);
    }
    for (ids, points) in groups {
        tests.push(Box::new(Excluded::new(ids, &points, layout)));
    }
    tests
}

/// One side of the outermost `and` of `where`.
struct Condition {
    expr: Expr,
    layout: Arc<Layout>,
    axes: Vec<usize>,
}

impl Condition {
    fn new(expr: Expr, layout: &Arc<Layout>) -> Condition {
        let axes = union(expr.keys().iter().map(|key| layout.reach(key.id)));
        Condition {
            expr,
            layout: Arc::clone(layout),
            axes,
        }
    }
}

impl Test for Condition {
    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        match self.expr.decide(&|key| self.layout.known(region, key.id)) {
            Some(holds) => Verdict::of(holds),
            None => Verdict::Depends,
        }
    }
}

/// Points of `exclude` that name the same keys: the test holds where none of them matches.
struct Excluded {
    /// The key with the longest axis first: its values narrow the search most.
    ids: Vec<Id>,
    /// Values in the order of `ids`.
    points: BTreeSet<Vec<Value>>,
    /// Some of the keys hold tables, which match when they hold all fields of the point's.
    tables: bool,
    layout: Arc<Layout>,
    axes: Vec<usize>,
}

impl Excluded {
    fn new(
        mut ids: Vec<Id>,
        points: &[&BTreeMap<&'static str, Value>],
        layout: &Arc<Layout>,
    ) -> Excluded {
        let longest = |id: &Id| {
            let lens = layout.reach(*id).iter().map(|&axis| layout.radix.len(axis));
            std::cmp::Reverse(lens.max().unwrap_or(0))
        };
        ids.sort_by_key(longest);
        let points = points
            .iter()
            .filter_map(|point| {
                let value = |id: &Id| point.get(keys()[*id as usize].name).cloned();
                let values: Option<Vec<Value>> = ids.iter().map(value).collect();
                Some(
                    values?
                        .into_iter()
                        .map(|value| layout.shown(value))
                        .collect(),
                )
            })
            .collect();
        let tables = ids
            .iter()
            .any(|id| matches!(keys()[*id as usize].kind, KeyKind::Table(_)));
        Excluded {
            axes: union(ids.iter().map(|id| layout.reach(*id))),
            ids,
            points,
            tables,
            layout: Arc::clone(layout),
        }
    }

    /// The points whose value of the first key can be there.
    fn candidates(&self, first: &Known) -> Box<dyn Iterator<Item = &Vec<Value>> + '_> {
        let (low, high) = match first {
            _ if self.tables => return Box::new(self.points.iter()),
            Known::Exactly(Some(value)) => (value.clone(), value.clone()),
            Known::Between(low, high) => (low.clone(), high.clone()),
            Known::Exactly(None) => return Box::new(std::iter::empty()),
            Known::Among(_) | Known::Unknown => return Box::new(self.points.iter()),
        };
        let range = self.points.range(vec![low]..);
        Box::new(range.take_while(move |point| point.first().is_some_and(|value| *value <= high)))
    }
}

impl Test for Excluded {
    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        let known: Vec<Known> = self
            .ids
            .iter()
            .map(|id| self.layout.known(region, *id))
            .collect();
        let Some(first) = known.first() else {
            return Verdict::Holds;
        };
        let mut possible = false;
        for point in self.candidates(first) {
            match matches(point, &known) {
                Verdict::Holds => return Verdict::Fails,
                Verdict::Depends => possible = true,
                Verdict::Fails => {}
            }
        }
        if possible {
            Verdict::Depends
        } else {
            Verdict::Holds
        }
    }
}

/// Whether all values are those of the point.
fn matches(point: &[Value], known: &[Known]) -> Verdict {
    let mut all = Verdict::Holds;
    for (wanted, known) in point.iter().zip(known) {
        match agrees(wanted, known) {
            Verdict::Holds => {}
            Verdict::Fails => return Verdict::Fails,
            Verdict::Depends => all = Verdict::Depends,
        }
    }
    all
}

fn agrees(wanted: &Value, known: &Known) -> Verdict {
    match known {
        Known::Exactly(value) => Verdict::of(is_part(wanted, value.as_ref())),
        Known::Among(values) => {
            let some = values.iter().any(|value| is_part(wanted, value.as_ref()));
            let all = values.iter().all(|value| is_part(wanted, value.as_ref()));
            match (some, all) {
                (false, _) => Verdict::Fails,
                (true, true) => Verdict::Holds,
                (true, false) => Verdict::Depends,
            }
        }
        Known::Between(low, high) if wanted < low || wanted > high => Verdict::Fails,
        Known::Between(..) | Known::Unknown => Verdict::Depends,
    }
}

/// The values are equal, or the wanted table's fields are all in the found one.
fn is_part(wanted: &Value, found: Option<&Value>) -> bool {
    let Some(found) = found else { return false };
    match (wanted.as_table(), found.as_table()) {
        (Some(wanted), Some(found)) => wanted
            .iter()
            .all(|(name, value)| found.get(name) == Some(value)),
        _ => wanted == found,
    }
}
