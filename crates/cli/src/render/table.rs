//! Tables printed in the terminal.

/// Rows under a header, columns aligned: numbers to the right, words to the left.
pub(crate) fn columns(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(header[column].chars().count())
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let is_number = |cell: &str| cell.parse::<f64>().is_ok() || cell == "-";
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, &width)| {
            if is_number(cell) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let head: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    let body: String = rows.iter().map(|row| line(row)).collect();
    line(&head) + &body
}
