//! `parsimony diagnose`: how low-dimensional data are, the core that they would need, the speed-up to expect,
//! and the staged plan, on request as a sweep that runs.
//!
//! The figures are `dln`'s. Which arrays are read is in `data`, how it is told in `show`, the sweep in `plan`.

mod data;
mod plan;
mod show;

use dln::diagnose::{Proposal, Report, Subject};
use dln::{Given, Loss};

use crate::args::Diagnose;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

use self::data::Sources;

/// All that is told and written.
struct Diagnosis {
    sources: Sources,
    /// Classes, or targets of a sample; `None` for a matrix.
    outputs: Option<usize>,
    proposal: Proposal,
    /// Steps asked for, else the report's.
    steps: u64,
    report: Report,
}

/// Looks at the data and says what it found.
///
/// # Errors
/// [`CliError`]: files that cannot be read or do not fit, and a plan's file that is there already.
pub(crate) fn diagnose(options: &Diagnose) -> Result<Exit, CliError> {
    let sources = Sources::of(options)?;
    let subject = sources.read()?;
    let asked = options.width.map(|width| width as usize);
    let proposal = Proposal {
        depth: options.depth as usize,
        width: asked.unwrap_or_else(|| subject.usual_width()),
        scale: options.init_scale,
        loss: Loss::Mean,
    };
    let report = dln::diagnose::diagnose(&subject, &proposal)
        .map_err(|error| CliError::Request(format!("{}: {error}", options.file.display())))?;
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
        steps: options.steps.unwrap_or(report.steps),
        sources,
        proposal,
        report,
    };
    // The plan first: where it cannot be written, the figures must not look like success.
    if let Some(file) = &options.write {
        plan::write(&diagnosis, file)?;
    }
    if options.json {
        output::json(&show::as_json(&diagnosis, options.write.as_deref()))?;
    } else {
        output::data(&show::as_text(&diagnosis))?;
    }
    if let Some(file) = &options.write {
        let file = file.display();
        say!("plan written: see `parsimony plan {file}`, then `parsimony run {file}`");
    }
    Ok(Exit::Done)
}
