//! Words that stand for "no value".

/// What pandas reads as missing by default, besides an empty field.
const WORDS: [&str; 17] = [
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "null",
];

/// Whether a field stands for no value, or for a number that is not finite.
pub(super) fn is_missing(field: &str) -> bool {
    // "nan" and "inf" in every case.
    WORDS.contains(&field) || field.parse::<f64>().is_ok_and(|number| !number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_no_value_are_those_of_pandas() {
        for word in [
            "nan", "NaN", "NAN", "NA", "null", "None", "inf", "-inf", "Infinity",
        ] {
            assert!(is_missing(word), "{word}");
        }
        for word in ["", "0", "none", "Namibia", "1.5", "nil", "na"] {
            assert!(!is_missing(word), "{word}");
        }
    }
}
