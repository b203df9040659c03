//! Looking at tokens before they are parsed.

use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Marks the token that carries a frame's EXCLUDE to the window's name; no name that is typed holds it.
pub(super) const EXCLUDE_MARK: char = '\u{1}';

pub(super) fn word(tokens: &[TokenWithSpan], index: usize) -> String {
    match tokens.get(index).map(|token| &token.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_uppercase(),
        Some(Token::LParen) => "(".to_owned(),
        _ => String::new(),
    }
}
