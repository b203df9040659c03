//! What a channel or a condition names: columns of `trials`, or of the table whose rows a kind draws.
//!
//! Only names are looked at. Whether the rest is SQL is for the queries' engine to say.

/// A column or a term over the columns of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expression {
    pub(crate) sql: String,
    pub(crate) side: Side,
    /// It is one column.
    pub(crate) is_column: bool,
}

/// The table that has the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Trials,
    /// The table whose rows a kind draws; of kinds that draw trials, never.
    Detail,
}

/// The columns that can be named.
pub(crate) struct Known<'a> {
    pub(crate) trials: &'a [String],
    pub(crate) detail: &'a [String],
}

impl Known<'_> {
    pub(crate) fn names(&self) -> Vec<String> {
        self.detail.iter().chain(self.trials).cloned().collect()
    }

    fn find<'b>(columns: &'b [String], name: &str) -> Option<&'b String> {
        columns
            .iter()
            .find(|column| column.eq_ignore_ascii_case(name))
    }
}

/// Words of SQL that are no columns.
const WORDS: [&str; 32] = [
    "and", "or", "not", "in", "is", "null", "like", "glob", "between", "case", "when", "then",
    "else", "end", "cast", "as", "true", "false", "double", "real", "integer", "bigint", "int",
    "text", "varchar", "boolean", "escape", "distinct", "float", "try_cast", "date", "interval",
];

/// Splits at commas outside of parentheses and quotes.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_i32);
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// The names in a text: words outside of quotes that no parenthesis follows, with their places.
fn names(text: &str) -> Vec<(std::ops::Range<usize>, String)> {
    let mut found = Vec::new();
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
    let mut rest = text.char_indices().peekable();
    while let Some((start, letter)) = rest.next() {
        if letter == '\'' || letter == '"' {
            let mut name = String::new();
            let mut end = text.len();
            for (at, inner) in rest.by_ref() {
                if inner == letter {
                    end = at + 1;
                    break;
                }
                name.push(inner);
            }
            if letter == '"' {
                found.push((start..end, name));
            }
            continue;
        }
        if !letter.is_alphanumeric() && letter != '_' {
            continue;
        }
        let mut end = start + letter.len_utf8();
        while let Some(&(at, inner)) = rest.peek() {
            // The sign of an exponent belongs to its number.
            let is_exponent = "+-".contains(inner)
                && letter.is_ascii_digit()
                && text[start..end].ends_with(['e', 'E']);
            if !is_part(inner) && !is_exponent {
                break;
            }
            end = at + inner.len_utf8();
            rest.next();
        }
        let is_call = text[end..].trim_start().starts_with('(');
        let word = &text[start..end];
        let is_word = WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
        if !letter.is_ascii_digit() && !is_word && !is_call {
            found.push((start..end, word.to_owned()));
        }
    }
    found
}

/// Reads a column or a term over columns. A dotted key is its column.
///
/// # Errors
/// The first name that is no column.
pub(crate) fn read(text: &str, known: &Known<'_>) -> Result<Expression, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(String::new());
    }
    let named = names(text);
    let plain = |name: &str| name.replace('.', "_");
    let missing = |columns: &[String]| {
        let lacks = |(_, name): &&(_, String)| Known::find(columns, &plain(name)).is_none();
        named.iter().find(lacks).map(|(_, name)| name.clone())
    };
    let (side, columns) = match (missing(known.detail), missing(known.trials)) {
        (None, _) if !known.detail.is_empty() && !named.is_empty() => (Side::Detail, known.detail),
        (_, None) => (Side::Trials, known.trials),
        // Of a term over both tables, what neither has is wrong; else what the first table lacks.
        (_, Some(_)) => {
            let of_none = named.iter().find(|(_, name)| {
                let name = plain(name);
                Known::find(known.detail, &name).is_none()
                    && Known::find(known.trials, &name).is_none()
            });
            let first = of_none.or(named.first());
            return Err(first.map_or_else(|| text.to_owned(), |(_, name)| name.clone()));
        }
    };
    let mut sql = String::new();
    let mut at = 0;
    for (range, name) in &named {
        let column = Known::find(columns, &plain(name)).ok_or_else(|| name.clone())?;
        sql.push_str(&text[at..range.start]);
        sql.push_str(column);
        at = range.end;
    }
    sql.push_str(&text[at..]);
    let is_column = named.len() == 1 && columns.contains(&sql);
    if named.is_empty() {
        return Err(text.to_owned());
    }
    Ok(Expression {
        sql,
        side,
        is_column,
    })
}

/// Whether a text names a column.
pub(crate) fn names_column(text: &str, column: &str) -> bool {
    let named = names(text);
    named
        .iter()
        .any(|(_, name)| name.eq_ignore_ascii_case(column))
}

/// The columns of each table that a condition names: those of `trials` first, where a column is in both.
pub(crate) fn condition_columns(text: &str, known: &Known<'_>) -> (Vec<String>, Vec<String>) {
    let (mut trials, mut detail) = (Vec::new(), Vec::new());
    for (_, name) in names(text) {
        let name = name.replace('.', "_");
        match (
            Known::find(known.trials, &name),
            Known::find(known.detail, &name),
        ) {
            (Some(column), None) => trials.push(column.clone()),
            (None, Some(column)) => detail.push(column.clone()),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    (trials, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn names_are_found_in_either_table() {
        let trials = columns(&["trial", "network_depth", "init_kind", "train_loss"]);
        let detail = columns(&["trial", "step", "train_loss"]);
        let known = Known {
            trials: &trials,
            detail: &detail,
        };
        let check = |text: &str, sql: &str, side, is_column| {
            let found = read(text, &known);
            let expected = Expression {
                sql: sql.to_owned(),
                side,
                is_column,
            };
            assert_eq!(found, Ok(expected), "{text}");
        };
        check("network.depth", "network_depth", Side::Trials, true);
        check("Train_Loss", "train_loss", Side::Detail, true);
        check("step", "step", Side::Detail, true);
        check(
            "log10(train_loss) * 1e-3",
            "log10(train_loss) * 1e-3",
            Side::Detail,
            false,
        );
        check(
            "case when init_kind = 'a, b' then 1 else network_depth end",
            "case when init_kind = 'a, b' then 1 else network_depth end",
            Side::Trials,
            false,
        );
        assert_eq!(read("stepp", &known), Err("stepp".to_owned()));
        assert_eq!(read("step + network_depth", &known), Err("step".to_owned()));
        assert_eq!(read("1 + 2", &known), Err("1 + 2".to_owned()));
        assert_eq!(
            condition_columns("step > 0 and init_kind = 'step'", &known),
            (columns(&["init_kind"]), columns(&["step"]))
        );
    }

    #[test]
    fn commas_split_outside_of_calls_and_quotes() {
        assert_eq!(split("a, b"), ["a", "b"]);
        assert_eq!(split("coalesce(a, b), c"), ["coalesce(a, b)", "c"]);
        assert_eq!(split("'x, y'"), ["'x, y'"]);
    }
}
