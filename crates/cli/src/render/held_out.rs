//! What `diagnose` found on held-out samples: the verdict in words, the price of truncation, baselines.

use std::fmt::Write as _;

use dln::diagnose::held_out::{
    BaselineKind, Doubt, Heavy, HeldOut, Numbers, Price, Score, Verdict, deviation, limits,
};
use serde_json::{Value, json};
use sweep::Cost;

use super::numbers;
use super::table::{self, Column};

/// The verdict with the numbers that decide it.
pub(crate) fn verdict(held: &HeldOut) -> String {
    let measured = held.score.name();
    match &held.verdict {
        Verdict::SmallIsEnough(found) => format!(
            "small is enough at k = {} of {} directions: {}",
            found.k,
            found.of,
            compared(held, found)
        ),
        Verdict::SmallCosts(found) => format!(
            "small costs {} points at k = {} of {} directions: {}",
            points(found.lost),
            found.k,
            found.of,
            compared(held, found)
        ),
        Verdict::NotLowDimensional(found) => format!(
            "your data are not low-dimensional: {} of {} directions are needed; {:.0} % of all or fewer lose more than {} \
             points of {measured}",
            found.k,
            found.of,
            100.0 * limits::FEW,
            points(limits::PRICE)
        ),
        Verdict::CannotTell(doubt) => format!("cannot tell: {}", why(held, doubt)),
    }
}

fn points(difference: f64) -> String {
    format!("{:.1}", 100.0 * difference.max(0.0))
}

fn compared(held: &HeldOut, found: &Numbers) -> String {
    let measured = held.score.name();
    match held.score {
        Score::Energy => format!("{} of the {measured}", score(found.score)),
        Score::Accuracy | Score::Explained => format!(
            "{measured} {} against {} on all, standard error {} points",
            score(found.score),
            score(found.best),
            points(found.standard_error)
        ),
    }
}

fn score(value: f64) -> String {
    format!("{value:.3}")
}

fn why(held: &HeldOut, doubt: &Doubt) -> String {
    let measured = held.score.name();
    match doubt {
        Doubt::FewSamples { found, wanted } => {
            format!("{found} samples are too few, held-out figures need {wanted}")
        }
        Doubt::NothingLearned {
            score: reached,
            majority,
            baseline,
        } => {
            let advice = if baseline - majority > limits::CLEARLY {
                "the inputs hold more than that: try --center --standardize, or more --steps"
            } else {
                "no simple model does better, so these inputs may say nothing about the answer"
            };
            format!(
                "no network is clearly better than the same answer for every sample ({measured} {} against {}, best simple \
                 model {}); {advice}",
                score(*reached),
                score(*majority),
                score(*baseline)
            )
        }
        Doubt::Behind {
            score: reached,
            baseline,
            kind,
            steps,
        } => format!(
            "after {} steps the best network has {measured} {}, {} has {}: training has not found what the data hold; try \
             --center --standardize, or more --steps",
            numbers::grouped(*steps),
            score(*reached),
            kind.name(),
            score(*baseline)
        ),
        Doubt::TooLarge { what, found, limit } => too_large(*what, *found, *limit),
        Doubt::Diverged { k } => format!(
            "training diverged on {k} directions, even at smaller rates; try --center --standardize"
        ),
        Doubt::NothingToLearn => "all samples have the same answer".to_owned(),
        Doubt::NothingHeldOut { classes } => format!(
            "nearly every sample has a class of its own ({classes} classes), so that none can be held out; check the column \
             of the labels"
        ),
    }
}

fn too_large(what: Heavy, found: f64, limit: f64) -> String {
    let (found, limit) = (numbers::scaled(found), numbers::scaled(limit));
    match what {
        Heavy::Run => format!(
            "one training run that decides takes {found} operations, more than the {limit} of this check; name a smaller \
             --width or fewer --steps"
        ),
        Heavy::Samples => format!(
            "the samples are {found} numbers, more than the {limit} of this check; use a part of the samples or of the inputs"
        ),
        Heavy::Decomposition => format!(
            "one decomposition of the samples takes {found} operations, more than the {limit} of this check; use a part of \
             the samples or of the inputs"
        ),
    }
}

/// The lines between the spectrum and the costs.
pub(crate) fn as_text(held: &HeldOut) -> String {
    let mut text = String::new();
    let mut line = |head: &str, words: String| {
        // A String takes whatever is written to it.
        let _ = writeln!(text, "{head:<10}{words}");
    };
    if let Some(balance) = &held.balance {
        line(
            "classes",
            format!(
                "{} to {} samples each; the largest has {:.1} % of all",
                balance.smallest(),
                balance.counts.iter().max().unwrap_or(&0),
                100.0 * balance.majority()
            ),
        );
    }
    if held.splits > 0 {
        line(
            "held out",
            format!(
                "{} of {} samples, in {} seeded random splits",
                numbers::grouped(held.test as u64),
                numbers::grouped((held.test + held.train) as u64),
                held.splits
            ),
        );
    }
    for baseline in &held.baselines {
        let penalty = baseline
            .penalty
            .map_or(String::new(), |penalty| format!(", penalty {penalty}"));
        line(
            "baseline",
            format!(
                "{}: {} {}{penalty}",
                baseline.kind.name(),
                held.score.name(),
                spread(&baseline.scores)
            ),
        );
    }
    if held.splits > 0 && !held.is_checked() {
        line(
            "baseline",
            "no simple model: the samples are too large for one, so nothing shows whether training found what they hold"
                .to_owned(),
        );
    }
    text += &choices(held);
    text
}

/// The rate and the width that a search found.
fn choices(held: &HeldOut) -> String {
    let mut text = String::new();
    let mut line = |head: &str, words: String| {
        // A String takes whatever is written to it.
        let _ = writeln!(text, "{head:<10}{words}");
    };
    if let Some(recipe) = held.recipe.filter(|recipe| recipe.rate > 0.0) {
        let tried: Vec<String> = held
            .rates
            .iter()
            .map(|tried| {
                let reached = tried.score.map_or("diverged".to_owned(), score);
                format!("{} {reached}", numbers::rate(tried.rate))
            })
            .collect();
        line(
            "learns at",
            format!(
                "rate {}, momentum {}, {} steps (tried: {})",
                numbers::rate(recipe.rate),
                recipe.momentum,
                recipe.steps,
                tried.join(", ")
            ),
        );
    }
    if !held.widths.is_empty() {
        let tried: Vec<String> = held
            .widths
            .iter()
            .map(|tried| format!("{}: {}", tried.width, spread(&tried.scores)))
            .collect();
        line(
            "width",
            format!(
                "{} is the narrowest that loses nothing ({})",
                held.width,
                tried.join(", ")
            ),
        );
    }
    text
}

/// Mean and standard deviation over the splits.
fn spread(scores: &[f64]) -> String {
    let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    format!("{mean:.3} ±{:.3}", deviation(scores))
}

/// A share with one decimal where it has more.
fn percent(share: f64) -> String {
    format!("{} %", sweep::round_15((1000.0 * share).round() / 10.0))
}

/// The price of truncation.
pub(crate) fn prices(held: &HeldOut) -> String {
    if held.prices.is_empty() {
        return String::new();
    }
    let row = |price: &Price| {
        let share = price.share.map_or("all".to_owned(), percent);
        let reached = if price.scores.is_empty() {
            "not trained".to_owned()
        } else if price.scores.len() == 1 {
            format!("{:.3}", price.scores[0])
        } else {
            spread(&price.scores)
        };
        let measured = price
            .measured_seconds
            .map_or("-".to_owned(), numbers::duration);
        vec![
            share,
            price.k.to_string(),
            price
                .core_width
                .map_or("-".to_owned(), |core| core.to_string()),
            reached,
            numbers::scaled(price.flops_per_step * price.steps as f64),
            numbers::duration(Cost::of(&price.trial).seconds),
            measured,
            format!("{}B", numbers::scaled(price.bytes)),
        ]
    };
    let rows: Vec<Vec<String>> = held.prices.iter().map(row).collect();
    let reached = match held.score {
        Score::Accuracy => "ACCURACY",
        Score::Explained => "EXPLAINED",
        Score::Energy => "ENERGY KEPT",
    };
    let columns = [
        Column::Number("ENERGY"),
        Column::Number("K"),
        Column::Number("CORE"),
        Column::Number(reached),
        Column::Number("FLOPS"),
        Column::Number("PREDICTED"),
        Column::Number("MEASURED"),
        Column::Number("SIZE"),
    ];
    table::columns(&columns, &rows)
}

/// Everything, under names that stay.
pub(crate) fn as_json(held: &HeldOut) -> Value {
    let baselines: Vec<Value> = held
        .baselines
        .iter()
        .map(|baseline| {
            json!({
                "name": kind(baseline.kind),
                "mean": mean(&baseline.scores),
                "deviation": deviation(&baseline.scores),
                "scores": baseline.scores,
                "penalty": baseline.penalty,
            })
        })
        .collect();
    let recipe = held
        .recipe
        .filter(|recipe| recipe.rate > 0.0)
        .map(|recipe| {
            json!({
                "loss": recipe.loss.name(),
                "optimizer": "momentum",
                "momentum": recipe.momentum,
                "rate": recipe.rate,
                "scale": recipe.scale,
                "steps": recipe.steps,
                "batch": recipe.batch,
            })
        });
    let rates: Vec<Value> = held
        .rates
        .iter()
        .map(|tried| json!({ "rate": tried.rate, "score": tried.score }))
        .collect();
    let widths: Vec<Value> = held
        .widths
        .iter()
        .map(|tried| json!({ "width": tried.width, "mean": mean(&tried.scores), "scores": tried.scores }))
        .collect();
    json!({
        "score": held.score.name(),
        "splits": held.splits,
        "train": held.train,
        "test": held.test,
        "balance": held.balance.as_ref().map(|balance| &balance.counts),
        "baselines": baselines,
        "recipe": recipe,
        "rates": rates,
        "width_is_given": held.width_is_given,
        "widths": widths,
    })
}

/// The rows of the price of truncation.
pub(crate) fn prices_json(held: &HeldOut) -> Value {
    let row = |price: &Price| {
        json!({
            "share": price.share,
            "directions": price.k,
            "core_width": price.core_width,
            "mean": price.mean(),
            "deviation": deviation(&price.scores),
            "scores": price.scores,
            "flops": price.flops_per_step * price.steps as f64,
            "predicted_seconds": Cost::of(&price.trial).seconds,
            "measured_seconds": price.measured_seconds,
            "bytes": price.bytes,
        })
    };
    held.prices.iter().map(row).collect()
}

/// The verdict for programs.
pub(crate) fn verdict_json(held: &HeldOut) -> Value {
    let numbers = held.verdict.numbers();
    json!({
        "name": held.verdict.name(),
        "words": verdict(held),
        "directions": numbers.map(|found| found.k),
        "of": numbers.map(|found| found.of),
        "score": numbers.map(|found| found.score),
        "best": numbers.map(|found| found.best),
        "lost": numbers.map(|found| found.lost),
        "standard_error": numbers.map(|found| found.standard_error),
    })
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len().max(1) as f64
}

/// A word for programs.
fn kind(kind: BaselineKind) -> &'static str {
    match kind {
        BaselineKind::Majority => "majority",
        BaselineKind::LeastSquares => "least_squares",
        BaselineKind::Logistic => "logistic",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_at_most_one_decimal() {
        assert_eq!(
            [0.8, 0.999, 0.87654].map(percent),
            ["80 %", "99.9 %", "87.7 %"]
        );
    }

    #[test]
    fn what_is_too_large_is_named() {
        let words = |what| too_large(what, 2e10, 1e10);
        assert!(words(Heavy::Run).contains("--width"));
        assert!(words(Heavy::Samples).contains("numbers"));
        assert!(words(Heavy::Decomposition).contains("decomposition"));
    }
}
