//! What a layout keeps to settle points fast: which keys of the axes are free, and one template for each combination
//! of the others. They are made and used in `templates`.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::radix::Radix;
use crate::keys::{Id, Key};
use crate::point::FromFiles;
use crate::spec::Spec;
use crate::value::Value;
use crate::values::ValueList;

/// Templates kept, of some 4 KB each: 16 MB at most. Grids with more combinations make theirs point by point.
const MAX_TEMPLATES: u64 = 4096;

/// A key that decides nothing else.
#[derive(Debug)]
pub(super) struct Free {
    pub(super) id: Id,
    pub(super) axis: usize,
    pub(super) position: usize,
    /// The values' canonical texts, where they are a list.
    pub(super) texts: Vec<Box<str>>,
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
                let list = values.listed().map_or(&[] as &[Value], |list| list);
                let texts = list.iter().map(|value| value.to_json().into_boxed_str());
                let texts = texts.collect();
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
pub(super) struct DecidingAxis {
    pub(super) axis: usize,
    /// Of each digit, which of the different combinations of the deciding keys' values it has. `None`: every digit
    /// has its own.
    classes: Option<Vec<u32>>,
    /// How many there are.
    count: u64,
}

impl DecidingAxis {
    pub(super) fn class(&self, digit: u64) -> u64 {
        match &self.classes {
            Some(classes) => u64::from(classes[digit as usize]),
            None => digit,
        }
    }
}

/// The deciding axes and the templates of their combinations.
#[derive(Debug)]
pub(super) struct Deciding {
    pub(super) axes: Vec<DecidingAxis>,
    /// Over the classes of the deciding axes alone.
    pub(super) strides: Vec<u64>,
    /// One a combination; empty if there are too many.
    pub(super) templates: Vec<OnceLock<Template>>,
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
        // A rule never repeats a value.
        .map(|(_, values)| values.listed())
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
    pub(super) live: Vec<usize>,
    /// One a key: it is not free, or does not apply.
    pub(super) settled: Vec<bool>,
    /// Identity text without the values of free keys.
    pub(super) text: String,
    /// Where in `text` the value of which free key goes, ascending.
    pub(super) holes: Vec<(usize, usize)>,
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
