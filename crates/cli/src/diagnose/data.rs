//! Which arrays a diagnosis reads, and the subject that they make.
//!
//! A source is named twice: by the path that it is read from, and by an [`ArrayRef`], by which `table` reads
//! it and the written sweep names it. Which columns are inputs is found by looking at the file (`table::data_file`).

use std::path::{Path, PathBuf};

use clap::Args;
use dln::diagnose::Subject;
use dln::diagnose::held_out::Preparation;
use dln::{Given, Normalization, TrialError};
use sweep::{ArrayRef, Columns, Role};
use table::data_file::{DataDescription, Describe, describe};

use crate::arguments::{Place, columns, factor, place};
use crate::error::CliError;

// The data of a diagnosis. No doc comment: clap would show it for the command.
#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    /// The data: .npy, .npz, .csv, .csv.gz or .parquet; without labels or targets, a matrix to be factored
    pub(crate) file: PathBuf,
    /// Columns of FILE to use, half open, or their names: 0..64, 0..4,6..9, age,weight
    /// [default: all that hold data]
    #[arg(long, value_parser = columns, value_name = "COLUMNS")]
    pub(crate) columns: Option<Columns>,
    /// Array of FILE, if it is an .npz
    #[arg(long, value_name = "NAME")]
    pub(crate) array: Option<String>,
    /// Classes of the samples: a column of FILE (64, or its name), another file (y.npy), or a part of one
    /// (y.csv:0..1, y.csv:class, all.npz:y; :y for an array of FILE)
    #[arg(long, value_parser = place, value_name = "WHERE", conflicts_with = "targets")]
    pub(crate) labels: Option<Place>,
    /// Real targets of the samples, named as labels are
    #[arg(long, value_parser = place, value_name = "WHERE")]
    pub(crate) targets: Option<Place>,
    /// A sample is a column
    #[arg(long)]
    pub(crate) transpose: bool,
    /// The first line of a CSV file names its columns [default: seen from the lines]
    #[arg(long)]
    pub(crate) header: bool,
    /// Factor of every number of FILE
    #[arg(long, value_parser = factor, default_value = "1", allow_negative_numbers = true)]
    pub(crate) scale: f64,
    /// Subtract from each input its mean over the samples trained on
    #[arg(long)]
    pub(crate) center: bool,
    /// Divide each input by its deviation over the samples trained on
    #[arg(long)]
    pub(crate) standardize: bool,
    /// Make X X^T = I on the samples trained on
    #[arg(long)]
    pub(crate) whiten: bool,
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
    /// The file of the inputs, column by column.
    pub(crate) description: DataDescription,
    /// What is done to the inputs, learned on the samples trained on.
    pub(crate) preparation: Preparation,
}

impl Sources {
    /// Looks at the file of the inputs and finds what is read of it.
    ///
    /// # Errors
    /// [`CliError::Data`]; [`CliError::Request`] where the inputs would hold their own answers, or have missing values.
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
            columns: options.columns.clone(),
            name: options.array.clone(),
        };
        let mut main = source(options, &own, role);
        main.array.scale_text = (options.scale != 1.0).then(|| sweep::float_text(options.scale));
        let mut answers = answers.map(|(place, role)| source(options, place, role));
        if let Some(answers) = &answers {
            refuse_overlap(&main, answers)?;
        }
        let description = look(&main, answers.as_ref(), options)?;
        if !options.transpose {
            main.array.columns = description.input_columns();
        }
        main.array.header = description.header;
        if let Some(answers) = &mut answers {
            answers.array.header = if answers.is_in_file_of(&main) {
                description.header
            } else {
                has_header(answers)?
            };
        }
        Ok(Sources {
            main,
            answers,
            transpose: options.transpose,
            description,
            preparation: Preparation {
                center: options.center,
                standardize: options.standardize,
                whiten: options.whiten,
            },
        })
    }

    /// What is said of the file, a sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        use table::data_file::DescriptionNote as Note;
        let prepared = self.preparation.standardize || self.preparation.whiten;
        let notes = self
            .description
            .notes()
            .into_iter()
            .filter(|note| match note {
                Note::Magnitudes { .. } => !prepared && self.answers.is_some(),
                Note::Constant { .. } => self.answers.is_some(),
                _ => true,
            });
        notes.map(|note| note.to_string()).collect()
    }

    /// Reads the arrays as they are in their files.
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

    /// The samples with their inputs centred and standardized where that is asked for.
    pub(crate) fn prepared(&self, subject: &Subject) -> Subject {
        let Preparation {
            center,
            standardize,
            whiten: _,
        } = self.preparation;
        let mut subject = subject.clone();
        if let Subject::Labelled { inputs, .. } | Subject::Paired { inputs, .. } = &mut subject
            && let Some(learned) = Normalization::learned(inputs.0.view(), center, standardize)
        {
            *inputs = Given::from(learned.applied(inputs.0.view()));
        }
        subject
    }

    /// Prepared samples as they are trained on where whitening is asked for; `None` where they are trained on as they
    /// are.
    ///
    /// # Errors
    /// [`TrialError::NoConvergence`].
    pub(crate) fn whitened(&self, prepared: &Subject) -> Result<Option<Subject>, TrialError> {
        let mut subject = match prepared {
            Subject::Labelled { .. } | Subject::Paired { .. } if self.preparation.whiten => {
                prepared.clone()
            }
            Subject::Matrix(_) | Subject::Labelled { .. } | Subject::Paired { .. } => {
                return Ok(None);
            }
        };
        if let Subject::Labelled { inputs, .. } | Subject::Paired { inputs, .. } = &mut subject {
            *inputs = Given::from(dln::whitened(inputs.0.view())?);
        }
        Ok(Some(subject))
    }
}

impl Source {
    /// Whether both are read from one file, however each path is written.
    fn is_in_file_of(&self, other: &Source) -> bool {
        match (self.path.canonicalize(), other.path.canonicalize()) {
            (Ok(own), Ok(others)) => own == others,
            // What cannot be read is refused when it is opened.
            _ => self.path == other.path,
        }
    }

    fn read(&self) -> Result<Given, CliError> {
        let (array, warnings) = table::read_array_file(&self.path, &self.array)?;
        for warning in warnings {
            // An index that is read has been mentioned with the columns.
            if !matches!(warning.note, table::DataNote::Index { .. }) {
                say!("warning: {warning}");
            }
        }
        Ok(Given::from(array))
    }
}

/// Whether a file of answers alone begins with the names of its columns.
fn has_header(answers: &Source) -> Result<bool, CliError> {
    let asked = Describe {
        array: answers.array.array.clone(),
        header: answers.array.header,
        transpose: answers.array.transpose,
        ..Describe::default()
    };
    let found = describe(&answers.path, &answers.array.file, &asked)?;
    Ok(found.header)
}

/// Looks at the file of the inputs.
fn look(
    main: &Source,
    answers: Option<&Source>,
    options: &DataArguments,
) -> Result<DataDescription, CliError> {
    let same = answers.filter(|answers| {
        answers.is_in_file_of(main) && answers.array.array == main.array.array && !options.transpose
    });
    let asked = Describe {
        array: main.array.array.clone(),
        columns: main.array.columns.clone().filter(|_| !options.transpose),
        answers: same.and_then(|answers| answers.array.columns.clone()),
        header: main.array.header,
        transpose: options.transpose,
    };
    let description = describe(&main.path, &main.array.file, &asked)?;
    if description.inputs().next().is_none() {
        let notes = description.notes();
        let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
        return Err(CliError::Request(format!(
            "{} has no column of numbers: {}",
            main.path.display(),
            notes.join("; ")
        )));
    }
    let missing: Vec<String> = description
        .notes()
        .iter()
        .filter(|note| note.is_of_missing_values())
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        return Err(CliError::Request(format!(
            "{}: {}",
            main.path.display(),
            missing.join("\n  ")
        )));
    }
    Ok(description)
}

fn source(options: &DataArguments, place: &Place, role: Role) -> Source {
    let path: &Path = place.file.as_deref().unwrap_or(&options.file);
    // Only CSV has a header, and an entry of a sweep that says otherwise would be misleading.
    let name = path.to_string_lossy();
    let lower = name.to_ascii_lowercase();
    let is_csv = lower.ends_with(".csv") || lower.ends_with(".csv.gz");
    let is_archive = lower.ends_with(".npz");
    let named = place.name.clone();
    let column = named
        .clone()
        .filter(|_| !is_archive && role != Role::Inputs);
    let by_name = column.filter(|_| role != Role::Target);
    Source {
        path: path.to_owned(),
        array: ArrayRef {
            role,
            file: name.into_owned(),
            array: named.filter(|_| by_name.is_none()),
            columns: match by_name {
                Some(name) => Some(Columns::Named(vec![name])),
                None => place.columns.clone(),
            },
            scale_text: None,
            transpose: options.transpose,
            header: options.header && is_csv,
        },
    }
}

/// Inputs that hold their own labels would make every question look easy.
fn refuse_overlap(main: &Source, answers: &Source) -> Result<(), CliError> {
    let same = answers.is_in_file_of(main) && main.array.array == answers.array.array;
    // Columns that nobody asked for are all but those of the answers.
    let apart = match (&main.array.columns, &answers.array.columns) {
        (Some(Columns::Ranges(inputs)), Some(Columns::Ranges(answers))) => inputs
            .iter()
            .all(|&(a, b)| answers.iter().all(|&(c, d)| b <= c || d <= a)),
        (Some(Columns::Named(inputs)), Some(Columns::Named(answers))) => {
            inputs.iter().all(|name| !answers.contains(name))
        }
        // Found out once the file is looked at.
        (Some(_), Some(_)) => true,
        (None, Some(_)) => !main.array.transpose,
        (_, None) => false,
    };
    if !same || apart {
        return Ok(());
    }
    Err(CliError::Request(format!(
        "the inputs would hold their own labels or targets: say with --columns which columns of {} are inputs",
        main.path.display()
    )))
}
