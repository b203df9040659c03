//! Every command with its help, as the program prints it.

use std::fmt::Write as _;

use tests::process::{root, run};

use crate::book::generated::NOTICE;

const INTRODUCTION: &str = "# Commands

Results go to standard output, everything else to standard error. Every command that lists takes `--json`; the shapes are in
[JSON output](json.md), the exit codes in [Exit codes](exit-codes.md). This page shows what `parsimony help COMMAND` prints.

| command | does |
| --- | --- |
";

pub(in crate::book) fn page() -> String {
    let names = listed(&help(&[]));
    let mut page = format!("{NOTICE}{INTRODUCTION}");
    for (name, words) in &names {
        let _ = writeln!(page, "| [`{name}`](#{name}) | {words} |");
    }
    for (name, _) in &names {
        let text = help(&[name]);
        section(&mut page, "##", name, &text);
        for (inner, _) in listed(&text) {
            let text = help(&[name, &inner]);
            section(&mut page, "###", &format!("{name} {inner}"), &text);
        }
    }
    page
}

fn section(page: &mut String, level: &str, name: &str, text: &str) {
    let _ = write!(
        page,
        "\n{level} {name}\n\n```text\n{}\n```\n",
        text.trim_end()
    );
}

fn help(path: &[&str]) -> String {
    let mut words = vec!["help"];
    words.extend(path);
    run(&root(), &words).expect(0).out
}

/// The commands that a help lists, with their words; `help` itself is left out.
fn listed(help: &str) -> Vec<(String, String)> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let mut found: Vec<(String, String)> = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let text = line.trim();
        // Words that take another line stand further in than names.
        match (found.last_mut(), line.starts_with("   ")) {
            (Some((_, words)), true) => {
                words.push(' ');
                words.push_str(text);
            }
            _ => {
                let (name, words) = text.split_once(' ').unwrap_or((text, ""));
                found.push((name.to_owned(), words.trim().to_owned()));
            }
        }
    }
    found.retain(|(name, _)| name != "help");
    found
}
