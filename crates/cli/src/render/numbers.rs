//! Numbers as people write them.

pub(crate) use report::words::{duration, grouped};

/// A number with a thousands' prefix: 12.3 G.
pub(crate) fn scaled(number: f64) -> String {
    let prefixes = ["", " k", " M", " G", " T", " P", " E"];
    let mut scaled = number;
    let mut at = 0;
    while scaled >= 1000.0 && at + 1 < prefixes.len() {
        scaled /= 1000.0;
        at += 1;
    }
    if at == 0 && scaled.fract() == 0.0 {
        return format!("{scaled}");
    }
    format!("{scaled:.3}{}", prefixes[at])
}

/// A rate as people write it: 0.0123.
pub(crate) fn rate(rate: f64) -> String {
    report::words::number(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
        assert_eq!(scaled(22e9), "22.000 G");
        assert_eq!(scaled(12.0), "12");
        assert_eq!(duration(3.25), "3.2 s");
        assert_eq!(duration(125.0), "2 min 05 s");
        assert_eq!(duration(7_260.0), "2 h 01 min");
    }

    #[test]
    fn times_are_rounded_before_they_are_split() {
        let check = |seconds, expected: &str| assert_eq!(duration(seconds), expected);
        check(119.6, "2 min 00 s");
        check(119.4, "1 min 59 s");
        check(59.96, "1 min 00 s");
        check(3_599.7, "1 h 00 min");
        check(7_199.0, "2 h 00 min");
        check(0.999_7, "1.0 s");
        check(0.000_999_9, "1 ms");
        check(0.0, "0 s");
        check(1e-9, "0 s");
        check(172_799.0, "2.0 days");
        check(f64::NAN, "?");
        check(-1.0, "?");
    }
}
