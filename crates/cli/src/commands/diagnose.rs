//! `parsimony diagnose`: how low-dimensional data are, and what training on their core would save.

use std::path::PathBuf;

use clap::Args;
use dln::diagnose::{Proposal, Subject};
use dln::{Given, Loss};

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
    /// four times their dimension, at least 1000]
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
    /// Write the plan as a sweep file; nothing is overwritten
    #[arg(long, value_name = "FILE.toml")]
    write: Option<PathBuf>,
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
        let sources = Sources::of(&self.data)?;
        let subject = sources.read()?;
        let asked = self.width.map(|width| width as usize);
        let proposal = Proposal {
            depth: self.depth as usize,
            width: asked.unwrap_or_else(|| subject.usual_width()),
            scale: self.init_scale,
            loss: Loss::Mean,
        };
        let report = dln::diagnose::diagnose(&subject, &proposal)
            .map_err(|error| CliError::Request(format!("{}: {error}", self.data.file.display())))?;
        let outputs = match &subject {
            Subject::Matrix(_) => None,
            Subject::Labelled {
                classes: Given(answers),
                ..
            }
            | Subject::Paired {
                targets: Given(answers),
                ..
            } => Some(answers.nrows()),
        };
        let diagnosis = Diagnosis {
            outputs,
            steps: self.steps.unwrap_or(report.steps),
            sources,
            proposal,
            report,
        };
        // The plan first: where it cannot be written, the figures must not look like success.
        if let Some(file) = &self.write {
            diagnose::write_plan(&diagnosis, file)?;
        }
        if self.json {
            output::json(&diagnosis::as_json(&diagnosis, self.write.as_deref()))?;
        } else {
            output::data(&diagnosis::as_text(&diagnosis))?;
        }
        if let Some(file) = &self.write {
            let file = file.display();
            say!("plan written: see `parsimony plan {file}`, then `parsimony run {file}`");
        }
        Ok(Exit::Done)
    }
}
