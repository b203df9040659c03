//! Functions of regular expressions. The syntax is that of the regex crate, which is RE2's save for rare details.

use std::sync::Arc;

use regex::{Captures, Regex, RegexBuilder};
use rusqlite::Result;
use rusqlite::types::Value;

use super::entry::{Entry, scalar};
use super::error::FunctionError;
use super::values::{Call, given};

pub(super) static ENTRIES: &[Entry] = &[
    scalar(
        "regexp_matches",
        "text, pattern[, options]",
        "whether the pattern is in the text",
        &[2, 3],
        |call| matches(call, false),
    ),
    scalar(
        "regexp_full_match",
        "text, pattern[, options]",
        "whether the whole text is the pattern",
        &[2, 3],
        |call| matches(call, true),
    ),
    scalar(
        "regexp_extract",
        "text, pattern[, group[, options]]",
        "first match or a group of it, an empty text if there is none",
        &[2, 3, 4],
        extract,
    ),
    scalar(
        "regexp_replace",
        "text, pattern, replacement[, options]",
        r"text with the first match replaced, all with the option 'g'; \1 is a group",
        &[3, 4],
        replace,
    ),
];

/// The most bytes of a compiled pattern, the default of RE2 as DuckDB uses it times four, for classes of Unicode.
const PATTERN_BYTES: usize = 32 << 20;

/// The options of a call, as DuckDB writes them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Options {
    ignore_case: bool,
    literal: bool,
    newline: bool,
    all: bool,
}

impl Options {
    fn read(call: &Call<'_>, index: usize, replaces: bool) -> Result<Self> {
        let mut options = Self::default();
        if call.len() <= index {
            return Ok(options);
        }
        let refused = |option: &str| FunctionError::PatternOption {
            function: call.name,
            option: option.to_owned(),
        };
        for letter in call.text(index)?.ok_or_else(|| refused("null"))?.chars() {
            match letter {
                'c' => options.ignore_case = false,
                'i' => options.ignore_case = true,
                'l' => options.literal = true,
                // The default: a point is any character but a newline.
                'm' | 'n' | 'p' => options.newline = false,
                's' => options.newline = true,
                'g' if replaces => options.all = true,
                other => return Err(refused(&other.to_string()).into()),
            }
        }
        Ok(options)
    }
}

/// A compiled pattern, kept by SQLite for as long as the argument is a constant.
struct Compiled {
    options: Options,
    whole: bool,
    regex: Regex,
}

/// A pattern of RE2 in the words of the regex crate: `\d`, `\w`, `\s` and `\b` know ASCII only, and in a class `[`, `&`
/// and `~` are letters.
fn translated(pattern: &str) -> String {
    let mut result = String::new();
    // Where the class around a letter starts.
    let mut class = None;
    let mut letters = pattern.char_indices();
    while let Some((index, letter)) = letters.next() {
        let inside = class.is_some();
        match letter {
            '\\' => {
                let next = letters.next().map(|(_, letter)| letter);
                match (next, inside) {
                    (Some('d'), _) => result.push_str("[0-9]"),
                    (Some('D'), _) => result.push_str("[^0-9]"),
                    (Some('w'), _) => result.push_str("[0-9A-Za-z_]"),
                    (Some('W'), _) => result.push_str("[^0-9A-Za-z_]"),
                    (Some('s'), _) => result.push_str(r"[\t\n\f\r ]"),
                    (Some('S'), _) => result.push_str(r"[^\t\n\f\r ]"),
                    (Some('b'), false) => result.push_str(r"(?-u:\b)"),
                    // The places that are no border of a word are those of ASCII only between whole characters.
                    (next, _) => {
                        result.push('\\');
                        result.extend(next);
                    }
                }
                continue;
            }
            '[' if !inside => class = Some(index),
            // A named class, `[:alpha:]`, which is the same in both.
            '[' if pattern[index..].starts_with("[:") => {
                let length = pattern[index..].find(":]").map_or(0, |length| length + 1);
                result.push_str(&pattern[index..index + length]);
                while letters.offset() < index + length {
                    letters.next();
                }
                continue;
            }
            '[' | '&' | '~' if inside => result.push('\\'),
            ']' => {
                // The first letter of a class is no end.
                let first = class.is_some_and(|start| matches!(&pattern[start..index], "[" | "[^"));
                if !first {
                    class = None;
                }
            }
            _ => {}
        }
        result.push(letter);
    }
    result
}

/// The pattern in argument 1.
fn pattern(call: &Call<'_>, options: Options, whole: bool) -> Result<Option<Arc<Compiled>>> {
    if let Some(compiled) = call.context.get_aux::<Compiled>(1)?
        && compiled.options == options
        && compiled.whole == whole
    {
        return Ok(Some(compiled));
    }
    let Some(text) = call.text(1)? else {
        return Ok(None);
    };
    let mut source = if options.literal {
        regex::escape(&text)
    } else {
        translated(&text)
    };
    if whole {
        source = format!(r"\A(?:{source})\z");
    }
    let built = RegexBuilder::new(&source)
        .case_insensitive(options.ignore_case)
        .dot_matches_new_line(options.newline)
        .size_limit(PATTERN_BYTES)
        .build();
    let regex = built.map_err(|error| FunctionError::Pattern {
        function: call.name,
        pattern: text.to_string(),
        reason: reason(&error),
    })?;
    call.context
        .set_aux(
            1,
            Compiled {
                options,
                whole,
                regex,
            },
        )
        .map(Some)
}

/// The last line of the error of a pattern, which says what is wrong; the lines before it draw the place.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

fn matches(call: &Call<'_>, whole: bool) -> Result<Value> {
    let options = Options::read(call, 2, false)?;
    let compiled = given!(pattern(call, options, whole));
    Ok(compiled.regex.is_match(&given!(call.text(0))).into())
}

fn extract(call: &Call<'_>) -> Result<Value> {
    let options = Options::read(call, 3, false)?;
    let compiled = given!(pattern(call, options, false));
    let text = given!(call.text(0));
    let group = if call.len() > 2 {
        given!(call.integer(2))
    } else {
        0
    };
    let range = "the groups 0 to 9";
    let error = || FunctionError::OutOfRange {
        function: call.name,
        value: group.to_string(),
        range,
    };
    let group = usize::try_from(group)
        .ok()
        .filter(|group| *group <= 9)
        .ok_or_else(error)?;
    let captures = compiled.regex.captures(&text);
    let found =
        captures.and_then(|captures| captures.get(group).map(|found| found.as_str().to_owned()));
    Ok(found.unwrap_or_default().into())
}

/// A piece of a replacement.
enum Piece {
    Text(String),
    Group(usize),
}

/// The replacement in argument 2: a backslash and a digit is a group.
fn pieces(call: &Call<'_>, text: &str, groups: usize) -> Result<Vec<Piece>> {
    let error = || FunctionError::Replacement {
        function: call.name,
    };
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('\\') => plain.push('\\'),
            Some(digit) => {
                let group = digit
                    .to_digit(10)
                    .map(|digit| digit as usize)
                    .filter(|group| *group < groups);
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(Piece::Group(group.ok_or_else(error)?));
            }
            None => return Err(error().into()),
        }
    }
    pieces.push(Piece::Text(plain));
    Ok(pieces)
}

fn replace(call: &Call<'_>) -> Result<Value> {
    let options = Options::read(call, 3, true)?;
    let compiled = given!(pattern(
        call,
        Options {
            all: false,
            ..options
        },
        false
    ));
    let text = given!(call.text(0));
    let pieces = pieces(call, &given!(call.text(2)), compiled.regex.captures_len())?;
    let replaced = compiled.regex.replacen(
        &text,
        usize::from(!options.all),
        |captures: &Captures<'_>| {
            let mut result = String::new();
            for piece in &pieces {
                match piece {
                    Piece::Text(plain) => result.push_str(plain),
                    Piece::Group(group) => {
                        result.push_str(captures.get(*group).map_or("", |found| found.as_str()))
                    }
                }
            }
            result
        },
    );
    Ok(replaced.into_owned().into())
}
