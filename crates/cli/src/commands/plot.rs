//! `parsimony plot`: pictures of one or more runs, as files or in the terminal.

use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use report::plot::{Look, Picture, PlotError, Tables, Theme, WIDTHS, draw, guess};
use report::render::{self, Page};
use sweep::{Aggregate, Band, LogScale, Plot, PlotKind};

use super::query;
use crate::error::CliError;
use crate::exit::Exit;

/// Lines of a picture in the terminal: two stand on a screen of 50.
const TEXT_HEIGHT: u16 = 22;

/// Columns where standard output is no terminal.
const TEXT_WIDTH: u16 = 80;

/// Pictures of runs: SVG, PNG, PDF, HTML, Vega-Lite, or in the terminal
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony plot runs/quickstart                                   the pictures of its file, or a guess
  parsimony plot runs/quickstart --kind line --x network_depth --color init_kind --out depth.pdf
  parsimony plot runs/a runs/b --kind curves --where \"network_depth = 3\" --out both.html
  parsimony plot runs/quickstart --kind importance --text          in the terminal

A channel takes a column of the tables or a term over columns (\"train_seconds / steps\"). Repeats (the column replicate)
become the aggregate and the band. The same run and options give the same bytes.")]
pub(crate) struct PlotArgs {
    /// Run folders; of several, `run` is a column
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// What the picture shows
    #[arg(long, value_parser = named(PlotKind::ALL, PlotKind::name, PlotKind::words), hide_possible_values = false)]
    kind: Option<String>,
    /// The picture of that name in the sweep file
    #[arg(long, conflicts_with = "kind")]
    name: Option<String>,
    /// Column of the horizontal axis
    #[arg(long, value_name = "COLUMN")]
    x: Option<String>,
    /// Column of the vertical axis of heatmap and scatter
    #[arg(long, value_name = "COLUMN")]
    y: Option<String>,
    /// Column of the result: the vertical axis of line, curves and distribution, the colour of a heatmap
    #[arg(long, value_name = "COLUMN")]
    value: Option<String>,
    /// Column of the conditions that have a colour each; several with commas between them
    #[arg(long, value_name = "COLUMN")]
    color: Option<String>,
    /// Column of the conditions that have a panel each; several with commas between them
    #[arg(long, value_name = "COLUMN")]
    facet: Option<String>,
    /// What stands for the trials of one condition (default: median)
    #[arg(long, value_parser = named(Aggregate::ALL, Aggregate::name, Aggregate::words))]
    aggregate: Option<String>,
    /// The spread that is drawn around it (default: iqr)
    #[arg(long, value_parser = named(Band::ALL, Band::name, Band::words))]
    band: Option<String>,
    /// SQL: which rows are drawn
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,
    /// Scales that are logarithmic: x, y, value, or none; without it the values decide
    #[arg(long, value_delimiter = ',', value_parser = ["x", "y", "value", "none"])]
    log: Option<Vec<String>>,
    /// Title above the picture (default: the name of the run)
    #[arg(long)]
    title: Option<String>,
    /// File of the picture; its ending says what it is: svg, png (300 dpi), pdf, html, json (Vega-Lite)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw in the terminal
    #[arg(long, conflicts_with = "out")]
    text: bool,
    /// Colours of paper and ink
    #[arg(long, value_parser = Theme::NAMES, default_value = "light")]
    theme: String,
    /// Width in pixels of 1/96 inch: 320 fits a column of a paper
    #[arg(long, value_parser = width, default_value = "600")]
    width: f64,
}

fn width(text: &str) -> Result<f64, String> {
    let wrong = || {
        format!(
            "`{text}` is no width; write a number from {} to {}",
            WIDTHS.start(),
            WIDTHS.end()
        )
    };
    let width: f64 = text.parse().map_err(|_| wrong())?;
    if WIDTHS.contains(&width) {
        return Ok(width);
    }
    Err(wrong())
}

/// The names of a choice, with its words in the help.
fn named<T: Copy>(
    all: &'static [T],
    name: fn(T) -> &'static str,
    words: fn(T) -> &'static str,
) -> PossibleValuesParser {
    let value = |own: &T| PossibleValue::new(name(*own)).help(words(*own));
    PossibleValuesParser::new(all.iter().map(value).collect::<Vec<_>>())
}

/// What a file is, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
    Pdf,
    Html,
    Json,
}

impl Format {
    const ALL: [Format; 5] = [
        Format::Svg,
        Format::Png,
        Format::Pdf,
        Format::Html,
        Format::Json,
    ];

    fn ending(self) -> &'static str {
        match self {
            Format::Svg => "svg",
            Format::Png => "png",
            Format::Pdf => "pdf",
            Format::Html => "html",
            Format::Json => "json",
        }
    }

    fn of(path: &Path) -> Result<Format, CliError> {
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        let found = Format::ALL
            .into_iter()
            .find(|format| ending.eq_ignore_ascii_case(format.ending()));
        found.ok_or_else(|| {
            let endings = Format::ALL.map(Format::ending).join(", ");
            CliError::Request(format!(
                "{}: --out needs one of the endings {endings}",
                path.display()
            ))
        })
    }

    /// Whether a file holds several pictures.
    fn holds_several(self) -> bool {
        match self {
            Format::Pdf | Format::Html => true,
            Format::Svg | Format::Png | Format::Json => false,
        }
    }
}

impl PlotArgs {
    /// Draws the pictures and prints the names of their files.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        let format = self.out.as_deref().map(Format::of).transpose()?;
        for run in &self.runs {
            query::check_run(run)?;
        }
        let stop = query::stop_at_interrupt();
        match drawn(self, format, &stop) {
            Err(CliError::Plot(error)) if error.is_interrupted() => {
                say!("interrupted");
                Ok(Exit::Interrupted)
            }
            other => other,
        }
    }
}

fn drawn(
    options: &PlotArgs,
    format: Option<Format>,
    stop: &Arc<std::sync::atomic::AtomicBool>,
) -> Result<Exit, CliError> {
    let tables = Tables::open(&options.runs, stop)?;
    let (plots, is_guess) = wanted(options, &tables)?;
    if let (Some(format), true) = (format, plots.len() > 1)
        && !format.holds_several()
        && !is_guess
    {
        let names: Vec<&str> = plots.iter().map(|plot| plot.name.as_str()).collect();
        return Err(CliError::Request(format!(
            "a file of that format holds one picture, and there are {}; choose one with --name ({})",
            plots.len(),
            names.join(", ")
        )));
    }
    let look = Look {
        theme: Theme::named(&options.theme).unwrap_or(Theme::Light),
        width: options.width,
    };
    let mut pictures = Vec::new();
    let mut failure = None;
    for plot in &plots {
        match draw(&tables, plot, &look) {
            Ok(picture) => {
                for warning in &picture.warnings {
                    say!("warning: {}: {warning}", picture.name);
                }
                pictures.push(picture);
                let is_single = format.is_some_and(|format| !format.holds_several());
                if is_guess && is_single {
                    break;
                }
            }
            Err(error) if error.is_interrupted() => return Err(error.into()),
            // A guess that does not fit is no error of anybody.
            Err(error) if is_guess && plots.len() > 1 && error.is_request_error() => {
                failure.get_or_insert(error);
            }
            Err(error) if plots.len() > 1 => {
                say!("warning: the picture {} is not drawn: {error}", plot.name);
                failure.get_or_insert(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let (true, Some(error)) = (pictures.is_empty(), failure.take()) {
        return Err(error.into());
    }
    write(options, format, &pictures, &look, tables.name())?;
    match failure {
        Some(error) if !is_guess => Err(error.into()),
        _ => Ok(Exit::Done),
    }
}

/// The pictures that are asked for, and whether they are a guess.
fn wanted(options: &PlotArgs, tables: &Tables) -> Result<(Vec<Plot>, bool), CliError> {
    let kind = options.kind.as_deref().and_then(PlotKind::named);
    let mut is_guess = false;
    let mut plots = match (kind, &options.name) {
        (Some(kind), _) => vec![Plot::of(kind)],
        (None, Some(name)) => {
            let found = tables.plots().iter().find(|plot| plot.name == *name);
            let names: Vec<&str> = tables
                .plots()
                .iter()
                .map(|plot| plot.name.as_str())
                .collect();
            let plot = found.ok_or_else(|| {
                CliError::Request(format!(
                    "the sweep file has no picture `{name}`; it has {}",
                    if names.is_empty() {
                        "none".to_owned()
                    } else {
                        names.join(", ")
                    }
                ))
            })?;
            vec![plot.clone()]
        }
        (None, None) if columns_of(options).iter().any(|column| column.is_some()) => {
            return Err(CliError::Request(format!(
                "columns belong to a picture: name its --kind ({}) or the --name of one of the sweep file",
                PlotKind::NAMES.join(", ")
            )));
        }
        (None, None) if !tables.plots().is_empty() => tables.plots().to_vec(),
        (None, None) => {
            is_guess = true;
            guess(tables)?
        }
    };
    for plot in &mut plots {
        override_by(options, plot);
    }
    Ok((plots, is_guess))
}

/// The columns that the options give.
fn columns_of(options: &PlotArgs) -> [&Option<String>; 5] {
    [
        &options.x,
        &options.y,
        &options.value,
        &options.color,
        &options.facet,
    ]
}

/// Puts what the options give in the place of what a picture has.
fn override_by(options: &PlotArgs, plot: &mut Plot) {
    let own = [
        &mut plot.x,
        &mut plot.y,
        &mut plot.value,
        &mut plot.color,
        &mut plot.facet,
    ];
    for (own, given) in own.into_iter().zip(columns_of(options)) {
        if given.is_some() {
            own.clone_from(given);
        }
    }
    if let Some(aggregate) = options.aggregate.as_deref().and_then(Aggregate::named) {
        plot.aggregate = Some(aggregate);
    }
    if let Some(band) = options.band.as_deref().and_then(Band::named) {
        plot.band = Some(band);
    }
    if let Some(condition) = &options.condition {
        plot.condition = Some(condition.clone());
    }
    if let Some(names) = &options.log {
        plot.log = Some(
            names
                .iter()
                .filter_map(|name| LogScale::named(name))
                .collect(),
        );
    }
    if let Some(title) = &options.title {
        plot.title = Some(title.clone());
    }
}

fn write(
    options: &PlotArgs,
    format: Option<Format>,
    pictures: &[Picture],
    look: &Look,
    title: &str,
) -> Result<(), CliError> {
    if options.text {
        return in_terminal(pictures);
    }
    let specs: Vec<String> = pictures.iter().map(Picture::json).collect();
    let of_render = |error: render::RenderError| CliError::from(PlotError::from(error));
    let Some((format, path)) = format.zip(options.out.as_deref()) else {
        let svgs = render::svgs(&specs).map_err(of_render)?;
        let folder = options.runs[0].join("plots");
        std::fs::create_dir_all(&folder).map_err(|source| CliError::Write {
            path: folder.clone(),
            source,
        })?;
        for (picture, svg) in pictures.iter().zip(svgs) {
            save(
                &folder.join(format!("{}.svg", picture.name)),
                svg.as_bytes(),
            )?;
        }
        return Ok(());
    };
    if format == Format::Json {
        let spec = &pictures[0].spec;
        return save(path, format!("{spec:#}\n").as_bytes());
    }
    let svgs = render::svgs(&specs).map_err(of_render)?;
    let bytes = match format {
        Format::Json | Format::Svg => svgs[0].clone().into_bytes(),
        Format::Png => render::png(&svgs[0]).map_err(of_render)?,
        Format::Pdf => render::pdf(&svgs).map_err(of_render)?,
        Format::Html => {
            let pages: Vec<Page<'_>> = specs
                .iter()
                .zip(&svgs)
                .map(|(spec, svg)| Page { spec, svg })
                .collect();
            let is_dark = look.theme == Theme::Dark;
            let page = render::html(title, &pages, is_dark).map_err(of_render)?;
            page.into_bytes()
        }
    };
    save(path, &bytes)
}

fn in_terminal(pictures: &[Picture]) -> Result<(), CliError> {
    let is_terminal = std::io::stdout().is_terminal();
    let columns = terminal_size::terminal_size().filter(|_| is_terminal);
    let columns = columns.map_or(TEXT_WIDTH, |(width, _)| width.0);
    let has_colors =
        is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let texts: Vec<String> = pictures
        .iter()
        .map(|picture| {
            let drawn = picture.sketch.text(columns, TEXT_HEIGHT, has_colors);
            format!("{}\n{drawn}", picture.name)
        })
        .collect();
    crate::output::data(&texts.join("\n"))
}

/// Writes a file under a name of its own and moves it to its place: whoever watches it never reads half of it.
fn save(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let failed = |source| CliError::Write {
        path: path.to_owned(),
        source,
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if let Err(error) = written {
        // What is left of it is of no use; the first error says why.
        let _ = std::fs::remove_file(&part);
        return Err(failed(error));
    }
    crate::output::announce(&format!("{}\n", path.display()))
}
