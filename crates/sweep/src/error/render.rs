//! An error as plain text with a caret, for tests: message, place, the line, help.

use super::excerpt::SHOWN_CHARS;
use super::place::Place;
use super::report::SweepError;

impl SweepError {
    /// The whole report as plain text: message, place, the line with a caret, help. Ends with a newline.
    pub(crate) fn render(&self) -> String {
        let mut out = self.render_one();
        for other in self.others() {
            out.push_str(&other.render_one());
        }
        out
    }

    fn render_one(&self) -> String {
        let mut out = format!("error: {}\n", self.message());
        if let Some(place) = self.place() {
            render_place(place, self.label_text(), &mut out);
        }
        if let Some(help) = self.help_text() {
            out.push_str("  help: ");
            out.push_str(help);
            out.push('\n');
        }
        out
    }
}

fn render_place(place: &Place, label: Option<&str>, out: &mut String) {
    let (line, column) = place.line_column();
    let text = &place.source.text;
    let line_start = place.before().rfind('\n').map_or(0, |newline| newline + 1);
    let shown: Vec<char> = text[line_start..]
        .lines()
        .next()
        .unwrap_or("")
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .collect();
    let carets = place
        .source
        .text
        .get(place.span.clone())
        .and_then(|marked| marked.lines().next())
        .map_or(1, |marked| marked.chars().count().max(1));

    // A window of the line that holds the caret, with dots where something is cut off.
    let first = (column - 1).saturating_sub(SHOWN_CHARS / 2);
    let last = (first + SHOWN_CHARS).min(shown.len());
    let window: String = shown.get(first..last).unwrap_or(&[]).iter().collect();
    let dots_before = if first > 0 { "..." } else { "" };
    let dots_after = if last < shown.len() { "..." } else { "" };
    let carets = carets.min((last + 1).saturating_sub(column).max(1));

    let number = line.to_string();
    let margin = " ".repeat(number.len() + 2);
    let blanks = " ".repeat(column - 1 - first + dots_before.len());
    let label = label.map_or_else(String::new, |label| format!(" {label}"));
    out.push_str(&format!(
        "{margin},-[{}:{line}:{column}]\n",
        place.source.name
    ));
    out.push_str(&format!(" {number} | {dots_before}{window}{dots_after}\n"));
    out.push_str(&format!(
        "{margin}: {blanks}{}{label}\n",
        "^".repeat(carets)
    ));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error::{Mistake, SourceText};

    fn place(text: &str, marked: &str) -> Place {
        let start = text.find(marked).expect("the text holds the mark");
        Place {
            source: Arc::new(SourceText {
                name: "sweeps/depth_rank.toml".to_owned(),
                text: text.to_owned(),
            }),
            span: start..start + marked.len(),
        }
    }

    #[test]
    fn renders_line_and_caret() {
        let text = "name = \"x\"\n[axes]\n\"problem.rank\" = [1, 8, 128]\n";
        let error = SweepError::new(Mistake::LargerThan {
            what: "rank",
            found: 128,
            limit_name: "dim",
            limit: 64,
        })
        .at(Some(place(text, "128")))
        .label("in axis `problem.rank`")
        .help("lower it, or raise `problem.dim`");
        assert_eq!(
            error.render(),
            "error: rank 128 is larger than dim 64\n   \
             ,-[sweeps/depth_rank.toml:3:25]\n \
             3 | \"problem.rank\" = [1, 8, 128]\n   \
             :                         ^^^ in axis `problem.rank`\n  \
             help: lower it, or raise `problem.dim`\n"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let text = format!("x = [{}7]", "1, ".repeat(1000));
        let rendered = SweepError::new(Mistake::GridTooLarge)
            .at(Some(place(&text, "7")))
            .render();
        let lines: Vec<&str> = rendered.lines().collect();
        assert!(lines[2].starts_with(" 1 | ..."), "{rendered}");
        assert!(lines[2].len() < 150, "{rendered}");
        assert_eq!(
            lines[2].chars().nth(lines[3].find('^').expect("a caret")),
            Some('7')
        );
    }

    #[test]
    fn a_place_at_the_end_is_shown() {
        let at_end = Place {
            source: Arc::new(SourceText {
                name: "s.toml".to_owned(),
                text: "a\n".to_owned(),
            }),
            span: 2..2,
        };
        assert_eq!(at_end.line_column(), (2, 1));
        assert!(
            SweepError::new(Mistake::NameMissing)
                .at(Some(at_end))
                .render()
                .contains("2 | \n")
        );
    }
}
