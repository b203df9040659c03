//! The price of fewer directions of a matrix: what they leave out of it.

use super::answer::{Price, Question, Score};
use super::found::HeldOut;
use super::verdict::{Doubt, Numbers, Verdict, few, limits};
use crate::config::{EngineChoice, Loss, SingularValues, Target, Task};
use crate::diagnose::look;
use crate::diagnose::report::{DataSpectrum, Proposal, Subject};
use crate::engine::plan;

/// The table of a matrix of this spectrum.
pub(super) fn matrix(subject: &Subject, spectrum: &DataSpectrum, question: &Question) -> HeldOut {
    let proposal = Proposal {
        depth: question.depth,
        width: question.width.unwrap_or_else(|| subject.usual_width()),
        scale: question.scale,
        loss: Loss::Mean,
    };
    let steps = question.steps.unwrap_or(limits::STEPS);
    let shares = limits::SHARES.map(Some).into_iter().chain([None]);
    let prices: Vec<Price> = shares
        .map(|share| {
            let k = share.map_or(spectrum.rank, |share| spectrum.carrying(share));
            price(subject, spectrum, &proposal, (share, k), steps)
        })
        .collect();
    let mut wide = look::trial(subject, &proposal);
    wide.train.steps = steps;
    wide.train.engine = EngineChoice::Full;
    HeldOut {
        score: Score::Energy,
        splits: 0,
        train: 0,
        test: 0,
        balance: None,
        baselines: Vec::new(),
        recipe: None,
        rates: Vec::new(),
        width: proposal.width,
        width_is_given: question.width.is_some(),
        widths: Vec::new(),
        prices,
        wide: Some(wide),
        verdict: verdict(spectrum),
    }
}

fn price(
    subject: &Subject,
    spectrum: &DataSpectrum,
    proposal: &Proposal,
    (share, k): (Option<f64>, usize),
    steps: u64,
) -> Price {
    let mut trial = look::trial(subject, proposal);
    // Costs depend on the rank alone.
    trial.problem.task = Task::Factorization {
        target: Target::Drawn {
            rank: k.max(1),
            singular_values: SingularValues::Flat,
        },
    };
    trial.train.steps = steps;
    let plan = plan(&trial);
    let (rows, columns) = subject.shape();
    let core = plan
        .core_width
        .and_then(|width| usize::try_from(width).ok())
        .unwrap_or(proposal.width);
    let cores =
        core * core * proposal.depth.saturating_sub(2) + 2 * core * core.min(rows.min(columns));
    Price {
        share,
        k,
        core_width: (proposal.depth > 1).then_some(core),
        scores: vec![spectrum.kept(k)],
        diverged: 0,
        flops_per_step: plan.flops_per_step,
        steps,
        measured_seconds: None,
        bytes: 8.0 * (core * (rows + columns) + cores) as f64,
        trial,
    }
}

/// By the rank, then by the values that stand out of noise, then by the energy.
fn verdict(spectrum: &DataSpectrum) -> Verdict {
    let of = spectrum.values.len();
    let few = few(of);
    if spectrum.rank == 0 {
        return Verdict::CannotTell(Doubt::NothingToLearn);
    }
    let numbers = |k: usize| {
        let score = spectrum.kept(k);
        Numbers {
            k,
            of,
            score,
            best: 1.0,
            lost: 1.0 - score,
            standard_error: 0.0,
        }
    };
    if spectrum.rank <= few {
        return Verdict::SmallIsEnough(numbers(spectrum.rank));
    }
    let signal = numbers(spectrum.threshold_rank);
    if (1..=few).contains(&signal.k) && signal.score >= limits::KEPT {
        return Verdict::SmallIsEnough(signal);
    }
    let most = numbers(spectrum.carrying(0.99));
    let small = numbers(most.k.min(few));
    if small.lost <= limits::PRICE {
        Verdict::SmallCosts(small)
    } else {
        Verdict::NotLowDimensional(most)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;
    use crate::data::fixture::{given, normals};
    use crate::diagnose::spectrum::spectrum;

    #[track_caller]
    fn check(A: Array2<f64>, name: &str, k: usize) {
        let subject = Subject::Matrix(given(A));
        let spectrum = spectrum(&subject).unwrap();
        let question = Question {
            depth: 3,
            width: None,
            scale: 1.0,
            steps: None,
            preparation: super::super::Preparation::default(),
        };
        let found = matrix(&subject, &spectrum, &question);
        assert_eq!(found.verdict.name(), name);
        assert_eq!(found.verdict.numbers().map(|numbers| numbers.k), Some(k));
        assert_eq!(found.prices.len(), 6);
        let scores: Vec<f64> = found.prices.iter().map(|price| price.scores[0]).collect();
        assert!(scores.is_sorted() && (scores[5] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_matrix_is_judged_by_rank_noise_and_energy() {
        let signal = normals(1, 30, 3).dot(&normals(2, 3, 30));
        let noise = normals(3, 30, 30);
        check(signal.clone(), "small_is_enough", 3);
        check(&signal + &(&noise * 0.1), "small_is_enough", 3);
        // The smallest third of the values of a square matrix of noise has some 3 % of its energy.
        check(noise, "small_costs", 20);
        // Equal values: 20 of 30 keep two thirds.
        check(Array2::eye(30), "not_low_dimensional", 30);
    }

    #[test]
    fn what_stands_out_but_loses_too_much_is_not_low_dimensional() {
        // A signal of 3 directions with less energy than the flat rest.
        let values = Array1::from_shape_fn(30, |at| if at < 3 { 4.0 } else { 1.0 });
        let found = spectrum(&Subject::Matrix(given(Array2::from_diag(&values)))).unwrap();
        assert_eq!(found.threshold_rank, 3);
        assert!((found.kept(20) - 65.0 / 75.0).abs() < 1e-12);
        check(
            Array2::from_diag(&values),
            "not_low_dimensional",
            found.carrying(0.99),
        );
    }
}
