//! Comparisons of the two engines, wherever they were made.

use std::path::Path;

use dln::verify::COMPARED;
use rpc::v1;
use serde_json::{Value, json};
use table::Comparison;

use super::numbers;

/// Whether nothing is beyond what the law allows.
pub(crate) fn is_kept(summary: &v1::Comparisons) -> bool {
    summary.beyond == 0
}

/// The lines of a summary.
pub(crate) fn as_text(summary: &v1::Comparisons) -> String {
    if summary.chosen == 0 {
        let reason = match summary.reason.as_str() {
            "" => "there is none",
            reason => reason,
        };
        return format!("verified: no trial can be reduced: {reason}\n");
    }
    let mut text = String::new();
    let verdict = if is_kept(summary) {
        "within what the law promises"
    } else {
        "MORE than the law allows"
    };
    if summary.compared > 0 {
        let largest: Vec<String> = summary
            .largest
            .iter()
            .map(|found| format!("{} {:.1e}", words(&found.name), found.value))
            .collect();
        text += &format!(
            "verified: {} of {} trials on both engines; largest differences: {}: {verdict}\n",
            numbers::grouped(summary.compared),
            numbers::grouped(summary.wanted),
            largest.join(", "),
        );
        text += &format!(
            "verified: training took {} on the full engine, {} on the reduced one\n",
            numbers::duration(summary.full_seconds),
            numbers::duration(summary.reduced_seconds)
        );
    } else if is_kept(summary) {
        text += &format!(
            "verified: {} trials chosen, none compared\n",
            numbers::grouped(summary.chosen)
        );
    }
    for note in &summary.notes {
        text += &format!("verified: {note}\n");
    }
    text
}

/// A hint where a sweep is run as one that asks for fewer comparisons than its file does.
pub(crate) fn print_fewer_than_asked(status: &v1::SweepStatus, wanted: u64, file: &Path) {
    let known = status
        .comparisons
        .as_ref()
        .map_or(0, |summary| summary.wanted);
    if known < wanted {
        say!(
            "train.verify: the sweep was there before so much was asked of it; `parsimony verify {}` compares trials \
             at any time",
            file.display()
        );
    }
}

/// For people; a name that this program does not know stays as it is.
fn words(name: &str) -> &str {
    let known = COMPARED.iter().find(|compared| compared.name == name);
    known.map_or(name, |compared| compared.words)
}

/// Under names that stay.
pub(crate) fn as_json(summary: &v1::Comparisons) -> Value {
    let mut all = json!({
        "wanted": summary.wanted,
        "chosen": summary.chosen,
        "compared": summary.compared,
        "within": (summary.compared > 0 || summary.beyond > 0).then(|| is_kept(summary)),
        "beyond": summary.beyond,
        "full_seconds": summary.full_seconds,
        "reduced_seconds": summary.reduced_seconds,
        "notes": summary.notes,
    });
    for compared in COMPARED {
        let mut largest = summary.largest.iter();
        let found = largest.find(|found| found.name == compared.name);
        all[compared.name] = json!(found.map(|found| found.value));
    }
    all
}

/// One comparison under names that stay.
pub(crate) fn one_as_json(comparison: &Comparison) -> Value {
    let row = &comparison.row;
    let mut compared = json!({
        "id": comparison.id,
        "verdict": row.verdict.text(),
        "judged_until": row.verdict.until(),
        "full_seconds": row.full_seconds,
        "reduced_seconds": row.reduced_seconds,
    });
    for (name, found) in Comparison::names().into_iter().zip(row.differences) {
        compared[name] = json!(found);
    }
    compared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(beyond: u64) -> v1::Comparisons {
        v1::Comparisons {
            wanted: 5,
            chosen: 3,
            compared: 2,
            beyond,
            largest: vec![v1::Difference {
                name: "angles".to_owned(),
                value: 2e-9,
            }],
            full_seconds: 90.0,
            reduced_seconds: 0.5,
            notes: vec!["trial x: it diverges".to_owned()],
            reason: "adam".to_owned(),
        }
    }

    #[test]
    fn text_and_json_give_the_same_verdict() {
        for (beyond, words) in [
            (0, "within what the law promises"),
            (1, "MORE than the law allows"),
        ] {
            let summary = summary(beyond);
            let text = as_text(&summary);
            assert!(text.contains(words) && text.contains("2 of 5"), "{text}");
            assert!(
                text.contains("angles (radians) 2.0e-9") && text.contains("it diverges"),
                "{text}"
            );
            let json = as_json(&summary);
            assert_eq!(
                (&json["within"], &json["angles"]),
                (&json!(beyond == 0), &json!(2e-9))
            );
            assert!(json["loss"].is_null());
        }
    }

    #[test]
    fn nothing_is_promised_before_anything_is_compared() {
        let waiting = v1::Comparisons {
            compared: 0,
            largest: Vec::new(),
            ..summary(0)
        };
        let text = as_text(&waiting);
        assert!(
            text.contains("3 trials chosen, none compared") && !text.contains("within"),
            "{text}"
        );
        assert!(as_json(&waiting)["within"].is_null());
        let broken = v1::Comparisons {
            beyond: 1,
            ..waiting
        };
        assert_eq!(as_json(&broken)["within"], json!(false));
        assert!(as_text(&broken).contains("it diverges"));
    }

    #[test]
    fn nothing_to_reduce_is_printed_with_the_reason() {
        let none = v1::Comparisons {
            wanted: 4,
            reason: "the optimizer is adam".to_owned(),
            ..v1::Comparisons::default()
        };
        assert!(as_text(&none).contains("no trial can be reduced: the optimizer is adam"));
    }
}
