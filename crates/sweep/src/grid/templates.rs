//! Settled values of points, fast: everything that does not change from point to point is settled once.
//!
//! The keys of a grid's axes are of two kinds. Some decide: whether another key applies, what its default is, what
//! stands in a table. The others only set themselves. For each combination of values of the deciding keys one
//! template holds the settled values and the text of the identity with holes where the free keys go.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::layout::{Layout, settle_all};
use super::radix::Radix;
use crate::keys::{Id, Key, Lookup, keys};
use crate::point::{FromFiles, Point, TrialId, sizes_from_files, text};
use crate::spec::Spec;
use crate::value::Value;
use crate::values::{ValueList, Values};

/// Templates kept, of some 4 KB each: 16 MB at most. Grids with more combinations make theirs point by point.
const MAX_TEMPLATES: u64 = 4096;

/// A key that decides nothing else.
#[derive(Debug)]
pub(super) struct Free {
    id: Id,
    axis: usize,
    position: usize,
    /// The values' canonical texts, where they are a list.
    texts: Vec<Box<str>>,
}

impl Free {
    /// The keys of all axes that decide nothing.
    pub(super) fn of(spec: &Spec, decides: &dyn Fn(&'static Key) -> bool) -> Vec<Free> {
        let mut free = Vec::new();
        for (axis, columns) in spec.axes.iter().enumerate() {
            for (position, (key, values)) in columns.keys.iter().zip(&columns.values).enumerate() {
                if decides(key) {
                    continue;
                }
                let texts = match values {
                    Values::List(list) => list
                        .iter()
                        .map(|value| value.to_json().into_boxed_str())
                        .collect(),
                    Values::Range { .. } | Values::Lin { .. } | Values::Log { .. } => Vec::new(),
                };
                free.push(Free {
                    id: key.id,
                    axis,
                    position,
                    texts,
                });
            }
        }
        free
    }
}

/// An axis with a key that decides.
#[derive(Debug)]
struct DecidingAxis {
    axis: usize,
    /// Of each digit, which of the different combinations of the deciding keys' values it has. `None`: every digit
    /// has its own.
    classes: Option<Vec<u32>>,
    /// How many there are.
    count: u64,
}

impl DecidingAxis {
    fn class(&self, digit: u64) -> u64 {
        match &self.classes {
            Some(classes) => u64::from(classes[digit as usize]),
            None => digit,
        }
    }
}

/// The deciding axes and the templates of their combinations.
#[derive(Debug)]
pub(super) struct Deciding {
    axes: Vec<DecidingAxis>,
    /// Over the classes of the deciding axes alone.
    strides: Vec<u64>,
    /// One a combination; empty if there are too many.
    templates: Vec<OnceLock<Template>>,
}

impl Deciding {
    pub(super) fn new(spec: &Spec, decides: &dyn Fn(&'static Key) -> bool) -> Deciding {
        let axes: Vec<DecidingAxis> = (0..spec.axes.len())
            .filter_map(|axis| deciding(spec, axis, decides))
            .collect();
        let own = Radix::new(axes.iter().map(|axis| axis.count).collect());
        let count = own.as_ref().map_or(u64::MAX, Radix::size);
        let kept = if count <= MAX_TEMPLATES { count } else { 0 };
        Deciding {
            strides: (0..axes.len())
                .map(|at| own.as_ref().map_or(0, |own| own.stride(at)))
                .collect(),
            axes,
            templates: (0..kept).map(|_| OnceLock::new()).collect(),
        }
    }
}

/// `None` where no key of the axis decides.
fn deciding(
    spec: &Spec,
    axis: usize,
    decides: &dyn Fn(&'static Key) -> bool,
) -> Option<DecidingAxis> {
    let columns = &spec.axes[axis];
    let lists: Option<Vec<&ValueList>> = columns
        .keys
        .iter()
        .zip(&columns.values)
        .filter(|(key, _)| decides(key))
        .map(|(_, values)| match values {
            Values::List(list) => Some(list),
            // A rule never repeats a value.
            Values::Range { .. } | Values::Lin { .. } | Values::Log { .. } => None,
        })
        .collect();
    let own = |count| DecidingAxis {
        axis,
        classes: None,
        count,
    };
    match lists {
        Some(lists) if lists.is_empty() => None,
        // The tuples of all keys differ.
        Some(lists) if lists.len() < columns.keys.len() => {
            let mut known: BTreeMap<Vec<&Value>, u32> = BTreeMap::new();
            let classes: Vec<u32> = (0..lists[0].len())
                .map(|j| {
                    let next = known.len() as u32;
                    let tuple = lists.iter().map(|list| &list[j]);
                    *known.entry(tuple.collect()).or_insert(next)
                })
                .collect();
            Some(DecidingAxis {
                axis,
                classes: Some(classes),
                count: known.len() as u64,
            })
        }
        Some(_) | None => Some(own(columns.len())),
    }
}

/// What all points of one combination of the deciding axes share.
#[derive(Debug)]
pub(super) struct Template {
    /// One a key; those of free keys are to be overwritten where they are not null.
    pub(super) values: Vec<Option<Value>>,
    /// What files bring.
    pub(super) files: Arc<FromFiles>,
    /// The free keys that apply.
    live: Vec<usize>,
    /// One a key: it is not free, or does not apply.
    settled: Vec<bool>,
    /// Identity text without the values of free keys.
    text: String,
    /// Where in `text` the value of which free key goes, ascending.
    holes: Vec<(usize, usize)>,
}

/// A template that the layout keeps, or one made for the occasion.
pub(super) enum Held<'a> {
    Kept(&'a Template),
    Made(Box<Template>),
}

impl Deref for Held<'_> {
    type Target = Template;

    fn deref(&self) -> &Template {
        match self {
            Held::Kept(template) => template,
            Held::Made(template) => template,
        }
    }
}

/// Tables that name files, as the sweep writes them, and the sizes of the files.
type Tables = Arc<FromFiles>;

impl Layout {
    /// The template of the digits that `digit` gives by axis.
    pub(super) fn template(&self, digit: &dyn Fn(usize) -> u64) -> Held<'_> {
        if self.deciding.templates.is_empty() {
            return Held::Made(Box::new(self.make(digit)));
        }
        let pairs = self.deciding.axes.iter().zip(&self.deciding.strides);
        let number: u64 = pairs
            .map(|(own, stride)| own.class(digit(own.axis)) * stride)
            .sum();
        // The count of templates bounds the number.
        let cell = &self.deciding.templates[number as usize];
        Held::Kept(cell.get_or_init(|| self.make(digit)))
    }

    fn make(&self, digit: &dyn Fn(usize) -> u64) -> Template {
        let slots = settle_all(
            &|key: &'static Key| self.written_at(key, digit),
            &self.arrays,
        );
        let (values, files) = self.show(slots);
        let free_of = |id: Id| self.free.iter().position(|free| free.id == id);
        let mut holes = Vec::new();
        let text = text(&values, &mut |at, id| match free_of(id) {
            Some(free) => {
                holes.push((at, free));
                true
            }
            None => false,
        });
        let live: Vec<usize> = holes.iter().map(|&(_, free)| free).collect();
        let mut settled = vec![true; values.len()];
        for &free in &live {
            settled[self.free[free].id as usize] = false;
        }
        Template {
            values,
            files,
            live,
            settled,
            text,
            holes,
        }
    }

    /// Settled values with the hashes of files instead of their names, and the tables as they were.
    pub(super) fn show(&self, mut slots: Vec<Option<Value>>) -> (Vec<Option<Value>>, Tables) {
        let mut files = FromFiles {
            tables: Vec::new(),
            sizes: sizes_from_files(&Lookup::new(&slots), &self.arrays),
        };
        for (key, slot) in keys().iter().zip(&mut slots) {
            let Some(shown) = slot.as_ref().and_then(|value| self.with_hash(value)) else {
                continue;
            };
            if let Some(written) = slot.replace(shown) {
                files.tables.push((key.id, written));
            }
        }
        (slots, Arc::new(files))
    }

    /// Writes the values of the point at `index` of the product, one a key. What `values` holds already is
    /// kept where it is right, so that the points of one lease cost no allocation.
    pub(crate) fn resolve_into(&self, index: u64, values: &mut Vec<Option<Value>>) {
        let digit = |axis: usize| self.radix.digit(index, axis);
        let template = self.template(&digit);
        self.copy(&template, &digit, values);
    }

    /// As [`Layout::resolve_into`], with what files bring: see [`Point::row`].
    pub(crate) fn row_into(&self, index: u64, values: &mut Vec<Option<Value>>) {
        let digit = |axis: usize| self.radix.digit(index, axis);
        let template = self.template(&digit);
        self.copy(&template, &digit, values);
        template.files.complete(values);
    }

    /// Writes the values at `digits`, tables that name files being as written: what checks and trials are
    /// made from.
    pub(crate) fn slots_into(&self, digits: &[u64], slots: &mut Vec<Option<Value>>) {
        let digit = |axis: usize| digits[axis];
        let template = self.template(&digit);
        self.copy(&template, &digit, slots);
        for (id, table) in &template.files.tables {
            slots[*id as usize] = Some(table.clone());
        }
    }

    /// The point at `index` of the product.
    pub(crate) fn point(&self, index: u64) -> Point {
        let digit = |axis: usize| self.radix.digit(index, axis);
        let template = self.template(&digit);
        let mut values = template.values.clone();
        self.fill(&template, &digit, &mut values);
        Point::new(values, Arc::clone(&template.files))
    }

    /// The value of one key at `digits`, of which only those of its reach matter.
    pub(crate) fn value(&self, digits: &[u64], id: Id) -> Option<Value> {
        let template = self.template(&|axis| digits[axis]);
        let value = template.values[id as usize].as_ref()?;
        match self.free.iter().find(|free| free.id == id) {
            Some(free) => Some(self.spec.axes[free.axis].value(free.position, digits[free.axis])),
            None => Some(value.clone()),
        }
    }

    /// The identity of the point at `index` of the product.
    pub(crate) fn id_of(&self, index: u64) -> TrialId {
        let digit = |axis: usize| self.radix.digit(index, axis);
        let template = self.template(&digit);
        // A number takes 25 bytes at most; longer values are rare and cost one more allocation.
        let mut text = String::with_capacity(template.text.len() + 25 * template.holes.len());
        let mut from = 0;
        for &(at, free) in &template.holes {
            text.push_str(&template.text[from..at]);
            from = at;
            let free = &self.free[free];
            let j = digit(free.axis);
            match free.texts.get(j as usize) {
                Some(value) => text.push_str(value),
                None => self.column(free).get(j).write_json(&mut text),
            }
        }
        text.push_str(&template.text[from..]);
        TrialId::of(&text)
    }

    fn column(&self, free: &Free) -> &Values {
        &self.spec.axes[free.axis].values[free.position]
    }

    fn copy(
        &self,
        template: &Template,
        digit: &dyn Fn(usize) -> u64,
        values: &mut Vec<Option<Value>>,
    ) {
        values.resize(template.values.len(), None);
        let pairs = values.iter_mut().zip(&template.values);
        for ((slot, value), settled) in pairs.zip(&template.settled) {
            if *settled && slot != value {
                slot.clone_from(value);
            }
        }
        self.fill(template, digit, values);
    }

    /// Puts in the values of the free keys that apply.
    fn fill(
        &self,
        template: &Template,
        digit: &dyn Fn(usize) -> u64,
        values: &mut [Option<Value>],
    ) {
        for &free in &template.live {
            let free = &self.free[free];
            let j = digit(free.axis);
            let slot = &mut values[free.id as usize];
            match self.column(free) {
                Values::List(list) => {
                    let value = &list[j as usize];
                    if slot.as_ref() != Some(value) {
                        *slot = Some(value.clone());
                    }
                }
                rule => *slot = Some(rule.get(j)),
            }
        }
    }
}
