//! What a run shows, in sentences: pure functions from numbers to English. Names and values come from sweeps and may
//! hold anything; whoever puts a sentence on a page escapes it.

use crate::facts::{Expense, Extreme, Measure, Outcome, Saving, Setting, Unexplained, Where, kwh};
use crate::importance::Importance;
use crate::words::{counted, duration, grouped, listed, number, percent, scaled};

/// Axes that a sentence names.
const NAMED_AXES: usize = 4;

/// Levels of an axis that a sentence names.
const NAMED_LEVELS: usize = 3;

/// A share of the variance below this is not named.
const LEAST_SHARE: f64 = 0.005;

/// "All 180 trials completed."
pub fn statuses(outcome: &Outcome, planned: Option<u64>) -> String {
    let completed = outcome.count("completed");
    let all = outcome.trials;
    let mut text = if all == 0 {
        "No trial has a result yet.".to_owned()
    } else if completed == 0 {
        format!("No trial completed: {}.", others(outcome))
    } else if completed == all {
        match all {
            1 => "The one trial completed.".to_owned(),
            _ => format!("All {} completed.", counted(all, "trial")),
        }
    } else {
        format!(
            "{} of {} completed, {}.",
            grouped(completed),
            counted(all, "trial"),
            others(outcome)
        )
    };
    if let Some(planned) = planned.filter(|&planned| planned > all) {
        let left = planned - all;
        let has = if left == 1 { "has" } else { "have" };
        text += &format!(
            " {} of the {} of the sweep {has} no result yet.",
            grouped(left),
            counted(planned, "trial")
        );
    }
    text
}

/// "6 diverged and 2 failed"
fn others(outcome: &Outcome) -> String {
    let others = outcome
        .statuses
        .iter()
        .filter(|(status, _)| status != "completed")
        .map(|(status, count)| format!("{} {status}", grouped(*count)));
    listed(&others.collect::<Vec<_>>())
}

/// "network.depth = 3, init.kind = uniform"
pub fn place(place: &[(String, String)]) -> String {
    let words = place
        .iter()
        .filter(|(_, value)| value != "-")
        .map(|(axis, value)| format!("{axis} = {value}"));
    words.collect::<Vec<_>>().join(", ")
}

/// "The best trial, number 7 (network.depth = 3), has a train loss of 1.2e-5."
pub fn extreme(which: &str, measure: &Measure, found: &Extreme) -> String {
    let at = place(&found.place);
    let at = if at.is_empty() {
        String::new()
    } else {
        format!(" ({at})")
    };
    format!(
        "The {which} trial is number {}{at}, with a {} of {}.",
        found.trial,
        measure.words(),
        number(found.value)
    )
}

/// All completed trials have one value.
pub fn same(measure: &Measure, found: &Extreme) -> String {
    match measure.count {
        1 => format!("Its {} is {}.", measure.words(), number(found.value)),
        _ => format!(
            "Every one has a {} of {}.",
            measure.words(),
            number(found.value)
        ),
    }
}

/// "The best setting is network.depth = 3: a median train loss of 1.2e-5 over 5 replicates, from 1.1e-5 to 1.4e-5."
pub fn setting(measure: &Measure, found: &Setting) -> String {
    let spread = if found.trials > 1 {
        format!(", from {} to {}", number(found.least), number(found.most))
    } else {
        String::new()
    };
    format!(
        "The best setting is {}: a median {} of {} over {}{spread}.",
        place(&found.place),
        measure.words(),
        number(found.median),
        counted(found.trials, "replicate")
    )
}

/// What matters most for a measure, and how far the answer goes.
pub fn matters(measure: &Measure, found: &Result<Importance, Unexplained>) -> Vec<String> {
    let found = match found {
        Ok(found) => found,
        Err(Unexplained::NoAxis) => return Vec::new(),
        Err(why) => {
            return vec![format!(
                "What moves {} is not known: {why}.",
                measure.scale()
            )];
        }
    };
    let mut sentences = vec![ranking(measure, found)];
    if let Some(pair) = found.pairs.first()
        && found.share(pair.variance) >= 0.05
    {
        let [a, b] = pair.axes.map(|at| found.axes[at].name.as_str());
        sentences.push(format!(
            "{a} and {b} interact: together they explain a further {}.",
            percent(found.share(pair.variance))
        ));
    }
    if found.residual > 0.0 {
        sentences.push(format!(
            "Replicates of one setting make up {}.",
            percent(found.share(found.residual))
        ));
    }
    if !found.is_complete() {
        let combinations = found.cells + found.missing;
        let has = if found.missing == 1 { "has" } else { "have" };
        sentences.push(format!(
            "{} of {} of axis values {has} no completed trial, so these shares are approximations from group means; \
             they need not add up.",
            grouped(found.missing),
            counted(combinations, "combination")
        ));
    }
    sentences
}

/// "network.depth matters most: by itself it explains 62 % of the variance of log10 of the train loss, 70 % with its
/// interactions; then init.kind (20 %)."
fn ranking(measure: &Measure, found: &Importance) -> String {
    let order = found.ranked();
    let (first, rest) = match order.split_first() {
        Some((&first, rest)) => (&found.axes[first], rest),
        None => return format!("No axis moves {}.", measure.scale()),
    };
    let total = first
        .total
        .filter(|total| found.share(total - first.main) >= LEAST_SHARE)
        .map(|total| format!(", {} with its interactions", percent(found.share(total))));
    let rest: Vec<String> = rest
        .iter()
        .map(|&at| &found.axes[at])
        .filter(|axis| found.share(axis.main) >= LEAST_SHARE)
        .take(NAMED_AXES - 1)
        .map(|axis| format!("{} ({})", axis.name, percent(found.share(axis.main))))
        .collect();
    let then = if rest.is_empty() {
        String::new()
    } else {
        format!("; then {}", listed(&rest))
    };
    format!(
        "{} matters most: by itself it explains {} of the variance of {}{}{then}.",
        first.name,
        percent(found.share(first.main)),
        measure.scale(),
        total.unwrap_or_default()
    )
}

/// "6 of 60 trials diverged at optimizer.rate = 8, none elsewhere."
pub fn elsewhere(found: &Where) -> String {
    let (hit, clean): (Vec<_>, Vec<_>) = found.levels.iter().partition(|level| level.1 > 0);
    let trials: u64 = hit.iter().map(|level| level.1).sum();
    let named: Vec<String> = hit
        .iter()
        .take(NAMED_LEVELS)
        .map(|(value, hits, all)| {
            format!(
                "{} of {} at {} = {value}",
                grouped(*hits),
                grouped(*all),
                found.axis
            )
        })
        .collect();
    let more = hit.len().saturating_sub(NAMED_LEVELS);
    let end = if more > 0 {
        format!(
            ", and at {} of that axis",
            counted(more as u64, "more value")
        )
    } else if clean.is_empty() {
        String::new()
    } else {
        ", none elsewhere".to_owned()
    };
    format!(
        "{} {}: {}{end}.",
        counted(trials, "trial"),
        found.status,
        listed(&named)
    )
}

/// What the trials took.
pub fn expense(expense: &Expense) -> String {
    let trials: u64 = expense.engines.iter().map(|engine| engine.trials).sum();
    format!(
        "{} took {} of one core and {} operations.",
        counted(trials, "trial"),
        duration(expense.seconds()),
        scaled(expense.flops())
    )
}

/// What the reduction saved, at a wattage of a core.
pub fn saving(saving: &Saving, watts: f64) -> Vec<String> {
    let mut sentences = Vec::new();
    if saving.is_known() {
        let times = saving.wide_flops / saving.done_flops.max(1.0);
        sentences.push(format!(
            "{} trained on a core instead of the full network: {} operations instead of {}, {} times fewer.",
            counted(saving.known, "trial"),
            scaled(saving.done_flops),
            scaled(saving.wide_flops),
            number(times)
        ));
        let seconds = saving.wide_seconds - saving.done_seconds;
        if seconds > 0.0 {
            sentences.push(format!(
                "They took {}; the plan expects {} of the full engine on one core. At {} W a core, that saves {} kWh.",
                duration(saving.done_seconds),
                duration(saving.wide_seconds),
                number(watts),
                number(kwh(seconds, watts))
            ));
        }
    } else if saving.trials > 0 {
        sentences.push(format!(
            "{} trained on a core; what the full engine would have taken is not known, since the sweep's data are not \
             at hand.",
            counted(saving.trials, "trial")
        ));
    }
    if let Some((trials, full, reduced)) = saving.measured {
        sentences.push(format!(
            "{} ran on both engines: {} on the full one, {} on the reduced one.",
            counted(trials, "trial"),
            duration(full),
            duration(reduced)
        ));
    }
    if let Some(residual) = saving.residual {
        sentences.push(format!(
            "The largest residual of their certificates is {}.",
            number(residual)
        ));
    }
    if saving.refused > 0 {
        let residual = saving.refused_residual.unwrap_or_default();
        sentences.push(format!(
            "{} ran on the full engine because the certificate did not hold (residual up to {}).",
            counted(saving.refused, "trial"),
            number(residual)
        ));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::importance::{AxisEffect, PairEffect};

    fn outcome(statuses: &[(&str, u64)]) -> Outcome {
        Outcome {
            trials: statuses.iter().map(|(_, count)| count).sum(),
            statuses: statuses
                .iter()
                .map(|(status, count)| ((*status).to_owned(), *count))
                .collect(),
            measures: Vec::new(),
            best: None,
            worst: None,
            settings: Vec::new(),
            explained: Vec::new(),
            places: Vec::new(),
            reasons: Vec::new(),
            more_reasons: false,
        }
    }

    fn loss() -> Measure {
        Measure::sample("train_loss", 1e-9, 1.0)
    }

    #[test]
    fn statuses_are_counted_in_words() {
        let check = |found: &[(&str, u64)], planned, expected: &str| {
            assert_eq!(statuses(&outcome(found), planned), expected);
        };
        check(&[], None, "No trial has a result yet.");
        check(&[("completed", 1)], Some(1), "The one trial completed.");
        check(&[("completed", 1180)], None, "All 1,180 trials completed.");
        check(
            &[("completed", 7), ("diverged", 2), ("failed", 1)],
            Some(11),
            "7 of 10 trials completed, 2 diverged and 1 failed. 1 of the 11 trials of the sweep has no result yet.",
        );
        check(&[("failed", 3)], None, "No trial completed: 3 failed.");
    }

    #[test]
    fn the_best_trial_is_named_with_its_place() {
        let axis = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let found = Extreme {
            trial: 7,
            id: "ab".to_owned(),
            place: vec![axis("network.depth", "3"), axis("optimizer.momentum", "-")],
            value: 0.000_012_345,
        };
        assert_eq!(
            extreme("best", &loss(), &found),
            "The best trial is number 7 (network.depth = 3), with a train loss of 1.23e-5."
        );
        let setting = |trials| Setting {
            place: vec![axis("network.depth", "3")],
            trials,
            median: 0.5,
            least: 0.25,
            most: 1.0,
        };
        assert_eq!(
            super::setting(&loss(), &setting(5)),
            "The best setting is network.depth = 3: a median train loss of 0.5 over 5 replicates, from 0.25 to 1."
        );
        assert!(super::setting(&loss(), &setting(1)).ends_with("over 1 replicate."));
    }

    fn decomposed(missing: u64) -> Importance {
        let axis = |name: &str, main, total: f64| AxisEffect {
            name: name.to_owned(),
            levels: 3,
            main,
            total: (missing == 0).then_some(total),
        };
        Importance {
            values: 18,
            cells: 9 - missing,
            missing,
            mean: 0.0,
            variance: 10.0,
            axes: vec![
                axis("a", 2.0, 3.0),
                axis("b", 6.0, 7.0),
                axis("c", 0.001, 0.001),
            ],
            pairs: if missing == 0 {
                vec![PairEffect {
                    axes: [0, 1],
                    variance: 1.0,
                }]
            } else {
                Vec::new()
            },
            higher: Some(0.0),
            residual: 0.99,
        }
    }

    #[test]
    fn what_matters_most_comes_first() {
        assert_eq!(
            matters(&loss(), &Ok(decomposed(0))),
            [
                "b matters most: by itself it explains 60 % of the variance of log10 of the train loss, 70 % with its \
                 interactions; then a (20 %).",
                "a and b interact: together they explain a further 10 %.",
                "Replicates of one setting make up 9.9 %.",
            ]
        );
        let approximate = matters(&loss(), &Ok(decomposed(1)));
        assert!(
            approximate[2].starts_with("1 of 9 combinations of axis values has no completed trial")
        );
        assert!(matters(&loss(), &Err(Unexplained::NoAxis)).is_empty());
        let constant = matters(&loss(), &Err(Unexplained::Constant));
        assert!(constant[0].contains("same value"), "{constant:?}");
    }

    #[test]
    fn divergence_is_placed() {
        let level = |value: &str, hits, all| (value.to_owned(), hits, all);
        let found = |levels: &[(String, u64, u64)]| {
            elsewhere(&Where {
                status: "diverged".to_owned(),
                axis: "optimizer.rate".to_owned(),
                levels: levels.to_vec(),
            })
        };
        assert_eq!(
            found(&[level("8", 6, 60), level("4", 0, 60)]),
            "6 trials diverged: 6 of 60 at optimizer.rate = 8, none elsewhere."
        );
        assert_eq!(
            found(&[level("8", 1, 1)]),
            "1 trial diverged: 1 of 1 at optimizer.rate = 8."
        );
        let many: Vec<_> = (0..5).map(|n| level(&n.to_string(), 1, 2)).collect();
        assert!(found(&many).ends_with("and at 2 more values of that axis."));
    }

    #[test]
    fn savings_are_stated_at_a_wattage() {
        let known = Saving {
            trials: 2,
            known: 2,
            done_flops: 1e9,
            wide_flops: 1e12,
            done_seconds: 10.0,
            wide_seconds: 36_010.0,
            residual: Some(3e-14),
            ..Saving::default()
        };
        let sentences = saving(&known, 100.0);
        assert_eq!(
            sentences[0],
            "2 trials trained on a core instead of the full network: 1 G operations instead of 1 T, 1,000 times fewer."
        );
        assert!(
            sentences[1].contains("At 100 W a core, that saves 1 kWh"),
            "{sentences:?}"
        );
        assert!(sentences[2].contains("3e-14"));
        assert!(saving(&Saving::default(), 100.0).is_empty());
        let unknown = Saving {
            trials: 1,
            ..Saving::default()
        };
        assert!(saving(&unknown, 100.0)[0].contains("not known"));
    }
}
