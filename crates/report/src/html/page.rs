//! The sections of a report, in order: question, answer, pictures, tables, reduction, failures, provenance.

use super::listing::Listing;
use super::picture::Picture;
use super::provenance::provenance;
use super::rows::table;
use super::writer::Html;
use crate::describe::Description;
use crate::facts::{Asked, Measure, Unexplained};
use crate::importance::Importance;
use crate::sentences;
use crate::words::{counted, duration, grouped, number, percent, scaled, shortened};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What a browser may do with the page: nothing from elsewhere, nothing to elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

/// Bytes of pictures on a page. Pictures of at most 10^4 marks take less than 1 MB each; further ones are left out.
const PICTURE_BYTES: usize = 1_700_000;

/// Axes, fixed keys and pairs shown.
const ROWS: usize = 60;

/// Longest title.
const TITLE_CHARS: usize = 120;

pub(super) struct Content<'a> {
    pub(super) about: &'a Description,
    pub(super) settings: Option<&'a Listing>,
    pub(super) trials: &'a Listing,
    pub(super) pictures: &'a [Picture],
    pub(super) watts: f64,
}

/// The whole page.
pub(super) fn page(content: &Content<'_>) -> String {
    let mut html = Html::default();
    let title = shortened(&content.about.title(), TITLE_CHARS);
    html.own("<!doctype html>\n");
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| head(&title, html));
        html.own("\n");
        html.element("body", &[], |html| {
            top(content, &title, html);
            html.element("main", &[], |html| sections(content, html));
            html.element("footer", &[], |html| {
                html.text("Made by parsimony report. This page needs no network: tables, pictures and script are in it.");
            });
            html.element("script", &[], |html| html.own(SCRIPT));
        });
    });
    html.own("\n");
    html.finish()
}

fn head(title: &str, html: &mut Html) {
    html.open("meta", &[("charset", "utf-8")]);
    html.open(
        "meta",
        &[
            ("http-equiv", "Content-Security-Policy"),
            ("content", POLICY),
        ],
    );
    html.open(
        "meta",
        &[
            ("name", "viewport"),
            ("content", "width=device-width, initial-scale=1"),
        ],
    );
    html.open("meta", &[("name", "generator"), ("content", "parsimony")]);
    html.words("title", &[], &format!("{title}: report"));
    html.element("style", &[], |html| html.own(STYLE));
}

/// Sections with their anchors.
const SECTIONS: [(&str, &str); 8] = [
    ("question", "Question"),
    ("answer", "Answer"),
    ("importance", "What matters"),
    ("pictures", "Pictures"),
    ("tables", "Tables"),
    ("reduction", "Reduction and cost"),
    ("failures", "Failed and diverged"),
    ("provenance", "Provenance"),
];

fn is_there(content: &Content<'_>, section: &str) -> bool {
    match section {
        "pictures" => !content.pictures.is_empty(),
        "importance" => content.about.outcome.explained.iter().any(Result::is_ok),
        "failures" => !content.about.outcome.reasons.is_empty(),
        _ => true,
    }
}

fn top(content: &Content<'_>, title: &str, html: &mut Html) {
    let about = content.about;
    html.element("header", &[("class", "top")], |html| {
        html.words("h1", &[], title);
        let times = match (&about.origin.first, &about.origin.last) {
            (Some(first), Some(last)) if first != last => format!(", from {first} to {last}"),
            (Some(first), _) => format!(", {first}"),
            _ => String::new(),
        };
        let words = format!("{}{times}", counted(about.outcome.trials, "trial"));
        html.words("p", &[("class", "soft")], &words);
        html.element("nav", &[("aria-label", "sections")], |html| {
            for (anchor, name) in SECTIONS {
                if is_there(content, anchor) {
                    html.words("a", &[("href", &format!("#{anchor}"))], name);
                }
            }
        });
        tiles(content, html);
    });
}

/// The numbers that a reader looks for first.
fn tiles(content: &Content<'_>, html: &mut Html) {
    let about = content.about;
    html.element("dl", &[("class", "tiles")], |html| {
        let mut tile = |name: &str, value: &str, more: &str| {
            html.element("div", &[("class", "tile")], |html| {
                html.words("dt", &[], name);
                html.element("dd", &[], |html| {
                    html.text(value);
                    html.words("small", &[], more);
                });
            });
        };
        let outcome = &about.outcome;
        let more = match about.planned() {
            Some(planned) if planned > outcome.trials => {
                format!("{} have no result yet", grouped(planned - outcome.trials))
            }
            _ => format!("of {}", grouped(outcome.trials)),
        };
        tile(
            "completed trials",
            &grouped(outcome.count("completed")),
            &more,
        );
        if let (Some(measure), Some(best)) = (outcome.judged_by(), &outcome.best) {
            let name = format!("best {}", measure.words());
            tile(&name, &number(best.value), &format!("trial {}", best.trial));
        }
        if let Some((measure, Ok(found))) = outcome.measures.iter().zip(&outcome.explained).next()
            && let Some(&first) = found.ranked().first()
        {
            let axis = &found.axes[first];
            let share = found.share(axis.total.unwrap_or(axis.main));
            let more = format!("{} of the variance of {}", percent(share), measure.scale());
            tile("matters most", &axis.name, &more);
        }
        let saving = &about.expense.saving;
        if saving.is_known() {
            let times = number(saving.wide_flops / saving.done_flops.max(1.0));
            let more = format!(
                "times fewer: {} instead of {}",
                scaled(saving.done_flops),
                scaled(saving.wide_flops)
            );
            tile("operations on a core", &times, &more);
        }
        let seconds = duration(about.expense.seconds());
        tile(
            "time of one core",
            &seconds,
            &format!("{} operations", scaled(about.expense.flops())),
        );
    });
}

fn sections(content: &Content<'_>, html: &mut Html) {
    for (anchor, name) in SECTIONS {
        if !is_there(content, anchor) {
            continue;
        }
        html.element("section", &[("aria-labelledby", anchor)], |html| {
            html.words("h2", &[("id", anchor)], name);
            match anchor {
                "question" => question(content, html),
                "answer" => answer(content, html),
                "importance" => matters(content, html),
                "pictures" => pictures(content.pictures, html),
                "tables" => tables(content, html),
                "reduction" => reduction(content, html),
                "failures" => failures(content, html),
                _ => provenance(content.about, html),
            }
        });
        html.own("\n");
    }
}

fn question(content: &Content<'_>, html: &mut Html) {
    for asked in &content.about.asked {
        if content.about.asked.len() > 1 {
            html.words("h3", &[], &asked.run);
        }
        asked_section(asked, html);
    }
}

fn asked_section(asked: &Asked, html: &mut Html) {
    let trials = asked.planned.map(|planned| counted(planned, "trial"));
    let swept = match asked.axes.len() {
        0 => "nothing: one point".to_owned(),
        1 => "one axis".to_owned(),
        many => format!("{many} axes"),
    };
    let of = trials
        .map(|trials| format!(", {trials}"))
        .unwrap_or_default();
    html.words(
        "p",
        &[],
        &format!("The sweep {} varies {swept}{of}.", asked.name),
    );
    if !asked.axes.is_empty() {
        let rows: Vec<Vec<String>> = asked
            .axes
            .iter()
            .take(ROWS)
            .map(|axis| vec![axis.name.clone(), grouped(axis.count), axis.values.clone()])
            .collect();
        table(
            html,
            &[("axis", false), ("values", true), ("", false)],
            &rows,
        );
    }
    if let Some(filter) = &asked.filter {
        html.element("p", &[], |html| {
            html.text("Kept where ");
            html.words("code", &[], filter);
        });
    }
    for (count, words) in [(asked.excluded, "left out"), (asked.included, "added")] {
        if count > 0 {
            let points = counted(count as u64, "point pattern");
            html.words("p", &[], &format!("{points} {words} by the file."));
        }
    }
    if asked.fixed.is_empty() {
        return;
    }
    html.element("details", &[], |html| {
        let words = format!(
            "{} fixed; all others at their defaults",
            counted(asked.fixed.len() as u64, "key")
        );
        html.words("summary", &[], &words);
        let rows: Vec<Vec<String>> = asked
            .fixed
            .iter()
            .take(ROWS)
            .map(|(key, value)| vec![key.clone(), value.clone()])
            .collect();
        table(html, &[("key", false), ("value", false)], &rows);
    });
}

fn answer(content: &Content<'_>, html: &mut Html) {
    html.element("ul", &[("class", "answer")], |html| {
        for sentence in content.about.answer() {
            // A number stays with its sign on one line.
            html.words("li", &[], &sentence.replace(" %", "\u{a0}%"));
        }
    });
}

/// Shares of each measure's variance by axis.
fn matters(content: &Content<'_>, html: &mut Html) {
    let outcome = &content.about.outcome;
    let explained: Vec<(&Measure, &Result<Importance, Unexplained>)> =
        outcome.measures.iter().zip(&outcome.explained).collect();
    html.words(
        "p",
        &[],
        "Shares of the variance over the grid: what each axis does alone, and with its interactions in parentheses.",
    );
    let mut header = vec![("", false)];
    let scales: Vec<String> = explained
        .iter()
        .map(|(measure, _)| measure.scale())
        .collect();
    header.extend(scales.iter().map(|scale| (scale.as_str(), true)));
    let axes = content.about.axes.iter().filter(|axis| !axis.is_replicate);
    let mut rows: Vec<Vec<String>> = axes
        .take(ROWS)
        .map(|axis| {
            let shares = explained
                .iter()
                .map(|(_, found)| share_of(found, &axis.name));
            std::iter::once(axis.name.clone()).chain(shares).collect()
        })
        .collect();
    let row = |name: &str, share: &dyn Fn(&Importance) -> Option<f64>| {
        let cells = explained.iter().map(|(_, found)| {
            let found = found.as_ref().ok();
            let share = found.and_then(|found| Some(found.share(share(found)?)));
            share.map_or("-".to_owned(), percent)
        });
        std::iter::once(name.to_owned())
            .chain(cells)
            .collect::<Vec<_>>()
    };
    rows.push(row("two axes together", &|found| {
        let all = found.pairs.iter().map(|pair| pair.variance).sum();
        found.is_complete().then_some(all)
    }));
    rows.push(row("three axes and more", &|found| found.higher));
    rows.push(row("replicates", &|found| Some(found.residual)));
    table(html, &header, &rows);
    for (measure, found) in explained {
        match found {
            Err(why) => {
                let words = format!("Nothing is said about {}: {why}.", measure.scale());
                html.words("p", &[("class", "soft")], &words);
            }
            Ok(found) if !found.is_complete() => {
                let words = format!(
                    "{}: approximations from group means, since {} of {} have no completed trial.",
                    measure.scale(),
                    grouped(found.missing),
                    counted(found.cells + found.missing, "combination")
                );
                html.words("p", &[("class", "soft")], &words);
            }
            Ok(_) => {}
        }
    }
}

fn share_of(found: &Result<Importance, Unexplained>, axis: &str) -> String {
    let Ok(found) = found else {
        return "-".to_owned();
    };
    let Some(axis) = found.axes.iter().find(|known| known.name == axis) else {
        return "-".to_owned();
    };
    let main = percent(found.share(axis.main));
    match axis.total {
        Some(total) => format!("{main} ({})", percent(found.share(total))),
        None => main,
    }
}

fn pictures(pictures: &[Picture], html: &mut Html) {
    let mut bytes = 0;
    let mut left_out = Vec::new();
    for picture in pictures {
        if bytes + picture.svg.len() > PICTURE_BYTES {
            left_out.push(picture.title.clone());
            continue;
        }
        bytes += picture.svg.len();
        html.element("figure", &[], |html| {
            html.element("div", &[("class", "paper")], |html| html.own(&picture.svg));
            html.element("figcaption", &[], |html| {
                html.text(&picture.title);
                for note in &picture.notes {
                    html.text(". ");
                    html.text(note);
                }
            });
        });
    }
    if !left_out.is_empty() {
        let words = format!(
            "Too large for this page: {}. parsimony plot draws them.",
            crate::words::listed(&left_out)
        );
        html.words("p", &[("class", "soft")], &words);
    }
}

fn tables(content: &Content<'_>, html: &mut Html) {
    if let Some(settings) = content.settings {
        html.words("h3", &[], "Settings");
        settings.write(html);
    }
    html.words("h3", &[], "Trials");
    content.trials.write(html);
}

fn reduction(content: &Content<'_>, html: &mut Html) {
    let expense = &content.about.expense;
    html.words("p", &[], &sentences::expense(expense));
    for sentence in sentences::saving(&expense.saving, content.watts) {
        html.words("p", &[], &sentence);
    }
    if expense.saving.trials == 0 {
        html.words("p", &[], "No trial trained on a core.");
    }
    let rows: Vec<Vec<String>> = expense
        .engines
        .iter()
        .map(|share| {
            vec![
                share.engine.clone().unwrap_or_else(|| "none".to_owned()),
                grouped(share.trials),
                scaled(share.steps),
                scaled(share.flops),
                duration(share.setup_seconds),
                duration(share.train_seconds),
                duration(share.measure_seconds),
                duration(share.failed_seconds),
            ]
        })
        .collect();
    let header = [
        ("engine", false),
        ("trials", true),
        ("steps", true),
        ("operations", true),
        ("setup", true),
        ("training", true),
        ("measuring", true),
        ("failed attempts", true),
    ];
    table(html, &header, &rows);
    if let Some((axis, levels)) = &expense.slow_axis {
        html.words("h3", &[], &format!("Time of a trial by {axis}"));
        let rows: Vec<Vec<String>> = levels
            .iter()
            .map(|(value, trials, seconds)| {
                vec![value.clone(), grouped(*trials), duration(*seconds)]
            })
            .collect();
        table(
            html,
            &[
                (axis.as_str(), false),
                ("trials", true),
                ("mean time", true),
            ],
            &rows,
        );
    }
}

fn failures(content: &Content<'_>, html: &mut Html) {
    let outcome = &content.about.outcome;
    for place in &outcome.places {
        html.words("p", &[], &sentences::elsewhere(place));
    }
    let rows: Vec<Vec<String>> = outcome
        .reasons
        .iter()
        .map(|reason| {
            vec![
                reason.status.clone(),
                grouped(reason.trials),
                reason.example.to_string(),
                reason.error.clone(),
            ]
        })
        .collect();
    let header = [
        ("status", false),
        ("trials", true),
        ("for example", true),
        ("reason", false),
    ];
    table(html, &header, &rows);
    if outcome.more_reasons {
        html.words(
            "p",
            &[("class", "soft")],
            "Further reasons are left out; a query finds them.",
        );
    }
}
