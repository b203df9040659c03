//! Numbers and counts as people read them: pure functions, the same in the terminal and on a page.

/// Digits of a number that people read.
const DIGITS: i32 = 3;

/// A number to three significant digits, without zeros that say nothing: 0.00123, 1.2e-7, 1,230.
pub fn number(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    if !x.is_finite() {
        return if x.is_nan() {
            "not a number"
        } else if x > 0.0 {
            "infinite"
        } else {
            "-infinite"
        }
        .to_owned();
    }
    let scientific = format!("{x:.decimals$e}", decimals = DIGITS as usize - 1);
    let Some((digits, power)) = scientific.split_once('e') else {
        return scientific;
    };
    // A float's decimal exponent has three digits.
    let power: i32 = power.parse().unwrap_or(0);
    if !(-4..9).contains(&power) {
        return format!("{}e{power}", without_zeros(digits));
    }
    let decimals = (DIGITS - 1 - power).max(0) as usize;
    if decimals == 0 {
        // Rounded to three digits: 123,456 reads 123,000.
        let unit = 10_f64.powi(power - (DIGITS - 1));
        let rounded = (x / unit).round() * unit;
        let sign = if rounded < 0.0 { "-" } else { "" };
        return format!("{sign}{}", grouped(rounded.abs() as u64));
    }
    without_zeros(&format!("{x:.decimals$}")).to_owned()
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

/// A share of a whole as a percentage: 62 %, 0.3 %, under 0.1 %.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent <= 0.0 {
        "0 %".to_owned()
    } else if percent < 0.1 {
        "under 0.1 %".to_owned()
    } else if percent < 9.95 {
        format!("{} %", without_zeros(&format!("{percent:.1}")))
    } else if percent < 100.0 && percent.round() >= 100.0 {
        "over 99 %".to_owned()
    } else {
        format!("{percent:.0} %")
    }
}

/// An integer with commas between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number with a thousands' prefix: 12.3 G.
pub fn scaled(x: f64) -> String {
    const PREFIXES: [&str; 7] = ["", " k", " M", " G", " T", " P", " E"];
    let (mut scaled, mut at) = (x, 0);
    // 999.6 would read 1000.
    while scaled.abs() >= 999.5 && at + 1 < PREFIXES.len() {
        scaled /= 1000.0;
        at += 1;
    }
    format!("{}{}", number(scaled), PREFIXES[at])
}

/// A count and its noun: 1 trial, 2 trials.
pub fn counted(count: u64, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {noun}{s}", grouped(count))
}

/// A time in the unit that suits it.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    let (micros, millis) = ((seconds * 1e6).round(), (seconds * 1e3).round());
    let (tenths, whole) = ((seconds * 10.0).round(), seconds.round());
    let minutes = (seconds / 60.0).round();
    // Rounded to what is shown before its unit is chosen: 119.6 s are two minutes.
    if micros == 0.0 {
        "0 s".to_owned()
    } else if micros < 1000.0 {
        format!("{micros:.0} us")
    } else if millis < 1000.0 {
        format!("{millis:.0} ms")
    } else if tenths < 600.0 {
        format!("{seconds:.1} s")
    } else if whole < 3600.0 {
        format!("{:.0} min {:02.0} s", (whole / 60.0).floor(), whole % 60.0)
    } else if minutes < 2880.0 {
        format!(
            "{:.0} h {:02.0} min",
            (minutes / 60.0).floor(),
            minutes % 60.0
        )
    } else {
        format!("{:.1} days", seconds / 86_400.0)
    }
}

/// Words in a row: "a", "a and b", "a, b and c".
pub fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A text of at most `limit` characters; a longer one is cut in the middle.
pub fn shortened(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        return text.to_owned();
    }
    let half = limit.saturating_sub(5) / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(count - half).collect();
    format!("{head} ... {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let check = |x: f64, expected: &str| assert_eq!(number(x), expected, "{x}");
        check(0.0, "0");
        check(1.0, "1");
        check(0.001_234_5, "0.00123");
        check(0.000_999_99, "0.001");
        check(1.234e-7, "1.23e-7");
        check(-1.5e-12, "-1.5e-12");
        check(12.345, "12.3");
        check(123.0, "123");
        check(123_456.0, "123,000");
        check(-1234.0, "-1,230");
        check(9.996, "10");
        check(2.5e30, "2.5e30");
        check(f64::INFINITY, "infinite");
        check(f64::NAN, "not a number");
    }

    #[test]
    fn shares_never_round_to_nothing_or_to_all() {
        let check = |share: f64, expected: &str| assert_eq!(percent(share), expected);
        check(0.0, "0 %");
        check(-1e-18, "0 %");
        check(0.0002, "under 0.1 %");
        check(0.0123, "1.2 %");
        check(0.62, "62 %");
        check(0.997, "over 99 %");
        check(1.0, "100 %");
    }

    #[test]
    fn counts_agree_with_their_nouns() {
        assert_eq!(counted(0, "trial"), "0 trials");
        assert_eq!(counted(1, "trial"), "1 trial");
        assert_eq!(counted(1_234, "trial"), "1,234 trials");
        assert_eq!(scaled(1.5e12), "1.5 T");
        assert_eq!(scaled(999.9), "1 k");
        assert_eq!(scaled(12.0), "12");
        assert_eq!(duration(3.25), "3.2 s");
        assert_eq!(duration(119.6), "2 min 00 s");
        assert_eq!(duration(7_260.0), "2 h 01 min");
        assert_eq!(duration(f64::NAN), "?");
    }

    #[test]
    fn words_are_joined_and_cut() {
        let words =
            |words: &[&str]| listed(&words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>());
        assert_eq!(words(&[]), "");
        assert_eq!(words(&["a"]), "a");
        assert_eq!(words(&["a", "b", "c"]), "a, b and c");
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("abcdefghijklmnop", 11), "abc ... nop");
    }
}
