//! What stands for the trials of one condition, and its spread.

use sweep::{Aggregate, Band};

/// The trials of one condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    pub(crate) value: f64,
    /// Of the band; the value itself where there is none.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What is drawn of each condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reduction {
    pub(crate) aggregate: Aggregate,
    pub(crate) band: Band,
}

impl Reduction {
    /// What is asked for; a confidence interval is one of the mean.
    pub(crate) fn of(aggregate: Option<Aggregate>, band: Option<Band>) -> Reduction {
        let band = band.unwrap_or(match aggregate {
            None | Some(Aggregate::Median) => Band::Iqr,
            Some(Aggregate::Mean) => Band::Ci95,
            Some(Aggregate::Min | Aggregate::Max) => Band::Off,
        });
        let default = match band {
            Band::Ci95 => Aggregate::Mean,
            Band::Iqr | Band::MinMax | Band::Off => Aggregate::Median,
        };
        Reduction {
            aggregate: aggregate.unwrap_or(default),
            band,
        }
    }

    /// "median and quartiles".
    pub(crate) fn words(self) -> String {
        let band = match self.band {
            Band::Iqr => " and quartiles",
            Band::MinMax => " and range",
            Band::Ci95 => " and 95 % confidence interval",
            Band::Off => "",
        };
        format!("{}{band}", self.aggregate.name())
    }

    /// Summary of at least one finite value; sorts them.
    pub(crate) fn summary(self, values: &mut [f64]) -> Summary {
        values.sort_unstable_by(f64::total_cmp);
        let value = match self.aggregate {
            Aggregate::Median => quantile(values, 0.5),
            Aggregate::Mean => mean(values),
            Aggregate::Min => quantile(values, 0.0),
            Aggregate::Max => quantile(values, 1.0),
        };
        let (low, high) = match self.band {
            Band::Iqr => (quantile(values, 0.25), quantile(values, 0.75)),
            Band::MinMax => (quantile(values, 0.0), quantile(values, 1.0)),
            Band::Ci95 => {
                let half = half_width(values);
                (mean(values) - half, mean(values) + half)
            }
            Band::Off => (value, value),
        };
        Summary {
            count: values.len(),
            value,
            low,
            high,
        }
    }
}

/// Quantile of sorted values, linear between neighbours, as `quantile_cont` of queries.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = share * last as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    let rest = at - below as f64;
    if rest == 0.0 {
        return sorted[below];
    }
    sorted[below] + rest * (sorted[above] - sorted[below])
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    // Halves first: a sum of large values may overflow.
    let count = values.len() as f64;
    values.iter().map(|x| x / count).sum()
}

/// Half of the width of the 95 % confidence interval of the mean.
fn half_width(values: &[f64]) -> f64 {
    let count = values.len();
    if count < 2 {
        return 0.0;
    }
    let center = mean(values);
    let squares: f64 = values.iter().map(|x| (x - center).powi(2)).sum();
    let deviation = (squares / (count - 1) as f64).sqrt();
    student_97_5(count - 1) * deviation / (count as f64).sqrt()
}

/// The 97.5 % quantile of Student's t distribution: exact for one and two degrees of freedom, else Hill's expansion
/// (Communications of the ACM 13, algorithm 396), whose error is below 1e-4 from three on.
pub(crate) fn student_97_5(freedom: usize) -> f64 {
    let n = freedom as f64;
    match freedom {
        0 => return f64::INFINITY,
        1 => return 12.706_204_736_2,
        2 => return 4.302_652_729_7,
        _ => {}
    }
    // Both tails together.
    let p = 0.05_f64;
    let a = 1.0 / (n - 0.5);
    let b = 48.0 / (a * a);
    let mut c = ((20_700.0 * a / b - 98.0) * a - 16.0) * a + 96.36;
    let d = ((94.5 / (b + c) - 3.0) / b + 1.0) * (a * std::f64::consts::FRAC_PI_2).sqrt() * n;
    let mut x = d * p;
    let mut y = x.powf(2.0 / n);
    if y > 0.05 + a {
        // The 97.5 % quantile of the normal distribution.
        x = -1.959_963_984_540_054;
        y = x * x;
        if freedom < 5 {
            c += 0.3 * (n - 4.5) * (x + 0.6);
        }
        c += (((0.05 * d * x - 5.0) * x - 7.0) * x - 2.0) * x + b;
        y = (((((0.4 * y + 6.3) * y + 36.0) * y + 94.5) / c - y - 3.0) / b + 1.0) * x;
        y = a * y * y;
        y = y.exp_m1();
    } else {
        y = ((1.0 / (((n + 6.0) / (n * y) - 0.089 * d - 0.822) * (n + 2.0) * 3.0)
            + 0.5 / (n + 4.0))
            * y
            - 1.0)
            * (n + 1.0)
            / (n + 2.0)
            + 1.0 / y;
    }
    (n * y).sqrt()
}

/// Least squares: slope, intercept and the share of the variance that the line explains. `None` for less than two
/// places.
pub(crate) fn line_fit(points: &[(f64, f64)]) -> Option<(f64, f64, f64)> {
    let count = points.len() as f64;
    let x_mean = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let y_mean = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        points
            .iter()
            .map(|&(x, y)| of(x - x_mean, y - y_mean))
            .sum()
    };
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    if points.len() < 2 || xx <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    let explained = if yy > 0.0 { slope * xy / yy } else { 1.0 };
    Some((slope, y_mean - slope * x_mean, explained))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} {expected}");
    }

    #[test]
    fn summaries_of_five_trials() {
        let mut values = [5.0, 1.0, 4.0, 2.0, 3.0];
        let check = |aggregate, band, values: &mut [f64]| {
            let summary = Reduction { aggregate, band }.summary(values);
            (summary.value, summary.low, summary.high)
        };
        let found = check(Aggregate::Median, Band::Iqr, &mut values);
        assert_eq!(found, (3.0, 2.0, 4.0));
        let found = check(Aggregate::Max, Band::MinMax, &mut values);
        assert_eq!(found, (5.0, 1.0, 5.0));
        let found = check(Aggregate::Min, Band::Off, &mut values);
        assert_eq!(found, (1.0, 1.0, 1.0));
        let (value, low, high) = check(Aggregate::Mean, Band::Ci95, &mut values);
        // 2.776445 * 1.581139 / sqrt(5)
        near(value, 3.0, 1e-12);
        near(high - value, 1.963_243, 1e-4);
        near(value - low, 1.963_243, 1e-4);
        assert_eq!(
            check(Aggregate::Median, Band::Iqr, &mut [7.0]),
            (7.0, 7.0, 7.0)
        );
    }

    #[test]
    fn a_confidence_interval_is_one_of_the_mean() {
        let of = |aggregate, band| Reduction::of(aggregate, band).words();
        assert_eq!(of(None, None), "median and quartiles");
        assert_eq!(
            of(None, Some(Band::Ci95)),
            "mean and 95 % confidence interval"
        );
        assert_eq!(of(Some(Aggregate::Min), None), "min");
    }

    #[test]
    fn the_quantiles_of_student() {
        for (freedom, expected) in [
            (1, 12.7062),
            (2, 4.30265),
            (3, 3.18245),
            (4, 2.77645),
            (5, 2.57058),
            (10, 2.22814),
            (30, 2.04227),
            (1000, 1.96234),
        ] {
            near(student_97_5(freedom), expected, 2e-4);
        }
    }

    #[test]
    fn a_line_is_fitted() {
        let (slope, start, explained) = line_fit(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]).unwrap();
        near(slope, 2.0, 1e-12);
        near(start, 1.0, 1e-12);
        near(explained, 1.0, 1e-12);
        assert_eq!(line_fit(&[(1.0, 1.0)]), None);
        assert_eq!(line_fit(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }
}
