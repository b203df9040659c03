//! Whole answers on made-up samples.

use ndarray::Array2;

use super::logistic::logistic;
use super::prepared::Prepared;
use super::price::{SEED, calmest, held_out, logistics, parts_of, penalty, table_of, too_large};
use super::{Doubt, Heavy, HeldOut, Preparation, Question, Verdict, limits, staged};
use crate::data::fixture::{given, normals};
use crate::diagnose::report::Subject;

const QUESTION: Question = Question {
    depth: 2,
    width: None,
    scale: 1.0,
    steps: None,
    preparation: Preparation {
        center: false,
        standardize: false,
        whiten: false,
    },
};

fn found(subject: &Subject) -> HeldOut {
    held_out(subject, &QUESTION, &|| 0.0).expect("sound data")
}

/// One-hot classes.
fn labelled(inputs: Array2<f64>, count: usize, class: impl Fn(usize) -> usize) -> Subject {
    let classes = Array2::from_shape_fn((count, inputs.ncols()), |(row, at)| {
        f64::from(u8::from(class(at) == row))
    });
    Subject::Labelled {
        inputs: given(inputs),
        classes: given(classes),
    }
}

/// 200 samples of this rank and dimension, and two targets `M x + shift`.
fn targets(d: usize, rank: usize, shift: f64) -> Subject {
    let inputs = normals(1, d, rank).dot(&normals(2, rank, 200)) / (rank as f64).sqrt();
    let targets = normals(3, 2, d).dot(&inputs) + shift;
    Subject::Paired {
        inputs: given(inputs),
        targets: given(targets),
    }
}

#[track_caller]
fn doubt(subject: &Subject) -> Doubt {
    match found(subject).verdict {
        Verdict::CannotTell(doubt) => doubt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn targets_with_a_mean_are_learned_and_exactly_low_rank_inputs_are_low_dimensional() {
    let subject = targets(60, 5, 100.0);
    let found = found(&subject);
    assert_eq!(
        found.verdict.name(),
        "small_is_enough",
        "{:?}",
        found.verdict
    );
    let numbers = found.verdict.numbers().unwrap();
    assert!(numbers.k <= 5 && numbers.of == 60, "{numbers:?}");
    assert!(numbers.best > 0.95, "{numbers:?}");
    let staged = staged(&subject, &QUESTION).unwrap().unwrap();
    assert!(staged.target_means.iter().all(|mean| *mean > 90.0));
    let of_train = staged.answers.slice(ndarray::s![.., ..staged.train]);
    assert!(of_train.sum().abs() < 1e-8);
}

#[test]
fn the_most_directions_that_count_as_few_are_always_a_row() {
    let found = found(&targets(12, 12, 0.0));
    let row = found.prices.iter().find(|price| price.k == 8).unwrap();
    assert!(row.is_measured() && row.share.is_some());
    assert!(found.prices.is_sorted_by_key(|price| price.k));
    assert!(found.is_checked());
}

#[test]
fn the_rate_is_chosen_without_the_held_out_samples() {
    let subject = targets(6, 6, 0.0);
    let (table, _) = table_of(&subject).expect("samples");
    let (mut X, mut Y) = (table.X.to_owned(), table.Y.to_owned());
    let held = parts_of(&table, SEED).test;
    assert_eq!(held.len(), 50);
    for at in held {
        X.column_mut(at).mapv_inplace(|x| -3.0 * x);
        Y.column_mut(at).mapv_inplace(|y| 40.0 * y + 7.0);
    }
    let other = Subject::Paired {
        inputs: given(X),
        targets: given(Y),
    };
    let rates = found(&subject).rates;
    assert!(rates.iter().any(|tried| tried.score.is_some()));
    assert_eq!(rates, found(&other).rates);
}

#[test]
fn of_rates_that_do_equally_well_the_smallest_is_chosen() {
    let check = |losses: &[&[f64]], wanted| {
        let losses: Vec<Vec<f64>> = losses.iter().map(|own| own.to_vec()).collect();
        assert_eq!(calmest(&losses, 75, 25), wanted);
    };
    // The first is worse on every split, the second on one of four, by less than the spread.
    let few = [0.51, 0.42, 0.61, 0.52];
    let good = [0.12, 0.03, 0.16, 0.11];
    let best = [0.1, 0.01, 0.2, 0.1];
    check(&[&few, &good, &best], Some(1));
    check(&[&few, &best, &good], Some(1));
    check(&[&few, &[], &best], Some(2));
    check(&[&[], &[]], None);
}

#[test]
fn every_split_has_a_penalty_of_its_own() {
    let noise = normals(8, 1, 120);
    let inputs = normals(7, 30, 120);
    let class = |at: usize| usize::from(inputs[[0, at]] + 1.5 * noise[[0, at]] > 0.0);
    let subject = labelled(inputs.clone(), 2, class);
    let (table, _) = table_of(&subject).expect("samples");
    let prepared = |seed| {
        let parts = parts_of(&table, seed);
        Prepared::new(&table, &parts, QUESTION.preparation).expect("converges")
    };
    let splits: Vec<Prepared> = (0..6).map(prepared).collect();
    let penalties: Vec<f64> = splits.iter().map(|split| penalty(&split.train)).collect();
    assert!(penalties.iter().any(|other| *other != penalties[0]));
    let own = splits.iter().zip(&penalties);
    let own = own.map(|(split, &penalty)| logistic(&split.train, &split.test, penalty));
    let found = logistics(&splits).expect("classes");
    assert_eq!(Some(found.scores), own.collect::<Option<Vec<f64>>>());
    assert_eq!(found.penalty, Some(penalties[0]));
}

#[test]
fn labels_of_one_sample_each_are_refused() {
    let found = doubt(&labelled(normals(1, 4, 60), 60, |at| at));
    assert_eq!(found, Doubt::NothingHeldOut { classes: 60 });
    // One pair is held out, and its other half is the only one of its class.
    let found = doubt(&labelled(normals(1, 4, 60), 59, |at| at.min(58)));
    assert_eq!(found, Doubt::NothingHeldOut { classes: 59 });
}

#[test]
fn samples_that_are_too_large_are_refused_before_they_are_split() {
    let check = |shape, what, found, limit| {
        let wanted = Doubt::TooLarge { what, found, limit };
        assert_eq!(too_large(shape), Some(wanted));
    };
    check((100, 510_000), Heavy::Samples, 51e6, limits::NUMBERS);
    let limit = limits::DECOMPOSITION;
    check((5000, 5000), Heavy::Decomposition, 125e9, limit);
    check((5000, 6000), Heavy::Decomposition, 150e9, limit);
    // The digits of MNIST.
    assert_eq!(too_large((784, 60_000)), None);
}
