//! What a function can refuse.

/// Why a function has no result. Each error names the function; the engine adds where it stands.
#[derive(Debug, thiserror::Error)]
pub(super) enum FunctionError {
    #[error("{function}: {value} is not a number")]
    NotNumber {
        function: &'static str,
        value: String,
    },
    #[error("{function}: {value} is not a whole number")]
    NotWhole {
        function: &'static str,
        value: String,
    },
    #[error("{function}: {value} is not true or false")]
    NotBoolean {
        function: &'static str,
        value: String,
    },
    #[error("{function}: {value} is not a text")]
    NotText {
        function: &'static str,
        value: String,
    },
    #[error("{function}: {value} is not a time, write YYYY-MM-DD HH:MM:SS")]
    NotTime {
        function: &'static str,
        value: String,
    },
    #[error("{function}: {value} is out of range, the range is {range}")]
    OutOfRange {
        function: &'static str,
        value: String,
        range: &'static str,
    },
    #[error("{function}: there is no part {part:?} of a time, use one of {parts}")]
    UnknownPart {
        function: &'static str,
        part: String,
        parts: &'static str,
    },
    #[error("{function}: %{letter} is not known in a format")]
    UnknownFormat {
        function: &'static str,
        letter: String,
    },
    #[error("{function}: {value:?} does not follow the format {format:?}")]
    OtherFormat {
        function: &'static str,
        value: String,
        format: String,
    },
    #[error("{function}: the quantile must be one number for all rows, it is {first} and {second}")]
    QuantileVaries {
        function: &'static str,
        first: String,
        second: String,
    },
    #[error("{function}: the pattern {pattern:?} cannot be used: {reason}")]
    Pattern {
        function: &'static str,
        pattern: String,
        reason: String,
    },
    #[error(
        "{function}: there is no option {option:?}, use c, i, l, m, n, p, s, or g to replace all matches"
    )]
    PatternOption {
        function: &'static str,
        option: String,
    },
    #[error(
        "{function}: in the replacement, a backslash needs a digit of a group of the pattern, or a backslash"
    )]
    Replacement { function: &'static str },
    #[error("{function}: the padding is empty")]
    NoPadding { function: &'static str },
    #[error("{function}: the result is longer than {most} bytes")]
    TooLong { function: &'static str, most: usize },
    #[error("{function}: the result is larger than a 64-bit number")]
    TooLarge { function: &'static str },
    #[error(
        "a subquery that stands for a value has more than one row; add LIMIT 1, or an aggregate such as max"
    )]
    SeveralRows,
}

impl From<FunctionError> for rusqlite::Error {
    fn from(error: FunctionError) -> Self {
        Self::UserFunctionError(Box::new(error))
    }
}
