//! The values that a channel takes: each gets a number as it is found, an order at the end, and a label.

use std::cmp::Ordering;
use std::collections::HashMap;

use sweep::Value as Given;
use table::Cell;

use crate::render::text_width;

/// A value of one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Level {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Level {
    fn of(cell: &Cell<'_>) -> Level {
        match cell {
            Cell::Null => Level::Null,
            Cell::Boolean(truth) => Level::Bool(*truth),
            Cell::Integer(n) => Level::Number(*n as f64),
            Cell::Real(x) if x.is_finite() => Level::Number(*x),
            Cell::Real(x) => Level::Text(x.to_string()),
            Cell::Text(text) => Level::Text((*text).to_owned()),
            Cell::Bytes(_) => Level::Text("bytes".to_owned()),
        }
    }

    /// As sweep files write it.
    fn given(value: &Given) -> Level {
        match value {
            Given::Bool(truth) => Level::Bool(*truth),
            Given::Int(n) => Level::Number(*n as f64),
            Given::Float(x) => Level::Number(*x),
            other => match other.as_str() {
                Some(text) => Level::Text(text.to_owned()),
                None => Level::Text(other.to_json()),
            },
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Level::Bool(_) => 0,
            Level::Number(_) => 1,
            Level::Text(_) => 2,
            Level::Null => 3,
        }
    }

    fn compare(&self, other: &Level) -> Ordering {
        match (self, other) {
            (Level::Bool(a), Level::Bool(b)) => a.cmp(b),
            (Level::Number(a), Level::Number(b)) => a.total_cmp(b),
            (Level::Text(a), Level::Text(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Level::Number(x) => Some(*x),
            Level::Null | Level::Bool(_) | Level::Text(_) => None,
        }
    }

    pub(crate) fn label(&self) -> String {
        match self {
            Level::Null => "none".to_owned(),
            Level::Bool(truth) => truth.to_string(),
            Level::Number(x) => number_label(*x),
            Level::Text(text) => text
                .chars()
                .map(|letter| if letter.is_control() { ' ' } else { letter })
                .collect(),
        }
    }
}

/// A number as labels have it: at most four digits that matter.
pub(crate) fn number_label(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 {
        return "0".to_owned();
    }
    let text = if (1e-3..1e5).contains(&size) {
        let digits = 4 - (size.log10().floor() as i32 + 1);
        let places = usize::try_from(digits.clamp(0, 6)).unwrap_or(0);
        format!("{x:.places$}")
    } else {
        format!("{x:.3e}")
    };
    let (number, exponent) = match text.split_once('e') {
        Some((number, exponent)) => (number, format!("e{exponent}")),
        None => (text.as_str(), String::new()),
    };
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    format!("{number}{exponent}")
}

/// The values of one column by the numbers that they got.
#[derive(Debug, Default)]
struct Column {
    numbers: HashMap<u64, u32>,
    texts: HashMap<String, u32>,
    others: [Option<u32>; 3],
    list: Vec<Level>,
}

impl Column {
    fn code(&mut self, cell: &Cell<'_>) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let number = |x: f64| (x + 0.0).to_bits();
        let (code, is_new) = match cell {
            Cell::Integer(n) => entry(&mut self.numbers, number(*n as f64), next),
            Cell::Real(x) if x.is_finite() => entry(&mut self.numbers, number(*x), next),
            Cell::Text(text) => match self.texts.get(*text) {
                Some(code) => (*code, false),
                None => entry(&mut self.texts, (*text).to_owned(), next),
            },
            Cell::Real(x) => entry(&mut self.texts, x.to_string(), next),
            Cell::Bytes(_) => entry(&mut self.texts, "bytes".to_owned(), next),
            Cell::Null | Cell::Boolean(_) => {
                let place = match cell {
                    Cell::Boolean(true) => 1,
                    Cell::Boolean(false) => 2,
                    _ => 0,
                };
                let is_new = self.others[place].is_none();
                (*self.others[place].get_or_insert(next), is_new)
            }
        };
        if is_new {
            self.list.push(Level::of(cell));
        }
        code
    }
}

fn entry<K: std::hash::Hash + Eq>(map: &mut HashMap<K, u32>, key: K, next: u32) -> (u32, bool) {
    let mut is_new = false;
    let code = *map.entry(key).or_insert_with(|| {
        is_new = true;
        next
    });
    (code, is_new)
}

/// The values of a channel of one column, or the tuples of one of several.
#[derive(Debug)]
pub(crate) struct Levels {
    columns: Vec<Column>,
    /// From the code of what stands before and the code of a column to the code of both.
    pairs: Vec<HashMap<(u32, u32), u32>>,
    tuples: Vec<Vec<u32>>,
}

impl Levels {
    /// Of a channel of that many columns; of none, everything is one value.
    pub(crate) fn new(columns: usize) -> Levels {
        Levels {
            columns: (0..columns).map(|_| Column::default()).collect(),
            pairs: (1..columns).map(|_| HashMap::new()).collect(),
            tuples: Vec::new(),
        }
    }

    /// The number of a value, given for the first time where it is new.
    pub(crate) fn code(&mut self, cells: &[Cell<'_>]) -> u32 {
        let Levels {
            columns,
            pairs,
            tuples,
        } = self;
        let Some((first, rest)) = columns.split_first_mut() else {
            return 0;
        };
        let mut code = first.code(&cells[0]);
        let mut parts = vec![code];
        if rest.is_empty() {
            return code;
        }
        let last = pairs.len() - 1;
        for (place, column) in rest.iter_mut().enumerate() {
            let own = column.code(&cells[place + 1]);
            parts.push(own);
            let map = &mut pairs[place];
            let next = u32::try_from(map.len()).unwrap_or(u32::MAX);
            let (both, is_new) = entry(map, (code, own), next);
            code = both;
            if is_new && place == last {
                tuples.push(parts.clone());
            }
        }
        code
    }

    pub(crate) fn len(&self) -> usize {
        match self.columns.len() {
            0 => 1,
            1 => self.columns[0].list.len(),
            _ => self.tuples.len(),
        }
    }

    fn parts(&self, code: u32) -> Vec<&Level> {
        match self.columns.as_slice() {
            [] => Vec::new(),
            [column] => vec![&column.list[code as usize]],
            columns => {
                let tuple = &self.tuples[code as usize];
                columns
                    .iter()
                    .zip(tuple)
                    .map(|(column, part)| &column.list[*part as usize])
                    .collect()
            }
        }
    }

    /// The number that a value is, of a channel of one column.
    pub(crate) fn number(&self, code: u32) -> Option<f64> {
        match self.parts(code).as_slice() {
            [level] => level.number(),
            _ => None,
        }
    }

    /// Whether the channel is one column of numbers alone.
    pub(crate) fn are_numbers(&self) -> bool {
        self.columns.len() == 1
            && !self.columns[0].list.is_empty()
            && self.columns[0]
                .list
                .iter()
                .all(|level| level.number().is_some())
    }

    /// Whether the channel is one column without texts: its values have an order.
    pub(crate) fn have_order(&self) -> bool {
        self.columns.len() == 1
            && self.columns[0]
                .list
                .iter()
                .all(|level| matches!(level, Level::Number(_) | Level::Null))
    }

    pub(crate) fn label(&self, code: u32) -> String {
        let parts: Vec<String> = self.parts(code).iter().map(|level| level.label()).collect();
        parts.join(", ")
    }

    /// Codes in order: numbers by size, texts as the sweep file lists them, then by the alphabet.
    pub(crate) fn order(&self, listed: &[Vec<Given>]) -> Vec<u32> {
        let listed: Vec<Vec<Level>> = listed
            .iter()
            .map(|values| values.iter().map(Level::given).collect())
            .collect();
        let place = |column: usize, level: &Level| {
            let known = listed.get(column)?;
            known.iter().position(|other| other == level)
        };
        let mut codes: Vec<u32> = (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).collect();
        if self.columns.is_empty() {
            return codes;
        }
        codes.sort_by(|a, b| {
            let pairs = self.parts(*a).into_iter().zip(self.parts(*b));
            for (column, (a, b)) in pairs.enumerate() {
                let ordered = match (a, b) {
                    (Level::Text(_), Level::Text(_)) => {
                        let last = usize::MAX;
                        let a_place = place(column, a).unwrap_or(last);
                        let b_place = place(column, b).unwrap_or(last);
                        a_place.cmp(&b_place).then_with(|| a.compare(b))
                    }
                    _ => a.compare(b),
                };
                if ordered != Ordering::Equal {
                    return ordered;
                }
            }
            Ordering::Equal
        });
        codes
    }
}

/// Labels of a channel, each of at most a width in pixels and no two alike.
pub(crate) fn labels(texts: Vec<String>, width: f64, size: f64) -> Vec<String> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    texts
        .into_iter()
        .map(|text| {
            let mut label = shortened(&text, width, size);
            let seen = taken.entry(label.clone()).or_insert(0);
            *seen += 1;
            if *seen > 1 {
                label = format!("{label} ({seen})");
            }
            label
        })
        .collect()
}

/// A text cut in its middle where it is wider than `width`.
pub(crate) fn shortened(text: &str, width: f64, size: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let mut kept = letters.len().saturating_sub(1);
    loop {
        let head = kept.div_ceil(2);
        let tail = kept - head;
        let cut: String = letters[..head]
            .iter()
            .chain(&['\u{2026}'])
            .chain(&letters[letters.len() - tail..])
            .collect();
        if kept <= 2 || text_width(&cut, size) <= width {
            return cut;
        }
        kept -= 1 + kept / 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_short_labels() {
        let check = |x: f64, expected: &str| assert_eq!(number_label(x), expected);
        check(0.0, "0");
        check(0.1 + 0.2, "0.3");
        check(100.0, "100");
        check(1e-6, "1e-6");
        check(0.001, "0.001");
        check(12_345.0, "12345");
        check(1_234_567.0, "1.235e6");
        check(-0.25, "-0.25");
        check(5.432_16, "5.432");
    }

    #[test]
    fn values_get_one_code_each_and_an_order() {
        let mut levels = Levels::new(1);
        for text in ["b", "c", "a", "b"] {
            levels.code(&[Cell::Text(text)]);
        }
        assert_eq!(levels.len(), 3);
        let labels = |listed: &[Vec<Given>]| -> Vec<String> {
            let order = levels.order(listed);
            order.into_iter().map(|code| levels.label(code)).collect()
        };
        assert_eq!(labels(&[]), ["a", "b", "c"]);
        let listed = vec![Given::text("c"), Given::text("b")];
        assert_eq!(labels(&[listed]), ["c", "b", "a"]);
        let mut numbers = Levels::new(1);
        let codes = [
            numbers.code(&[Cell::Integer(10)]),
            numbers.code(&[Cell::Real(2.0)]),
            numbers.code(&[Cell::Real(10.0)]),
        ];
        assert_eq!(codes, [0, 1, 0]);
        assert_eq!(numbers.order(&[]), [1, 0]);
        assert!(numbers.are_numbers());
        assert_eq!(numbers.number(1), Some(2.0));
    }

    #[test]
    fn tuples_are_values_too() {
        let mut levels = Levels::new(3);
        let row = |a, b| [Cell::Text(a), Cell::Integer(b), Cell::Null];
        assert_eq!(levels.code(&row("x", 2)), 0);
        assert_eq!(levels.code(&row("x", 1)), 1);
        assert_eq!(levels.code(&row("x", 2)), 0);
        assert_eq!(levels.len(), 2);
        assert_eq!(levels.order(&[]), [1, 0]);
        assert_eq!(levels.label(0), "x, 2, none");
        assert!(!levels.are_numbers());
        assert_eq!(Levels::new(0).len(), 1);
    }

    #[test]
    fn long_labels_are_cut_and_stay_different() {
        let long = |end: &str| format!("{}{end}", "x".repeat(200));
        let cut = labels(vec![long("a"), long("b"), long("a")], 100.0, 10.0);
        assert!(
            cut.iter().all(|label| label.chars().count() < 30),
            "{cut:?}"
        );
        assert!(cut[0].contains('\u{2026}') && cut[0].ends_with('a'));
        assert_ne!(cut[0], cut[1]);
        assert_ne!(cut[0], cut[2]);
        assert_eq!(shortened("short", 100.0, 10.0), "short");
    }
}
