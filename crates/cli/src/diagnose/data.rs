//! Which arrays a diagnosis reads, and the subject that they make.
//!
//! A source is named twice: by the path that it is read from, and by an [`ArrayRef`], by which `table` reads
//! it and the written sweep names it.

use std::path::{Path, PathBuf};

use clap::Args;
use dln::Given;
use dln::diagnose::Subject;
use sweep::{ArrayRef, Role};

use crate::arguments::{Place, columns, factor, place};
use crate::error::CliError;

// The data of a diagnosis. No doc comment: clap would show it for the command.
#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    /// The data: .npy, .npz, .csv, .csv.gz or .parquet; without labels or targets, a matrix to be factored
    pub(crate) file: PathBuf,
    /// Columns of FILE to use, half open: 0..64
    #[arg(long, value_parser = columns, value_name = "RANGE")]
    pub(crate) columns: Option<(u64, u64)>,
    /// Array of FILE, if it is an .npz
    #[arg(long, value_name = "NAME")]
    pub(crate) array: Option<String>,
    /// Classes of the samples: columns of FILE (64), another file (y.npy), or a part of one (y.csv:0..1,
    /// all.npz:y; :y for an array of FILE)
    #[arg(long, value_parser = place, value_name = "WHERE", conflicts_with = "targets")]
    pub(crate) labels: Option<Place>,
    /// Real targets of the samples, named as labels are
    #[arg(long, value_parser = place, value_name = "WHERE")]
    pub(crate) targets: Option<Place>,
    /// A sample is a column
    #[arg(long)]
    pub(crate) transpose: bool,
    /// The first line of a CSV file names its columns
    #[arg(long)]
    pub(crate) header: bool,
    /// Factor of every number of FILE
    #[arg(long, value_parser = factor, default_value = "1", allow_negative_numbers = true)]
    pub(crate) scale: f64,
}

/// One array of one file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// Its file is the path as it was written.
    pub(crate) array: ArrayRef,
}

/// The arrays of a diagnosis.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// Inputs, or the matrix.
    pub(crate) main: Source,
    /// Labels or targets.
    pub(crate) answers: Option<Source>,
    /// A sample stands in a column.
    pub(crate) transpose: bool,
}

impl Sources {
    /// # Errors
    /// [`CliError::Request`] where the inputs would hold their own answers.
    pub(crate) fn of(options: &DataArguments) -> Result<Sources, CliError> {
        let answers = match (&options.labels, &options.targets) {
            (Some(place), _) => Some((place, Role::Labels)),
            (None, Some(place)) => Some((place, Role::Targets)),
            (None, None) => None,
        };
        let role = match answers {
            Some(_) => Role::Inputs,
            None => Role::Target,
        };
        let own = Place {
            file: None,
            columns: options.columns,
            array: options.array.clone(),
        };
        let mut main = source(options, &own, role);
        main.array.scale_text = (options.scale != 1.0).then(|| sweep::float_text(options.scale));
        let answers = answers.map(|(place, role)| source(options, place, role));
        if let Some(answers) = &answers {
            refuse_overlap(&main, answers)?;
        }
        Ok(Sources {
            main,
            answers,
            transpose: options.transpose,
        })
    }

    /// Reads the arrays.
    ///
    /// # Errors
    /// [`CliError::Data`]; [`CliError::Request`] where the samples do not fit each other.
    pub(crate) fn read(&self) -> Result<Subject, CliError> {
        let main = self.main.read()?;
        let Some(answers) = &self.answers else {
            return Ok(Subject::Matrix(main));
        };
        let read = answers.read()?;
        let (inputs, found) = (main.0.ncols(), read.0.ncols());
        if inputs != found {
            return Err(CliError::Request(format!(
                "{} has {inputs} samples, {} has {found} (a sample stands in a {}; --transpose turns it)",
                self.main.path.display(),
                answers.path.display(),
                if self.transpose { "column" } else { "row" }
            )));
        }
        Ok(match answers.array.role {
            Role::Labels => Subject::Labelled {
                inputs: main,
                classes: read,
            },
            _ => Subject::Paired {
                inputs: main,
                targets: read,
            },
        })
    }
}

impl Source {
    fn read(&self) -> Result<Given, CliError> {
        let (array, warnings) = table::read_array_file(&self.path, &self.array)?;
        for warning in warnings {
            say!("warning: {warning}");
        }
        Ok(Given::from(array))
    }
}

fn source(options: &DataArguments, place: &Place, role: Role) -> Source {
    let path: &Path = place.file.as_deref().unwrap_or(&options.file);
    // Only CSV has a header, and an entry of a sweep that says otherwise would be misleading.
    let name = path.to_string_lossy();
    let lower = name.to_ascii_lowercase();
    let is_csv = lower.ends_with(".csv") || lower.ends_with(".csv.gz");
    Source {
        path: path.to_owned(),
        array: ArrayRef {
            role,
            file: name.into_owned(),
            array: place.array.clone(),
            columns: place.columns,
            scale_text: None,
            transpose: options.transpose,
            header: options.header && is_csv,
        },
    }
}

/// Inputs that hold their own labels would make every question look easy.
fn refuse_overlap(main: &Source, answers: &Source) -> Result<(), CliError> {
    let same = main.path == answers.path && main.array.array == answers.array.array;
    let apart = match (main.array.columns, answers.array.columns) {
        (Some((a, b)), Some((c, d))) => b <= c || d <= a,
        _ => false,
    };
    if !same || apart {
        return Ok(());
    }
    Err(CliError::Request(format!(
        "the inputs would hold their own labels or targets: say with --columns which columns of {} are inputs",
        main.path.display()
    )))
}
