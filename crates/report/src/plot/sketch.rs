//! A picture for a terminal, drawn by ratatui's widgets into a buffer and printed.

use ratatui::buffer::Buffer;
use ratatui::layout::Direction;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis, Bar, BarChart, BarGroup, Chart, Dataset, GraphType, Widget as _};

use super::levels::number_label;

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Sketch {
    Lines {
        x_title: String,
        y_title: String,
        x_log: bool,
        y_log: bool,
        is_joined: bool,
        series: Vec<SketchSeries>,
    },
    Cells {
        x_title: String,
        y_title: String,
        value_title: String,
        is_log: bool,
        x_labels: Vec<String>,
        y_labels: Vec<String>,
        /// Name and values by y, then x.
        panels: Vec<(String, Vec<Vec<Option<f64>>>)>,
    },
    Bars {
        title: String,
        is_log: bool,
        bars: Vec<SketchBar>,
    },
}

/// A line or a cloud of points.
#[derive(Clone, Debug, PartialEq)]
pub struct SketchSeries {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// A bar.
#[derive(Clone, Debug, PartialEq)]
pub struct SketchBar {
    pub name: String,
    pub value: f64,
}

/// Colours that every terminal has; the names of the lines are in them.
const COLORS: [Color; 6] = [
    Color::Blue,
    Color::Red,
    Color::Green,
    Color::Magenta,
    Color::Yellow,
    Color::Cyan,
];

/// Without colours, lines differ by what they are drawn with.
const MARKERS: [Marker; 4] = [
    Marker::Braille,
    Marker::Dot,
    Marker::Block,
    Marker::HalfBlock,
];

/// Shades of a cell, the least value first.
const SHADES: [&str; 5] = ["\u{b7}", "\u{2591}", "\u{2592}", "\u{2593}", "\u{2588}"];

/// Smallest picture that says something.
const LEAST: (u16, u16) = (30, 10);

impl Sketch {
    /// The picture as lines of text of at most `width` columns and `height` lines, with colours where the terminal
    /// has them.
    pub fn text(&self, width: u16, height: u16, has_colors: bool) -> String {
        let width = width.max(LEAST.0);
        let height = height.max(LEAST.1);
        match self {
            Sketch::Lines {
                x_title,
                y_title,
                x_log,
                y_log,
                is_joined,
                series,
            } => {
                let titles = (x_title.as_str(), y_title.as_str());
                chart(
                    titles,
                    (*x_log, *y_log),
                    *is_joined,
                    series,
                    (width, height),
                    has_colors,
                )
            }
            Sketch::Cells { .. } => self.cells(width),
            Sketch::Bars {
                title,
                is_log,
                bars,
            } => bar_chart(title, *is_log, bars, width, has_colors),
        }
    }

    fn cells(&self, width: u16) -> String {
        let Sketch::Cells {
            x_title,
            y_title,
            value_title,
            is_log,
            x_labels,
            y_labels,
            panels,
        } = self
        else {
            return String::new();
        };
        let to = |value: f64| {
            if *is_log {
                value.max(f64::MIN_POSITIVE).ln()
            } else {
                value
            }
        };
        let all = panels
            .iter()
            .flat_map(|(_, rows)| rows.iter().flatten().copied().flatten());
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let shade = |value: f64| {
            let share = (to(value) - to(low)) / (to(high) - to(low)).max(f64::MIN_POSITIVE);
            SHADES[((share * 5.0) as usize).min(4)]
        };
        let margin = y_labels
            .iter()
            .map(|label| label.chars().count())
            .max()
            .unwrap_or(0);
        let room = usize::from(width).saturating_sub(margin + 2).max(8);
        let cell = (room / x_labels.len().max(1)).clamp(1, 6);
        let mut out = String::new();
        for (name, rows) in panels {
            if !name.is_empty() {
                out.push_str(&format!("{name}\n"));
            }
            for (label, row) in y_labels.iter().zip(rows).rev() {
                let cells: String = row
                    .iter()
                    .map(|value| value.map_or(" ", shade).repeat(cell))
                    .collect();
                out.push_str(&format!("{label:>margin$} {}\n", cells.trim_end()));
            }
            let (first, last) = (x_labels.first(), x_labels.last());
            let (first, last) = (
                first.map_or("", String::as_str),
                last.map_or("", String::as_str),
            );
            let span =
                (cell * x_labels.len()).max(first.chars().count() + last.chars().count() + 1);
            let gap = span.saturating_sub(first.chars().count());
            out.push_str(&format!("{:>margin$} {first}{last:>gap$}\n", ""));
        }
        out.push_str(&format!("{y_title} (up) by {x_title}\n"));
        out.push_str(&format!(
            "{value_title}: {} {} to {} {}\n",
            SHADES[0],
            number_label(low),
            SHADES[4],
            number_label(high)
        ));
        out
    }
}

fn chart(
    (x_title, y_title): (&str, &str),
    (x_log, y_log): (bool, bool),
    is_joined: bool,
    series: &[SketchSeries],
    (width, height): (u16, u16),
    has_colors: bool,
) -> String {
    let to = |value: f64, log: bool| if log { value.log10() } else { value };
    let drawn: Vec<(String, Vec<(f64, f64)>)> = series
        .iter()
        .map(|own| {
            let points = own
                .points
                .iter()
                .map(|&(x, y)| (to(x, x_log), to(y, y_log)));
            let points: Vec<(f64, f64)> = points
                .filter(|(x, y)| x.is_finite() && y.is_finite())
                .collect();
            (own.name.clone(), points)
        })
        .collect();
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        bounds_of(drawn.iter().flat_map(|(_, points)| points.iter().map(of)))
    };
    let (x_bounds, y_bounds) = (bounds(|point| point.0), bounds(|point| point.1));
    let datasets: Vec<Dataset<'_>> = drawn
        .iter()
        .enumerate()
        .map(|(place, (_, points))| {
            let marker = match has_colors {
                true => Marker::Braille,
                false => MARKERS[place % MARKERS.len()],
            };
            Dataset::default()
                .marker(marker)
                .graph_type(if is_joined {
                    GraphType::Line
                } else {
                    GraphType::Scatter
                })
                .style(Style::default().fg(COLORS[place % COLORS.len()]))
                .data(points)
        })
        .collect();
    let widget = Chart::new(datasets)
        .x_axis(axis(x_bounds, x_log))
        .y_axis(axis(y_bounds, y_log))
        .legend_position(None);
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    widget.render(area, &mut buffer);
    let mut out = printed(&buffer, has_colors);
    out.push_str(&format!("{y_title} (up) by {x_title}\n"));
    let names = drawn.iter().map(|(name, _)| name.as_str());
    out.push_str(&legend(names, has_colors));
    out
}

/// The ends of an axis that holds the values.
fn bounds_of(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    match low < high {
        true => [low, high],
        false if low.is_finite() => [low - 0.5, low + 0.5],
        false => [0.0, 1.0],
    }
}

/// An axis with labels at its ends and its middle.
fn axis([low, high]: [f64; 2], log: bool) -> Axis<'static> {
    let back = |t: f64| if log { 10f64.powf(t) } else { t };
    let labels: Vec<String> = [low, f64::midpoint(low, high), high]
        .map(|t| number_label(back(t)))
        .to_vec();
    Axis::default().bounds([low, high]).labels(labels)
}

/// A line for each name, with the sign that its points are drawn with.
fn legend<'a>(names: impl Iterator<Item = &'a str>, has_colors: bool) -> String {
    let mut out = String::new();
    for (place, name) in names.enumerate().filter(|(_, name)| !name.is_empty()) {
        let sign = match (has_colors, place % MARKERS.len()) {
            (true, _) | (false, 0) => "\u{28ff}",
            (false, 1) => "\u{2022}",
            (false, 2) => "\u{2588}",
            (false, _) => "\u{2580}",
        };
        let sign = match has_colors {
            true => colored(sign, COLORS[place % COLORS.len()]),
            false => sign.to_owned(),
        };
        out.push_str(&format!("  {sign} {name}\n"));
    }
    out
}

fn bar_chart(
    title: &str,
    is_log: bool,
    bars: &[SketchBar],
    width: u16,
    has_colors: bool,
) -> String {
    let margin = bars
        .iter()
        .map(|bar| bar.name.chars().count())
        .max()
        .unwrap_or(0)
        .min(40);
    // On a logarithmic scale bars begin a decade below the least.
    let least = bars
        .iter()
        .map(|bar| bar.value)
        .fold(f64::INFINITY, f64::min);
    let length = |value: f64| match is_log {
        true => (value / least).log10() + 1.0,
        false => value.max(0.0),
    };
    let most = bars.iter().map(|bar| length(bar.value)).fold(0.0, f64::max);
    let scale = if most > 0.0 { 1000.0 / most } else { 0.0 };
    let mut out = format!("{title}\n");
    for (place, bar) in bars.iter().enumerate() {
        let room = usize::from(width).saturating_sub(margin + 12).max(8);
        let area = Rect::new(0, 0, u16::try_from(room).unwrap_or(u16::MAX), 1);
        let mut buffer = Buffer::empty(area);
        let value = (length(bar.value) * scale).round() as u64;
        let own = Bar::default()
            .value(value)
            .text_value(String::new())
            .style(Style::default().fg(COLORS[place % COLORS.len()]));
        BarChart::default()
            .data(BarGroup::default().bars(&[own]))
            .direction(Direction::Horizontal)
            .bar_width(1)
            .bar_gap(0)
            .max(1000)
            .render(area, &mut buffer);
        let name: String = bar.name.chars().take(margin).collect();
        let drawn = printed(&buffer, has_colors);
        out.push_str(&format!(
            "{name:<margin$} {:>9} {}\n",
            number_label(bar.value),
            drawn.trim_end()
        ));
    }
    out
}

/// A buffer as text, without spaces at the ends of its lines.
fn printed(buffer: &Buffer, has_colors: bool) -> String {
    let area = buffer.area;
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        let mut line = String::new();
        for x in area.left()..area.right() {
            let Some(cell) = buffer.cell((x, y)) else {
                continue;
            };
            let symbol = cell.symbol();
            if has_colors && symbol != " " && COLORS.contains(&cell.fg) {
                line.push_str(&colored(symbol, cell.fg));
            } else {
                line.push_str(symbol);
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn colored(text: &str, color: Color) -> String {
    let code = match COLORS.iter().position(|known| *known == color) {
        Some(0) => 34,
        Some(1) => 31,
        Some(2) => 32,
        Some(3) => 35,
        Some(4) => 33,
        Some(5) => 36,
        _ => return text.to_owned(),
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_cells_and_bars_are_drawn() {
        let lines = Sketch::Lines {
            x_title: "step".to_owned(),
            y_title: "train loss".to_owned(),
            x_log: false,
            y_log: true,
            is_joined: true,
            series: vec![
                SketchSeries {
                    name: "a".to_owned(),
                    points: vec![(0.0, 1.0), (10.0, 0.01)],
                },
                SketchSeries {
                    name: "b".to_owned(),
                    points: vec![(0.0, 0.1), (10.0, 0.0)],
                },
            ],
        };
        let text = lines.text(40, 12, false);
        assert!(
            text.contains("0.01") && text.contains("train loss (up) by step"),
            "{text}"
        );
        assert!(
            text.contains("\u{2022} b") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
        assert!(lines.text(40, 12, true).contains("\u{1b}[34m"));
        let cells = Sketch::Cells {
            x_title: "x".to_owned(),
            y_title: "y".to_owned(),
            value_title: "loss".to_owned(),
            is_log: false,
            x_labels: vec!["1".to_owned(), "2".to_owned()],
            y_labels: vec!["a".to_owned(), "b".to_owned()],
            panels: vec![(
                String::new(),
                vec![vec![Some(0.0), None], vec![Some(1.0), Some(0.5)]],
            )],
        };
        let text = cells.text(40, 12, false);
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("b \u{2588}"),
            "the last value stands at the top: {text}"
        );
        let bars = Sketch::Bars {
            title: "share".to_owned(),
            is_log: false,
            bars: vec![SketchBar {
                name: "depth".to_owned(),
                value: 80.0,
            }],
        };
        assert!(
            bars.text(60, 10, false).contains("depth        80 "),
            "{}",
            bars.text(60, 10, false)
        );
    }

    #[test]
    fn nothing_to_draw_is_still_a_picture() {
        let empty = Sketch::Lines {
            x_title: String::new(),
            y_title: String::new(),
            x_log: true,
            y_log: true,
            is_joined: false,
            series: vec![SketchSeries {
                name: String::new(),
                points: vec![(0.0, 0.0)],
            }],
        };
        assert!(!empty.text(1, 1, false).is_empty());
    }
}
