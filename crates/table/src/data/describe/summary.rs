//! One column of a file, value by value.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::LeftOut;
use crate::data::error::At;
use crate::data::missing::is_missing;

/// Different values that are kept apart: a column with more is not held to have each once, for want of memory.
const MAX_DISTINCT: usize = 1 << 20;

/// Samples from which on a column that counts is an index and no accident.
const COUNTED: u64 = 10;

/// Characters of a value that are repeated.
const QUOTED: usize = 40;

/// Names of columns that number or name samples, in lower case.
const IDENTIFIERS: [&str; 12] = [
    "id", "ids", "uid", "uuid", "guid", "index", "idx", "key", "rowid", "row", "no", "nr",
];

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValues {
    Numbers(Numbers),
    /// Texts, of which this number is different, and no number among them.
    Texts {
        distinct: usize,
        first: At,
        example: String,
    },
    /// Numbers, and values that are none.
    Mixed {
        texts: u64,
        first: At,
        example: String,
    },
    /// No value at all.
    Empty,
}

/// Numbers of a column, those that are missing apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numbers {
    pub count: u64,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// With as many as there are in the denominator.
    pub deviation: f64,
    /// Whole numbers, each of them once.
    pub distinct_whole: bool,
}

/// What is known of a column after some of its values.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    pub(super) missing: u64,
    pub(super) first_missing: Option<At>,
    numbers: u64,
    texts: u64,
    first_text: Option<(At, String)>,
    min: f64,
    max: f64,
    mean: f64,
    /// Sum of squares about the mean.
    squares: f64,
    whole: bool,
    /// Each number is the one before it plus 1.
    counts: bool,
    last: Option<f64>,
    /// Hashes of the values; `None` where there are too many, or one came twice and texts are not counted.
    distinct: Option<BTreeSet<u64>>,
    /// Some value came twice.
    repeats: bool,
}

impl Summary {
    pub(super) fn new() -> Summary {
        Summary {
            missing: 0,
            first_missing: None,
            numbers: 0,
            texts: 0,
            first_text: None,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            mean: 0.0,
            squares: 0.0,
            whole: true,
            counts: true,
            last: None,
            distinct: Some(BTreeSet::new()),
            repeats: false,
        }
    }

    pub(super) fn add_field(&mut self, field: &str, at: At) {
        match field.parse::<f64>() {
            Ok(number) => self.add_number(number, at),
            Err(_) if field.is_empty() || is_missing(field) => self.add_missing(at),
            Err(_) => self.add_text(field, at),
        }
    }

    pub(super) fn add_missing(&mut self, at: At) {
        self.missing += 1;
        self.first_missing.get_or_insert(at);
        self.counts = false;
    }

    pub(super) fn add_number(&mut self, number: f64, at: At) {
        if !number.is_finite() {
            self.add_missing(at);
            return;
        }
        self.numbers += 1;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        // Welford's update, which loses nothing where the mean is far from 0.
        let off = number - self.mean;
        self.mean += off / self.numbers as f64;
        self.squares += off * (number - self.mean);
        self.whole &= number.fract() == 0.0;
        self.counts &= self.last.is_none_or(|last| number == last + 1.0);
        self.last = Some(number);
        // Of reals nobody asks whether each stands once, and of whole numbers not after one came twice.
        if self.whole && !self.repeats {
            self.note(number.to_bits());
        } else {
            self.distinct = None;
        }
    }

    pub(super) fn add_text(&mut self, text: &str, at: At) {
        self.texts += 1;
        self.counts = false;
        let quoted = || (at, text.chars().take(QUOTED).collect());
        self.first_text.get_or_insert_with(quoted);
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        self.note(hasher.finish());
    }

    fn note(&mut self, hash: u64) {
        let Some(distinct) = &mut self.distinct else {
            return;
        };
        self.repeats |= !distinct.insert(hash);
        if distinct.len() > MAX_DISTINCT {
            self.distinct = None;
        }
    }

    /// Whether each of the values is known to stand once.
    fn is_distinct(&self) -> bool {
        self.distinct.is_some() && !self.repeats
    }

    pub(super) fn values(&self) -> ColumnValues {
        match (&self.first_text, self.numbers) {
            (None, 0) => ColumnValues::Empty,
            (Some((first, example)), 0) => ColumnValues::Texts {
                distinct: self.distinct.as_ref().map_or(MAX_DISTINCT, BTreeSet::len),
                first: *first,
                example: example.clone(),
            },
            (Some((first, example)), _) => ColumnValues::Mixed {
                texts: self.texts,
                first: *first,
                example: example.clone(),
            },
            (None, numbers) => ColumnValues::Numbers(Numbers {
                count: numbers,
                min: self.min,
                max: self.max,
                mean: self.mean,
                deviation: (self.squares / numbers as f64).sqrt(),
                distinct_whole: self.whole && self.is_distinct(),
            }),
        }
    }

    /// Why the column cannot, or should not, be an input.
    pub(super) fn left_out(&self, place: usize, name: Option<&str>, rows: u64) -> Option<LeftOut> {
        let named = name.map(is_identifier);
        let complete = self.missing == 0 && rows >= COUNTED;
        if complete && self.counts && (named == Some(true) || (named.is_none() && place == 0)) {
            return Some(LeftOut::Index);
        }
        if complete && named == Some(true) && self.is_distinct() {
            return Some(LeftOut::Identifier);
        }
        match self.values() {
            ColumnValues::Numbers(_) => None,
            ColumnValues::Texts { distinct, .. } => Some(LeftOut::Texts { distinct }),
            ColumnValues::Mixed { .. } => Some(LeftOut::Mixed),
            ColumnValues::Empty => Some(LeftOut::Empty),
        }
    }
}

/// Whether a column of that name numbers or names samples: pandas names an index nothing, and reads that back as
/// "Unnamed: 0".
fn is_identifier(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    let ends = ["_id", "-id", " id", ".id"];
    name.is_empty()
        || name.starts_with("unnamed: 0")
        || name.starts_with("__index_level_")
        || IDENTIFIERS.contains(&name.as_str())
        || ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[&str]) -> Summary {
        let mut summary = Summary::new();
        for (line, field) in (1..).zip(fields) {
            summary.add_field(field, At::Line(line));
        }
        summary
    }

    #[test]
    fn columns_that_number_or_name_samples_are_told_from_data() {
        let count: Vec<String> = (1..=12).map(|at| at.to_string()).collect();
        let count: Vec<&str> = count.iter().map(String::as_str).collect();
        let check = |fields: &[&str], place, name, expected| {
            assert_eq!(
                of(fields).left_out(place, name, fields.len() as u64),
                expected,
                "{name:?}"
            );
        };
        check(&count, 0, None, Some(LeftOut::Index));
        check(&count, 3, None, None);
        check(&count, 3, Some("Index"), Some(LeftOut::Index));
        check(&count, 0, Some("dose"), None);
        let mut shuffled = count.clone();
        shuffled.swap(0, 5);
        check(&shuffled, 0, None, None);
        check(&shuffled, 2, Some("sample ID"), Some(LeftOut::Identifier));
        // Too few to know.
        check(&count[..5], 0, None, None);
        let mut twice = shuffled.clone();
        twice[3] = twice[4];
        check(&twice, 2, Some("id"), None);
    }

    #[test]
    fn numbers_far_from_zero_keep_their_deviation() {
        let ColumnValues::Numbers(found) = of(&["1e9", "1000000001", "1000000002"]).values() else {
            panic!("numbers");
        };
        assert!((found.deviation - (2.0_f64 / 3.0).sqrt()).abs() < 1e-9);
        assert!(found.distinct_whole);
    }
}
