//! The conditions on what is trained on and what is held out, and on noise.

use dln::Split;

use super::fault::Fault;
use super::fits::contradiction;
use super::readings::{classes_of, count, span, split};
use crate::error::Mistake;
use crate::keys::{Id, Lookup, SAMPLE_COUNT};
use crate::refs::{ArrayRef, Arrays, Role};
use crate::value::float_text;

/// Samples that are trained on and held out at once make every held-out figure look good.
pub(super) fn ranges_are_apart(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let both = span(values, Id::ProblemSamples).zip(span(values, Id::ProblemTest));
    let Some(((a, b), (c, d))) = both else {
        return Ok(());
    };
    let (from, to) = (a.max(c), b.min(d));
    if from >= to {
        return Ok(());
    }
    let shared = to - from;
    let are = if shared == 1 {
        "sample is"
    } else {
        "samples are"
    };
    Err(contradiction(
        &[Id::ProblemTest, Id::ProblemSamples],
        "problem.test",
        format!("[{c}, {d}]"),
        format!("`problem.samples` is [{a}, {b}], so that {shared} {are} both trained on and tested on"),
    )
    .help("name ranges that do not overlap, or hold out a drawn share: test = { share = 0.25, stratify = true }"))
}

/// A share leaves samples on both sides; with `stratify` there are classes, each with samples for both sides.
pub(super) fn split_fits(values: &Lookup<'_>, arrays: &Arrays) -> Result<(), Fault> {
    let Some(split) = split(values) else {
        return Ok(());
    };
    let Some((start, end)) = span(values, Id::ProblemSamples) else {
        return Ok(());
    };
    let count = end.saturating_sub(start);
    let about = &[Id::ProblemTest, Id::ProblemSamples];
    if count < 2 {
        return Err(contradiction(
            about,
            "problem.test",
            format!("a share of {count} samples"),
            "a split has a sample on both sides, so it needs 2".to_owned(),
        ));
    }
    if !split.stratify {
        return Ok(());
    }
    if values.name(Id::ProblemKind) != Some("classification") {
        return Err(Fault::new(
            &[Id::ProblemTest, Id::ProblemKind],
            Mistake::Contradiction {
                key: "problem.test".to_owned(),
                found: "{ stratify = true }".to_owned(),
                needs: "only a classification has classes whose shares could be kept".to_owned(),
            },
        )
        .help("leave out stratify"));
    }
    match of_classes(values, arrays, start, end) {
        Some(of_classes) => classes_fit(split, count, &of_classes),
        // A file that is not loaded has a check of its own.
        None => Ok(()),
    }
}

/// How many samples of `start .. end` each class has.
fn of_classes(values: &Lookup<'_>, arrays: &Arrays, start: u64, end: u64) -> Option<Vec<u64>> {
    let end = end.min(SAMPLE_COUNT.of(values, arrays)?);
    let labels = values
        .get(Id::ProblemLabels)
        .and_then(|table| ArrayRef::of(Role::Labels, table));
    if let Some(array) = labels {
        let labels = &arrays.get(&array)?.array;
        let mut counts = vec![0; labels.nrows()];
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        for &class in classes_of(labels).get(range)? {
            *counts.get_mut(usize::try_from(class).ok()?)? += 1;
        }
        return Some(counts);
    }
    // Drawn classes follow one another.
    let classes = count(values, Id::ProblemClasses)?;
    let each = count(values, Id::ProblemSamplesPerClass)?;
    let counts = (0..classes).map(|class| {
        let (first, last) = (class.saturating_mul(each), (class + 1).saturating_mul(each));
        last.min(end).saturating_sub(first.max(start))
    });
    Some(counts.collect())
}

fn classes_fit(split: Split, count: u64, of_classes: &[u64]) -> Result<(), Fault> {
    let about = &[Id::ProblemTest, Id::ProblemLabels, Id::ProblemSamples];
    let wrong = |needs: String| {
        contradiction(
            about,
            "problem.test",
            "{ stratify = true }".to_owned(),
            needs,
        )
    };
    if let Some(class) = of_classes.iter().position(|&samples| samples == 1) {
        return Err(wrong(format!(
            "class {class} (counted from 0, in sorted order) has one sample, which cannot both train and test"
        ))
        .help("leave the sample out, join its class to another, or leave out stratify"));
    }
    let classes = of_classes.iter().filter(|&&samples| samples > 0).count() as u64;
    let held_out = usize::try_from(count).map_or(0, |count| split.held_out(count)) as u64;
    if classes > held_out.min(count - held_out) {
        return Err(wrong(format!(
            "{classes} classes cannot all stand on both sides of a split into {} and {held_out} samples",
            count - held_out
        ))
        .help("change the share, or leave out stratify"));
    }
    Ok(())
}

/// What is given is noisy already.
pub(super) fn noise_is_on_a_draw(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let noise = values.float(Id::ProblemNoise).unwrap_or(0.0);
    if noise == 0.0 {
        return Ok(());
    }
    let given = [
        (Id::ProblemTarget, "problem.target"),
        (Id::ProblemTargets, "problem.targets"),
    ];
    let from_file = given.into_iter().find(|&(id, _)| values.has_file(id));
    let Some((_, key)) = from_file else {
        return Ok(());
    };
    Err(contradiction(
        &[Id::ProblemNoise, Id::ProblemTarget, Id::ProblemTargets],
        "problem.noise",
        float_text(noise),
        format!("`{key}` is from a file, and noise is added to drawn targets alone"),
    )
    .help("leave out `problem.noise`, or add the noise to the file"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::Array2;

    use crate::grid::Grid;
    use crate::refs::{Arrays, Loaded, Role};
    use crate::spec::Spec;

    /// A classification of these labels, or what `lines` make of it.
    fn grid(lines: &str, labels: &[usize]) -> Result<Grid, String> {
        let text = format!("name = \"s\"\n[problem]\n{lines}\n");
        let spec = Spec::parse(&text, "s.toml", &[]).map_err(|error| error.to_string())?;
        let mut arrays = Arrays::new();
        for array in spec.array_refs() {
            let classes = labels.iter().max().map_or(1, |largest| largest + 1);
            let read = match array.role {
                Role::Labels => {
                    Array2::from_shape_fn((classes, labels.len()), |(class, sample)| {
                        f64::from(u8::from(labels[sample] == class))
                    })
                }
                _ => Array2::ones((3, labels.len())),
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
        let grid = Grid::new(spec, arrays).map_err(|error| error.to_string())?;
        grid.refuse_when_new(&|| false)
            .map_err(|error| error.to_string())?;
        Ok(grid)
    }

    const FILES: &str =
        "kind = \"classification\"\ninputs = { file = \"x.npy\" }\nlabels = { file = \"y.npy\" }";
    const LABELS: [usize; 10] = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2];

    #[track_caller]
    fn refused(lines: &str, labels: &[usize], expected: &str) {
        let error = grid(lines, labels).expect_err("does not fit");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_share_is_held_out_and_the_rest_is_trained_on() {
        let grid = grid(
            &format!("{FILES}\ntest = {{ share = 0.3, stratify = true }}"),
            &LABELS,
        )
        .expect("fits");
        let found = grid.data();
        assert_eq!(
            (found.sizes[0].train, found.sizes[0].test),
            (Some(7), Some(3))
        );
        assert_eq!(found.warnings, Vec::<String>::new());
        let trial = grid.trial(0).expect("a trial");
        let samples = trial.problem.task.samples().expect("samples");
        assert_eq!((samples.trained(), samples.held_out()), (7, 3));
        assert_eq!(samples.train, (0, 10));
    }

    #[test]
    fn splits_that_cannot_be_are_refused() {
        let files = |more: &str| format!("{FILES}\n{more}");
        for share in ["0", "1", "1.5", "-0.1", "\"a\""] {
            refused(
                &files(&format!("test = {{ share = {share} }}")),
                &LABELS,
                "a number above 0 and below 1",
            );
        }
        refused(
            &files("test = { stratify = true }"),
            &LABELS,
            "has no `share`",
        );
        refused(
            &files("test = { share = 0.2, range = [0, 2] }"),
            &LABELS,
            "has both",
        );
        let stratified = files("test = { share = 0.3, stratify = true }");
        refused(&stratified, &[0, 0, 0, 1, 0, 0], "class 1 (counted from 0");
        refused(
            &files("test = { share = 0.1, stratify = true }"),
            &LABELS,
            "3 classes cannot all stand on both sides of a split into 9 and 1 samples",
        );
        refused(
            "kind = \"regression\"\ntest = { share = 0.3, stratify = true }",
            &[],
            "only a classification has classes",
        );
        refused(
            "kind = \"classification\"\nclasses = 4\nsamples_per_class = 1\ntest = { share = 0.5, stratify = true }",
            &[],
            "has one sample",
        );
        refused(
            &files("samples = { range = [3, 4] }\ntest = { share = 0.5 }"),
            &LABELS,
            "a share of 1 samples",
        );
    }

    #[test]
    fn ranges_of_a_new_sweep_do_not_overlap() {
        let lines = |test: &str| format!("{FILES}\nsamples = {{ range = [0, 8] }}\ntest = {test}");
        assert!(grid(&lines("{ range = [8, 10] }"), &LABELS).is_ok());
        refused(
            &lines("{ range = [5, 10] }"),
            &LABELS,
            "3 samples are both trained on and tested on",
        );
    }

    #[test]
    fn noise_is_for_drawn_targets() {
        assert!(grid("noise = 0.1", &[]).is_ok());
        refused(
            "target = { file = \"m.npy\" }\nnoise = 0.1",
            &[0; 3],
            "`problem.target` is from a file",
        );
        refused(
            "kind = \"regression\"\ninputs = { file = \"x.npy\" }\ntargets = { file = \"t.npy\" }\nnoise = 0.1",
            &[0; 3],
            "`problem.targets` is from a file",
        );
        refused("noise = -0.1", &[], "at least 0");
        // Labels have none, and the key does not apply.
        assert!(grid(&format!("{FILES}\nnoise = 0.1"), &LABELS).is_ok());
    }
}
