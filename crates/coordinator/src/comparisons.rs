//! What comparing trials on both engines has found so far, for people: `[train] verify`.

use rpc::v1;
use table::{Comparison, Verdict};

/// Trials that are described one by one.
const DESCRIBED: usize = 16;

/// Letters of what is written about one.
const LETTERS: usize = 256;

/// A sweep's comparisons; `None` where it asks for none.
pub fn summary(verified: &sweep::Verified, comparisons: &[Comparison]) -> Option<v1::Comparisons> {
    if verified.wanted == 0 {
        return None;
    }
    let mut summary = v1::Comparisons {
        wanted: verified.wanted,
        chosen: verified.chosen.len() as u64,
        reason: verified.reason.clone().unwrap_or_default(),
        ..v1::Comparisons::default()
    };
    let mut largest = [None; 6];
    for comparison in comparisons {
        let row = &comparison.row;
        let why = match &row.verdict {
            Verdict::Within => None,
            Verdict::WithinUntil(step) => Some(format!(
                "judged up to step {step}: it amplifies rounding, and two full runs whose starts differ by one rounding \
                 in one weight part after that step by more than 1e-13"
            )),
            Verdict::Beyond(why) => {
                summary.beyond += 1;
                let why = why.as_deref();
                Some(
                    why.unwrap_or("its differences are larger than the law allows")
                        .to_owned(),
                )
            }
            Verdict::NotCompared(why) => Some(why.clone()),
        };
        if let Some(why) = why.filter(|_| summary.notes.len() < DESCRIBED) {
            let why: String = why.chars().take(LETTERS).collect();
            summary
                .notes
                .push(format!("trial {}: {why}", comparison.id));
        }
        if row.differences.iter().any(Option::is_some) {
            summary.compared += 1;
        }
        for (largest, found) in largest.iter_mut().zip(row.differences) {
            *largest = larger(*largest, found);
        }
        summary.full_seconds += row.full_seconds.unwrap_or(0.0);
        summary.reduced_seconds += row.reduced_seconds.unwrap_or(0.0);
    }
    let named = Comparison::names().into_iter().zip(largest);
    summary.largest = named
        .filter_map(|(name, value)| {
            Some(v1::Difference {
                name: name.to_owned(),
                value: value?,
            })
        })
        .collect();
    Some(summary)
}

/// The larger number, NaN where one is.
fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.is_nan() || b > a { b } else { a }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use table::ComparisonRow;

    fn comparison(trial: u64, verdict: Verdict, loss: Option<f64>) -> Comparison {
        let seconds = loss.map(|_| 2.0);
        Comparison {
            trial,
            id: format!("id-{trial}"),
            row: ComparisonRow {
                verdict,
                differences: [loss, None, None, None, loss, None],
                full_seconds: seconds,
                reduced_seconds: seconds,
            },
        }
    }

    #[test]
    fn the_summary_has_the_largest_difference_of_all_and_each_trial_that_is_not_within() {
        let verified = sweep::Verified {
            wanted: 5,
            ..sweep::Verified::default()
        };
        assert_eq!(summary(&sweep::Verified::default(), &[]), None);
        let beyond = Verdict::Beyond(Some("one engine diverges".to_owned()));
        let all = [
            comparison(1, Verdict::Within, Some(1e-13)),
            comparison(2, Verdict::Beyond(None), Some(1e-3)),
            comparison(3, beyond, None),
            comparison(4, Verdict::NotCompared("it diverges".to_owned()), None),
            comparison(5, Verdict::Within, Some(2e-13)),
            comparison(6, Verdict::WithinUntil(150), Some(1e-12)),
        ];
        let found = summary(&verified, &all).unwrap();
        assert_eq!(
            (found.compared, found.beyond, found.full_seconds),
            (4, 2, 8.0)
        );
        let largest: Vec<_> = found
            .largest
            .iter()
            .map(|d| (d.name.as_str(), d.value))
            .collect();
        assert_eq!(largest, [("loss", 1e-3), ("angles", 1e-3)]);
        assert_eq!(found.notes.len(), 4);
        assert!(found.notes[3].contains("id-6: judged up to step 150"));
        assert!(found.notes[2].contains("id-4") && found.notes[2].contains("it diverges"));
        let broken = [
            comparison(1, Verdict::Beyond(None), Some(f64::NAN)),
            all[0].clone(),
        ];
        assert!(
            summary(&verified, &broken).unwrap().largest[0]
                .value
                .is_nan()
        );
    }
}
