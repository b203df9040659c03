//! The staged plan as a sweep file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use dln::diagnose::Advice;
use dln::diagnose::held_out::Verdict;
use sweep::{Role, Spec, Value};

use super::data::{Source, Sources};
use super::diagnosis::Diagnosis;
use crate::error::CliError;
use crate::render::{held_out, numbers};

/// Rates that are tried, as shares of the one at which descent rises at once. The curvature can grow where the
/// map outgrows its start, so the largest is half of it.
const SHARES: [f64; 4] = [0.0625, 0.125, 0.25, 0.5];

/// Trials that run on both engines.
const VERIFY: u64 = 3;

/// Rows of history that a trial leaves.
const ROWS: u64 = 20;

/// Independent repeats.
const REPLICATES: u64 = 2;

/// Writes the plan.
///
/// # Errors
/// A file that is there already or cannot be written; data whose place cannot be named in a sweep; data that
/// leave nothing to train.
pub(crate) fn write(diagnosis: &Diagnosis, file: &Path) -> Result<(), CliError> {
    let failed = |source| CliError::Write {
        path: file.to_owned(),
        source,
    };
    if !diagnosis.report.safe_rate.is_finite() {
        return Err(CliError::Request(
            "the loss has no curvature at the start, so there is nothing to train: are the inputs all zero?".to_owned(),
        ));
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(|error| {
        CliError::Request(format!("{} cannot be written: {error}", file.display()))
    })?;
    let text = compose(diagnosis, &name_of(file), &folder)?;
    // What is written must be a sweep; a name that TOML or the sweep's grammar cannot hold shows here.
    Spec::parse(&text, &file.display().to_string(), &[])?;
    let mut out = match std::fs::File::create_new(file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(CliError::Request(format!(
                "{} is there already and is not overwritten; choose another name",
                file.display()
            )));
        }
        created => created.map_err(failed)?,
    };
    out.write_all(text.as_bytes()).map_err(failed)?;
    if let Verdict::CannotTell(_) = diagnosis.held.verdict {
        say!(
            "warning: nothing can be promised of the plan: {}",
            held_out::verdict(&diagnosis.held)
        );
    }
    Ok(())
}

/// The text, for a file in `folder`.
fn compose(diagnosis: &Diagnosis, name: &str, folder: &Path) -> Result<String, CliError> {
    let report = &diagnosis.report;
    let proposal = &diagnosis.proposal;
    let is_core = report.advice == Advice::Core;
    let mut text = head(diagnosis);
    // A String takes whatever is written to it.
    let _ = write!(text, "name = {}\nseed = 1\n\n[axes]\n", toml(name));
    let rates: Vec<String> = SHARES
        .iter()
        .map(|share| sweep::float_text(three_digits(share * report.safe_rate)))
        .collect();
    let _ = writeln!(text, "\"optimizer.rate\" = [{}]", rates.join(", "));
    let widths = widths(proposal.width);
    if !is_core && proposal.depth > 1 {
        let _ = writeln!(text, "\"network.width\" = [{}]", widths.join(", "));
    }
    let _ = writeln!(text, "\"replicate\" = {{ range = [0, {REPLICATES}] }}");
    text += &problem(diagnosis, folder)?;
    let _ = write!(text, "\n[network]\ndepth = {}\n", proposal.depth);
    if is_core && proposal.depth > 1 {
        let _ = writeln!(text, "width = {}", proposal.width);
    }
    let scale = sweep::float_text(proposal.scale);
    let _ = write!(text, "\n[init]\nkind = \"orthogonal\"\nscale = {scale}\n");
    let (engine, verify) = if is_core {
        ("reduced", VERIFY)
    } else {
        ("auto", 0)
    };
    let _ = write!(
        text,
        "\n[train]\nengine = \"{engine}\"\nsteps = {}\nverify = {verify}\n\n[optimizer]\nkind = \"gd\"\n",
        diagnosis.steps
    );
    let metrics = match diagnosis.role() {
        Some(Role::Labels) => "\"train_loss\", \"effective_rank\", \"separation\"",
        _ => "\"train_loss\", \"effective_rank\", \"nuclear_norm\"",
    };
    let every = diagnosis.steps.div_ceil(ROWS);
    let _ = write!(
        text,
        "\n[measure]\nevery = {every}\nmetrics = [{metrics}]\n"
    );
    Ok(text)
}

/// The comment that opens the file: what was found, and the stages.
fn head(diagnosis: &Diagnosis) -> String {
    let report = &diagnosis.report;
    let proposal = &diagnosis.proposal;
    let mut text = format!(
        "# The plan of `parsimony diagnose` for {}.\n#\n",
        diagnosis.sources.main.array.file
    );
    let _ = writeln!(
        text,
        "# The verdict: {}.\n#",
        held_out::verdict(&diagnosis.held)
    );
    let _ = writeln!(
        text,
        "# Depth {}, width {}: {} operations a step, {} on the core.",
        proposal.depth,
        proposal.width,
        numbers::scaled(report.full.flops_per_step),
        numbers::scaled(report.reduced.flops_per_step)
    );
    for (number, stage) in (1..).zip(&report.stages) {
        let _ = writeln!(text, "# {number}. {}: {}.", stage.title, stage.detail);
    }
    let _ = writeln!(
        text,
        "# The rates are shares of {:.3e}, at which descent rises at once.",
        report.safe_rate
    );
    if report.advice == Advice::Core {
        let wide = report.full.flops_per_step * diagnosis.steps as f64;
        let _ = writeln!(
            text,
            "# {VERIFY} trials also run on the wide network, {} operations each: lower `verify` if that is too much.",
            numbers::scaled(wide)
        );
    } else {
        text += "# The narrow networks are other networks: hold them against the widest.\n";
    }
    if diagnosis.sources.transpose && diagnosis.role().is_none() {
        text += "# The matrix is read as stored: it and its transpose have one spectrum and one core.\n";
    }
    // A file name with a line break would end the comment.
    text.lines()
        .map(|line| {
            if line.starts_with('#') {
                format!("{line}\n")
            } else {
                format!("# {line}\n")
            }
        })
        .collect()
}

fn problem(diagnosis: &Diagnosis, folder: &Path) -> Result<String, CliError> {
    let sources = &diagnosis.sources;
    let main = entry(sources, &sources.main, folder)?;
    let mut text = String::from("\n[problem]\n");
    match &sources.answers {
        None => {
            let _ = write!(text, "kind = \"factorization\"\ntarget = {main}\n");
        }
        Some(answers) => {
            let (kind, key) = match answers.array.role {
                Role::Labels => ("classification", "labels"),
                _ => ("regression", "targets"),
            };
            let answers = entry(sources, answers, folder)?;
            let _ = write!(
                text,
                "kind = \"{kind}\"\ninputs = {main}\n{key} = {answers}\n"
            );
            if sources.preparation.whiten {
                text.push_str("whiten = true\n");
            }
        }
    }
    Ok(text)
}

/// The table that names an array.
fn entry(sources: &Sources, source: &Source, folder: &Path) -> Result<String, CliError> {
    let array = &source.array;
    let mut table = BTreeMap::new();
    let mut put = |name: &str, value: Value| table.insert(name.to_owned(), value);
    put("file", Value::text(relative(folder, &source.path)?));
    if let Some(name) = &array.array {
        put("array", Value::text(name.as_str()));
    }
    if let Some(columns) = &array.columns {
        put("columns", columns.to_value());
    }
    if array.scale_text.is_some() {
        put("scale", Value::Float(array.scale()));
    }
    // A matrix has no samples, so its key does not know `transpose`; see `head`.
    if array.transpose && array.role != Role::Target {
        put("transpose", Value::Bool(true));
    }
    if array.header {
        put("header", Value::Bool(true));
    }
    if array.role == Role::Inputs && sources.preparation.center {
        put("center", Value::Bool(true));
    }
    if array.role == Role::Inputs && sources.preparation.standardize {
        put("standardize", Value::Bool(true));
    }
    Ok(Value::Table(table).to_toml())
}

/// The way from `folder`, which is canonical, to a file.
fn relative(folder: &Path, file: &Path) -> Result<String, CliError> {
    let parent = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = parent.canonicalize().map_err(|source| CliError::Read {
        path: file.to_owned(),
        source,
    })?;
    let (here, there): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (folder.components().collect(), parent.components().collect());
    let common = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
    let mut way: PathBuf = here[common..]
        .iter()
        .map(|_| Component::ParentDir)
        .collect();
    way.extend(&there[common..]);
    way.extend(file.file_name());
    let way = way.to_str().map(str::to_owned);
    way.ok_or_else(|| {
        CliError::Request(format!(
            "{} has a name that is no text, which a sweep cannot hold",
            file.display()
        ))
    })
}

/// A quarter, half, and all of a width.
fn widths(width: usize) -> Vec<String> {
    let mut all = vec![width.div_ceil(4), width.div_ceil(2), width];
    all.dedup();
    all.iter().map(ToString::to_string).collect()
}

/// The sweep's name: the file's, without what a name may not hold.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = stem
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        .collect();
    if sweep::is_usable_name(&name) {
        name
    } else {
        "diagnosed".to_owned()
    }
}

fn toml(text: &str) -> String {
    Value::text(text).to_toml()
}

/// A number that a person can read, close enough.
fn three_digits(x: f64) -> f64 {
    // The text is that of a finite float.
    format!("{x:.2e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_file_goes_up_and_down() {
        // Folders of every checkout.
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .canonicalize()
            .unwrap();
        let file = root.join("src/main.rs");
        let check = |folder: &str, expected: &str| {
            let folder = root.join(folder).canonicalize().unwrap();
            assert_eq!(relative(&folder, &file).unwrap(), expected);
        };
        check("src", "main.rs");
        check(".", "src/main.rs");
        check("tests", "../src/main.rs");
        check("..", "cli/src/main.rs");
        assert!(relative(&root, Path::new("nowhere/at/all.csv")).is_err());
    }

    #[test]
    fn names_and_rates_are_plain() {
        let check = |file: &str, name: &str| assert_eq!(name_of(Path::new(file)), name);
        check("plans/my plan.toml", "my-plan");
        check("digits.toml", "digits");
        check("_x.toml", "diagnosed");
        assert_eq!(three_digits(0.123_456), 0.123);
        assert_eq!(three_digits(98_765.0), 98_800.0);
        assert_eq!(widths(1000), ["250", "500", "1000"]);
        assert_eq!(widths(1), ["1"]);
    }
}
