//! What the reduced engine refuses, by name.

use ndarray::{Array2, array};

use super::tests::{LOSSES, compare, matrix, outcome, prepared, regression};
use crate::config::*;
use crate::data::fixture::{completion, factorization, given};
use crate::error::{NotReducible, TrialError};
use crate::stream::{Purpose, normal_rows};

fn refusal(trial: &Trial) -> NotReducible {
    match outcome(trial, EngineChoice::Reduced) {
        Err(TrialError::NotReducible(refused)) => refused,
        other => panic!("not refused: {:?}", other.map(|outcome| outcome.core_width)),
    }
}

#[test]
fn what_is_outside_the_law_is_refused_by_name() {
    let base = prepared(matrix(12, 12, 2), &[12, 12], 0.1);
    let mut relu = base.clone();
    relu.network.activation = Activation::Relu;
    assert_eq!(
        refusal(&relu),
        NotReducible::Activation {
            activation: Activation::Relu
        }
    );
    for kind in [OptimizerKind::Adam, OptimizerKind::Rmsprop] {
        let mut entrywise = base.clone();
        entrywise.optimizer.kind = kind;
        assert_eq!(refusal(&entrywise), NotReducible::Optimizer { kind });
    }
    let masked = prepared(completion(12, 12, 2, 0.5), &[12, 12], 0.1);
    assert_eq!(refusal(&masked), NotReducible::Mask);
    let mut gaussian = base.clone();
    gaussian.init.kind = StartKind::Gaussian;
    assert_eq!(
        refusal(&gaussian),
        NotReducible::Start {
            kind: "gaussian",
            depth: 3,
            width: 12
        }
    );
    let layer = |seed| {
        let draw = Draw { seed, replicate: 9 };
        given(normal_rows(draw, Purpose::Init, 1, 12, 12) * 0.2)
    };
    let mut given_gaussian = base.clone();
    given_gaussian.init.kind = StartKind::File;
    given_gaussian.init.weights = vec![layer(1), layer(2), layer(3)];
    assert_eq!(
        refusal(&given_gaussian),
        NotReducible::Start {
            kind: "given and not orthogonal",
            depth: 3,
            width: 12
        }
    );
}

#[test]
fn a_rest_is_refused_where_it_would_show() {
    let W = given(Array2::from_diag(&array![1.0, 2.0, 3.0, 4.0]));
    let mut Y = Array2::zeros((4, 4));
    Y[[0, 0]] = 1.5;
    let mut problem = factorization(4, 4, 1);
    problem.task = Task::Factorization {
        target: Target::Given(given(Y)),
    };
    let mut live = prepared(problem, &[], 0.1);
    live.init.kind = StartKind::File;
    live.init.weights = vec![W.clone()];
    assert_eq!(refusal(&live), NotReducible::OffCore { layer: 1 });
    let corner = |value| {
        let mut A = Array2::zeros((4, 3));
        A[[0, 0]] = value;
        given(A)
    };
    let mut problem = regression(Inputs::Given(corner(1.0)), 4, 4, 3);
    if let Task::Regression { samples } = &mut problem.task {
        samples.targets = Targets::Given(corner(1.5));
    }
    let mut idle = prepared(problem, &[], 0.1);
    idle.init.kind = StartKind::File;
    idle.init.weights = vec![W];
    assert_eq!(refusal(&idle), NotReducible::Metrics);
    idle.measure.metrics = LOSSES;
    compare(&idle, None);
}
