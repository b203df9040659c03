//! The files in order of step, and the layers that all have.

use std::path::{Path, PathBuf};

use table::{ArrayFile, Element};

use crate::error::CliError;

/// Names of arrays listed in an error.
const LISTED: usize = 12;

/// Checkpoints of one network.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    /// In order of step; the first is the start.
    pub(crate) files: Vec<Checkpoint>,
    /// In the order of the network.
    pub(crate) layers: Vec<Weights>,
    /// Steps are positions: the names of the files hold no numbers, or one twice.
    pub(crate) by_position: bool,
}

/// A file of weights.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) step: u64,
    pub(crate) file: ArrayFile,
}

/// The weights of a layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    pub(crate) name: String,
    /// As stored.
    pub(crate) shape: Vec<usize>,
    /// Outputs and inputs.
    pub(crate) matrix: (usize, usize),
    /// The coarsest type of its numbers in any file.
    pub(crate) element: Element,
}

/// Which arrays are layers: names with `*` for any characters and `?` for one, several with commas between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    choices: Vec<String>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Pattern {
        let choices = text.split(',').map(|choice| choice.trim().to_owned());
        Pattern {
            choices: choices.filter(|choice| !choice.is_empty()).collect(),
        }
    }

    fn fits(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let choices = self.choices.iter();
        let mut choices = choices.map(|choice| choice.chars().collect::<Vec<char>>());
        choices.any(|choice| fits(&choice, &name))
    }
}

/// Whether a name fits a pattern; a `*` that fails is tried one character further.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut in_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(&c) if c == '?' || c == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            _ => match star {
                Some((after, tried)) => {
                    star = Some((after, tried + 1));
                    at = after + 1;
                    in_name = tried + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

impl Checkpoints {
    /// Opens the files and finds the layers of the first in all others.
    ///
    /// # Errors
    /// A file that is no checkpoint, without layers, without one that the first has, or with one of another shape.
    pub(crate) fn open(
        paths: &[PathBuf],
        pattern: Option<&Pattern>,
    ) -> Result<Checkpoints, CliError> {
        let (files, by_position) = in_order(paths)?;
        let Some(first) = files.first() else {
            return Err(CliError::Request("name a checkpoint".to_owned()));
        };
        let mut layers = layers_of(&first.file, pattern)?;
        for checkpoint in &files[1..] {
            for layer in &mut layers {
                let element = same(&first.file, &checkpoint.file, layer)?;
                if element.rounding() > layer.element.rounding() {
                    layer.element = element;
                }
            }
        }
        Ok(Checkpoints {
            files,
            layers,
            by_position,
        })
    }

    /// Outputs and inputs of the layers.
    pub(crate) fn shapes(&self) -> Vec<(usize, usize)> {
        self.layers.iter().map(|layer| layer.matrix).collect()
    }

    /// The step of the first file and of the last.
    pub(crate) fn ends(&self) -> (u64, u64) {
        let step = |checkpoint: Option<&Checkpoint>| checkpoint.map_or(0, |found| found.step);
        (step(self.files.first()), step(self.files.last()))
    }
}

/// The files by step.
fn in_order(paths: &[PathBuf]) -> Result<(Vec<Checkpoint>, bool), CliError> {
    let (steps, by_position) = steps_of(paths)?;
    let mut files = Vec::with_capacity(paths.len());
    for (step, path) in steps.into_iter().zip(paths) {
        let file = ArrayFile::open(path)?;
        files.push(Checkpoint { step, file });
    }
    files.sort_by_key(|checkpoint| checkpoint.step);
    Ok((files, by_position))
}

/// The last number in the name of each file, and `false`; their positions, and `true`, where no name has a number or
/// two have the same.
///
/// # Errors
/// Where some names have a number and others do not: a position among steps would put a file in the wrong place.
fn steps_of(paths: &[PathBuf]) -> Result<(Vec<u64>, bool), CliError> {
    let numbers: Vec<Option<u64>> = paths.iter().map(|path| last_number(path)).collect();
    let mut named: Vec<u64> = numbers.iter().copied().flatten().collect();
    if !named.is_empty()
        && let Some(at) = numbers.iter().position(Option::is_none)
    {
        return Err(CliError::Request(format!(
            "the name of {} has no number, and others have one: its step is not known; give every file the number of its step",
            paths[at].display()
        )));
    }
    let steps = named.clone();
    named.sort_unstable();
    let repeated = named.windows(2).any(|pair| pair[0] == pair[1]);
    if steps.is_empty() || repeated {
        return Ok(((0..).take(paths.len()).collect(), true));
    }
    Ok((steps, false))
}

/// The last number in the name of a file, its ending aside.
fn last_number(path: &Path) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    let digits = stem.rsplit(|c: char| !c.is_ascii_digit());
    let last = digits.into_iter().find(|digits| !digits.is_empty())?;
    // Steps are signed in the tables.
    last.parse::<i64>()
        .ok()
        .and_then(|step| u64::try_from(step).ok())
}

/// The arrays of a file that are layers: floating-point numbers in two dimensions or more.
fn layers_of(file: &ArrayFile, pattern: Option<&Pattern>) -> Result<Vec<Weights>, CliError> {
    let wanted = file
        .entries()
        .iter()
        .filter(|entry| pattern.is_none_or(|pattern| pattern.fits(&entry.name)));
    let layers: Vec<Weights> = wanted
        .filter_map(|entry| {
            let matrix = entry.matrix()?;
            Some(Weights {
                name: entry.name.clone(),
                shape: entry.shape.clone(),
                matrix,
                element: entry.element?,
            })
        })
        .filter(|layer| layer.matrix.0 > 0 && layer.matrix.1 > 0)
        .collect();
    if layers.is_empty() {
        let asked = if pattern.is_some() {
            " that fit --layers"
        } else {
            ""
        };
        return Err(CliError::Request(format!(
            "{} holds no arrays{asked} of floating-point numbers in two dimensions or more; it has {}",
            file.path().display(),
            listed(file)
        )));
    }
    Ok(layers)
}

fn listed(file: &ArrayFile) -> String {
    let sides = |shape: &[usize]| {
        let sides: Vec<String> = shape.iter().map(ToString::to_string).collect();
        sides.join(" x ")
    };
    let mut names: Vec<String> = file
        .entries()
        .iter()
        .take(LISTED)
        .map(|entry| format!("'{}' ({} {})", entry.name, entry.kind, sides(&entry.shape)))
        .collect();
    if file.entries().len() > LISTED {
        names.push("...".to_owned());
    }
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

/// The type of a layer's numbers in another file, where it has the shape that it has in the first.
fn same(first: &ArrayFile, other: &ArrayFile, layer: &Weights) -> Result<Element, CliError> {
    let name = &layer.name;
    let other_path = other.path().display();
    let Some(entry) = other.entry(name) else {
        return Err(CliError::Request(format!(
            "{other_path} holds no array '{name}', which {} has; it has {}",
            first.path().display(),
            listed(other)
        )));
    };
    if entry.shape != layer.shape {
        return Err(CliError::Request(format!(
            "array '{name}' of {other_path} has the shape {:?}, and {:?} in {}; checkpoints of one network have the same",
            entry.shape,
            layer.shape,
            first.path().display()
        )));
    }
    entry.element.ok_or_else(|| {
        CliError::Request(format!(
            "array '{name}' of {other_path} holds elements of type {}, where f16, bf16, f32 or f64 are needed",
            entry.kind
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        let check = |pattern: &str, name: &str, expected| {
            assert_eq!(
                Pattern::new(pattern).fits(name),
                expected,
                "{pattern} {name}"
            );
        };
        check("fc*.weight", "fc12.weight", true);
        check("fc*.weight", "fc12.weight.0", false);
        check("*", "", true);
        check("w?", "w1", true);
        check("w?", "w12", false);
        check("a, *.weight", "model.layers.3.weight", true);
        check("*a*b*c", "xxaxxbxxbc", true);
        check("*a*b*c", "xxaxxcb", false);
        check("w", "W", false);
        check("", "w", false);
    }

    #[test]
    fn steps_are_the_last_numbers_of_names() {
        let check = |name: &str, expected| assert_eq!(last_number(Path::new(name)), expected);
        check("runs/7/tanh_step00300.npz", Some(300));
        check("v2-model.safetensors", Some(2));
        check("step_12_of_300.npz", Some(300));
        check("7/start.npz", None);
        check("99999999999999999999.npz", None);
    }

    #[test]
    fn numbers_and_positions_are_not_mixed() {
        let steps = |names: &[&str]| {
            let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
            steps_of(&paths)
        };
        let check = |names: &[&str], expected: (&[u64], bool)| {
            let (found, by_position) = steps(names).unwrap();
            assert_eq!((&found[..], by_position), expected);
        };
        check(&["step300.npz", "step0.npz"], (&[300, 0], false));
        check(&["start.npz", "end.npz"], (&[0, 1], true));
        check(&["a7.npz", "b7.npz"], (&[0, 1], true));
        let mixed = ["final.npz", "step1.npz", "step300.npz"];
        let error = steps(&mixed).unwrap_err().to_string();
        assert!(error.contains("final.npz has no number"), "{error}");
    }
}
