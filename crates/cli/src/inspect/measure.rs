//! Layer by layer, checkpoint by checkpoint: what the weights and their updates show.

use std::path::PathBuf;

use dln::inspect::{
    AngledValue, Block, BlockError, Chain, Ranks, Singular, SingularError, Wanted, angled,
    best_leak, block, chain, chance_leak, leading, leak, range, ranks, singular,
};
use sweep::{ArrayRef, Role};
use table::{ArrayFile, DataError, Element};

use super::checkpoints::{Checkpoints, Weights};
use super::matrices::Stored;
use crate::error::CliError;

/// Leading singular values of a matrix that is too large to be decomposed whole.
const LEADING: usize = 64;

/// Rows of `spectra`, over all layers and checkpoints: 100 MB of columns.
const SPECTRUM_ROWS: usize = 1 << 21;

/// Values of a spectrum that are kept however many spectra there are.
const FEWEST_VALUES: usize = 16;

/// Share of a unit vector's image that counts as a new direction, for doubles.
const DIRECTION: f64 = 1e-8;

/// The same in units of the rounding of coarser numbers: an image is a sum of rounded entries.
const ROUNDINGS: f64 = 32.0;

/// Most outputs whose block is followed: it holds a direction for each in every layer, 80 MB in one of 10,000.
const OUTPUTS: usize = 1024;

/// Most directions of inputs whose range is taken: the factor of 4,096 inputs is 128 MB.
const INPUTS: usize = 4096;

/// Where the block comes from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) gradient: Option<PathBuf>,
    pub(crate) inputs: Option<PathBuf>,
}

/// Which seeds the block of the inputs has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// The range of the inputs.
    Data,
    /// The leading right singular vectors of a gradient from a file.
    Gradient,
    /// Those of the difference of the first two files, which are this many steps apart; `None` where positions stand
    /// for steps.
    FirstUpdate { steps: Option<u64> },
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Inspection {
    pub(crate) layers: Vec<LayerMeasured>,
    /// `None` where no block was looked for: a single file, or layers that do not chain.
    pub(crate) block: Option<BlockKind>,
    /// Why a block that was looked for is not there.
    pub(crate) why_no_block: Option<String>,
    /// Values kept of each spectrum; `None` where all are.
    pub(crate) kept: Option<usize>,
}

/// A layer over all checkpoints.
#[derive(Debug)]
pub(crate) struct LayerMeasured {
    pub(crate) weights: Weights,
    /// `dim H_l`, `dim H_(l-1)`, and whether they are all there is.
    pub(crate) block: Option<(usize, usize, bool)>,
    /// The block comes from the very update whose leak is the last.
    pub(crate) is_own: bool,
    pub(crate) steps: Vec<StepMeasured>,
}

/// A layer at a checkpoint.
#[derive(Debug, Default)]
pub(crate) struct StepMeasured {
    pub(crate) step: u64,
    pub(crate) values: Vec<AngledValue>,
    pub(crate) ranks: Ranks,
    /// Singular values of the change since the first file; none in that file.
    pub(crate) update: Vec<f64>,
    pub(crate) update_ranks: Ranks,
    /// Values of the update above what rounding makes.
    pub(crate) update_rank: Option<usize>,
    pub(crate) leak: Option<f64>,
    pub(crate) best: Option<f64>,
    pub(crate) chance: Option<f64>,
    /// Of sketches: how far a value may be from a true one, relative to the largest; of the weights and the update.
    pub(crate) errors: [Option<f64>; 2],
}

impl LayerMeasured {
    pub(crate) fn last(&self) -> Option<&StepMeasured> {
        self.steps.last()
    }
}

/// Measures every layer in every file. One array, or a piece of it, is in memory at a time.
///
/// # Errors
/// [`CliError`]: values that are not finite, a gradient or inputs that do not fit.
pub(crate) fn inspect(
    checkpoints: &Checkpoints,
    sources: &Sources,
) -> Result<Inspection, CliError> {
    let found = chain(&checkpoints.shapes());
    let mut inspection = Inspection {
        layers: Vec::new(),
        block: None,
        why_no_block: None,
        kept: None,
    };
    let blocks = match &found {
        Some(chain) => block_of(checkpoints, sources, chain, &mut inspection)?,
        None => {
            inspection.why_no_block = Some(
                "no two layers follow one another: the inputs of each must be as many as the outputs of the one before"
                    .to_owned(),
            );
            None
        }
    };
    let spectra = checkpoints.layers.len() * checkpoints.files.len();
    let kept = (SPECTRUM_ROWS / spectra.max(1)).max(FEWEST_VALUES);
    for (at, weights) in checkpoints.layers.iter().enumerate() {
        let within = found.as_ref().zip(blocks.as_ref());
        let within = within.filter(|(chain, _)| chain.layers.contains(&at));
        let within = within.map(|(chain, block)| (block, at - chain.layers.start + 1));
        if weights.matrix.0.min(weights.matrix.1) > kept {
            inspection.kept = Some(kept);
        }
        let mut measured = layer(checkpoints, weights, within, kept)?;
        measured.is_own = within.is_some_and(|(_, l)| l == 1)
            && is_own_update(checkpoints, inspection.block.as_ref());
        inspection.layers.push(measured);
    }
    Ok(inspection)
}

/// Whether the first layer's block comes from the only update there is, which is more than one step.
fn is_own_update(checkpoints: &Checkpoints, block: Option<&BlockKind>) -> bool {
    match block {
        Some(BlockKind::FirstUpdate { steps }) => {
            checkpoints.files.len() == 2 && steps.is_none_or(|steps| steps > 1)
        }
        Some(BlockKind::Data | BlockKind::Gradient) | None => false,
    }
}

/// The predicted block of the layers that chain.
fn block_of(
    checkpoints: &Checkpoints,
    sources: &Sources,
    chain: &Chain,
    inspection: &mut Inspection,
) -> Result<Option<Block>, CliError> {
    let layers = &checkpoints.layers[chain.layers.clone()];
    let (Some(first), Some(last), Some(start)) =
        (layers.first(), layers.last(), checkpoints.files.first())
    else {
        return Ok(None);
    };
    let tolerance = layers.iter().map(|layer| tolerance(layer.element));
    let tolerance = tolerance.fold(DIRECTION, f64::max);
    let outputs = last.matrix.0;
    if outputs > OUTPUTS {
        inspection.why_no_block = Some(format!(
            "the last layer, '{}', has {outputs} outputs; a block is followed from up to {OUTPUTS}",
            last.name
        ));
        return Ok(None);
    }
    let input = if let Some(path) = &sources.inputs {
        inspection.block = Some(BlockKind::Data);
        range_of_inputs(path, first)?
    } else if let Some(path) = &sources.gradient {
        inspection.block = Some(BlockKind::Gradient);
        let file = ArrayFile::open(path)?;
        let gradient = stored_gradient(&file, first)?;
        leading(&gradient, outputs, tolerance).map_err(|why| failed(why, &first.name))?
    } else if let Some(second) = checkpoints.files.get(1) {
        let steps = (!checkpoints.by_position).then_some(second.step - start.step);
        inspection.block = Some(BlockKind::FirstUpdate { steps });
        let update = Stored::named(&start.file, &first.name)?.less(&second.file)?;
        leading(&update, outputs, tolerance).map_err(|why| failed(why, &first.name))?
    } else {
        return Ok(None);
    };
    if input.ncols() == 0 {
        inspection.why_no_block = Some(format!("the first gradient of '{}' is zero", first.name));
        return Ok(None);
    }
    let weights = layers
        .iter()
        .map(|layer| Stored::named(&start.file, &layer.name))
        .collect::<Result<Vec<_>, _>>()?;
    match block(&weights, input.view(), tolerance) {
        Ok(block) => Ok(Some(block)),
        Err(BlockError::Read(error)) => Err(error.into()),
        Err(why @ BlockError::Wide { .. }) => {
            inspection.why_no_block = Some(why.to_string());
            Ok(None)
        }
    }
}

/// What counts as a new direction among numbers of this type.
fn tolerance(element: Element) -> f64 {
    match element {
        Element::F64 => DIRECTION,
        Element::F16 | Element::Bf16 | Element::F32 => ROUNDINGS * element.rounding(),
    }
}

fn failed(error: SingularError<DataError>, name: &str) -> CliError {
    match error {
        SingularError::Read(error) => error.into(),
        SingularError::NoConvergence => {
            CliError::Ended(format!("the singular values of '{name}' do not converge"))
        }
    }
}

/// The array of a gradient's file that belongs to a layer: of its name, or the only matrix.
fn stored_gradient<'a>(file: &'a ArrayFile, layer: &Weights) -> Result<Stored<'a>, CliError> {
    let path = file.path().display();
    let mut matrices = file
        .entries()
        .iter()
        .filter(|entry| entry.matrix().is_some());
    let named = file.entry(&layer.name);
    let only = match (matrices.next(), matrices.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    let Some(entry) = named.or(only) else {
        return Err(CliError::Request(format!(
            "{path} holds no array '{}', the layer that the inputs go into",
            layer.name
        )));
    };
    if entry.matrix() != Some(layer.matrix) {
        return Err(CliError::Request(format!(
            "array '{}' of {path} has the shape {:?}, and the weights '{}' have {:?}; a gradient has that of its weights",
            entry.name, entry.shape, layer.name, layer.shape
        )));
    }
    Ok(Stored {
        of: (file, entry),
        minus: None,
    })
}

/// An orthonormal basis of the range of the inputs in a file.
fn range_of_inputs(
    path: &std::path::Path,
    layer: &Weights,
) -> Result<ndarray::Array2<f64>, CliError> {
    let array = ArrayRef {
        role: Role::Inputs,
        file: path.display().to_string(),
        array: None,
        columns: None,
        scale_text: None,
        transpose: false,
        header: false,
    };
    let (inputs, warnings) = table::read_array_file(path, &array)?;
    for warning in warnings {
        say!("warning: {warning}");
    }
    let wanted = layer.matrix.1;
    // A sample a row is the rule; where only the other way round fits, that is meant.
    let inputs = match inputs.dim() {
        (found, _) if found == wanted => inputs,
        (_, found) if found == wanted => inputs.reversed_axes(),
        (found, samples) => {
            return Err(CliError::Request(format!(
                "{} has {samples} samples of {found} inputs, and the first layer, '{}', takes {wanted}",
                path.display(),
                layer.name
            )));
        }
    };
    if wanted > INPUTS {
        return Err(CliError::Request(format!(
            "the first layer, '{}', takes {wanted} inputs; the range of inputs is taken up to {INPUTS}",
            layer.name
        )));
    }
    range(inputs.view(), DIRECTION).ok_or_else(|| {
        CliError::Ended(format!(
            "{}: the singular values of the inputs do not converge",
            path.display()
        ))
    })
}

/// One layer in every file; `within` is the block and the layer's number in it, from 1.
fn layer(
    checkpoints: &Checkpoints,
    weights: &Weights,
    within: Option<(&Block, usize)>,
    kept: usize,
) -> Result<LayerMeasured, CliError> {
    let name = &weights.name;
    let sizes = within.map(|(block, l)| (block.width(l), block.width(l - 1), block.is_whole(l)));
    let smaller = sizes.map_or(0, |(above, below, _)| above.min(below));
    let wanted = |vectors| Wanted {
        leading: LEADING.max(smaller),
        vectors,
    };
    let of = |array: &Stored<'_>, vectors| {
        singular(array, wanted(vectors)).map_err(|why| failed(why, name))
    };
    let (Some(start), Some(end)) = (checkpoints.files.first(), checkpoints.files.last()) else {
        return Err(CliError::Request("name a checkpoint".to_owned()));
    };
    let last = of(&Stored::named(&end.file, name)?, true)?;
    let mut steps = Vec::with_capacity(checkpoints.files.len());
    for checkpoint in &checkpoints.files {
        let array = Stored::named(&checkpoint.file, name)?;
        let is_last = checkpoint.step == end.step;
        let own = if is_last {
            None
        } else {
            Some(of(&array, true)?)
        };
        let found = own.as_ref().unwrap_or(&last);
        let mut values = angled(found, Some(&last));
        values.truncate(kept);
        let mut step = StepMeasured {
            step: checkpoint.step,
            values,
            ranks: ranks(found),
            errors: [relative_error(found), None],
            ..StepMeasured::default()
        };
        if checkpoint.step != start.step {
            let difference = array.less(&start.file)?;
            let update = of(&difference, false)?;
            step.update_ranks = ranks(&update);
            step.update_rank = update.count_above(rounding_of(weights, found));
            step.errors[1] = relative_error(&update);
            if let (Some((block, l)), Some((above, below, _))) = (within, sizes) {
                step.leak = leak(&difference, block.basis(l), block.basis(l - 1))?;
                step.best = best_leak(&update, above, below);
                step.chance = step.leak.map(|_| chance_leak(above, below, weights.matrix));
            }
            step.update = update.values;
            step.update.truncate(kept);
        }
        steps.push(step);
    }
    Ok(LayerMeasured {
        weights: weights.clone(),
        block: sizes,
        is_own: false,
        steps,
    })
}

/// What rounding the weights to the numbers of their file makes of a singular value, at most.
fn rounding_of(weights: &Weights, found: &Singular) -> f64 {
    let (m, n) = weights.matrix;
    let largest = found.values.first().copied().unwrap_or(0.0);
    largest * weights.element.rounding() * 4.0 * (m.max(n) as f64).sqrt()
}

/// The error of a sketch relative to the largest value.
fn relative_error(found: &Singular) -> Option<f64> {
    let largest = found.values.first().copied().filter(|&value| value > 0.0)?;
    found.error.map(|error| error / largest)
}
