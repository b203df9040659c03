//! What the tests read of Markdown: code blocks, links, and the anchors of headings.

use std::collections::BTreeSet;

/// A fenced code block.
pub(super) struct Block {
    /// First word after the fence.
    pub(super) language: String,
    /// Further words after it.
    pub(super) marks: Vec<String>,
    pub(super) text: String,
    /// Number of the line of its fence, from 1.
    pub(super) line: usize,
}

/// The lines outside of code blocks, and the blocks.
fn split(text: &str) -> (Vec<&str>, Vec<Block>) {
    let (mut prose, mut blocks) = (Vec::new(), Vec::new());
    let mut open: Option<Block> = None;
    for (at, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                open = Some(Block {
                    language: words.next().unwrap_or_default(),
                    marks: words.collect(),
                    text: String::new(),
                    line: at + 1,
                });
            }
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => prose.push(line),
        }
    }
    assert!(open.is_none(), "a code block is not closed");
    (prose, blocks)
}

pub(super) fn blocks(text: &str) -> Vec<Block> {
    split(text).1
}

/// Targets of all links and images outside of code.
pub(super) fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in split(text).0 {
        let line = without_code(line);
        let mut rest = line.as_str();
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            let Some(end) = rest.find(')') else { break };
            found.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
    }
    found
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    parts
        .filter(|(at, _)| at % 2 == 0)
        .map(|(_, part)| part)
        .collect()
}

/// Words between backticks, outside of code blocks.
pub(super) fn words_of_code(text: &str) -> Vec<&str> {
    let lines = split(text).0.into_iter();
    lines
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .flat_map(str::split_whitespace)
        .collect()
}

/// The anchors that mdBook gives to the headings of a page.
pub(super) fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in split(text).0 {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let slug: String = heading
            .trim()
            .chars()
            .filter_map(|letter| match letter {
                ' ' => Some('-'),
                '-' | '_' => Some(letter),
                other => other.is_alphanumeric().then(|| other.to_ascii_lowercase()),
            })
            .collect();
        // A second heading of the same words gets a number.
        let mut anchor = slug.clone();
        let mut number = 0;
        while !found.insert(anchor.clone()) {
            number += 1;
            anchor = format!("{slug}-{number}");
        }
    }
    found
}

#[test]
fn markdown_is_read() {
    let text = "# One `two`\n[a](b.md#c) `[no](d)`\n## One two\n```toml sweep\nx = 1\n```\n";
    assert_eq!(links(text), ["b.md#c"]);
    assert_eq!(words_of_code(text), ["two", "[no](d)"]);
    let expected = ["one-two", "one-two-1"].map(str::to_owned);
    assert_eq!(anchors(text), expected.into());
    let blocks = blocks(text);
    assert_eq!((blocks.len(), blocks[0].line), (1, 4));
    assert_eq!(blocks[0].language, "toml");
    assert_eq!(blocks[0].marks, ["sweep"]);
    assert_eq!(blocks[0].text, "x = 1\n");
}
