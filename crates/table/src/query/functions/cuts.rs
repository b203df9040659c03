//! Functions that cut texts, fill them and put them together again.

use rusqlite::Result;
use rusqlite::types::Value;

use super::entry::{Entry, scalar};
use super::error::FunctionError;
use super::text::checked;
use super::values::{Call, given};

const TWO: &[i32] = &[2];
const THREE: &[i32] = &[3];

pub(super) static ENTRIES: &[Entry] = &[
    scalar(
        "left",
        "text, n",
        "first n characters; without the last -n if n is negative",
        TWO,
        left,
    ),
    scalar(
        "right",
        "text, n",
        "last n characters; without the first -n if n is negative",
        TWO,
        right,
    ),
    scalar(
        "lpad",
        "text, n, padding",
        "n characters, filled or cut; filled on the left",
        THREE,
        |call| pad(call, true),
    ),
    scalar(
        "rpad",
        "text, n, padding",
        "n characters, filled or cut; filled on the right",
        THREE,
        |call| pad(call, false),
    ),
    scalar("repeat", "text, n", "the text n times", TWO, repeat),
    scalar(
        "reverse",
        "text",
        "the characters from the end",
        &[1],
        |call| {
            Ok(given!(call.text(0))
                .chars()
                .rev()
                .collect::<String>()
                .into())
        },
    ),
    scalar(
        "split_part",
        "text, separator, n",
        "n-th part from 1, from the end if n is negative",
        THREE,
        split_part,
    ),
];

/// The byte where character `n` starts, the end if there are less.
fn byte_of(text: &str, n: usize) -> usize {
    text.char_indices()
        .nth(n)
        .map_or(text.len(), |(byte, _)| byte)
}

/// How many characters `n` asks for: -2 asks for all but two.
fn asked(text: &str, n: i64) -> usize {
    let size = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
    if n < 0 {
        text.chars().count().saturating_sub(size)
    } else {
        size
    }
}

fn left(call: &Call<'_>) -> Result<Value> {
    let (text, n) = (given!(call.text(0)), given!(call.integer(1)));
    let end = byte_of(&text, asked(&text, n));
    Ok(text[..end].to_owned().into())
}

fn right(call: &Call<'_>) -> Result<Value> {
    let (text, n) = (given!(call.text(0)), given!(call.integer(1)));
    let all = text.chars().count();
    let start = byte_of(&text, all.saturating_sub(asked(&text, n)));
    Ok(text[start..].to_owned().into())
}

fn pad(call: &Call<'_>, before: bool) -> Result<Value> {
    let (text, n, padding) = (
        given!(call.text(0)),
        given!(call.integer(1)),
        given!(call.text(2)),
    );
    let n = usize::try_from(n).unwrap_or(0);
    let size = text.chars().count();
    if n <= size {
        return Ok(text[..byte_of(&text, n)].to_owned().into());
    }
    if padding.is_empty() {
        return Err(FunctionError::NoPadding {
            function: call.name,
        }
        .into());
    }
    // A character has at most four bytes.
    checked(call, 4, n)?;
    let filling: String = padding.chars().cycle().take(n - size).collect();
    Ok(if before {
        filling + &text
    } else {
        text.into_owned() + &filling
    }
    .into())
}

fn repeat(call: &Call<'_>) -> Result<Value> {
    let (text, n) = (given!(call.text(0)), given!(call.integer(1)));
    let times = usize::try_from(n).unwrap_or(0);
    checked(call, text.len(), times)?;
    Ok(text.repeat(if text.is_empty() { 0 } else { times }).into())
}

fn split_part(call: &Call<'_>) -> Result<Value> {
    let (text, separator, n) = (
        given!(call.text(0)),
        given!(call.text(1)),
        given!(call.integer(2)),
    );
    let place = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
    let part = |place: usize| -> Option<&str> {
        let place = place.checked_sub(1)?;
        if separator.is_empty() {
            let (start, end) = (
                byte_of(&text, place),
                byte_of(&text, place.saturating_add(1)),
            );
            return Some(&text[start..end]);
        }
        text.split(&*separator).nth(place)
    };
    let part = if n < 0 {
        let all = if separator.is_empty() {
            text.chars().count()
        } else {
            text.split(&*separator).count()
        };
        all.checked_sub(place).and_then(|before| part(before + 1))
    } else {
        part(place)
    };
    Ok(part.unwrap_or_default().to_owned().into())
}
