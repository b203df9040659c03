//! A condition as words and signs with their places.

use std::ops::Range;

use crate::error::{FilterMistake, FilterMistakeKind};

/// Words and signs of a condition. A tree is at most as deep as it has words, and this many levels fit any
/// stack.
const MAX_TOKENS: usize = 1000;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Int(i64),
    Float(f64),
    /// In either quotes, without them.
    Text(String),
    /// A dotted name, or one of `and or not in true false`.
    Word(String),
    /// One of the signs below.
    Sign(&'static str),
    /// After the last word, so that there always is a next one.
    End,
}

/// Longer ones first.
static SIGNS: [&str; 16] = [
    "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",",
];

/// What people write who think of another language.
static FOREIGN: [(&str, &str); 5] = [
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("=", "write `==` to compare"),
    ("!", "write `not`"),
    ("**", "there are no powers; multiply"),
];

impl TokenKind {
    /// In the words of a message.
    pub(super) fn found(&self) -> String {
        match self {
            TokenKind::Int(i) => i.to_string(),
            TokenKind::Float(x) => crate::value::float_text(*x),
            TokenKind::Text(text) => format!("the string '{text}'"),
            TokenKind::Word(word) => format!("`{word}`"),
            TokenKind::Sign(sign) => format!("'{sign}'"),
            TokenKind::End => "the end".to_owned(),
        }
    }
}

/// Splits `text`; the last token is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterMistake> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if tokens.len() == MAX_TOKENS {
            return Err(FilterMistake::new(
                FilterMistakeKind::TooLong { limit: MAX_TOKENS },
                at..text.len(),
            ));
        }
        let (kind, length) = token(text, at, first)?;
        tokens.push(Token {
            kind,
            span: at..at + length,
        });
        at += length;
    }
    tokens.push(Token {
        kind: TokenKind::End,
        span: text.len()..text.len(),
    });
    Ok(tokens)
}

/// The token at byte `at`, which starts with `first`, and its length in bytes.
fn token(text: &str, at: usize, first: char) -> Result<(TokenKind, usize), FilterMistake> {
    let rest = &text[at..];
    if first == '\'' || first == '"' {
        return match rest[1..].find(first) {
            Some(length) => Ok((TokenKind::Text(rest[1..1 + length].to_owned()), length + 2)),
            None => Err(FilterMistake::new(
                FilterMistakeKind::OpenQuote,
                at..text.len(),
            )),
        };
    }
    if first.is_ascii_digit()
        || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
    {
        return number(rest, at);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let length = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        return Ok((TokenKind::Word(rest[..length].to_owned()), length));
    }
    let foreign = FOREIGN.iter().find(|(sign, _)| {
        // `==` and `!=` begin like their foreign cousins.
        rest.starts_with(*sign) && !rest.starts_with("==") && !rest.starts_with("!=")
    });
    if let Some((sign, help)) = foreign {
        return Err(FilterMistake::new(
            FilterMistakeKind::UnexpectedCharacter { character: first },
            at..at + sign.len(),
        )
        .help(*help));
    }
    match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        Some(&sign) => Ok((TokenKind::Sign(sign), sign.len())),
        None => Err(FilterMistake::new(
            FilterMistakeKind::UnexpectedCharacter { character: first },
            at..at + first.len_utf8(),
        )),
    }
}

fn number(rest: &str, at: usize) -> Result<(TokenKind, usize), FilterMistake> {
    let digits = |from: usize| {
        rest[from..]
            .find(|c: char| !(c.is_ascii_digit() || c == '_'))
            .map_or(rest.len(), |length| from + length)
    };
    let mut end = digits(0);
    let mut whole = true;
    if rest[end..].starts_with('.') {
        whole = false;
        end = digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        let after = digits(end + 1 + sign);
        if after > end + 1 + sign {
            whole = false;
            end = after;
        }
    }
    let text = rest[..end].replace('_', "");
    let bad = || {
        FilterMistake::new(
            FilterMistakeKind::BadNumber {
                text: rest[..end].to_owned(),
            },
            at..at + end,
        )
    };
    let kind = if whole {
        TokenKind::Int(text.parse().map_err(|_| bad())?)
    } else {
        let number: f64 = text.parse().map_err(|_| bad())?;
        if !number.is_finite() {
            return Err(bad());
        }
        TokenKind::Float(number)
    };
    Ok((kind, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[TokenKind]) {
        let found: Vec<TokenKind> = tokens(text)
            .expect(text)
            .into_iter()
            .map(|token| token.kind)
            .collect();
        assert_eq!(&found[..found.len() - 1], expected, "{text}");
        assert_eq!(found.last(), Some(&TokenKind::End));
    }

    fn word(word: &str) -> TokenKind {
        TokenKind::Word(word.to_owned())
    }

    #[test]
    fn numbers_words_and_signs() {
        check("1e-3", &[TokenKind::Float(1e-3)]);
        check("3000000.0", &[TokenKind::Float(3_000_000.0)]);
        check("3_000", &[TokenKind::Int(3000)]);
        check(".5", &[TokenKind::Float(0.5)]);
        check(
            "init.scale<=2*-1",
            &[
                word("init.scale"),
                TokenKind::Sign("<="),
                TokenKind::Int(2),
                TokenKind::Sign("*"),
                TokenKind::Sign("-"),
                TokenKind::Int(1),
            ],
        );
        check(
            "x in ['a', \"b'\"]",
            &[
                word("x"),
                word("in"),
                TokenKind::Sign("["),
                TokenKind::Text("a".to_owned()),
                TokenKind::Sign(","),
                TokenKind::Text("b'".to_owned()),
                TokenKind::Sign("]"),
            ],
        );
        check("", &[]);
    }

    #[test]
    fn mistakes_have_places() {
        let check = |text: &str, span: Range<usize>, help: Option<&str>| {
            let mistake = tokens(text).expect_err(text);
            assert_eq!(mistake.span, span, "{text}");
            assert_eq!(mistake.help.as_deref(), help, "{text}");
        };
        check("a && b", 2..4, Some("write `and`"));
        check("a = 3", 2..3, Some("write `==` to compare"));
        check("!a", 0..1, Some("write `not`"));
        check("a == 'b", 5..7, None);
        check("a # b", 2..3, None);
        check("a é", 2..4, None);
        check("99999999999999999999", 0..20, None);
        check("1e999", 0..5, None);
        let long = "1 ".repeat(MAX_TOKENS + 1);
        assert!(matches!(
            tokens(&long).expect_err("too long").kind,
            FilterMistakeKind::TooLong { .. }
        ));
    }
}
