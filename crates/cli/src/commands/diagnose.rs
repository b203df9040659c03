//! `parsimony diagnose`: how low-dimensional data are, and what training on their core would save.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use dln::diagnose::held_out::{Question, Staged, held_out, scales, staged};
use dln::diagnose::{Proposal, Report, Subject};
use dln::{Given, Loss};
use report::decision::{Language, page};
use table::StagedFile;

use crate::arguments::positive;
use crate::diagnose::{self, DataArguments, Diagnosis, Sources};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;
use crate::render::diagnosis;

/// Show how low-dimensional data are, the core they need, and the expected speed-up
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony diagnose ratings.npy                                   a matrix to be factored
  parsimony diagnose digits.csv.gz --columns 0..64 --labels 64 --scale 0.0625
  parsimony diagnose x.npy --targets y.npy --width 2000 --depth 4
  parsimony diagnose all.npz --array x --labels :y --write plan.toml && parsimony run plan.toml

A sample is a row, unless --transpose is given. Labels are integers or texts, one per sample.")]
pub(crate) struct Diagnose {
    #[command(flatten)]
    data: DataArguments,
    /// Hidden width of the planned network [default: the larger side of a matrix; for samples
    /// the narrowest that loses nothing on held-out samples]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    width: Option<u32>,
    /// Number of layers of the planned network
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    depth: u32,
    /// Scale of the orthogonal start
    #[arg(long, value_parser = positive, default_value = "1", value_name = "EPS")]
    init_scale: f64,
    /// Steps to plan for [default: derived from the spectrum]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    steps: Option<u64>,
    /// Write the plan: as a sweep file where the name ends in .toml, else as a folder of stages for
    /// plan-check; nothing is overwritten
    #[arg(long, value_name = "FILE.toml|DIR")]
    write: Option<PathBuf>,
    /// Write one page for people who decide: question, answer, pictures, cost, risks, next step
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Language of the page: en or ja
    #[arg(long, value_parser = language, default_value = "en", value_name = "LANG")]
    lang: Language,
    /// Power of a core while it trains, for the energy on the page
    #[arg(long, value_name = "N", value_parser = positive, default_value = "100")]
    watts: f64,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Diagnose {
    /// Looks at the data and prints what it found.
    ///
    /// # Errors
    /// [`CliError`]: files that cannot be read or do not fit, and a plan's file that is there already.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        let (diagnosis, staged) = self.diagnose()?;
        // Files first: where one cannot be written, the figures must not look like success.
        if let Some(path) = &self.write {
            if is_sweep(path) {
                diagnose::write_plan(&diagnosis, path)?;
            } else {
                diagnose::write_stages(&diagnosis, staged.as_ref(), path)?;
            }
        }
        if let Some(file) = &self.report {
            self.write_page(&diagnosis, file)?;
        }
        if self.json {
            output::json(&diagnosis::as_json(&diagnosis, self.write.as_deref()))?;
        } else {
            output::data(&diagnosis::as_text(&diagnosis))?;
        }
        if let Some(file) = &self.write {
            let shown = file.display();
            if is_sweep(file) {
                say!("plan written: see `parsimony plan {shown}`, then `parsimony run {shown}`");
            } else {
                say!("plan written: `parsimony plan-check {shown}` prints which stage to run");
            }
        }
        if let Some(file) = &self.report {
            say!("page written: {}", file.display());
        }
        Ok(Exit::Done)
    }

    fn diagnose(&self) -> Result<(Diagnosis, Option<Staged>), CliError> {
        let sources = Sources::of(&self.data)?;
        for note in sources.notes() {
            say!("warning: {note}");
        }
        let subject = sources.read()?;
        let prepared = sources.prepared(&subject);
        let asked = self.width.map(|width| width as usize);
        let failed = |error| CliError::Request(format!("{}: {error}", self.data.file.display()));
        let preparation = sources.preparation;
        let mut proposal = Proposal {
            depth: self.depth as usize,
            width: asked.unwrap_or_else(|| subject.usual_width()),
            scale: self.init_scale,
            loss: Loss::Mean,
        };
        // What is not finite or does not fit is reported before anything is trained.
        let mut report = dln::diagnose::diagnose(&prepared, &proposal).map_err(failed)?;
        let white = sources.whitened(&prepared).map_err(failed)?;
        let question = Question {
            depth: proposal.depth,
            width: asked,
            scale: proposal.scale,
            steps: self.steps,
            preparation,
        };
        let begun = Instant::now();
        let clock = || begun.elapsed().as_secs_f64();
        let held = held_out(&subject, &question, &clock).map_err(failed)?;
        if held.width != proposal.width {
            proposal.width = held.width.max(1);
            report = dln::diagnose::diagnose(&prepared, &proposal).map_err(failed)?;
        }
        if let Some(white) = &white {
            let trained = dln::diagnose::diagnose(white, &proposal).map_err(failed)?;
            report = as_trained(report, trained);
        }
        let (outputs, scales) = match &subject {
            Subject::Matrix(_) => (None, 1.0),
            Subject::Labelled {
                inputs: Given(inputs),
                classes: Given(answers),
            }
            | Subject::Paired {
                inputs: Given(inputs),
                targets: Given(answers),
            } => (Some(answers.nrows()), scales(inputs.view(), preparation)),
        };
        let wants_stages = self.write.as_ref().is_some_and(|path| !is_sweep(path));
        let staged = match wants_stages {
            true => staged(&subject, &question).map_err(failed)?,
            false => None,
        };
        let diagnosis = Diagnosis {
            outputs,
            steps: self.steps.unwrap_or(report.steps),
            sources,
            proposal,
            report,
            held,
            scales,
            preparation,
            call: diagnose::Call::own(),
        };
        Ok((diagnosis, staged))
    }

    /// Writes the page; nothing is overwritten.
    fn write_page(&self, diagnosis: &Diagnosis, file: &Path) -> Result<(), CliError> {
        if file.exists() {
            return Err(CliError::Request(format!(
                "{} is there already and is not overwritten; choose another name",
                file.display()
            )));
        }
        let decision = diagnose::decision(diagnosis, self.watts);
        let html = page(&decision, self.lang)?;
        let written = StagedFile::with_content(file, html.as_bytes()).and_then(StagedFile::publish);
        written.map_err(|source| CliError::Write {
            path: file.to_owned(),
            source,
        })
    }
}

/// The report of whitened samples, with what the data themselves are from the report of those that are not.
fn as_trained(data: Report, trained: Report) -> Report {
    let check = data.stages.into_iter().take(1);
    let further = trained.stages.into_iter().skip(1);
    Report {
        spectrum: data.spectrum,
        correlation_rank: data.correlation_rank,
        stages: check.chain(further).collect(),
        ..trained
    }
}

/// A sweep file; any other name is that of a folder.
fn is_sweep(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "toml")
}

fn language(code: &str) -> Result<Language, String> {
    Language::named(code).ok_or_else(|| {
        let known: Vec<&str> = Language::ALL
            .iter()
            .map(|language| language.code())
            .collect();
        format!(
            "`{code}` is no language of the page; write {}",
            known.join(" or ")
        )
    })
}
