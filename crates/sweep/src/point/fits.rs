//! The conditions on a point: ranks, lists, ranges and shapes that must fit each other.
//!
//! When they are put to which points is in `checks` and in `grid`.

use dln::{EngineChoice, Loss, ScheduleKind, StartKind, TaskKind};

use super::fault::Fault;
use super::readings::{count, dims, inputs_dim, not_loaded, span, split, widths};
use super::trial::assemble;
use crate::error::Mistake;
use crate::keys::{Id, Lookup, SAMPLE_COUNT, keys};
use crate::refs::{ArrayRef, Arrays, Role};
use crate::value::Value;

pub(super) fn weights_are_named(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    if values.name(Id::InitKind) != Some("file") || values.get(Id::InitWeights).is_some() {
        return Ok(());
    }
    Err(Fault::new(
        &[Id::InitKind],
        Mistake::KeyMissing {
            key: "init.weights".to_owned(),
            reason: "`init.kind` = \"file\"".to_owned(),
        },
    )
    .help("write init.weights = { file = \"m.npz\", arrays = [\"w1\", \"w2\"] }, W_1 first"))
}

/// A start that is made of the target's bases needs a target matrix, drawn or from a file.
pub(super) fn start_has_target(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let kind = values.name(Id::InitKind).and_then(StartKind::named);
    let task = values.name(Id::ProblemKind).and_then(TaskKind::named);
    let (Some(kind), Some(task)) = (kind, task) else {
        return Ok(());
    };
    if !kind.needs_target() || task.has_target() {
        return Ok(());
    }
    Err(contradiction(
        &[Id::InitKind, Id::ProblemKind],
        "init.kind",
        format!("'{}'", kind.name()),
        format!("`problem.kind` = '{}' has no target matrix", task.name()),
    )
    .help("it needs `problem.kind` = \"factorization\" or \"completion\", whose target is drawn or comes from `problem.target`"))
}

pub(super) fn rank_fits(values: &Lookup<'_>, arrays: &Arrays) -> Result<(), Fault> {
    let Some(rank) = count(values, Id::ProblemRank) else {
        return Ok(());
    };
    let (d_x, d_y) = dims(values, arrays)?;
    let limit = d_x.min(d_y);
    if rank <= limit {
        return Ok(());
    }
    let (limit_name, help) = if count(values, Id::ProblemDim) == Some(limit) {
        ("dim", "lower it, or raise `problem.dim`")
    } else if d_x <= d_y {
        ("inputs_dim", "lower it, or raise `problem.inputs_dim`")
    } else {
        ("outputs_dim", "lower it, or raise `problem.outputs_dim`")
    };
    Err(Fault::new(
        &[
            Id::ProblemRank,
            Id::ProblemSingularValues,
            Id::ProblemDim,
            Id::ProblemInputsDim,
            Id::ProblemOutputsDim,
        ],
        Mistake::LargerThan {
            what: "rank",
            found: rank,
            limit_name,
            limit,
        },
    )
    .help(help))
}

pub(super) fn singular_values_fit_rank(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let listed = values
        .get(Id::ProblemSingularValues)
        .and_then(Value::as_list);
    match (listed, count(values, Id::ProblemRank)) {
        (Some(list), Some(rank)) if list.len() as u64 != rank => Err(contradiction(
            &[Id::ProblemRank, Id::ProblemSingularValues],
            "problem.rank",
            rank.to_string(),
            format!("`problem.singular_values` lists {}", list.len()),
        )
        .help("a list sets the rank: leave `problem.rank` out")),
        _ => Ok(()),
    }
}

pub(super) fn widths_fit_depth(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    fits_depth(
        values,
        Id::NetworkWidth,
        &[Id::NetworkWidth, Id::NetworkDepth],
        ("hidden layer", 1),
    )
}

pub(super) fn scales_fit_depth(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    fits_depth(
        values,
        Id::InitScale,
        &[Id::InitScale, Id::NetworkDepth],
        ("layer", 0),
    )
}

/// A list has one number for each of the `what`, of which there are `fewer` than the depth.
fn fits_depth(
    values: &Lookup<'_>,
    id: Id,
    about: &'static [Id],
    (what, fewer): (&str, u64),
) -> Result<(), Fault> {
    let (Some(list), Some(depth)) = (
        values.get(id).and_then(Value::as_list),
        count(values, Id::NetworkDepth),
    ) else {
        return Ok(());
    };
    let wanted = depth.saturating_sub(fewer);
    if list.len() as u64 == wanted {
        return Ok(());
    }
    let plural = if wanted == 1 { "" } else { "s" };
    Err(contradiction(
        about,
        keys()[id as usize].name,
        format!("a list of {}", list.len()),
        format!("depth {depth} has {wanted} {what}{plural}"),
    )
    .help("give one number for all, or sweep the list and `network.depth` together in [[zip]]"))
}

pub(super) fn negative_slope_bends(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    if values.float(Id::NetworkNegativeSlope) != Some(1.0) {
        return Ok(());
    }
    Err(contradiction(
        &[Id::NetworkNegativeSlope, Id::NetworkActivation],
        "network.negative_slope",
        "1".to_owned(),
        "leaky_relu of slope 1 is no activation: the network is linear".to_owned(),
    )
    .help("choose another slope, or set network.activation = \"linear\""))
}

pub(super) fn nonlinear_layers_fit(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let layers = count(values, Id::NetworkNonlinearLayers);
    let (Some(layers), Some(depth)) = (layers, count(values, Id::NetworkDepth)) else {
        return Ok(());
    };
    let hidden = depth.saturating_sub(1);
    if layers <= hidden {
        return Ok(());
    }
    let plural = if hidden == 1 { "" } else { "s" };
    Err(contradiction(
        &[Id::NetworkNonlinearLayers, Id::NetworkDepth],
        "network.nonlinear_layers",
        layers.to_string(),
        format!("depth {depth} has {hidden} hidden layer{plural}"),
    )
    .help("leave it out for all hidden layers"))
}

/// The fields that a schedule must have, and steps after its warm-up.
pub(super) fn schedule_is_whole(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    const ABOUT: &[Id] = &[Id::OptimizerSchedule, Id::OptimizerScheduleKind];
    let schedule = |field| values.field(Id::OptimizerSchedule, field);
    let kind = schedule("kind").and_then(Value::as_str);
    let Some(kind) = kind.and_then(ScheduleKind::named) else {
        return Ok(());
    };
    let (wanted, example): (&[&'static str], &str) = match kind {
        ScheduleKind::Constant | ScheduleKind::Cosine | ScheduleKind::Linear => (&[], ""),
        ScheduleKind::WarmupCosine => (&["warmup"], "warmup = 100"),
        ScheduleKind::Step => (&["every", "factor"], "every = 500, factor = 0.5"),
        ScheduleKind::List => (&["rates"], "rates = [0.1, 0.01]"),
    };
    if let Some(&field) = wanted.iter().find(|field| schedule(field).is_none()) {
        let missing = Mistake::FieldMissing {
            key: "optimizer.schedule".to_owned(),
            field,
        };
        let help = format!("write {{ kind = \"{}\", {example} }}", kind.name());
        return Err(Fault::new(ABOUT, missing).help(help));
    }
    let steps = |field| {
        let steps = schedule(field).and_then(Value::as_int);
        steps.and_then(|steps| u64::try_from(steps).ok())
    };
    match (steps("warmup"), steps("steps")) {
        (Some(warmup), Some(all)) if warmup > 0 && all <= warmup => Err(contradiction(
            &[
                Id::OptimizerScheduleWarmup,
                Id::OptimizerScheduleSteps,
                Id::OptimizerSchedule,
                Id::OptimizerScheduleKind,
            ],
            "optimizer.schedule",
            format!("{all} steps"),
            format!("its warm-up alone takes {warmup}"),
        )
        .help("`steps` counts the warm-up and is `train.steps` unless set")),
        _ => Ok(()),
    }
}

/// Files, classes and draws of one problem have one number of samples.
pub(super) fn samples_agree(values: &Lookup<'_>, arrays: &Arrays) -> Result<(), Fault> {
    let Some(wanted) = SAMPLE_COUNT.of(values, arrays) else {
        return Ok(());
    };
    for (id, role, about) in [
        (
            Id::ProblemLabels,
            Role::Labels,
            &[Id::ProblemLabels, Id::ProblemInputs],
        ),
        (
            Id::ProblemTargets,
            Role::Targets,
            &[Id::ProblemTargets, Id::ProblemInputs],
        ),
    ] {
        let Some(array) = values.get(id).and_then(|table| ArrayRef::of(role, table)) else {
            continue;
        };
        let (_, found) = arrays.shape(&array).ok_or_else(|| not_loaded(&array))?;
        if found != wanted {
            let fault = contradiction(
                about,
                keys()[id as usize].name,
                format!("{found} samples"),
                format!("`problem.inputs` has {wanted}"),
            );
            // A line that names columns counts as one sample more.
            let header = found.abs_diff(wanted) == 1;
            return Err(if header {
                fault.help("where line 1 of a CSV file names the columns, set header = true")
            } else {
                fault
            });
        }
    }
    let drawn = count(values, Id::ProblemClasses).zip(count(values, Id::ProblemSamplesPerClass));
    match drawn {
        Some((classes, each)) if classes.saturating_mul(each) != wanted => Err(contradiction(
            &[
                Id::ProblemSamplesPerClass,
                Id::ProblemClasses,
                Id::ProblemInputs,
            ],
            "problem.samples_per_class",
            format!("{each} for each of {classes} classes"),
            format!("`problem.inputs` has {wanted} samples"),
        )
        .help("name the classes of a file in `problem.labels`")),
        _ => Ok(()),
    }
}

pub(super) fn ranges_fit(values: &Lookup<'_>, arrays: &Arrays) -> Result<(), Fault> {
    let Some(samples) = SAMPLE_COUNT.of(values, arrays) else {
        return Ok(());
    };
    for (id, about) in [
        (Id::ProblemSamples, &[Id::ProblemSamples]),
        (Id::ProblemTest, &[Id::ProblemTest]),
    ] {
        if let Some((start, end)) = span(values, id)
            && (end > samples || start >= end)
        {
            return Err(contradiction(
                about,
                keys()[id as usize].name,
                format!("[{start}, {end}]"),
                format!("there are {samples} samples, 0 to {samples} (not included)"),
            ));
        }
    }
    Ok(())
}

pub(super) fn inputs_rank_fits(values: &Lookup<'_>, arrays: &Arrays) -> Result<(), Fault> {
    let rank = values
        .field(Id::ProblemInputs, "rank")
        .and_then(Value::as_int)
        .and_then(|rank| u64::try_from(rank).ok());
    let (Some(rank), Some(samples)) = (rank, SAMPLE_COUNT.of(values, arrays)) else {
        return Ok(());
    };
    let d_x = inputs_dim(values, arrays)?;
    let (limit_name, limit) = if d_x <= samples {
        ("inputs_dim", d_x)
    } else {
        ("the number of samples", samples)
    };
    if rank <= limit {
        return Ok(());
    }
    Err(Fault::new(
        &[
            Id::ProblemInputsRank,
            Id::ProblemInputs,
            Id::ProblemDim,
            Id::ProblemInputsDim,
        ],
        Mistake::LargerThan {
            what: "rank of the inputs",
            found: rank,
            limit_name,
            limit,
        },
    ))
}

pub(super) fn mask_fits(values: &Lookup<'_>, arrays: &Arrays) -> Result<(), Fault> {
    let Some(array) = values
        .get(Id::ProblemMask)
        .and_then(|table| ArrayRef::of(Role::Mask, table))
    else {
        return Ok(());
    };
    let (rows, columns) = arrays.shape(&array).ok_or_else(|| not_loaded(&array))?;
    let (d_x, d_y) = dims(values, arrays)?;
    if (rows, columns) == (d_y, d_x) {
        return Ok(());
    }
    Err(contradiction(
        &[Id::ProblemMask, Id::ProblemTarget],
        "problem.mask",
        format!("{rows} x {columns}"),
        format!("the target is {d_y} x {d_x} (output x input)"),
    ))
}

/// As many matrices as layers (two more for the factored engine), and each takes what the one before it
/// gives.
pub(super) fn weights_fit(values: &Lookup<'_>, arrays: &Arrays) -> Result<(), Fault> {
    const ABOUT: &[Id] = &[Id::InitWeights, Id::NetworkWidth, Id::NetworkDepth];
    if values.name(Id::InitKind) != Some("file") {
        return Ok(());
    }
    let Some(table) = values.get(Id::InitWeights) else {
        return Ok(());
    };
    let given = ArrayRef::all_of(Role::Weights, table);
    let shapes = given
        .iter()
        .map(|array| arrays.shape(array).ok_or_else(|| not_loaded(array)))
        .collect::<Result<Vec<_>, _>>()?;
    let depth = count(values, Id::NetworkDepth).unwrap_or(0);
    let factored = values.name(Id::TrainEngine) == Some("factored");
    let wanted = if factored {
        depth.saturating_add(2)
    } else {
        depth
    };
    if shapes.len() as u64 != wanted {
        let outer = if factored {
            " and the factors V^T and U"
        } else {
            ""
        };
        return Err(contradiction(
            ABOUT,
            "init.weights",
            format!("{} matrices", shapes.len()),
            format!("a network of depth {depth} needs {depth}{outer}"),
        )
        .help("leave `network.depth` out: the file gives it"));
    }
    let (d_x, d_y) = dims(values, arrays)?;
    // The sizes between the layers: those of the network, except for a compressed one, whose own sizes rule.
    let mut sizes = vec![Some(d_x)];
    if factored {
        sizes.resize(shapes.len(), None);
    } else {
        sizes.extend(widths(values).into_iter().map(Some));
    }
    sizes.push(Some(d_y));
    let mut below = Some(d_x);
    for (layer, &(rows, columns)) in shapes.iter().enumerate() {
        let above = sizes.get(layer + 1).copied().flatten();
        if below.is_some_and(|size| size != columns) || above.is_some_and(|size| size != rows) {
            let side = |size: Option<u64>| size.map_or_else(|| "any".to_owned(), |d| d.to_string());
            return Err(contradiction(
                ABOUT,
                "init.weights",
                format!("{rows} x {columns} {}", given[layer]),
                format!(
                    "matrix {} must be {} x {} (output x input)",
                    layer + 1,
                    side(above),
                    side(below)
                ),
            ));
        }
        below = Some(rows);
    }
    Ok(())
}

pub(super) fn engine_serves(values: &Lookup<'_>, arrays: &Arrays) -> Result<(), Fault> {
    let Some(engine @ ("reduced" | "factored")) = values.name(Id::TrainEngine) else {
        return Ok(());
    };
    let Ok(trial) = assemble(values, arrays) else {
        // Whatever is wrong has a check of its own.
        return Ok(());
    };
    match dln::plan(&trial).refused {
        Some(refused) => Err(contradiction(
            &[
                Id::TrainEngine,
                Id::OptimizerKind,
                Id::NetworkActivation,
                Id::NetworkBias,
                Id::ProblemLoss,
                Id::TrainBatch,
                Id::NetworkNonlinearLayers,
                Id::InitKind,
                Id::ProblemKind,
            ],
            "train.engine",
            format!("'{engine}'"),
            refused.to_string(),
        )
        .help(match trial.train.engine {
            EngineChoice::Reduced => {
                "`auto` takes the reduced engine where it is exact and cheaper, else the full one"
            }
            EngineChoice::Auto
            | EngineChoice::Full
            | EngineChoice::Factored
            | EngineChoice::Projected => "`full` trains the whole network",
        })),
        None => Ok(()),
    }
}

/// A loss over classes stands where there are classes.
pub(super) fn loss_fits_kind(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let loss = values.name(Id::ProblemLoss).and_then(Loss::named);
    let kind = values.name(Id::ProblemKind).and_then(TaskKind::named);
    match loss.zip(kind) {
        Some((loss, kind)) if loss.needs_classes() && !kind.has_classes() => Err(contradiction(
            &[Id::ProblemLoss, Id::ProblemKind],
            "problem.loss",
            format!("'{}'", loss.name()),
            format!("it needs one class a sample: kind {} has none", kind.name()),
        )
        .help("set problem.kind = \"classification\", or take the loss mean or sum")),
        Some(_) | None => Ok(()),
    }
}

/// Biases stand in networks that map samples.
pub(super) fn bias_fits_kind(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let kind = values.name(Id::ProblemKind).and_then(TaskKind::named);
    match kind {
        Some(kind) if values.bool(Id::NetworkBias) == Some(true) && !kind.has_samples() => {
            Err(contradiction(
                &[Id::NetworkBias, Id::ProblemKind],
                "network.bias",
                "true".to_owned(),
                format!(
                    "kind {} fits a product of matrices, which biases are no part of",
                    kind.name()
                ),
            )
            .help("biases stand in networks of samples: kind regression or classification"))
        }
        Some(_) | None => Ok(()),
    }
}

/// A batch holds training samples, each once.
pub(super) fn batch_fits(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let (Some(batch), Some((start, end))) = (
        count(values, Id::TrainBatch),
        span(values, Id::ProblemSamples),
    ) else {
        return Ok(());
    };
    let all = end.saturating_sub(start);
    let drawn = split(values).zip(usize::try_from(all).ok());
    let limit = all - drawn.map_or(0, |(split, all)| split.held_out(all) as u64);
    if batch <= limit {
        return Ok(());
    }
    Err(Fault::new(
        &[Id::TrainBatch, Id::ProblemSamples],
        Mistake::LargerThan {
            what: "batch",
            found: batch,
            limit_name: "the number of training samples",
            limit,
        },
    )
    .help("0 takes all in every step"))
}

pub(super) fn contradiction(
    about: &'static [Id],
    key: &str,
    found: String,
    needs: String,
) -> Fault {
    Fault::new(
        about,
        Mistake::Contradiction {
            key: key.to_owned(),
            found,
            needs,
        },
    )
}
