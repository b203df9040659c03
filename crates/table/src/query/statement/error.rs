//! The errors of a statement, in words for the person who wrote it.

use std::fmt;

/// Line and column in the statement's text, from 1; prints nothing where the place is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct At {
    pub line: u64,
    pub column: u64,
}

impl At {
    pub(super) fn of(span: sqlparser::tokenizer::Span) -> Self {
        Self {
            line: span.start.line,
            column: span.start.column,
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return Ok(());
        }
        write!(f, " (line {}, column {})", self.line, self.column)
    }
}

/// `; did you mean ...?`, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Near(pub Vec<String>);

impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let before = match index {
                0 => "; did you mean ",
                last if last + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{before}`{name}`")?;
        }
        if self.0.is_empty() {
            Ok(())
        } else {
            f.write_str("?")
        }
    }
}

/// Why a statement is not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    #[error("the statement is empty; write for example SELECT * FROM trials LIMIT 10")]
    Empty,
    #[error("the statement is {bytes} bytes long; the most is {limit}")]
    TooLong { bytes: usize, limit: usize },
    #[error(
        "the statement is nested more than {limit} deep{at}; a long list of values goes into IN (...), a long sum into parts"
    )]
    TooDeep { limit: usize, at: At },
    #[error("the statement has more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    #[error("one statement at a time: more text follows the `;`{at}")]
    Several { at: At },
    #[error("query only reads: {verb} is refused; use SELECT, DESCRIBE, SUMMARIZE or SHOW TABLES")]
    ReadsOnly { verb: String },
    #[error("cannot read the statement: {message}{at}")]
    Syntax { message: String, at: At },
    #[error("no table `{name}`{near}{hint}{at}")]
    NoTable {
        name: String,
        near: Near,
        hint: String,
        at: At,
    },
    #[error("no column `{name}`{place}{near}{hint}{at}")]
    NoColumn {
        name: String,
        place: String,
        near: Near,
        hint: String,
        at: At,
    },
    #[error("column `{name}` is in more than one table; write {choices}{at}")]
    Ambiguous {
        name: String,
        choices: String,
        at: At,
    },
    #[error("no function `{name}`{near}{hint}{at}")]
    NoFunction {
        name: String,
        near: Near,
        hint: String,
        at: At,
    },
    #[error("no window `{name}`; name it with WINDOW {name} AS (...){at}")]
    NoWindow { name: String, at: At },
    #[error(
        "column `{name}` stands outside of an aggregate{at}; put it into GROUP BY, or into an aggregate such as any_value({name})"
    )]
    NotGrouped { name: String, at: At },
    #[error("{what} cannot stand in {place}{cure}{at}")]
    Misplaced {
        what: String,
        place: &'static str,
        cure: &'static str,
        at: At,
    },
    #[error("cannot compare {left} with {right}{cure}{at}")]
    Compared {
        left: String,
        right: String,
        cure: String,
        at: At,
    },
    #[error("cannot compute {expression}: {operand} is no number{cure}{at}")]
    Computed {
        expression: String,
        operand: String,
        cure: String,
        at: At,
    },
    #[error("{function} needs a {wanted}, and {argument} is none{at}")]
    Argument {
        function: String,
        wanted: &'static str,
        argument: String,
        at: At,
    },
    #[error("{operand} is no condition; compare it with something{at}")]
    Condition { operand: String, at: At },
    #[error("{what} is not supported{instead}{at}")]
    Unsupported {
        what: String,
        instead: String,
        at: At,
    },
    #[error("{what}{at}")]
    Wrong { what: String, at: At },
    #[error("{message}")]
    Engine { message: String },
}

impl StatementError {
    pub(super) fn unsupported(what: impl Into<String>, instead: &str, at: At) -> Self {
        let instead = if instead.is_empty() {
            String::new()
        } else {
            format!("; {instead}")
        };
        Self::Unsupported {
            what: what.into(),
            instead,
            at,
        }
    }

    pub(super) fn wrong(what: impl Into<String>, at: At) -> Self {
        Self::Wrong {
            what: what.into(),
            at,
        }
    }
}

pub(super) type Result<T> = std::result::Result<T, StatementError>;
