//! The call as it was written, without what it writes: the beginning of the command that follows.

/// Options that are left out, with whether a value follows them.
const LEFT_OUT: [(&str, bool); 5] = [
    ("--write", true),
    ("--report", true),
    ("--lang", true),
    ("--watts", true),
    ("--json", false),
];

/// A call, word by word, without the name of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call(Vec<String>);

impl Call {
    /// This process' own.
    pub(crate) fn own() -> Call {
        Call::of(
            std::env::args_os()
                .skip(1)
                .map(|word| word.to_string_lossy().into_owned()),
        )
    }

    pub(super) fn of(arguments: impl Iterator<Item = String>) -> Call {
        Call(without(arguments, &LEFT_OUT))
    }

    /// The call with more words.
    pub(super) fn with(&self, more: &[&str]) -> String {
        written(
            self.0
                .iter()
                .map(String::as_str)
                .chain(more.iter().copied()),
        )
    }

    /// The call with another value of an option, which is there or not.
    pub(super) fn with_value(&self, option: &str, value: u64) -> String {
        let kept = without(self.0.iter().cloned(), &[(option, true)]);
        let value = value.to_string();
        written(
            kept.iter()
                .map(String::as_str)
                .chain([option, value.as_str()]),
        )
    }
}

/// The words without these options and their values.
fn without(arguments: impl Iterator<Item = String>, left_out: &[(&str, bool)]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut arguments = arguments;
    while let Some(word) = arguments.next() {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        match left_out.iter().find(|(left_out, _)| *left_out == name) {
            Some((_, true)) if name == word => {
                arguments.next();
            }
            Some(_) => {}
            None => kept.push(word),
        }
    }
    kept
}

/// A command as a shell reads it.
fn written<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(quoted).collect();
    format!("parsimony {}", words.join(" "))
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
        let found = Call::of(words.into_iter().map(str::to_owned));
        assert_eq!(
            found.with(&["--center"]),
            "parsimony diagnose 'my data.csv' --width 9 --center"
        );
        // An option that is given once more would be refused.
        assert_eq!(
            found.with_value("--width", 4),
            "parsimony diagnose 'my data.csv' --width 4"
        );
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
