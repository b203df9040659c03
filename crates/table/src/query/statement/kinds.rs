//! What a function gives, and which functions work on numbers alone: without this a sum of texts would be 0.

use super::types::{Kind, Node};

/// True for a function whose first argument is a number.
pub(super) fn needs_number(name: &str) -> bool {
    matches!(
        name,
        "sum"
            | "avg"
            | "total"
            | "geomean"
            | "geometric_mean"
            | "product"
            | "stddev"
            | "stddev_pop"
            | "stddev_samp"
            | "variance"
            | "var_pop"
            | "var_samp"
            | "skewness"
            | "kurtosis"
            | "corr"
            | "covar_pop"
            | "covar_samp"
            | "regr_slope"
            | "regr_intercept"
            | "regr_r2"
            | "quantile_cont"
            | "abs"
            | "round"
            | "sqrt"
            | "cbrt"
            | "exp"
            | "ln"
            | "log"
            | "log2"
            | "log10"
            | "pow"
            | "power"
            | "ceil"
            | "floor"
            | "trunc"
            | "sign"
            | "sin"
            | "cos"
            | "tan"
            | "asin"
            | "acos"
            | "atan"
            | "atan2"
            | "sinh"
            | "cosh"
            | "tanh"
            | "degrees"
            | "radians"
            | "mod"
            | "isnan"
            | "isinf"
            | "isfinite"
    )
}

/// Whether a call of this name gives a whole number, whatever its arguments.
fn is_whole(name: &str) -> bool {
    matches!(
        name,
        "count"
            | "length"
            | "instr"
            | "strpos"
            | "row_number"
            | "rank"
            | "dense_rank"
            | "ntile"
            | "unicode"
            | "ascii"
            | "date_part"
            | "datepart"
            | "date_diff"
            | "datediff"
            | "year"
            | "month"
            | "day"
            | "hour"
            | "minute"
            | "second"
            | "cast_integer"
            | "approx_count_distinct"
            | "bit_and"
            | "bit_or"
    )
}

/// The kind of the value a call gives.
pub(super) fn of_call(name: &str, arguments: &[Node]) -> Kind {
    let first = arguments.first().map_or(Kind::Unknown, |node| node.kind);
    let all = || {
        arguments
            .iter()
            .fold(Kind::Null, |kind, node| kind.or(node.kind))
    };
    match name {
        name if is_whole(name) => Kind::Integer,
        "avg" | "total" | "stddev" | "stddev_pop" | "stddev_samp" | "variance" | "var_pop"
        | "var_samp" | "corr" | "covar_pop" | "covar_samp" | "geomean" | "sqrt" | "cbrt"
        | "exp" | "ln" | "log" | "log2" | "log10" | "pow" | "power" | "sin" | "cos" | "tan"
        | "asin" | "acos" | "atan" | "atan2" | "sinh" | "cosh" | "tanh" | "degrees" | "radians"
        | "pi" | "epoch" | "percent_rank" | "cume_dist" | "cast_real" | "skewness" | "kurtosis"
        | "product" => Kind::Real,
        "median" | "quantile_cont" => {
            if first.is_number() {
                Kind::Real
            } else {
                first
            }
        }
        "sum" => match first {
            Kind::Boolean => Kind::Integer,
            other => other,
        },
        "min" | "max" | "first" | "last" | "any_value" | "arg_min" | "arg_max" | "mode"
        | "quantile_disc" | "abs" | "round" | "ceil" | "floor" | "trunc" | "nullif"
        | "first_value" | "last_value" | "nth_value" => first,
        "lag" | "lead" => first.or(arguments.get(2).map_or(Kind::Null, |node| node.kind)),
        "coalesce" | "ifnull" | "greatest" | "least" => all(),
        "iif" | "if" => {
            let branch = |index: usize| arguments.get(index).map_or(Kind::Null, |node| node.kind);
            branch(1).or(branch(2))
        }
        "upper" | "lower" | "substr" | "trim" | "ltrim" | "rtrim" | "replace" | "string_agg"
        | "concat" | "concat_ws" | "strftime" | "printf" | "format" | "hex" | "typeof" | "left"
        | "right" | "lpad" | "rpad" | "reverse" | "repeat" | "regexp_replace"
        | "regexp_extract" | "split_part" | "dayname" | "monthname" | "quote" | "char" | "chr" => {
            Kind::Text
        }
        "date" => Kind::Date,
        "timestamp" | "date_trunc" | "datetrunc" | "date_add" | "to_timestamp"
        | "make_timestamp" | "now" | "epoch_ms" | "datetime" | "strptime" | "time_bucket" => {
            Kind::Timestamp
        }
        "regexp_matches" | "regexp_full_match" | "starts_with" | "ends_with" | "contains"
        | "isnan" | "isinf" | "isfinite" | "bool_and" | "bool_or" | "cast_boolean" | "like"
        | "glob" | "prefix" | "suffix" => Kind::Boolean,
        _ => Kind::Unknown,
    }
}
