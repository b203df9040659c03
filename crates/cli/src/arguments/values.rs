//! How the values of flags are read: times, addresses, columns, numbers.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use sweep::Columns;

/// Where the labels or the targets of samples are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// `None`: in the file of the samples.
    pub(crate) file: Option<PathBuf>,
    pub(crate) columns: Option<Columns>,
    /// An array of an `.npz`, or a column of another file.
    pub(crate) name: Option<String>,
}

/// Reads `90`, `90s`, `5m`, `2h`, `1d`, or Slurm's `M:S`, `H:M:S` and `D-H:M:S`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time; write 90s, 5m, 2h, 1d or 1:30:00");
    if text.contains(':') {
        return clock(text).map(Duration::from_secs).ok_or_else(wrong);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())
}

/// A size: K, M, G, T and KiB .. TiB are powers of 1024, as Slurm and systemd read them; kB .. TB powers of 1000.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write 500M, 16G or 16GB");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let unit = text[digits.len()..].to_ascii_lowercase();
    let power = |base: f64, letter: char| -> Option<f64> {
        let at = "kmgt".find(letter)?;
        Some(base.powi(i32::try_from(at).ok()? + 1))
    };
    let mut letters = unit.chars();
    let factor = match (letters.next(), letters.as_str()) {
        (None, _) | (Some('b'), "") => Some(1.0),
        (Some(letter), "" | "i" | "ib") => power(1024.0, letter),
        (Some(letter), "b") => power(1000.0, letter),
        _ => None,
    };
    let bytes = number * factor.ok_or_else(wrong)?;
    if !(bytes >= 1.0 && bytes < u64::MAX as f64) {
        return Err(wrong());
    }
    Ok(bytes as u64)
}

/// Seconds of `M:S`, `H:M:S`, `D-H:M` or `D-H:M:S`: after days come hours.
fn clock(text: &str) -> Option<u64> {
    let (days, rest) = text
        .split_once('-')
        .map_or((None, text), |(days, rest)| (Some(days), rest));
    let mut seconds = 0_u64;
    let mut parts = 0;
    for part in rest.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(part.parse().ok()?)?;
        parts += 1;
    }
    let Some(days) = days else {
        return Some(seconds);
    };
    for _ in parts..3 {
        seconds = seconds.checked_mul(60)?;
    }
    days.parse::<u64>()
        .ok()?
        .checked_mul(86_400)?
        .checked_add(seconds)
}

/// Reads an address to listen on: `127.0.0.1:7070`, or a name of this machine with a port.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    let example = "write 127.0.0.1:7070 for this machine alone, or 0.0.0.0:7070 for every network";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let named = text
        .rsplit_once(':')
        .is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok());
    if !named || text.contains("//") {
        return Err(format!("`{text}` is not an address with a port; {example}"));
    }
    let found = text.to_socket_addrs().map_err(|error| {
        format!("`{text}` names no address of this machine ({error}); {example}")
    })?;
    // A name of both kinds stands for its IPv4 address, which `http://NAME:PORT` tries too.
    let found: Vec<SocketAddr> = found.collect();
    let first = found.iter().find(|address| address.is_ipv4());
    first
        .or(found.first())
        .copied()
        .ok_or_else(|| format!("`{text}` names no address of this machine; {example}"))
}

/// Reads a host's name or address, as a certificate holds it.
pub(crate) fn host(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let bare = bare.split(['/', ':']).next().unwrap_or_default().trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_name = |name: &str| {
        let rest = name.strip_prefix("*.").unwrap_or(name);
        !rest.is_empty() && rest.len() <= 253 && rest.chars().all(allowed)
    };
    if is_name(text) {
        return Ok(text.to_owned());
    }
    let instead = if is_name(bare) { bare } else { "head.lab" };
    Err(format!(
        "`{text}` is not a host's name or address; write it without scheme, port or blanks: {instead}"
    ))
}

/// Reads `0..64`, `64` for the one column, several of them, `0..4,6,9..12`, or names, `age,weight`.
pub(crate) fn columns(text: &str) -> Result<Columns, String> {
    let is_numeric = |c: char| c.is_ascii_digit() || "., -".contains(c);
    if !text.is_empty() && !text.chars().all(is_numeric) {
        let names = text.split(',').map(|name| name.trim().to_owned());
        let names: Vec<String> = names.collect();
        return match names.iter().any(String::is_empty) {
            false => Ok(Columns::Named(names)),
            true => Err(format!("`{text}` has a column without a name")),
        };
    }
    numbered(text).ok_or_else(|| {
        format!("`{text}` is no range of columns; write 0..64, 64 for one, or 0..4,6..9")
    })
}

/// Columns by number.
fn numbered(text: &str) -> Option<Columns> {
    let ranges = text
        .split(',')
        .map(|part| match part.trim().parse::<u64>() {
            Ok(one) => Some(format!("{one}..{}", one.checked_add(1)?)),
            Err(_) => Some(part.to_owned()),
        });
    Columns::parse(&ranges.collect::<Option<Vec<_>>>()?.join(","))
}

/// Reads columns, a file, or `FILE:PART` where the part is columns or the name of an array or a column; a name alone is
/// one of the samples' own file.
pub(crate) fn place(text: &str) -> Result<Place, String> {
    const ENDINGS: [&str; 5] = [".npy", ".npz", ".csv", ".csv.gz", ".parquet"];
    if let Some(columns) = numbered(text) {
        return Ok(Place {
            columns: Some(columns),
            ..Place::default()
        });
    }
    let lower = text.to_ascii_lowercase();
    if ENDINGS.iter().any(|ending| lower.ends_with(ending)) {
        return Ok(Place {
            file: Some(PathBuf::from(text)),
            ..Place::default()
        });
    }
    let is_file = |name: &str| {
        let lower = name.to_ascii_lowercase();
        name.is_empty() || ENDINGS.iter().any(|ending| lower.ends_with(ending))
    };
    let (file, part) = match text.rsplit_once(':') {
        Some((file, part)) if is_file(file) => (file, part),
        _ => ("", text),
    };
    let is_numeric = |c: char| c.is_ascii_digit() || "., -".contains(c);
    let columns = numbered(part);
    if part.is_empty() || columns.is_none() && part.chars().all(is_numeric) {
        return Err(format!(
            "`{text}` is neither a column (64, or its name), a data file (y.npy), nor a part of one (y.csv:0..1, y.csv:class, all.npz:y)"
        ));
    }
    Ok(Place {
        file: (!file.is_empty()).then(|| PathBuf::from(file)),
        name: columns.is_none().then(|| part.to_owned()),
        columns,
    })
}

/// Reads a finite number other than 0.
pub(crate) fn factor(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|x: &f64| x.is_finite() && *x != 0.0);
    number.ok_or_else(|| format!("`{text}` is no finite number other than 0"))
}

/// Reads a finite number above 0.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|x: &f64| x.is_finite() && *x > 0.0);
    number.ok_or_else(|| format!("`{text}` is no finite number above 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_slurm_and_people_write_them() {
        let check = |text, expected: Option<u64>| assert_eq!(memory(text).ok(), expected, "{text}");
        check("500M", Some(500 << 20));
        check("16G", Some(16 << 30));
        check("16GiB", Some(16 << 30));
        check("1.5gb", Some(1_500_000_000));
        check("4096", Some(4096));
        check("4096B", Some(4096));
        check("2T", Some(2 << 40));
        for wrong in ["", "G", "-1G", "0", "1X", "1Gx", "1e30", "nan"] {
            check(wrong, None);
        }
    }

    #[test]
    fn places_of_labels_are_columns_files_or_parts_of_files() {
        let check =
            |text: &str, file: Option<&str>, columns: Option<(u64, u64)>, name: Option<&str>| {
                let expected = Place {
                    file: file.map(PathBuf::from),
                    columns: columns.map(|(start, end)| Columns::range(start, end)),
                    name: name.map(str::to_owned),
                };
                assert_eq!(place(text), Ok(expected), "{text}");
            };
        check("64", None, Some((64, 65)), None);
        check("64..66", None, Some((64, 66)), None);
        check("y.npy", Some("y.npy"), None, None);
        check("../Y.CSV.gz", Some("../Y.CSV.gz"), None, None);
        check("y.csv:0..1", Some("y.csv"), Some((0, 1)), None);
        check("all.npz:y", Some("all.npz"), None, Some("y"));
        check(":y", None, None, Some("y"));
        check("species", None, None, Some("species"));
        check("y.csv:species", Some("y.csv"), None, Some("species"));
        check("a:b", None, None, Some("a:b"));
        let read = |text: &str| columns(text).map(|columns| columns.to_string());
        assert_eq!(read("0..4,6,9..12").as_deref(), Ok("0..4,6..7,9..12"));
        assert_eq!(read("age, weight").as_deref(), Ok("'age','weight'"));
        assert!(read("6,0..4").is_err() && read("a,,b").is_err() && read("").is_err());
        for bad in ["", "3..3", "all.npz:", "-1"] {
            assert!(place(bad).is_err(), "{bad:?} was taken");
        }
        assert!(factor("0").is_err() && factor("inf").is_err() && positive("-1").is_err());
        assert_eq!(factor("-0.5"), Ok(-0.5));
    }

    #[test]
    fn hosts_and_addresses_to_listen_on_are_checked() {
        let refused = |read: Result<String, String>, words: &str| {
            let why = read.expect_err("it was taken");
            assert!(why.contains(words), "{why}");
        };
        for good in ["head", "head.lab", "10.0.0.1", "::1", "*.lab"] {
            assert_eq!(host(good).as_deref(), Ok(good));
        }
        refused(host("head:7070"), "head");
        refused(host("https://head.lab"), "head.lab");
        for bad in ["", " ", "a b", "head.lab ", "-/-", "*."] {
            refused(host(bad), "write it without");
        }
        assert_eq!(
            listen("127.0.0.1:0"),
            Ok(SocketAddr::from(([127, 0, 0, 1], 0)))
        );
        assert_eq!(
            listen("localhost:7070"),
            Ok(SocketAddr::from(([127, 0, 0, 1], 7070)))
        );
        for bad in [":7070", "7070", "", "http://127.0.0.1:7070", "127.0.0.1"] {
            refused(
                listen(bad).map(|a| a.to_string()),
                "127.0.0.1:7070 for this machine",
            );
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let check = |text, seconds| assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        check("90", 90);
        check("90s", 90);
        check("5m", 300);
        check("1:30:00", 5400);
        check("4:56", 296);
        check("1-02:03:04", 93_784);
        check("2-12:30", 217_800);
        check("2h", 7200);
        for bad in [
            "",
            "m",
            "-1s",
            "1:x",
            "5 parsecs",
            "-1:00",
            "1-2-3:00",
            "18446744073709551615:59",
        ] {
            assert!(duration(bad).is_err(), "{bad:?} was taken");
        }
    }
}
