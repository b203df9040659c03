//! From text to one parsed statement: the bounds of the text, its first word, and what the parser has no words for.

use sqlparser::ast::{Ident, Query};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::dialect::QueryDialect;
use super::error::{At, Result, StatementError};
use super::exclude::carry_excludes;
use super::tokens::{EXCLUDE_MARK, word};

/// A hundred printed pages' worth of SQL is no question that a person wrote; a list of 10,000 trial numbers still fits.
pub(super) const MAX_BYTES: usize = 100_000;

/// Each level of parentheses takes up to 30 kB of stack in the parser; SQLite's own parser ends at about this depth, too.
const MAX_PARENTHESES: usize = 100;

/// The parser's own count of calls within calls, for what nests without parentheses (NOT NOT, CASE, - - -): it counts
/// up to four for a level, so this lets [`MAX_PARENTHESES`] through.
const MAX_CALLS: usize = 600;

/// A statement that only reads.
#[derive(Debug)]
pub(super) enum Reading {
    Query(Box<Query>),
    Plan(Box<Query>),
    DescribeTable(Ident),
    DescribeQuery(Box<Query>),
    SummarizeTable(Ident),
    SummarizeQuery(Box<Query>),
    ShowTables,
}

/// The one statement of the text.
pub(super) fn parse(sql: &str) -> Result<Reading> {
    if sql.len() > MAX_BYTES {
        return Err(StatementError::TooLong {
            bytes: sql.len(),
            limit: MAX_BYTES,
        });
    }
    let tokens = Tokenizer::new(&QueryDialect, sql)
        .tokenize_with_location()
        .map_err(|error| StatementError::Syntax {
            message: lower_first(&error.message),
            at: At {
                line: error.location.line,
                column: error.location.column,
            },
        })?;
    let mut tokens: Vec<TokenWithSpan> = tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
        .collect();
    while tokens
        .last()
        .is_some_and(|token| token.token == Token::SemiColon)
    {
        tokens.pop();
    }
    if tokens.is_empty() {
        return Err(StatementError::Empty);
    }
    check_tokens(&tokens)?;
    carry_excludes(&mut tokens);
    reading(tokens)
}

fn check_tokens(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut depth = 0usize;
    let mut nots = 0usize;
    for (index, token) in tokens.iter().enumerate() {
        let at = At::of(token.span);
        nots = if word(tokens, index) == "NOT" {
            nots + 1
        } else {
            0
        };
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::SemiColon => {
                let next = tokens.get(index + 1).map(|next| At::of(next.span));
                return Err(StatementError::Several {
                    at: next.unwrap_or_default(),
                });
            }
            Token::Placeholder(name) => {
                let what = format!("the parameter `{name}`");
                return Err(StatementError::unsupported(
                    what,
                    "write the value itself",
                    at,
                ));
            }
            _ => {}
        }
        match (
            word(tokens, index).as_str(),
            word(tokens, index + 1).as_str(),
        ) {
            // The parser reads CASE and NOT again as names where it gives up on them.
            ("CASE", _) => depth += 1,
            ("END", _) => depth = depth.saturating_sub(1),
            ("ASOF", "JOIN" | "LEFT") => {
                return Err(StatementError::unsupported(
                    "ASOF JOIN",
                    "join on an inequality and keep the nearest row with QUALIFY row_number() OVER (...) = 1",
                    at,
                ));
            }
            _ => {}
        }
        if depth.max(nots) > MAX_PARENTHESES {
            return Err(StatementError::TooDeep {
                limit: MAX_PARENTHESES,
                at,
            });
        }
    }
    Ok(())
}

/// Sorts by the first word: only what reads is parsed at all.
fn reading(mut tokens: Vec<TokenWithSpan>) -> Result<Reading> {
    let first = word(&tokens, 0);
    let second = word(&tokens, 1);
    match first.as_str() {
        "SELECT" | "WITH" | "VALUES" | "FROM" | "(" => query(tokens).map(Reading::Query),
        "EXPLAIN" => {
            let words = if second == "QUERY" { 3 } else { 1 };
            tokens.drain(..words.min(tokens.len()));
            match word(&tokens, 0).as_str() {
                "SELECT" | "WITH" | "VALUES" | "FROM" | "(" => query(tokens).map(Reading::Plan),
                "ANALYZE" => Err(StatementError::unsupported(
                    "EXPLAIN ANALYZE",
                    "write EXPLAIN QUERY PLAN",
                    At::default(),
                )),
                other => Err(refused(other, tokens.first())),
            }
        }
        "SHOW" if second == "TABLES" && tokens.len() == 2 => Ok(Reading::ShowTables),
        "SHOW" if second == "ALL" && word(&tokens, 2) == "TABLES" => Ok(Reading::ShowTables),
        "DESCRIBE" | "DESC" | "SHOW" if tokens.len() == 1 => Ok(Reading::ShowTables),
        "DESCRIBE" | "DESC" | "SHOW" | "SUMMARIZE" => {
            tokens.remove(0);
            let summary = first == "SUMMARIZE";
            match word(&tokens, 0).as_str() {
                "SELECT" | "WITH" | "VALUES" | "FROM" | "(" if summary => {
                    query(tokens).map(Reading::SummarizeQuery)
                }
                "SELECT" | "WITH" | "VALUES" | "FROM" | "(" => {
                    query(tokens).map(Reading::DescribeQuery)
                }
                _ => {
                    let table = table_name(&tokens, &first)?;
                    Ok(if summary {
                        Reading::SummarizeTable(table)
                    } else {
                        Reading::DescribeTable(table)
                    })
                }
            }
        }
        other => Err(refused(other, tokens.first())),
    }
}

/// The one name after DESCRIBE or SUMMARIZE.
fn table_name(tokens: &[TokenWithSpan], verb: &str) -> Result<Ident> {
    let rest = match word(tokens, 0).as_str() {
        "TABLE" => tokens.get(1..).unwrap_or_default(),
        _ => tokens,
    };
    match rest {
        [
            TokenWithSpan {
                token: Token::Word(word),
                span,
            },
        ] => {
            let mut name = Ident::new(word.value.clone());
            name.span = *span;
            Ok(name)
        }
        _ => Err(StatementError::Syntax {
            message: format!("{verb} takes the name of one table, or a SELECT"),
            at: rest
                .get(1)
                .map(|token| At::of(token.span))
                .unwrap_or_default(),
        }),
    }
}

fn refused(first: &str, token: Option<&TokenWithSpan>) -> StatementError {
    const VERBS: &[&str] = &[
        "ALTER",
        "ANALYZE",
        "ATTACH",
        "BEGIN",
        "CALL",
        "CHECKPOINT",
        "COMMENT",
        "COMMIT",
        "COPY",
        "CREATE",
        "DEALLOCATE",
        "DELETE",
        "DETACH",
        "DROP",
        "END",
        "EXECUTE",
        "EXPORT",
        "FORCE",
        "GRANT",
        "IMPORT",
        "INSERT",
        "INSTALL",
        "LOAD",
        "MERGE",
        "PRAGMA",
        "PREPARE",
        "REINDEX",
        "RELEASE",
        "RENAME",
        "REPLACE",
        "RESET",
        "REVOKE",
        "ROLLBACK",
        "SAVEPOINT",
        "SET",
        "START",
        "TRUNCATE",
        "UPDATE",
        "UPSERT",
        "USE",
        "VACUUM",
    ];
    if VERBS.contains(&first) {
        return StatementError::ReadsOnly {
            verb: first.to_owned(),
        };
    }
    let at = token.map(|token| At::of(token.span)).unwrap_or_default();
    match first {
        "PIVOT" | "UNPIVOT" => StatementError::unsupported(
            first,
            "write an aggregate with FILTER (WHERE ...) for each column",
            at,
        ),
        "TABLE" => StatementError::unsupported("TABLE t", "write SELECT * FROM t", at),
        _ => StatementError::Syntax {
            message: match token {
                Some(token) => format!(
                    "a statement starts with SELECT, WITH, DESCRIBE, SUMMARIZE or SHOW TABLES, not with `{token}`"
                ),
                None => "a statement is missing".to_owned(),
            },
            at,
        },
    }
}

fn query(tokens: Vec<TokenWithSpan>) -> Result<Box<Query>> {
    let mut parser = Parser::new(&QueryDialect)
        .with_recursion_limit(MAX_CALLS)
        .with_tokens_with_locations(tokens);
    let query = parser.parse_query().map_err(syntax)?;
    let rest = parser.peek_token();
    if rest.token == Token::EOF {
        return Ok(query);
    }
    let message = format!("`{}` is not expected here", shown(&rest.token));
    Err(StatementError::Syntax {
        message,
        at: At::of(rest.span),
    })
}

fn shown(token: &Token) -> String {
    token.to_string().replace(EXCLUDE_MARK, "")
}

/// The parser's error with the place taken out of its text.
fn syntax(error: ParserError) -> StatementError {
    let message = match error {
        ParserError::RecursionLimitExceeded => {
            return StatementError::TooDeep {
                limit: MAX_PARENTHESES,
                at: At::default(),
            };
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let (message, at) = match message.rsplit_once(" at Line: ") {
        Some((text, place)) => (text, place_of(place)),
        None => (message.as_str(), At::default()),
    };
    let message = message
        .replace("Expected: ", "expected ")
        .replace(", found: ", ", found ");
    StatementError::Syntax {
        message: lower_first(
            &message
                .replace("found EOF", "found the end")
                .replace(EXCLUDE_MARK, ""),
        ),
        at,
    }
}

/// `3, Column: 14`.
fn place_of(text: &str) -> At {
    let mut numbers = text
        .split(", Column: ")
        .map(|number| number.trim().parse().unwrap_or(0));
    At {
        line: numbers.next().unwrap_or(0),
        column: numbers.next().unwrap_or(0),
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}
