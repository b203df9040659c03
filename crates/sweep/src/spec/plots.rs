//! `[[plot]]`: the pictures of a sweep, read and written back.

use crate::error::{Errors, Mistake, SweepError, did_you_mean};
use crate::plots::{Aggregate, Band, LogScale, MAX_PLOT_TEXT, MAX_PLOTS, Plot, PlotKind};
use crate::tree::{Entry, Node, Tree};
use crate::value::toml_string;

use super::names::is_usable_name;

/// The keys of a `[[plot]]`.
const KEYS: [&str; 12] = [
    "name",
    "kind",
    "x",
    "y",
    "value",
    "color",
    "facet",
    "aggregate",
    "band",
    "where",
    "log",
    "title",
];

/// Words about one key each, for the reference.
pub(super) const WORDS: [(&str, &str); KEYS.len()] = [
    (
        "name",
        "name of the picture's file; without it the name of the kind",
    ),
    ("kind", "what the picture shows; needed"),
    ("x", "column of the horizontal axis"),
    ("y", "column of the vertical axis of heatmap and scatter"),
    (
        "value",
        "column of the result: the vertical axis of line, curves and distribution, the colour of a heatmap",
    ),
    (
        "color",
        "column of the conditions that have a colour each; several with commas between them",
    ),
    (
        "facet",
        "column of the conditions that have a panel each; several with commas between them",
    ),
    ("aggregate", "what stands for the trials of one condition"),
    ("band", "the spread that is drawn around it"),
    ("where", "SQL: which rows are drawn"),
    (
        "log",
        "which scales are logarithmic: a list of x, y, value; [] for none; without it the values decide",
    ),
    ("title", "title above the picture"),
];

/// Reads every `[[plot]]` of a file.
pub(super) fn plots(tree: Option<&Tree>, errors: &mut Errors) -> Vec<Plot> {
    let Some(tree) = tree else {
        return Vec::new();
    };
    let Node::List(tables) = &tree.node else {
        errors.push(tree.wrong("plot", "a list of tables, each headed [[plot]]"));
        return Vec::new();
    };
    if tables.len() > MAX_PLOTS {
        let mistake = Mistake::TooMany {
            what: "pictures are listed",
            found: tables.len(),
            limit: MAX_PLOTS,
        };
        errors.push(SweepError::new(mistake).at(Some(tree.place.clone())));
        return Vec::new();
    }
    let mut plots: Vec<Plot> = Vec::with_capacity(tables.len());
    for table in tables {
        let Some(mut plot) = errors.take(plot(table)) else {
            continue;
        };
        let is_taken = |name: &str| plots.iter().any(|other| other.name == name);
        if is_taken(&plot.name) {
            if let Some(place) = plot.place("name") {
                let mistake = Mistake::SetTwice {
                    key: format!("plot.name = '{}'", plot.name),
                    first: "here",
                    second: "in a [[plot]] before it",
                };
                errors.push(SweepError::new(mistake).at(Some(place)));
                continue;
            }
            let free = (2..).map(|n| format!("{}-{n}", plot.name));
            let mut free = free.filter(|name| !is_taken(name));
            plot.name = free.next().unwrap_or_default();
        }
        plots.push(plot);
    }
    plots
}

fn plot(table: &Tree) -> Result<Plot, SweepError> {
    let Some(entries) = table.entries() else {
        return Err(table.wrong("plot", "a list of tables, each headed [[plot]]"));
    };
    let kind = entries.iter().find(|entry| entry.name == "kind");
    let Some(kind) = kind else {
        return Err(SweepError::new(Mistake::FieldMissing {
            key: "plot".to_owned(),
            field: "kind",
        })
        .at(Some(table.place.clone()))
        .help(format!("one of {}", PlotKind::NAMES.join(", "))));
    };
    let kind = choice(kind, PlotKind::NAMES, PlotKind::named)?;
    let mut plot = Plot::of(kind);
    for entry in entries {
        let place = |key| (key, entry.value.place.clone());
        let Some(&key) = KEYS.iter().find(|key| **key == entry.name) else {
            let help = did_you_mean(&entry.name, KEYS);
            return Err(SweepError::new(Mistake::UnknownKey {
                key: format!("plot.{}", entry.name),
            })
            .at(Some(entry.place.clone()))
            .help(help.unwrap_or_else(|| format!("a [[plot]] has {}", KEYS.join(", ")))));
        };
        plot.places.0.push(place(key));
        match key {
            "name" => plot.name = name(entry)?,
            "x" => plot.x = Some(text(entry)?),
            "y" => plot.y = Some(text(entry)?),
            "value" => plot.value = Some(text(entry)?),
            "color" => plot.color = Some(text(entry)?),
            "facet" => plot.facet = Some(text(entry)?),
            "aggregate" => {
                plot.aggregate = Some(choice(entry, Aggregate::NAMES, Aggregate::named)?);
            }
            "band" => plot.band = Some(choice(entry, Band::NAMES, Band::named)?),
            "where" => plot.condition = Some(text(entry)?),
            "log" => plot.log = Some(scales(entry)?),
            "title" => plot.title = Some(text(entry)?),
            // The kind is read above.
            _ => {}
        }
    }
    Ok(plot)
}

fn key_name(entry: &Entry) -> String {
    format!("plot.{}", entry.name)
}

fn text(entry: &Entry) -> Result<String, SweepError> {
    match &entry.value.node {
        Node::Str(text) if !text.trim().is_empty() && text.len() <= MAX_PLOT_TEXT => {
            Ok(text.clone())
        }
        Node::Str(text) if text.len() > MAX_PLOT_TEXT => Err(SweepError::new(Mistake::TooMany {
            what: "bytes of text in a key of [[plot]]",
            found: text.len(),
            limit: MAX_PLOT_TEXT,
        })
        .at(Some(entry.value.place.clone()))),
        _ => Err(entry
            .value
            .wrong(&key_name(entry), "a text in quotes that is not empty")),
    }
}

fn name(entry: &Entry) -> Result<String, SweepError> {
    let name = text(entry)?;
    if is_usable_name(&name) {
        return Ok(name);
    }
    Err(entry.value.wrong(
        "plot.name",
        "usable as a file name: letters, digits, '-', '_' and '.', a letter or digit first",
    ))
}

fn choice<T>(
    entry: &Entry,
    names: &[&'static str],
    named: fn(&str) -> Option<T>,
) -> Result<T, SweepError> {
    let Node::Str(found) = &entry.value.node else {
        let allowed = format!("one of {}", names.join(", "));
        return Err(entry.value.wrong(&key_name(entry), allowed));
    };
    named(found).ok_or_else(|| {
        let near = did_you_mean(found, names.iter().copied());
        SweepError::new(Mistake::UnknownName {
            key: key_name(entry),
            found: entry.value.found().trim_matches('\'').to_owned(),
        })
        .at(Some(entry.value.place.clone()))
        .help(near.unwrap_or_else(|| format!("one of {}", names.join(", "))))
    })
}

/// `["x", "value"]`, or `"x,value"` as on the command line.
fn scales(entry: &Entry) -> Result<Vec<LogScale>, SweepError> {
    let wrong = || {
        entry.value.wrong(
            "plot.log",
            "a list of \"x\", \"y\", \"value\" ([] for none)",
        )
    };
    let mut names = Vec::new();
    match &entry.value.node {
        Node::Str(text) => names.extend(text.split(',').map(|name| name.trim().to_owned())),
        Node::List(list) => {
            for tree in list {
                let Node::Str(name) = &tree.node else {
                    return Err(wrong());
                };
                names.push(name.clone());
            }
        }
        Node::Int(_) | Node::Float(_) | Node::Bool(_) | Node::Date | Node::Table { .. } => {
            return Err(wrong());
        }
    }
    let mut scales = Vec::new();
    for name in names {
        let scale = LogScale::named(&name).ok_or_else(wrong)?;
        if !scales.contains(&scale) {
            scales.push(scale);
        }
    }
    Ok(scales)
}

/// The pictures as text that [`plots`] reads back.
pub(super) fn write(plots: &[Plot], out: &mut String) {
    for plot in plots {
        out.push_str("\n[[plot]]\n");
        let mut line = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                out.push_str(&format!("{key} = {}\n", toml_string(value)));
            }
        };
        line("name", Some(&plot.name));
        line("kind", Some(plot.kind.name()));
        for (key, value) in plot.columns() {
            line(key, value);
        }
        line("aggregate", plot.aggregate.map(Aggregate::name));
        line("band", plot.band.map(Band::name));
        line("where", plot.condition.as_deref());
        line("title", plot.title.as_deref());
        if let Some(scales) = &plot.log {
            let names: Vec<String> = scales
                .iter()
                .map(|scale| format!("\"{}\"", scale.name()))
                .collect();
            out.push_str(&format!("log = [{}]\n", names.join(", ")));
        }
    }
}

/// The pictures of a text of a sweep, and nothing else of it: the text is one that a program wrote.
///
/// # Errors
/// As for a sweep file.
pub fn plots_of(text: &str, file_name: &str) -> Result<Vec<Plot>, SweepError> {
    let spec = super::Spec::parse_stored(text, file_name, &[])?;
    Ok(spec.plots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spec;

    fn read(plots: &str) -> Result<Spec, SweepError> {
        let text = format!("name = \"s\"\n{plots}\n[problem]\ndim = 4\n");
        Spec::parse(&text, "s.toml", &[])
    }

    #[test]
    fn a_plot_reads_and_is_written_back() {
        let spec = read(
            "[[plot]]\nkind = \"line\"\nx = \"network_depth\"\nvalue = \"train_loss\"\n\
             color = \"init_kind\"\nfacet = \"problem_rank\"\naggregate = \"mean\"\nband = \"ci95\"\n\
             where = \"status = 'completed'\"\nlog = [\"value\"]\ntitle = \"a \\\"title\\\"\"\n\
             [[plot]]\nkind = \"line\"\nlog = []\n[[plot]]\nkind = \"heatmap\"\nname = \"map\"\nlog = \"x, y\"",
        )
        .unwrap();
        let names: Vec<&str> = spec.plots.iter().map(|plot| plot.name.as_str()).collect();
        assert_eq!(names, ["line", "line-2", "map"]);
        assert_eq!(spec.plots[0].band, Some(Band::Ci95));
        assert_eq!(spec.plots[1].log, Some(Vec::new()));
        assert_eq!(spec.plots[2].log, Some(vec![LogScale::X, LogScale::Y]));
        let again = Spec::parse_stored(&spec.to_toml(), "again.toml", &[]).unwrap();
        assert_eq!(again.plots, spec.plots);
        assert_eq!(again, spec);
        assert_eq!(plots_of(&spec.to_toml(), "s").unwrap(), spec.plots);
    }

    #[test]
    fn a_wrong_plot_is_refused_at_its_line() {
        let check = |plot: &str, line: usize, message: &str, help: &str| {
            let error = read(plot).unwrap_err();
            let at = error.place().map(|place| place.line_column().0);
            assert_eq!(at, Some(line), "{error}");
            assert!(error.message().contains(message), "{error}");
            let words = error.help_text().unwrap_or_default();
            assert!(words.contains(help), "{words}");
        };
        check(
            "[[plot]]\nkind = \"heat\"",
            3,
            "unknown value 'heat' of `plot.kind`",
            "heatmap",
        );
        check(
            "[[plot]]\nkind = \"lin\"",
            3,
            "unknown value 'lin'",
            "did you mean `line`?",
        );
        check(
            "[[plot]]\nkind = \"line\"\ncolour = \"a\"",
            4,
            "unknown key `plot.colour`",
            "did you mean `color`?",
        );
        check("[[plot]]\nx = \"a\"", 2, "`plot` has no `kind`", "curves");
        check("[[plot]]\nkind = \"line\"\nx = 3", 4, "`plot.x` is 3", "");
        check(
            "[[plot]]\nkind = \"line\"\nlog = [\"z\"]",
            4,
            "`plot.log` is a list",
            "",
        );
        check(
            "[[plot]]\nkind = \"line\"\nname = \"../a\"",
            4,
            "`plot.name` is '../a'",
            "",
        );
        check(
            "[[plot]]\nkind = \"line\"\nname = \"a\"\n[[plot]]\nkind = \"line\"\nname = \"a\"",
            7,
            "is set twice",
            "",
        );
        check("plot = 3", 2, "`plot` is 3", "");
        let long = format!(
            "[[plot]]\nkind = \"line\"\ntitle = \"{}\"",
            "x".repeat(3000)
        );
        check(&long, 4, "3000 bytes of text", "");
    }

    #[test]
    fn pictures_are_no_part_of_the_grid() {
        let with = read("[[plot]]\nkind = \"line\"").unwrap();
        let without = read("").unwrap();
        let hash = |spec: Spec| {
            let grid = crate::Grid::new(spec, crate::Arrays::new()).unwrap();
            (grid.hash().to_owned(), grid.point(0).unwrap().id())
        };
        assert_eq!(hash(with), hash(without));
    }
}
