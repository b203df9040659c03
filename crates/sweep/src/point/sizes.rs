//! Sizes of the data of one point, and what is odd about which samples it uses.
//!
//! The sizes that files bring stand in the columns of rows under the keys that set them for drawn data. They
//! are no part of an identity: the hash of the file decides them.

use std::ops::Range;

use crate::keys::{INPUTS_DIM, Id, Lookup, OUTPUTS_DIM, SAMPLE_COUNT, keys};
use crate::refs::{ArrayRef, Arrays, Role};
use crate::value::Value;

use super::checks::CheckInput;
use super::readings::{classes_of, span, split};

/// Keys whose columns hold the sizes of data from files.
const SIZE_KEYS: [Id; 3] = [
    Id::ProblemInputsDim,
    Id::ProblemOutputsDim,
    Id::ProblemClasses,
];

/// Everything that the sizes and the uses of samples depend on.
pub(crate) const READ_BY_SIZES: &[CheckInput] = &[
    CheckInput::Size(&INPUTS_DIM),
    CheckInput::Size(&OUTPUTS_DIM),
    CheckInput::Size(&SAMPLE_COUNT),
    CheckInput::Key(Id::ProblemTest),
    CheckInput::Key(Id::ProblemSamples),
];

/// Whether a column of `trials` holds a size that files bring.
pub fn is_size_column(column: &str) -> bool {
    SIZE_KEYS
        .iter()
        .any(|&id| keys()[id as usize].column == column)
}

/// The sizes that files bring, by the key in whose column they stand.
pub(crate) fn sizes_from_files(values: &Lookup<'_>, arrays: &Arrays) -> Vec<(Id, Value)> {
    let from = |ids: &[Id]| ids.iter().any(|&id| values.has_file(id));
    let mut sizes = Vec::new();
    let mut add = |id: Id, size: Option<u64>| {
        if let Some(size) = size.and_then(|size| i64::try_from(size).ok()) {
            sizes.push((id, Value::Int(size)));
        }
    };
    if from(&[Id::ProblemTarget, Id::ProblemInputs]) {
        add(Id::ProblemInputsDim, INPUTS_DIM.of(values, arrays));
    }
    if from(&[Id::ProblemTarget, Id::ProblemLabels, Id::ProblemTargets]) {
        add(Id::ProblemOutputsDim, OUTPUTS_DIM.of(values, arrays));
    }
    if from(&[Id::ProblemLabels]) {
        add(Id::ProblemClasses, OUTPUTS_DIM.of(values, arrays));
    }
    sizes
}

/// The sizes of the data of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSizes {
    pub inputs: u64,
    pub outputs: u64,
    /// All there are, used or not; `None` where a matrix is fitted.
    pub samples: Option<u64>,
    /// Samples trained on.
    pub train: Option<u64>,
    /// Samples tested on.
    pub test: Option<u64>,
    pub classes: Option<u64>,
    /// Something of it is read from a file.
    pub from_files: bool,
}

impl DataSizes {
    /// `None` where something that the sizes need is missing.
    pub(crate) fn of(values: &Lookup<'_>, arrays: &Arrays) -> Option<DataSizes> {
        let length = |id: Id| span(values, id).map(|(start, end)| end.saturating_sub(start));
        let all = length(Id::ProblemSamples);
        let split = split(values).zip(all.and_then(|all| usize::try_from(all).ok()));
        let drawn = split.map(|(split, all)| split.held_out(all) as u64);
        let outputs = OUTPUTS_DIM.of(values, arrays)?;
        let has_classes =
            values.has_file(Id::ProblemLabels) || values.get(Id::ProblemClasses).is_some();
        let files = [
            Id::ProblemTarget,
            Id::ProblemInputs,
            Id::ProblemLabels,
            Id::ProblemTargets,
        ];
        Some(DataSizes {
            inputs: INPUTS_DIM.of(values, arrays)?,
            outputs,
            samples: SAMPLE_COUNT.of(values, arrays),
            train: all.map(|all| all - drawn.unwrap_or(0)),
            test: drawn.or(length(Id::ProblemTest)),
            classes: has_classes.then_some(outputs),
            from_files: files.iter().any(|&id| values.has_file(id)),
        })
    }
}

/// What is odd about the use of samples, a sentence each: samples for both training and test, or for neither;
/// classes that are tested on and not trained on.
pub(crate) fn odd_uses(values: &Lookup<'_>, arrays: &Arrays) -> Vec<String> {
    let mut found = Vec::new();
    let (Some(count), Some((start, end))) = (
        SAMPLE_COUNT.of(values, arrays),
        span(values, Id::ProblemSamples),
    ) else {
        return found;
    };
    // Ranges beyond the samples are refused elsewhere.
    let train = start.min(count)..end.min(count);
    let test = span(values, Id::ProblemTest).map(|(start, end)| start.min(count)..end.min(count));
    let used = match &test {
        None if split(values).is_some() => {
            format!("`problem.samples` is [{start}, {end}], which `problem.test` splits")
        }
        None => format!("`problem.samples` is [{start}, {end}]"),
        Some(test) => format!(
            "`problem.samples` is [{start}, {end}], `problem.test` is [{}, {}]",
            test.start, test.end
        ),
    };
    let shared = test.as_ref().map_or(0, |test| {
        let from = train.start.max(test.start);
        length(&(from..train.end.min(test.end)))
    });
    if shared > 0 {
        found.push(format!(
            "{} for both training and test: {used}",
            are_used(shared, count)
        ));
    }
    let taken = length(&train) + test.as_ref().map_or(0, length) - shared;
    let idle = count.saturating_sub(taken);
    if idle > 0 {
        found.push(format!(
            "{} for neither training nor test: {used}",
            are_used(idle, count)
        ));
    }
    if let Some(test) = &test {
        found.extend(untrained(values, arrays, &train, test));
    }
    found
}

fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

fn are_used(some: u64, all: u64) -> String {
    let are = if some == 1 { "is" } else { "are" };
    format!("{some} of {all} samples {are} used")
}

/// Classes with samples to test on and none to train on.
fn untrained(
    values: &Lookup<'_>,
    arrays: &Arrays,
    train: &Range<u64>,
    test: &Range<u64>,
) -> Option<String> {
    let array = values
        .get(Id::ProblemLabels)
        .and_then(|table| ArrayRef::of(Role::Labels, table));
    let class_of: Box<dyn Fn(u64) -> Option<u64>> = match &array {
        Some(array) => {
            let classes = classes_of(&arrays.get(array)?.array);
            Box::new(move |sample| classes.get(usize::try_from(sample).ok()?).copied())
        }
        None => {
            // Drawn classes follow one another.
            let each = u64::try_from(values.int(Id::ProblemSamplesPerClass)?).ok()?;
            Box::new(move |sample| sample.checked_div(each))
        }
    };
    let count = usize::try_from(OUTPUTS_DIM.of(values, arrays)?).ok()?;
    let mut trained = vec![false; count];
    for class in train.clone().filter_map(&class_of) {
        *trained.get_mut(usize::try_from(class).ok()?)? = true;
    }
    let mut first = None;
    let mut missing = vec![false; count];
    for sample in test.clone() {
        let class = usize::try_from(class_of(sample)?).ok()?;
        if !*trained.get(class)? {
            first.get_or_insert(sample);
            *missing.get_mut(class)? = true;
        }
    }
    let first = first?;
    let missing = missing.into_iter().filter(|&missing| missing).count();
    let have = if missing == 1 {
        "classes has"
    } else {
        "classes have"
    };
    Some(format!(
        "{missing} of {count} {have} samples in `problem.test` and none in `problem.samples`; the first such sample is number {first}, counted from 0"
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::Array2;

    use super::*;
    use crate::grid::Grid;
    use crate::refs::Loaded;
    use crate::spec::Spec;

    /// A classification of 10 samples of 3 numbers whose classes are `sample * 4 / 10`, or of `labels`.
    fn grid(more: &str) -> Grid {
        let text = format!(
            "name = \"s\"\n[problem]\nkind = \"classification\"\ninputs = {{ file = \"x.npy\" }}\nlabels = {{ file = \"y.npy\" }}\n{more}\n"
        );
        let spec = Spec::parse(&text, "s.toml", &[]).expect("a sweep");
        let mut arrays = Arrays::new();
        for array in spec.array_refs() {
            let read = match array.role {
                Role::Labels => Array2::from_shape_fn((4, 10), |(class, sample)| {
                    f64::from(u8::from(sample * 4 / 10 == class))
                }),
                _ => Array2::ones((3, 10)),
            };
            let hash = format!("blake3:{:?}", array.role);
            let array_of = Arc::new(read.into());
            arrays.insert(
                array,
                Loaded {
                    array: array_of,
                    hash,
                },
            );
        }
        Grid::new(spec, arrays).expect("fits")
    }

    fn column(columns: &[Option<Value>], id: Id) -> Option<i64> {
        columns[id as usize].as_ref().and_then(Value::as_int)
    }

    #[test]
    fn rows_hold_the_sizes_of_files_and_identities_do_not() {
        let grid = grid("[axes]\n\"train.steps\" = [3, 4]");
        let point = grid.point(1).expect("within");
        assert_eq!(point.get("problem.inputs_dim"), None);
        let mut columns = Vec::new();
        // The vector is used again for values without sizes.
        grid.row_into(0, &mut columns).expect("within");
        assert_eq!(columns, grid.point(0).expect("within").row().as_ref());
        assert_eq!(column(&columns, Id::ProblemInputsDim), Some(3));
        assert_eq!(column(&columns, Id::ProblemOutputsDim), Some(4));
        assert_eq!(column(&columns, Id::ProblemClasses), Some(4));
        grid.resolve_into(1, &mut columns).expect("within");
        assert_eq!(columns, point.values());
        assert_eq!(grid.id_of(1).expect("within").as_str(), point.id());
        assert_eq!(grid.locate(&point), Some(1));
        for id in SIZE_KEYS {
            assert!(is_size_column(keys()[id as usize].column));
        }
        assert!(!is_size_column("problem_dim"));
    }

    #[track_caller]
    fn check(more: &str, expected: &[&str]) {
        let found = grid(more).data().warnings;
        assert_eq!(found.len(), expected.len(), "{more}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{more}: {found}");
        }
    }

    #[test]
    fn odd_uses_of_samples_are_found() {
        // Classes of the samples: 0 0 0 1 1 2 2 2 3 3.
        check("samples = { range = [0, 10] }", &[]);
        check(
            "samples = { range = [0, 9] }\ntest = { range = [9, 10] }",
            &[],
        );
        check(
            "samples = { range = [0, 9] }\ntest = { range = [6, 10] }",
            &[
                "3 of 10 samples are used for both training and test: `problem.samples` is [0, 9], `problem.test` is [6, 10]",
            ],
        );
        check(
            "samples = { range = [0, 6] }\ntest = { range = [7, 8] }",
            &["3 of 10 samples are used for neither training nor test"],
        );
        check(
            "samples = { range = [0, 9] }",
            &["1 of 10 samples is used for neither"],
        );
        check(
            "test = { range = [4, 10] }",
            &[
                "2 of 4 classes have samples in `problem.test` and none in `problem.samples`; the first such sample is number 5",
            ],
        );
    }

    #[test]
    fn swept_ranges_are_all_looked_at_and_what_a_filter_drops_is_not() {
        let swept = "[axes]\n\"problem.samples\" = [{ range = [0, 10] }, { range = [0, 8] }]\n\"train.steps\" = [1, 2]";
        check(swept, &["2 of 10 samples are used for neither"]);
        let found = grid(swept).data();
        let train: Vec<_> = found.sizes.iter().map(|sizes| sizes.train).collect();
        assert_eq!(train, [Some(10), Some(8)]);
        assert_eq!((found.sizes[0].inputs, found.sizes[0].outputs), (3, 4));
        assert_eq!(
            (found.sizes[0].samples, found.sizes[0].classes),
            (Some(10), Some(4))
        );
        assert!(found.exact && found.sizes[0].from_files);
    }

    #[test]
    fn drawn_classes_are_looked_at_too() {
        let text = "name = \"s\"\n[problem]\nkind = \"classification\"\nclasses = 3\nsamples_per_class = 4\ndim = 20\ntest = { range = [6, 12] }\n";
        let spec = Spec::parse(text, "s.toml", &[]).expect("a sweep");
        let found = Grid::new(spec, Arrays::new()).expect("fits").data();
        assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
        assert!(
            found.warnings[0].starts_with("1 of 3 classes has"),
            "{:?}",
            found.warnings
        );
        assert!(!found.sizes[0].from_files);
    }
}
