//! How pictures look: themes, palettes for colour-blind readers, sizes, log scales.

use serde_json::{Value, json};

use crate::render::FAMILY;

/// Colours of paper and ink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub const NAMES: [&'static str; 2] = ["light", "dark"];

    pub fn named(name: &str) -> Option<Theme> {
        match name {
            "light" => Some(Theme::Light),
            "dark" => Some(Theme::Dark),
            _ => None,
        }
    }

    pub(crate) fn paper(self) -> &'static str {
        match self {
            Theme::Light => "#ffffff",
            Theme::Dark => "#14161a",
        }
    }

    pub(crate) fn ink(self) -> &'static str {
        match self {
            Theme::Light => "#1a1a1a",
            Theme::Dark => "#e6e6e6",
        }
    }

    pub(crate) fn faint(self) -> &'static str {
        match self {
            Theme::Light => "#d9d9d9",
            Theme::Dark => "#3a3f47",
        }
    }

    pub(crate) fn muted(self) -> &'static str {
        match self {
            Theme::Light => "#5a5a5a",
            Theme::Dark => "#a8adb5",
        }
    }
}

/// What is the same for every picture of a command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    pub theme: Theme,
    /// Of the whole picture, in pixels of 1/96 inch.
    pub width: f64,
}

/// Narrowest and widest picture: a column of a paper is 320 pixels wide, a slide 1280.
pub const WIDTHS: std::ops::RangeInclusive<f64> = 200.0..=2000.0;

/// Size of letters in pixels: 8 points in print.
pub(crate) const LETTERS: f64 = 11.0;

/// The palette of Okabe and Ito without its yellow, which paper swallows; its black is the ink.
const CATEGORIES: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];

/// Colours of categories; where there are more, they differ by dash and shape as well.
pub(crate) fn categories(count: usize, theme: Theme) -> Vec<String> {
    let mut colors: Vec<&str> = CATEGORIES.to_vec();
    colors.push(theme.muted());
    let colors = colors.into_iter().cycle().take(count);
    colors.map(str::to_owned).collect()
}

/// Dashes of lines, the first solid.
pub(crate) fn dashes(count: usize) -> Vec<Value> {
    let dashes = [
        json!([1, 0]),
        json!([6, 2]),
        json!([2, 2]),
        json!([8, 2, 2, 2]),
        json!([4, 4]),
        json!([10, 3]),
        json!([1, 3]),
    ];
    dashes.into_iter().cycle().take(count).collect()
}

/// Shapes of points.
pub(crate) fn shapes(count: usize) -> Vec<&'static str> {
    let shapes = [
        "circle",
        "square",
        "triangle-up",
        "diamond",
        "cross",
        "triangle-down",
        "triangle-right",
    ];
    shapes.into_iter().cycle().take(count).collect()
}

/// Eleven colours of viridis, even in lightness.
const VIRIDIS: [[u8; 3]; 11] = [
    [68, 1, 84],
    [72, 36, 117],
    [65, 68, 135],
    [53, 95, 141],
    [42, 120, 142],
    [33, 145, 140],
    [34, 168, 132],
    [68, 191, 112],
    [122, 209, 81],
    [189, 223, 38],
    [253, 231, 37],
];

/// The part of viridis that stands out from the paper.
pub(crate) fn extent(theme: Theme) -> [f64; 2] {
    match theme {
        Theme::Light => [0.0, 0.88],
        Theme::Dark => [0.2, 1.0],
    }
}

/// Colours of ordered values, from dark to light.
pub(crate) fn ordered(count: usize, theme: Theme) -> Vec<String> {
    let [from, to] = extent(theme);
    let place = |i: usize| {
        let share = if count > 1 {
            i as f64 / (count - 1) as f64
        } else {
            0.4
        };
        from + (to - from) * share
    };
    (0..count).map(|i| viridis(place(i))).collect()
}

fn viridis(at: f64) -> String {
    let last = VIRIDIS.len() - 1;
    let at = at.clamp(0.0, 1.0) * last as f64;
    let below = (at.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let rest = at - below as f64;
    let part = |i: usize| {
        let (a, b) = (f64::from(VIRIDIS[below][i]), f64::from(VIRIDIS[above][i]));
        (a + rest * (b - a)).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", part(0), part(1), part(2))
}

/// Longest label, and title of a legend or of panels, in pixels: about 40 letters. The rest becomes an ellipsis.
const LABEL_LIMIT: f64 = 220.0;

/// Longest title, in pixels: a picture is some 600 wide.
const TITLE_LIMIT: f64 = 560.0;

/// Fonts, colours of axes and legends.
pub(crate) fn config(theme: Theme) -> Value {
    let (ink, faint, muted) = (theme.ink(), theme.faint(), theme.muted());
    json!({
        "font": FAMILY,
        "view": { "stroke": faint },
        "axis": {
            "labelColor": ink, "titleColor": ink, "tickColor": muted, "domainColor": muted,
            "gridColor": faint, "gridOpacity": 0.6, "labelFontSize": LETTERS - 1.0, "titleFontSize": LETTERS,
            "titleFontWeight": "normal", "labelLimit": LABEL_LIMIT, "titleLimit": TITLE_LIMIT, "labelOverlap": "greedy",
            "labelSeparation": 4, "titlePadding": 6
        },
        "legend": {
            "labelColor": ink, "titleColor": ink, "labelFontSize": LETTERS - 1.0, "titleFontSize": LETTERS,
            "titleFontWeight": "normal", "labelLimit": LABEL_LIMIT, "titleLimit": LABEL_LIMIT, "symbolStrokeWidth": 1.5,
            "symbolSize": 50, "gradientStrokeColor": faint
        },
        "header": {
            "labelColor": ink, "titleColor": ink, "labelFontSize": LETTERS - 1.0, "titleFontSize": LETTERS,
            "titleFontWeight": "normal", "labelLimit": LABEL_LIMIT, "titleLimit": LABEL_LIMIT, "labelPadding": 4
        },
        "title": {
            "color": ink, "subtitleColor": muted, "anchor": "start", "fontSize": LETTERS + 2.0,
            "fontWeight": "normal", "subtitleFontSize": LETTERS - 1.0, "limit": TITLE_LIMIT, "offset": 10,
            "subtitlePadding": 4
        },
        "text": { "color": ink, "fontSize": LETTERS - 1.0 },
        "line": { "strokeWidth": 1.6 },
        "facet": { "spacing": 14 }
    })
}

/// Whether the values of a result want a log scale: positive, over more than a decade and a half.
pub(crate) fn wants_log(values: impl Iterator<Item = f64>) -> bool {
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for value in values {
        if value <= 0.0 {
            return false;
        }
        low = low.min(value);
        high = high.max(value);
    }
    low.is_finite() && high / low >= 30.0
}

/// Whether the sorted places of an axis want a log scale: positive, and more even by their ratios than by their
/// differences.
pub(crate) fn places_want_log(places: &[f64]) -> bool {
    let (Some(&first), Some(&last)) = (places.first(), places.last()) else {
        return false;
    };
    if first <= 0.0 || last / first < 8.0 || places.len() < 3 {
        return false;
    }
    let spread = |steps: Vec<f64>| {
        let least = steps.iter().copied().fold(f64::INFINITY, f64::min);
        let most = steps.iter().copied().fold(0.0, f64::max);
        most / least
    };
    let pairs = || places.windows(2);
    let differences = spread(pairs().map(|pair| pair[1] - pair[0]).collect());
    let ratios = spread(pairs().map(|pair| (pair[1] / pair[0]).ln()).collect());
    ratios < differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_scales_are_chosen_by_the_values() {
        assert!(wants_log([1e-6, 1e-3, 1.0].into_iter()));
        assert!(!wants_log([0.0, 1e-3, 1.0].into_iter()));
        assert!(!wants_log([0.8, 0.9].into_iter()));
        assert!(!wants_log(std::iter::empty()));
        assert!(places_want_log(&[0.001, 0.01, 0.1, 1.0]));
        assert!(places_want_log(&[1.0, 2.0, 4.0, 8.0]));
        assert!(!places_want_log(&[2.0, 4.0, 6.0, 8.0, 16.0, 18.0]));
        assert!(!places_want_log(&[0.0, 0.1, 1.0]));
        assert!(!places_want_log(&[2.0, 3.0, 4.0]));
    }

    #[test]
    fn ordered_colours_run_from_dark_to_light() {
        assert_eq!(ordered(2, Theme::Light)[0], "#440154");
        assert_eq!(ordered(3, Theme::Dark)[2], "#fde725");
        assert_eq!(ordered(1, Theme::Light).len(), 1);
        let eight = categories(8, Theme::Light);
        assert_eq!(eight[0], eight[7]);
        assert_ne!(dashes(8)[1], dashes(8)[0]);
        assert_eq!(shapes(9).len(), 9);
    }
}
