//! Numbers of the page: the same digits in every language, units from the texts.

use super::texts::{self, Language};
use crate::words::scaled;

/// A score as a percentage with one decimal.
pub(super) fn percent(score: f64) -> String {
    format!("{:.1} %", 100.0 * score)
}

/// A difference of scores in points.
pub(super) fn points(difference: f64) -> String {
    format!("{:.1}", 100.0 * difference.max(0.0))
}

/// A number of at most three digits, powers of ten spelled out: 1.2 x 10^-7.
pub(super) fn plain(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return "0".to_owned();
    }
    if (0.001..1e6).contains(&x.abs()) {
        return crate::words::number(x);
    }
    let text = format!("{x:.1e}");
    match text.split_once('e') {
        Some((digits, power)) => format!("{digits} \u{d7} 10{}", raised(power)),
        None => text,
    }
}

fn raised(power: &str) -> String {
    let letter = |c: char| match c {
        '-' => '\u{207b}',
        '0' => '\u{2070}',
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        '4' => '\u{2074}',
        '5' => '\u{2075}',
        '6' => '\u{2076}',
        '7' => '\u{2077}',
        '8' => '\u{2078}',
        _ => '\u{2079}',
    };
    power.chars().map(letter).collect()
}

/// A time in the unit that fits it.
pub(super) fn seconds(x: f64, language: Language) -> String {
    let (value, unit) = if x < 1.0 {
        (1e3 * x, &texts::MILLISECONDS)
    } else if x < 120.0 {
        (x, &texts::SECONDS)
    } else if x < 7200.0 {
        (x / 60.0, &texts::MINUTES)
    } else {
        (x / 3600.0, &texts::HOURS)
    };
    format!("{} {}", plain(value), unit.of(language))
}

/// Bytes with a prefix.
pub(super) fn bytes(x: f64) -> String {
    format!("{}B", scaled(x))
}

/// How many times smaller a number is: 12, 3.4.
pub(super) fn times(ratio: f64) -> String {
    if ratio >= 10.0 {
        plain(ratio.round())
    } else {
        format!("{ratio:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(percent(0.9674), "96.7 %");
        assert_eq!(points(-0.01), "0.0");
        assert_eq!(plain(1.2e-7), "1.2 \u{d7} 10\u{207b}\u{2077}");
        assert_eq!(plain(0.25), "0.25");
        assert_eq!(seconds(0.0123, Language::English), "12.3 ms");
        assert_eq!(seconds(90.0, Language::Japanese), "90 秒");
        assert_eq!(times(12.4), "12");
        assert_eq!(times(3.44), "3.4");
    }
}
