//! EXCLUDE in a window's frame, which the parser has no words for.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::tokens::{EXCLUDE_MARK, word};

/// The parser has no EXCLUDE in a window's frame. Its words are taken out and carried in the name of the base window,
/// the first token after the parenthesis that opens the window.
pub(super) fn carry_excludes(tokens: &mut Vec<TokenWithSpan>) {
    let mut open: Vec<usize> = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        match tokens[index].token {
            Token::LParen => open.push(index),
            Token::RParen => {
                open.pop();
            }
            _ => {}
        }
        let choice = (word(tokens, index) == "EXCLUDE" && word_before(tokens, index))
            .then(|| exclusion(tokens, index))
            .flatten();
        if let (Some((words, choice)), Some(&start)) = (choice, open.last()) {
            tokens.drain(index..index + words);
            let (base, in_place) = match tokens.get(start + 1).map(|token| &token.token) {
                Some(Token::Word(word))
                    if word.keyword == Keyword::NoKeyword || word.quote_style.is_some() =>
                {
                    (word.value.clone(), true)
                }
                _ => (String::new(), false),
            };
            let span = tokens[start].span;
            let token = TokenWithSpan {
                token: Token::Word(Word {
                    value: format!("{EXCLUDE_MARK}{choice}{EXCLUDE_MARK}{base}"),
                    quote_style: Some('"'),
                    keyword: Keyword::NoKeyword,
                }),
                span,
            };
            if in_place {
                tokens[start + 1] = token;
            } else {
                tokens.insert(start + 1, token);
                index += 1;
            }
            continue;
        }
        index += 1;
    }
}

/// A frame ends in ROW, PRECEDING or FOLLOWING; `* EXCLUDE` is another thing.
fn word_before(tokens: &[TokenWithSpan], index: usize) -> bool {
    index > 0
        && matches!(
            word(tokens, index - 1).as_str(),
            "ROW" | "PRECEDING" | "FOLLOWING"
        )
}

fn exclusion(tokens: &[TokenWithSpan], index: usize) -> Option<(usize, &'static str)> {
    match (
        word(tokens, index + 1).as_str(),
        word(tokens, index + 2).as_str(),
    ) {
        ("NO", "OTHERS") => Some((3, "NO OTHERS")),
        ("CURRENT", "ROW") => Some((3, "CURRENT ROW")),
        ("GROUP", _) => Some((2, "GROUP")),
        ("TIES", _) => Some((2, "TIES")),
        _ => None,
    }
}
