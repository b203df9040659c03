//! The table of changes in the book against the code: where an existing entry of a kind is named is where a new one
//! goes, so the files that name it are the files of its row.

use std::collections::BTreeSet;
use std::path::Path;

use tests::process::root;

/// An entry that exists, by which the row of its kind is checked.
struct Example {
    /// The row's first cell.
    change: &'static str,
    /// Whole words of the code that stand for the entry.
    names: &'static [&'static str],
    /// Where the entry is used for what it is; a new one changes nothing there.
    users: &'static [&'static str],
}

const EXAMPLES: [Example; 9] = [
    Example {
        change: "an activation",
        names: &["Relu", "relu"],
        users: &[],
    },
    Example {
        change: "an optimizer",
        names: &["Rmsprop", "rmsprop"],
        users: &[],
    },
    Example {
        change: "a schedule of the rate",
        names: &["WarmupCosine"],
        users: &[],
    },
    Example {
        change: "a loss",
        names: &["Loss::Sum"],
        users: &[],
    },
    Example {
        change: "a kind of start",
        names: &["StartKind::Uniform"],
        users: &[],
    },
    Example {
        change: "a metric",
        names: &["nuclear_norm", "NuclearNorm"],
        // The sweep that `diagnose` writes, the plots and the tables of the live page name some metrics.
        users: &[
            "crates/cli/src/",
            "crates/report/src/plot/",
            "crates/web/src/",
        ],
    },
    Example {
        change: "a key",
        names: &["TrainStopGradientNorm"],
        users: &[],
    },
    Example {
        change: "a rule for axis values",
        names: &["Rule::Log"],
        users: &[],
    },
    Example {
        change: "a request about a sweep",
        names: &["PauseRequest"],
        users: &[],
    },
];

#[test]
fn the_table_of_changes_names_the_files_that_a_change_touches() {
    let code = code_files(&root());
    let book = std::fs::read_to_string(root().join("docs/src/contributing.md")).unwrap();
    let mut wrong = String::new();
    for Example {
        change,
        names,
        users,
    } in EXAMPLES
    {
        let Some(row) = Row::find(&book, change) else {
            wrong.push_str(&format!("no row `{change}`\n"));
            continue;
        };
        let touched: Vec<&str> = code
            .iter()
            .filter(|(file, text)| {
                !users.iter().any(|user| file.starts_with(user))
                    && names.iter().any(|name| has_word(text, name))
            })
            .map(|(file, _)| file.as_str())
            .collect();
        wrong.push_str(&row.differences(change, &touched));
    }
    assert!(wrong.is_empty(), "docs/src/contributing.md:\n{wrong}");
}

/// A row of the table.
struct Row {
    /// How many files every change of the kind touches.
    files: usize,
    /// Those files; a name may be that of a folder.
    places: Vec<String>,
    /// Files that it touches in some cases.
    also: Vec<String>,
}

impl Row {
    fn find(book: &str, change: &str) -> Option<Row> {
        let row = book.lines().find(|line| {
            line.strip_prefix("| ")
                .and_then(|line| line.strip_prefix(change))
                .is_some_and(|rest| rest.starts_with(' '))
        })?;
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, files, places, also] = cells[..] else {
            return None;
        };
        let named = |cell: &str| -> Vec<String> {
            let quoted = cell.split('`').skip(1).step_by(2);
            let files = quoted.filter(|name| name.contains('/'));
            files.map(str::to_owned).collect()
        };
        Some(Row {
            files: files.parse().ok()?,
            places: named(places),
            also: named(also),
        })
    }

    /// What is wrong with the row, a line each.
    fn differences(&self, change: &str, touched: &[&str]) -> String {
        let mut wrong = String::new();
        // The most exact name of a file counts: a folder stands for the files that have no name of their own.
        let all = || self.places.iter().chain(&self.also);
        let place_of = |file: &str| {
            let of_file = all().filter(|place| covers(place, file));
            of_file.max_by_key(|place| place.len())
        };
        for file in touched {
            if place_of(file).is_none() {
                wrong.push_str(&format!("`{change}` touches {file}, which is not named\n"));
            }
        }
        for place in &self.places {
            if !touched.iter().any(|file| place_of(file) == Some(place)) {
                wrong.push_str(&format!(
                    "`{change}` names {place}, which it does not touch\n"
                ));
            }
        }
        for place in all() {
            if !root().join(place).exists() {
                wrong.push_str(&format!("`{change}` names {place}, which does not exist\n"));
            }
        }
        if self.places.len() != self.files {
            wrong.push_str(&format!(
                "`{change}` counts {} files and names {}\n",
                self.files,
                self.places.len()
            ));
        }
        wrong
    }
}

/// Whether `place` is the file, or a folder that it is in.
fn covers(place: &str, file: &str) -> bool {
    let rest = file.strip_prefix(place.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The files of `crates/*/src` and `proto` by their path, without comments and tests.
fn code_files(root: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut tests = BTreeSet::new();
    let mut open = vec![root.join("crates"), root.join("proto")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            if !(name.contains("/src/") && name.ends_with(".rs") || name.ends_with(".proto")) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let stem = match name.strip_suffix("/mod.rs") {
                Some(folder) => folder,
                None => name.trim_end_matches(".rs"),
            };
            let own = match stem.strip_suffix("/lib") {
                Some(folder) => folder,
                None => stem,
            };
            for after in text.split("#[cfg(test)]\n").skip(1) {
                let line = after.lines().next().unwrap_or("");
                let module = line.strip_suffix(';').and_then(|line| {
                    let at = line.find("mod ")?;
                    Some(&line[at + 4..])
                });
                tests.extend(module.map(|module| format!("{own}/{module}")));
            }
            let code = text.lines().map(|line| match line.split_once("//") {
                Some((code, _)) => code,
                None => line,
            });
            files.push((name.to_owned(), code.collect::<Vec<_>>().join("\n")));
        }
    }
    files.retain(|(name, _)| {
        !tests.iter().any(|test| {
            let rest = name.strip_prefix(test.as_str());
            rest.is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
        })
    });
    files.sort();
    files
}

/// Whether the text has the word, not as a part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !is_part(before) && !is_part(after)
    })
}

#[test]
fn a_row_that_is_out_of_date_is_found() {
    let book = "| an activation | 1 | `crates/dln/src/activation.rs`: its formulas | |\n";
    let row = Row::find(book, "an activation").unwrap();
    assert_eq!(row.differences("x", &["crates/dln/src/activation.rs"]), "");
    let wrong = row.differences("x", &["crates/dln/src/loss.rs"]);
    assert_eq!(
        wrong,
        "`x` touches crates/dln/src/loss.rs, which is not named\n\
         `x` names crates/dln/src/activation.rs, which it does not touch\n"
    );
    let book = "| a metric | 2 | `crates/none/a.rs` | a file in `crates/dln/src` |\n";
    let row = Row::find(book, "a metric").unwrap();
    let wrong = row.differences("x", &["crates/none/a.rs", "crates/dln/src/loss.rs"]);
    assert_eq!(
        wrong,
        "`x` names crates/none/a.rs, which does not exist\n`x` counts 2 files and names 1\n"
    );
    assert!(Row::find(book, "a met").is_none());
}
