//! Lines with bands, which curves, line, spectrum, angles and separation have in common: how they are made of rows.
//!
//! How they are drawn is the business of `strokes`.

use sweep::{LogScale, Plot};
use table::TableName;

use super::channel::{Channel, MOST_CATEGORIES, MOST_ORDERED, MOST_PANELS};
use super::defaults::{self, Free};
use super::error::PlotError;
use super::gather::{Point, Rows, Want, gather};
use super::look::{self, Look};
use super::stats::{Reduction, Summary};
use super::tables::Tables;
use super::{Drawing, title, words};

/// Rows of data of a picture of lines: each is a place of a line, of its band and maybe a point.
const MOST_ROWS: usize = 6000;

/// Lines of a picture, of all its panels: with 24 places each they stay below the marks of a picture.
const MOST_LINES: usize = 384;

/// A line.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// Places in the channels.
    pub(crate) color: u32,
    pub(crate) facet: u32,
    /// Places of the horizontal axis with what stands there.
    pub(crate) places: Vec<(Place, Summary)>,
}

/// A place of the horizontal axis: a number, or the place of a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    Number(f64),
    Label(u32),
}

/// Lines and what they stand on.
pub(crate) struct Lines {
    pub(crate) series: Vec<Series>,
    pub(crate) x: Channel,
    pub(crate) color: Channel,
    pub(crate) facet: Channel,
    pub(crate) x_is_numbers: bool,
    /// Neighbouring places are joined: numbers, or steps of them.
    pub(crate) is_joined: bool,
    pub(crate) notes: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) reduction: Reduction,
}

/// How a kind wants its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// A straight line is fitted to each.
    pub(crate) is_fitted: bool,
    /// Places of which fewer than half of a line's trials are left are not drawn: the rest has stopped before.
    pub(crate) drops_stragglers: bool,
}

/// A picture of lines over the rows of `detail`: `value` and `x` are the columns that are shown where the plot names none.
pub(crate) fn drawn(
    tables: &Tables,
    plot: &Plot,
    look: &Look,
    (detail, value, x): (TableName, &str, &str),
    is_last_step: bool,
    style: Style,
) -> Result<Drawing, PlotError> {
    let mut free = Free::of(tables, plot);
    let value = plot.value.as_deref().unwrap_or(value);
    let value = defaults::one(tables, plot, detail, "value", value)?;
    if value.is_column {
        needs(tables, plot, detail, &value.sql)?;
    }
    let x = tables.channel(plot.kind, detail, "x", plot.x.as_deref().unwrap_or(x))?;
    let [color, facet] = defaults::color_and_facet(tables, plot, detail, &mut free)?;
    let want = Want {
        plot,
        detail,
        x,
        value,
        color,
        facet,
        is_last_step,
    };
    lines(tables, &want, style)?.draw(&want, look, style, title(tables, plot))
}

/// Gathers the rows of a picture and makes lines.
pub(crate) fn lines(tables: &Tables, want: &Want<'_>, style: Style) -> Result<Lines, PlotError> {
    let reduction = Reduction::of(want.plot.aggregate, want.plot.band);
    let rows = gather(tables, want)?;
    let mut notes = Vec::new();
    let mut warnings = Vec::new();
    let (color, facet) = channels(tables, want, &rows, &mut notes);
    let is_joined = rows.x.are_numbers();
    let x_is_numbers = is_joined && !wants_steps(&rows, want.plot.log.as_ref());
    let most = if x_is_numbers {
        usize::MAX
    } else {
        MOST_CATEGORIES
    };
    let x = Channel::new(&rows.x, &want.x, &tables.listed(&want.x), most);
    if x.dropped > 0 {
        notes.push(format!("{} more values of {}", x.dropped, x.title));
    }
    let groups: Vec<Option<(u32, u32)>> = rows
        .groups
        .iter()
        .map(|&(own_color, own_facet)| Some((color.place(own_color)?, facet.place(own_facet)?)))
        .collect();
    let left_out = rows.left_out;
    let points = place(rows, &groups, &x, x_is_numbers, &mut warnings);
    let place_of = |place: u32| match x.numbers[place as usize] {
        Some(number) if x_is_numbers => Place::Number(number),
        _ => Place::Label(place),
    };
    let series = summarized(&points, place_of, &groups, reduction, style);
    drop(points);
    let over = over(tables, want);
    notes.insert(
        0,
        if over.is_empty() {
            String::new()
        } else {
            format!("{} over {over}", reduction.words())
        },
    );
    notes.extend(left_out.words());
    Ok(Lines {
        series,
        x,
        color,
        facet,
        x_is_numbers,
        is_joined,
        notes,
        warnings,
        reduction,
    })
}

/// The channels color and facet, of as many lines as a picture shows.
fn channels(
    tables: &Tables,
    want: &Want<'_>,
    rows: &Rows,
    notes: &mut Vec<String>,
) -> (Channel, Channel) {
    let facet = Channel::new(
        &rows.facet,
        &want.facet,
        &tables.listed(&want.facet),
        MOST_PANELS,
    );
    let most = if rows.color.have_order() {
        MOST_ORDERED
    } else {
        MOST_CATEGORIES
    };
    let color = Channel::new(
        &rows.color,
        &want.color,
        &tables.listed(&want.color),
        most.min(MOST_LINES / facet.codes.len().max(1)),
    );
    for channel in [&color, &facet] {
        if channel.dropped > 0 {
            let all = channel.dropped + channel.codes.len();
            notes.push(format!(
                "{} of {all} values of {}",
                channel.codes.len(),
                channel.title
            ));
        }
    }
    (color, facet)
}

/// Numbers that no scale shows: a zero, and others over decades. Each is a step then.
fn wants_steps(rows: &Rows, log: Option<&Vec<LogScale>>) -> bool {
    if log.is_some_and(|asked| asked.contains(&LogScale::X)) || rows.x.len() > MOST_CATEGORIES {
        return false;
    }
    let order = rows.x.order(&[]);
    let numbers: Vec<f64> = order
        .iter()
        .filter_map(|&code| rows.x.number(code))
        .collect();
    match numbers.split_first() {
        Some((zero, rest)) if *zero == 0.0 => look::places_want_log(rest),
        _ => false,
    }
}

/// The axes that no channel shows, which a summary is over: "5 replicates, init kind".
pub(crate) fn over(tables: &Tables, want: &Want<'_>) -> String {
    let shown: Vec<&str> = [&want.x, &want.color, &want.facet]
        .into_iter()
        .flatten()
        .map(|expression| expression.sql.as_str())
        .collect();
    over_all_but(tables, &shown, want.plot.condition.as_deref())
}

/// As [`over`], for the columns that are shown. An axis that a condition names may be fixed by it.
pub(crate) fn over_all_but(tables: &Tables, shown: &[&str], condition: Option<&str>) -> String {
    let condition = condition.unwrap_or_default().replace('.', "_");
    let mut over = Vec::new();
    if tables.replicates() > 1 && !condition.contains("replicate") {
        over.push(format!("{} replicates", tables.replicates()));
    }
    for axis in tables.axes() {
        let is_shown = axis
            .columns
            .iter()
            .any(|column| shown.iter().any(|shown| shown == column));
        let is_fixed = axis
            .columns
            .iter()
            .any(|column| condition.contains(column.as_str()));
        if !is_shown && !is_fixed {
            over.push(axis.channel().replace('_', " "));
        }
    }
    over.join(", ")
}

/// Puts rows in order, their codes replaced by places; rows of near places are put together where there are more than a
/// picture shows.
fn place(
    rows: Rows,
    groups: &[Option<(u32, u32)>],
    x: &Channel,
    is_numbers: bool,
    warnings: &mut Vec<String>,
) -> Vec<Point> {
    let Rows { mut points, .. } = rows;
    points.retain_mut(|point| {
        let place = x.place(point.x);
        point.x = place.unwrap_or(0);
        place.is_some() && groups[point.group as usize].is_some()
    });
    points.sort_unstable_by(|a, b| {
        (a.group, a.x)
            .cmp(&(b.group, b.x))
            .then(a.value.total_cmp(&b.value))
    });
    let is_same = |a: &Point, b: &Point| (a.group, a.x) == (b.group, b.x);
    if is_numbers && points.chunk_by(is_same).count() > MOST_ROWS {
        let lines = points.chunk_by(|a, b| a.group == b.group).count();
        let numbers: Vec<f64> = x.numbers.iter().copied().flatten().collect();
        let middles = bins_of(&numbers, (MOST_ROWS / lines.max(1)).max(2));
        for point in &mut points {
            point.x = middles[point.x as usize];
        }
        warnings.push(format!(
            "{} has {} values: near values are drawn as one",
            x.title,
            numbers.len()
        ));
    }
    points
}

/// For sorted numbers: the place of the middle one of the bin of each, of bins that are even on the scale that the
/// numbers want.
fn bins_of(numbers: &[f64], bins: usize) -> Vec<u32> {
    let is_log = look::places_want_log(numbers);
    let to = |x: f64| if is_log { x.ln() } else { x };
    let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
        return Vec::new();
    };
    let (low, high) = (to(first), to(last));
    let width = ((high - low) / bins as f64).max(f64::MIN_POSITIVE);
    let bin = |x: f64| (((to(x) - low) / width).floor() as usize).min(bins - 1);
    let mut middles = Vec::with_capacity(numbers.len());
    for same in numbers.chunk_by(|a, b| bin(*a) == bin(*b)) {
        let middle = middles.len() + same.len() / 2;
        let middle = u32::try_from(middle).unwrap_or(u32::MAX);
        middles.extend(std::iter::repeat_n(middle, same.len()));
    }
    middles
}

fn summarized(
    points: &[Point],
    place_of: impl Fn(u32) -> Place,
    groups: &[Option<(u32, u32)>],
    reduction: Reduction,
    style: Style,
) -> Vec<Series> {
    let mut series = Vec::new();
    for line in points.chunk_by(|a, b| a.group == b.group) {
        let Some((color, facet)) = groups[line[0].group as usize] else {
            continue;
        };
        let mut places: Vec<(Place, Summary)> = line
            .chunk_by(|a, b| a.x == b.x)
            .map(|same| {
                let mut values: Vec<f64> = same.iter().map(|point| point.value).collect();
                (place_of(same[0].x), reduction.summary(&mut values))
            })
            .collect();
        if style.drops_stragglers {
            let most = places.iter().map(|(_, summary)| summary.count).max();
            let most = most.unwrap_or(0);
            places.retain(|(_, summary)| 2 * summary.count >= most);
        }
        series.push(Series {
            color,
            facet,
            places,
        });
    }
    series.sort_by_key(|series| (series.facet, series.color));
    series
}

/// Whether a scale is logarithmic: as asked for, or as the values want it.
pub(crate) fn is_log(
    log: Option<&Vec<LogScale>>,
    scale: LogScale,
    wants: impl Fn() -> bool,
) -> bool {
    match log {
        Some(asked) => asked.contains(&scale),
        None => wants(),
    }
}

/// The table of a kind that a column must come from.
pub(crate) fn needs(
    tables: &Tables,
    plot: &sweep::Plot,
    table: TableName,
    column: &str,
) -> Result<(), PlotError> {
    if tables.has_values(table, column)? {
        return Ok(());
    }
    match words::metric_of(table, column) {
        Some(metric) => Err(PlotError::NotMeasured {
            kind: plot.kind,
            table: table.name(),
            column: format!("`{column}`"),
            metric,
        }),
        None => Err(PlotError::Empty {
            kind: plot.kind,
            why: format!("`{column}` of `{}` has no value", table.name()),
        }),
    }
}
