//! The reference of keys as Markdown: every key with its type, its default, where it applies and its choices.

use super::collect::SECTIONS;
use super::plots::WORDS;
use crate::keys::{ALWAYS, Key, allowed, check, keys};
use crate::plots::{Aggregate, Band, PlotKind};

/// The reference of all keys of a sweep file, made from their declarations.
pub fn reference() -> String {
    let mut out = String::from(
        "# Keys of a sweep file\n\n\
         Every key that is not stated has its default. A key applies where its condition holds; elsewhere it is null, \
         and what a file says about it is ignored.\n\n\
         ## At the top of the file\n\n\
         ### `name`\n\n\
         The name of the run folder.\n\n\
         - Type: a string of letters, digits, `-`, `_` and `.`, a letter or digit first\n\
         - Default: none, a file must have it\n\n",
    );
    entries("", &mut out);
    for section in SECTIONS {
        out.push_str(&format!("## [{section}]\n\n"));
        entries(section, &mut out);
        if section == "train" {
            out.push_str(
                "### `train.verify`\n\n\
                 How many trials of the sweep run on both engines, differences reported.\n\n\
                 - Type: an integer from 0 to 10000\n\
                 - Default: 0\n\
                 - Cannot be swept\n\n",
            );
        }
    }
    pictures(&mut out);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn pictures(out: &mut String) {
    out.push_str(
        "## [[plot]]\n\n\
         Each `[[plot]]` is a picture that `parsimony plot RUN` draws. Pictures are no part of the grid: they can be \
         added or changed at any time, and a run folder keeps the newest.\n\n\
         | key | is |\n| --- | --- |\n",
    );
    for (key, words) in WORDS {
        let choices: &[&str] = match key {
            "kind" => PlotKind::NAMES,
            "aggregate" => Aggregate::NAMES,
            "band" => Band::NAMES,
            _ => &[],
        };
        let choices: Vec<String> = choices.iter().map(|name| format!("`{name}`")).collect();
        let separator = if choices.is_empty() { "" } else { ": " };
        out.push_str(&format!(
            "| `{key}` | {words}{separator}{} |\n",
            choices.join(", ")
        ));
    }
    out.push_str("\n| kind | shows |\n| --- | --- |\n");
    for kind in PlotKind::ALL {
        out.push_str(&format!("| `{}` | {} |\n", kind.name(), kind.words()));
    }
}

fn entries(section: &str, out: &mut String) {
    for key in keys().iter().filter(|key| key.section() == section) {
        entry(key, out);
    }
}

fn entry(key: &Key, out: &mut String) {
    out.push_str(&format!(
        "### `{}`\n\n{}.\n\n",
        key.name,
        capitalized(key.doc)
    ));
    let mut line = |name: &str, text: &str| out.push_str(&format!("- {name}: {text}\n"));
    line("Type", &allowed(key));
    line("Default", &default(key));
    if *key.applies != ALWAYS {
        line("Applies where", &key.applies.words());
    }
    if let Some(parent) = key.parent {
        line("Field of", &format!("`{}`", keys()[parent as usize].name));
    }
    let columns: Vec<String> = [Some(key.column), key.list_column]
        .into_iter()
        .flatten()
        .map(|column| format!("`{column}`"))
        .collect();
    line("Columns", &columns.join(", "));
    if !key.sweepable {
        out.push_str("- Cannot be swept\n");
    }
    out.push('\n');
}

fn default(key: &Key) -> String {
    match check::default_words(key) {
        None => "none, null unless set".to_owned(),
        Some(words) => match key.fixed_default() {
            Some(_) => format!("`{words}`"),
            None => words,
        },
    }
}

fn capitalized(text: &str) -> String {
    // A name or a symbol at the beginning stays as it is written.
    let is_word = text.split(' ').next().is_some_and(|word| word.len() > 3);
    let is_list = text.contains(" | ");
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if is_word && !is_list => first.to_uppercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyKind;

    #[test]
    fn every_key_is_in_the_reference() {
        let text = reference();
        for key in keys() {
            let heading = format!("### `{}`\n", key.name);
            assert_eq!(text.matches(&heading).count(), 1, "{}", key.name);
            let entry = text
                .split(&heading)
                .nth(1)
                .and_then(|rest| rest.split("\n### ").next());
            let entry = entry.unwrap_or_default();
            assert!(entry.contains("\n- Type: "), "{entry}");
            assert!(entry.contains("\n- Default: "), "{entry}");
            if let KeyKind::Name(names) | KeyKind::NameList(names) = key.kind {
                for name in names {
                    assert!(entry.contains(name), "`{}` does not list {name}", key.name);
                }
            }
        }
        assert!(text.contains(
            "- Applies where: `problem.kind` is completion and `problem.mask` names no file\n"
        ));
        assert!(text.contains("- Default: `\"factorization\"`\n"));
        assert!(text.contains("### `train.verify`\n"));
        assert!(!text.contains("\n\n\n") && text.ends_with('\n'));
    }
}
