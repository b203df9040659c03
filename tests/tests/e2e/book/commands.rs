//! Calls of the program in shell blocks, held against its help.

use std::collections::BTreeMap;

use tests::process::{root, run};

/// Words between which a command ends.
const SEPARATORS: [&str; 5] = ["&&", "||", ";", "|", "&"];

/// The words after `parsimony` of each call in a shell script.
pub(super) fn calls(script: &str) -> Vec<Vec<String>> {
    let joined = script.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in joined.lines() {
        for command in words(line).split(|word| SEPARATORS.contains(&word.as_str())) {
            // Loops and settings of the environment stand in front.
            let at = command
                .iter()
                .position(|word| word != "do" && !word.contains('='));
            let Some(at) = at else { continue };
            let (name, rest) = (&command[at], &command[at + 1..]);
            if name == "parsimony" {
                found.push(rest.to_vec());
            }
            let through_cargo = name == "cargo" && rest.first().is_some_and(|word| word == "run");
            if let (true, Some(dashes)) = (through_cargo, rest.iter().position(|word| word == "--"))
            {
                found.push(rest[dashes + 1..].to_vec());
            }
        }
    }
    found
}

/// The words of a line of shell, its comment left out.
fn words(line: &str) -> Vec<String> {
    let (mut found, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            (_, Some(_)) => word.get_or_insert_default().push(letter),
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            (' ' | '\t', None) => found.extend(word.take()),
            (';' | '&' | '|', None) => {
                found.extend(word.take());
                let twice = letters.next_if_eq(&letter).is_some();
                found.push(if twice {
                    format!("{letter}{letter}")
                } else {
                    letter.to_string()
                });
            }
            (_, None) => word.get_or_insert_default().push(letter),
        }
    }
    found.extend(word);
    found
}

/// The help of each command, asked once.
#[derive(Default)]
pub(super) struct Known {
    helps: BTreeMap<String, Option<String>>,
}

impl Known {
    /// What the program would not take in a call, if anything.
    pub(super) fn complaint(&mut self, words: &[String]) -> Option<String> {
        let name = words.first()?;
        if name.starts_with('-') || name == "help" {
            return None;
        }
        let mut path = vec![name.as_str()];
        if let Some(second) = words.get(1).filter(|_| name == "launch") {
            path.push(second);
        }
        let Some(help) = self.help(&path) else {
            return Some(format!("no command `{}`", path.join(" ")));
        };
        let own = words.iter().take_while(|word| *word != "--");
        let flags = own.filter(|word| word.starts_with("--"));
        for flag in flags {
            let flag = flag.split('=').next().unwrap_or_default();
            let there = help
                .split(|letter: char| !(letter.is_alphanumeric() || letter == '-'))
                .any(|word| word == flag);
            if !there {
                return Some(format!("no flag {flag}"));
            }
        }
        None
    }

    fn help(&mut self, path: &[&str]) -> Option<&str> {
        let known = self.helps.entry(path.join(" ")).or_insert_with(|| {
            let mut words = vec!["help"];
            words.extend(path);
            let finished = run(&root(), &words);
            (finished.code == Some(0)).then_some(finished.out)
        });
        known.as_deref()
    }
}

#[test]
fn calls_are_found() {
    let script = "A=b parsimony run 'a b' --set x=1 && parsimony watch c # parsimony no\n\
        for k in 1 2; do parsimony worker \\\n  --threads 1 & done\n\
        cargo run --release -- plan a.toml | head\n";
    let found: Vec<String> = calls(script).iter().map(|words| words.join(" ")).collect();
    let expected = [
        "run a b --set x=1",
        "watch c",
        "worker --threads 1",
        "plan a.toml",
    ];
    assert_eq!(found, expected);
    let mut known = Known::default();
    let mut complaint = |words: &str| {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        known.complaint(&words)
    };
    assert_eq!(complaint("run a.toml --threads 2"), None);
    assert_eq!(complaint("launch slurm --workers 2 -- --partition=x"), None);
    assert!(complaint("run a.toml --treads 2").is_some());
    assert!(complaint("rum a.toml").is_some());
}
