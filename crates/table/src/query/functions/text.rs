//! Functions of texts. A character is a Unicode code point; a number is taken as SQLite prints it.

use rusqlite::Result;
use rusqlite::types::{Value, ValueRef};

use super::entry::{Entry, scalar};
use super::error::FunctionError;
use super::values::{Call, given};

const ONE: &[i32] = &[1];
const TWO: &[i32] = &[2];

/// The most bytes of a text that a function makes: more than any cell that is meant to be read, and small enough for
/// every row of a statement to make one after the other.
const MOST_BYTES: usize = 1 << 24;

pub(super) static ENTRIES: &[Entry] = &[
    scalar(
        "starts_with",
        "text, start",
        "whether the text starts so",
        TWO,
        |call| pair(call, |a, b| a.starts_with(b)),
    ),
    scalar(
        "prefix",
        "text, start",
        "the same as starts_with",
        TWO,
        |call| pair(call, |a, b| a.starts_with(b)),
    ),
    scalar(
        "ends_with",
        "text, end",
        "whether the text ends so",
        TWO,
        |call| pair(call, |a, b| a.ends_with(b)),
    ),
    scalar(
        "suffix",
        "text, end",
        "the same as ends_with",
        TWO,
        |call| pair(call, |a, b| a.ends_with(b)),
    ),
    scalar(
        "contains",
        "text, part",
        "whether the part is in the text",
        TWO,
        |call| pair(call, |a, b| a.contains(b)),
    ),
    scalar(
        "strpos",
        "text, part",
        "place of the part from 1, 0 if it is not there",
        TWO,
        |call| place(call, 0, 1),
    ),
    scalar(
        "position",
        "part, text",
        "as strpos, the part first",
        TWO,
        |call| place(call, 1, 0),
    ),
    scalar("lower", "text", "small letters", ONE, lower),
    scalar("lcase", "text", "the same as lower", ONE, lower),
    scalar("upper", "text", "capital letters", ONE, upper),
    scalar("ucase", "text", "the same as upper", ONE, upper),
    scalar("len", "text", "number of characters", ONE, characters),
    scalar(
        "char_length",
        "text",
        "number of characters",
        ONE,
        characters,
    ),
    scalar(
        "character_length",
        "text",
        "number of characters",
        ONE,
        characters,
    ),
    scalar("strlen", "text", "number of bytes", ONE, |call| {
        count(given!(call.text(0)).len())
    }),
    scalar(
        "concat",
        "x, ...",
        "texts one after the other, nulls are left out",
        &[-1],
        |call| Ok(joined(call, 0, "")?.into()),
    ),
    scalar(
        "concat_ws",
        "separator, x, ...",
        "texts with a separator between, nulls are left out",
        &[-1],
        concat_ws,
    ),
    scalar("chr", "n", "character of a code point", ONE, character),
    scalar(
        "ascii",
        "text",
        "code point of the first character, 0 for an empty text",
        ONE,
        code_point,
    ),
    scalar("ord", "text", "the same as ascii", ONE, code_point),
    scalar(
        "levenshtein",
        "a, b",
        "least number of characters to change, add or drop",
        TWO,
        levenshtein,
    ),
    scalar(
        "editdist3",
        "a, b",
        "the same as levenshtein",
        TWO,
        levenshtein,
    ),
];

fn pair(call: &Call<'_>, holds: fn(&str, &str) -> bool) -> Result<Value> {
    Ok(holds(&given!(call.text(0)), &given!(call.text(1))).into())
}

fn count(number: usize) -> Result<Value> {
    Ok(i64::try_from(number).map_or(Value::Null, Value::Integer))
}

fn place(call: &Call<'_>, text: usize, part: usize) -> Result<Value> {
    let (text, part) = (given!(call.text(text)), given!(call.text(part)));
    count(
        text.find(&*part)
            .map_or(0, |byte| text[..byte].chars().count() + 1),
    )
}

/// The size of a result that repeats `bytes` at most `times`, if it is small enough.
pub(super) fn checked(call: &Call<'_>, bytes: usize, times: usize) -> Result<()> {
    if bytes.saturating_mul(times) > MOST_BYTES {
        return Err(FunctionError::TooLong {
            function: call.name,
            most: MOST_BYTES,
        }
        .into());
    }
    Ok(())
}

/// Letter by letter: one letter stays one letter, as in DuckDB.
fn lower(call: &Call<'_>) -> Result<Value> {
    let letter = |letter: char| letter.to_lowercase().next().unwrap_or(letter);
    Ok(given!(call.text(0))
        .chars()
        .map(letter)
        .collect::<String>()
        .into())
}

fn upper(call: &Call<'_>) -> Result<Value> {
    let letter = |letter: char| {
        let mut capitals = letter.to_uppercase();
        match (letter, capitals.next(), capitals.next()) {
            ('ß', ..) => 'ẞ',
            (_, Some(capital), None) => capital,
            _ => letter,
        }
    };
    Ok(given!(call.text(0))
        .chars()
        .map(letter)
        .collect::<String>()
        .into())
}

fn characters(call: &Call<'_>) -> Result<Value> {
    count(given!(call.text(0)).chars().count())
}

fn joined(call: &Call<'_>, first: usize, separator: &str) -> Result<String> {
    let mut result = String::new();
    let mut any = false;
    for index in first..call.len() {
        let Some(text) = call.text(index)? else {
            continue;
        };
        if any {
            result.push_str(separator);
        }
        any = true;
        result.push_str(&text);
        checked(call, result.len(), 1)?;
    }
    Ok(result)
}

fn concat_ws(call: &Call<'_>) -> Result<Value> {
    if call.len() == 0 {
        return Ok(Value::Null);
    }
    let separator = given!(call.text(0));
    Ok(joined(call, 1, &separator)?.into())
}

fn character(call: &Call<'_>) -> Result<Value> {
    let number = given!(call.integer(0));
    let character = u32::try_from(number).ok().and_then(char::from_u32);
    let range = "the code points of Unicode";
    let error = || FunctionError::OutOfRange {
        function: call.name,
        value: number.to_string(),
        range,
    };
    Ok(character.ok_or_else(error)?.to_string().into())
}

fn code_point(call: &Call<'_>) -> Result<Value> {
    let text = given!(call.text(0));
    Ok(i64::from(text.chars().next().map_or(0, u32::from)).into())
}

fn levenshtein(call: &Call<'_>) -> Result<Value> {
    /// The most pairs of characters that are compared: some 0.1 s.
    const MOST_PAIRS: usize = 1 << 26;
    if matches!(call.raw(0), ValueRef::Null) {
        return Ok(Value::Null);
    }
    let a: Vec<char> = given!(call.text(0)).chars().collect();
    let b: Vec<char> = given!(call.text(1)).chars().collect();
    if a.len().saturating_mul(b.len()) > MOST_PAIRS {
        let range = "texts of 8000 characters";
        let value = format!("a text of {} characters", a.len().max(b.len()));
        return Err(FunctionError::OutOfRange {
            function: call.name,
            value,
            range,
        }
        .into());
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (done, from) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = done + 1;
        for (index, to) in b.iter().enumerate() {
            let changed = corner + usize::from(from != to);
            corner = row[index + 1];
            row[index + 1] = changed.min(corner + 1).min(row[index] + 1);
        }
    }
    count(row[b.len()])
}
