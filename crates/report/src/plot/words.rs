//! Names of columns for people, with their units.

use table::TableName;

use super::expression::Expression;

/// A column's name without underscores, and its unit in brackets.
pub(crate) fn title(columns: &[Expression]) -> String {
    let names: Vec<String> = columns.iter().map(one).collect();
    names.join(", ")
}

fn one(expression: &Expression) -> String {
    if !expression.is_column {
        return expression.sql.clone();
    }
    let name = expression.sql.as_str();
    let words = match name.strip_suffix("_seconds") {
        Some(rest) => format!("{rest} time"),
        None => name.to_owned(),
    };
    let words = words.replace('_', " ");
    match unit(name) {
        Some(unit) => format!("{words} ({unit})"),
        None => words,
    }
}

/// The unit that a column's name or its words say.
pub(crate) fn unit(column: &str) -> Option<&'static str> {
    if column.ends_with("_seconds") {
        return Some("s");
    }
    if column.ends_with("_bytes") {
        return Some("bytes");
    }
    if column == "flops" {
        return Some("operations");
    }
    use sweep::metric::{LayerRow, Scalars, SpectrumRow};
    let all = Scalars::MEASURED.iter().zip(Scalars::UNITS);
    let all = all.chain(SpectrumRow::MEASURED.iter().zip(SpectrumRow::UNITS));
    let mut all = all.chain(LayerRow::MEASURED.iter().zip(LayerRow::UNITS));
    let found = all.find(|(name, unit)| **name == column && !unit.is_empty());
    found.map(|(_, unit)| unit)
}

/// The metric that fills a measured column, for the sentence that says what to measure.
pub(crate) fn metric_of(table: TableName, column: &str) -> Option<&'static str> {
    use sweep::metric::{MeasuredTable, Metric};
    let measured = match table {
        TableName::Trials | TableName::History => MeasuredTable::History,
        TableName::Spectra => MeasuredTable::Spectra,
        TableName::Layers => MeasuredTable::Layers,
    };
    let column = if table == TableName::Spectra && column == "value" {
        return Some(Metric::Spectrum.name());
    } else {
        column
    };
    let found = Metric::ALL.iter().find(|metric| {
        let columns = metric.about().columns;
        columns.contains(&(measured, column))
    });
    found.map(|metric| metric.name())
}

/// How axes and legends write numbers: 0.001 and 1000 in full, what is smaller or larger short (1e-6, 60M).
pub(crate) fn numbers(is_log: bool) -> &'static str {
    match is_log {
        true => {
            "datum.value >= 0.001 && datum.value < 100000 ? format(datum.value, '~g') : \
             replace(format(datum.value, '~e'), '+', '')"
        }
        false => {
            "abs(datum.value) >= 100000 ? format(datum.value, '~s') : \
             datum.value != 0 && abs(datum.value) < 0.001 ? replace(format(datum.value, '~e'), '+', '') : \
             format(datum.value, '~g')"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::expression::Side;

    #[test]
    fn columns_have_names_and_units() {
        let check = |sql: &str, is_column, expected: &str| {
            let expression = Expression {
                sql: sql.to_owned(),
                side: Side::Trials,
                is_column,
            };
            assert_eq!(title(&[expression]), expected);
        };
        check("train_loss", true, "train loss");
        check("train_seconds", true, "train time (s)");
        check("left_angle", true, "left angle (rad)");
        check("alignment", true, "alignment (rad)");
        check("flops", true, "flops (operations)");
        check("train_loss * 2", false, "train_loss * 2");
    }

    #[test]
    fn columns_lead_to_the_metric_that_fills_them() {
        assert_eq!(
            metric_of(TableName::Layers, "separation"),
            Some("separation")
        );
        assert_eq!(metric_of(TableName::Spectra, "left_angle"), Some("angles"));
        assert_eq!(metric_of(TableName::Spectra, "value"), Some("spectrum"));
        assert_eq!(
            metric_of(TableName::Trials, "effective_rank"),
            Some("effective_rank")
        );
        assert_eq!(metric_of(TableName::Trials, "nothing"), None);
    }
}
