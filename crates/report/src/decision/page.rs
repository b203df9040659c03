//! The page: HTML that prints on one side of A4 and needs nothing from elsewhere.

use super::facts::{Answer, Compared, Cost, Decision, Doubt, Kind, Measured, Next, Risk};
use super::numbers::{bytes, percent, plain, points, seconds, times};
use super::pictures::{curve, measured, spectrum};
use super::texts::{self, Language, Text};
use crate::facts::kwh;
use crate::html::{Html, with_own_ids};
use crate::render::{RenderError, svgs};
use crate::words::{scaled, shortened};

const STYLE: &str = include_str!("style.css");

/// What a browser may do with the page: nothing from elsewhere, no script.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// Longest name of a file on the page: it must stay one page.
const FILE_CHARS: usize = 60;

/// A saving in operations below this (1.2) is called none.
const SAVING: f64 = 1.2;

/// The page in a language.
///
/// # Errors
/// [`RenderError`] where a picture cannot be drawn.
pub fn page(decision: &Decision, language: Language) -> Result<String, RenderError> {
    let specs = [
        spectrum(decision, language).to_string(),
        curve(decision, language).to_string(),
    ];
    let drawn = svgs(&specs)?;
    let mut html = Html::default();
    html.own("<!doctype html>\n");
    html.element("html", &[("lang", language.code())], |html| {
        html.element("head", &[], |html| {
            html.open("meta", &[("charset", "utf-8")]);
            let policy = ("content", POLICY);
            html.open("meta", &[("http-equiv", "Content-Security-Policy"), policy]);
            let view = ("content", "width=device-width, initial-scale=1");
            html.open("meta", &[("name", "viewport"), view]);
            html.words("title", &[], texts::TITLE.of(language));
            html.element("style", &[], |html| html.own(STYLE));
        });
        html.own("\n");
        html.element("body", &[], |html| {
            html.words("h1", &[], texts::TITLE.of(language));
            Sections {
                decision,
                language,
                html,
            }
            .write(&drawn);
        });
    });
    html.own("\n");
    Ok(html.finish())
}

struct Sections<'a> {
    decision: &'a Decision,
    language: Language,
    html: &'a mut Html,
}

impl Sections<'_> {
    fn write(&mut self, drawn: &[String]) {
        self.heading(&texts::QUESTION);
        let question = self.question();
        self.html.words("p", &[], &question);
        self.heading(&texts::ANSWER);
        let answer = self.answer();
        self.html.element("p", &[("class", "answer")], |html| {
            for (at, sentence) in answer.iter().enumerate() {
                let tag = if at == 0 { "strong" } else { "span" };
                html.words(tag, &[], sentence);
                html.text(" ");
            }
        });
        self.pictures(drawn);
        self.cost();
        self.risks();
        self.next();
        self.glossary();
        let made = texts::MADE_BY.with(self.language, &[("version", &self.decision.version)]);
        self.html.words("footer", &[], &made);
    }

    fn heading(&mut self, text: &Text) {
        self.html.words("h2", &[], text.of(self.language));
    }

    fn measured(&self) -> &'static str {
        measured(self.decision.measured, self.language)
    }

    fn question(&self) -> String {
        let file = shortened(&self.decision.file, FILE_CHARS);
        let inputs = self.decision.inputs.to_string();
        let (text, names, a, b) = match self.decision.kind {
            Kind::Classes { samples, classes } => (
                &texts::QUESTION_CLASSES,
                ["samples", "classes"],
                samples,
                classes,
            ),
            Kind::Targets { samples, targets } => (
                &texts::QUESTION_TARGETS,
                ["samples", "targets"],
                samples,
                targets,
            ),
            Kind::Matrix { rows, columns } => {
                (&texts::QUESTION_MATRIX, ["rows", "columns"], rows, columns)
            }
        };
        let (a, b) = (a.to_string(), b.to_string());
        let values = [
            ("file", file.as_str()),
            ("inputs", inputs.as_str()),
            (names[0], a.as_str()),
            (names[1], b.as_str()),
        ];
        text.with(self.language, &values)
    }

    /// Three sentences.
    fn answer(&self) -> [String; 3] {
        match &self.decision.answer {
            Answer::Enough(found) => [
                self.compared(&texts::ENOUGH, found),
                self.figures(found),
                self.saving(),
            ],
            Answer::Costs(found) => [
                self.compared(&texts::COSTS, found),
                self.figures(found),
                self.saving(),
            ],
            Answer::NotLowDimensional(found) => [
                texts::NOT_LOW.of(self.language).to_owned(),
                self.compared(&texts::NEEDED, found),
                texts::KEEP_WIDE.of(self.language).to_owned(),
            ],
            Answer::CannotTell(doubt) => [
                texts::CANNOT_TELL.of(self.language).to_owned(),
                self.doubt(doubt),
                texts::NO_ADVICE.of(self.language).to_owned(),
            ],
        }
    }

    fn compared(&self, text: &Text, found: &Compared) -> String {
        let (k, of) = (found.k.to_string(), found.of.to_string());
        let values = [
            ("k", k.as_str()),
            ("of", of.as_str()),
            ("score", &percent(found.score)),
            ("best", &percent(found.best)),
            ("lost", &points(found.best - found.score)),
            ("error", &points(found.error)),
            ("measured", self.measured()),
        ];
        text.with(self.language, &values)
    }

    fn figures(&self, found: &Compared) -> String {
        let text = match self.decision.measured {
            Measured::Energy => &texts::KEPT,
            Measured::Accuracy | Measured::Explained => &texts::COMPARED,
        };
        self.compared(text, found)
    }

    fn saving(&self) -> String {
        let (Some(today), Some(after)) = (&self.decision.today, &self.decision.after) else {
            return texts::SAVES_NOTHING.of(self.language).to_owned();
        };
        let ratio = today.flops / after.flops.max(1.0);
        if ratio < SAVING {
            return texts::SAVES_NOTHING.of(self.language).to_owned();
        }
        let text = if self.decision.width_is_given {
            &texts::SAVES_GIVEN
        } else {
            &texts::SAVES
        };
        text.with(self.language, &[("times", &times(ratio))])
    }

    fn doubt(&self, doubt: &Doubt) -> String {
        let language = self.language;
        let measured = ("measured", self.measured());
        match *doubt {
            Doubt::FewSamples { found, wanted } => {
                let (found, wanted) = (found.to_string(), wanted.to_string());
                texts::FEW_SAMPLES.with(language, &[("found", &found), ("wanted", &wanted)])
            }
            Doubt::NothingLearned { score, majority } => {
                let (score, majority) = (percent(score), percent(majority));
                let values = [("score", score.as_str()), ("majority", &majority), measured];
                texts::NOTHING_LEARNED.with(language, &values)
            }
            Doubt::Behind { score, reference } => {
                let (score, reference) = (percent(score), percent(reference));
                let values = [
                    ("score", score.as_str()),
                    ("reference", &reference),
                    measured,
                ];
                texts::BEHIND.with(language, &values)
            }
            Doubt::LargeNetwork => texts::LARGE_NETWORK.of(language).to_owned(),
            Doubt::LargeSamples => texts::LARGE_SAMPLES.of(language).to_owned(),
            Doubt::Diverged { k } => texts::DIVERGED.with(language, &[("k", &k.to_string())]),
            Doubt::NothingToLearn => texts::NOTHING_TO_LEARN.of(language).to_owned(),
            Doubt::NothingHeldOut { classes } => {
                texts::NOTHING_HELD_OUT.with(language, &[("classes", &classes.to_string())])
            }
        }
    }

    fn pictures(&mut self, drawn: &[String]) {
        let language = self.language;
        let decision = self.decision;
        self.html.element("div", &[("class", "pictures")], |html| {
            for (number, (svg, title)) in drawn
                .iter()
                .zip([&texts::SPECTRUM, &texts::CURVE])
                .enumerate()
            {
                html.element("figure", &[], |html| {
                    html.words("figcaption", &[], title.of(language));
                    html.own(&with_own_ids(svg, &format!("p{number}-")));
                });
            }
        });
        if decision.splits > 0 {
            let (splits, held) = (decision.splits.to_string(), decision.held_out.to_string());
            let values = [("splits", splits.as_str()), ("held", held.as_str())];
            let note = texts::CURVE_NOTE.with(language, &values);
            self.html.words("p", &[("class", "note")], &note);
        }
    }

    fn cost(&mut self) {
        let columns: Vec<(&Text, &Cost)> = [
            (&texts::TODAY, &self.decision.today),
            (&texts::AFTER, &self.decision.after),
        ]
        .into_iter()
        .filter_map(|(title, cost)| Some((title, cost.as_ref()?)))
        .collect();
        if columns.is_empty() {
            return;
        }
        self.heading(&texts::COST);
        let (language, watts) = (self.language, self.decision.watts);
        let power = texts::POWER.with(language, &[("watts", &plain(watts))]);
        let network = |cost: &Cost| {
            let (inputs, width) = (cost.inputs.to_string(), cost.width.to_string());
            let values = [("inputs", inputs.as_str()), ("width", width.as_str())];
            texts::NETWORK_OF.with(language, &values)
        };
        type Cell<'a> = &'a dyn Fn(&Cost) -> String;
        let rows: [(&str, Cell<'_>); 5] = [
            (texts::NETWORK.of(language), &network),
            (texts::OPERATIONS.of(language), &|cost| scaled(cost.flops)),
            (texts::TIME.of(language), &|cost| {
                seconds(cost.seconds, language)
            }),
            (texts::MEMORY.of(language), &|cost| bytes(cost.memory_bytes)),
            (&power, &|cost| plain(kwh(cost.seconds, watts))),
        ];
        self.html.element("table", &[], |html| {
            html.element("tr", &[], |html| {
                html.words("th", &[], "");
                for (title, _) in &columns {
                    html.words("th", &[("class", "number")], title.of(language));
                }
            });
            for (title, cell) in rows {
                html.element("tr", &[], |html| {
                    html.words("th", &[], title);
                    for (_, cost) in &columns {
                        html.words("td", &[("class", "number")], &cell(cost));
                    }
                });
            }
        });
    }

    fn risks(&mut self) {
        self.heading(&texts::RISKS);
        let language = self.language;
        let sentence = |risk: &Risk| match *risk {
            Risk::SameSource => texts::RISK_SOURCE.of(language).to_owned(),
            Risk::Linear => texts::RISK_LINEAR.of(language).to_owned(),
            Risk::RareClass { samples } => {
                texts::RISK_RARE.with(language, &[("samples", &samples.to_string())])
            }
            Risk::Scales => texts::RISK_SCALES.of(language).to_owned(),
            Risk::Untrained => texts::RISK_UNTRAINED.of(language).to_owned(),
            Risk::Unchecked => texts::RISK_UNCHECKED.of(language).to_owned(),
            Risk::Predicted => texts::RISK_PREDICTED.of(language).to_owned(),
            Risk::NoHeldOut => texts::RISK_MATRIX.of(language).to_owned(),
        };
        let sentences: Vec<String> = self.decision.risks.iter().map(sentence).collect();
        self.html.element("ul", &[], |html| {
            for sentence in &sentences {
                html.words("li", &[], sentence);
            }
        });
    }

    fn next(&mut self) {
        self.heading(&texts::NEXT);
        let text = match self.decision.next {
            Next::Plan => &texts::NEXT_PLAN,
            Next::Prepare => &texts::NEXT_PREPARE,
            Next::Collect => &texts::NEXT_COLLECT,
            Next::Wide => &texts::NEXT_WIDE,
            Next::Sweep => &texts::NEXT_SWEEP,
            Next::Longer => &texts::NEXT_LONGER,
            Next::Smaller => &texts::NEXT_SMALLER,
        };
        self.html.words("p", &[], text.of(self.language));
        // Whole: a command that is cut does not run.
        let command = &self.decision.command;
        if !command.is_empty() {
            self.html
                .element("pre", &[], |html| html.words("code", &[], command));
        }
    }

    fn glossary(&mut self) {
        self.heading(&texts::GLOSSARY);
        let language = self.language;
        let explained = match self.decision.measured {
            Measured::Explained => Some((&texts::TERM_EXPLAINED, &texts::ABOUT_EXPLAINED)),
            Measured::Accuracy | Measured::Energy => None,
        };
        let terms = [
            (&texts::TERM_DIRECTION, &texts::ABOUT_DIRECTION),
            (&texts::TERM_HELD_OUT, &texts::ABOUT_HELD_OUT),
            (&texts::TERM_POINT, &texts::ABOUT_POINT),
            (&texts::TERM_ERROR, &texts::ABOUT_ERROR),
            (&texts::TERM_WIDTH, &texts::ABOUT_WIDTH),
        ];
        self.html.element("dl", &[], |html| {
            for (term, about) in explained.into_iter().chain(terms) {
                html.words("dt", &[], term.of(language));
                html.words("dd", &[], about.of(language));
            }
        });
    }
}
