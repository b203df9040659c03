//! Settled values of points, fast: everything that does not change from point to point is settled once.
//!
//! The keys of a grid's axes are of two kinds. Some decide: whether another key applies, what its default is, what
//! stands in a table. The others only set themselves. For each combination of values of the deciding keys one
//! template holds the settled values and the text of the identity with holes where the free keys go. What a template
//! holds is in `template`.

use std::sync::Arc;

use super::layout::Layout;
use super::template::{Free, Held, Template};
use crate::keys::{Id, Key, Lookup, keys, settle_all};
use crate::point::{FromFiles, Point, TrialId, put, sizes_from_files, text};
use crate::value::Value;
use crate::values::Values;

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
        self.write(&|axis| digits[axis], slots);
    }

    /// As [`Layout::slots_into`], of the point at `index` of the product.
    pub(super) fn slots_of(&self, index: u64, slots: &mut Vec<Option<Value>>) {
        self.write(&|axis| self.radix.digit(index, axis), slots);
    }

    fn write(&self, digit: &dyn Fn(usize) -> u64, slots: &mut Vec<Option<Value>>) {
        let template = self.template(digit);
        self.copy(&template, digit, slots);
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
            let json = free.texts.get(j as usize).map(|json| &**json);
            let column = self.column(free);
            match column.listed() {
                Some(list) => put(free.id, &list[j as usize], json, at, &mut text),
                None => put(free.id, &column.get(j), None, at, &mut text),
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
            let column = self.column(free);
            match column.listed() {
                Some(list) => {
                    let value = &list[j as usize];
                    if slot.as_ref() != Some(value) {
                        *slot = Some(value.clone());
                    }
                }
                None => *slot = Some(column.get(j)),
            }
        }
    }
}
