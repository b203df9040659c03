//! The call as it was written, without what it writes: the beginning of the command that follows.

/// Options that are left out, with whether a value follows them.
const LEFT_OUT: [(&str, bool); 5] = [
    ("--write", true),
    ("--report", true),
    ("--lang", true),
    ("--watts", true),
    ("--json", false),
];

/// The words of this process' own call.
pub(crate) fn words() -> String {
    of(std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned()))
}

fn of(arguments: impl Iterator<Item = String>) -> String {
    let mut kept = vec!["parsimony".to_owned()];
    let mut arguments = arguments;
    while let Some(word) = arguments.next() {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        match LEFT_OUT.iter().find(|(left_out, _)| *left_out == name) {
            Some((_, true)) if name == word => {
                arguments.next();
            }
            Some(_) => {}
            None => kept.push(quoted(&word)),
        }
    }
    kept.join(" ")
}

/// A word that a shell reads as one.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_left_out_and_the_rest_is_quoted() {
        let words = [
            "diagnose",
            "my data.csv",
            "--json",
            "--lang=ja",
            "--write",
            "p",
            "--width",
            "9",
        ];
        let found = of(words.into_iter().map(str::to_owned));
        assert_eq!(found, "parsimony diagnose 'my data.csv' --width 9");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
