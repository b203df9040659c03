//! The filters of a sweep as tests over boxes: the parts of `where`, and the points of `exclude`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::known::is_plain;
use super::layout::{Layout, Written};
use super::region::{Region, Test, Verdict, union};
use super::summed::{Sum, Summed};
use crate::filter::{Expr, Filter, Form, Known, Part};
use crate::keys::{Id, Key, KeyKind, key, keys};
use crate::logic::Truth;
use crate::value::Value;
use crate::values::Values;

/// Words of a condition that are read in the time of one question.
const WORDS: u64 = 16;

/// The tests that a filter puts to points of `layout`, which may be another grid than the one that the filter
/// is of.
pub(crate) fn tests(filter: &Filter, layout: &Arc<Layout>) -> Vec<Box<dyn Test>> {
    let mut tests: Vec<Box<dyn Test>> = Vec::new();
    for expr in filter.condition.iter().flat_map(Expr::conjuncts) {
        tests.push(Box::new(FilterTest::new(expr, layout)));
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
struct FilterTest {
    expr: Expr,
    layout: Arc<Layout>,
    axes: Vec<usize>,
    weight: u64,
}

impl FilterTest {
    fn new(expr: Expr, layout: &Arc<Layout>) -> FilterTest {
        let axes = union(expr.keys().iter().map(|key| layout.reach(key.id)));
        FilterTest {
            weight: expr.size() / WORDS + 1,
            expr,
            layout: Arc::clone(layout),
            axes,
        }
    }

    /// The column of a swept key that applies throughout the region and varies there.
    fn column(&self, region: &Region, key: &Key) -> Option<(usize, &Values)> {
        let Written::Axis { axis, position } = self.layout.written(key.id) else {
            return None;
        };
        let varies = region.width(*axis) > 1
            && is_plain(key)
            && self.layout.applies(region, key.id) == Verdict::Holds;
        varies.then(|| (*axis, &self.layout.spec.axes[*axis].values[*position]))
    }

    fn part(&self, region: &Region, key: &Key) -> Option<Part> {
        if let Some((axis, values)) = self.column(region, key) {
            return Some(part_of(values, &region.range(axis)));
        }
        match self.layout.known(region, key.id) {
            Known::Exactly(Some(Value::List(_) | Value::Table(_)) | None) => None,
            Known::Exactly(Some(value)) => Some(Part::Constant(value)),
            Known::Among(_) | Known::Between(..) | Known::Unknown => None,
        }
    }
}

/// What is known of a column over a range of digits.
fn part_of(values: &Values, range: &std::ops::Range<u64>) -> Part {
    let ends = match values.listed() {
        None if values.steps().is_some() => {
            let ends = [values.get(range.start), values.get(range.end - 1)];
            Some((ends[0].as_int(), ends[1].as_int()))
        }
        Some(list) => {
            let part = &list[range.start as usize..range.end as usize];
            let whole = part.iter().all(|value| matches!(value, Value::Int(_)));
            let ends = part.iter().min().zip(part.iter().max());
            ends.filter(|_| whole)
                .map(|(low, high)| (low.as_int(), high.as_int()))
        }
        None => None,
    };
    match ends {
        Some((Some(one), Some(other))) => Part::Int(one.min(other), one.max(other)),
        _ => Part::Other,
    }
}

impl Test for FilterTest {
    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        match self.expr.decide(&|key| self.layout.known(region, key.id)) {
            Some(holds) => Verdict::of(holds),
            None => Verdict::Depends,
        }
    }

    fn sums(&self, region: &Region) -> Option<Summed<'_>> {
        let forms = self.expr.forms(&|key| self.part(region, key))?;
        let column = |id: &Id| self.column(region, &keys()[*id as usize]);
        let sum = |form: &Form| match form {
            Form::Key(id) => column(id).map(|(axis, values)| Sum::Column(axis, values)),
            Form::Sum {
                terms,
                constant,
                modulus,
            } => {
                let terms = terms.iter().map(|(id, by)| {
                    let (axis, values) = column(id)?;
                    Some((axis, values, *by))
                });
                Some(Sum::Numbers {
                    terms: terms.collect::<Option<_>>()?,
                    constant: *constant,
                    modulus: *modulus,
                })
            }
        };
        Some(Summed {
            sums: forms.forms.iter().map(sum).collect::<Option<_>>()?,
            holds: Box::new(move |values| forms.holds(values)),
        })
    }

    fn weight(&self) -> u64 {
        self.weight
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

    /// The points that can be there, by the values of the first keys: those that are known exactly, and the one
    /// after them.
    fn candidates(&self, known: &[Known]) -> Box<dyn Iterator<Item = &Vec<Value>> + '_> {
        if self.tables {
            return Box::new(self.points.iter());
        }
        let mut low: Vec<Value> = known
            .iter()
            .map_while(|known| match known {
                Known::Exactly(Some(value)) => Some(value.clone()),
                Known::Exactly(None) | Known::Among(_) | Known::Between(..) | Known::Unknown => {
                    None
                }
            })
            .collect();
        let exact = low.len();
        let high = match known.get(exact) {
            None | Some(Known::Unknown) => None,
            Some(Known::Exactly(_)) => return Box::new(std::iter::empty()),
            Some(Known::Between(least, most)) => {
                low.push(least.clone());
                Some(most.clone())
            }
            Some(Known::Among(values)) => {
                let values = values.iter().flatten();
                let Some((least, most)) = values.clone().min().zip(values.max()) else {
                    return Box::new(std::iter::empty());
                };
                low.push(least.clone());
                Some(most.clone())
            }
        };
        let range = self.points.range(low.clone()..);
        Box::new(range.take_while(move |point| {
            point[..exact] == low[..exact] && high.as_ref().is_none_or(|high| point[exact] <= *high)
        }))
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
        let pinned = region.is_pinned(&self.axes);
        let mut possible = false;
        for point in self.candidates(&known) {
            match matches(point, &known) {
                Verdict::Holds => return Verdict::Fails,
                // One of many: the answer is in the parts of the region.
                Verdict::Depends if !pinned => return Verdict::Depends,
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
    let pairs = point.iter().zip(known);
    Truth::all(pairs.map(|(wanted, known)| agrees(wanted, known)))
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
