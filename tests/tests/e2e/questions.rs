//! Questions in SQL over stored run folders, answered row for row as DuckDB answers them (`tests/questions`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::process::{Finished, root, run};

/// Relative difference up to which two floats are one: sums may be taken in another order.
const CLOSE: f64 = 1e-12;

/// The files of questions that have answers.
const FILES: [&str; 15] = [
    "aggregates",
    "analyst",
    "catalog",
    "conditions",
    "division",
    "headers",
    "joins",
    "orders",
    "runs",
    "sets",
    "statistics",
    "subqueries",
    "texts",
    "times",
    "windows",
];

fn folder() -> PathBuf {
    root().join("tests/questions")
}

fn read(file: &str) -> String {
    let path = folder().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A question with what its `-- OPTION: VALUE` lines say.
#[derive(Default)]
struct Question {
    name: String,
    sql: String,
    options: BTreeMap<&'static str, String>,
}

const OPTIONS: [&str; 4] = ["runs", "columns", "duckdb", "says"];

impl Question {
    fn all(file: &str) -> Vec<Question> {
        let mut found: Vec<Question> = Vec::new();
        for line in read(&format!("{file}.sql")).lines() {
            let option = line
                .strip_prefix("-- ")
                .and_then(|rest| rest.split_once(": "));
            let known = option.and_then(|(key, value)| {
                let key = OPTIONS.into_iter().find(|known| *known == key)?;
                Some((key, value))
            });
            if let Some(("name", name)) = option {
                found.push(Question {
                    name: name.to_owned(),
                    ..Question::default()
                });
            } else if let Some(question) = found.last_mut() {
                match known {
                    Some((key, value)) => {
                        question.options.insert(key, value.to_owned());
                    }
                    None if line.trim().is_empty() => {}
                    None => {
                        question.sql.push_str(line);
                        question.sql.push('\n');
                    }
                }
            }
        }
        found
    }

    fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str)
    }

    fn ask(&self) -> Finished {
        let mut words = vec!["query", "--csv", "--"];
        words.extend(self.option("runs").unwrap_or("grid").split(' '));
        words.push(&self.sql);
        run(&folder(), &words)
    }

    /// Whether the rows have an order: an `ORDER BY` outside of parentheses and texts.
    fn is_ordered(&self) -> bool {
        let (mut depth, mut quoted) = (0, false);
        let lower = self.sql.to_ascii_lowercase();
        lower.char_indices().any(|(at, letter)| {
            match letter {
                '\'' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth -= 1,
                _ => {}
            }
            depth == 0 && !quoted && lower[at..].starts_with("order by")
        })
    }
}

/// A header and rows.
#[derive(Clone, Default)]
struct Answer {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Answer {
    fn of(text: &str) -> Answer {
        let mut records = records(text).into_iter();
        Answer {
            header: records.next().unwrap_or_default(),
            rows: records.collect(),
        }
    }

    /// Answers of a file by the names of their questions.
    fn stored(file: &str) -> BTreeMap<String, Answer> {
        let text = read(&format!("{file}.answers"));
        let sections = text.split("-- name: ").skip(1);
        sections
            .map(|section| {
                let (name, rest) = section.split_once('\n').unwrap();
                (name.to_owned(), Answer::of(rest))
            })
            .collect()
    }

    /// These columns alone, those that are there.
    fn only(self, columns: &str) -> Answer {
        let at: Vec<usize> = columns
            .split(' ')
            .filter_map(|name| self.header.iter().position(|own| own == name))
            .collect();
        let kept = |row: &Vec<String>| at.iter().map(|&at| row[at].clone()).collect();
        Answer {
            header: kept(&self.header),
            rows: self.rows.iter().map(kept).collect(),
        }
    }

    fn sorted(mut self) -> Answer {
        self.rows
            .sort_by_key(|row| row.iter().map(|cell| coarse(cell)).collect::<Vec<_>>());
        self
    }

    /// The first difference; none where both are equal.
    fn difference(&self, found: &Answer) -> Option<String> {
        if self.header != found.header {
            return Some(format!("header {:?}, not {:?}", found.header, self.header));
        }
        if self.rows.len() != found.rows.len() {
            let counts = (found.rows.len(), self.rows.len());
            return Some(format!("{} rows, not {}", counts.0, counts.1));
        }
        let mut rows = self.rows.iter().zip(&found.rows).enumerate();
        rows.find_map(|(at, (expected, found))| {
            let equal = expected.len() == found.len()
                && expected.iter().zip(found).all(|(a, b)| is_equal(a, b));
            (!equal).then(|| format!("row {}: {found:?}, not {expected:?}", at + 1))
        })
    }
}

/// Rows of CSV.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    rows
}

/// A cell in a form that sorts close floats together.
fn coarse(cell: &str) -> String {
    match cell.parse::<f64>() {
        Ok(number) => format!("{number:.9e}"),
        Err(_) => cell.to_owned(),
    }
}

/// Equal as texts, as integers, or as floats up to the last digits. Conditions are 1 and 0 here, true and false in
/// DuckDB.
fn is_equal(expected: &str, found: &str) -> bool {
    if expected == found {
        return true;
    }
    match (expected, found) {
        ("true", "1") | ("false", "0") => return true,
        _ => {}
    }
    if expected.parse::<i64>().is_ok() && found.parse::<i64>().is_ok() {
        return false;
    }
    match (expected.parse::<f64>(), found.parse::<f64>()) {
        (Ok(a), Ok(b)) => {
            a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= CLOSE * a.abs().max(b.abs())
        }
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

/// What is wrong with the program's answer to a question.
fn complaint(question: &Question, stored: &BTreeMap<String, Answer>) -> Option<String> {
    let Some(expected) = stored.get(&question.name) else {
        return Some("no stored answer".to_owned());
    };
    let finished = question.ask();
    if finished.code != Some(0) {
        return Some(format!("refused: {}", finished.err.trim()));
    }
    let mut found = Answer::of(&finished.out);
    if let Some(columns) = question.option("columns") {
        found = found.only(columns);
    }
    if question.is_ordered() {
        expected.difference(&found)
    } else {
        expected.clone().sorted().difference(&found.sorted())
    }
}

/// Asks every question of a file.
#[track_caller]
fn check(file: &str) {
    let (questions, stored) = (Question::all(file), Answer::stored(file));
    assert!(!questions.is_empty(), "{file}.sql has no question");
    let wrong: Vec<String> = questions
        .iter()
        .filter_map(|question| {
            Some(format!(
                "{}: {}",
                question.name,
                complaint(question, &stored)?
            ))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{file}.sql: {} of {} answers differ\n{}",
        wrong.len(),
        questions.len(),
        wrong.join("\n")
    );
}

#[test]
fn aggregates() {
    check("aggregates");
}

#[test]
fn analysts_questions() {
    check("analyst");
}

#[test]
fn catalog() {
    check("catalog");
}

#[test]
fn conditions() {
    check("conditions");
}

#[test]
fn division() {
    check("division");
}

#[test]
fn headers() {
    check("headers");
}

#[test]
fn joins() {
    check("joins");
}

#[test]
fn orders() {
    check("orders");
}

#[test]
fn several_runs() {
    check("runs");
}

#[test]
fn sets() {
    check("sets");
}

#[test]
fn statistics() {
    check("statistics");
}

#[test]
fn subqueries() {
    check("subqueries");
}

#[test]
fn texts() {
    check("texts");
}

#[test]
fn times() {
    check("times");
}

#[test]
fn windows() {
    check("windows");
}

#[test]
fn wrong_questions_are_refused_with_a_reason() {
    let mut wrong = Vec::new();
    for question in Question::all("refused") {
        let finished = question.ask();
        let says = question.option("says").unwrap();
        let polite = finished.code == Some(2) && finished.out.is_empty();
        if !polite || !finished.err.contains(says) || finished.err.contains("panicked") {
            wrong.push(format!(
                "{}: exit {:?}, {}",
                question.name, finished.code, finished.err
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A Boolean column is printed in words, a condition as a number.
#[test]
fn booleans() {
    let ask = |sql: &str| {
        run(&folder(), &["query", "--csv", "grid", sql])
            .expect(0)
            .out
    };
    let column = "SELECT DISTINCT problem_whiten FROM trials ORDER BY problem_whiten";
    assert_eq!(ask(column), "problem_whiten\nfalse\ntrue\n\"\"\n");
    let condition = "SELECT steps > 100 AS long FROM trials WHERE trial IN (0, 12) ORDER BY trial";
    assert_eq!(ask(condition), "long\n1\n0\n");
}

/// Every file of questions is asked, each question has one answer and each answer its question.
#[test]
fn files_and_answers_belong_together() {
    let named = |ending: &str| -> BTreeSet<String> {
        let names = std::fs::read_dir(folder()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter_map(|name| Some(name.strip_suffix(ending)?.to_owned()))
            .collect()
    };
    let known: BTreeSet<String> = FILES.map(str::to_owned).into();
    assert_eq!(named(".answers"), known);
    let mut asked = named(".sql");
    assert!(asked.remove("refused"));
    assert_eq!(asked, known);
    let mut count = 0;
    for file in FILES {
        let questions = Question::all(file);
        let names: BTreeSet<String> = questions.iter().map(|q| q.name.clone()).collect();
        assert_eq!(names.len(), questions.len(), "{file}.sql: a name twice");
        let stored: BTreeSet<String> = Answer::stored(file).into_keys().collect();
        assert_eq!(names, stored, "{file}: run tests/questions/answers.py");
        count += names.len();
    }
    assert!(count >= 150, "{count} questions");
}

/// The examples of the documentation are questions, so their answers are right.
#[test]
fn examples_of_the_documentation_are_asked() {
    let words = |sql: &str| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let asked: BTreeSet<String> = FILES
        .into_iter()
        .flat_map(Question::all)
        .map(|question| words(&question.sql))
        .collect();
    let text = std::fs::read_to_string(root().join("docs/src/reference/query.md")).unwrap();
    let blocks = text.split("```sql\n").skip(1);
    let examples: Vec<String> = blocks
        .map(|block| words(block.split_once("```").unwrap().0))
        .collect();
    assert!(examples.len() >= 10, "{} examples", examples.len());
    for example in examples {
        assert!(asked.contains(&example), "not a question: {example}");
    }
}

/// Asks DuckDB anew.
#[test]
fn duckdb_answers_as_stored() {
    let python = std::env::var("PARSIMONY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import duckdb"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: {python} has no duckdb");
        return;
    }
    let script: &Path = &folder().join("answers.py");
    let output = Command::new(&python).arg(script).arg("check").output();
    let output = output.unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
}
