//! Tables printed in the terminal.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};

use crate::terminal;

/// Blanks between two columns.
const GAP: u16 = 2;

/// Narrowest column of text that is wrapped: narrower ones cannot be read.
const NARROWEST: u16 = 16;

/// What a column holds, and its title.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    Text(&'static str),
    /// Aligned to the right, with its unit.
    Number(&'static str),
}

/// Rows under a header. On a terminal the last column is wrapped where it is too wide; elsewhere a row is a line.
pub(crate) fn columns(columns: &[Column], rows: &[Vec<String>]) -> String {
    within(terminal::output_width(), columns, rows)
}

fn within(width: Option<usize>, columns: &[Column], rows: &[Vec<String>]) -> String {
    let title = |column: &Column| match column {
        Column::Text(title) | Column::Number(title) => *title,
    };
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(columns.iter().map(title).collect::<Vec<_>>())
        .add_rows(rows.to_vec());
    if let Some(width) = width {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(width).unwrap_or(u16::MAX));
    }
    for (at, (shown, column)) in table.column_iter_mut().zip(columns).enumerate() {
        let is_last = at + 1 == columns.len();
        shown.set_padding((0, if is_last { 0 } else { GAP }));
        match column {
            Column::Number(_) => {
                shown.set_cell_alignment(CellAlignment::Right);
                shown.set_constraint(ColumnConstraint::ContentWidth);
            }
            Column::Text(_) if is_last => {
                shown.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(NARROWEST)));
            }
            Column::Text(_) => {
                shown.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column::Text("NAME"),
        Column::Number("TRIALS"),
        Column::Text("WHY"),
    ];

    fn rows() -> Vec<Vec<String>> {
        let row =
            |name: &str, trials: &str, why: &str| [name, trials, why].map(str::to_owned).to_vec();
        vec![
            row(
                "a-long-name",
                "12345678",
                "the core is as wide as the network",
            ),
            row("b", "-", ""),
        ]
    }

    #[test]
    fn numbers_stand_to_the_right_and_a_row_is_a_line_where_no_terminal_is() {
        let expected = "\
NAME           TRIALS  WHY
a-long-name  12345678  the core is as wide as the network
b                   -
";
        assert_eq!(within(None, &COLUMNS, &rows()), expected);
        assert_eq!(within(Some(200), &COLUMNS, &rows()), expected);
    }

    #[test]
    fn the_last_column_wraps_in_the_terminals_width() {
        let expected = "\
NAME           TRIALS  WHY
a-long-name  12345678  the core is as
                       wide as the
                       network
b                   -
";
        assert_eq!(within(Some(40), &COLUMNS, &rows()), expected);
        // Names are never cut, however narrow the terminal is.
        assert!(within(Some(5), &COLUMNS, &rows()).contains("a-long-name  12345678"));
    }

    #[test]
    fn a_table_without_rows_is_its_header() {
        assert_eq!(within(None, &COLUMNS, &[]), "NAME  TRIALS  WHY\n");
    }
}
